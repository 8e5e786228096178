import fs from "node:fs";
import path from "node:path";
import { tableFromIPC } from "apache-arrow";
import { expect, test } from "vitest";
import { exportTable } from "../commands/export.ts";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { dataFolders } from "../ingest/lake.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { built, makeProject, mark, marksFile, quietly } from "./project.ts";

test("a mart is the same in CSV, Parquet and Arrow, and Arrow's own reader can read it", async () => {
  const project = makeProject({
    "marks.csv": marksFile(
      mark({}),
      mark({ session: "PM", mark: "I" }),
      mark({ upn: "A825999924018", mark: "O" }),
      mark({ urn: "999002", upn: "A825999924018", date: "2025-11-03", mark: "L" }),
    ),
  });
  await quietly(project);
  const columns =
    "school_urn::integer as school_urn, pupil_key, period_type, period, sessions_possible::integer as possible, is_persistent, dfe_band";
  const expected = await built(project, `select ${columns} from marts.pupil_attendance order by all`);
  expect(expected.length).toBeGreaterThan(6);

  const { path: warehouse } = warehouseInUse(dataFolders(project).warehouse);
  for (const format of ["csv", "parquet"] as const) {
    const out = path.join(project.dir, `mart.${format}`);
    expect(await exportTable(warehouse, "marts.pupil_attendance", format, out)).toBe(expected.length);
    const read =
      format === "csv" ? `read_csv(${quote(out)}, types = {'school_year': 'VARCHAR'})` : `read_parquet(${quote(out)})`;
    expect(await withDuckDB({}, (db) => rows(db, `select ${columns} from ${read} order by all`))).toEqual(expected);
  }

  const out = path.join(project.dir, "mart.arrow");
  expect(await exportTable(warehouse, "marts.pupil_attendance", "arrow", out)).toBe(expected.length);
  const table = tableFromIPC(fs.readFileSync(out));
  const read = table.toArray().map((row) => ({
    school_urn: row.school_urn,
    pupil_key: row.pupil_key,
    period_type: row.period_type,
    period: row.period,
    possible: Number(row.sessions_possible),
    is_persistent: row.is_persistent,
    dfe_band: row.dfe_band,
  }));
  const byWords = (a: unknown, b: unknown) => JSON.stringify(a).localeCompare(JSON.stringify(b));
  expect(read.sort(byWords)).toEqual(expected.sort(byWords));
});

test("nulls, days and the type of every column survive in Arrow, and an empty mart is a table without rows", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({})) });
  await quietly(project);
  await built(project, "from marts.trust");
  const { path: warehouse } = warehouseInUse(dataFolders(project).warehouse);
  const out = path.join(project.dir, "mart.arrow");

  await exportTable(warehouse, "marts.trust", "arrow", out);
  const [trust] = tableFromIPC(fs.readFileSync(out)).toArray();
  expect(new Date(trust.as_at).toISOString()).toBe("2026-03-20T00:00:00.000Z");

  await exportTable(warehouse, "raw.marks", "arrow", out);
  const [first] = tableFromIPC(fs.readFileSync(out)).toArray();
  expect(new Date(first.known_at).toISOString()).toBe("2025-10-06T09:02:11.000Z");

  await exportTable(warehouse, "marts.school_attendance", "arrow", out);
  const schools = tableFromIPC(fs.readFileSync(out)).toArray();
  expect(schools.filter((row) => row.school_urn === null).length).toBeGreaterThan(0);

  expect(await exportTable(warehouse, "marts.dfe_reconciliation", "arrow", out)).toBe(0);
  const empty = tableFromIPC(fs.readFileSync(out));
  expect([empty.numRows, empty.schema.fields.length]).toEqual([0, 8]);
});

test("a table that is not there is refused, and the marts are named", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({})) });
  await quietly(project);
  await built(project, "from marts.trust");
  const { path: warehouse } = warehouseInUse(dataFolders(project).warehouse);
  await expect(exportTable(warehouse, "marts.pupils", "csv", "unused.csv")).rejects.toThrow(
    "The warehouse has no table of that name. It has: marts.absence_reasons, marts.attendance_bands, ",
  );
});
