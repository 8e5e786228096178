// The school year as it goes, beside England's as DfE published it, in words.
import type { Part } from "./sentences.ts";
import { besideEngland, day, percent, points } from "./words.ts";

/** A row of the published table year_in_weeks, by date. */
export interface Week {
  school_year: string;
  counted_to: Date | number | string;
  published_on: Date | number | string;
  percent_attendance: number;
  england_value: number | null;
  gap_points: number | null;
}

/** The name under which a test finds a figure of the year in weeks. */
export function weekFigure(row: Pick<Week, "counted_to">, column: string): string {
  return ["trust", "weeks", new Date(row.counted_to).toISOString().slice(0, 10), column].join("|");
}

/** The answer to "How does our year run beside England's?", from rows by date. */
export function course(rows: Week[]): Part[][] {
  const beside = rows.filter((row) => row.gap_points !== null);
  const [first] = beside;
  const last = beside.at(-1);
  if (!first || !last) {
    return [["DfE has published no figure of this school year up to now that stands beside ours."]];
  }
  return [
    [
      `From September to ${day(last.counted_to)} our pupils attended `,
      figure(last, "percent_attendance", percent(last.percent_attendance, 1)),
      " of sessions, ",
      figure(last, "gap_points", besideEngland(last.gap_points ?? 0, 1)),
      " England (",
      figure(last, "england_value", percent(last.england_value, 1)),
      ", weighted by our schools’ phases).",
    ],
    ...(first === last
      ? []
      : [
          [
            `At the first of DfE’s counts beside ours, to ${day(first.counted_to)}, we were `,
            figure(first, "gap_points", besideEngland(first.gap_points ?? 0, 1)),
            " England: ",
            figure(first, "percent_attendance", percent(first.percent_attendance, 1)),
            " against ",
            figure(first, "england_value", percent(first.england_value, 1)),
            `. ${sinceThen(first, last)}`,
          ],
        ]),
  ];
}

/** Two questions about how the year goes. */
export function aboutWeeks(rows: Week[]): string[] {
  const beside = rows.filter((row) => row.gap_points !== null);
  const [first] = beside;
  const last = beside.at(-1);
  if (!first || !last) return ["When will DfE’s figures of this school year be here, and who brings them?"];
  const change = movedBy(first, last);
  return [
    change < 0
      ? "We have lost ground on England since the first count. In which fortnight did it begin, and what happened then?"
      : change > 0
        ? "We have gained on England since the first count. What was done, and does it go on?"
        : "We stand to England as we did at the first count. Was that what we planned for this year?",
    "A figure from the start of the year moves little by spring. What do the last five weeks by themselves say?",
  ];
}

// --- internal ---

/** The figures have one decimal, their differences in binary have more. */
function movedBy(first: Week, last: Week): number {
  return Math.round(((last.gap_points ?? 0) - (first.gap_points ?? 0)) * 10) / 10;
}

function sinceThen(first: Week, last: Week): string {
  const change = movedBy(first, last);
  if (change === 0) return "Since then the gap has not changed.";
  return `Since then we have ${change > 0 ? "gained" : "lost"} ${points(change, 1)} on England.`;
}

function figure(row: Week, column: string, text: string): Part {
  return { name: weekFigure(row, column), text };
}
