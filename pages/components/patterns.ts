// Patterns of when pupils are away in words, and what chance could make of them.
import { counted, type PupilRow, pupilsIn, sentenceCase } from "./pupil_rows.ts";
import type { Part } from "./sentences.ts";
import { count, percent } from "./words.ts";

/** A row of champion.patterns. */
export interface Pattern extends PupilRow {
  pattern: string;
  unit: string;
  absences: number;
  all_absences: number;
  days_possible: number | null;
  percent_absence: number | null;
  percent_absence_other: number | null;
  percent_of_absences: number;
  /** From 0 to 1. */
  chance: number;
  is_more_than_chance: boolean;
}

/** Is there a pattern in when pupils are away? */
export function patternsAnswer(rows: Pattern[]): Part[][] {
  const told = rows.filter((row) => row.is_more_than_chance);
  const others = rows.length - told.length;
  const mere =
    others === 0
      ? "No other pupil missed one kind of day more often than the rest three times or more."
      : `${counted(others, told.length > 0 ? "other pattern" : "pattern")} could well be chance: with so many pupils and days some must look like one.`;
  return told.length === 0
    ? [
        [
          "None that chance could not make: ",
          { name: "patterns|beyond chance", text: "no pupil" },
          " is away on one kind of day so much more often than on the rest.",
        ],
        [rows.length === 0 ? "Nobody missed one kind of day more often than the rest three times or more." : mere],
      ]
    : [
        [
          "Yes: ",
          { name: "patterns|beyond chance", text: counted(pupilsIn(told), "pupil") },
          ` ${pupilsIn(told) === 1 ? "is" : "are"} away on one kind of day far more often than chance would make likely.`,
        ],
        [mere],
      ];
}

/** `Fridays`, `Days after a holiday`, `Mornings` */
export function patternName(pattern: string): string {
  return sentenceCase(PLURALS.get(pattern) ?? pattern);
}

/** `9 of 11 days missed were Fridays`; how often that is beside other days follows. */
export function patternText(row: Pattern): string {
  const missed = counted(row.all_absences, row.unit === "days" ? "day" : "half day");
  return `${count(row.absences)} of ${missed} missed were ${PLURALS.get(row.pattern) ?? row.pattern}`;
}

/** `missed 36% of them, of other days 8%`; nothing for half days, which have no such rate. */
export function ratesText({ percent_absence, percent_absence_other }: Pattern): string {
  if (percent_absence === null) return "";
  const other = percent_absence_other === null ? "" : `, of other days ${percent(percent_absence_other, 0)}`;
  return `Missed ${percent(percent_absence, 0)} of them${other}`;
}

/** How likely chance alone is: `1 in 1,200`, rounded so that it claims no more than it knows. */
export function oneIn(chance: number): string {
  const odds = 1 / chance;
  if (odds > 1_000_000) return "less than 1 in a million";
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(odds)) - 1);
  return `1 in ${count(Math.max(1, Math.round(odds / unit) * unit))}`;
}

// --- internal ---

const PLURALS = new Map([
  ...["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"].map((day): [string, string] => [day, `${day}s`]),
  ["day after a holiday", "days after a holiday"],
  ["day before a holiday", "days before a holiday"],
  ["last day of term", "last days of a term"],
]);
