import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { type IngestResult, ingest } from "../ingest/ingest.ts";
import { dataFolders } from "../ingest/lake.ts";
import { type Load, readLedger } from "../ingest/ledger.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { rollbook } from "./command.ts";
import { BASELINE, CANARIES, type Counts, HOSTILE, type HostileFile, NOW, type RowsByRule, TRUST } from "./hostile.ts";
import { built, drop } from "./project.ts";

/** A trust whose registers were loaded and whose warehouse was built, before anything hostile comes. */
let loaded: string;

beforeAll(async () => {
  loaded = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-hostile-"));
  fs.writeFileSync(path.join(loaded, "rollbook.yaml"), TRUST);
  drop(loaded, BASELINE);
  const project = readProject(loaded);
  const { loads } = await ingest(project, { log: () => {}, now: () => new Date(NOW) });
  expect(loads.map(countsOf)).toEqual([
    [10, 10, 0, 0],
    [200, 200, 0, 0],
    [10, 10, 0, 0],
  ]);
  await built(project, "select 1");
});

afterAll(() => fs.rmSync(loaded, { recursive: true, force: true }));

const ENDS = {
  reject: "is refused, with file and place",
  hold: "is held until somebody decides",
  quarantine: "is loaded but for the rows that are set aside",
  warn: "is loaded and pointed out",
  "no-op": "changes nothing",
  accept: "is loaded",
} as const;
const here = HOSTILE.filter(({ onlyOn }) => onlyOn === undefined || onlyOn === process.platform);

describe("a trust that has loaded registers gets", () => {
  test.each(here.map((hostile) => [hostile.name, ENDS[hostile.verdict], hostile] as const))(
    "%s, which %s",
    async (_, __, hostile) => {
      const project = loadedTrust(hostile.settings);
      drop(project.dir, hostile.files);
      hostile.place?.(project.registers);
      const before = bytesOf(project.data);
      const baseline = readLedger(dataFolders(project).ledger);

      const { said, printed, result } = await arrive(project);

      const names = namesIn(project.registers);
      if (hostile.verdict !== "reject") expect(said).toBe(null);
      else if (typeof hostile.message === "string") expect(said).toBe(`${hostile.message}\n${LAST}`);
      else expect(String(said)).toMatch(hostile.message);
      for (const line of said?.split("\n") ?? []) expect([line, ...names]).toSatisfy(isOfAFile);
      expect(leaksIn(printed.join("\n"), names)).toEqual([]);
      expect(printed.filter(isUnprintable)).toEqual([]);
      expect(fs.readdirSync(path.dirname(project.dir))).toEqual([path.basename(project.dir)]);

      const after = bytesOf(project.data);
      const loads = readLedger(dataFolders(project).ledger).slice(baseline.length);
      if (!("counts" in hostile) || hostile.counts === undefined) {
        expect(after).toEqual(before);
        const held = hostile.verdict === "hold" ? [{ rows: hostile.rows, rows_before: hostile.rows_before }] : [];
        if (hostile.verdict !== "reject") expect(result).toMatchObject({ loads: [], held });
        return;
      }
      expect(Object.fromEntries(Object.keys(before).map((name) => [name, after[name]]))).toEqual(before);
      expect(Object.keys(after).filter((name) => name.startsWith("work/"))).toEqual([]);
      expect(result).toMatchObject({ loads, held: [] });
      expect(total(loads)).toEqual(hostile.counts);
      expect(loads.map((load) => load.encoding)).toContain(hostile.encoding ?? "UTF-8");
      for (const load of loads) {
        const [read, accepted, quarantined, duplicate] = countsOf(load);
        expect(accepted + quarantined + duplicate).toBe(read);
        expect(leaksIn(JSON.stringify({ ...load, file: "" }), names)).toEqual([]);
      }
      expect(await noted(project, loads, "quarantine")).toEqual(hostile.verdict === "quarantine" ? hostile.rules : {});
      expect(await noted(project, loads, "doubts")).toEqual(hostile.verdict === "warn" ? (hostile.doubts ?? {}) : {});
      if (hostile.told) expect(await inLake(project, loads, hostile.told[0])).toEqual(hostile.told[1]);
      if (hostile.verdict === "warn" && hostile.queries) {
        const queries = await built(
          project,
          "select rule, rows::integer as rows from marts.register_queries where school_urn = 999001",
        );
        const counted = Object.fromEntries(queries.map(({ rule, rows: count }) => [String(rule), Number(count)]));
        expect(counted).toMatchObject(hostile.queries);
      }
    },
  );

  test("at least sixty kinds of hostile file, each by a name of its own", () => {
    expect(new Set(HOSTILE.map(({ name }) => name)).size).toBe(HOSTILE.length);
    expect(HOSTILE.length).toBeGreaterThanOrEqual(60);
  });
});

describe("the command line prints nothing of a pupil", () => {
  test("when every file that is refused arrives at once, and loads nothing", async () => {
    const project = loadedTrust();
    const refused = here.filter(({ verdict }) => verdict === "reject");
    const folders = dropEach(project, refused);
    drop(project.dir, { "more.csv": MORE });
    const before = bytesOf(project.data);

    const { code, stdout, stderr } = await rollbook("ingest", "--project", project.dir);

    const printed = stdout + stderr;
    expect(code).toBe(1);
    expect(folders.filter((folder) => !printed.includes(`${folder}/`))).toEqual([]);
    expect(leaksIn(printed, namesIn(project.registers))).toEqual([]);
    expect(bytesOf(project.data)).toEqual(before);
  });

  test("when every file arrives at once that is held, set aside in part or to be looked at", async () => {
    const project = loadedTrust();
    dropEach(
      project,
      here.filter(({ verdict }) => ["hold", "quarantine", "warn"].includes(verdict)),
    );

    const { code, stdout, stderr } = await rollbook("ingest", "--project", project.dir, "--accept");

    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(leaksIn(stdout, namesIn(project.registers))).toEqual([]);
  });
});

test("a project is read whatever its folder is called", async () => {
  const project = loadedTrust("", "Oak's [a-z]* {trust}; drop --");
  drop(project.dir, { "more.csv": MORE });
  const { result } = await arrive(project);
  expect(result?.loads.map(countsOf)).toEqual([[200, 200, 0, 0]]);
  expect(await built(project, "select count(*)::integer as marks from staging.session_marks")).toEqual([
    { marks: 210 },
  ]);
});

// --- internal ---

/** A register that nothing is wrong with: the baseline's marks, each confirmed a second later. */
const MORE = (BASELINE["oak-marks.csv"] ?? "").replaceAll("T09:02:11Z", "T09:02:12Z");
const LAST = "Nothing was loaded.";

/** A copy of the loaded trust, alone in a folder that goes when the test ends. */
function loadedTrust(settings = "", name = "trust"): Project {
  const around = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-hostile-"));
  onTestFinished(() => fs.rmSync(around, { recursive: true, force: true }));
  const dir = path.join(around, name);
  fs.cpSync(loaded, dir, { recursive: true });
  fs.appendFileSync(path.join(dir, "rollbook.yaml"), settings);
  return readProject(dir);
}

/** Puts the files of each into a folder of its own, and gives the folders' names. */
function dropEach(project: Project, hostile: readonly HostileFile[]): string[] {
  const folders = hostile
    .filter(({ files }) => Object.keys(files).length > 0)
    .map(({ files }, i) => {
      const folder = `arrival-${i + 1}`;
      drop(project.dir, Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text])));
      return folder;
    });
  return folders;
}

interface Arrival {
  /** The message of a refusal, if there is one. */
  said: string | null;
  /** Every line that was printed: progress and the message. */
  printed: string[];
  result: IngestResult | null;
}

async function arrive(project: Project): Promise<Arrival> {
  const lines: string[] = [];
  const effects = { log: (line: string) => lines.push(line), now: () => new Date(NOW) };
  try {
    const result = await ingest(project, effects);
    return { said: null, printed: lines, result };
  } catch (error) {
    expect(error).toMatchObject({ name: "RollbookError" });
    const said = (error as Error).message;
    return { said, printed: [...lines, ...said.split("\n")], result: null };
  }
}

/** SHA-256 of every file below a folder, but of the lock, which holds nothing. */
function bytesOf(folder: string): Record<string, string> {
  const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const named = files
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .filter((name) => !["lock.duckdb", "seen.json"].includes(name))
    .sort();
  return Object.fromEntries(
    named.map((name) => [
      name,
      createHash("sha256")
        .update(fs.readFileSync(path.join(folder, name)))
        .digest("hex"),
    ]),
  );
}

/** The names by which messages may call what lies in the drop folder, longest first. */
function namesIn(registers: string): string[] {
  const entries = fs.readdirSync(registers, { recursive: true, encoding: "utf8" });
  return entries.flatMap((name) => [name, path.basename(name)]).sort((a, b) => b.length - a.length);
}

/** The canaries in a text. The names of files are their owner's to choose, and are passed over. */
function leaksIn(text: string, names: string[]): string[] {
  const unnamed = names.reduce((rest, name) => rest.replaceAll(name, ""), text);
  const plain = unnamed.toUpperCase().replaceAll(/\s/g, "");
  return CANARIES.filter((canary) => plain.includes(canary));
}

/** Whether a line of a refusal begins with the name of a file, or is the last one. */
function isOfAFile([line = "", ...names]: string[]): boolean {
  return line === LAST || names.some((name) => line.startsWith(name));
}

/** Whether a line could do to a screen what it does not show: control characters, and those that turn writing around. */
function isUnprintable(line: string): boolean {
  return /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(line);
}

function countsOf(load: Load): Counts {
  return [load.rows_read, load.rows_accepted, load.rows_quarantined, load.rows_duplicate];
}

function total(loads: Load[]): number[] {
  return [0, 1, 2, 3].map((i) => loads.reduce((sum, load) => sum + (countsOf(load)[i] ?? 0), 0));
}

/** What a query finds in the tables that loads put into the lake. */
async function inLake(project: Project, loads: Load[], sql: string): Promise<Record<string, unknown>[]> {
  const { lake } = dataFolders(project);
  const parts = loads.flatMap((load) => load.parts);
  return withDuckDB({}, async (db) => {
    for (const table of new Set(parts.map((part) => part.table))) {
      const files = parts.filter((part) => part.table === table).map(({ file }) => quote(path.join(lake, file)));
      await db.run(`create view ${table} as from read_parquet([${files.join(", ")}], hive_partitioning = true)`);
    }
    return rows(db, sql);
  });
}

/** The rows that were set aside or doubted, by rule. */
async function noted(project: Project, loads: Load[], table: "quarantine" | "doubts"): Promise<RowsByRule> {
  if (!loads.some((load) => load.parts.some((part) => part.table === table))) return {};
  const found = await inLake(project, loads, `select rule, row_number from ${table} order by all`);
  const rules = [...new Set(found.map(({ rule }) => String(rule)))];
  return Object.fromEntries(
    rules.map((rule) => [rule, found.filter((row) => row.rule === rule).map(({ row_number }) => Number(row_number))]),
  );
}
