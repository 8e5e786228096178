// The board's figures in words. Every number comes in already rounded, and is only written out here.

export type Measure = "percent_attendance" | "percent_persistent" | "percent_severe";

/** A row of the published table three_year_trends. */
export interface TrendRow {
  school_urn: number | null;
  school_year: string;
  period_type: "year" | "year_to_date";
  measure: Measure;
  value: number;
  change_points: number | null;
  change_since_first: number | null;
  england_value: number | null;
  england_gap: number | null;
  england_change_since_first: number | null;
}

export type TrendColumn = Exclude<keyof TrendRow, "school_urn" | "school_year" | "period_type" | "measure">;

/** Attendance is shown to 0.1 and percentages of pupils to 1, England's as ours. */
export function places(measure: Measure): number {
  return measure === "percent_attendance" ? 1 : 0;
}

/** `92.9%`, or a dash where there is no figure. */
export function percent(value: number | null | undefined, decimals: number): string {
  return value === null || value === undefined ? "–" : `${value.toFixed(decimals)}%`;
}

/** `+0.4`, `−0.3`, `0.0`, or a dash where there is no figure. For tables. */
export function signed(points: number | null | undefined, decimals: number): string {
  if (points === null || points === undefined) return "–";
  const sign = points > 0 ? "+" : points < 0 ? "−" : "";
  return sign + Math.abs(points).toFixed(decimals);
}

/** `0.4 points`, `1 point`. */
export function points(size: number, decimals: number): string {
  const number = Math.abs(size).toFixed(decimals);
  return `${number} ${number === "1" ? "point" : "points"}`;
}

/** `0.4 points higher`. `from` follows where the rounded difference is nothing, `than at` elsewhere. */
export function changed(change: number, decimals: number): string {
  if (change === 0) return "unchanged";
  return `${points(change, decimals)} ${change > 0 ? "higher" : "lower"}`;
}

/** `0.3 points below`; England follows. */
export function besideEngland(gap: number, decimals: number): string {
  if (gap === 0) return "level with";
  return `${points(gap, decimals)} ${gap > 0 ? "above" : "below"}`;
}

/** `rose by 0.4 points`, `fell by 1 point`. */
export function moved(change: number, decimals: number): string {
  if (change === 0) return "did not change";
  return `${change > 0 ? "rose" : "fell"} by ${points(change, decimals)}`;
}

/** `12,345` */
export function count(number: number): string {
  return number.toLocaleString("en-GB");
}

/** One number of a row, as a table writes it. */
export function figureText(row: TrendRow, column: TrendColumn): string {
  const write = column === "value" || column === "england_value" ? percent : signed;
  return write(row[column], places(row.measure));
}

/** The name under which a test finds a figure on a page: school, kind of period, school year, measure and column. */
export function figureName(row: TrendRow, column: TrendColumn): string {
  return [row.school_urn ?? "trust", row.period_type, row.school_year, row.measure, column].join("|");
}

export const MEASURES: { measure: Measure; title: string }[] = [
  { measure: "percent_attendance", title: "Attendance" },
  { measure: "percent_persistent", title: "Persistent absence" },
  { measure: "percent_severe", title: "Severe absence" },
];

/** `9 January 2026`, of a day as a query gives it; a dash where there is none. */
export function day(date: Date | number | string | null | undefined): string {
  if (date === null || date === undefined) return "–";
  const format = { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" } as const;
  return new Date(date).toLocaleDateString("en-GB", format);
}

/** Which of England's schools a school or the trust stands beside: `primary schools`. Without a phase, the trust. */
export function likeWhom(phase: string | undefined): string {
  if (phase === undefined) return "weighted by our schools’ phases";
  return phase === "All-through" ? "weighted by its own year groups" : `${phase.toLowerCase()} schools`;
}

/** `1st`, `12th`, `23rd` */
export function ordinal(place: number): string {
  const endings: Record<string, string> = { one: "st", two: "nd", few: "rd", other: "th" };
  return `${place}${endings[new Intl.PluralRules("en-GB", { type: "ordinal" }).select(place)] ?? "th"}`;
}
