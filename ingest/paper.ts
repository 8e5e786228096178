import {
  type Arrival,
  type Arrived,
  columnOf,
  coverageWithoutDays,
  has,
  type RowRule,
  rivals,
  type Taken,
  text,
} from "./arrival.ts";
import { rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { Fields, Sheet } from "./format.ts";
import { inLake, rowsStated } from "./repeats.ts";

/** A URN, school year and percentage as people type them are looked for in these columns. */
export const SCHOOL_AND_YEAR = {
  school_urn: ["urn", "schoolurn", "uniquereferencenumber"],
  school_year: ["schoolyear", "academicyear", "year"],
} as const satisfies Fields;

/** What a percentage is expected to be, and how to mend it. */
export const PERCENTAGE = {
  rule: "not_a_percentage",
  expected: "a percentage from 0 to 100 with at most two decimals, like 94.5 or 94.5%",
  mend: "correct it in the file",
} as const;

/**
 * A small list that somebody typed from paper, with the columns that `fields` knows.
 *
 * Its dates are as rollbook.yaml declares, otherwise yyyy-mm-dd, unless the list proves dd/mm/yyyy: every date can be
 * read so, and some cannot be read month first.
 */
export async function openPaper(arrival: Arrival, sheet: Sheet, fields: Fields): Promise<Arrived> {
  // of a reading only the fields are asked for here; its table says where rows of registers go
  const reading = { table: "establishments", fields } as const;
  const claimants = rivals(sheet, [reading]);
  if (claimants) {
    throw new RollbookError(
      `${arrival.name}, row ${sheet.first - 1}: expected one column to choose from, found ${claimants.join(" and ")}; save the file with the one that counts`,
    );
  }
  const arrived: Arrived = { sheet, reading, dates: arrival.project.dates ?? "yyyy-mm-dd" };
  if (arrival.project.dates || !has(arrived, "stated_on")) return arrived;
  const [proof] = await rows(
    arrival.db,
    `with dates as (select ${text(arrived, "stated_on")} as day from ${sheet.relation})
    select
      coalesce(bool_and(try_strptime(day, '%d/%m/%Y') is not null), false) as is_day_first,
      coalesce(bool_or(try_strptime(day, '%m/%d/%Y') is null), false) as is_not_month_first
    from dates
    where day is not null`,
  );
  return proof?.is_day_first && proof.is_not_month_first ? { ...arrived, dates: "dd/mm/yyyy" } : arrived;
}

/** SQL of a school year like 2025/26, however it is written: 2025-26, 2025/2026, 202526. Null when it is none. */
export function schoolYearIn(arrived: Arrived): string {
  const spelt = text(arrived, "school_year");
  const [starts, ends] = [`left(${spelt}, 4)`, `right(${spelt}, 2)`];
  return `case
        when regexp_full_match(${spelt}, '20\\d\\d\\s*[/-]?\\s*(20)?\\d\\d')
          and (try_cast(${starts} as integer) + 1) % 100 = try_cast(${ends} as integer)
        then ${starts} || '/' || ${ends}
      end`;
}

/** SQL of a percentage to the hundredth, null when the text is none. */
export function percentIn(arrived: Arrived, field: string): string {
  const plain = `rtrim(rtrim(${text(arrived, field)}, '%'))`;
  return `case
        when regexp_full_match(${text(arrived, field)}, '\\d{1,3}([.]\\d{1,2})?\\s*%?') and try_cast(${plain} as double) <= 100
        then try_cast(${plain} as decimal(5, 2))
      end`;
}

/** SQL of a text as names are compared: letters and digits, in lower case. */
export function plainIn(spelt: string): string {
  return `regexp_replace(lower(${spelt}), '[^a-z0-9]', '', 'g')`;
}

/** SQL of a URN, null when the text is none. */
export function urnIn(arrived: Arrived, field: string): string {
  return `case when regexp_full_match(${text(arrived, field)}, '[1-9]\\d{5}') then try_cast(${text(arrived, field)} as integer) end`;
}

/**
 * SQL of the school that a row is about: its URN when it is of the trust and of the folder that the file lies in.
 * A row that names none is of that folder's school.
 */
export function ownSchoolIn({ folderUrn, project }: Arrival, arrived: Arrived): string {
  const urns = folderUrn === null ? project.schools.map(({ urn }) => urn) : [folderUrn];
  const spelt = text(arrived, "school_urn");
  return `case
        when ${spelt} is null then ${folderUrn ?? "cast(null as integer)"}
        when ${spelt} in (${urns.map((urn) => `'${urn}'`).join(", ")}) then try_cast(${spelt} as integer)
      end`;
}

/** SQL that is true of a text that is too long for a name or might be personal. */
export function isNoName(spelt: string): string {
  return `length(${spelt}) > 200 or contains(${spelt}, '@') or regexp_matches(upper(${spelt}), '[A-Z][0-9]{11}')`;
}

/**
 * What every such row must be: of a school of the trust (`school_urn`, `school_urn_text`), of a school year, and what
 * more is asked of it. Rows that are not are set aside, however many: a slip in a typed list must not keep the registers
 * beside it from being read.
 */
export function paperRules({ folderUrn }: Arrival, arrived: Arrived, more: RowRule[]): RowRule[] {
  const rules = [
    {
      rule: "school_not_in_trust",
      column: columnOf(arrived, "school_urn"),
      fails: "school_urn is null and school_urn_text is not null",
      expected: folderUrn === null ? "a school in rollbook.yaml" : `the school that the folder ${folderUrn} is for`,
      mend: "correct the URN in the file, or add the school there",
    },
    {
      rule: "not_a_school_year",
      column: columnOf(arrived, "school_year"),
      fails: "school_year is null",
      expected: "a school year like 2025/26",
      mend: "correct it in the file",
    },
    ...more,
  ];
  return rules.map((rule) => ({ ...rule, neverRefuses: true }));
}

/** What a table keeps of such a list. */
export interface PaperTable {
  table: string;
  /** Its columns but the numbers of load and row. */
  told: readonly string[];
  /** The columns of which no two rows may differ in the rest. */
  grain: readonly string[];
  /** The columns that the rows of one list share: a list is replaced as a whole by the next that tells of the same. */
  list: readonly string[];
}

/**
 * What goes into the lake of the rows of `stated` that keep the rules. Rows that contradict each other are set aside, all
 * of them; rows that are said twice, and lists that say exactly what stands, are duplicates.
 */
export async function takePaper(arrival: Arrival, { table, told, grain, list }: PaperTable): Promise<Taken> {
  const { db, loadNumber } = arrival;
  const columns = told.join(", ");
  const same = (names: readonly string[]) =>
    names.map((name) => `keyed.${name} is not distinct from known.${name}`).join(" and ");
  await db.run(`
    create or replace temp table keyed_paper as
    select ${columns}, ${loadNumber} as load_number, row_number::integer as row_number
    from stated anti join set_aside using (row_number)`);
  await db.run(`
    insert into set_aside
    with compared as (
      select
        row_number,
        school_urn,
        count(distinct row(${columns})) over (partition by ${grain.join(", ")}) as statements,
      from keyed_paper
    )
    select row_number, school_urn, 'conflicting_rows' from compared where statements > 1`);
  await db.run(`
    insert into set_aside
    with
    keyed as (
      select * from keyed_paper anti join set_aside using (row_number)
      qualify row_number() over (partition by ${columns} order by row_number) = 1
    ),
    known as (
      select distinct ${columns} from (${inLake(arrival, "keyed_paper", table)})
      qualify load_number = max(load_number) over (partition by ${list.join(", ")})
    ),
    sizes as (
      select ${list.join(", ")}, count(*) as size from known group by ${list.join(", ")}
    ),
    old as (
      select row_number
      from keyed join sizes as known on ${same(list)}
      qualify size = count(*) over (partition by ${list.map((name) => `keyed.${name}`).join(", ")})
        and size = count(*) filter (where exists (from known where ${same(told)})) over (
          partition by ${list.map((name) => `keyed.${name}`).join(", ")}
        )
    )
    select row_number, school_urn, 'duplicate'
    from keyed_paper anti join set_aside using (row_number)
    where row_number not in (select row_number from keyed) or row_number in (select row_number from old)`);
  await db.run(`
    create or replace temp view accepted_paper as
    from keyed_paper anti join set_aside using (row_number)`);
  return {
    read: await rowsStated(arrival),
    parts: [{ table, from: "accepted_paper", partitions: [] }],
    // of no school: a later list may well be shorter, and is not cut short for that
    coverage: coverageWithoutDays([]),
  };
}

/** Marks rows of a special school to be looked at: DfE makes such reports for mainstream schools. */
export async function doubtSpecialSchools({ db, project }: Arrival, ofReport = "true"): Promise<void> {
  const special = project.schools.filter(({ phase }) => phase === "Special").map(({ urn }) => urn);
  if (special.length === 0) return;
  await db.run(`
    insert into doubted
    select row_number, school_urn, 'not_a_mainstream_school'
    from accepted_paper
    where school_urn in (${special.join(", ")}) and ${ofReport}`);
}
