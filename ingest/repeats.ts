import { type Arrival, coverageWithoutDays, type Taken } from "./arrival.ts";
import { quote, rows } from "./duckdb.ts";
import type { Sheet } from "./format.ts";

/** Makes the temporary view `stated`: the rows of the table `stated_rows`, numbered as messages number them. */
export async function numberRows({ db }: Arrival, { first }: Sheet): Promise<void> {
  await db.run(`create or replace temp view stated as select rowid + ${first} as row_number, * from stated_rows`);
}

/**
 * What of `stated` goes into a table of the lake: the rows of `keyed` that are not set aside.
 *
 * @param columns the table's columns but the numbers of load and row
 */
export async function acceptedOf(
  arrival: Arrival,
  { table, keyed, columns }: { table: string; keyed: string; columns: readonly string[] },
): Promise<Taken> {
  await arrival.db.run(`
    create or replace temp view accepted_${table} as
    select ${columns.join(", ")}, ${arrival.loadNumber} as load_number, row_number::integer as row_number
    from ${keyed} anti join set_aside using (row_number)`);
  return {
    read: await rowsStated(arrival),
    parts: [{ table, from: `accepted_${table}`, partitions: ["school_urn"] }],
    coverage: coverageWithoutDays(await schoolsStated(arrival)),
  };
}

/**
 * Sets aside as duplicates the rows of a temporary table or view (row_number, school_urn and what it tells) that say
 * what an earlier row of the file or the lake says. Rows that were set aside already are passed over.
 *
 * @param told the columns that make two rows the same statement
 */
export async function setAsideRepeats(arrival: Arrival, keyed: string, table: string, told: string[]): Promise<void> {
  const columns = told.join(", ");
  const same = told.map((name) => `keyed.${name} is not distinct from known.${name}`).join(" and ");
  await arrival.db.run(`
    insert into set_aside
    with
    keyed as (select * from ${keyed} anti join set_aside using (row_number)),
    known as (select distinct ${columns} from (${inLake(arrival, keyed, table)})),
    repeated as (
      select row_number, school_urn
      from keyed
      qualify row_number() over (partition by ${columns} order by row_number) > 1
      union
      select row_number, school_urn
      from keyed semi join known on ${same}
    )
    select row_number, school_urn, 'duplicate' from repeated`);
}

/** SQL of what the lake has of a table, with at least the columns of `like`: earlier parts may lack some. */
export function inLake({ before }: Arrival, like: string, table: string): string {
  const files = before(table);
  const none = `select * from ${like} limit 0`;
  return files.length === 0
    ? none
    : `(${none}) union all by name select * from read_parquet([${files.map(quote).join(", ")}], hive_partitioning = true, union_by_name = true)`;
}

/** How many rows `stated` has. */
export async function rowsStated({ db }: Arrival): Promise<number> {
  const [found] = await rows(db, "select count(*)::integer as read from stated");
  return Number(found?.read);
}

// --- internal ---

/** The schools that the rows of `stated` are of. */
async function schoolsStated({ db }: Arrival): Promise<number[]> {
  const found = await rows(
    db,
    "select distinct school_urn from stated where school_urn is not null order by school_urn",
  );
  return found.map(({ school_urn }) => Number(school_urn));
}
