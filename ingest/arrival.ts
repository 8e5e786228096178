import type { DuckDBConnection } from "@duckdb/node-api";
import { plainName } from "./csv.ts";
import { quote, rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { DateStyle, Fields, Reading, SchoolField, Sheet } from "./format.ts";
import type { Slice } from "./lake.ts";
import type { LoadLimits } from "./load_limits.ts";
import type { DateFormat, Project } from "./project.ts";

/** One file on its way into the lake, and what is known besides it. */
export interface Arrival {
  db: DuckDBConnection;
  project: Project;
  /** The file's name as messages give it. */
  name: string;
  /** The school whose URN the file's folder is named by, if it is. */
  folderUrn: number | null;
  loadNumber: number;
  loadedAt: string;
  secret: Buffer;
  limits: LoadLimits;
  /** Keys of pupils who were forgotten: their rows are not taken in again. */
  forgotten: ReadonlySet<string>;
  /** The lake's Parquet files of a table that were loaded before. */
  before: (table: string) => string[];
}

/** A sheet with the reading that says what its columns are. */
export interface Arrived<R extends Reading = Reading> {
  sheet: Sheet;
  reading: R;
  /** The date style of the file, once it is settled. */
  dates: DateFormat | Exclude<DateStyle, "declared">;
}

/**
 * What became of a sheet. Its rows that are not accepted stand in the temporary table `set_aside` (row_number,
 * school_urn, rule), where the rule `duplicate` is for rows that say nothing new; rows that were accepted and are to be
 * looked at stand in `doubted`, of the same columns.
 */
export interface Taken {
  /** Statements that the sheet makes: its rows, and each mark of a mark string. */
  read: number;
  /** Statements accepted, where the first part has not one row for each. */
  accepted?: number;
  /** What goes into the lake. The first part has one row for each statement that was accepted. */
  parts: { table: string; from: string; partitions: readonly string[]; slices?: readonly Slice[] }[];
  coverage: Coverage;
}

/** What a file tells of: schools by URN, and its first and last day where it has days. ISO dates and times. */
export interface Coverage {
  schools: number[];
  first_day: string | null;
  last_day: string | null;
  /** The first and last time of change that its rows carry. */
  first_change: string | null;
  last_change: string | null;
}

/** The coverage of what tells of no days. */
export function coverageWithoutDays(schools: number[]): Coverage {
  return { schools, first_day: null, last_day: null, first_change: null, last_change: null };
}

/** One thing that a row must be: a rule of `models/rules/register_queries.csv`, and the SQL that is true where it is not. */
export interface RowRule {
  rule: string;
  /** The column that messages name. */
  column: string;
  fails: string;
  expected: string;
  mend: string;
  /** One such row is enough to refuse the file: not the row is wrong but what Rollbook was told, or the file's place. */
  refusesFile?: boolean;
  /** However many such rows there are, they are set aside and the file is read. */
  neverRefuses?: boolean;
}

/** SQL of the field as text: trimmed, null when it is empty or the sheet has no such column. */
export function text({ sheet, reading }: Arrived, field: string): string {
  const at = positionOf(sheet, reading.fields, field);
  return at === undefined ? "cast(null as varchar)" : `nullif(trim(column_${at}), '')`;
}

/** SQL of the field exactly as it came, or null when the sheet has no such column. */
export function asItCame({ sheet, reading }: Arrived, field: string): string {
  const at = positionOf(sheet, reading.fields, field);
  return at === undefined ? "cast(null as varchar)" : `column_${at}`;
}

/** Whether the sheet has a column for the field. */
export function has({ sheet, reading }: Arrived, field: string): boolean {
  return positionOf(sheet, reading.fields, field) !== undefined;
}

/** The name that messages give a field: the sheet's own column, or what the format calls it. */
export function columnOf({ sheet, reading }: Arrived, field: string): string {
  return sheet.columns[positionOf(sheet, reading.fields, field) ?? -1] ?? field;
}

/** Columns of a sheet of which more than one could hold the same field, so that a choice between them would be a guess. */
export function rivals(sheet: Sheet, readings: readonly Reading[]): string[] | null {
  for (const reading of readings) {
    for (const names of Object.values(reading.fields as Fields)) {
      const claimants = sheet.columns.filter((column) => names?.includes(plainName(column)));
      if (claimants.length > 1) return claimants;
    }
  }
  return null;
}

/**
 * SQL of the URN of the school that a row is about, null when it names none that is known. A row that does not name its
 * school is of the one whose URN its folder is named by, or of the trust's only one.
 */
export function schoolIn(arrival: Arrival, arrived: Arrived): string {
  const { project, folderUrn } = arrival;
  if (has(arrived, "school_urn")) {
    const urn = asItCame(arrived, "school_urn");
    // six characters that make a URN are its digits; of more or fewer, a cast would make one of 999001.4 too
    return `case
        when length(${urn}) = 6 then try_cast(${urn} as integer)
        when length(trim(${urn})) = 6 then try_cast(trim(${urn}) as integer)
      end`;
  }
  const named = (spelt: string, names: (school: Project["schools"][number]) => string[]) =>
    `case nfc_normalize(lower(${spelt})) ${project.schools
      .flatMap((school) => names(school).map((name) => `when nfc_normalize(lower(${quote(name)})) then ${school.urn}`))
      .join(" ")} else null end`;
  const known = project.schools.flatMap((school) => school.known_as);
  if (has(arrived, "la_number") && has(arrived, "establishment_number")) {
    if (project.schools.every((school) => !school.laestab)) {
      throw new RollbookError(
        `${arrival.name}: expected to know the schools by local authority and establishment number, as this kind of file names them; state "laestab" (seven digits) for each school in rollbook.yaml`,
      );
    }
    const laestab = `lpad(${text(arrived, "la_number")}, 3, '0') || lpad(${text(arrived, "establishment_number")}, 4, '0')`;
    return named(laestab, (school) => (school.laestab ? [school.laestab] : ["-"]));
  }
  if (has(arrived, "school_id") && (known.length > 0 || folderUrn === null)) {
    return named(text(arrived, "school_id"), (school) => ["-", ...school.known_as]);
  }
  if (has(arrived, "school_name")) {
    return named(text(arrived, "school_name"), (school) => [school.name, ...school.known_as]);
  }
  const only = project.schools.length === 1 ? project.schools[0]?.urn : undefined;
  const urn = folderUrn ?? only;
  if (urn === undefined) {
    throw new RollbookError(
      `${arrival.name}: expected to be told the school, which this kind of file does not name; put the file in a folder named by the school's URN, like registers/${project.schools[0]?.urn}`,
    );
  }
  return String(urn);
}

/**
 * The rules that every row keeps: it is of a school of the trust, and of the one whose folder it lies in. A row that names
 * another school refuses the file; one that names none may be a stray.
 */
export function schoolRules(arrival: Arrival, arrived: Arrived): RowRule[] {
  const field = (
    ["school_urn", "la_number", "school_id", "school_name"] as const satisfies readonly SchoolField[]
  ).find((candidate) => has(arrived, candidate));
  const { folderUrn } = arrival;
  const rule = {
    rule: "school_not_in_trust",
    column: field ? columnOf(arrived, field) : "school",
    expected:
      folderUrn === null
        ? "a school in rollbook.yaml"
        : `the school that the folder ${folderUrn} is for, by a name that rollbook.yaml knows it by`,
    mend: {
      school_urn: "add the school there, or take the file out of the drop folder",
      la_number: 'state the school\'s "laestab" there (local authority and establishment number, seven digits)',
      school_id: 'add the name that the system has for the school to its "known_as" there',
      school_name: 'add the name as it is spelt here to the school\'s "known_as" there',
    }[field ?? "school_urn"],
  };
  // a join with the trust's schools: comparing with each of many URNs takes longer than reading the row
  const isOther = folderUrn === null ? "school_urn not in (from trust_schools)" : `school_urn <> ${folderUrn}`;
  return [
    { ...rule, fails: isOther, refusesFile: true },
    { ...rule, fails: "school_urn is null" },
  ];
}

/** What helps when dates are written another way than is known. */
export const DATES_MEND =
  'export the file again without opening it in a spreadsheet, or, if all files write dates like this, state it as "dates" in rollbook.yaml';

/** How a date style is shown in a message. */
export function dateExample(dates: Arrived["dates"]): string {
  return {
    "yyyy-mm-dd": "a date like 2025-09-01",
    "dd/mm/yyyy": "a date like 01/09/2025",
    "excel serial": "a whole number of days, as Excel counts them",
    "weekday, d month yyyy": "a date like Monday, 1 September 2025",
  }[dates];
}

/**
 * SQL of the date in a text, null when it is none. Only the style that is settled is read, and only days that the
 * calendar has; a time of day behind an ISO date is passed over where it cannot change the day.
 */
export function dateIn(spelt: string, dates: Arrived["dates"]): string {
  const trimmed = `trim(${spelt})`;
  switch (dates) {
    case "yyyy-mm-dd":
      // spelt back, the date is the text: nothing looser passes, and it is many times faster than a pattern
      return `case
          when try_cast(${spelt} as date)::varchar = ${spelt} then try_cast(${spelt} as date)
          when regexp_full_match(${trimmed}, '\\d{4}-\\d\\d-\\d\\d(([T ]\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?)?|T00:00:00(\\.0+)?(Z|[+]00:00))')
          then try_cast(left(${trimmed}, 10) as date)
        end`;
    case "dd/mm/yyyy":
      return `case when regexp_full_match(${trimmed}, '\\d\\d/\\d\\d/\\d{4}( 00:00(:00)?)?')
        then cast(try_strptime(left(${trimmed}, 10), '%d/%m/%Y') as date) end`;
    case "excel serial":
      return `case when regexp_full_match(${trimmed}, '\\d{5}([.]0+)?')
        then date '1899-12-30' + left(${trimmed}, 5)::integer end`;
    case "weekday, d month yyyy":
      return `case when strftime(try_strptime(${trimmed}, '%A, %-d %B %Y'), '%A, %-d %B %Y') = ${trimmed}
        then cast(try_strptime(${trimmed}, '%A, %-d %B %Y') as date) end`;
  }
}

/** A time that no register has: it stands where a time of change cannot be read. */
export const UNREADABLE_TIME = "timestamp 'infinity'";

/**
 * SQL of the time in a text as UTC: null when there is none, `UNREADABLE_TIME` when it cannot be read. Times without a
 * zone are taken as they stand.
 */
export function timeIn(spelt: string, dates: Arrived["dates"]): string {
  const trimmed = `trim(${spelt})`;
  const iso = "\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d(:\\d\\d([.]\\d+)?)?";
  const spreadsheet =
    dates === "dd/mm/yyyy" ? `try_strptime(${trimmed}, ['%d/%m/%Y %H:%M', '%d/%m/%Y %H:%M:%S']),` : "";
  return `case
      when ${spelt} is null then null
      when length(${spelt}) = 20 and suffix(${spelt}, 'Z') then coalesce(try_cast(${spelt} as timestamp), ${UNREADABLE_TIME})
      when ${trimmed} = '' then null
      else coalesce(
        ${spreadsheet}
        case when regexp_full_match(${trimmed}, '${iso}Z?') then try_cast(rtrim(${trimmed}, 'Z') as timestamp) end,
        case when regexp_full_match(${trimmed}, '${iso}[+-]\\d\\d:?\\d\\d') then try_cast(${trimmed} as timestamptz) at time zone 'UTC' end,
        cast(${dateIn(spelt, dates)} as timestamp),
        ${UNREADABLE_TIME})
    end`;
}

/** Makes the empty temporary tables that say what becomes of rows: `set_aside` and `doubted`. */
export async function emptyVerdicts(db: DuckDBConnection): Promise<void> {
  for (const table of ["set_aside", "doubted"]) {
    await db.run(`create or replace temp table ${table} (row_number bigint, school_urn integer, rule varchar)`);
  }
}

/**
 * Holds the rows of the temporary table `stated` (row_number, school_urn and what the rules ask for) to rules. Rows that
 * break one go into `set_aside`; a rule that more rows break than a stray few is a sign that the file is not what it
 * seems, and refuses it.
 *
 * No value is repeated in a message: it may be a child's.
 */
export async function holdToRules(
  arrival: Arrival,
  { sheet }: Arrived,
  rules: RowRule[],
  recordNumber = "row_number",
): Promise<void> {
  const { db, limits, name } = arrival;
  const counts = rules.map((rule, i) => `count(*) filter (where ${rule.fails}) as broken_${i}`);
  const [found] = await rows(db, `select count(*) as read, ${counts.join(", ")} from stated`);
  const broken = rules.flatMap((rule, i) => {
    const count = Number(found?.[`broken_${i}`]);
    return count > 0 ? [{ rule, count }] : [];
  });
  if (broken.length === 0) return;
  const most = (Number(found?.read) * limits.broken_rows_percent) / 100;
  const refusing = broken.filter(({ rule, count }) => rule.refusesFile || (count > most && !rule.neverRefuses));
  if (refusing.length > 0) {
    const lines: { first: number; line: string }[] = [];
    for (const { rule, count } of refusing) {
      const [row] = await rows(db, `select min(${recordNumber})::integer as first from stated where ${rule.fails}`);
      const others = count - 1;
      const more = others > 0 ? ` (and ${others} more ${others === 1 ? "row" : "rows"})` : "";
      const first = Number(row?.first);
      const line = `${name}, ${sheet.record} ${first}, column "${rule.column}"${more}: expected ${rule.expected}; ${rule.mend}`;
      lines.push({ first, line });
    }
    throw new RollbookError(
      lines
        .sort((a, b) => a.first - b.first)
        .map(({ line }) => line)
        .join("\n"),
    );
  }
  await db.run(`
    insert into set_aside
    select
      row_number,
      school_urn,
      case ${broken.map(({ rule }) => `when ${rule.fails} then ${quote(rule.rule)}`).join(" ")} end as rule,
    from stated
    where ${broken.map(({ rule }) => `(${rule.fails})`).join(" or ")}`);
}

// --- internal ---

function positionOf(sheet: Sheet, fields: Fields, field: string): number | undefined {
  const names = fields[field];
  if (!names) return undefined;
  const at = sheet.columns.findIndex((column) => names.includes(plainName(column)));
  return at < 0 ? undefined : at;
}
