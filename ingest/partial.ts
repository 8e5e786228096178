import type { DuckDBConnection } from "@duckdb/node-api";
import { quote, rows } from "./duckdb.ts";
import type { Load } from "./ledger.ts";
import type { LoadLimits } from "./load_limits.ts";

type Told = Pick<
  Load,
  "format" | "schools" | "first_day" | "last_day" | "first_change" | "last_change" | "rows_read" | "file"
>;

/**
 * The last load that told of the same and had so many more rows that this file looks cut short, or null.
 *
 * Files tell of the same when they are of one format and the same schools, and the days of the earlier lie within those of
 * the later. A file of nothing but changes since the earlier one is no part of it.
 */
export function looksPartial(file: Told, earlier: readonly Load[], limits: LoadLimits): Load | null {
  const last = earlier.findLast(
    (load) =>
      load.format === file.format &&
      load.schools.length > 0 &&
      load.schools.join() === file.schools.join() &&
      within(load, file),
  );
  if (!last || isDelta(file, last)) return null;
  return file.rows_read * 100 < last.rows_read * (100 - limits.fewer_rows_percent) ? last : null;
}

/**
 * Whether two loads are about the same pupils, judged by the Parquet files that they made: files of different classes or
 * year groups are no parts of each other. A file with nothing new to say is about those of whom it was said before.
 */
export async function sharesPupils(db: DuckDBConnection, files: string[], earlier: string[]): Promise<boolean> {
  if (files.length === 0 || earlier.length === 0) return true;
  const pupilsOf = (parts: string[]) =>
    `(select distinct pupil_key from read_parquet([${parts.map(quote).join(", ")}], hive_partitioning = true))`;
  const [found] = await rows(
    db,
    `select
      (select count(*) from ${pupilsOf(files)})::integer as pupils,
      (select count(*) from ${pupilsOf(files)} semi join ${pupilsOf(earlier)} using (pupil_key))::integer as shared`,
  );
  return Number(found?.shared) * 2 >= Number(found?.pupils);
}

// --- internal ---

function within(earlier: Told, later: Told): boolean {
  if (earlier.first_day === null || earlier.last_day === null) return later.first_day === null;
  if (later.first_day === null || later.last_day === null) return false;
  return later.first_day <= earlier.first_day && earlier.last_day <= later.last_day;
}

function isDelta(file: Told, last: Told): boolean {
  return file.first_change !== null && last.last_change !== null && file.first_change > last.last_change;
}
