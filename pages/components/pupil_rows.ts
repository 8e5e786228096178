// Pupils as the champion's pages name and pick them.
import { count } from "./words.ts";

/** What every row about a pupil has in the champion's tables. */
export interface PupilRow {
  /** The pupil's number in this build of the site. */
  pupil: number;
  surname: string;
  /** Empty where it is not known. */
  forename: string;
  /** The national curriculum year group: N, R, 1 to 14. */
  year_group: string | null;
  /** The class or tutor group. */
  registration_group: string | null;
}

/** Whom a list is narrowed to; an empty text is everyone. */
export interface Chosen {
  year: string;
  group: string;
  isNew: boolean;
}

/** `Ashwell, Ann`; the surname alone where no forename is known. */
export function pupilName({ surname, forename }: Pick<PupilRow, "surname" | "forename">): string {
  return forename ? `${surname}, ${forename}` : surname;
}

/** `Year 7`, `Reception`, `Nursery` */
export function yearText(year: string | null): string {
  if (year === null) return "No year group";
  return year === "R" ? "Reception" : year === "N" ? "Nursery" : `Year ${year}`;
}

/** Where a pupil belongs: `Year 7, class 7A`. */
export function classText({ year_group, registration_group }: PupilRow): string {
  return registration_group ? `${yearText(year_group)}, class ${registration_group}` : yearText(year_group);
}

/** The year groups of some rows, youngest first. */
export function yearGroups(rows: Pick<PupilRow, "year_group">[]): string[] {
  return distinct(rows.map(({ year_group }) => year_group)).sort((a, b) => yearOrder(a) - yearOrder(b));
}

/** The classes of some rows, of one year group if one is chosen. */
export function classGroups(rows: Pick<PupilRow, "year_group" | "registration_group">[], year: string): string[] {
  return distinct(
    rows.map(({ year_group, registration_group }) => (year === "" || year_group === year ? registration_group : null)),
  ).sort((a, b) => a.localeCompare(b, "en-GB", { numeric: true }));
}

/** The rows of the pupils chosen, in their order. */
export function chosenRows<Row extends PupilRow & { is_new?: boolean }>(rows: Row[], chosen: Chosen): Row[] {
  return rows.filter(
    (row) =>
      (chosen.year === "" || row.year_group === chosen.year) &&
      (chosen.group === "" || row.registration_group === chosen.group) &&
      (!chosen.isNew || row.is_new === true),
  );
}

/** How many different pupils some rows are about. */
export function pupilsIn(rows: Pick<PupilRow, "pupil">[]): number {
  return new Set(rows.map(({ pupil }) => pupil)).size;
}

/** `1 pupil`, `1,200 pupils` */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and c` */
export function together(parts: string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** The first letter as a capital, the rest as it is. */
export function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Per cent attended of all possible sessions of some pupils together; null where there are none. */
export function pooledAttendance(rows: { sessions_possible: number; sessions_attended: number }[]): number | null {
  const possible = total(rows.map((row) => row.sessions_possible));
  return possible === 0 ? null : (100 * total(rows.map((row) => row.sessions_attended))) / possible;
}

export function total(numbers: number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Whole days and halves: `1 day`, `12.5 days`. */
export function daysText(days: number): string {
  return `${days.toLocaleString("en-GB")} ${days === 1 ? "day" : "days"}`;
}

/** Which way a pupil's last five school weeks went beside the five before. */
export function directionText(direction: string | null): string {
  if (direction === null) return "too few sessions to tell";
  return direction === "level" ? "about level" : `getting ${direction}`;
}

// --- internal ---

function distinct(texts: (string | null)[]): string[] {
  return [...new Set(texts.filter((text) => text !== null))];
}

function yearOrder(year: string): number {
  return year === "N" ? -1 : year === "R" ? 0 : Number(year);
}
