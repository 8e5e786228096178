// Five weeks, leagues and rewards in words: who attends best, and whom to praise.
import { counted, type PupilRow, pooledAttendance, yearText } from "./pupil_rows.ts";
import type { Part } from "./sentences.ts";
import { count, day, percent } from "./words.ts";

/** A row of champion.five_weeks. */
export interface FiveWeeks extends PupilRow {
  starts_on: Date | number | string | null;
  ends_on: Date | number | string | null;
  place: number;
  sessions_possible: number;
  sessions_attended: number;
  sessions_absent: number;
  sessions_unauthorised: number;
  sessions_late: number;
  percent_attendance: number;
  direction: string | null;
}

/** A row of champion.leagues. */
export interface League {
  league: string;
  per: string;
  period: string;
  is_complete: boolean;
  group_name: string;
  place: number;
  groups_ranked: number;
  pupils: number;
  percent_attendance: number;
}

/** A row of champion.rewards. */
export interface Rewarded extends PupilRow {
  kind: string;
  per: string;
  period: string;
  is_complete: boolean;
  place: number | null;
  sessions_late: number;
  percent_attendance: number;
  percent_before: number | null;
  points_improved: number | null;
}

/** A row of champion.policy_rewards. */
export interface PolicyReward {
  reward: string;
  kind: string;
  per: string;
  percent_at_least: number | null;
  says: string | null;
}

/** The pupils or groups that one reward goes to. */
export interface Praise {
  title: string;
  /** What the policy gives for it; nothing where it names no reward. */
  says: string | null;
  /** The time in words. */
  period: string;
  rows: Rewarded[];
  /** The classes or year groups at the top, for a league. */
  winners: League[];
}

/** How everyone attended in the last five weeks. */
export function fiveWeeksAnswer(rows: FiveWeeks[]): Part[][] {
  const [first] = rows;
  if (!first)
    return [
      [{ name: "five weeks|pupils", text: "Nobody" }, " on roll could have attended in the last five school weeks."],
    ];
  const full = rows.filter((row) => row.sessions_absent === 0).length;
  const low = rows.filter((row) => row.percent_attendance <= 90).length;
  return [
    [
      "Together they attended ",
      { name: "five weeks|attendance", text: percent(pooledAttendance(rows), 1) },
      ` of their sessions from ${day(first.starts_on)} to ${day(first.ends_on)}.`,
    ],
    [
      { name: "five weeks|full", text: full === 0 ? "Nobody" : count(full) },
      ` of ${counted(rows.length, "pupil")} attended every session; ${low === 0 ? "nobody" : count(low)} missed a tenth or more.`,
    ],
  ];
}

/** `week from 16 March 2026`, `spring 2 so far` */
export function periodText({ period, is_complete }: Pick<League, "period" | "is_complete">): string {
  const week = /^week of (\S+)$/.exec(period)?.[1];
  if (week) return `week from ${day(week)}`;
  return is_complete ? period : `${period} so far`;
}

/** `Year 7`, or a class as it is called. */
export function leagueName({ league, group_name }: Pick<League, "league" | "group_name">): string {
  return league === "year groups" ? yearText(group_name) : group_name;
}

/** The kinds of time that there are leagues of, shortest first; the one that our policy names is chosen first. */
export function leagueTimes(leagues: League[], rewards: PolicyReward[]): { times: string[]; first: string } {
  const times = TIMES.filter((per) => leagues.some((league) => league.per === per));
  const named = rewards.find(({ kind, per }) => kind.endsWith("league") && times.includes(per));
  return { times, first: named?.per ?? times[0] ?? "" };
}

/** Which class and which year group attend best. */
export function leaguesAnswer(leagues: League[], per: string): Part[][] {
  const tops = ["classes", "year groups"].flatMap((league) => {
    const top = leagues.filter((row) => row.league === league && row.per === per && row.place === 1);
    const [first] = top;
    if (!first) return [];
    const names = top.map(leagueName).join(" and ");
    return [[`${league === "classes" ? "Class " : ""}${names} (`, first, ")"] as const];
  });
  const [first] = leagues.filter((row) => row.per === per);
  if (!first || tops.length === 0)
    return [[{ name: "leagues|groups", text: "No class or year group" }, " has enough pupils for a league."]];
  return [
    [
      `Best in ${first.per === "week" ? "the " : ""}${periodText(first)}: `,
      ...tops.flatMap(([before, row, after], at): Part[] => [
        at > 0 ? ", and " : "",
        before,
        { name: `leagues|${row.league}`, text: percent(row.percent_attendance, 1) },
        after,
      ]),
      ".",
    ],
  ];
}

/**
 * Whom to praise: for each reward that the policy names, of the last time that is over, else so far. Without such a
 * policy, every kind of every time.
 */
export function praises(rewarded: Rewarded[], leagues: League[], policy: PolicyReward[]): Praise[] {
  const named: PolicyReward[] =
    policy.length > 0
      ? policy
      : KINDS.flatMap((kind) =>
          TIMES.map((per) => ({
            reward: `${TITLES.get(kind) ?? kind}, ${per}`,
            kind,
            per,
            percent_at_least: null,
            says: null,
          })),
        );
  return named.flatMap(({ reward, kind, per, says }) => {
    const league = kind === "class league" ? "classes" : kind === "year group league" ? "year groups" : null;
    const winners = leagues.filter((row) => row.league === league && row.per === per && row.place === 1);
    const found = rewarded.filter((row) => row.kind === kind && row.per === per);
    const last = found.some((row) => row.is_complete);
    const rows = found
      .filter((row) => row.is_complete === last)
      .sort((a, b) => (a.place ?? 0) - (b.place ?? 0) || a.pupil - b.pupil);
    const [first] = league ? winners : rows;
    if (!first && policy.length === 0) return [];
    return [{ title: reward, says, period: first ? periodText(first) : "", rows, winners }];
  });
}

/** `100%`; of the most improved how far from where. */
export function praisedFor(row: Rewarded): string {
  return row.points_improved === null
    ? percent(row.percent_attendance, row.percent_attendance === 100 ? 0 : 1)
    : `${percent(row.percent_before, 1)} to ${percent(row.percent_attendance, 1)}, ${row.points_improved.toFixed(1)} points more`;
}

// --- internal ---

const TIMES = ["week", "half term", "term", "school year"];
const KINDS = ["full attendance", "most improved", "high attendance"];
const TITLES = new Map([
  ["full attendance", "Every session attended"],
  ["most improved", "Most improved"],
  ["high attendance", "High attendance"],
]);
