import type { DuckDBConnection } from "@duckdb/node-api";
import { quote, rows } from "../ingest/duckdb.ts";
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

/** Makes every model a view, so that what an example gives flows through all that is made from it. */
export async function createViews(db: DuckDBConnection, models: Model[]): Promise<void> {
  for (const { name, sql } of models) await db.run(`create view ${name} as ${sql}`);
}

/**
 * What the model makes of the example's rows, in the columns that the example names and as it would write them. Models
 * are views (`createViews`); one that the example gives is a table of its rows and nothing else.
 */
export async function runExample(db: DuckDBConnection, model: Model, example: Example): Promise<Row[]> {
  await db.run("begin");
  try {
    for (const { table, rows: given } of example.given) {
      await db.run(/^(raw|rules)\./.test(table) ? `delete from ${table}` : asTable(await describe(db, table), table));
      for (const { times = "1", ...row } of given) {
        const values = Object.values(row).map((value) => (value === "" ? "null" : quote(value)));
        await db.run(
          `insert into ${table} (${Object.keys(row).join(", ")}) select ${values.join(", ")} from range(${Number(times)})`,
        );
      }
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

async function describe(db: DuckDBConnection, table: string): Promise<string> {
  const columns = await rows(db, `describe ${table}`);
  return columns.map(({ column_name, column_type }) => `${column_name} ${column_type}`).join(", ");
}

/** SQL that puts an empty table of the same columns in a view's place. */
function asTable(columns: string, view: string): string {
  return `drop view ${view}; create table ${view} (${columns})`;
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
