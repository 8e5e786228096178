// A school or the trust beside other schools, its authority, its region and England, in words that claim no more than the
// verdict allows.
import { listed, startOf } from "./groups.ts";
import type { Part } from "./sentences.ts";
import { likeWhom, type Measure, ordinal, percent, places, points } from "./words.ts";

export type Verdict = "better than" | "in line with" | "worse than";
export type Comparator = "other schools" | "local authority" | "region" | "England";

/** A row of the published table benchmark_comparisons. */
export interface Comparison {
  school_urn: number | null;
  school_year: string;
  period_type: "year" | "year_to_date";
  measure: Measure;
  comparator: Comparator;
  /** Null where the trust's schools are in several. */
  area_name: string | null;
  value: number;
  comparator_value: number | null;
  difference_points: number | null;
  verdict: Verdict | null;
  /** Why there is nothing to stand beside. */
  missing: string | null;
  schools: number | null;
  place: number | null;
  /** Whether another school of the phase has the same place. */
  is_joint: boolean | null;
}

/** A row of the published table contextual_expectations. */
export interface MixExpectation {
  school_urn: number | null;
  school_year: string;
  period_type: "year" | "to_half_term";
  period: string;
  measure: Measure;
  value: number;
  expected_value: number | null;
  verdict: Verdict | null;
  reason: string | null;
}

/** A row of the published table similar_schools, with the school's own attendance of that year. */
export interface AmongSimilar {
  school_year: string;
  similar_schools: number;
  percent_attendance_median: number;
  percent_attendance: number | null;
  rank_attendance: number | null;
  percent_persistent_median: number | null;
  rank_persistent: number | null;
  why_no_rank: string | null;
}

/** Whose figures they are. Without it the trust's. */
export interface Who {
  school_name: string;
  phase: string;
}

/** The order in which comparators stand everywhere. */
export const COMPARATORS: Comparator[] = ["England", "region", "local authority", "other schools"];

/** The name under which a test finds a figure of a comparison. */
export function comparisonFigure(
  row: Pick<Comparison, "school_urn" | "period_type" | "measure" | "comparator">,
  column: "value" | "comparator_value" | "difference_points",
): string {
  const whom = column === "value" ? "own" : row.comparator;
  return [row.school_urn ?? "trust", "compare", row.period_type, row.measure, whom, column].join("|");
}

/** Whom a row stands beside: `England`, `Leeds`, `our regions`, `our other primary schools`. */
export function besideWhom(row: Pick<Comparison, "comparator" | "area_name">, who?: Who): string {
  if (row.comparator === "England") return "England";
  if (row.comparator === "other schools") return `our other ${who ? `${who.phase.toLowerCase()} ` : ""}schools`;
  if (row.area_name !== null) return row.area_name;
  if (who) return row.comparator === "region" ? "its region" : "its local authority";
  return row.comparator === "region" ? "our regions" : "our local authorities";
}

/** The verdict as a table writes it: `In line`, `Better`, or why there is none. */
export function verdictText(row: Pick<Comparison, "verdict" | "missing">): string {
  if (row.verdict === null) return row.missing ?? "–";
  return { "better than": "Better", "in line with": "In line", "worse than": "Worse" }[row.verdict];
}

/** `joint 2nd of 3`, among the trust's schools of the phase; a dash where there are no others. */
export function placeText(row: Pick<Comparison, "place" | "schools" | "is_joint"> | undefined): string {
  if (!row || row.place === null || row.schools === null || row.schools < 2) return "–";
  return `${row.is_joint ? "joint " : ""}${ordinal(row.place)} of ${row.schools}`;
}

/** A row of a table of comparisons: one comparator, or several of which DfE tells no figure, put together. */
export interface Line {
  /** Null where there is nothing to stand beside. */
  row: Comparison | null;
  names: string;
  verdict: string;
}

/** The lines of one measure and period, comparators with a figure first. */
export function lines(rows: Comparison[], who?: Who): Line[] {
  const ordered = inOrder(rows);
  const without = ordered.filter(({ missing }) => missing !== null);
  const reasons = [...new Set(without.map(({ missing }) => missing))];
  // an area is named by the rows that have its figure
  const name = (row: Comparison) =>
    besideWhom({ ...row, area_name: row.area_name ?? areaNames(rows).get(row.comparator) ?? null }, who);
  return [
    ...ordered
      .filter(({ missing }) => missing === null)
      .map((row) => ({ row, names: startOf(name(row)), verdict: verdictText(row) })),
    ...reasons.map((reason) => ({
      row: null,
      names: startOf(listed(without.filter(({ missing }) => missing === reason).map(name))),
      verdict: reason ?? "–",
    })),
  ];
}

/** The answer to "Compared with whom?": this year to date, a sentence or two for each measure that has a comparator. */
export function compared(rows: Comparison[], who?: Who): Part[][] {
  const now = rows.filter((row) => row.period_type === "year_to_date");
  const of = (measure: Measure) => inOrder(now.filter((row) => row.measure === measure));
  const [attendance] = of("percent_attendance");
  if (!attendance) return [["There are no figures of this school year to compare."]];
  const beside = areas(of("percent_attendance"));
  const others = of("percent_attendance").find(({ comparator }) => comparator === "other schools");
  return [
    [
      who ? `At ${who.school_name} pupils attended ` : "Our pupils attended ",
      figure(attendance, "value"),
      " of sessions so far this year",
      ...(beside.length > 0 ? [`. Beside ${whose(who)}, that is `, ...relations(beside), "."] : [". ", NONE]),
    ],
    ...(others && others.comparator_value !== null
      ? [
          [
            "It is ",
            relation(others),
            ` ${besideWhom(others, who)} together (`,
            figure(others, "comparator_value"),
            ").",
          ],
        ]
      : []),
    ...ABSENCES.flatMap(({ measure, words }) => {
      const measured = areas(of(measure));
      const [first] = measured;
      return first ? [[figure(first, "value"), ` of pupils were ${words}: `, ...relations(measured), "."]] : [];
    }),
  ];
}

/** What England's rates would give with the school's own mix, and where its figures are beside that. */
export function besideOwnMix(rows: MixExpectation[], who?: Who): string[] {
  const told = rows.filter(({ expected_value }) => expected_value !== null);
  const reasons = new Set(rows.flatMap(({ reason }) => (reason === null ? [] : [reason.replace(/^not shown: /, "")])));
  const untold = rows.filter(({ expected_value }) => expected_value === null).map(({ measure }) => MEASURED[measure]);
  const [first] = told;
  return [
    ...(first
      ? [
          `${upTo(first)}, England’s rates would have given ${who ? "a school" : "a trust"} with this mix of phase, free school meals and SEND ` +
            `${listed(told.map((row) => `${MEASURED[row.measure]} of about ${percent(row.expected_value, 1)}`))}.`,
          ...told.map(
            (row) =>
              `${who ? who.school_name : "Our trust"} had ${percent(row.value, places(row.measure))} ${MEASURED[row.measure]}: ${mixVerdict(row)}.`,
          ),
        ]
      : []),
    ...(reasons.size > 0
      ? [`There is no such figure ${first ? `of ${listed(untold)}` : "here"}: ${listed([...reasons])}.`]
      : []),
  ];
}

/** Where a school stands among the similar schools that DfE's report names, in the last full year of which we know. */
export function amongSimilar(row: AmongSimilar, name: string): string {
  const { similar_schools: similar, rank_attendance: place, school_year: year } = row;
  const median = `Their median attendance in ${year} was ${percent(row.percent_attendance_median, 1)}`;
  if (place === null) {
    return `DfE’s report names ${similar} similar ${similar === 1 ? "school" : "schools"} to ${name}. ${median}. There is no place among them yet: ${row.why_no_rank ?? "no figures"}.`;
  }
  const persistent =
    row.rank_persistent === null
      ? ""
      : `, and the ${row.rank_persistent === 1 ? "lowest" : `${ordinal(row.rank_persistent)} lowest`} persistent absence`;
  return (
    `Of ${name} and the ${similar} similar ${similar === 1 ? "school" : "schools"} that DfE’s report names, ${name} had the ` +
    `${place === 1 ? "highest" : `${ordinal(place)} highest`} attendance in ${year}` +
    `${row.percent_attendance === null ? "" : ` (${percent(row.percent_attendance, 1)})`}${persistent}. ${median}. ` +
    "A place among schools tells nothing of chance: neighbours in the list may differ by nothing else."
  );
}

/** Two or three questions about a school or the trust beside others. */
export function aboutComparisons(rows: Comparison[], who?: Who): string[] {
  const now = inOrder(rows.filter((row) => row.period_type === "year_to_date" && row.comparator !== "other schools"));
  const of = (measure: Measure) => now.filter((row) => row.measure === measure && row.verdict !== null);
  const name = who ? who.school_name : "our trust";
  const worse = of("percent_attendance").filter(({ verdict }) => verdict === "worse than");
  const better = of("percent_attendance").filter(({ verdict }) => verdict === "better than");
  const questions: string[] = [];
  if (worse.length > 0) {
    questions.push(
      `Attendance at ${name} is below ${listed(worse.map((row) => besideWhom(row, who)))} by more than chance. Which pupils does the difference come from, and what do schools like ours do that we do not?`,
    );
  } else if (better.length > 0) {
    questions.push(
      `Attendance at ${name} is above ${listed(better.map((row) => besideWhom(row, who)))} by more than chance. What do we do that others could learn from, and is it so for every group of pupils?`,
    );
  } else if (of("percent_attendance").length > 0) {
    questions.push(
      `Attendance at ${name} differs from that of like schools by no more than chance. Is that what we aim for, and where do we want to be at the end of the year?`,
    );
  } else {
    questions.push(
      "DfE’s figures for this point of the year are not here. Who will bring them before the next meeting?",
    );
  }
  const absent = of("percent_persistent").find(({ verdict }) => verdict === "worse than");
  if (absent) {
    questions.push(
      `Persistent absence is ${points(absent.difference_points ?? 0, 0)} above ${besideWhom(absent, who)}. Is it spread over many pupils, or is it the same families as last year?`,
    );
  }
  questions.push("With which schools do we want to be compared, and have we spoken to one that does better than us?");
  return questions;
}

// --- internal ---

const NONE = "No figure of DfE’s is held to set beside it at this point of the year.";
const ABSENCES: { measure: Measure; words: string }[] = [
  { measure: "percent_persistent", words: "persistently absent (they missed 10% or more of their sessions)" },
  { measure: "percent_severe", words: "severely absent (they missed half of their sessions or more)" },
];
const MEASURED: Record<Measure, string> = {
  percent_attendance: "attendance",
  percent_persistent: "persistent absence",
  percent_severe: "severe absence",
};

function whose(who: Who | undefined): string {
  if (!who) return `other schools’ figures, ${likeWhom(undefined)}`;
  return who.phase === "All-through" ? `other schools’ figures, ${likeWhom(who.phase)}` : likeWhom(who.phase);
}

function inOrder(rows: Comparison[]): Comparison[] {
  return [...rows].sort((a, b) => COMPARATORS.indexOf(a.comparator) - COMPARATORS.indexOf(b.comparator));
}

function areaNames(rows: Comparison[]): Map<Comparator, string> {
  return new Map(rows.flatMap(({ comparator, area_name }) => (area_name === null ? [] : [[comparator, area_name]])));
}

function areas(rows: Comparison[]): Comparison[] {
  return rows.filter((row) => row.comparator !== "other schools" && row.verdict !== null);
}

/** `in line with`, `above`, `just below`; of absence, `more than in`. */
function relation(row: Comparison): string {
  if (row.verdict === "in line with" || row.verdict === null) return "in line with";
  const better = row.verdict === "better than";
  // the figures as shown are the same, and chance alone would still not make the difference
  const just = row.difference_points === 0 ? "just " : "";
  if (row.measure === "percent_attendance") return `${just}${better ? "above" : "below"}`;
  return `${just}${better ? "fewer" : "more"} than in`;
}

/** `in line with England (94.8%) and Yorkshire and The Humber (94.6%), and below Leeds (95.0%)` */
function relations(rows: Comparison[]): Part[] {
  const groups = new Map<string, Comparison[]>();
  for (const row of rows) groups.set(relation(row), [...(groups.get(relation(row)) ?? []), row]);
  return [...groups].flatMap(([words, of], at) => [
    at === 0 ? "" : at === groups.size - 1 ? ", and " : ", ",
    `${words} `,
    ...of.flatMap((row, place): Part[] => [
      place === 0 ? "" : place === of.length - 1 ? " and " : ", ",
      `${besideWhom(row)} (`,
      figure(row, "comparator_value"),
      ")",
    ]),
  ]);
}

function figure(row: Comparison, column: "value" | "comparator_value"): Part {
  return { name: comparisonFigure(row, column), text: percent(row[column], places(row.measure)) };
}

function upTo(row: Pick<MixExpectation, "period_type" | "period" | "school_year">): string {
  return row.period_type === "year"
    ? `In the school year ${row.school_year}`
    : `From September to the end of ${row.period.replace(/^to /, "")}`;
}

function mixVerdict(row: MixExpectation): string {
  if (row.verdict === "in line with" || row.verdict === null) return "in line with that";
  return row.verdict === "better than" ? "better than that by more than chance" : "worse than that by more than chance";
}
