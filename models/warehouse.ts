import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import * as z from "zod";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";

/** How many earlier warehouses stay, for whoever still reads one. */
const KEPT_BUILDS = 2;

const Table = z.strictObject({ table: z.string(), rows: z.int(), checksum: z.string() });
const Build = z.strictObject({ file: z.string(), built_at: z.iso.datetime(), tables: z.array(Table) });
/** What `current.json` says: the build in use, and the finished ones before it that stay. */
const Pointer = Build.extend({ earlier: z.array(z.string()) });

/** A finished warehouse: its file, and what each table in it must add up to. */
export type Build = z.infer<typeof Build>;
type Pointer = z.infer<typeof Pointer>;

/** The warehouse in use, or null before the first build. */
export function currentWarehouse(folder: string): (Pointer & { path: string }) | null {
  const file = path.join(folder, "current.json");
  if (!fs.existsSync(file)) return null;
  const pointer = readPointer(file);
  return { ...pointer, path: path.join(folder, pointer.file) };
}

/** The warehouse in use; tells the user to build one when there is none. */
export function warehouseInUse(folder: string): Pointer & { path: string } {
  const warehouse = currentWarehouse(folder);
  if (!warehouse || !fs.existsSync(warehouse.path)) {
    throw new RollbookError(`No warehouse in ${folder}: run "rollbook ingest" and "rollbook build" first`);
  }
  return warehouse;
}

/** Row count and checksum of every table. Every value of every row is read: an open file proves nothing. */
export async function measureTables(db: DuckDBConnection): Promise<Build["tables"]> {
  const tables = await rows(
    db,
    "select table_schema || '.' || table_name as name from information_schema.tables where table_type = 'BASE TABLE'",
  );
  // one query for all: to plan each by itself would take longer than to read them
  const measured = await rows(
    db,
    `${tables
      .map(
        ({ name }) => `select
          ${quote(String(name))} as "table", count(*)::integer as rows, coalesce(bit_xor(hash(t)), 0)::varchar as checksum
        from ${name} as t`,
      )
      .join(" union all ")}
    order by "table"`,
  );
  return z.array(Table).parse(measured);
}

/**
 * Puts a finished build in use, after reading it back from disk in full and comparing every table with what was built.
 *
 * The swap is one rename of a small file; the warehouse before it stays untouched until then, and readers of it keep it.
 */
export async function putInUse(folder: string, build: Build): Promise<void> {
  const built = path.join(folder, build.file);
  if (fs.existsSync(`${built}.wal`)) throw new Error("the build left a write-ahead log: it is not finished");
  const found = await withDuckDB({ path: built, readOnly: true }, measureTables);
  const wrong = build.tables.filter(
    (table, i) =>
      table.table !== found[i]?.table || table.rows !== found[i].rows || table.checksum !== found[i].checksum,
  );
  if (wrong.length > 0 || found.length !== build.tables.length) {
    throw new RollbookError(
      `The new warehouse does not read back as it was built (${wrong.map(({ table }) => table).join(", ")}); the last one stays in use. Check the disk, then run "rollbook build" again`,
    );
  }
  const last = currentWarehouse(folder);
  const pointer: Pointer = { ...build, earlier: last ? [last.file, ...last.earlier].slice(0, KEPT_BUILDS) : [] };
  const draft = path.join(folder, "current.json.draft");
  const handle = fs.openSync(draft, "w", 0o600);
  fs.writeSync(handle, `${JSON.stringify(Pointer.parse(pointer), null, 1)}\n`);
  fs.fsyncSync(handle);
  fs.closeSync(handle);
  fs.renameSync(draft, path.join(folder, "current.json"));
  sweep(folder, pointer);
}

// --- internal ---

function readPointer(file: string): Pointer {
  try {
    return Pointer.parse(JSON.parse(fs.readFileSync(file, "utf8")));
  } catch {
    throw new RollbookError(`${file} cannot be read: delete it and run "rollbook build"`);
  }
}

/** Removes every build but the one in use and the finished ones that stay: what a crash left, and what is too old. */
function sweep(folder: string, { file, earlier }: Pointer): void {
  const kept = new Set(["current.json", file, ...earlier]);
  for (const name of fs.readdirSync(folder)) {
    if (!kept.has(name)) fs.rmSync(path.join(folder, name), { force: true });
  }
}
