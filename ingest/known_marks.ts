import { settleIdentities } from "../models/identities.ts";
import { type Arrival, type Arrived, type Coverage, has } from "./arrival.ts";
import { quote, rows } from "./duckdb.ts";
import type { MarkRows, MarkStrings } from "./format.ts";
import type { Slice } from "./lake.ts";
import { schoolYearEdges, schoolYearsOf } from "./project.ts";

/** Days and halves of days that fit into one 64-bit word, so that a repeated session shows without sorting. */
const DAYS_IN_A_BLOCK = 31;
/** SQL of the number of the block of days that `session_date` is in. */
export const BLOCK = `(session_date - date '2000-01-01') // ${DAYS_IN_A_BLOCK}`;
/** SQL of the bit that stands for the session within its block. Bits of a `ubigint` would be shifted ten times slower. */
export const SLOT = `1::bigint << (((session_date - date '2000-01-01') % ${DAYS_IN_A_BLOCK}) * 2 + (session = 'PM'::session_name)::integer)::bigint`;
/** What tells one session of a pupil from every other. */
export const SESSION_KEY = "school_urn, pupil_key, session_date, session";

/** A school and school year that a file tells of, with its first and last day and change at that school. ISO dates and times. */
export interface Scope {
  school_urn: number;
  school_year: string;
  first_day: string;
  last_day: string;
  first_change: string | null;
  last_change: string | null;
}

/** The schools and school years that the rows are of, with the first and last day of each school. */
export async function scopesOf({ db, project, loadedAt }: Arrival): Promise<Scope[]> {
  const years = schoolYearsOf(project, loadedAt).map(
    (school_year) => `('${school_year.replace("/", "-")}', ${edgesInSql(school_year).replace(" and ", ", ")})`,
  );
  const scopes = await rows(
    db,
    `with
    school_years (school_year, opens_on, ends_on) as (
      values ${years.join(", ")}
    ),
    schools as (
      select
        school_urn,
        min(session_date) as first_day,
        max(session_date) as last_day,
        min(modified) as first_change,
        max(modified) as last_change
      from stated_rows
      where session_date between date '2000-01-01' and date '2999-12-31' and school_urn is not null
      group by school_urn
    )
    select
      school_urn,
      school_year,
      first_day::varchar as first_day,
      last_day::varchar as last_day,
      first_change::varchar as first_change,
      last_change::varchar as last_change
    from schools join school_years on first_day <= ends_on and last_day >= opens_on
    order by school_urn, school_year`,
  );
  return scopes as unknown as Scope[];
}

/** What the lake says already is a duplicate: the same statement, or, where rows carry no time, what stands at the time. */
export async function setAsideKnown(arrival: Arrival, scopes: Scope[]): Promise<void> {
  const { db } = arrival;
  for (const { school_urn, school_year, first_day, last_day } of scopes) {
    const known = knownMarks(arrival, school_urn, school_year);
    if (!known) continue;
    const ofScope = `school_urn = ${school_urn} and session_date between date '${first_day}' and date '${last_day}'`;
    await db.run(`
      create or replace temp table known_blocks as
      with
      known as (
        select pupil_key, ${BLOCK} as block, bit_or(${SLOT}) as slots
        from ${known}
        where ${ofScope}
        group by all
      ),
      arrived as (
        select pupil_key, block, bit_or(slot) as slots
        from keyed_rows
        where ${ofScope}
        group by all
      )
      select pupil_key, block
      from known join arrived using (pupil_key, block)
      where known.slots & arrived.slots <> 0`);
    const [found] = await rows(db, "select count(*)::integer as blocks from known_blocks");
    if (Number(found?.blocks) === 0) continue;
    await db.run(
      `insert into set_aside
      with
      arrived as (
        select *
        from keyed_rows semi join known_blocks using (pupil_key, block)
        where ${ofScope}
      ),
      known as (
        select pupil_key, session_date, session, code, is_deleted, known_at, load_number
        from (select *, ${BLOCK} as block from ${known} where ${ofScope}) semi join known_blocks using (pupil_key, block)
      ),
      compared as (
        select
          arrived.row_number,
          bool_or(
            known.known_at = arrived.known_at and known.code = arrived.code and known.is_deleted = arrived.is_deleted
          ) as is_told,
          max_by(
            {'code': known.code, 'is_deleted': known.is_deleted},
            {'known_at': known.known_at, 'load_number': known.load_number}
          ) filter (known.known_at <= arrived.known_at) as standing,
          any_value(arrived.code) as code,
          any_value(arrived.is_deleted) as is_deleted,
          any_value(arrived.is_timed) as is_timed
        from arrived join known using (pupil_key, session_date, session)
        group by arrived.row_number
      )
      select row_number, ${school_urn} as school_urn, 'duplicate' as rule
      from compared
      where if(is_timed, is_told, standing = {'code': code, 'is_deleted': is_deleted})`,
    );
  }
}

/**
 * Marks that the lake has and a file that declares its coverage does not: the register no longer holds them. Only a file
 * that says from when to when it is whole can take a mark away by leaving it out.
 */
export async function withdrawAbsent(arrival: Arrival, arrived: Arrived<MarkRows | MarkStrings>): Promise<void> {
  const { db, project } = arrival;
  await db.run(`
    create or replace temp table withdrawn_marks as
    select * exclude (row_number), cast(null as integer) as row_number from accepted_marks limit 0`);
  const covered = await rows(
    db,
    `select
      school_urn,
      min(covers_from)::varchar as covers_from,
      max(covers_to)::varchar as covers_to,
      ${has(arrived, "extracted_at") ? "max(extracted_at)" : `timestamp ${quote(arrival.loadedAt)}`}::varchar as known_at
    from stated
    where row_number not in (select row_number from set_aside where rule <> 'duplicate')
    group by school_urn`,
  );
  await settleIdentities(db, lakeTable(arrival, "pupil_ids"));
  const told = `
    select distinct s.school_urn, coalesce(identities.pupil_key, pupil_keys.pupil_key) as pupil, session_date, session
    from stated as s join pupil_keys using (pupil) left join identities on pupil_keys.pupil_key = identities.id_key`;
  for (const { school_urn, covers_from, covers_to, known_at } of covered) {
    for (const school_year of schoolYearsOf(project, arrival.loadedAt).map((year) => year.replace("/", "-"))) {
      const known = knownMarks(arrival, Number(school_urn), school_year);
      if (!known) continue;
      await db.run(`
        insert into withdrawn_marks by name
        with standing as (
          select
            ${SESSION_KEY},
            max_by(
              {'code': code, 'is_deleted': is_deleted},
              {'known_at': known_at, 'load_number': load_number}
            ) as mark
          from ${known}
          where session_date between date '${covers_from}' and date '${covers_to}' and known_at <= timestamp '${known_at}'
          group by all
        )
        select
          standing.school_urn, standing.pupil_key, standing.session_date, standing.session, mark.code as code,
          timestamp '${known_at}' as known_at, true as is_deleted, ${arrival.loadNumber} as load_number,
          '${school_year}' as school_year
        from standing
        left join identities on standing.pupil_key = identities.id_key
        anti join (${told}) as told
          on standing.school_urn = told.school_urn
          and coalesce(identities.pupil_key, standing.pupil_key) = told.pupil
          and standing.session_date = told.session_date
          and standing.session = told.session
        where not mark.is_deleted`);
    }
  }
}

/** Of a file that declares from when to when it is whole, that is its coverage, and nothing in it is a mere change. */
export async function coverageOf({ db }: Arrival, arrived: Arrived, scopes: Scope[]): Promise<Coverage> {
  const told = coverageTold(scopes);
  if (!has(arrived, "covers_from") || !has(arrived, "covers_to")) return told;
  const [declared] = await rows(
    db,
    "select min(covers_from)::varchar as first_day, max(covers_to)::varchar as last_day from stated_rows",
  );
  return {
    ...told,
    first_day: declared?.first_day ? String(declared.first_day) : told.first_day,
    last_day: declared?.last_day ? String(declared.last_day) : told.last_day,
    first_change: null,
  };
}

/** SQL for the school year of `session_date`, as a folder name may spell it: 2025-26. */
export function schoolYearIn({ project, loadedAt }: Arrival): string {
  const years = schoolYearsOf(project, loadedAt).map(
    (school_year) =>
      `when session_date between ${edgesInSql(school_year)} then ${quote(school_year.replace("/", "-"))}::school_year_name`,
  );
  return `case ${years.join(" ")} end`;
}

/** The rows of each school year that the scopes are of. */
export function schoolYearSlices(scopes: readonly Scope[]): Slice[] {
  return [...new Set(scopes.map(({ school_year }) => school_year))].map((school_year) => ({
    value: school_year,
    where: `session_date between ${edgesInSql(school_year.replace("-", "/"))}`,
  }));
}

export function edgesInSql(schoolYear: string): string {
  const [first, last] = schoolYearEdges(schoolYear);
  return `date '${first}' and date '${last}'`;
}

// --- internal ---

/** What the lake holds of a table as an SQL relation, or null when that is nothing. */
function lakeTable(arrival: Arrival, table: string): string | null {
  const files = arrival.before(table);
  return files.length === 0 ? null : `read_parquet([${files.map(quote).join(", ")}], hive_partitioning = true)`;
}

/** The lake's marks of a school and school year as an SQL relation, or null when it has none. */
function knownMarks(arrival: Arrival, schoolUrn: number, schoolYear: string): string | null {
  const folder = `/school_year=${schoolYear}/school_urn=${schoolUrn}/`;
  const files = arrival.before("marks").filter((file) => file.replaceAll("\\", "/").includes(folder));
  return files.length === 0 ? null : `read_parquet([${files.map(quote).join(", ")}], hive_partitioning = true)`;
}

function coverageTold(scopes: Scope[]): Coverage {
  const least = (of: (scope: Scope) => string | null) =>
    scopes
      .map(of)
      .filter((value) => value !== null)
      .sort()[0] ?? null;
  const most = (of: (scope: Scope) => string | null) =>
    scopes
      .map(of)
      .filter((value) => value !== null)
      .sort()
      .at(-1) ?? null;
  return {
    schools: [...new Set(scopes.map((scope) => Number(scope.school_urn)))],
    first_day: least((scope) => scope.first_day),
    last_day: most((scope) => scope.last_day),
    first_change: least((scope) => scope.first_change),
    last_change: most((scope) => scope.last_change),
  };
}
