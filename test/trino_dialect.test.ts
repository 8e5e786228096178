import { expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { readModels } from "../models/model.ts";
import { inTrino } from "../models/trino/dialect.ts";

/** Writes a query for Trino, of a table `raw.t` with the columns a, b and c. */
const translated = (sql: string) =>
  withDuckDB({}, (db) =>
    inTrino(db, sql, "staging.example", {
      schemaOf: (schema) => schema,
      columnsOf: (table) => (table === "raw.t" ? ["a", "b", "c"] : null),
    }),
  );

test("every model can be written for Trino", async () => {
  await withDuckDB({}, async (db) => {
    await createRawTables(db);
    const models = readModels();
    await buildModels(db, models, () => {});
    const columns = new Map<string, string[]>();
    for (const { table, column_name } of await rows(
      db,
      `select schema_name || '.' || table_name as "table", column_name from duckdb_columns() order by column_index`,
    )) {
      columns.set(String(table), [...(columns.get(String(table)) ?? []), String(column_name)]);
    }
    for (const { name, sql, view } of models) {
      const { sql: written } = await inTrino(db, sql, name, {
        isView: view !== null,
        schemaOf: (schema) => schema,
        columnsOf: (table) => columns.get(table) ?? null,
      });
      expect(written).toMatch(/\bselect\b/);
    }
  });
});

test.each([
  ["a star without a column", "select * exclude (b) from raw.t", 'select "t"."a" as "a", "t"."c" as "c"'],
  ["a share of whole numbers", "select a / b as x from raw.t", '(cast("a" as double) / cast("b" as double)) as "x"'],
  [
    "the least of what is given",
    "select least(a, b) as x from raw.t",
    'array_min(filter(array["a", "b"], given -> given is not null)) as "x"',
  ],
  [
    "the last that is not empty",
    "select max_by(a, b) filter (c) as x from raw.t",
    'max_by("a", "b") filter (where "c" and "a" is not null) as "x"',
  ],
  [
    "what stands in the other",
    "select a from raw.t semi join (select b from raw.t) as u on a = u.b",
    "exists (select 1",
  ],
  ["an empty text", "select coalesce(a, '') as x from raw.t", 'coalesce("a", \'\') as "x"'],
  [
    "a text of what may be missing",
    "select printf('%.1f', a) as x from raw.t",
    `if('%.1f' is not null and "a" is not null, format('%.1f', "a")) as "x"`,
  ],
  ["a column by its name", "select a + 1 as x, x * 2 as y from raw.t", '(("a" + 1) * 2) as "y"'],
  ["the first of each", "select a from raw.t qualify row_number() over (order by b) = 1", 'where "is kept"'],
])("%s is written as Trino has it", async (_, sql, expected) => {
  expect((await translated(sql)).sql).toContain(expected);
});

test("a step that is read twice is made once", async () => {
  const { steps, sql } = await translated(
    "with n as (select a, count(*) as c from raw.t group by a) select x.a from n as x join n as y on x.a = y.c",
  );
  expect(steps.map(({ name }) => name)).toEqual(["steps.staging_example__n"]);
  expect(sql).not.toContain("count");
});

test("what Trino has no words for is refused, by its name", async () => {
  await expect(translated("select levenshtein('a', 'b') as x")).rejects.toThrow(
    "staging.example cannot run on Trino: the function levenshtein. Write it another way, or say in models/trino/vocabulary.ts what Trino has for it",
  );
});
