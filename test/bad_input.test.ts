import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readProject } from "../ingest/project.ts";
import { makeProject, mark, marksFile, quietly } from "./project.ts";

test("a folder without register files is refused", async () => {
  const project = makeProject({});
  await expect(quietly(project)).rejects.toThrow(/^No register files in .*: put the schools' exports there/);
});

test("a folder that cannot be written to is refused", async () => {
  const project = makeProject({ "good.csv": marksFile(mark({})) });
  // a file stands where the folder would be: not even an administrator can write below it
  fs.writeFileSync(path.join(project.dir, "occupied"), "");
  await expect(quietly({ ...project, data: path.join(project.dir, "occupied", "data") })).rejects.toThrow(
    /^Cannot write to /,
  );
});

test("a folder without rollbook.yaml is refused", () => {
  expect(() => readProject(import.meta.dirname)).toThrow(/^No rollbook\.yaml in /);
});

test("a rollbook.yaml that is wrong says where", () => {
  const project = makeProject({});
  const file = path.join(project.dir, "rollbook.yaml");
  fs.writeFileSync(
    file,
    fs
      .readFileSync(file, "utf8")
      .replace("phase: Primary", "phase: Infants")
      .replace("as_at: 2026-03-20", "as_at: 2026-02-30"),
  );
  expect(() => readProject(project.dir)).toThrow(/as_at: expected a date like 2025-09-01[\s\S]*schools\.0\.phase/);
  fs.writeFileSync(file, "trust: [");
  expect(() => readProject(project.dir)).toThrow(/^rollbook\.yaml, line \d+: expected YAML/);
});

test("half terms that overlap are refused", () => {
  const project = makeProject({});
  const file = path.join(project.dir, "rollbook.yaml");
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("spring 1: [2026-01-05", "spring 1: [2025-12-18"));
  expect(() => readProject(project.dir)).toThrow("expected the half terms of 2025/26 one after another");
});
