import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import pLimit from "p-limit";
import { bookkeeping, bookkeepingTables, writeBookkeeping } from "../ingest/bookkeeping.ts";
import { dfeFiguresTable } from "../ingest/dfe_figures.ts";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { enrolmentsTable } from "../ingest/enrolments.ts";
import { diskFull, RollbookError } from "../ingest/errors.ts";
import { establishmentsTable } from "../ingest/establishments.ts";
import { expectationsTable } from "../ingest/expectations.ts";
import { interventionsTable } from "../ingest/interventions.ts";
import { dataFolders, partsOf, sweepLeftovers } from "../ingest/lake.ts";
import { type Load, readLedger } from "../ingest/ledger.ts";
import { alone } from "../ingest/lock.ts";
import { markCodesTable } from "../ingest/mark_codes.ts";
import { marksTable } from "../ingest/marks.ts";
import { NAMES_TABLE } from "../ingest/names.ts";
import { policyTables, readPolicies, writePolicies } from "../ingest/policies.ts";
import { keepEditions } from "../ingest/policy_editions.ts";
import type { Project } from "../ingest/project.ts";
import { pupilIdsTable } from "../ingest/pupil_ids.ts";
import { pupilsTable } from "../ingest/pupils.ts";
import { similarSchoolsTable } from "../ingest/similar_schools.ts";
import { statusesTable } from "../ingest/statuses.ts";
import { duckdbEngine, type Engine, firstLine } from "./engine.ts";
import { frozenFolder, frozenTables, readFrozen } from "./frozen.ts";
import { settleIdentities } from "./identities.ts";
import { type Model, readModels } from "./model.ts";
import { readRules } from "./rules.ts";
import { makeEmpty, STORED_MARKS, trinoEngine } from "./trino/engine.ts";
import type { Trino } from "./trino/server.ts";
import { type Build, measureTables, putInUse } from "./warehouse.ts";

/** Rows by file and record as messages name it: `raw.quarantine` were set aside, `raw.doubts` were loaded and want a look. */
const notedTable = (name: string) => `create table raw.${name} (
  school_urn integer, rule varchar, load_number integer, row_number integer)`;

/** The tables that come from the lake, one for each folder of it. Which pupil is whose key must be known before the rest. */
const LAKE_TABLES = {
  pupil_ids: pupilIdsTable,
  marks: marksTable,
  pupils: pupilsTable,
  pupil_statuses: statusesTable,
  enrolments: enrolmentsTable,
  mark_codes: markCodesTable,
  establishments: establishmentsTable,
  dfe_figures: dfeFiguresTable,
  expectations: expectationsTable,
  similar_schools: similarSchoolsTable,
  interventions: interventionsTable,
  quarantine: notedTable("quarantine"),
  doubts: notedTable("doubts"),
} as const;
/** The tables whose pupils may be keyed by an id that stands for another key. */
const KEYED_TABLES: readonly string[] = ["marks", "pupils", "pupil_statuses", "enrolments", "interventions"];

/** Which pupil each key stands for that is not a pupil's present one. */
const identitiesTable = "create table raw.identities (id_key varchar, pupil_key varchar)";

/** Keys of a system's ids for which no UPN is known: pupils whose marks count apart from the rest of what is known of them. */
const unresolvedIdsTable = "create table raw.unresolved_ids (school_urn integer, pupil_key varchar)";

export interface BuildEffects {
  log: (line: string) => void;
  now: () => Date;
}

export interface BuildOptions {
  /** The last load that counts: the warehouse as it would have been built then. */
  knownAtLoad?: number | undefined;
  /** The school years whose marks count, like `2025/26`. Without it: all of them. */
  schoolYears?: readonly string[] | undefined;
  /** The cluster that runs the models. Without it: DuckDB, in this process. */
  cluster?: Cluster | undefined;
}

/**
 * Builds the warehouse afresh from the lake and puts it in use once it reads back whole.
 *
 * Until then the warehouse before it stays in use, whatever happens.
 */
export async function buildWarehouse(
  project: Project,
  effects: BuildEffects,
  options: BuildOptions = {},
): Promise<Build> {
  try {
    return await alone(project.data, () => build(project, effects, options));
  } catch (error) {
    throw diskFull(error, project.data, "The warehouse before this one stays in use") ?? error;
  }
}

/** Makes every schema, the empty raw tables and the rules: what models may read before any register is there. */
export async function createRawTables(db: DuckDBConnection): Promise<void> {
  for (const schema of ["raw", "rules", "staging", "marts", "board", "champion"])
    await db.run(`create schema ${schema}`);
  await db.run(
    `${bookkeepingTables}; ${policyTables}; ${frozenTables}; ${identitiesTable}; ${unresolvedIdsTable}; ${Object.values(LAKE_TABLES).join("; ")}`,
  );
  await readRules(db, "rules");
}

/**
 * Makes the table of each model once its inputs are there and holds it to its grain and checks. A view is as wide as all
 * marks: to hold it to its grain would cost more than all tables, so what is counted from it is held to what was told
 * instead (`marts.reconciliation`).
 */
export async function makeModels(engine: Engine, models: readonly Model[], log: (line: string) => void): Promise<void> {
  const turn = pLimit(engine.atOnce);
  const making = new Map<string, Promise<void>>();
  let hasFailed = false;
  for (const model of models) {
    const inputs = model.inputs.flatMap((name) => making.get(name) ?? []);
    const make = async () => {
      if (hasFailed) return;
      log(`building ${model.name}`);
      const count = await engine.make(model);
      // a table without rows breaks no promise
      if (count !== null && count > 0) await hold(engine, model);
    };
    const made = Promise.all(inputs).then(() => turn(make));
    made.catch(() => {
      hasFailed = true;
    });
    making.set(model.name, made);
  }
  // whoever is at work when one fails is waited for: nothing runs on behind the error
  await Promise.allSettled(making.values());
  await Promise.all(making.values());
}

/** Makes models in a warehouse by DuckDB. */
export async function buildModels(db: DuckDBConnection, models: Model[], log: (line: string) => void): Promise<void> {
  await makeModels(duckdbEngine(db), models, log);
}

/** A cluster that answers, and what it calls the project's data folder: `local:///`, `s3://bucket/rollbook`. */
export interface Cluster {
  trino: Trino;
  location: string;
}

// --- internal ---

/**
 * Loads without the marks of other school years.
 *
 * @throws {RollbookError} naming a school year that has none
 */
function withMarksOf(loads: readonly Load[], schoolYears: readonly string[]): Load[] {
  const isOf = ({ file }: { file: string }, year: string) => file.includes(`/school_year=${year.replace("/", "-")}/`);
  for (const year of schoolYears) {
    if (!loads.some(({ parts }) => parts.some((part) => part.table === "marks" && isOf(part, year))))
      throw new RollbookError(`No marks of ${year} have been loaded`);
  }
  return loads.map((load) => ({
    ...load,
    parts: load.parts.filter((part) => part.table !== "marks" || schoolYears.some((year) => isOf(part, year))),
  }));
}

async function build(
  project: Project,
  { log, now }: BuildEffects,
  { knownAtLoad = Number.POSITIVE_INFINITY, schoolYears, cluster }: BuildOptions,
): Promise<Build> {
  const folders = dataFolders(project);
  const ledger = readLedger(folders.ledger);
  const loads = ledger.filter((load) => load.load_number <= knownAtLoad);
  if (ledger.length > 0 && loads.length === 0) {
    throw new RollbookError(`No load has a number up to ${knownAtLoad}: "rollbook status" lists the loads`);
  }
  if (loads.length === 0) throw new RollbookError('Nothing has been loaded: run "rollbook ingest" first');
  // where only workers ingest, no other run is alone
  sweepLeftovers(folders, ledger);
  const counted = schoolYears ? withMarksOf(loads, schoolYears) : loads;
  // before anything is made: a policy that cannot be read stops the build
  const policies = readPolicies(project);
  const builtAt = now().toISOString();
  const file = `${builtAt.replace(/\D/g, "")}.duckdb`;
  const spill = path.join(folders.work, "build");
  fs.rmSync(spill, { recursive: true, force: true });
  fs.mkdirSync(spill, { recursive: true, mode: 0o700 });
  fs.mkdirSync(folders.warehouse, { recursive: true, mode: 0o700 });
  const target = path.join(folders.warehouse, file);
  const fill = async (db: DuckDBConnection, other: DuckDBConnection, instance: DuckDBInstance) => {
    await createRawTables(db);
    const books = bookkeeping(instance);
    await writeBookkeeping(books, project, loads);
    await books.destroy();
    await writePolicies(db, "current", policies);
    await writePolicies(db, "before", keepEditions(project, policies, now));
    for (const table of Object.keys(LAKE_TABLES)) {
      const parts = partsOf(table, counted, folders.lake);
      if (parts.length === 0) continue;
      log(`reading raw.${table}`);
      await readParts(db, table, parts);
      if (table === "pupil_ids") await settlePupilIds(db);
    }
    await readFrozen(db, frozenFolder(project), Math.max(...loads.map((load) => load.load_number)));
    const models = readModels();
    const make = async (engine: Engine) => {
      await holdToLedger(engine, counted);
      await holdToCalendars(engine, project);
      await makeModels(engine, models, log);
    };
    if (!cluster) {
      await make(duckdbEngine(db, other));
    } else {
      await makeEmpty(db, models);
      const marks = partsOf("marks", counted, folders.lake);
      const engine = await trinoEngine({
        ...cluster,
        db,
        data: project.data,
        work: path.join(folders.work, "trino"),
        schoolYears,
        marksQuery:
          marks.length > 0
            ? await storedQuery(db, "marks", STORED_MARKS, {
                isRekeyed: await hasOtherKeys(db, "marks", filesOf(marks)),
              })
            : null,
      });
      try {
        await make(engine);
        await engine.bringHome(log);
        log(
          `the cluster read ${Math.round(cluster.trino.bytesRead() / 1_000_000).toLocaleString("en-GB")} MB of files`,
        );
      } finally {
        await engine.close();
      }
    }
    log("adding up every table");
    await db.run("checkpoint");
    return measureTables(db);
  };
  try {
    const tables = await withDuckDB({ path: target, spillTo: spill }, async (db, instance) => {
      // while the last thread of one model is at work another model goes on
      const other = await instance.connect();
      try {
        return await fill(db, other, instance);
      } finally {
        other.closeSync();
      }
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

async function settlePupilIds(db: DuckDBConnection): Promise<void> {
  await settleIdentities(db, "raw.pupil_ids");
  await db.run(`
    insert into raw.identities from identities;
    drop table identities;
    insert into raw.unresolved_ids
    select distinct school_urn, id_key
    from raw.pupil_ids
    where kind = 'seen' and id_key not in (select id_key from raw.identities)`);
}

/** Reads a table from the lake's files. Marks stay in the lake: `raw.marks` is a view of them, for no table can hold them sooner. */
async function readParts(db: DuckDBConnection, table: string, parts: string[]): Promise<void> {
  const stored = filesOf(parts);
  try {
    const present = new Set((await rows(db, `describe from ${stored}`)).map(({ column_name }) => column_name));
    const query = await storedQuery(db, table, stored, { present, isRekeyed: await hasOtherKeys(db, table, stored) });
    await db.run(
      table === "marks"
        ? `drop table raw.marks; create view raw.marks as ${query}`
        : `insert into raw.${table} ${query}`,
    );
  } catch (error) {
    throw unreadableLake(error);
  }
}

function filesOf(parts: readonly string[]): string {
  return `read_parquet([${parts.map(quote).join(", ")}], hive_partitioning = true, union_by_name = true)`;
}

/**
 * Whether rows stand under another key than their pupil's present one. Marks of most trusts do not, and to look up whose
 * each mark is costs more than to count it.
 */
async function hasOtherKeys(db: DuckDBConnection, table: string, stored: string): Promise<boolean> {
  if (!KEYED_TABLES.includes(table)) return false;
  const [found] = await rows(
    db,
    `select exists (
      from (select distinct pupil_key from ${stored}) as stored semi join raw.identities on stored.pupil_key = id_key
    ) as is_so`,
  );
  return Boolean(found?.is_so);
}

/**
 * SQL of a raw table's columns as they are stored, with the pupils whom their keys stand for.
 *
 * @param present the columns that are stored; without it all
 */
async function storedQuery(
  db: DuckDBConnection,
  table: string,
  stored: string,
  { present, isRekeyed }: { present?: ReadonlySet<unknown>; isRekeyed: boolean },
): Promise<string> {
  const columns = await rows(
    db,
    `select column_name, data_type from duckdb_columns() where schema_name = 'raw' and table_name = ${quote(table)}`,
  );
  const told: Record<string, string> = isRekeyed
    ? {
        pupil_key: "coalesce(identities.pupil_key, stored.pupil_key)",
        // that marks are gone under a UPN which was another's of before says nothing of the pupil: the marks told since decide
        known_at:
          table === "marks"
            ? "if(stored.row_number is null and identities.id_key is not null, timestamp '2000-01-01', stored.known_at)"
            : "stored.known_at",
      }
    : {};
  const selected = columns.map(({ column_name, data_type }) => {
    const column = String(column_name);
    const value = (present?.has(column) ?? true) ? (told[column] ?? `stored.${column}`) : "null";
    return `cast(${value} as ${data_type}) as ${column}`;
  });
  return `select ${selected.join(", ")} from ${stored} as stored
    ${isRekeyed ? "left join raw.identities as identities on stored.pupil_key = identities.id_key" : ""}`;
}

function unreadableLake(error: unknown): RollbookError {
  return new RollbookError(
    `The lake cannot be read (${firstLine(error)}). Bring its folder back from a backup, or take the data folder away and ingest the landed files again`,
  );
}

/** The rows of every load must be there, as many as the ledger says: nothing that was accepted may be missing. */
async function holdToLedger(engine: Engine, loads: Load[]): Promise<void> {
  const found = new Map<string, number>();
  for (const table of Object.keys(LAKE_TABLES)) {
    const counted = `select load_number, count(*)::integer as count from raw.${table} group by all`;
    const counts = await engine.rows(counted).catch((error: unknown) => {
      throw error instanceof RollbookError ? error : unreadableLake(error);
    });
    for (const { load_number, count } of counts) found.set(`${load_number} ${table}`, Number(count));
  }
  const promised = new Map<string, number>();
  for (const { load_number, parts } of loads) {
    for (const { table, rows } of parts) {
      // no warehouse holds names: whoever reads them counts them
      if (table === NAMES_TABLE) continue;
      const key = `${load_number} ${table}`;
      promised.set(key, (promised.get(key) ?? 0) + rows);
    }
  }
  for (const key of [...promised.keys(), ...found.keys()].sort()) {
    const [load, table] = key.split(" ");
    const [has, should] = [found.get(key) ?? 0, promised.get(key) ?? 0];
    if (has === should) continue;
    throw new RollbookError(
      `The lake does not hold what the ledger says: load ${load} has ${has} rows of ${table}, not ${should}. Bring the data folder back from a backup`,
    );
  }
}

/**
 * A school year that has marks of a school but no calendar would drop out of every figure without a word, unless it is
 * derived from them.
 */
async function holdToCalendars(engine: Engine, { derive_calendars }: Project): Promise<void> {
  if (derive_calendars) return;
  const without = await engine.rows(
    `with marked as (
      select distinct school_urn, year(session_date) - if(month(session_date) < 8, 1, 0) as starts_in from raw.marks
    ),
    kept as (
      select distinct school_urn, left(school_year, 4)::integer as starts_in from raw.half_terms
    ),
    without as (
      select starts_in, school_urn, starts_in in (select starts_in from kept) as is_of_others
      from marked anti join kept using (school_urn, starts_in)
    )
    select
      starts_in || '/' || right((starts_in + 1)::varchar, 2) as school_year,
      string_agg(school_urn::varchar, ', ' order by school_urn) filter (is_of_others) as schools
    from without
    -- marks of a school that left the trust are in no figure
    where not is_of_others or school_urn in (select school_urn from raw.schools)
    group by starts_in
    order by starts_in`,
  );
  if (without.length > 0) {
    const named = without.map(({ school_year, schools }) => (schools ? `${school_year} of ${schools}` : school_year));
    throw new RollbookError(
      `rollbook.yaml has no calendar for ${named.join(", ")}, which marks were loaded for: add it, or write derive_calendars: true`,
    );
  }
}

/** Counts are named, rows are not: at the grain of pupils a row is a child's. All checks are made in one reading of the table. */
async function hold(engine: Engine, model: Model): Promise<void> {
  const grain = model.grain.join(", ");
  const broken = model.checks.map((check, i) => `, count(*) filter ((${check}) is not true)::integer as check_${i}`);
  const [found = {}] = await engine.rows(
    `select count(*) as rows,
      (select count(*) from (select 1 from ${model.name} group by ${grain} having count(*) > 1))::integer as repeats
      ${broken.join("")}
    from ${model.name}`,
  );
  if (Number(found.repeats) > 0) {
    throw new RollbookError(
      `${model.name}: more than one row per ${grain} (${found.repeats} times). ${model.file} promises one`,
    );
  }
  for (const [i, check] of model.checks.entries()) {
    const count = Number(found[`check_${i}`]);
    if (count > 0) {
      throw new RollbookError(`${model.name}: ${count} rows break the check "${check}" of ${model.file}`);
    }
  }
}
