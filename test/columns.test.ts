import fs from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import { beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { readModels } from "../models/model.ts";

const FILE = "models/marts/columns.csv";

/** A column that others read. It keeps its name, place and type; more may join at the end of its mart. */
const Column = z.strictObject({
  mart: z.string(),
  column_name: z.string(),
  type: z.string(),
  /** What a number counts or measures; empty where the column is no number. */
  unit: z.string(),
  meaning: z.string().min(10),
});

const documented = z
  .array(Column)
  .parse(parse(fs.readFileSync(path.join(import.meta.dirname, "..", FILE)), { columns: true }));

const models = readModels().filter((model) => model.name.startsWith("marts."));
const marts = models.map((model) => model.name.replace("marts.", "")).sort();
/** The columns of each mart as they are: `school_urn INTEGER`. */
const built = new Map<string, string[]>();

beforeAll(async () => {
  const found = await withDuckDB({}, async (db) => {
    await createRawTables(db);
    await buildModels(db, readModels(), () => {});
    return rows(
      db,
      `select table_name, column_name || ' ' || data_type as told
      from information_schema.columns
      where table_schema = 'marts'
      order by table_name, ordinal_position`,
    );
  });
  for (const { table_name, told } of found) {
    built.set(String(table_name), [...(built.get(String(table_name)) ?? []), String(told)]);
  }
});

test.each(marts)("the columns of marts.%s are those that are documented, in their order and of their type", (mart) => {
  const told = documented.filter((column) => column.mart === mart);
  expect(built.get(mart)).toEqual(told.map(({ column_name, type }) => `${column_name} ${type}`));
});

test("no column of a mart that is not there is documented, and marts stand in alphabetical order", () => {
  expect([...new Set(documented.map(({ mart }) => mart))]).toEqual(marts);
});

test("every count and measure has a unit, and a percentage is per cent", () => {
  const numbers = documented.filter(({ type }) => type === "BIGINT" || type === "DOUBLE");
  expect(numbers.filter(({ unit }) => unit === "")).toEqual([]);
  const percentages = documented.filter(({ column_name }) => /^percent_/.test(column_name));
  expect(percentages.filter(({ unit }) => unit !== "per cent")).toEqual([]);
  const others = documented.filter(({ type }) => ["VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP"].includes(type));
  expect(others.filter(({ unit }) => unit !== "")).toEqual([]);
});

test("every column that a mart's grain names is documented", () => {
  const names = new Set(documented.map(({ mart, column_name }) => `marts.${mart}.${column_name}`));
  const unnamed = models.flatMap((model) => model.grain.map((column) => `${model.name}.${column}`));
  expect(unnamed.filter((column) => !names.has(column))).toEqual([]);
});
