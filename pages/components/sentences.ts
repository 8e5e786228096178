// The sentences that answer a page's question, put together from the figures.
import {
  besideEngland,
  changed,
  figureName,
  figureText,
  likeWhom,
  type Measure,
  moved,
  places,
  type TrendColumn,
  type TrendRow,
} from "./words.ts";

/** A stretch of plain words, or a figure with the name under which a test finds it. */
export type Part = string | { name: string; text: string };

/** Where the trust or a school stands so far this year: a sentence or two for each measure that has a figure. */
export function standing(rows: TrendRow[], school?: { school_name: string; phase: string }): Part[][] {
  if (rows.length === 0) return [["There are no figures of this school year yet."]];
  const tellers: [Measure, (row: TrendRow) => Part[]][] = [
    [
      "percent_attendance",
      (row) => [
        school ? `Pupils at ${school.school_name} attended ` : "Pupils attended ",
        figure(row, "value"),
        " of sessions so far this year",
      ],
    ],
    [
      "percent_persistent",
      (row) => [
        figure(row, "value"),
        " of pupils were persistently absent (they missed 10% or more of their sessions)",
      ],
    ],
    [
      "percent_severe",
      (row) => [figure(row, "value"), " were severely absent (they missed half of their sessions or more)"],
    ],
  ];
  return tellers.flatMap(([measure, tell]) =>
    rows.filter((row) => row.measure === measure).map((row) => [...tell(row), ...compared(row, school?.phase)]),
  );
}

/** How the trust's figures have moved: since the same week last year, and over the complete years beside England. */
export function progress(now: TrendRow[], complete: TrendRow[]): Part[][] {
  const attendance = now.find((row) => row.measure === "percent_attendance");
  const persistent = now.find((row) => row.measure === "percent_persistent");
  const years = complete.filter((row) => row.measure === "percent_attendance");
  return [
    [
      ...(attendance
        ? ["Attendance so far this year is ", figure(attendance, "value"), ...sinceLastYear(attendance), ". "]
        : []),
      ...(attendance && attendance.change_points === null ? [NO_LAST_YEAR] : []),
      ...(persistent ? ["Persistent absence is ", figure(persistent, "value")] : []),
      ...(persistent && persistent.change_points !== null ? [", ", figure(persistent, "change_points", changed)] : []),
      ...(persistent ? ["."] : []),
    ],
    overYears(years),
  ];
}

// --- internal ---

const NO_LAST_YEAR = "There is no figure for the same week last year. ";

function figure(row: TrendRow, column: TrendColumn, phrase?: (number: number, decimals: number) => string): Part {
  const number = row[column];
  const text = phrase && number !== null ? phrase(number, places(row.measure)) : figureText(row, column);
  return { name: figureName(row, column), text };
}

/** The rest of a sentence that gives a figure of this year to date: against last year and against England. */
function compared(row: TrendRow, phase: string | undefined): Part[] {
  const england = row.england_value !== null;
  const last = sinceLastYear(row);
  return [
    ...last,
    ...(england
      ? [
          last.length > 0 ? " and " : ", ",
          figure(row, "england_gap", besideEngland),
          " England (",
          figure(row, "england_value"),
          `, ${likeWhom(phase)})`,
        ]
      : []),
    ". ",
    ...(last.length === 0 ? [NO_LAST_YEAR] : []),
    ...(england ? [] : ["No figure of DfE’s for England is held for this point of the year."]),
  ];
}

function sinceLastYear(row: TrendRow): Part[] {
  if (row.change_points === null) return [];
  return [
    ", ",
    figure(row, "change_points", changed),
    `${row.change_points === 0 ? " from" : " than at"} the same week last year`,
  ];
}

function overYears(years: TrendRow[]): Part[] {
  const first = years.at(0);
  const last = years.at(-1);
  if (!first || !last || first === last) return ["There are fewer than two complete school years to compare."];
  return [
    `Over the complete school years from ${first.school_year} to ${last.school_year} attendance `,
    figure(last, "change_since_first", moved),
    ", from ",
    figure(first, "value"),
    " to ",
    figure(last, "value"),
    ...(last.england_change_since_first === null
      ? []
      : [
          "; in England it ",
          figure(last, "england_change_since_first", moved),
          ", from ",
          figure(first, "england_value"),
          " to ",
          figure(last, "england_value"),
        ]),
    ".",
  ];
}
