import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { ingest } from "../ingest/ingest.ts";
import { dataFolders, partsOf } from "../ingest/lake.ts";
import { type Load, readLedger } from "../ingest/ledger.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { built, drop, makeProject, mark, marksFile } from "./project.ts";

const SEED = 20260320;
/** Runs of dirty files, and files in each: two thousand in all. */
const RUNS = 20;
const FILES_A_RUN = 100;
/** Schools whose files a run holds, two or so each: more of one school would each be compared with all before it. */
const SCHOOLS = 25;
/** Rows of a dirty file: of each thing that refuses a file when over 2 in 100 rows have it, there is at most one. */
const ROWS_A_FILE = 50;

/** One statement of a mark. The code follows from the rest, so that no two statements of a moment contradict each other. */
const statement = fc
  .record({ pupil: fc.nat(2), day: fc.nat(3), session: fc.constantFrom("AM", "PM"), minute: fc.nat(5) })
  .map(({ pupil, day, session, minute }) => {
    const date = `2025-10-0${6 + day}`;
    const code = ["/", "I", "N", "L", "O", "-"][(pupil + day + minute) % 6] ?? "/";
    return mark({
      upn: `A82599992401${pupil}`,
      date,
      session,
      mark: code,
      modified: `${date}T09:0${minute}:00Z`,
      deleted: String((pupil + minute) % 7 === 6),
    });
  });
const files = fc.array(fc.array(statement, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 });

test("in any order, split and repetition of the files the same marks stand, and every row read is accounted for", async () => {
  await fc.assert(
    fc.asyncProperty(files, fc.infiniteStream(fc.nat()), async (statements, numbers) => {
      const forwards = makeProject({});
      const shuffled = sameSecret(makeProject({}), forwards);
      await loadEach(forwards, statements);
      const order = [...statements, ...statements.slice(0, 1)]
        .map((file) => ({ file, place: numbers.next().value }))
        .sort((a, b) => a.place - b.place)
        .map(({ file }) => [...file].reverse());
      await loadEach(shuffled, order);
      expect(await standing(shuffled)).toEqual(await standing(forwards));
    }),
    { numRuns: 6, seed: SEED, interruptAfterTimeLimit: 100_000 },
  );
});

/** As a statement, but two of a moment may contradict each other, and UPNs and codes may be written in other ways. */
const anyStatement = fc
  .record({
    pupil: fc.nat(2),
    day: fc.nat(2),
    session: fc.constantFrom("AM", "PM", " pm", "Morning"),
    minute: fc.nat(2),
    code: fc.constantFrom("/", "\\", "I", "l", " N ", "o", "", "-"),
    deleted: fc.constantFrom("false", "false", "", "true", "TRUE"),
    isLower: fc.boolean(),
  })
  .map(({ pupil, day, session, minute, code, deleted, isLower }) => {
    const date = `2025-10-0${6 + day}`;
    const upn = `A82599992401${pupil}`;
    const modified = `${date}T09:0${minute}:00Z`;
    return mark({ upn: isLower ? ` ${upn.toLowerCase()}` : upn, date, session, mark: code, modified, deleted });
  });
const anyFiles = fc.uniqueArray(fc.array(anyStatement, { minLength: 1, maxLength: 15 }), {
  minLength: 2,
  maxLength: 4,
  selector: (file) => marksFile(...file),
});

test("any sequence of loads, with repeats and in any order, gives a lake of the same content", async () => {
  await fc.assert(
    fc.asyncProperty(anyFiles, fc.infiniteStream(fc.nat()), async (statements, numbers) => {
      const next = () => numbers.next().value;
      const once = makeProject({});
      await loadEach(once, statements);
      const repeated = [...statements, ...statements.filter(() => next() % 2 === 0)];
      const shuffled = repeated.map((file) => ({ file, at: next() })).sort((a, b) => a.at - b.at);
      const again = sameSecret(makeProject({}), once);
      // some files arrive together, some under the name of one before
      for (let i = 0; i < shuffled.length; ) {
        const together = shuffled.slice(i, i + 1 + (next() % 3));
        i += together.length;
        await loadTogether(
          again,
          together.map(({ file }) => marksFile(...file)),
          next() % 2 === 0 ? `run-${i}` : "run",
        );
      }
      expect(await contentHash(again)).toBe(await contentHash(once));
    }),
    { numRuns: 12, seed: SEED, interruptAfterTimeLimit: 100_000 },
  );
});

test("the content of a lake tells one changed, missing or deleted mark from another", async () => {
  const hashes = new Set<string>();
  const first = makeProject({});
  const one = mark({});
  for (const file of [[one], [one, mark({ session: "PM" })], [mark({ mark: "I" })], [mark({ deleted: "true" })]]) {
    const project = hashes.size === 0 ? first : sameSecret(makeProject({}), first);
    await loadEach(project, [file]);
    hashes.add(await contentHash(project));
  }
  expect(hashes.size).toBe(4);
});

/** What a row of a dirty file may be, and how often: most are as they should be. */
const FAULTS = [
  "bad UPN",
  "bad date",
  "unknown code",
  "bad session",
  "bad time",
  "bad flag",
  "no pupil",
  "conflict",
  "duplicate",
  "deleted",
  "blank",
  "lower case",
  "spaces",
  "weekend",
  "future",
] as const;
type Fault = (typeof FAULTS)[number];
/** Values that stand in dirty rows only: none may ever be in a message. */
const CANARIES = ["ZZCANARYUPN", "31-31-2025", "ZZCODE", "ZZSESSION", "ZZTIME", "ZZFLAG", "A8259999240"];

const dirtyFile = fc
  .record({
    school: fc.nat(SCHOOLS - 1).map((n) => String(999001 + n)),
    day: fc.nat(60),
    faults: fc.uniqueArray(fc.tuple(fc.constantFrom(...FAULTS), fc.nat(ROWS_A_FILE - 1)), {
      maxLength: 12,
      selector: ([fault]) => fault,
    }),
    extra: fc.nat(20),
  })
  .map(({ school, day, faults, extra }) => dirtyRows({ school, day, faults, size: ROWS_A_FILE + extra }));
// the same bytes twice are read once
const dirtyRun = fc.uniqueArray(dirtyFile, {
  minLength: FILES_A_RUN,
  maxLength: FILES_A_RUN,
  selector: (rows) => rows.join("\n"),
});

test(`of ${RUNS * FILES_A_RUN} dirty files every row is accepted, set aside or a duplicate, and the lake has what was accepted`, async () => {
  const runs = fc.sample(dirtyRun, { seed: SEED, numRuns: RUNS });
  const total = { read: 0, accepted: 0, quarantined: 0, duplicate: 0 };
  for (let i = 0; i < runs.length; i += 2) {
    // two at a time: one file is too small to keep two cores at work
    const pair = await Promise.all(runs.slice(i, i + 2).map(dirtyLoads));
    for (const load of pair.flat()) {
      total.read += load.rows_read;
      total.accepted += load.rows_accepted;
      total.quarantined += load.rows_quarantined;
      total.duplicate += load.rows_duplicate;
    }
  }
  expect(total.read).toBe(runs.flat(2).length);
  expect(total.accepted + total.quarantined + total.duplicate).toBe(total.read);
  // the files were dirty indeed
  expect(total.quarantined).toBeGreaterThan(RUNS * FILES_A_RUN);
  expect(total.duplicate).toBeGreaterThan((RUNS * FILES_A_RUN) / 4);
});

/** Faults of which three in fifty rows refuse a file. */
const REFUSING: Fault[] = ["bad UPN", "bad date", "unknown code", "bad session", "bad time", "bad flag", "no pupil"];

test("a run with a file that is too dirty loads nothing, names file, row and column, and repeats no value", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(dirtyFile, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(...REFUSING),
      fc.nat(30),
      async (clean, fault, at) => {
        const faults = [0, 1, 2].map((i): [Fault, number] => [fault, at + i * 2]);
        const bad = dirtyRows({ school: "999001", day: 3, faults, size: ROWS_A_FILE });
        const project = manySchools(makeProject({}));
        const names = clean.map((file, i) => [`clean-${i}.csv`, marksFile(...file)]);
        drop(project.dir, { ...Object.fromEntries(names), "bad.csv": marksFile(...bad) });
        const said = await loadedBy(project).then(
          () => "nothing was refused",
          (error: unknown) => (error instanceof RollbookError ? error.message : `no refusal: ${String(error)}`),
        );
        expect(said).toMatch(
          new RegExp(
            `^bad\\.csv, row ${at + 2}, column "\\w+" \\(and 2 more rows\\): expected [^\\n]*\\nNothing was loaded\\.$`,
          ),
        );
        expect(CANARIES.filter((canary) => said.toUpperCase().includes(canary))).toEqual([]);
        expect(readLedger(dataFolders(project).ledger)).toEqual([]);
        expect(fs.existsSync(dataFolders(project).lake)).toBe(false);
      },
    ),
    { numRuns: 14, seed: SEED, interruptAfterTimeLimit: 60_000 },
  );
});

// --- internal ---

/** Rows of one school over the days from one on, thirty pupils a day, with one fault at each place that is named. */
function dirtyRows(file: { school: string; day: number; faults: [Fault, number][]; size: number }): string[] {
  const { school, day, faults, size } = file;
  const dates = schoolDays(day, 3);
  return Array.from({ length: size }, (_, i) => i).flatMap((i) => {
    const row = {
      urn: school,
      upn: `A825999924${String(i % 30).padStart(3, "0")}`,
      date: dates[Math.floor(i / 30)] ?? "2025-10-06",
      session: day % 2 === 0 ? "AM" : "PM",
      mark: ["/", "L", "I", "O"][(i + day) % 4] ?? "/",
    };
    // one fault to a row: a bad row told twice would be two
    const fault = faults.find(([, place]) => place === i)?.[0];
    return (fault ? withFault(row, fault) : [row]).map((each) => mark(each));
  });
}

type MarkRow = Parameters<typeof mark>[0] & { mark: string; upn: string; date: string };

function withFault(row: MarkRow, fault: Fault): MarkRow[] {
  switch (fault) {
    case "bad UPN":
      return [{ ...row, upn: "ZZCANARYUPN" }];
    case "bad date":
      return [{ ...row, modified: "2025-10-06T09:00:00Z", date: "31-31-2025" }];
    case "unknown code":
      return [{ ...row, mark: "ZZCODE" }];
    case "bad session":
      return [{ ...row, session: "ZZSESSION" }];
    case "bad time":
      return [{ ...row, modified: "ZZTIME" }];
    case "bad flag":
      return [{ ...row, deleted: "ZZFLAG" }];
    case "no pupil":
      return [{ ...row, upn: " " }];
    case "conflict":
      return [row, { ...row, mark: row.mark === "N" ? "I" : "N" }];
    case "duplicate":
      return [row, row];
    case "deleted":
      return [{ ...row, deleted: "true", modified: `${row.date}T15:00:00Z` }];
    case "blank":
      return [{ ...row, mark: "" }];
    case "lower case":
      return [{ ...row, upn: row.upn.toLowerCase(), mark: row.mark.toLowerCase() }];
    case "spaces":
      return [
        { ...row, upn: ` ${row.upn} `, mark: ` ${row.mark}`, date: `${row.date} `, modified: `${row.date}T09:02:11Z` },
      ];
    case "weekend":
      return [{ ...row, date: "2025-10-11", modified: "2025-10-11T09:00:00Z" }];
    case "future":
      return [{ ...row, date: "2026-06-01", modified: "2026-03-01T09:00:00Z" }];
  }
}

/** Weekdays from the n-th of the autumn on, the holidays too. */
function schoolDays(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const place = first + i;
    return new Date(Date.UTC(2025, 8, 8 + Math.floor(place / 5) * 7 + (place % 5))).toISOString().slice(0, 10);
  });
}

/** The project with as many schools as dirty files are of. */
function manySchools({ dir }: Project): Project {
  const file = path.join(dir, "rollbook.yaml");
  const lines = fs.readFileSync(file, "utf8").split("\n");
  const first = lines.findIndex((line) => line.includes("urn: 999001"));
  const schools = Array.from(
    { length: SCHOOLS },
    (_, n) => lines[first]?.replace("999001", String(999001 + n)).replace("Oak", `School ${n}`) ?? "",
  );
  fs.writeFileSync(file, lines.toSpliced(first, 2, ...schools).join("\n"));
  return readProject(dir);
}

/** Loads one run of dirty files into a project of its own and holds the ledger and the lake to what was written. */
async function dirtyLoads(written: string[][]): Promise<Load[]> {
  const project = manySchools(makeProject({}));
  const name = (i: number) => `${String(i).padStart(4, "0")}.csv`;
  drop(project.dir, Object.fromEntries(written.map((file, i) => [name(i), marksFile(...file)])));
  const { loads } = await loadedBy(project);
  const lines = new Map<string, number>();
  const kept = new Set<string>();
  for (const [i, file] of written.entries()) {
    const content = marksFile(...file);
    // the same bytes are never loaded twice
    if (!kept.has(content)) lines.set(name(i), file.length);
    kept.add(content);
  }
  expect(Object.fromEntries(loads.map((load) => [load.file, load.rows_read]))).toEqual(Object.fromEntries(lines));
  for (const load of loads) expectAccountedFor(load);
  const found = await withDuckDB({}, (db) =>
    rows(
      db,
      `select load_number as load, count(*)::integer as marks
      from read_parquet([${marksOf(project).map(quote).join(", ")}], hive_partitioning = true)
      group by all order by all`,
    ),
  );
  expect(found.map(({ load, marks }) => [Number(load), Number(marks)])).toEqual(
    loads.filter((load) => load.rows_accepted > 0).map((load) => [load.load_number, load.rows_accepted]),
  );
  fs.rmSync(project.data, { recursive: true });
  return loads;
}

function expectAccountedFor(load: Load): void {
  expect(load.rows_accepted + load.rows_quarantined + load.rows_duplicate).toBe(load.rows_read);
}

async function loadedBy(project: Project) {
  const effects = { log: () => {}, now: () => new Date("2026-03-20T16:00:00Z") };
  return ingest(project, effects, { accept: true });
}

/** Loads files one run at a time and holds each to the rows that were written into it. */
async function loadEach(project: Project, statements: string[][]): Promise<void> {
  for (const [i, file] of statements.entries()) {
    drop(project.dir, { [`${i}.csv`]: marksFile(...file) });
    const { loads } = await loadedBy(project);
    for (const load of loads) {
      expect(load.rows_read).toBe(file.length);
      expectAccountedFor(load);
    }
  }
}

async function loadTogether(project: Project, contents: string[], name: string): Promise<void> {
  drop(project.dir, Object.fromEntries(contents.map((content, i) => [`${name}-${i}.csv`, content])));
  for (const load of (await loadedBy(project)).loads) expectAccountedFor(load);
}

/** Gives a project that has loaded nothing the secret of another, so that a pupil has one key in both. */
function sameSecret(project: Project, other: Project): Project {
  const secret = path.join(other.data, "pupil-key");
  if (!fs.existsSync(secret)) {
    fs.mkdirSync(other.data, { recursive: true });
    fs.writeFileSync(secret, createHash("sha256").update("a secret of no trust").digest(), { mode: 0o600 });
  }
  fs.mkdirSync(project.data, { recursive: true });
  fs.copyFileSync(secret, path.join(project.data, "pupil-key"));
  return project;
}

function marksOf(project: Project): string[] {
  const { ledger, lake } = dataFolders(project);
  return partsOf("marks", readLedger(ledger), lake);
}

/** SHA-256 over every distinct statement of the lake, one a line, in order. */
async function contentHash(project: Project): Promise<string> {
  const parts = marksOf(project);
  const hash = createHash("sha256");
  if (parts.length === 0) return hash.digest("hex");
  const statements = await withDuckDB({}, (db) =>
    rows(
      db,
      `select distinct concat_ws('|', school_urn, pupil_key, session_date, session, known_at, code, is_deleted) as line
      from read_parquet([${parts.map(quote).join(", ")}], hive_partitioning = true)
      order by line`,
    ),
  );
  for (const { line } of statements) hash.update(`${line}\n`);
  return hash.digest("hex");
}

async function standing(project: Project): Promise<Record<string, unknown>[]> {
  return built(
    project,
    `select school_urn, pupil_key, session_date::varchar as d, session, code
    from staging.session_marks
    order by all`,
  );
}
