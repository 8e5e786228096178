import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { ingest } from "../ingest/ingest.ts";
import { dataFolders } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import type { Project } from "../ingest/project.ts";
import { buildWarehouse } from "../models/build.ts";
import { currentWarehouse, measureTables, warehouseInUse } from "../models/warehouse.ts";
import { ROLLBOOK, rollbook } from "./command.ts";
import { drop, makeProject, mark, marksFile } from "./project.ts";

/** Kills of each command: most spread over its work, the others at the steps that count. */
const KILLS = 25;
const ROWS_A_FILE = 2_000;
const SEED = 20260320;

test("killed at any of 50 moments, ingest and build leave the last warehouse whole and the next run completes", async () => {
  const project = makeProject({ "0.csv": schoolDay(0) });
  const folders = dataFolders(project);
  const random = randomNumbers(SEED);
  await loadRest(project);
  await buildWarehouse(project, effects);
  const startUp = await startUpMs();
  const work = { ingest: await workMs(project, "ingest"), build: await workMs(project, "build") };
  /** As start-up ends, or at a moment of the command's work: one in each of equal parts of it. */
  const moment = async (command: Command, i: number) => {
    if (i < 2) return sleep(startUp * (0.8 + random() * 0.3));
    await appears(folders.work, (name) => name === command);
    return sleep((work[command] * (i + random())) / KILLS);
  };
  const found = { loaded: 0, "not loaded": 0, "moved, not loaded": 0, "in use": 0, "not in use": 0 };

  for (let i = 0; i < KILLS; i++) {
    const rowsBefore = (i + 2) * ROWS_A_FILE;
    const name = `${i + 1}.csv`;
    const content = schoolDay(i + 1);
    drop(project.dir, { [name]: content });
    const publishing = {
      3: () => appears(folders.landing, (file) => file === sha256(content)),
      4: () => appears(folders.ledger, (file) => file.endsWith(".json")),
    }[i % 5];
    await killed(project, "ingest", publishing ? publishing() : moment("ingest", i));
    const isLoaded = readLedger(folders.ledger).some((load) => load.file === name);
    found[isLoaded ? "loaded" : isLeftBehind(project, content) ? "moved, not loaded" : "not loaded"]++;
    expect(await rowsInUse(project)).toBe(rowsBefore);
    expect(await loadRest(project)).toBe(isLoaded ? 0 : 1);

    const before = warehouseInUse(folders.warehouse).file;
    const swapping = {
      3: () => appears(folders.warehouse, (file) => file === "current.json.draft"),
      4: () => appears(folders.warehouse, (file) => file === "current.json"),
    }[i % 5];
    await killed(project, "build", swapping ? swapping() : moment("build", i));
    const isInUse = warehouseInUse(folders.warehouse).file !== before;
    found[isInUse ? "in use" : "not in use"]++;
    expect(await rowsInUse(project)).toBe(rowsBefore + (isInUse ? ROWS_A_FILE : 0));
    await buildWarehouse(project, effects);
    expect(await rowsInUse(project)).toBe(rowsBefore + ROWS_A_FILE);
  }

  // the kills fell on both sides of the steps that count, and in the midst of publishing
  expect(Object.entries(found).filter(([, times]) => times === 0)).toEqual([]);
  expect(await statedOnce(project)).toEqual({
    marks: (KILLS + 2) * ROWS_A_FILE,
    statements: (KILLS + 2) * ROWS_A_FILE,
  });
  expectNothingLeftOver(project);
});

describe("what a run that was killed while it published had moved already", () => {
  test.each([
    ["has changed", { "1.csv": "changed" }],
    ["is gone", { "1.csv": null }],
  ])("does not stay behind when the file %s before the next run", async (_, { "1.csv": next }) => {
    const project = makeProject({ "0.csv": schoolDay(0) });
    await loadRest(project);
    const content = schoolDay(1);
    const file = path.join(project.registers, "1.csv");
    for (let tries = 0; !isLeftBehind(project, content); tries++) {
      expect(tries, "no kill in ten fell between moving the file and loading it").toBeLessThan(10);
      fs.rmSync(project.data, { recursive: true });
      fs.rmSync(file, { force: true });
      await loadRest(project);
      drop(project.dir, { "1.csv": content });
      await killed(
        project,
        "ingest",
        appears(dataFolders(project).landing, (name) => name === sha256(content)),
      );
    }
    if (next === null) fs.rmSync(file);
    else fs.writeFileSync(file, schoolDay(2));
    await loadRest(project);
    expectNothingLeftOver(project);
  });
});

// --- internal ---

type Command = "ingest" | "build";

const effects = { log: () => {}, now: () => new Date() };

/** Marks of one morning, each of another pupil; every file another day of school before the end of March. */
function schoolDay(file: number): string {
  const date = new Date(Date.UTC(2026, 0, 5 + Math.floor(file / 5) * 7 + (file % 5))).toISOString().slice(0, 10);
  return marksFile(
    ...Array.from({ length: ROWS_A_FILE }, (_, i) =>
      mark({ upn: `A${String(82_599_990_000 + i).padStart(11, "0")}7`, date }),
    ),
  );
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How long the command line takes before it does anything. */
async function startUpMs(): Promise<number> {
  const start = performance.now();
  expect(await rollbook("--version")).toMatchObject({ code: 0 });
  return performance.now() - start;
}

/** How long a command that nobody kills is at work after start-up: from its own folder of work to its end. */
async function workMs(project: Project, command: Command): Promise<number> {
  if (command === "ingest") drop(project.dir, { "more.csv": schoolDay(KILLS + 1) });
  const { child, ended } = started(project, command);
  await Promise.race([appears(dataFolders(project).work, (name) => name === command), ended]);
  const start = performance.now();
  await ended;
  expect(child.exitCode).toBe(0);
  return performance.now() - start;
}

function started(project: Project, command: Command): { child: ChildProcess; ended: Promise<unknown> } {
  const words = [ROLLBOOK, command, "--project", project.dir];
  const child = spawn(process.execPath, words, { stdio: "ignore" });
  return { child, ended: new Promise((resolve) => child.once("exit", resolve)) };
}

async function killed(project: Project, command: Command, when: Promise<unknown>): Promise<void> {
  const { child, ended } = started(project, command);
  await Promise.race([when, ended]);
  child.kill("SIGKILL");
  await ended;
}

/** Waits until something of a name is made in, or moved into, a folder that is there. */
function appears(folder: string, isIt: (name: string) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const watcher = fs.watch(folder, { persistent: false }, (_, name) => {
      if (name === null || !isIt(name)) return;
      watcher.close();
      resolve();
    });
    onTestFinished(() => watcher.close());
  });
}

function isLeftBehind(project: Project, content: string): boolean {
  const { landing, ledger } = dataFolders(project);
  const sha = sha256(content);
  return fs.existsSync(path.join(landing, sha)) && !readLedger(ledger).some((load) => load.sha256 === sha);
}

/** Runs an ingest that nobody kills, and gives how many files it loaded. */
async function loadRest(project: Project): Promise<number> {
  const { loads } = await ingest(project, effects);
  for (const load of loads) expect(load.rows_accepted).toBe(ROWS_A_FILE);
  return loads.length;
}

/** How many marks the warehouse in use has, after reading every value of every table and comparing it with the build's. */
async function rowsInUse(project: Project): Promise<number> {
  const { path: file, tables } = warehouseInUse(dataFolders(project).warehouse);
  return withDuckDB({ path: file, readOnly: true }, async (db) => {
    expect(await measureTables(db)).toEqual(tables);
    const [count] = await rows(db, "select count(*)::integer as marks from raw.marks");
    return Number(count?.marks);
  });
}

async function statedOnce(project: Project): Promise<Record<string, unknown> | undefined> {
  const { path: file } = warehouseInUse(dataFolders(project).warehouse);
  const [count] = await withDuckDB({ path: file, readOnly: true }, (db) =>
    rows(
      db,
      `select count(*)::integer as marks, count(distinct (pupil_key, session_date, session))::integer as statements
      from raw.marks`,
    ),
  );
  return count;
}

/** Landing, lake and warehouse hold what the ledger and the pointer name, and no run's own files are left. */
function expectNothingLeftOver(project: Project): void {
  const folders = dataFolders(project);
  const loads = readLedger(folders.ledger);
  expect(filesBelow(folders.landing)).toEqual(loads.map((load) => load.sha256).sort());
  expect(filesBelow(folders.lake)).toEqual(loads.flatMap((load) => load.parts.map(({ file }) => file)).sort());
  expect(filesBelow(folders.ledger).filter((name) => !name.endsWith(".json"))).toEqual([]);
  const build = currentWarehouse(folders.warehouse);
  const kept = build ? ["current.json", build.file, ...build.earlier] : [];
  expect(filesBelow(folders.warehouse)).toEqual(kept.sort());
  expect(filesBelow(folders.work)).toEqual([]);
}

function filesBelow(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
}

function sha256(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}
