import fs from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import { beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { readModels } from "../models/model.ts";

const ROOT = path.join(import.meta.dirname, "..");

/** A column that others read. It keeps its name, place and type; more may join at the end of its mart. */
const Column = z.strictObject({
  mart: z.string(),
  column_name: z.string(),
  type: z.string(),
  /** What a number counts or measures; empty where the column is no number. */
  unit: z.string(),
  meaning: z.string().min(10),
});

/** A column that the board's site ships, and what a reader learns from it: the auditor of disclosure reads this. */
const Shipped = z.strictObject({
  table_name: z.string(),
  column_name: z.string(),
  tells: z.enum([
    "school",
    "school_year",
    "period_type",
    "period",
    "breakdown",
    "cohort",
    "measure",
    "value",
    "pupils",
    "percent_persistent",
    "percent_severe",
    "percent_attendance",
    "difference",
    "england",
    "words",
    "percent_step",
    "other",
  ]),
  meaning: z.string().min(10),
});

const documented = [
  ...schemaColumns("marts", table("models/marts/columns.csv")),
  ...schemaColumns("champion", table("models/champion/columns.csv")),
];
const listed = z.array(Shipped).parse(table("models/board/columns.csv"));
const sources = fs
  .readdirSync(path.join(ROOT, "sources", "board"))
  .filter((file) => file.endsWith(".sql"))
  .map((file) => path.basename(file, ".sql"))
  .sort();

const models = readModels().filter((model) => /^(marts|champion)\./.test(model.name));
/** The marts, and the tables that a school's champion sees. */
const names = models.map((model) => model.name).sort();
/** The columns of each of them as they are: `school_urn INTEGER`. */
const built = new Map<string, string[]>();
/** The columns of each table that the board's site ships, and their types. */
const shipped = new Map<string, { name: string; type: string }[]>();

beforeAll(async () => {
  await withDuckDB({}, async (db) => {
    await createRawTables(db);
    await buildModels(db, readModels(), () => {});
    const found = await rows(
      db,
      `select table_schema || '.' || table_name as name, column_name || ' ' || data_type as told
      from information_schema.columns
      where table_schema in ('marts', 'champion')
      order by name, ordinal_position`,
    );
    for (const { name, told } of found) built.set(String(name), [...(built.get(String(name)) ?? []), String(told)]);
    for (const source of sources) {
      const columns = await rows(
        db,
        `describe ${fs.readFileSync(path.join(ROOT, `sources/board/${source}.sql`), "utf8")}`,
      );
      shipped.set(
        source,
        columns.map(({ column_name, column_type }) => ({ name: String(column_name), type: String(column_type) })),
      );
    }
  });
});

test.each(names)("the columns of %s are those that are documented, in their order and of their type", (name) => {
  const told = documented.filter((column) => column.name === name);
  expect(built.get(name)).toEqual(told.map(({ column_name, type }) => `${column_name} ${type}`));
});

test("no column of a table that is not there is documented, and tables stand in alphabetical order", () => {
  const told = [...new Set(documented.map(({ name }) => name))];
  expect(told.filter((name) => name.startsWith("marts."))).toEqual(names.filter((name) => name.startsWith("marts.")));
  expect(told.filter((name) => name.startsWith("champion."))).toEqual(
    names.filter((name) => name.startsWith("champion.")),
  );
});

test("every table of a champion's says whose its rows are, first of all", () => {
  const champions = names.filter((name) => name.startsWith("champion."));
  expect(champions.length).toBeGreaterThan(0);
  expect(champions.filter((name) => built.get(name)?.[0] !== "school_urn INTEGER")).toEqual([]);
});

test("every count and measure has a unit, and a percentage is per cent", () => {
  const numbers = documented.filter(({ type }) => type === "BIGINT" || type === "DOUBLE");
  expect(numbers.filter(({ unit }) => unit === "")).toEqual([]);
  const percentages = documented.filter(({ column_name }) => /^percent_/.test(column_name));
  expect(percentages.filter(({ unit }) => unit !== "per cent")).toEqual([]);
  const others = documented.filter(({ type }) => ["VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP"].includes(type));
  expect(others.filter(({ unit }) => unit !== "")).toEqual([]);
});

test("every column that a grain names is documented", () => {
  const told = new Set(documented.map(({ name, column_name }) => `${name}.${column_name}`));
  const unnamed = models.flatMap((model) => model.grain.map((column) => `${model.name}.${column}`));
  expect(unnamed.filter((column) => !told.has(column))).toEqual([]);
});

test.each(sources)("every column of the board's table %s is listed, in its order, with what it tells", (source) => {
  const told = listed.filter(({ table_name }) => table_name === source);
  expect(shipped.get(source)?.map(({ name }) => name)).toEqual(told.map(({ column_name }) => column_name));
});

test("no table is listed that the board's site does not ship, and tables stand in alphabetical order", () => {
  expect([...new Set(listed.map(({ table_name }) => table_name))]).toEqual(sources);
});

test("a column of the board's that is listed as words holds no number, and one listed as a number of pupils does", () => {
  const typed = listed.map(({ table_name, column_name, tells }) => {
    const type = shipped.get(table_name)?.find(({ name }) => name === column_name)?.type ?? "";
    return { column: `${table_name}.${column_name}`, tells, isNumber: /^(DOUBLE|INTEGER|BIGINT|HUGEINT)$/.test(type) };
  });
  expect(typed.filter(({ tells, isNumber }) => tells === "words" && isNumber)).toEqual([]);
  expect(typed.filter(({ tells, isNumber }) => tells === "pupils" && !isNumber)).toEqual([]);
});

test("a table of the board's that tells of cohorts tells of which breakdown, school, year and period they are", () => {
  const tellings = sources.map((source) =>
    listed.filter(({ table_name }) => table_name === source).map(({ tells }): string => tells),
  );
  const parts = ["school", "school_year", "period_type", "period", "breakdown"];
  const ofCohorts = tellings.filter((tells) => tells.includes("cohort"));
  expect(ofCohorts).toHaveLength(3);
  expect(ofCohorts.flatMap((tells) => parts.filter((part) => !tells.includes(part)))).toEqual([]);
});

// --- internal ---

function schemaColumns(schema: string, told: unknown): (z.infer<typeof Column> & { name: string })[] {
  return z
    .array(Column)
    .parse(told)
    .map((column) => ({ ...column, name: `${schema}.${column.mart}` }));
}

function table(file: string): unknown {
  return parse(fs.readFileSync(path.join(ROOT, file)), { columns: true });
}
