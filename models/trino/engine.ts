import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { quote, rows } from "../../ingest/duckdb.ts";
import { RollbookError } from "../../ingest/errors.ts";
import { type Engine, firstLine } from "../engine.ts";
import type { Model } from "../model.ts";
import { inTrino, type OwnStep, tableIn } from "./dialect.ts";
import { StatementFailed, type Trino } from "./server.ts";

/** The marks of the lake as they are stored, with the school year that their folder is named by. */
export const STORED_MARKS = "raw.stored_marks";
/** How many models a cluster makes at once: more would share its memory, fewer would leave workers idle. */
const AT_ONCE = 4;
const SCHEMAS = ["raw", "rules", "staging", "marts", "board", "champion", "steps"];
/** What the cluster calls a type of the warehouse. Whatever is not here has the same name. */
const TYPES: Record<string, string> = {
  HUGEINT: "decimal(38, 0)",
  TIMESTAMP: "timestamp(6)",
  "VARCHAR[]": "array(varchar)",
};

export interface TrinoEngineOptions {
  trino: Trino;
  /** The warehouse that is being built, with its raw tables, its rules, and every model's table without a row. */
  db: DuckDBConnection;
  /** The project's data folder here. */
  data: string;
  /** The same folder as the cluster names it: `local:///`, `s3://bucket/rollbook`. */
  location: string;
  /** A folder of the data folder, which is empty or not there: what the build needs while it runs lies in it. */
  work: string;
  /** SQL of `raw.marks`, which reads {@link STORED_MARKS} as `stored`. Null when the lake has no marks. */
  marksQuery: string | null;
  /** The school years whose marks count, like `2025/26`. Without it: all of them. */
  schoolYears?: readonly string[] | undefined;
}

/** An engine that runs models on a cluster. */
export interface TrinoEngine extends Engine {
  /** Brings every table that was made into the warehouse. */
  bringHome: (log: (line: string) => void) => Promise<void>;
  /** Takes everything of the build off the cluster, whatever became of it. */
  close: () => Promise<void>;
}

/**
 * Sets a cluster up for a build: schemas of its own, the marks of the lake where they lie, and a copy of every other raw table
 * and of the rules. What it makes lies in a folder of the data folder, as Parquet files, until the engine is closed.
 */
export async function trinoEngine(options: TrinoEngineOptions): Promise<TrinoEngine> {
  const { trino, db, data, location, work, marksQuery, schoolYears } = options;
  // projects that share a cluster are told apart, and what a build that was stopped left there is found
  const project = createHash("sha256").update(location).digest("hex").slice(0, 8);
  const schemaOf = (schema: string) => `rollbook_${project}_${schema}`;
  const tableOf = (name: string) => tableIn(schemaOf, name);
  const placeOf = (folder: string) => quote(`${location.replace(/\/$/, "")}/${folder}`);
  const folderOf = (name: string) => [...path.relative(data, work).split(path.sep), ...name.split(".")].join("/");
  const columns = await columnsOf(db);
  const made: string[] = [];

  async function run(sql: string, failure: string): Promise<Record<string, unknown>[]> {
    try {
      return await trino.rows(sql);
    } catch (error) {
      if (!(error instanceof StatementFailed)) throw error;
      throw new RollbookError(`${failure}: the cluster says: ${error.message}. The last warehouse stays in use`);
    }
  }

  function translate(sql: string, name: string, isView: boolean) {
    const names = (table: string) => columns.get(table)?.map((column) => column.name) ?? null;
    return inTrino(db, sql, name, { isView, schemaOf, columnsOf: names });
  }

  async function setUp(): Promise<void> {
    for (const schema of SCHEMAS) {
      const failure = `${schemaOf(schema)} cannot be made`;
      await run(`drop schema if exists "${schemaOf(schema)}" cascade`, failure);
      await run(`create schema "${schemaOf(schema)}"`, failure);
    }
    const given = [...columns.keys()].filter((name) => /^(raw|rules)\./.test(name));
    for (const name of given) if (name !== "raw.marks" || !marksQuery) await lend(name);
    if (marksQuery) await showMarks(marksQuery);
  }

  /** Lends the cluster a copy of a table of the warehouse. */
  async function lend(name: string): Promise<void> {
    const folder = path.join(data, folderOf(name));
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    await db.run(`copy (from ${name}) to ${quote(path.join(folder, "all.parquet"))} (format parquet)`);
    await run(
      `create table ${tableOf(name)} (${typed(columns.get(name) ?? [])})
      with (format = 'PARQUET', external_location = ${placeOf(folderOf(name))})`,
      `${name} cannot be given to the cluster`,
    );
  }

  /**
   * Shows the cluster the lake's marks as `raw.marks`. A file counts when a load names it: rows of such loads only are asked
   * for, and the build compares their number with the ledger.
   */
  async function showMarks(query: string): Promise<void> {
    const failure = "The marks of the lake cannot be shown to the cluster";
    const told = columns.get("raw.marks") ?? [];
    columns.set(STORED_MARKS, [...told, { name: "school_year", type: "VARCHAR" }]);
    await run(
      `create table ${tableOf(STORED_MARKS)} (
        ${typed(told.filter(({ name }) => name !== "school_urn"))}, school_year varchar, school_urn integer
      ) with (
        format = 'PARQUET', external_location = ${placeOf("lake/marks")},
        partitioned_by = array['school_year', 'school_urn']
      )`,
      failure,
    );
    const [, table = ""] = STORED_MARKS.split(".");
    await run(`call system.sync_partition_metadata(${quote(schemaOf("raw"))}, ${quote(table)}, 'FULL')`, failure);
    const folders = schoolYears?.map((year) => quote(year.replace("/", "-"))).join(", ");
    const view = await translate(
      `${query}
      where stored.load_number in (select load_number from raw.loads)
      ${folders ? `and stored.school_year in (${folders})` : ""}`,
      "raw.marks",
      true,
    );
    await run(`create view ${tableOf("raw.marks")} as ${view.sql}`, failure);
  }

  /** Makes a table of what a query of Trino's finds, and says how many rows it has. */
  async function fill(name: string, query: string, failure: string): Promise<number> {
    const folder = path.join(data, folderOf(name));
    fs.mkdirSync(path.dirname(folder), { recursive: true, mode: 0o700 });
    const [result] = await run(
      `create table ${tableOf(name)} with (format = 'PARQUET', external_location = ${placeOf(folderOf(name))}) as ${query}`,
      failure,
    );
    // the cluster makes the folder when there is a row to write, and none that is there already
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    return Number(result?.rows);
  }

  /** Makes a step that is a table of its own. A recursive one is made turn by turn, until a turn finds nothing. */
  async function makeStep({ name, sql, next, isDistinct }: OwnStep, failure: string): Promise<void> {
    if (!next) {
      await fill(name, sql, failure);
      return;
    }
    const turns: string[] = [];
    const found = () => turns.map((turn) => `select * from ${tableOf(turn)}`).join(" union all ");
    for (let query = sql; ; ) {
      const turn = `${name}__${turns.length}`;
      const count = await fill(turn, query, failure);
      turns.push(turn);
      if (count === 0) break;
      query = next(turn);
      if (isDistinct) query = `select distinct * from (${query}) except (${found()})`;
    }
    await run(`create view ${tableOf(name)} as ${found()}`, failure);
  }

  const engine: TrinoEngine = {
    atOnce: AT_ONCE,
    rows: async (sql) => run((await translate(sql, "a check", true)).sql, "A check cannot be made"),
    make: async ({ name, sql, file, view }) => {
      const failure = `${file} does not run`;
      const translated = await translate(sql, name, view !== null);
      for (const step of translated.steps) await makeStep(step, failure);
      const own = columns.get(name) ?? [];
      const cast = own.map((column) => `cast("${column.name}" as ${typeOf(column.type)}) as "${column.name}"`);
      const query = `select ${cast.join(", ")} from (${translated.sql})`;
      if (view !== null) {
        await run(`create view ${tableOf(name)} as ${query}`, failure);
        return null;
      }
      const count = await fill(name, query, failure);
      if (count > 0) made.push(name);
      return count;
    },
    bringHome: async (log) => {
      for (const name of made) {
        log(`bringing ${name} home`);
        const folder = path.join(data, folderOf(name));
        const files = fs.readdirSync(folder).filter((file) => !/^[._]/.test(file));
        const list = files.map((file) => quote(path.join(folder, file))).join(", ");
        await db.run(`insert into ${name} by name from read_parquet([${list}], hive_partitioning = false)`);
      }
    },
    close: async () => {
      // an engine that failed may not answer: what it cannot drop now the next build does
      try {
        for (const schema of SCHEMAS) await trino.rows(`drop schema if exists "${schemaOf(schema)}" cascade`);
      } catch {}
      fs.rmSync(work, { recursive: true, force: true });
    },
  };
  try {
    await setUp();
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}

/** Makes every model's table in the warehouse without a row, so that what a cluster makes comes home into the types it has there. */
export async function makeEmpty(db: DuckDBConnection, models: readonly Model[]): Promise<void> {
  for (const { name, sql, view, file } of models) {
    try {
      await db.run(view === null ? `create table ${name} as from (${sql}\n) limit 0` : `create view ${name} as ${sql}`);
    } catch (error) {
      throw new RollbookError(`${file} does not run: ${firstLine(error)}`);
    }
  }
}

// --- internal ---

interface Column {
  name: string;
  type: string;
}

/** The columns of every table of the warehouse, by its name with the schema. */
async function columnsOf(db: DuckDBConnection): Promise<Map<string, Column[]>> {
  const found = await rows(
    db,
    `select schema_name || '.' || table_name as "table", column_name, data_type
    from duckdb_columns()
    where database_name = current_database() and schema_name <> 'main'
    order by schema_name, table_name, column_index`,
  );
  const tables = new Map<string, Column[]>();
  for (const { table, column_name, data_type } of found) {
    const columns = tables.get(String(table)) ?? [];
    tables.set(String(table), [...columns, { name: String(column_name), type: String(data_type) }]);
  }
  return tables;
}

function typed(columns: readonly Column[]): string {
  return columns.map(({ name, type }) => `"${name}" ${typeOf(type)}`).join(", ");
}

function typeOf(type: string): string {
  return TYPES[type] ?? type.toLowerCase();
}
