import type { DuckDBConnection } from "@duckdb/node-api";
import { afterAll, beforeAll } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { createRawTables } from "../models/build.ts";
import type { Model } from "../models/model.ts";

type Row = Record<string, string>;

/** A worked example: these rows in, those rows out. Written as tables that a head of attendance can read and dispute. */
export interface Example {
  title: string;
  given: { table: string; rows: Row[] }[];
  expect: Row[];
}

/**
 * Reads the examples of a `.test.md` file. A cell left empty is null; a column `times` in a Given table means
 * "this row, so many times".
 */
export function readExamples(text: string): Example[] {
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [title = "", ...lines] = section.split("\n");
      const given: Example["given"] = [];
      let expected: Row[] | undefined;
      let block: string[] = [];
      let into: string | undefined;
      const close = () => {
        if (into === "expect") expected = readTable(block);
        else if (into) given.push({ table: into, rows: readTable(block) });
        block = [];
      };
      for (const line of lines) {
        const heading = line.match(/^(?:Given `([a-z_.]+)`|(Expect)):/);
        if (heading) {
          close();
          into = heading[1] ?? "expect";
        } else if (line.startsWith("|")) block.push(line);
      }
      close();
      if (!expected) throw new Error(`the example "${title}" expects nothing`);
      return { title: title.trim(), given, expect: expected };
    });
}

/** Makes every model an empty table, a view too: an example may give its rows. */
export async function createTables(db: DuckDBConnection, models: Model[]): Promise<void> {
  for (const { name, sql } of models) await db.run(`create table ${name} as ${sql}`);
}

/** One database for all tests of a file or block, with an empty table of each model: examples leave nothing behind. */
export function databaseOf(models: Model[]): () => DuckDBConnection {
  let db: DuckDBConnection;
  let close: () => void;
  let closed: Promise<void>;
  beforeAll(async () => {
    await new Promise<void>((opened, failed) => {
      closed = withDuckDB({}, async (connection) => {
        await createRawTables(connection);
        await createTables(connection, models);
        db = connection;
        await new Promise<void>((ended) => {
          close = ended;
          opened();
        });
      });
      closed.catch(failed);
    });
  });
  afterAll(async () => {
    close();
    await closed;
  });
  return () => db;
}

/**
 * What the model makes of the example's rows, in the columns that the example names and as it would write them. Every
 * model is a table (`createTables`): those between what the example gives and the model are made anew.
 */
export async function runExample(
  db: DuckDBConnection,
  models: Model[],
  model: Model,
  example: Example,
): Promise<Row[]> {
  await db.run("begin");
  try {
    const givenTables = new Set(example.given.map(({ table }) => table));
    for (const { table, rows: given } of example.given) {
      await db.run(`delete from ${table}`);
      for (const { times = "1", ...row } of given) {
        const values = Object.values(row).map((value) => (value === "" ? "null" : quote(value)));
        await db.run(
          `insert into ${table} (${Object.keys(row).join(", ")}) select ${values.join(", ")} from range(${Number(times)})`,
        );
      }
    }
    for (const { name, sql } of betweenThem(models, model, givenTables)) {
      await db.run(`delete from ${name}; insert into ${name} ${sql}`);
    }
    const columns = Object.keys(example.expect[0] ?? {});
    const made = await rows(db, `select ${columns.join(", ") || "*"} from (${model.sql}\n)`);
    return made.map((row) =>
      Object.fromEntries(columns.map((column) => [column, written(row[column], decimals(example.expect, column))])),
    );
  } finally {
    await db.run("rollback");
  }
}

// --- internal ---

/** The models that a model is made from, first things first, without those that the example gives. */
function betweenThem(models: Model[], model: Model, given: Set<string>): Model[] {
  const wanted = new Set(model.inputs.filter((name) => !given.has(name)));
  for (const { name, inputs } of [...models].reverse()) {
    if (wanted.has(name)) for (const input of inputs) if (!given.has(input)) wanted.add(input);
  }
  return models.filter(({ name }) => wanted.has(name));
}

function readTable(lines: string[]): Row[] {
  // the second line of a table is its rule
  const [header = [], ...cells] = lines
    .filter((_, i) => i !== 1)
    .map((line) =>
      line
        .slice(1, line.lastIndexOf("|"))
        .split("|")
        .map((cell) => cell.trim()),
    );
  return cells.map((row) => Object.fromEntries(header.map((column, i) => [column, row[i] ?? ""])));
}

/** How many decimals the example writes in a column: the model's unrounded value is shown with as many. */
function decimals(expected: Row[], column: string): number {
  return Math.max(0, ...expected.map((row) => row[column]?.match(/^-?\d+\.(\d+)$/)?.[1]?.length ?? 0));
}

function written(value: unknown, places: number): string {
  if (value === null || value === undefined) return "";
  return places > 0 ? Number(value).toFixed(places) : String(value);
}
