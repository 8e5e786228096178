import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { readModels } from "../models/model.ts";

/** A folder of models, each with the tables that it reads. */
function folderOf(models: Record<string, string[]>): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-models-"));
  for (const [name, inputs] of Object.entries(models)) {
    const file = path.join(folder, `${name.replace(".", "/")}.sql`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `-- A model.\n--\n-- grain: a\n\nselect a from ${inputs.join(" join ")}\n`);
  }
  return folder;
}

test("models come after what they read", () => {
  const folder = folderOf({ "marts.a": ["marts.b"], "marts.b": ["staging.c"], "staging.c": ["raw.marks"] });
  expect(readModels(folder).map((model) => model.name)).toEqual(["staging.c", "marts.b", "marts.a"]);
});

test("a circle of models is named", () => {
  const folder = folderOf({ "marts.a": ["marts.b"], "marts.b": ["marts.a"] });
  expect(() => readModels(folder)).toThrow("Models go round in a circle: marts.a → marts.b → marts.a");
});

test("an input that no file makes is named", () => {
  const folder = folderOf({ "marts.a": ["staging.missing"] });
  expect(() => readModels(folder)).toThrow("models/marts/a.sql reads staging.missing, which no file in models/ makes");
});
