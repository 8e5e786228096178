import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { type IngestResult, ingest } from "../ingest/ingest.ts";
import { dataFolders, partsOf } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { alone, beside } from "../ingest/lock.ts";
import type { Project } from "../ingest/project.ts";
import { hasPupilSecret, pupilSecret } from "../ingest/pupil_keys.ts";
import { buildWarehouse } from "../models/build.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { ROLLBOOK, rollbook } from "./command.ts";
import { drop, makeProject, mark, marksFile } from "./project.ts";

const OAK = 999001;
const ELM = 999002;
const SCHOOLS = [OAK, ELM];
const ROUNDS = 50;
/** In one of so many rounds nobody is killed, and then the lake is held to the sequential one. */
const ROUNDS_A_CHECK = 5;
const FILES_A_ROUND = 3;
const PUPILS = 150;
const DAYS = 30;
/** Numbers that each process claims. */
const CLAIMS = 3000;
const SEED = 20260320;

test("two workers of different schools at once, 50 times, with kills, make the lake that one run after the other makes", async () => {
  const project = makeProject({});
  const sequential = makeProject({});
  const folders = dataFolders(project);
  // one key, so that a pupil is the same in both
  pupilSecret(project.data);
  fs.cpSync(project.data, sequential.data, { recursive: true });
  const random = randomNumbers(SEED);
  const reader = readerOf(project);
  const startUp = await startUpMs();
  let work = startUp / 2;
  const found = { "not begun": 0, begun: 0, moved: 0, loaded: 0, "not killed": 0 };

  for (let round = 0; round < ROUNDS; round++) {
    const files = Object.fromEntries(SCHOOLS.flatMap((urn) => filesOf(urn, round)));
    drop(project.dir, files);
    drop(sequential.dir, files);
    const pair = SCHOOLS.map((urn) => started(project, urn));
    // one of the two, or both, at any moment or at the steps that count
    const isChecked = isMultiple(round + 1, ROUNDS_A_CHECK);
    const killed = isMultiple(round + 1, 3) ? pair : pair.slice(round % 3, (round % 3) + 1);
    const victims = isChecked ? [] : killed;
    const step = {
      1: () => appears(folders.ledger, (name) => name.endsWith(".draft")),
      3: () => appears(folders.claims),
      4: () => appears(folders.landing),
      5: () => appears(folders.ledger, (name) => name.endsWith(".json")),
    }[round % 6];
    const start = performance.now();
    await Promise.all(
      victims.map(async ({ child, ended }) => {
        const moment = step ? step() : sleep(startUp * 0.8 + random() * (startUp * 0.2 + work));
        await Promise.race([moment, ended]);
        child.kill("SIGKILL");
      }),
    );
    await Promise.all(pair.map(({ ended }) => ended));
    for (const { urn, child, said } of pair) {
      const isKilled = child.signalCode === "SIGKILL";
      if (!isKilled) expect({ code: child.exitCode, said: said() }).toEqual({ code: 0, said: "" });
      if (!victims.some((victim) => victim.urn === urn)) work = performance.now() - start - startUp;
      found[isKilled ? stateOf(project, urn, round) : "not killed"]++;
    }
    // the next worker of the school takes in what a killed one left
    if (!isChecked) continue;
    if (isMultiple(round + 1, 2 * ROUNDS_A_CHECK)) {
      await buildWarehouse(project, effects);
      expect(await marksInUse(project)).toEqual(marksInLedger(project));
      expectNothingLeftOver(project);
    }
    const loads = readLedger(folders.ledger);
    expect(new Set(loads.map(({ load_number }) => load_number)).size).toBe(loads.length);
    for (const urn of SCHOOLS) await ingest(sequential, effects, { schools: [urn] });
    expect(accountOf(project)).toEqual(accountOf(sequential));
    expect(await contentHash(project)).toBe(await contentHash(sequential));
  }

  expect(await reader.stop()).toBeGreaterThan(ROUNDS);
  // the kills fell on both sides of the steps that count, and in the midst of publishing
  expect(Object.entries(found).filter(([, times]) => times === 0)).toEqual([]);
  expect((await ingest(project, effects)).loads).toEqual([]);
  expectNothingLeftOver(project);
});

test("of processes that claim load numbers as fast as they can no two get the same", async () => {
  const { claims } = dataFolders(makeProject({}));
  // all from the same moment, when each has started
  const start = Date.now() + 6000;
  const claimMany = `
    import { claimNumber } from ${module("claims")};
    while (Date.now() < ${start});
    let last = 7;
    const claimed = Array.from({ length: ${CLAIMS} }, () => (last = claimNumber(${JSON.stringify(claims)}, last)));
    console.log(JSON.stringify(claimed));`;
  const claimed = await Promise.all(Array.from({ length: 3 }, () => outputOf(claimMany)));
  const numbers = claimed.flatMap((printed) => JSON.parse(printed) as number[]);
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 3 * CLAIMS }, (_, i) => i + 8));
});

test("of workers that are the first to run on a data folder every one loads, with one key for all", async () => {
  const project = makeProject(Object.fromEntries(SCHOOLS.flatMap((urn) => filesOf(urn, 0))));
  const runs = await Promise.all(SCHOOLS.map((urn) => rollbook("ingest", ...ofSchool(project, urn))));
  expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toEqual(SCHOOLS.map(() => ({ code: 0, stderr: "" })));
  const loads = readLedger(dataFolders(project).ledger);
  expect(loads.map(({ load_number }) => load_number)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(new Set(loads.map(({ key_check }) => key_check)).size).toBe(1);
  const open = fs
    .readdirSync(project.data, { recursive: true, encoding: "utf8" })
    .filter((name) => fs.statSync(path.join(project.data, name)).mode & 0o077);
  expect(open).toEqual([]);
});

test("of processes that need the key at the same moment, before there is one, all get the same", async () => {
  const folders = Array.from({ length: 12 }, () => makeProject({}).data);
  // as after an ingest that refused every file: the lock is there, the key is not
  for (const data of folders) await alone(data, async () => {});
  const start = Date.now() + 4000;
  const keysOf = (urn: number) => `
    import { beside } from ${module("lock")};
    import { checkOf, hasPupilSecret, pupilSecret } from ${module("pupil_keys")};
    const checks = [];
    for (const [i, data] of ${JSON.stringify(folders)}.entries()) {
      const secret = { isMade: () => hasPupilSecret(data), make: () => void pupilSecret(data) };
      while (Date.now() < ${start} + i * 400);
      await beside(data, [${urn}], secret, async () => checks.push(checkOf(pupilSecret(data))));
    }
    console.log(JSON.stringify(checks));`;
  const [ofOak, ofElm] = await Promise.all(SCHOOLS.map((urn) => outputOf(keysOf(urn))));
  expect(ofElm).toBe(ofOak);
});

describe("beside a worker of one school", () => {
  test("a worker of another school works, and whatever else would change the data says who is at work", async () => {
    const project = makeProject(Object.fromEntries(SCHOOLS.flatMap((urn) => filesOf(urn, 0))));
    const ask = (...words: string[]) => rollbook(...words, "--project", project.dir);
    await atWork(project, OAK, async () => {
      const own = await ask("ingest", "--school", String(OAK));
      expect(own).toMatchObject({ code: 4, stdout: expect.not.stringContaining("Loaded") });
      expect(own.stderr).toBe(
        `Another run is at work on the school ${OAK} in ${project.data} (process ${process.pid}): wait until it has ended, then try again. Nothing was changed.\n`,
      );
      expect(await ask("ingest", "--school", String(ELM), String(OAK))).toMatchObject({ code: 4 });
      expect(readLedger(dataFolders(project).ledger)).toEqual([]);
      expect(await ask("ingest", "--school", String(ELM))).toMatchObject({ code: 0, stderr: "" });
      expect(readLedger(dataFolders(project).ledger)).toHaveLength(FILES_A_ROUND);
      for (const words of [["ingest"], ["build"], ["forget", "A825999924017"]]) {
        const { code, stderr } = await ask(...words);
        expect({ words, code }).toEqual({ words, code: 4 });
        expect(stderr).toContain(`Another run is at work on ${project.data} (process ${process.pid})`);
      }
    });
    expect(await ask("ingest", "--school", String(ELM), "--school", String(OAK))).toMatchObject({ code: 0 });
    expect(readLedger(dataFolders(project).ledger)).toHaveLength(2 * FILES_A_ROUND);
  });

  test("bytes that it has claimed are not loaded from another school's folder, nor twice", async () => {
    const pupils = "UPN,YearGroup,EntryDate\nA825999924017,5,2025-09-01\n";
    const project = makeProject({ [`${OAK}/pupils.csv`]: pupils, [`${ELM}/pupils.csv`]: pupils });
    const claim = path.join(
      dataFolders(project).claims,
      createHash("sha256").update(pupils).digest("hex"),
      String(OAK),
    );
    fs.mkdirSync(path.dirname(claim), { recursive: true });
    fs.writeFileSync(claim, "");
    expect(await ofSchools(project, ELM)).toMatchObject({ loads: [], left: [`${ELM}/pupils.csv`] });
    expect(await ofSchools(project, OAK)).toMatchObject({ loads: [{ schools: [OAK] }], left: [] });
    expect(await ofSchools(project, ELM)).toMatchObject({ loads: [], unchanged: 1, left: [] });
  });
});

test("while a run is at work on all schools, a worker says which and changes nothing", async () => {
  const project = makeProject(Object.fromEntries(filesOf(OAK, 0)));
  await ofSchools(project, OAK);
  await alone(project.data, async () => {
    const { code, stderr } = await rollbook("ingest", ...ofSchool(project, OAK));
    expect(code).toBe(4);
    expect(stderr).toMatch(new RegExp(`^Another run is at work on ${project.data} \\(process ${process.pid}\\)`));
  });
});

describe("a worker", () => {
  test("leaves what is not of its school alone for a run of all schools, and says so", async () => {
    const gias =
      "URN,LA (code),LA (name),EstablishmentNumber,EstablishmentName,GSSLACode (name)\n999001,383,Leeds,3001,Oak,E08000035\n";
    const project = makeProject({
      "all.csv": marksFile(mark({ session: "PM" }), mark({ urn: String(ELM), session: "PM" })),
      [`${OAK}/gias.csv`]: gias,
      [`${OAK}/marks.csv`]: marksFile(mark({})),
      [`${ELM}/marks.csv`]: marksFile(mark({ urn: String(ELM) })),
    });
    const { code, stdout } = await rollbook("ingest", ...ofSchool(project, OAK));
    expect(code).toBe(0);
    expect(stdout).toContain(
      `Left for "rollbook ingest" without --school, since not of one school alone: all.csv, ${OAK}/gias.csv.\nLoaded 1 new file.\n`,
    );
    expect(readLedger(dataFolders(project).ledger).map(({ file }) => file)).toEqual([`${OAK}/marks.csv`]);
    const { loads, unchanged } = await ingest(project, later);
    expect(loads.map(({ file }) => file).sort()).toEqual([`${ELM}/marks.csv`, `${OAK}/gias.csv`, "all.csv"].sort());
    expect(unchanged).toBe(1);
    expect(await ofSchools(project, OAK)).toMatchObject({ loads: [], unchanged: 2, left: [] });
  });

  test("refuses a file of its school's folder that tells of another school, as every ingest does", async () => {
    const project = makeProject({ [`${OAK}/marks.csv`]: marksFile(mark({}), mark({ urn: String(ELM) })) });
    const { code, stderr } = await rollbook("ingest", ...ofSchool(project, OAK));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^999001\/marks\.csv, row 3, column "SchoolURN": expected the school that the folder 999001 is for.*\nNothing was loaded\.\n$/,
    );
    expect(fs.existsSync(dataFolders(project).lake)).toBe(false);
  });

  test("of a school without files, or that is not the trust's, says so", async () => {
    const project = makeProject(Object.fromEntries(filesOf(OAK, 0)));
    expect(await rollbook("ingest", ...ofSchool(project, ELM))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`No register files in ${path.join(project.registers, String(ELM))}`),
    });
    expect(await rollbook("ingest", ...ofSchool(project, 999009))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("The trust has no school with the URN 999009"),
    });
  });

  test("need not read again what it or a run of all schools read, and the other way round", async () => {
    const project = makeProject(Object.fromEntries(SCHOOLS.flatMap((urn) => filesOf(urn, 0))));
    const opened: string[] = [];
    const logging = { ...later, log: (line: string) => void (line.startsWith("opening") && opened.push(line)) };
    await ingest(project, logging, { schools: [OAK] });
    expect(opened.splice(0)).toHaveLength(FILES_A_ROUND);
    await ingest(project, logging, { schools: [OAK] });
    expect(opened.splice(0)).toHaveLength(0);
    await ingest(project, logging);
    expect(opened.splice(0)).toHaveLength(FILES_A_ROUND);
    for (const schools of [[OAK], SCHOOLS, undefined]) await ingest(project, logging, { schools });
    expect(opened).toHaveLength(0);
  });
});

test("loads are in the order of their numbers, and the next run goes on from the highest", async () => {
  const project = makeProject({ [`${OAK}/1.csv`]: marksFile(mark({})) });
  const { claims, ledger } = dataFolders(project);
  fs.mkdirSync(claims, { recursive: true });
  // numbers of workers that were stopped
  for (const number of [1, 3]) fs.writeFileSync(path.join(claims, String(number)), "");
  drop(project.dir, { [`${OAK}/2.csv`]: marksFile(mark({ session: "PM" })) });
  await ofSchools(project, OAK);
  expect(readLedger(ledger).map(({ load_number }) => load_number)).toEqual([2, 4]);
  drop(project.dir, { [`${ELM}/1.csv`]: marksFile(mark({ urn: String(ELM) })) });
  // as a worker publishes that began before the last one
  await ofSchools(project, ELM);
  const runs = fs.readdirSync(ledger).sort();
  expect(runs).toEqual(["00000002.json", "00000005.json"]);
  drop(project.dir, { "3.csv": marksFile(mark({ date: "2025-10-07" })) });
  await ingest(project, effects);
  expect(readLedger(ledger).map(({ load_number }) => load_number)).toEqual([2, 4, 5, 6]);
  expect(fs.existsSync(claims)).toBe(false);
  await buildWarehouse(project, effects, { knownAtLoad: 3 });
  expect(await marksInUse(project)).toEqual({ "2": 1 });
});

// --- internal ---

const effects = { log: () => {}, now: () => new Date() };
/** Late enough that files which were only just written count as settled. */
const later = { log: () => {}, now: () => new Date(Date.now() + 60_000) };

/**
 * The new files of a school in a round: marks of some days, each with rows that were told before, a mark that is corrected
 * and a row that is set aside.
 */
function filesOf(urn: number, round: number): [name: string, content: string][] {
  return Array.from({ length: FILES_A_ROUND }, (_, place) => {
    const file = round * FILES_A_ROUND + place;
    const date = schoolDay(file);
    /** A mark of a file, of the n-th of its pupils. */
    const row = (of: number, n: number, more = {}) => {
      const pupil = (urn % 10) * 1000 + Math.floor(of / DAYS) * PUPILS + n;
      const upn = `A${String(82_599_990_000 + pupil).padStart(11, "0")}7`;
      return mark({ urn: String(urn), upn, date: schoolDay(of), ...more });
    };
    const again =
      file === 0
        ? []
        : [row(file - 1, 1), row(file - 1, 2), row(file - 1, 3, { mark: "I", modified: `${date}T23:00:00Z` })];
    const content = marksFile(
      ...Array.from({ length: PUPILS }, (_, n) => row(file, n)),
      ...again,
      row(file, 0, { session: "PM", mark: "??" }),
    );
    return [`${urn}/${String(file).padStart(3, "0")}.csv`, content];
  });
}

/** A day of school in the autumn for each file, again and again. */
function schoolDay(file: number): string {
  const day = file % DAYS;
  return new Date(Date.UTC(2025, 8, 8 + Math.floor(day / 5) * 7 + (day % 5))).toISOString().slice(0, 10);
}

function ofSchool(project: Project, urn: number): string[] {
  return ["--school", String(urn), "--project", project.dir];
}

function ofSchools(project: Project, ...schools: number[]): Promise<IngestResult> {
  return ingest(project, later, { schools });
}

/** Does something while a worker of a school is at work: this process. */
async function atWork(project: Project, urn: number, meanwhile: () => Promise<void>): Promise<void> {
  const secret = { isMade: () => hasPupilSecret(project.data), make: () => void pupilSecret(project.data) };
  await beside(project.data, [urn], secret, meanwhile);
}

interface Worker {
  urn: number;
  child: ChildProcess;
  ended: Promise<unknown>;
  /** What it has written to stderr. */
  said: () => string;
}

function started(project: Project, urn: number): Worker {
  const words = [ROLLBOOK, "ingest", ...ofSchool(project, urn)];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (piece) => {
    said += piece;
  });
  return { urn, child, ended: new Promise((resolve) => child.once("close", resolve)), said: () => said };
}

function isMultiple(number: number, of: number): boolean {
  return number % of === 0;
}

/** The module of ingest, as an import in text names it. */
function module(name: string): string {
  return JSON.stringify(path.join(import.meta.dirname, "..", "ingest", `${name}.ts`));
}

/** What a module that is given as text prints, in a process of its own. */
function outputOf(code: string): Promise<string> {
  const words = ["--import", "tsx", "--input-type=module", "-e", code];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, words, { encoding: "utf8" }, (error, stdout) => {
      if (error) reject(error);
      else resolve(stdout);
    });
  });
}

/** How long the command line takes before it does anything, beside another. */
async function startUpMs(): Promise<number> {
  const start = performance.now();
  await Promise.all(SCHOOLS.map(() => rollbook("--version")));
  return performance.now() - start;
}

/** Waits until something is made in, or moved into, a folder. */
function appears(folder: string, isIt: (name: string) => boolean = () => true): Promise<void> {
  fs.mkdirSync(folder, { recursive: true });
  return new Promise((resolve) => {
    const watcher = fs.watch(folder, { persistent: false }, (_, name) => {
      if (name === null || !isIt(name)) return;
      watcher.close();
      resolve();
    });
    onTestFinished(() => watcher.close());
  });
}

/** What a worker that was killed had done with its files of a round. */
function stateOf(project: Project, urn: number, round: number): "not begun" | "begun" | "moved" | "loaded" {
  const { ledger, landing, claims } = dataFolders(project);
  const loaded = new Set(readLedger(ledger).map(({ file }) => file));
  const files = filesOf(urn, round);
  const done = files.filter(([name]) => loaded.has(name)).length;
  // a run loads every file or none
  expect([0, files.length]).toContain(done);
  if (done > 0) return "loaded";
  const shas = files.map(([, content]) => createHash("sha256").update(content).digest("hex"));
  if (shas.some((sha) => fs.existsSync(path.join(landing, sha)))) return "moved";
  return shas.some((sha) => fs.existsSync(path.join(claims, sha))) ? "begun" : "not begun";
}

/**
 * Reads the ledger over and over, without any lock, as `status` does, and holds each load that appears in it to what is
 * there: all its rows accounted for, its landed file, and every Parquet file with all its rows.
 */
function readerOf(project: Project): { stop: () => Promise<number> } {
  const { ledger, lake, landing } = dataFolders(project);
  const seen = new Set<number>();
  let isStopped = false;
  const reading = (async () => {
    for (let runs = 0; !isStopped; await sleep(10)) {
      const there = fs.existsSync(ledger) ? fs.readdirSync(ledger).length : 0;
      if (there === runs) continue;
      runs = there;
      for (const load of readLedger(ledger)) {
        if (seen.has(load.load_number)) continue;
        seen.add(load.load_number);
        expect(load.rows_accepted + load.rows_quarantined + load.rows_duplicate).toBe(load.rows_read);
        expect(fs.existsSync(path.join(landing, load.sha256))).toBe(true);
        const files = load.parts.map(({ file }) => quote(path.join(lake, file))).join(", ");
        const counted = await withDuckDB({}, (db) =>
          rows(db, `select file_name, num_rows::integer as rows from parquet_file_metadata([${files}])`),
        );
        const has = new Map(counted.map(({ file_name, rows }) => [path.relative(lake, String(file_name)), rows]));
        expect(load.parts.map(({ file }) => has.get(file))).toEqual(load.parts.map(({ rows }) => rows));
      }
    }
    return seen.size;
  })();
  // what it finds wrong is told when it is stopped
  reading.catch(() => {});
  return {
    stop: async () => {
      isStopped = true;
      return reading;
    },
  };
}

/** Marks of each load by its number, as the warehouse in use has them. */
async function marksInUse(project: Project): Promise<Record<string, number>> {
  const { path: file } = warehouseInUse(dataFolders(project).warehouse);
  const counts = await withDuckDB({ path: file, readOnly: true }, (db) =>
    rows(db, "select load_number, count(*)::integer as marks from raw.marks group by all"),
  );
  return Object.fromEntries(counts.map(({ load_number, marks }) => [String(load_number), Number(marks)]));
}

function marksInLedger(project: Project): Record<string, number> {
  const loads = readLedger(dataFolders(project).ledger);
  return Object.fromEntries(loads.map(({ load_number, rows_accepted }) => [String(load_number), rows_accepted]));
}

/** What became of the rows of each file, by its name. */
function accountOf(project: Project): [string, ...number[]][] {
  return readLedger(dataFolders(project).ledger)
    .map((load): [string, ...number[]] => {
      const { file, rows_read, rows_accepted, rows_quarantined, rows_duplicate } = load;
      return [file, rows_read, rows_accepted, rows_quarantined, rows_duplicate];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** SHA-256 over every row of every table of the lake but for its load's number. */
async function contentHash(project: Project): Promise<string> {
  const { ledger, lake } = dataFolders(project);
  const loads = readLedger(ledger);
  const hash = createHash("sha256");
  const tables = [...new Set(loads.flatMap(({ parts }) => parts.map(({ table }) => table)))].sort();
  expect(tables).toEqual(["doubts", "marks", "quarantine"]);
  for (const table of tables) {
    const parts = partsOf(table, loads, lake).map(quote).join(", ");
    const lines = await withDuckDB({}, (db) =>
      rows(
        db,
        `select to_json(columns(* exclude (load_number)))::varchar as line
        from read_parquet([${parts}], hive_partitioning = true, union_by_name = true)`,
      ),
    );
    for (const line of lines.map((line) => JSON.stringify(line)).sort()) hash.update(`${table} ${line}\n`);
  }
  return hash.digest("hex");
}

/** Landing, lake and warehouse hold what the ledger names, and no run's own files are left. */
function expectNothingLeftOver(project: Project): void {
  const folders = dataFolders(project);
  const loads = readLedger(folders.ledger);
  expect(filesBelow(folders.landing)).toEqual(loads.map((load) => load.sha256).sort());
  expect(filesBelow(folders.lake)).toEqual(loads.flatMap((load) => load.parts.map(({ file }) => file)).sort());
  expect(filesBelow(folders.ledger).filter((name) => !name.endsWith(".json"))).toEqual([]);
  expect(filesBelow(folders.work)).toEqual([]);
  expect(filesBelow(folders.claims)).toEqual([]);
}

function filesBelow(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
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
