import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { quote, rows } from "./duckdb.ts";
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
    /** What workers that run at once have taken for themselves: load numbers and files. */
    claims: path.join(data, "claims"),
    /** What each file of the drop folder was when it was last read, so that an unchanged one need not be read again. */
    seen: path.join(data, "seen.json"),
    /** The same by the workers of each school, until a run of all schools puts it together. */
    seenBySchool: path.join(data, "seen"),
    warehouse: path.join(data, "warehouse"),
    /** The programs of sites, kept from one build to the next. They hold nothing of a pupil. */
    bundles: path.join(data, "bundles"),
    /** What passed the audit of the board site the last time, as hashes. */
    audited: path.join(data, "audited.json"),
    /** What a run needs only while it runs. */
    work: path.join(data, "work"),
  };
}

/**
 * Removes what runs that were stopped left behind: landed files and Parquet files that no load names, drafts of ledger
 * entries, what they had in work, and claims. Nobody reads them, but they are pupils' data that nobody knows of.
 *
 * Only for a run that is alone: what another has in work looks no different from what a stopped one left behind.
 *
 * Struck copies of landed files stay: whoever forgets a pupil puts them in place.
 */
export function sweepLeftovers(folders: ReturnType<typeof dataFolders>, loads: Load[]): void {
  const { landing, lake, ledger, claims, work } = folders;
  const landed = new Set(loads.map(({ sha256 }) => sha256));
  const parts = new Set(loads.flatMap((load) => load.parts.map(({ file }) => path.join(lake, file))));
  const sweep = (folder: string, isLeft: (file: string) => boolean) => {
    if (!fs.existsSync(folder)) return;
    for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      if (entry.isFile() && isLeft(file)) fs.rmSync(file);
    }
  };
  sweep(landing, (file) => !landed.has(path.basename(file)) && !file.endsWith(".struck"));
  sweep(lake, (file) => !parts.has(file));
  sweep(ledger, (file) => file.endsWith(".draft"));
  for (const folder of [claims, path.join(work, "ingest"), path.join(work, "trino")])
    fs.rmSync(folder, { recursive: true, force: true });
}

/** The rows of one value of a partition: SQL that is true of them and of no others. */
export interface Slice {
  value: string;
  where: string;
}

/** The Parquet files that the ledger says make up one table of the lake. */
export function partsOf(table: string, loads: readonly Pick<Load, "parts">[], lake: string): string[] {
  return loads.flatMap((load) =>
    load.parts.filter((part) => part.table === table).map((part) => path.join(lake, part.file)),
  );
}

/**
 * Writes rows as Parquet below `folder`, parted into folders by `partitions`.
 *
 * @param part.slices where the rows of each value of the first partition are, together all rows: to look a second time is
 *   quicker than to part every row twice
 * @returns the files written, relative to `folder`, and the rows of each
 */
export async function writeParts(
  db: DuckDBConnection,
  part: {
    folder: string;
    table: string;
    from: string;
    partitions: readonly string[];
    slices?: readonly Slice[] | undefined;
    label: string;
  },
): Promise<{ table: string; file: string; rows: number }[]> {
  const { folder, table, from, partitions, slices, label } = part;
  const target = path.join(folder, table);
  const [first, ...others] = partitions;
  const pieces =
    first !== undefined && slices
      ? slices.map(({ value, where }) => ({
          query: `select * exclude (${first}) from ${from} where ${where}`,
          target: path.join(target, `${first}=${value}`),
          by: others,
        }))
      : [{ query: `from ${from}`, target, by: partitions }];
  const written: Record<string, unknown>[] = [];
  // rows of a Parquet file stand in no order that anybody asks for
  await db.run("set preserve_insertion_order = false");
  for (const { query, target, by } of pieces) {
    fs.mkdirSync(target, { recursive: true });
    const place =
      by.length > 0
        ? `${quote(target)} (partition_by (${by.join(", ")}), filename_pattern ${quote(`${label}-{i}`)}, overwrite_or_ignore true,`
        : `${quote(path.join(target, `${label}.parquet`))} (`;
    written.push(
      ...(await rows(
        db,
        `copy (${query}) to ${place} format parquet, parquet_version v2, compression zstd, return_stats true)`,
      )),
    );
  }
  await db.run("reset preserve_insertion_order");
  return written
    .map(({ filename, count }) => ({
      table,
      file: path.relative(folder, String(filename)).replaceAll("\\", "/"),
      rows: Number(count),
    }))
    .filter((file) => file.rows > 0);
}
