import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { dataFolders } from "../ingest/lake.ts";
import { buildWarehouse } from "../models/build.ts";
import { putInUse, warehouseInUse } from "../models/warehouse.ts";
import { built, makeProject, mark, marksFile, quietly } from "./project.ts";

const effects = { log: () => {}, now: () => new Date() };

test("a build that fails leaves the last warehouse in use and nothing of itself behind", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({})) });
  await quietly(project);
  await built(project, "from marts.trust");
  const { warehouse, lake } = dataFolders(project);
  const before = fs.readdirSync(warehouse);
  const inUse = warehouseInUse(warehouse);

  const [part] = fs
    .readdirSync(lake, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".parquet"));
  fs.writeFileSync(path.join(lake, part as string), "damaged");
  await expect(buildWarehouse(project, effects)).rejects.toThrow();
  expect(fs.readdirSync(warehouse)).toEqual(before);
  expect(warehouseInUse(warehouse)).toEqual(inUse);
});

test("a warehouse in which one byte changed on its way to the disk is not put in use", async () => {
  const project = makeProject({
    "marks.csv": marksFile(
      ...[10, 11, 12, 13, 14, 17, 18, 19, 20, 21].flatMap((day) =>
        ["AM", "PM"].map((session) => mark({ date: `2025-11-${day}`, session })),
      ),
    ),
  });
  await quietly(project);
  await built(project, "from marts.trust");
  const { warehouse } = dataFolders(project);
  const pointer = warehouseInUse(warehouse);

  const copy = path.join(warehouse, "copy.duckdb");
  fs.copyFileSync(pointer.path, copy);
  const { path: _, earlier: __, ...described } = pointer;
  await putInUse(warehouse, { ...described, file: "copy.duckdb" });
  expect(warehouseInUse(warehouse).file).toBe("copy.duckdb");

  const wrong = described.tables.map((table) =>
    table.table === "raw.half_terms" ? { ...table, checksum: "1" } : table,
  );
  await expect(putInUse(warehouse, { ...described, tables: wrong })).rejects.toThrow(
    "The new warehouse does not read back as it was built (raw.half_terms)",
  );

  const bytes = fs.readFileSync(copy);
  for (let at = 12_288 + 4_096; at < bytes.length; at += 262_144) bytes[at] = (bytes[at] ?? 0) ^ 1;
  fs.writeFileSync(path.join(warehouse, "flipped.duckdb"), bytes);
  await expect(putInUse(warehouse, { ...described, file: "flipped.duckdb" })).rejects.toThrow();
  expect(warehouseInUse(warehouse).file).toBe("copy.duckdb");
});

test("two builds of the same lake hold the same rows", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({}), mark({ session: "PM", mark: "O" })) });
  await quietly(project);
  const first = await buildWarehouse(project, effects);
  const second = await buildWarehouse(project, effects);
  expect(second.file).not.toBe(first.file);
  expect(second.tables).toEqual(first.tables);
});

test("a published warehouse has no write-ahead log, no index, and a format that refuses another file's log", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({})) });
  await quietly(project);
  await built(project, "from marts.trust");
  const { path: file } = warehouseInUse(dataFolders(project).warehouse);
  expect(fs.existsSync(`${file}.wal`)).toBe(false);
  const [found] = await withDuckDB({ path: file, readOnly: true }, (db) =>
    rows(
      db,
      `select
        (select count(*)::integer from duckdb_indexes()) as indexes,
        (select tags['storage_version'] from duckdb_databases() where not internal) as storage`,
    ),
  );
  expect(found).toEqual({ indexes: 0, storage: expect.stringMatching(/^v1\.5/) });
});

test("of earlier warehouses the newest two stay", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({})) });
  await quietly(project);
  for (let i = 0; i < 4; i++) await buildWarehouse(project, effects);
  const { warehouse } = dataFolders(project);
  expect(fs.readdirSync(warehouse).filter((name) => name.endsWith(".duckdb"))).toHaveLength(3);
});
