import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { type Forgotten, forget, PUPIL_TABLES, strikeForgotten } from "../ingest/forget.ts";
import { forgottenPupils, rememberForgotten } from "../ingest/forgotten.ts";
import { dataFolders, partsOf } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { pupilKey } from "../ingest/pupil_keys.ts";
import { createRawTables } from "../models/build.ts";
import { rollbook } from "./command.ts";
import { CANARY, LAYOUTS, type Layout, REGISTERS, type Register, SCHOOLS, withOneCharacterCodes } from "./exporters.ts";
import { built, drop, inUse, makeProject, mark, marksFile, quietly } from "./project.ts";

/** The pupil to forget is at both schools, and has at one the number that the other gives somebody else. */
const REGISTER = withOneCharacterCodes(REGISTERS["since August 2024"]);
const UPN = REGISTER.pupils[0]?.upn ?? "";
const SURNAME = `${CANARY}SURNAME1`;

/** One layout of each way in which a file names pupils and is struck. */
const STRUCK = LAYOUTS.filter(({ name }) =>
  [
    "supplier contract, CSV",
    "Arbor BI connector, CSV",
    "Bromcom Attendances, JSON",
    "Bromcom AttendanceSessions packed, CSV",
    "Wonde pages",
    "Xporter Students.Marks, JSON",
    "SIMS report, XML",
    "Common Transfer File 25",
  ].includes(name),
);

const FORMER = "A825999924017";
const OTHER = "R674123101121";
const PUPILS = "SchoolURN,UPN,FormerUPN,YearGroup,EntryDate,LastUpdated";

describe("a pupil who was loaded twice is taken out of everything, and nobody else is, in the layout of", () => {
  test.each(STRUCK.map((layout): [string, Layout] => [layout.name, layout]))("%s", async (_, layout) => {
    const project = makeTrust(layout);
    drop(project.dir, earlier(layout));
    await quietly(project);
    drop(project.dir, later(layout));
    await quietly(project);
    const before = await lakeOf(project);
    const own = await keysOfPupil(project);
    expect(before.filter(({ pupil_key }) => own.includes(String(pupil_key))).length).toBeGreaterThan(20);

    const forgotten = await forgetQuietly(project, UPN);

    expect(await traces(project, [UPN, SURNAME, ...own])).toEqual([]);
    const left = before.filter(
      ({ pupil_key, id_key }) => !own.includes(String(pupil_key)) && !own.includes(String(id_key)),
    );
    expect(await lakeOf(project)).toEqual(left);
    expect(forgotten.rows).toBeGreaterThanOrEqual(before.length - left.length);
    const loads = readLedger(dataFolders(project).ledger);
    expect(forgotten.records).toBe(loads.reduce((sum, load) => sum + load.rows_forgotten, 0));
    expect(forgotten.files).toBe(loads.filter((load) => load.rows_forgotten > 0).length);
    expect(forgotten.stillInDropFolder).not.toEqual([]);

    expect(await marksOfLanded(project, layout)).toEqual(marksOf(REGISTER).filter((line) => !line.includes(UPN)));
    expect(await quietly(project)).toMatchObject({ loads: [] });
    expect(await forgetQuietly(project, UPN)).toMatchObject({ files: 0, records: 0, rows: 0 });
  });
});

describe("what a landed CSV file has besides stays byte for byte", () => {
  const header = '"UPN",SchoolURN,SessionDate,Session,Mark,"Reason, in words"';
  const row = (upn: string, day: string, reason: string) => `${upn},999001,2025-10-${day},AM,I,${reason}`;
  const kept = [row(OTHER, "06", '"ill, ""very""\r\nand asleep"'), row(OTHER, "07", ""), row(OTHER, "08", '"x"')];
  const struck = [
    row(FORMER, "06", '"two\r\nlines, ""quoted"""'),
    row(` ${FORMER.toLowerCase()}`, "07", ""),
    row("A825 9999 24017", "08", '""'),
  ];

  test.each([
    ["with CRLF and a mark in front", "\ufeff", "\r\n", ""],
    ["without a last line ending", "", "\r\n", ""],
    ["that ends in empty lines", "", "\r\n", "\r\n\r\n\r\n"],
  ])("one %s", async (_, front, end, back) => {
    const file = (lines: string[]) => `${front}${[header, ...lines].join(end)}${back}`;
    const all = struck.flatMap((line, i) => [line, kept[i] ?? ""]);
    const project = makeProject({ "marks.csv": file(all) });
    await quietly(project);
    expect(await forgetQuietly(project, FORMER)).toMatchObject({ files: 1, records: 3, rows: 3 });
    expect(landedText(project, 0)).toBe(file(kept));
  });

  test("one of Windows-1252 becomes UTF-8, and one of UTF-16 too", async () => {
    const text = marksFile(mark({ upn: FORMER }), mark({ upn: OTHER }).replace("PUP-1", "Zoë"));
    const project = makeProject({
      "a.csv": Buffer.from(text, "latin1"),
      "b.csv": Buffer.from(`\ufeff${text.replaceAll("10-06", "10-07")}`, "utf16le"),
    });
    await quietly(project);
    const { stillInDropFolder } = await forgetQuietly(project, FORMER);
    expect(landedText(project, 0)).toBe(marksFile(mark({ upn: OTHER }).replace("PUP-1", "Zoë")));
    expect(landedText(project, 1)).toContain("Zoë,2025-10-07");
    expect(await traces(project, [FORMER])).toEqual([]);
    expect(stillInDropFolder).toEqual(["a.csv", "b.csv"]);
  });

  test("one above whose header the pupil is named keeps its header", async () => {
    const project = makeProject({
      "marks.csv": `Report on ${FORMER}\nMade on Monday\n${marksFile(mark({ upn: FORMER }), mark({ upn: OTHER }))}`,
    });
    await quietly(project);
    expect(await forgetQuietly(project, FORMER)).toMatchObject({ records: 1 });
    expect(landedText(project, 0)).toBe(`Made on Monday\n${marksFile(mark({ upn: OTHER }))}`);
  });
});

test("rows that were set aside are struck too, wherever in them the UPN stands", async () => {
  const good = Array.from({ length: 60 }, (_, i) =>
    mark({ upn: OTHER, date: `2025-${i < 30 ? "09" : "11"}-${String((i % 28) + 1).padStart(2, "0")}`, mark: "#" }),
  );
  const astray = mark({ upn: "unknown" }).replace("PUP-1", `see ${FORMER.toLowerCase()}`);
  const project = makeProject({ "marks.csv": marksFile(...good, astray) });
  const { loads } = await quietly(project);
  expect(loads).toMatchObject([{ rows_quarantined: 1 }]);
  expect(await forgetQuietly(project, FORMER)).toMatchObject({ records: 1, rows: 0 });
  expect(landedText(project, 0)).toBe(marksFile(...good));
});

test("a reason that names the pupil is emptied in another pupil's row, which stays", async () => {
  const header = "SchoolURN,UPN,SessionDate,Session,Mark,Reason";
  const project = makeProject({
    "marks.csv": `${header}\n999001,${FORMER},2025-10-06,AM,I,ill\n999001,${OTHER},2025-10-06,AM,I,as ${FORMER}\n`,
  });
  await quietly(project);
  await forgetQuietly(project, FORMER);
  expect(await traces(project, [FORMER])).toEqual([]);
  expect(await built(project, "select code, reason from raw.marks")).toEqual([{ code: "I", reason: null }]);
});

test.each([
  ["the present UPN", OTHER],
  ["the former one", FORMER],
  ["the former one in small letters with spaces", "a825 9999 24017"],
])("by %s, the pupil is forgotten under both", async (_, upn) => {
  const third = "X00180001701A";
  const project = makeProject({
    "autumn.csv": marksFile(mark({ upn: FORMER }), mark({ upn: third })),
    "pupils.csv": `${PUPILS}\n999001,${OTHER},${FORMER},7,2025-09-01,2025-11-03\n`,
    "spring.csv": marksFile(mark({ upn: OTHER, date: "2026-01-12" })),
  });
  await quietly(project);
  await forgetQuietly(project, upn);
  const keys = [FORMER, OTHER].map((each) => pupilKey(each, secretOf(project)));
  expect(await traces(project, [FORMER, OTHER, ...keys])).toEqual([]);
  expect([...forgottenPupils(project.data)].sort()).toEqual(keys.sort());
  expect(await built(project, "select pupil_key from raw.marks")).toEqual([
    { pupil_key: pupilKey(third, secretOf(project)) },
  ]);
});

test("warehouses, the site and what runs left behind go, and other pupils' figures are built as they were", async () => {
  const layout = LAYOUTS.find(({ name }) => name.startsWith("Arbor")) as Layout;
  const project = makeTrust(layout);
  drop(project.dir, layout.files(REGISTER.pupils, REGISTER.marks, REGISTER.extractedOn));
  await quietly(project);
  const others = (own: string[]) =>
    `from marts.pupil_attendance where pupil_key not in (${["", ...own].map(quote).join(", ")}) order by all`;
  await built(project, "select 1");
  const own = await keysOfPupil(project);
  const before = await built(project, others(own));
  expect(before.length).toBeGreaterThan(3);
  const { work, warehouse } = dataFolders(project);
  const rendered = ["board", "board.last", "champion-999001", "champion-999002.last", "champion-999001.next"];
  const sites = [...rendered, "board.hosting", "champion-999002.hosting.last"];
  for (const file of sites.map((name) => path.join(project.site, name, "index.html"))) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, SURNAME);
  }
  fs.writeFileSync(path.join(project.site, "of-the-trust.txt"), "stays");
  fs.mkdirSync(path.join(work, "board"), { recursive: true });
  fs.writeFileSync(path.join(work, "board", "evidence.log"), UPN);

  await forgetQuietly(project, UPN);

  expect(fs.existsSync(warehouse)).toBe(false);
  expect(fs.existsSync(work) ? fs.readdirSync(work) : []).toEqual([]);
  expect(fs.readdirSync(project.site)).toEqual(["of-the-trust.txt"]);
  expect(await built(project, others(own))).toEqual(before);
  expect(await inUse(project, others([]))).toEqual(before);
  expect(await traces(project, [UPN, SURNAME, ...own])).toEqual([]);
});

test("every table of the lake that a warehouse reads pupils from is looked through", async () => {
  const keyed = await withDuckDB({}, async (db) => {
    await createRawTables(db);
    return rows(
      db,
      `select table_name, string_agg(column_name, ' ' order by column_index) as keys
      from duckdb_columns()
      where schema_name = 'raw' and column_name in ('id_key', 'pupil_key')
        -- these two are made from the others
        and table_name not in ('identities', 'unresolved_ids')
      group by table_name`,
    );
  });
  const { names, ...read } = PUPIL_TABLES;
  expect(names).toEqual(["pupil_key"]);
  expect(Object.fromEntries(keyed.map(({ table_name, keys }) => [table_name, String(keys).split(" ")]))).toEqual(read);
});

test("names of files that are the UPN are forgotten, too", async () => {
  const project = makeProject({ [`999001/${FORMER}.csv`]: marksFile(mark({ upn: FORMER }), mark({ upn: OTHER })) });
  const lines: string[] = [];
  await quietly(project);
  const { stillInDropFolder } = await forget(project, FORMER, {
    log: (line) => lines.push(line),
    now: () => new Date(),
  });
  expect(await traces(project, [FORMER])).toEqual([]);
  expect(stillInDropFolder).toEqual(["999001/.csv"]);
  expect(lines.join()).not.toContain(FORMER);
  expect(await quietly(project)).toMatchObject({ loads: [] });
});

describe("nothing is changed, and the UPN is not repeated, when", () => {
  test.each([
    ["it is none", "A82599992401", /^Expected the UPN of the pupil to forget: /],
    ["no such pupil was loaded", OTHER, /^No pupil with that UPN was ever loaded/],
  ])("%s", async (_, upn, reason) => {
    const project = makeProject({ "marks.csv": marksFile(mark({ upn: FORMER })) });
    await quietly(project);
    await built(project, "select 1");
    const before = snapshot(project);
    const failure = await forgetQuietly(project, upn).catch((error: Error) => error);
    expect(failure).toMatchObject({ name: "RollbookError", message: expect.stringMatching(reason) });
    expect(JSON.stringify(failure)).not.toContain(upn);
    expect(snapshot(project)).toEqual(before);
  });

  test("the schools are no longer stated as they were, so that an id in a landed file cannot be told", async () => {
    const project = makeProject({
      "999001/marks.csv": "Id,Date,StudentId,Mark,Type,Session\n1,2025-10-06,9919,I,S,AM\n",
      "999001/students.csv": `Id,UPN,YearGroup,RegGroup,EntryDate\n9919,${FORMER},7,7B,2025-09-01\n`,
      "999002/marks.csv": "Id,Date,StudentId,Mark,Type,Session\n1,2025-10-06,9919,I,S,AM\n",
    });
    await quietly(project);
    const before = snapshot(project);
    const without = { ...project, schools: project.schools.filter(({ urn }) => urn === 999002) };
    await expect(forgetQuietly(without, FORMER)).rejects.toThrow(/load 1 .* state every school in rollbook\.yaml/);
    expect(snapshot(project)).toEqual(before);
    expect(await forgetQuietly(project, FORMER)).toMatchObject({ files: 2, records: 2 });
  });
});

describe("stopped at any step, the lake can be read, and another run finishes", () => {
  const MOST_STEPS = 20;

  async function loaded(): Promise<Project> {
    const project = makeProject({
      "999001/marks.csv": "Id,Date,StudentId,Mark,Type,Session\n1,2025-10-06,9919,I,S,AM\n2,2025-10-06,7,I,S,AM\n",
    });
    await quietly(project);
    drop(project.dir, {
      "999001/students.csv": `Id,UPN,YearGroup,RegGroup,EntryDate\n9919,${FORMER},7,7B,2025-09-01\n7,${OTHER},7,7B,2025-09-01\n`,
    });
    await quietly(project);
    await built(project, "select 1");
    return project;
  }

  async function holdToForgotten(project: Project): Promise<void> {
    const keys = [...forgottenPupils(project.data)];
    expect(keys).toHaveLength(2);
    expect(await traces(project, [FORMER, "9919", ...keys])).toEqual([]);
    expect(readLedger(dataFolders(project).ledger).map((load) => load.rows_forgotten)).toEqual([1, 1]);
    expect((await lakeOf(project)).map(({ of_table, code }) => [of_table, code ?? null])).toEqual([
      ["marks", "I"],
      ["pupils", null],
      ["pupil_ids", null],
      ["pupil_ids", null],
    ]);
    const { lake, landing } = dataFolders(project);
    const loads = readLedger(dataFolders(project).ledger);
    expect(filesBelow(lake)).toEqual(loads.flatMap(({ parts }) => parts.map(({ file }) => file)).sort());
    expect(filesBelow(landing)).toEqual(loads.map(({ sha256 }) => sha256).sort());
  }

  test("each in turn", async () => {
    const first = await loaded();
    for (let steps = 1; steps <= MOST_STEPS; steps++) {
      const project = copyOf(first);
      let left = steps;
      const log = () => {
        if (--left === 0) throw new Error("stopped");
      };
      const ended = await forget(project, FORMER, { log, now: () => new Date() }).catch(
        (error: Error) => error.message,
      );
      expect(await brokenParts(project)).toEqual([]);
      if (ended === "stopped") await forgetQuietly(project, FORMER);
      await holdToForgotten(project);
      if (ended !== "stopped") {
        expect(steps).toBeGreaterThan(7);
        expect(await built(project, "select count(*)::integer as marks from raw.marks")).toEqual([{ marks: 1 }]);
        return;
      }
    }
    expect.unreachable("the steps never ended");
  });

  test("between two runs of the ledger", async () => {
    const project = await loaded();
    const inTheWay = path.join(dataFolders(project).ledger, "00000002.json.draft");
    fs.mkdirSync(inTheWay);
    await expect(forgetQuietly(project, FORMER)).rejects.toThrow(/EISDIR/);
    expect(readLedger(dataFolders(project).ledger).map((load) => load.rows_forgotten)).toEqual([1, 0]);
    fs.rmdirSync(inTheWay);
    expect(await built(project, "select count(*)::integer as marks from raw.marks")).toEqual([{ marks: 1 }]);
    await forgetQuietly(project, FORMER);
    const { lake, landing } = dataFolders(project);
    expect(await traces(project, [FORMER, "9919", ...forgottenPupils(project.data)])).toEqual([]);
    expect([...filesBelow(lake), ...filesBelow(landing)].filter((name) => name.endsWith(".struck"))).toEqual([]);
  });
});

describe("a file of several megabytes is struck across the pieces that it is read in", () => {
  const ROWS = 40_000;
  const isOne = (i: number) => i % 7 === 3;
  const upnAt = (i: number) => (isOne(i) ? FORMER : OTHER);
  const all = Array.from({ length: ROWS }, (_, i) => i);

  test.each([
    [
      "CSV",
      (is: number[]) =>
        [
          "UPN,SchoolURN,SessionDate,Session,Mark,Reason",
          ...is.map((i) => `${upnAt(i)},999001,2025-10-06,AM,I,"Zoë ${i},\r\n""😀"""`),
          "",
        ].join("\r\n"),
    ],
    [
      "XML",
      (is: number[]) =>
        `<?xml version="1.0"?>\r\n<r:SuperStarReport xmlns:r="x">${is.map((i) => `<Record><UPN>${upnAt(i)}</UPN><Surname>Zoë ${i} &lt;😀</Surname></Record>`).join("")}\r\n</r:SuperStarReport>`,
    ],
  ])("%s", async (_, file) => {
    const project = makeProject({ "marks.csv": marksFile(mark({})) });
    await quietly(project);
    rememberForgotten(project.data, [pupilKey(FORMER, secretOf(project))], new Date());
    const landing = path.join(project.dir, "landing");
    fs.writeFileSync(landing, file(all));
    expect(fs.statSync(landing).size).toBeGreaterThan(2_000_000);
    const struck = await strikeForgotten(project, { landing, name: "long", folderUrn: null }, project.dir);
    expect(struck).toBe(all.filter(isOne).length);
    expect(fs.readFileSync(landing, "utf8") === file(all.filter((i) => !isOne(i)))).toBe(true);
  });
});

describe("a file that comes later and still holds the pupil", () => {
  test("is taken in without the pupil, and is landed without the pupil", async () => {
    const project = makeProject({ "october.csv": marksFile(mark({ upn: FORMER }), mark({ upn: OTHER })) });
    await quietly(project);
    await forgetQuietly(project, FORMER);
    const date = "2025-11-05";
    drop(project.dir, { "november.csv": marksFile(mark({ upn: OTHER, date }), mark({ upn: FORMER, date })) });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ rows_read: 2, rows_accepted: 1, rows_quarantined: 1, rows_forgotten: 1 }]);
    expect(landedText(project, 1)).toBe(marksFile(mark({ upn: OTHER, date })));
    expect(await traces(project, [FORMER, pupilKey(FORMER, secretOf(project))])).toEqual([]);
    expect(await built(project, "select rule, row_number as row from raw.quarantine")).toEqual([
      { rule: "forgotten_pupil", row: 3 },
    ]);
  });

  test("is struck where it lies", async () => {
    const project = makeProject({ "marks.csv": marksFile(mark({ upn: OTHER })) });
    await quietly(project);
    const landing = path.join(project.dir, "landing");
    const page = {
      data: [
        { id: "S1", upn: FORMER },
        { id: "S2", upn: OTHER },
      ],
      meta: { of: FORMER },
    };
    const file = { landing, name: "999001/students.json", folderUrn: 999001 };
    const staging = path.join(project.dir, "staging");
    fs.mkdirSync(staging);
    fs.writeFileSync(landing, JSON.stringify(page));
    expect(await strikeForgotten(project, file, staging)).toBe(0);
    expect(fs.readFileSync(landing, "utf8")).toBe(JSON.stringify(page));
    rememberForgotten(project.data, [pupilKey(FORMER, secretOf(project))], new Date());
    expect(await strikeForgotten(project, file, staging)).toBe(1);
    expect(JSON.parse(fs.readFileSync(landing, "utf8"))).toEqual({
      data: [{ id: "S2", upn: OTHER }],
      meta: { of: "" },
    });
    expect(filesBelow(project.dir).filter((name) => name.startsWith("landing"))).toEqual(["landing"]);
  });
});

test("the command says what was taken out and what is left to do, and builds again what was built", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({ upn: FORMER }), mark({ upn: OTHER })) });
  await quietly(project);
  await built(project, "select 1");
  const wrong = await rollbook("forget", "A1", "--project", project.dir);
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Expected the UPN of the pupil to forget/) });
  const { code, stdout, stderr } = await rollbook("forget", FORMER, "--project", project.dir);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("The pupil is forgotten: 1 record of 1 landed file and 1 row of the lake were taken out");
  expect(stdout).toContain("Still in the drop folder, which is the school's own: marks.csv.");
  expect(stdout).not.toContain(FORMER);
  expect(await inUse(project, "select count(*)::integer as marks from raw.marks")).toEqual([{ marks: 1 }]);
  const again = await rollbook("forget", FORMER, "--project", project.dir, "--json");
  expect(JSON.parse(again.stdout)).toEqual({ files: 0, records: 0, rows: 0, stillInDropFolder: ["marks.csv"] });
});

// --- internal ---

const CALENDARS = `
calendars:
  - school_year: 2024/25
    half_terms: { autumn 1: [2024-09-03, 2024-10-25], autumn 2: [2024-11-04, 2024-12-20], spring 1: [2025-01-06, 2025-02-14], spring 2: [2025-02-24, 2025-04-04], summer 1: [2025-04-22, 2025-05-23], summer 2: [2025-06-02, 2025-07-21] }
  - school_year: 2025/26
    half_terms: { autumn 1: [2025-09-02, 2025-10-24], autumn 2: [2025-11-03, 2025-12-19], spring 1: [2026-01-05, 2026-02-13], spring 2: [2026-02-23, 2026-04-02], summer 1: [2026-04-20, 2026-05-22], summer 2: [2026-06-01, 2026-07-20] }
`;

/** An empty project of the two invented schools, under every name that the layouts give them. */
function makeTrust(layout: Layout): Project {
  const { dir } = makeProject({});
  const schools = SCHOOLS.map(
    ({ urn, name, lea, estab, applicationId }, i) =>
      `  - { urn: ${urn}, name: ${name}, phase: ${i === 0 ? "Primary" : "Secondary"}, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003, laestab: "${lea}${estab}", known_as: [${applicationId}] }`,
  );
  const head = ["trust: Two Schools Trust", "as_at: 2026-03-20", `dates: ${layout.dates}`, "schools:"];
  fs.writeFileSync(path.join(dir, "rollbook.yaml"), [...head, ...schools].join("\n") + CALENDARS);
  return readProject(dir);
}

/** The first of two extracts: a few marks of the last days are not made yet, of codes that others have. */
function earlier(layout: Layout): Record<string, string | Buffer> {
  const made = REGISTER.marks.filter(({ date, code }) => date < "2025-10-08" || !["/", "\\"].includes(code));
  return layout.files(REGISTER.pupils, made, "2025-10-09");
}

/** The second extract, of everything, in files of other names. */
function later(layout: Layout): Record<string, string | Buffer> {
  const files = layout.files(REGISTER.pupils, REGISTER.marks, REGISTER.extractedOn);
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [`later/${name}`, content]));
}

async function forgetQuietly(project: Project, upn: string): Promise<Forgotten> {
  return forget(project, upn, { log: () => {}, now: () => new Date("2026-03-21T09:00:00Z") });
}

function copyOf({ dir }: Project): Project {
  const copy = makeProject({}).dir;
  fs.cpSync(dir, copy, { recursive: true, preserveTimestamps: true });
  return readProject(copy);
}

function secretOf(project: Project): Buffer {
  return fs.readFileSync(path.join(project.data, "pupil-key"));
}

function landedText(project: Project, load: number): string {
  const { ledger, landing } = dataFolders(project);
  return fs.readFileSync(path.join(landing, readLedger(ledger)[load]?.sha256 ?? ""), "utf8");
}

function filesBelow(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

function snapshot(project: Project): [string, string][] {
  return filesBelow(project.data)
    .filter((name) => !name.startsWith("lock"))
    .map((name) => [name, fs.readFileSync(path.join(project.data, name), "latin1")]);
}

/** Every row of the lake's tables about pupils, by table. */
async function lakeOf(project: Project): Promise<Record<string, unknown>[]> {
  const { ledger, lake } = dataFolders(project);
  const loads = readLedger(ledger);
  return withDuckDB({}, async (db) => {
    const found: Record<string, unknown>[] = [];
    for (const table of ["marks", "pupils", "pupil_statuses", "enrolments", "pupil_ids", "names"]) {
      const parts = partsOf(table, loads, lake);
      if (parts.length === 0) continue;
      const relation = `read_parquet([${parts.map(quote).join(", ")}], hive_partitioning = true, union_by_name = true)`;
      found.push(...(await rows(db, `select ${quote(table)} as of_table, * from ${relation} order by all`)));
    }
    return found;
  });
}

/** The keys that the pupil has: by UPN, and by the ids that the lake knows. */
async function keysOfPupil(project: Project): Promise<string[]> {
  const key = pupilKey(UPN, secretOf(project));
  const ids = (await lakeOf(project)).filter((row) => row.of_table === "pupil_ids" && row.pupil_key === key);
  return [...new Set([key, ...ids.map(({ id_key }) => String(id_key))])];
}

/** What the landed files say of sessions when they are loaded into an empty project. */
async function marksOfLanded(project: Project, layout: Layout): Promise<string[]> {
  const { ledger, landing } = dataFolders(project);
  const fresh = makeTrust(layout);
  for (const { file, sha256 } of readLedger(ledger)) {
    drop(fresh.dir, { [file]: fs.readFileSync(path.join(landing, sha256)) });
  }
  await quietly(fresh);
  const stored = await lakeOf(fresh);
  const upns = new Map(REGISTER.pupils.map(({ upn }) => [pupilKey(upn, secretOf(fresh)), upn]));
  const ids = stored.filter(({ kind }) => kind === "system id").map((row) => [row.id_key, row.pupil_key] as const);
  const pupilOf = new Map(ids);
  const told = stored
    .filter(({ of_table, is_deleted, code }) => of_table === "marks" && !is_deleted && code !== "#" && code !== "-")
    .map(({ school_urn, pupil_key, session_date, session, code }) => {
      const upn = upns.get(String(pupilOf.get(pupil_key) ?? pupil_key)) ?? `key ${pupil_key}`;
      return [school_urn, upn, session_date, session, code].join(" ");
    });
  return [...new Set(told)].sort();
}

function marksOf({ marks }: Register): string[] {
  return marks
    .filter(({ code }) => code !== "#" && code !== "-")
    .map(({ urn, upn, date, session, code }) => [urn, upn, date, session, code].join(" "))
    .sort();
}

/** The files below data and site that hold one of the texts, as bytes in any case or, in what is compressed, as values. */
async function traces(project: Project, texts: string[]): Promise<string[]> {
  const found: string[] = [];
  const wanted = texts.map((text) => text.toLowerCase());
  await withDuckDB({}, async (db) => {
    for (const folder of [project.data, project.site]) {
      for (const name of filesBelow(folder)) {
        // it keeps the keys on purpose, to know the pupil again
        if (name === "forgotten.json" || name === "pupil-key") continue;
        const file = path.join(folder, name);
        const bytes = fs.readFileSync(file, "latin1").replaceAll("\0", "");
        const content = `${name} ${bytes} ${await valuesOf(db, file)}`.toLowerCase();
        if (wanted.some((text) => content.includes(text))) found.push(name);
      }
    }
  });
  return found;
}

async function valuesOf(db: DuckDBConnection, file: string): Promise<string> {
  if (file.endsWith(".parquet")) return JSON.stringify(await rows(db, `from read_parquet(${quote(file)})`));
  if (!file.endsWith(".duckdb") || path.basename(file) === "lock.duckdb") return "";
  return withDuckDB({ path: file, readOnly: true }, async (warehouse) => {
    const tables = await rows(warehouse, "select schema_name || '.' || table_name as name from duckdb_tables()");
    let values = "";
    for (const { name } of tables) values += JSON.stringify(await rows(warehouse, `from ${name}`));
    return values;
  });
}

/** Parts of the lake that do not hold as many rows as the ledger says. */
async function brokenParts(project: Project): Promise<string[]> {
  const { ledger, lake } = dataFolders(project);
  return withDuckDB({}, async (db) => {
    const broken: string[] = [];
    for (const { file, rows: promised } of readLedger(ledger).flatMap(({ parts }) => parts)) {
      const [found] = await rows(
        db,
        `select count(*)::integer as rows from read_parquet(${quote(path.join(lake, file))})`,
      );
      if (found?.rows !== promised) broken.push(file);
    }
    return broken;
  });
}
