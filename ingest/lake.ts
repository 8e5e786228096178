import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { quote } from "./duckdb.ts";
import type { Load } from "./ledger.ts";
import type { Project } from "./project.ts";

/** The folders of a project's data. Everything below `data` is pupils' data and readable by its owner only. */
export function dataFolders({ data }: Project) {
  return {
    /** Register files exactly as they came, named by their SHA-256: the truth that everything is rebuilt from. */
    landing: path.join(data, "landing"),
    /** Checked rows as Parquet, parted by school year and school. */
    lake: path.join(data, "lake"),
    ledger: path.join(data, "ledger"),
    warehouse: path.join(data, "warehouse"),
    /** What a run needs only while it runs. */
    work: path.join(data, "work"),
  };
}

/** The Parquet files that the ledger says make up one table of the lake. */
export function partsOf(table: string, loads: Load[], lake: string): string[] {
  return loads.flatMap((load) =>
    load.parts.filter((part) => part.table === table).map((part) => path.join(lake, part.file)),
  );
}

/**
 * Writes the temporary table `accepted` as Parquet below `folder`, parted into folders by `partitions`.
 *
 * @returns the files written, relative to `folder`
 */
export async function writeParts(
  db: DuckDBConnection,
  {
    folder,
    table,
    partitions,
    loadNumber,
  }: { folder: string; table: string; partitions: readonly string[]; loadNumber: number },
): Promise<string[]> {
  const target = path.join(folder, table);
  fs.mkdirSync(target, { recursive: true });
  const label = `load-${String(loadNumber).padStart(8, "0")}-`;
  await db.run(`
    copy accepted to ${quote(target)}
    (format parquet, compression zstd, partition_by (${partitions.join(", ")}), filename_pattern ${quote(`${label}{i}`)}, overwrite_or_ignore true)`);
  return fs
    .readdirSync(target, { recursive: true, encoding: "utf8" })
    .filter((file) => path.basename(file).startsWith(label))
    .map((file) => path.join(table, file).replaceAll("\\", "/"))
    .sort();
}
