// Absences without a reason yet (code N) in words: what must be cleared, and by when.
import { counted, type PupilRow, pupilsIn } from "./pupil_rows.ts";
import type { Part } from "./sentences.ts";
import { count, day } from "./words.ts";

/** A row of champion.unexplained: a session. */
export interface Unexplained extends PupilRow {
  session_date: Date | number | string;
  session: string;
  is_on_roll: boolean;
  school_days_since: number;
  days_left: number | null;
  is_overdue: boolean;
}

/** A day of a pupil with N: one row where both its sessions have the code. */
export interface UnexplainedDay extends Unexplained {
  sessions: string[];
}

/** What the code means, as it stands on the page. */
export const N_MEANS = "N (reason for absence not yet established)";

/** The days to clear: overdue ones first, the oldest at the top, then those with the fewest days left. */
export function daysToClear(rows: Unexplained[]): UnexplainedDay[] {
  const days = new Map<string, UnexplainedDay>();
  for (const row of rows) {
    const key = `${row.pupil} ${day(row.session_date)}`;
    const found = days.get(key);
    if (found) found.sessions = [...found.sessions, row.session].sort();
    else days.set(key, { ...row, sessions: [row.session] });
  }
  return [...days.values()].sort((a, b) => b.school_days_since - a.school_days_since || a.pupil - b.pupil);
}

/** Which N codes must be cleared. */
export function unexplainedAnswer(rows: Unexplained[]): Part[][] {
  if (rows.length === 0) return [[{ name: "unexplained|sessions", text: "None" }, ": every absence has its reason."]];
  const overdue = rows.filter((row) => row.is_overdue);
  const last = rows.filter((row) => row.days_left === 0).length;
  const open = rows.length - overdue.length;
  return [
    overdue.length === 0
      ? ["No reason is overdue: all absences without one are of the last five school days."]
      : [
          { name: "unexplained|overdue", text: counted(overdue.length, "session") },
          ` of ${counted(pupilsIn(overdue), "pupil")} ${overdue.length === 1 ? "is" : "are"} overdue: `,
          "the reason should have been entered within five school days, or code O.",
        ],
    [
      "In all ",
      { name: "unexplained|sessions", text: counted(rows.length, "session") },
      ` ${rows.length === 1 ? "has" : "have"} the code ${N_MEANS}`,
      open > 0 && overdue.length > 0 ? `; ${count(open)} of them still ${open === 1 ? "has" : "have"} time` : "",
      last > 0 ? `, ${count(last)} of them until today` : "",
      ".",
    ],
  ];
}

/** `morning`, `afternoon`, `all day` */
export function sessionsText(sessions: string[]): string {
  if (sessions.length > 1) return "all day";
  return sessions[0] === "AM" ? "morning" : "afternoon";
}

/** `overdue: 7 school days ago`, `2 school days left`, `last day` */
export function dueText({ is_overdue, days_left, school_days_since }: Unexplained): string {
  if (is_overdue) return `Overdue, ${counted(school_days_since, "school day")} ago`;
  if (days_left === 0) return "Due now: this is the last day";
  return `${counted(days_left ?? 0, "school day")} left`;
}
