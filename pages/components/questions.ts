// Questions for a board to ask, chosen by what the figures show.
import { besideEngland, count, type Measure, points, type TrendRow } from "./words.ts";

/** A row of the table that compares the schools. */
export interface ComparedSchool {
  school_urn: number | null;
  school_name: string;
  phase: string | null;
  percent_attendance: number;
  percent_persistent: number;
  percent_severe: number;
  england_gap: number | null;
  /** Persistent absence less England's for the phase, in points. */
  persistent_gap: number | null;
}

/** Two or three questions about the schools of a trust, side by side. */
export function aboutSchools(schools: ComparedSchool[], rowsQuarantined: number): string[] {
  const questions: string[] = [];
  const compared = schools.filter((school) => school.england_gap !== null);
  const lowest = least(compared, (school) => school.england_gap ?? 0);
  const highest = least(compared, (school) => -(school.england_gap ?? 0));
  if (lowest && (lowest.england_gap ?? 0) < 0) {
    questions.push(
      `Attendance at ${lowest.school_name} is ${besideEngland(lowest.england_gap ?? 0, 1)} England for its phase. ` +
        "What are the main reasons for absence there, and what is being done about each?",
    );
  } else if (highest && (highest.england_gap ?? 0) > 0) {
    questions.push(
      `No school is below England for its phase. What does ${highest.school_name}, furthest above it, do that the others could?`,
    );
  }
  // a special school is compared with special schools: the most in the trust would always be the same school
  const persistent = least(schools, (school) => -(school.persistent_gap ?? 0));
  if (persistent && (persistent.persistent_gap ?? 0) > 0) {
    questions.push(
      `${persistent.percent_persistent}% of pupils at ${persistent.school_name} are persistently absent, ` +
        `${besideEngland(persistent.persistent_gap ?? 0, 0)} England for its phase. ` +
        "Which groups of pupils are they, and is each family offered support?",
    );
  }
  if (rowsQuarantined === 1) {
    questions.push("1 register row is quarantined. Which school does it come from, and when will it be put right?");
  } else if (rowsQuarantined > 1) {
    questions.push(
      `${count(rowsQuarantined)} register rows are quarantined. Which schools do they come from, and when will they be put right?`,
    );
  }
  return questions;
}

/** Two or three questions about one school so far this year. */
export function aboutSchool(rows: TrendRow[], bands: { position: number; percent_pupils: number }[]): string[] {
  const now = byMeasure(rows);
  const questions: string[] = [];
  const attendance = now.percent_attendance;
  if (attendance && (attendance.change_points ?? 0) < 0) {
    questions.push(
      `Attendance is ${points(attendance.change_points ?? 0, 1)} lower than at the same week last year. What has changed?`,
    );
  } else if (attendance && (attendance.england_gap ?? 0) < 0) {
    questions.push(
      `Attendance is ${besideEngland(attendance.england_gap ?? 0, 1)} England for the same phase. Which year groups and which days explain most of it?`,
    );
  } else {
    questions.push("What has helped attendance this year, and will it be kept up next term?");
  }
  const next = bands.find((band) => band.position === 2);
  if (next && next.percent_pupils > 0) {
    questions.push(
      `${next.percent_pupils}% of pupils have missed between 5% and 10% of their sessions and may become persistently absent. Who speaks to their families, and when?`,
    );
  }
  const severe = now.percent_severe;
  if (severe && severe.value > 0) {
    questions.push(
      `${severe.value}% of pupils have missed half of their sessions or more. Is there a plan for every one of them, agreed with the family and the local authority?`,
    );
  }
  return questions;
}

/** Two or three questions about how the trust's figures move over the years. */
export function aboutTrends(rows: TrendRow[]): string[] {
  const now = byMeasure(rows);
  const questions: string[] = [];
  const attendance = now.percent_attendance;
  const persistent = now.percent_persistent;
  if (attendance?.change_points) {
    questions.push(
      attendance.change_points > 0
        ? "Attendance is higher than at the same week last year. Which schools and which groups of pupils does the rise come from, and who is left out of it?"
        : "Attendance is lower than at the same week last year. Is it a few schools or all of them, and did it begin in one term?",
    );
  } else {
    questions.push(
      "Attendance is where it was at the same week last year. Which of our actions were meant to raise it?",
    );
  }
  if (attendance && persistent && (persistent.change_points ?? 0) > 0) {
    questions.push(
      "More pupils are persistently absent than at the same week last year. Are they the same pupils as last year, or new ones?",
    );
  } else if (persistent && (persistent.change_points ?? 0) < 0) {
    questions.push(
      "Fewer pupils are persistently absent than at the same week last year. What moved them below 10%, and how near to it are they still?",
    );
  }
  questions.push(
    "What do we expect these figures to be at the end of the year, and what would make us act before then?",
  );
  return questions;
}

function byMeasure(rows: TrendRow[]): Partial<Record<Measure, TrendRow>> {
  return Object.fromEntries(rows.map((row) => [row.measure, row]));
}

/** The row for which `by` is least; the first of them where several are. */
function least<Row>(rows: Row[], by: (row: Row) => number): Row | undefined {
  return rows.reduce<Row | undefined>((found, row) => (found && by(found) <= by(row) ? found : row), undefined);
}
