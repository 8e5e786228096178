// Groups of pupils in words: who attends less, how much it costs, and what a board could ask about it.
import type { Part } from "./sentences.ts";
import { count, percent, points } from "./words.ts";

/** A row of the published table cohort_gaps. */
export interface Group {
  school_urn: number | null;
  school_year: string;
  question: string;
  breakdown: string;
  cohort: string;
  /** Who they are, to stand at the start of a sentence once its first letter is a capital. */
  label: string;
  /** Whether the group is one to look at, and not everybody else. */
  is_watched: boolean;
  pupils: number;
  percent_attendance: number;
  others_percent_attendance: number | null;
  all_percent_attendance: number;
  gap_points: number | null;
  gap_text: string | null;
  is_beyond_chance: boolean | null;
  change_points: number | null;
  gap_change_points: number | null;
  points_lost: number | null;
  sessions_lost: number;
  percent_persistent: number | null;
  persistent_text: string;
  england_percent_persistent: number | null;
  status_basis: string;
}

export type GroupColumn = "percent_attendance" | "gap_points" | "sessions_lost" | "points_lost" | "pupils";

/** A row of the published table cohort_intersections. */
export interface Cell {
  cohort: string;
  fsm: string;
  send: string;
  social_worker: string | null;
  pupils: number;
  percent_attendance: number;
  percent_persistent: number | null;
  persistent_text: string;
  england_percent_persistent: number | null;
  england_school_year: string | null;
}

/** A row of the published table cohort_breakdowns. */
export interface Shown {
  title: string;
  outcome: "shown" | "merged" | "withheld" | "not recorded";
  reason: string | null;
}

/** The name under which a test finds a figure of a group. */
export function groupFigure(group: Pick<Group, "school_urn" | "breakdown" | "cohort">, column: string): string {
  return [group.school_urn ?? "trust", "groups", group.breakdown, group.cohort, column].join("|");
}

/** `Pupils with SEND` */
export function startOf(label: string): string {
  return label.charAt(0).toUpperCase() + label.slice(1);
}

/** Watched groups that attend less than the other pupils by more than chance, from the most sessions lost. */
export function leftBehind(groups: Group[]): Group[] {
  return groups
    .filter((group) => group.is_watched && group.is_beyond_chance && (group.gap_points ?? 0) < 0)
    .sort((a, b) => b.sessions_lost - a.sessions_lost);
}

/** The answer to the page's question, in words that a chair could read aloud. */
export function answer(groups: Group[], whose: string): Part[][] {
  const [first, ...others] = leftBehind(groups);
  if (!first) {
    return [
      [
        groups.length === 0
          ? "No group is large enough to be shown."
          : `No group that can be shown attends less than the other pupils of ${whose} by more than chance would give.`,
      ],
    ];
  }
  const widest = widestGap(others);
  return [
    [
      `${startOf(first.label)} attended `,
      figure(first, "percent_attendance", percent(first.percent_attendance, 1)),
      " of their sessions, ",
      figure(first, "gap_points", first.gap_text ?? ""),
      " than the other pupils.",
    ],
    [
      "If they had attended as the others did, about ",
      figure(first, "sessions_lost", count(first.sessions_lost)),
      " more sessions would have been attended",
      ...((first.points_lost ?? 0) > 0
        ? [
            ` and the attendance of ${whose} would be `,
            figure(first, "points_lost", points(first.points_lost ?? 0, 1)),
            " higher",
          ]
        : []),
      others.some((group) => group.sessions_lost >= first.sessions_lost) ? "." : ". No other group costs as many.",
    ],
    ...(widest && (widest.gap_points ?? 0) < (first.gap_points ?? 0)
      ? [
          [
            `The widest gap is that of ${widest.label}: they attended `,
            figure(widest, "percent_attendance", percent(widest.percent_attendance, 1)),
            ", ",
            figure(widest, "gap_points", widest.gap_text ?? ""),
            " than the other pupils.",
          ],
        ]
      : []),
  ];
}

/** Two or three questions about the groups of pupils, chosen by what the figures show. */
export function aboutGroups(groups: Group[], shown: Shown[]): string[] {
  const questions: string[] = [];
  const behind = leftBehind(groups);
  const [first] = behind;
  if (first) {
    questions.push(
      `What stands in the way of ${first.label}, in their own words, and what is being done about each reason?`,
    );
  }
  const wider = behind
    .filter((group) => (group.gap_change_points ?? 0) < 0)
    .sort((a, b) => (a.gap_change_points ?? 0) - (b.gap_change_points ?? 0))[0];
  const narrower = behind
    .filter((group) => (group.gap_change_points ?? 0) > 0)
    .sort((a, b) => (b.gap_change_points ?? 0) - (a.gap_change_points ?? 0))[0];
  if (wider) {
    questions.push(
      `The gap of ${wider.label} is ${points(wider.gap_change_points ?? 0, 1)} wider than at the same point last year. What has changed for them?`,
    );
  } else if (narrower) {
    questions.push(
      `The gap of ${narrower.label} is ${points(narrower.gap_change_points ?? 0, 1)} narrower than at the same point last year. What helped, and whom else would it help?`,
    );
  }
  const missing = shown.filter(({ outcome }) => outcome === "not recorded").map(({ title }) => title.toLowerCase());
  if (missing.length > 0) {
    questions.push(
      `Nothing is recorded of ${listed(missing)}. Who keeps that list, and when will it be part of these figures?`,
    );
  } else if (shown.some(({ outcome }) => outcome === "withheld")) {
    questions.push(
      "Some groups are too small to be shown here. Who looks at the attendance of each of those pupils, and how often?",
    );
  }
  return questions;
}

/** How a group's gap has moved since the same point of the year before: `0.4 points wider`, or a dash. */
export function gapMoved({ gap_points, gap_change_points }: Pick<Group, "gap_points" | "gap_change_points">): string {
  if (gap_points === null || gap_change_points === null) return "–";
  const before = Math.abs(gap_points - gap_change_points);
  // the figures have one decimal, their differences in binary have more
  const size = Math.round((Math.abs(gap_points) - before) * 10) / 10;
  return size === 0 ? "as wide" : `${points(size, 1)} ${size > 0 ? "wider" : "narrower"}`;
}

/** `Eligible for free school meals, SEND, has a social worker` */
export function cellName({ fsm, send, social_worker }: Pick<Cell, "fsm" | "send" | "social_worker">): string {
  const meals: Record<string, string> = {
    eligible: "Free school meals",
    "not eligible": "No free school meals",
    unclassified: "Free school meals not recorded",
  };
  const needs = send === "unclassified" ? "SEND not recorded" : send;
  const worker = social_worker === "unclassified" ? "social worker not recorded" : social_worker;
  return [meals[fsm] ?? fsm, needs, worker].filter((part) => part !== null).join(", ");
}

/** `a`, `a and b`, `a, b and c` */
export function listed(words: string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

// --- internal ---

function figure(group: Group, column: GroupColumn, text: string): Part {
  return { name: groupFigure(group, column), text };
}

function widestGap(groups: Group[]): Group | undefined {
  return [...groups].sort((a, b) => (a.gap_points ?? 0) - (b.gap_points ?? 0))[0];
}
