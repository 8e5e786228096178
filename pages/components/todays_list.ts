// Today's list in words: who newly needs something, and rule by rule what is asked for whom.
import { counted, type PupilRow, pupilsIn, sentenceCase, together } from "./pupil_rows.ts";
import type { Part } from "./sentences.ts";
import { count } from "./words.ts";

/** A row of champion.todays_list. */
export interface ListedPupil extends PupilRow {
  kind: string;
  stage: string;
  rule: string;
  reason: string;
  action: string | null;
  lead: string | null;
  percent_attendance: number | null;
  weeks_to_review: number | null;
  is_new: boolean;
  is_national: boolean;
  position: number;
}

/** The pupils who meet one rule. */
export interface RuleSection {
  rule: string;
  /** The heading: what the rule says. */
  title: string;
  stage: string;
  action: string | null;
  lead: string | null;
  /** New ones first. */
  rows: ListedPupil[];
}

export interface KindSection {
  kind: string;
  title: string;
  /** The furthest rule first; national duties in their own order. */
  rules: RuleSection[];
}

/** The kinds of rule in the order in which they matter to whoever opens the page. */
export const KINDS: { kind: string; title: string; means: string }[] = [
  { kind: "national", title: "National duties", means: "under national duties" },
  { kind: "stage", title: "Steps of support", means: "in a step of support" },
  { kind: "trigger", title: "Triggers of our policy", means: "by a trigger" },
  { kind: "band", title: "Bands of attendance", means: "by a band of attendance" },
  { kind: "late", title: "Lateness", means: "for lateness" },
  { kind: "cap", title: "Limits to look at", means: "over a limit" },
];

/** Today's list, rule by rule: national duties first, then steps, each kind with its furthest rule first. */
export function todaysSections(rows: ListedPupil[], says: ReadonlyMap<string, string>): KindSection[] {
  return KINDS.map(({ kind, title }) => {
    const own = rows.filter((row) => row.kind === kind);
    const rules = [...new Set(own.map(({ rule }) => rule))].flatMap((rule) => {
      const met = own.filter((row) => row.rule === rule);
      const [first] = met;
      if (!first) return [];
      const { stage, action, lead, position } = first;
      const section = {
        rule,
        title: sentenceCase(says.get(rule) ?? rule),
        stage,
        action,
        lead,
        rows: [...met.filter((row) => row.is_new), ...met.filter((row) => !row.is_new)],
      };
      return [{ section, position }];
    });
    const order = kind === "national" ? 1 : -1;
    return {
      kind,
      title,
      rules: rules.sort((a, b) => order * (a.position - b.position)).map(({ section }) => section),
    };
  }).filter(({ rules }) => rules.length > 0);
}

/** The reason without what the rule says, which the heading above it has. */
export function reasonAlone(reason: string, says: string | undefined): string {
  if (!says || !reason.startsWith(says)) return sentenceCase(reason);
  return sentenceCase(reason.slice(says.length).replace(/^[:,;]?\s*/, ""));
}

/** How many rows of a rule stand on the page before anybody asks for all: every new one, and ten at least. */
export function shownFirst(rows: { is_new: boolean }[]): number {
  return Math.max(10, rows.filter((row) => row.is_new).length);
}

/** Who needs something today. */
export function todaysAnswer(rows: ListedPupil[], hasPolicy: boolean): Part[][] {
  if (rows.length === 0) {
    const nobody = { name: "todays_list|pupils", text: "Nobody" };
    return [[nobody, `: no pupil on roll meets a national duty${hasPolicy ? " or a rule of our policy" : ""} today.`]];
  }
  const newRows = rows.filter((row) => row.is_new);
  const news = pupilsIn(newRows);
  const all = pupilsIn(rows);
  const kinds = KINDS.flatMap(({ kind, means }) => {
    const pupils = pupilsIn(rows.filter((row) => row.kind === kind));
    return pupils > 0 ? [`${count(pupils)} ${means}`] : [];
  });
  const due = pupilsIn(rows.filter(({ weeks_to_review }) => weeks_to_review !== null && weeks_to_review <= 0));
  return [
    news > 0
      ? [
          { name: "todays_list|new", text: counted(news, "pupil") },
          ` newly ${news === 1 ? "needs" : "need"} something: ${news === 1 ? "a" : "each met a"} rule`,
          news === 1 ? " was met within the last five school days." : " within the last five school days.",
        ]
      : ["Nothing is new: no pupil met a rule within the last five school days."],
    [
      "With those from before ",
      { name: "todays_list|pupils", text: counted(all, "pupil") },
      ` ${all === 1 ? "is" : "are"} on the list: ${together(kinds)}. `,
      ...(kinds.length > 1 ? ["A pupil may be there more than once. "] : []),
      ...(due > 0 ? [`The support of ${counted(due, "pupil")} is due for review.`] : []),
    ],
  ];
}
