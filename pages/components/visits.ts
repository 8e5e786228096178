// Which school to visit, in words: schools beyond the limits that chance gives their size, and the pace that is needed.
import { listed } from "./groups.ts";
import type { Part } from "./sentences.ts";
import { figureName, likeWhom, type Measure, moved, percent, places, points, type TrendRow } from "./words.ts";

export type Zone = "inside" | "beyond 95%" | "beyond 99.8%";

/** A row of the published table funnel, with its school. */
export interface FunnelRow {
  school_urn: number;
  school_name: string;
  phase: string;
  measure: Measure;
  pupils: number;
  value: number;
  england_value: number;
  /** Null where there are no limits. */
  zone: Zone | null;
  direction: "better" | "worse" | null;
}

/** A row of the published table funnel_limits: within which figures schools of a size would be by chance alone. */
export interface LimitRow {
  phase: string;
  measure: Measure;
  size: number;
  england_value: number;
  low_95: number;
  high_95: number;
  low_99_8: number;
  high_99_8: number;
}

/** A row of board.three_year_trends of a school, with its name and whether the change is beyond chance. */
export interface Movement extends TrendRow {
  school_name: string;
  is_beyond_chance: boolean | null;
}

/** A row of the published table expectations, with the school's name: null for the trust. */
export interface Expectation {
  school_urn: number | null;
  school_name: string | null;
  school_year: string;
  kind: "baseline improvement expectation" | "target";
  measure: Measure;
  percent_expected: number;
  value: number | null;
  is_year_over: boolean;
  is_met: boolean | null;
  percent_needed: number | null;
  is_reachable: boolean | null;
  pupils_above: number | null;
  why_no_pace: string | null;
}

/** What the limits say of a school, over all its measures. */
export interface Standing {
  school_urn: number;
  school_name: string;
  phase: string;
  pupils: number;
  rows: FunnelRow[];
  /** Its measures that are worse than chance alone would make them. */
  worse: FunnelRow[];
  better: FunnelRow[];
  /** Whether some measure is worse than the outer limits. */
  isFar: boolean;
}

/** The name under which a test finds a figure of a funnel. */
export function funnelFigure(row: Pick<FunnelRow, "school_urn" | "measure">, column: string): string {
  return [row.school_urn, "funnel", row.measure, column].join("|");
}

/**
 * The schools in the order in which a visit is needed: those worse than the outer limits, those worse than the inner
 * ones, and then all others by name, since within the limits nothing but chance may tell them apart.
 */
export function standings(rows: FunnelRow[]): Standing[] {
  const schools = new Map<number, FunnelRow[]>();
  for (const row of rows) schools.set(row.school_urn, [...(schools.get(row.school_urn) ?? []), row]);
  const urgency = ({ worse, isFar }: Standing) => (isFar ? 100 : 0) + worse.length;
  return [...schools]
    .flatMap(([school_urn, measured]) => {
      const [first] = measured;
      if (!first) return [];
      const beyond = inOrder(measured.filter(({ zone }) => zone !== null && zone !== "inside"));
      const worse = beyond.filter(({ direction }) => direction === "worse");
      return [
        {
          school_urn,
          school_name: first.school_name,
          phase: first.phase,
          pupils: first.pupils,
          rows: inOrder(measured),
          worse,
          better: beyond.filter(({ direction }) => direction === "better"),
          isFar: worse.some(({ zone }) => zone === "beyond 99.8%"),
        },
      ];
    })
    .sort((a, b) => urgency(b) - urgency(a) || a.school_name.localeCompare(b.school_name, "en-GB"));
}

/** The answer to "Which school needs a visit?" */
export function toVisit(rows: FunnelRow[]): Part[][] {
  const schools = standings(rows);
  if (schools.length === 0) {
    return [["No school can be judged: no figure of DfE’s is held to set beside ours at this point of the year."]];
  }
  const worse = schools.filter((school) => school.worse.length > 0);
  const better = schools.filter((school) => school.worse.length === 0 && school.better.length > 0);
  const inside = schools.filter((school) => school.worse.length === 0 && school.better.length === 0);
  const [first, ...others] = worse;
  return [
    ...(first
      ? [
          ["The first visit is due at ", ...described(first)],
          ...others.map((school) => ["Then at ", ...described(school)]),
        ]
      : [["No school is so far below England that chance alone could not make the difference."]]),
    ...(better.length > 0
      ? [[`${named(better)} ${better.length === 1 ? "does" : "do"} better than chance alone would make it.`]]
      : []),
    ...(inside.length > 0
      ? [
          [
            `${named(inside)} ${inside.length === 1 ? "lies" : "lie"} within the limits: nothing but chance need make the difference from England.`,
          ],
        ]
      : []),
  ];
}

/** Where a figure lies, as a table writes it. */
export function zoneText(row: Pick<FunnelRow, "zone" | "direction">): string {
  if (row.zone === null) return "No limits";
  if (row.zone === "inside" || row.direction === null) return "Within";
  return `${row.direction === "worse" ? "Worse" : "Better"}, ${row.zone === "beyond 99.8%" ? "outer" : "inner"} limit`;
}

/** How persistent absence has moved since the same week last year, as far as chance does not explain it. */
export function movements(rows: Movement[]): Part[][] {
  const known = rows.filter((row) => row.measure === "percent_persistent" && row.change_points !== null);
  if (known.length === 0) return [["There is no figure for the same week last year."]];
  const beyond = known.filter((row) => row.is_beyond_chance && row.change_points !== 0);
  const rest = known.length - beyond.length;
  const told = [...beyond]
    .sort((a, b) => (b.change_points ?? 0) - (a.change_points ?? 0))
    .map((row) => [
      `At ${row.school_name} persistent absence `,
      { name: figureName(row, "change_points"), text: moved(row.change_points ?? 0, places(row.measure)) },
      ", to ",
      { name: figureName(row, "value"), text: percent(row.value, places(row.measure)) },
      ": more than chance alone would make it move.",
    ]);
  if (told.length === 0)
    return [["At no school has persistent absence moved by more than chance alone would make it."]];
  return rest === 0
    ? told
    : [...told, [`At ${rest === 1 ? "the other school" : "the other schools"} it has moved by no more than chance.`]];
}

/** What it takes to reach an expectation, in a sentence or two for a table. */
export function paceText(row: Expectation): string {
  if (row.value === null || row.is_met === null) return "There are no figures of the year yet.";
  if (row.is_year_over) return row.is_met ? "Reached." : "Not reached.";
  if (row.measure !== "percent_attendance") {
    if (row.is_met) return "As expected or better so far.";
    return row.pupils_above ? `About ${row.pupils_above} pupils too many so far.` : "A few pupils too many so far.";
  }
  if (row.percent_needed === null || row.is_reachable === null) {
    return `${row.is_met ? "As expected or better so far" : "Not there yet"}; no pace can be told: ${row.why_no_pace ?? "it is not known what is to come"}.`;
  }
  if (!row.is_reachable) return "Out of reach this year, even if every session to come were attended.";
  const needed = percent(row.percent_needed, 1);
  return row.is_met
    ? `As expected or better so far; ${needed} of the sessions to come keep it so.`
    : `${needed} of the sessions to come must be attended.`;
}

/** `94.5%`, `94.25%`: as it was stated. */
export function expectedText({ percent_expected, measure }: Pick<Expectation, "percent_expected" | "measure">): string {
  const stated = String(percent_expected);
  return stated.includes(".") ? `${stated}%` : percent(percent_expected, places(measure));
}

/** Two or three questions about which school to visit. */
export function aboutVisits(rows: FunnelRow[], moves: Movement[]): string[] {
  const schools = standings(rows);
  const [first] = schools.filter((school) => school.worse.length > 0);
  const questions: string[] = [];
  if (first) {
    questions.push(
      `${first.school_name} differs from England by more than chance. What would a visit look at first, who goes, and what will be different by the next meeting?`,
    );
  } else if (schools.length > 0) {
    questions.push("No school stands out. What would make us visit one before its figures do?");
  }
  const better = schools.find((school) => school.worse.length === 0 && school.better.length > 0);
  if (better) {
    questions.push(
      `${better.school_name} does better than chance alone would make it. Who has been there to learn how?`,
    );
  }
  const rising = moves
    .filter((row) => row.measure === "percent_persistent" && row.is_beyond_chance && (row.change_points ?? 0) > 0)
    .sort((a, b) => (b.change_points ?? 0) - (a.change_points ?? 0))[0];
  if (rising) {
    questions.push(
      `Persistent absence at ${rising.school_name} is ${points(rising.change_points ?? 0, 0)} higher than at the same week last year. When did it begin to rise, and in which year groups?`,
    );
  }
  questions.push(
    "Limits say that a school differs, not why. What do we know of its pupils, its buses and its building that the figures do not?",
  );
  return questions;
}

// --- internal ---

const ORDER: Measure[] = ["percent_attendance", "percent_persistent", "percent_severe"];
const MEASURED: Record<Measure, string> = {
  percent_attendance: "attendance",
  percent_persistent: "persistent absence",
  percent_severe: "severe absence",
};

function inOrder(rows: FunnelRow[]): FunnelRow[] {
  return [...rows].sort((a, b) => ORDER.indexOf(a.measure) - ORDER.indexOf(b.measure));
}

function named(schools: Standing[]): string {
  return listed(schools.map(({ school_name }) => school_name));
}

/** The rest of a sentence that names a school: which of its figures are worse than chance, and how far. */
function described(school: Standing): Part[] {
  const zones: [Zone, string][] = [
    ["beyond 99.8%", "beyond the outer limits, where one school in 500 lies by chance"],
    ["beyond 95%", "beyond the inner limits, where one school in 20 lies by chance"],
  ];
  const groups = zones
    .map(([zone, words]) => ({ words, rows: school.worse.filter((row) => row.zone === zone) }))
    .filter(({ rows }) => rows.length > 0);
  return [
    `${school.school_name}: compared with England (${likeWhom(school.phase)}), `,
    ...groups.flatMap(({ words, rows }, at) => [
      at === 0 ? "" : "; ",
      ...rows.flatMap((row, place): Part[] => [
        place === 0 ? "" : place === rows.length - 1 ? " and " : ", ",
        `${MEASURED[row.measure]} is `,
        figure(row, "value"),
        " against ",
        figure(row, "england_value"),
      ]),
      `, ${words}`,
    ]),
    ".",
  ];
}

function figure(row: FunnelRow, column: "value" | "england_value"): Part {
  return { name: funnelFigure(row, column), text: percent(row[column], places(row.measure)) };
}
