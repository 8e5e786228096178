import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { dataFolders } from "../ingest/lake.ts";
import type { Project } from "../ingest/project.ts";
import { measureTables, warehouseInUse } from "../models/warehouse.ts";
import { ROLLBOOK, rollbook } from "./command.ts";
import { drop, makeProject, mark, marksFile } from "./project.ts";

const KILLS = 12;
/** The command line takes a while to start; the kills are spread over what it does after that. */
const FIRST_KILL_MS = 500;
const LAST_KILL_MS = 3000;

test("killed at any moment of ingest or build, the last warehouse stays whole and the next run completes", async () => {
  const project = makeProject({ "0.csv": schoolDays(0) });
  await run(project);
  let last = await warehouseRows(project);

  for (let i = 1; i <= KILLS; i++) {
    drop(project.dir, { [`${i}.csv`]: schoolDays(i) });
    const command = i % 2 === 0 ? "build" : "ingest";
    if (command === "build") await rollbook("ingest", "--project", project.dir);
    await killed(command, project, FIRST_KILL_MS + ((LAST_KILL_MS - FIRST_KILL_MS) * i) / KILLS);
    const now = await warehouseRows(project);
    expect([last, (i + 1) * ROWS_A_FILE]).toContain(now);
    last = now;
  }

  await run(project);
  expect(await warehouseRows(project)).toBe((KILLS + 1) * ROWS_A_FILE);
  const { warehouse, work } = dataFolders(project);
  expect(fs.readdirSync(warehouse).filter((name) => name.endsWith(".wal"))).toEqual([]);
  expect(fs.existsSync(path.join(work, "ingest"))).toBe(false);
}, 300_000);

// --- internal ---

const ROWS_A_FILE = 20_000;

/** Twenty thousand marks of one day in the spring, each of another pupil; every file another day. */
function schoolDays(file: number): string {
  const date = `2026-01-${String(file + 5).padStart(2, "0")}`;
  return marksFile(
    ...Array.from({ length: ROWS_A_FILE }, (_, i) =>
      mark({ upn: `A${String(82_599_990_000 + i).padStart(11, "0")}7`, date }),
    ),
  );
}

async function run(project: Project): Promise<void> {
  for (const command of ["ingest", "build"]) {
    expect(await rollbook(command, "--project", project.dir)).toMatchObject({ code: 0, stderr: "" });
  }
}

async function killed(command: string, project: Project, after: number): Promise<void> {
  const child = spawn(process.execPath, [ROLLBOOK, command, "--project", project.dir], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await Promise.race([sleep(after), ended]);
  child.kill("SIGKILL");
  await ended;
}

/** How many marks the warehouse in use has, after reading every value of every table and comparing it with the build's. */
async function warehouseRows(project: Project): Promise<number> {
  const { path: file, tables } = warehouseInUse(dataFolders(project).warehouse);
  return withDuckDB({ path: file, readOnly: true }, async (db) => {
    expect(await measureTables(db)).toEqual(tables);
    const [count] = await rows(db, "select count(*)::integer as marks from raw.marks");
    return Number(count?.marks);
  });
}
