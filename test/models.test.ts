import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { withDuckDB } from "../ingest/duckdb.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { readModel, readModels } from "../models/model.ts";
import { databaseOf, readExamples, runExample } from "./examples.ts";

const models = readModels();
const byWords = (a: unknown, b: unknown) => JSON.stringify(a).localeCompare(JSON.stringify(b));

describe("worked examples", () => {
  const db = databaseOf(models);

  for (const model of models) {
    const file = path.join(import.meta.dirname, "..", model.file.replace(/\.sql$/, ".test.md"));
    for (const example of fs.existsSync(file) ? readExamples(fs.readFileSync(file, "utf8")) : []) {
      test(`${model.name}: ${example.title}`, async () => {
        const made = await runExample(db(), models, model, example);
        expect(made.sort(byWords)).toEqual(example.expect.sort(byWords));
      });
    }
  }
});

test("every model but a plain list has worked examples beside it", () => {
  const without = models.filter((model) => !fs.existsSync(model.file.replace(/\.sql$/, ".test.md")));
  expect(without.map((model) => model.name)).toEqual(["marts.schools"]);
});

test("a model without a grain is refused", () => {
  expect(() => readModel("marts.x", "-- Something.\nselect 1 as a")).toThrow(
    "models/marts/x.sql does not state its grain",
  );
});

test("a header word that the build does not know is refused, so that a misspelt one is not ignored", () => {
  expect(() => readModel("marts.x", "-- Something.\n--\n-- gain: a\nselect 1 as a")).toThrow('"gain:"');
});

test("inputs are read from the SQL, and neither from comments nor from texts", () => {
  const model = readModel(
    "marts.x",
    "-- X.\n-- grain: a\nselect 'marts.b' as a from raw.c -- from raw.d\njoin staging.e using (a)",
  );
  expect(model.inputs).toEqual(["raw.c", "staging.e"]);
});

test("a grain that does not hold stops the build", async () => {
  const model = readModel("marts.x", "-- X.\n-- grain: a\nselect 1 as a from range(2)");
  await expect(
    withDuckDB({}, async (db) => {
      await createRawTables(db);
      await buildModels(db, [model], () => {});
    }),
  ).rejects.toThrow("marts.x: more than one row per a (1 times)");
});

test("a check that does not hold stops the build, and so does one that is null", async () => {
  for (const value of ["1", "null"]) {
    const model = readModel("marts.x", `-- X.\n-- grain: a\n-- check: a > 1\nselect ${value} as a`);
    await expect(
      withDuckDB({}, async (db) => {
        await createRawTables(db);
        await buildModels(db, [model], () => {});
      }),
    ).rejects.toThrow('marts.x: 1 rows break the check "a > 1"');
  }
});
