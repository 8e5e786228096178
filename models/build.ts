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
        await db.run(`
          insert into raw.${table} by name
          select columns(c -> c <> 'school_year')
          from read_parquet([${parts.map(quote).join(", ")}], hive_partitioning = true, union_by_name = true)`);
      }
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

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
