import type { DuckDBConnection } from "@duckdb/node-api";
import { rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { Project } from "./project.ts";

/** What a format needs to know to load one file. The rows stand in the temporary table `arrived`, every field as text. */
export interface Arrival {
  db: DuckDBConnection;
  project: Project;
  /** The file's name as messages give it. */
  name: string;
  columns: string[];
  loadNumber: number;
  loadedAt: string;
  secret: Buffer;
  /** The lake's Parquet files of this format's table that were loaded before, if any. */
  before: string[];
}

/**
 * A kind of register file, recognised by its columns and never by its name.
 *
 * `load` leaves two temporary tables: `accepted`, with the columns of the lake's table, and `set_aside`
 * (row_number, school_urn, rule), where the rule `duplicate` is for rows that say nothing new.
 */
export interface RegisterFormat {
  /** The lake's table that it fills. */
  table: string;
  /** What a person calls such a file, in the plural. */
  title: string;
  /** The columns that a file of this kind must have, as its documentation spells them. */
  required: readonly string[];
  /** Columns of the lake's table that part it into folders. */
  partitions: readonly string[];
  /** Which of the required columns a file lacks: none when it is of this kind. */
  lacks(columns: string[]): string[];
  /** Columns of which more than one could hold the same field. */
  rivals(columns: string[]): string[][];
  load(arrival: Arrival): Promise<void>;
}

/** One thing that a row must be, as an SQL expression that is true when it is not. */
export interface RowRule {
  column: string;
  fails: string;
  expected: string;
  mend: string;
}

/**
 * Refuses a file in which any row breaks a rule, naming the first row of each rule and how many follow.
 *
 * The rows are read from the temporary table `arrived_rows`. No value is repeated: it may be a child's.
 */
export async function refuseBadRows(arrival: Arrival, rules: RowRule[]): Promise<void> {
  const checks = rules.map(
    (rule, i) =>
      `select ${i} as rule, min(row_number) as first, count(*) as broken from arrived_rows where ${rule.fails}`,
  );
  const broken = await rows(arrival.db, `from (${checks.join(" union all ")}) where broken > 0 order by first, rule`);
  const lines = broken.map(({ rule: i, first, broken: count }) => {
    const rule = rules[Number(i)] as RowRule;
    const others = Number(count) - 1;
    const more = others > 0 ? ` (and ${others} more ${others === 1 ? "row" : "rows"})` : "";
    return `${arrival.name}, row ${first}, column "${rule.column}"${more}: expected ${rule.expected}; ${rule.mend}`;
  });
  if (lines.length > 0) throw new RollbookError(lines.join("\n"));
}

/** The rules that every row of a register keeps: it is of a school of the trust, and of a pupil. */
export function rulesOfEveryRegister(project: Project, columns: { school_urn: string; upn: string }): RowRule[] {
  return [
    {
      column: columns.school_urn,
      fails: `school_urn is null or not regexp_full_match(urn_text, '\\d{6}') or school_urn not in (${project.schools.map((school) => school.urn).join(", ")})`,
      expected: "the URN of a school in rollbook.yaml",
      mend: "add the school there, or take the file out of the drop folder",
    },
    {
      column: columns.upn,
      fails: "upn is null or not regexp_full_match(upn, '[A-Z][0-9]{11}[0-9A-Z]')",
      expected: "a UPN: a letter, eleven digits, and a digit or letter",
      mend: "export the file with pupils' UPNs and without totals",
    },
  ];
}

/** SQL that is the field in trimmed form, null when the file lacks it or it is empty. */
export function field(at: number | undefined): string {
  return at === undefined ? "cast(null as varchar)" : `nullif(trim(column_${at}), '')`;
}

/** SQL that is the date in a text written in the project's date format, null when it is none. */
export function dateIn(text: string, format: Project["dates"]): string {
  return format === "yyyy-mm-dd"
    ? `case when regexp_full_match(${text}, '\\d{4}-\\d{2}-\\d{2}(T00:00:00(\\.0+)?Z?)?') then cast(try_strptime(left(${text}, 10), '%Y-%m-%d') as date) end`
    : `case when regexp_full_match(${text}, '\\d{2}/\\d{2}/\\d{4}') then cast(try_strptime(${text}, '%d/%m/%Y') as date) end`;
}

/** What helps when dates are written another way than the project says. */
export const DATES_MEND =
  'export the file again without opening it in a spreadsheet, or, if all files write dates like this, state it as "dates" in rollbook.yaml';

/** How the project's date format is shown in a message. */
export function dateExample(format: Project["dates"]): string {
  return format === "yyyy-mm-dd" ? "a date like 2025-09-01" : "a date like 01/09/2025";
}
