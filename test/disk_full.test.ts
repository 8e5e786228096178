import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { ingest } from "../ingest/ingest.ts";
import { dataFolders } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import type { Project } from "../ingest/project.ts";
import { measureTables, warehouseInUse } from "../models/warehouse.ts";
import { ROLLBOOK, rollbook } from "./command.ts";
import { drop, makeProject, mark, marksFile } from "./project.ts";

const KIB = 1024;
/** Room enough for everything here: three warehouses, each table of which takes a block of the file at the least. */
const ROOMY_KIB = 256 * KIB;
const ROWS = 4_000;
/** What a failure that is not told in words looks like. */
const STACK = /^\s+at |ENOSPC|EFBIG|No space left/m;
/** The disk is a small one of its own where this system lets one be mounted; elsewhere, no file may grow past a size. */
const isMountable = canMount();
const MEANS = isMountable ? "a disk of its own" : "a limit on the size of a file, since no disk can be mounted here";

/** Room that is left, in KiB: for nothing, for part of the landed file, and then page by page through what comes after. */
const INGEST_ROOM = [0, 64, 336, 344, 348, 352, 356, 360];
/** For nothing, for the empty tables, for the lake's rows, for some of the models, and for a part of the checkpoint. */
const BUILD_ROOM = [0, 16, 256, 1024, 4096];

describe.skipIf(process.platform === "win32")(`when the disk fills up (by ${MEANS})`, () => {
  test("ingest says so in one line, loads nothing, and loads all once there is room", async () => {
    const project = await loadedProject();
    const before = await state(project);
    drop(project.dir, { "new.csv": schoolDay("2026-01-07") });
    let failed = 0;
    for (const room of INGEST_ROOM) {
      const { code, stdout, stderr } = await withRoom(project, room, "ingest");
      const after = await state(project);
      if (code === 0) {
        // done is done, even if there was no room to note which files need not be read again
        expect({ room, loads: after.loads, stderr }).toEqual({ room, loads: 2, stderr: "" });
        break;
      }
      failed++;
      expect({ room, code, stderr }).toEqual({ room, code: 1, stderr: fullSentence(project, "Nothing was loaded") });
      expect(stdout).not.toMatch(STACK);
      expect({ room, ...after }).toEqual({ room, ...before });
      expect(filesBelow(dataFolders(project).work)).toEqual([]);
    }
    expect(failed).toBeGreaterThan(2);

    giveRoom(project);
    await expectDone(project, "ingest");
    await expectDone(project, "build");
    expect(await state(project)).toMatchObject({ marks: 2 * ROWS, loads: 2 });
    expect(leftovers(project)).toEqual([]);
  });

  test("build says so in one line, leaves the warehouse in use, and builds once there is room", async () => {
    const project = await loadedProject();
    drop(project.dir, { "new.csv": schoolDay("2026-01-07") });
    await expectDone(project, "ingest");
    const before = await state(project);
    let failed = 0;
    for (const room of BUILD_ROOM) {
      const { code, stdout, stderr } = await withRoom(project, room, "build");
      if (code === 0) break;
      failed++;
      const sentence = fullSentence(project, "[^\\n]*stays in use");
      expect.soft({ room, code, stderr }).toEqual({ room, code: 1, stderr: sentence });
      expect(stdout).not.toMatch(STACK);
      expect({ room, ...(await state(project)) }).toEqual({ room, ...before });
      expect(leftovers(project)).toEqual([]);
    }
    expect(failed).toBeGreaterThan(2);

    giveRoom(project);
    await expectDone(project, "build");
    expect(await state(project)).toMatchObject({ marks: 2 * ROWS, loads: 2 });
    expect(leftovers(project)).toEqual([]);
  });

  test("the first ingest of all says so, too, and leaves nothing that hinders the next", async () => {
    const project = diskOf(makeProject({ "first.csv": schoolDay("2026-01-06") }));
    for (const room of [0, 12, 64, 256]) {
      const { code, stderr } = await withRoom(project, room, "ingest");
      expect({ room, code, stderr }).toEqual({ room, code: 1, stderr: fullSentence(project, "Nothing was loaded") });
      expect(readLedger(dataFolders(project).ledger)).toEqual([]);
    }
    giveRoom(project);
    await expectDone(project, "ingest");
    await expectDone(project, "build");
    expect(await state(project)).toMatchObject({ marks: ROWS, loads: 1 });
    expect(leftovers(project)).toEqual([]);
  });
});

test.skipIf(!fs.existsSync("/dev/full"))(
  "ingest that is done stays done without room to note what was seen",
  async () => {
    const project = makeProject({ "first.csv": schoolDay("2026-01-06") });
    fs.mkdirSync(project.data);
    fs.symlinkSync("/dev/full", `${dataFolders(project).seen}.draft`);
    // what changed only just now is not noted
    const now = () => new Date(Date.now() + 60_000);
    const { loads } = await ingest(project, { log: () => {}, now });
    expect(loads).toMatchObject([{ rows_accepted: ROWS }]);
    expect(await ingest(project, { log: () => {}, now })).toMatchObject({ loads: [], unchanged: 1 });
  },
);

// --- internal ---

function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-mount-"));
  try {
    mount(dir, ROOMY_KIB);
    execFileSync("umount", [dir]);
    return true;
  } catch {
    return false;
  } finally {
    fs.rmdirSync(dir);
  }
}

function mount(dir: string, kib: number, ...options: string[]): void {
  const all = [`size=${kib}k`, ...options].join(",");
  execFileSync("mount", ["-t", "tmpfs", "-o", all, "tmpfs", dir], { stdio: "pipe" });
}

/** Puts the project's data folder on a disk of its own, where that can be. */
function diskOf(project: Project): Project {
  fs.mkdirSync(project.data, { mode: 0o700 });
  if (!isMountable) return project;
  mount(project.data, ROOMY_KIB);
  // hooks run backwards: the disk goes before the folder does
  onTestFinished(() => {
    execFileSync("umount", [project.data]);
  });
  return project;
}

/** A project with one file loaded and a warehouse in use. */
async function loadedProject(): Promise<Project> {
  const project = diskOf(makeProject({ "first.csv": schoolDay("2026-01-06") }));
  await expectDone(project, "ingest");
  await expectDone(project, "build");
  return project;
}

function schoolDay(date: string): string {
  return marksFile(
    ...Array.from({ length: ROWS }, (_, i) => mark({ upn: `A${String(82_599_990_000 + i).padStart(11, "0")}7`, date })),
  );
}

function giveRoom(project: Project): void {
  if (isMountable) mount(project.data, ROOMY_KIB, "remount");
}

/** Runs a command with so much room left on the project's disk, or with files no larger than that. */
async function withRoom(project: Project, kib: number, command: string) {
  if (isMountable) {
    const { blocks, bfree, bsize } = fs.statfsSync(project.data);
    // a disk of size 0 would be one without any limit
    mount(project.data, Math.max(4, Math.ceil(((blocks - bfree) * bsize) / KIB) + kib), "remount");
    return rollbook(command, "--project", project.dir);
  }
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const script = `ulimit -f ${kib * 2}; exec "$@"`;
    const words = ["-c", script, "sh", process.execPath, ROLLBOOK, command, "--project", project.dir];
    execFile("sh", words, { encoding: "utf8" }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

async function expectDone(project: Project, command: string): Promise<void> {
  expect(await rollbook(command, "--project", project.dir)).toMatchObject({ code: 0, stderr: "" });
}

/**
 * One line that says what is full, what became of the work, and what to do.
 *
 * @param outcome what became of the work, as a pattern
 */
function fullSentence(project: Project, outcome: string): unknown {
  const data = project.data.replaceAll(/[^\w/-]/g, "\\$&");
  return expect.stringMatching(new RegExp(`^The disk that holds ${data} is full\\. ${outcome}[^\\n]*\\n$`));
}

/** What was loaded, byte by byte, and the warehouse in use with its marks, after reading every value back. */
async function state(project: Project) {
  const folders = dataFolders(project);
  const bytes = ofLedger(project).map((name) => [name, sha256(fs.readFileSync(path.join(project.data, name)))]);
  const { path: file, tables } = warehouseInUse(folders.warehouse);
  const marks = await withDuckDB({ path: file, readOnly: true }, async (db) => {
    expect(await measureTables(db)).toEqual(tables);
    const [count] = await rows(db, "select count(*)::integer as marks from raw.marks");
    return Number(count?.marks);
  });
  return { bytes, warehouse: path.basename(file), marks, loads: readLedger(folders.ledger).length };
}

/** The files of landing, lake and ledger that make up what was loaded, relative to the data folder. */
function ofLedger(project: Project): string[] {
  const folders = dataFolders(project);
  const loads = readLedger(folders.ledger);
  return [
    ...loads.map((load) => path.join(folders.landing, load.sha256)),
    ...loads.flatMap((load) => load.parts.map(({ file }) => path.join(folders.lake, file))),
    ...filesBelow(folders.ledger).filter((file) => file.endsWith(".json")),
  ].map((file) => path.relative(project.data, file));
}

/** What nothing names, below the folders whose every file has a name that somebody knows. */
function leftovers(project: Project): string[] {
  const { work, warehouse, landing, lake, ledger } = dataFolders(project);
  const { file, earlier } = warehouseInUse(warehouse);
  const kept = ["current.json", file, ...earlier].map((name) => path.join("warehouse", name));
  const known = new Set([...kept, ...ofLedger(project)]);
  return [work, warehouse, landing, lake, ledger]
    .flatMap(filesBelow)
    .map((name) => path.relative(project.data, name))
    .filter((name) => !known.has(name));
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function filesBelow(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}
