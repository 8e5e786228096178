// Persistent and severe absence in words: who, which way it goes, and what can still be done this school year.
import { counted, type PupilRow, together } from "./pupil_rows.ts";
import type { Part } from "./sentences.ts";
import { count, day, percent } from "./words.ts";

/** A row of champion.tracker. */
export interface Tracked extends PupilRow {
  list: "severe" | "persistent" | "at risk";
  sessions_possible: number;
  sessions_absent: number;
  percent_attendance: number;
  days_lost: number;
  percent_last_five_weeks: number | null;
  percent_five_weeks_before: number | null;
  direction: string | null;
  persistent_since: Date | number | string | null;
  sessions_remaining: number | null;
  sessions_that_may_be_missed: number | null;
  can_still_avoid: boolean | null;
  is_certain: boolean | null;
  sessions_to_attend_in_a_row: number | null;
  sessions_to_miss_in_a_row: number | null;
}

export const TRACKED: { list: Tracked["list"]; title: string; means: string }[] = [
  { list: "severe", title: "Severely absent", means: "They missed half of their sessions or more." },
  { list: "persistent", title: "Persistently absent", means: "They missed a tenth of their sessions or more." },
  {
    list: "at risk",
    title: "At risk",
    means: "They are not persistently absent, and would be after missing a few sessions more.",
  },
];

/** Who is persistently or severely absent, and which way they are going. */
export function trackerAnswer(rows: Tracked[]): Part[][] {
  const of = (list: Tracked["list"]) => rows.filter((row) => row.list === list);
  const severe = of("severe").length;
  const absent = rows.filter((row) => row.list !== "at risk");
  const risk = of("at risk");
  const went = ["better", "worse", "level"].flatMap((direction) => {
    const pupils = absent.filter((row) => row.direction === direction).length;
    return pupils > 0 ? [`${count(pupils)} ${direction === "level" ? "about level" : `getting ${direction}`}`] : [];
  });
  const avoid = absent.filter((row) => row.can_still_avoid).length;
  const close = risk.filter((row) => (row.sessions_to_miss_in_a_row ?? Number.POSITIVE_INFINITY) <= 2).length;
  return [
    absent.length === 0
      ? ["Nobody on roll is persistently absent so far this school year."]
      : [
          { name: "tracker|persistent", text: counted(absent.length, "pupil") },
          ` ${absent.length === 1 ? "is" : "are"} persistently absent`,
          ...(severe > 0 ? [", ", { name: "tracker|severe", text: count(severe) }, " of them severely"] : []),
          went.length > 0 ? `: ${together(went)}.` : ".",
        ],
    [
      ...(avoid > 0 ? [`${counted(avoid, "pupil")} can still end the year below the threshold. `] : []),
      { name: "tracker|at risk", text: risk.length === 0 ? "Nobody" : counted(risk.length, "pupil") },
      ` ${risk.length > 1 ? "are" : "is"} at risk`,
      ...(close > 0 ? [`, ${count(close)} of them within a day of it`] : []),
      ".",
    ],
  ];
}

/** What can still be done this year. */
export function outlook(row: Tracked): string {
  const left = row.sessions_remaining;
  if (left === null) {
    return row.list === "at risk" && row.sessions_to_miss_in_a_row !== null
      ? `${missing(row.sessions_to_miss_in_a_row)} Without a calendar nobody knows what is left of the year.`
      : "Not known: there is no calendar of the rest of the year.";
  }
  if (row.is_certain)
    return `Will end the year persistently absent, even if all ${counted(left, "session")} left are attended.`;
  const may = row.sessions_that_may_be_missed;
  const room =
    may === null
      ? ""
      : `May miss ${may === 0 ? "none" : `at most ${count(may)}`} of the ${counted(left, "session")} left`;
  if (row.list === "at risk") {
    const next = row.sessions_to_miss_in_a_row === null ? "" : `${missing(row.sessions_to_miss_in_a_row)} `;
    return `${next}${room ? `${room}.` : ""}`.trim();
  }
  const attend = row.sessions_to_attend_in_a_row;
  const below = attend ? `; below the threshold after ${counted(attend, "session")} attended in a row` : "";
  return room ? `${room}${below}.` : `Not known from the ${counted(left, "session")} left.`;
}

/** Attendance of the last five school weeks and the five before: `80.0%, before that 93.8%`. */
export function fiveWeeks({ percent_last_five_weeks, percent_five_weeks_before }: Tracked): string {
  if (percent_last_five_weeks === null) return "no sessions";
  return percent_five_weeks_before === null
    ? percent(percent_last_five_weeks, 1)
    : `${percent(percent_last_five_weeks, 1)}, before that ${percent(percent_five_weeks_before, 1)}`;
}

/** Since the end of which school week: `week to 16 January 2026`. */
export function sinceText({ persistent_since }: Tracked): string {
  return persistent_since === null ? "this week" : `week to ${day(persistent_since)}`;
}

// --- internal ---

function missing(sessions: number): string {
  return `${sessions === 1 ? "One more session" : `${count(sessions)} more sessions`} missed in a row would make it so.`;
}
