import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { bookkeeping, bookkeepingTables, writeBookkeeping } from "../ingest/bookkeeping.ts";
import { dfeFiguresTable } from "../ingest/dfe_figures.ts";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { dataFolders, partsOf } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { alone } from "../ingest/lock.ts";
import { marksTable } from "../ingest/marks.ts";
import type { Project } from "../ingest/project.ts";
import { pupilsTable } from "../ingest/pupils.ts";
import { type Model, readModels } from "./model.ts";
import { readRules } from "./rules.ts";
import { type Build, measureTables, putInUse } from "./warehouse.ts";

/** `raw.quarantine`: rows that were set aside, by file and row as the spreadsheet shows it. */
const quarantineTable = `create table raw.quarantine (
  school_urn integer, rule varchar, load_number integer, row_number integer)`;

/** The tables that come from the lake, one for each folder of it. */
const LAKE_TABLES = {
  marks: marksTable,
  pupils: pupilsTable,
  dfe_figures: dfeFiguresTable,
  quarantine: quarantineTable,
} as const;

export interface BuildEffects {
  log: (line: string) => void;
  now: () => Date;
}

/**
 * Builds the warehouse afresh from the lake and puts it in use once it reads back whole.
 *
 * Until then the warehouse before it stays in use, whatever happens.
 */
export async function buildWarehouse(project: Project, effects: BuildEffects): Promise<Build> {
  return alone(project.data, () => build(project, effects));
}

/** Makes every schema, the empty raw tables and the rules: what models may read before any register is there. */
export async function createRawTables(db: DuckDBConnection): Promise<void> {
  for (const schema of ["raw", "rules", "staging", "marts"]) await db.run(`create schema ${schema}`);
  await db.run(`${bookkeepingTables}; ${Object.values(LAKE_TABLES).join("; ")}`);
  await readRules(db, "rules");
}

/** Makes the table of each model in turn and holds it to its grain and checks. */
export async function buildModels(db: DuckDBConnection, models: Model[], log: (line: string) => void): Promise<void> {
  for (const model of models) {
    log(`building ${model.name}`);
    try {
      await db.run(`create table ${model.name} as ${model.sql}`);
    } catch (error) {
      throw new RollbookError(`${model.file} does not run: ${firstLine(error)}`);
    }
    await hold(db, model);
  }
}

// --- internal ---

async function build(project: Project, { log, now }: BuildEffects): Promise<Build> {
  const folders = dataFolders(project);
  const loads = readLedger(folders.ledger);
  if (loads.length === 0) throw new RollbookError('Nothing has been loaded: run "rollbook ingest" first');
  const builtAt = now().toISOString();
  const file = `${builtAt.replace(/\D/g, "")}.duckdb`;
  const spill = path.join(folders.work, "build");
  fs.rmSync(spill, { recursive: true, force: true });
  fs.mkdirSync(spill, { recursive: true, mode: 0o700 });
  fs.mkdirSync(folders.warehouse, { recursive: true, mode: 0o700 });
  const target = path.join(folders.warehouse, file);
  try {
    const tables = await withDuckDB({ path: target, spillTo: spill }, async (db, instance) => {
      await createRawTables(db);
      const books = bookkeeping(instance);
      await writeBookkeeping(books, project, loads);
      await books.destroy();
      for (const table of Object.keys(LAKE_TABLES)) {
        const parts = partsOf(table, loads, folders.lake);
        if (parts.length === 0) continue;
        log(`reading raw.${table}`);
        await readParts(db, table, parts);
      }
      await holdToLedger(db);
      await holdToCalendars(db);
      await buildModels(db, readModels(), log);
      await db.run("checkpoint");
      return measureTables(db);
    });
    fs.chmodSync(target, 0o600);
    log("reading the new warehouse back");
    const finished = { file, built_at: builtAt, tables };
    await putInUse(folders.warehouse, finished);
    return finished;
  } catch (error) {
    for (const leftover of [target, `${target}.wal`]) fs.rmSync(leftover, { force: true });
    throw error;
  } finally {
    fs.rmSync(spill, { recursive: true, force: true });
  }
}

async function readParts(db: DuckDBConnection, table: string, parts: string[]): Promise<void> {
  try {
    await db.run(`
      insert into raw.${table} by name
      select columns(c -> c <> 'school_year')
      from read_parquet([${parts.map(quote).join(", ")}], hive_partitioning = true, union_by_name = true)`);
  } catch (error) {
    throw new RollbookError(
      `The lake cannot be read (${firstLine(error)}). Bring its folder back from a backup, or take the data folder away and ingest the landed files again`,
    );
  }
}

/** The rows of every load must be there, as many as the ledger says: nothing that was accepted may be missing. */
async function holdToLedger(db: DuckDBConnection): Promise<void> {
  const missing = await rows(
    db,
    `with
    promised as (
      select load_number, format as source, rows_accepted as rows from raw.loads
      union all
      select load_number, 'quarantine', rows_quarantined from raw.loads
    ),
    found as (
      select load_number, 'marks' as source, count(*) as rows from raw.marks group by all
      union all
      select load_number, 'pupils', count(*) from raw.pupils group by all
      union all
      select load_number, 'dfe_figures', count(distinct row_number) from raw.dfe_figures group by all
      union all
      select load_number, 'quarantine', count(*) from raw.quarantine group by all
    )
    select load_number, source, promised.rows as promised, coalesce(found.rows, 0) as found
    from promised full join found using (load_number, source)
    where coalesce(promised.rows, 0) <> coalesce(found.rows, 0)
    order by all`,
  );
  const [first] = missing;
  if (first) {
    throw new RollbookError(
      `The lake does not hold what the ledger says: load ${first.load_number} has ${first.found} rows of ${first.source}, not ${first.promised ?? 0}. Bring the data folder back from a backup`,
    );
  }
}

/** A school year that has marks but no calendar would drop out of every figure without a word. */
async function holdToCalendars(db: DuckDBConnection): Promise<void> {
  const without = await rows(
    db,
    `with marked as (
      select distinct year(session_date) - if(month(session_date) < 8, 1, 0) as starts_in from raw.marks
    )
    select starts_in || '/' || right((starts_in + 1)::varchar, 2) as school_year
    from marked
    where starts_in not in (select left(school_year, 4)::integer from raw.half_terms)
    order by all`,
  );
  if (without.length > 0) {
    throw new RollbookError(
      `rollbook.yaml has no calendar for ${without.map(({ school_year }) => school_year).join(", ")}, which marks were loaded for: add it`,
    );
  }
}

/** Counts are named, rows are not: at the grain of pupils a row is a child's. */
async function hold(db: DuckDBConnection, model: Model): Promise<void> {
  const grain = model.grain.join(", ");
  const [repeats] = await rows(
    db,
    `select count(*)::integer as keys from (select 1 from ${model.name} group by ${grain} having count(*) > 1)`,
  );
  if (Number(repeats?.keys) > 0) {
    throw new RollbookError(
      `${model.name}: more than one row per ${grain} (${repeats?.keys} times). ${model.file} promises one`,
    );
  }
  for (const check of model.checks) {
    const [broken] = await rows(db, `select count(*)::integer as rows from ${model.name} where (${check}) is not true`);
    if (Number(broken?.rows) > 0) {
      throw new RollbookError(`${model.name}: ${broken?.rows} rows break the check "${check}" of ${model.file}`);
    }
  }
}

/** What DuckDB says went wrong. A conversion that failed quotes the value, which may be a child's: then only its kind. */
function firstLine(error: unknown): string {
  const line = (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
  return /^(Conversion|Invalid Input|Out of Range) Error/.test(line) ? (line.split(":")[0] ?? "") : line;
}
