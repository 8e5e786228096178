import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { forget } from "../ingest/forget.ts";
import { ingest } from "../ingest/ingest.ts";
import { dataFolders, partsOf } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { NAMES_TABLE, type PupilName, readNames } from "../ingest/names.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { pupilKey } from "../ingest/pupil_keys.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { upnOf } from "./exporters.ts";
import { built, drop, makeProject, mark, marksFile, quietly } from "./project.ts";

const UPN = "V825999924017";
const FORMER = "A825999924017";
const OTHER = "R674123101121";
const HEADER = "SchoolURN,UPN,FormerUPN,YearGroup,EntryDate,LastUpdated,Surname,Forename";

test("a pupil goes by the name that is used, and by the legal one where no other is given, in every layout", async () => {
  const arbor =
    "STUDENT_UNIQUE_ID,APPLICATION_ID,UPN,CURRENT_YEAR_GROUP,LEGAL_FIRST_NAME,LEGAL_LAST_NAME,PREFERRED_FIRST_NAME,PREFERRED_LAST_NAME";
  const wonde = (upn: string, names: Record<string, string | null>) =>
    JSON.stringify({ data: [{ id: upn, upi: "u", mis_id: "1", ...names, education_details: { data: { upn } } }] });
  const ctf = (upn: string, pupil: string) =>
    `<CTfile><Header><DocumentName>Common Transfer File</DocumentName><CTFversion>25.0</CTFversion><DateTime>2026-03-05T04:26:45</DateTime><SourceSchool><LEA>825</LEA><Estab>4001</Estab></SourceSchool></Header><CTFpupilData><Pupil><UPN>${upn}</UPN>${pupil}<DOB>2014-02-11</DOB></Pupil></CTFpupilData></CTfile>`;
  const sims = (upn: string, names: string) =>
    `<SuperStarReport><Record><UPN>${upn}</UPN><Year>Year  7</Year>${names}</Record></SuperStarReport>`;
  const cases: [string, (upn: string) => string, (string | null)[]][] = [
    ["arbor.csv", (upn) => `${arbor}\nS1,school-999001,${upn},7,Wrenna,Ash,Wren,Ashdown\n`, ["Ashdown", "Wren"]],
    ["arbor_legal.csv", (upn) => `${arbor}\nS2,school-999001,${upn},7,Wrenna,Ash,,\n`, ["Ash", "Wrenna"]],
    [
      "wonde.json",
      (upn) => wonde(upn, { surname: "Ashdown", forename: "Wren", legal_surname: "Ash", legal_forename: "Wrenna" }),
      ["Ashdown", "Wren"],
    ],
    [
      "wonde_legal.json",
      (upn) => wonde(upn, { surname: null, forename: "", legal_surname: "Ash", legal_forename: "Wrenna" }),
      ["Ash", "Wrenna"],
    ],
    [
      "xporter.csv",
      (upn) => `Id,Forename,Surname,YearGroup,RegGroup,EntryDate,UPN\n1,Wren,Ashdown,7,7B,2025-09-01,${upn}\n`,
      ["Ashdown", "Wren"],
    ],
    [
      "bromcom.csv",
      (upn) => `student_ID,upn,firstName,preferredFirstName,lastName,yearGroup\n1,${upn},Wrenna,Wren,Ashdown,7\n`,
      ["Ashdown", "Wren"],
    ],
    [
      "sims.csv",
      (upn) =>
        `UPN,Year,Entry date,Legal Surname,Surname,Forename,Preferred Forename\n${upn},7,2025-09-01,Ash,Ashdown,Wrenna,Wren\n`,
      ["Ashdown", "Wren"],
    ],
    [
      "sims.xml",
      (upn) => sims(upn, "<Legal_x0020_Surname>Ash</Legal_x0020_Surname><Chosen_x0020_Name>Wren</Chosen_x0020_Name>"),
      ["Ash", "Wren"],
    ],
    ["ctf.xml", (upn) => ctf(upn, "<Surname>Ashdown</Surname><Forename>Wren</Forename>"), ["Ashdown", "Wren"]],
    [
      "ctf_preferred.xml",
      (upn) =>
        ctf(
          upn,
          "<Surname>Ashdown</Surname><Forename>Wrenna</Forename><BasicDetails><PreferredForename>Wren</PreferredForename></BasicDetails>",
        ),
      ["Ashdown", "Wren"],
    ],
    ["pupils.csv", (upn) => `${HEADER}\n999001,${upn},,7,2025-09-01,,Ashdown,Wren\n`, ["Ashdown", "Wren"]],
  ];
  const project = makeProject({});
  const file = path.join(project.dir, "rollbook.yaml");
  const names = 'urn: 999001, laestab: "8254001", known_as: [school-999001]';
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("urn: 999001", names));
  const told = cases.map(([name, content, expected], i) => ({ name, content, expected, upn: upnAt(i) }));
  drop(project.dir, Object.fromEntries(told.map(({ name, content, upn }) => [`999001/${name}`, content(upn)])));
  await quietly(readProject(project.dir));
  expect(await named(project)).toEqual(Object.fromEntries(told.map(({ upn, expected }) => [upn, expected])));
});

describe("a name is kept", () => {
  test("as it is read, and not where it is none", async () => {
    const cases: [string, string, string, (string | null)[] | null][] = [
      ["composed, whichever way it was written", "Bronte\u0308", "Zoe\u0308", ["Bront\u00eb", "Zo\u00eb"]],
      ["without what turns text around", "\u202eAshdown\u202c", "\u2066Wren\u2069\u200f", ["Ashdown", "Wren"]],
      ["with one space between words", " Van  der\u00a0Ash ", "Wren\u2003Ann", ["Van der Ash", "Wren Ann"]],
      ["though other readers take it for nothing or a formula", "Null", "=1+1", ["Null", "=1+1"]],
      ["where there is one alone", "", "Wren", [null, "Wren"]],
      ["up to a hundred characters", "\u00e9".repeat(100), "", ["\u00e9".repeat(100), null]],
      ["not if it is longer", "e".repeat(101), "Wren", [null, "Wren"]],
      ["not if it is a UPN or an address", UPN.toLowerCase(), "wren@school.example", null],
      ["not if nothing can be seen of it", "\u200b", "\u202e\u00a0", null],
    ];
    const project = makeProject({
      "pupils.csv": `${[HEADER, ...cases.map(([, surname, forename], i) => `999001,${upnAt(i)},,7,2025-09-01,2025-11-03,${surname},${forename}`)].join("\n")}\n`,
    });
    await quietly(project);
    const kept = await named(project);
    expect(cases.map(([name], i) => [name, kept[upnAt(i)] ?? null])).toEqual(
      cases.map(([name, , , expected]) => [name, expected]),
    );
  });

  test("not if two columns have the same heading, of which one could be anybody's", async () => {
    const project = makeProject({
      "pupils.csv": `SchoolURN,UPN,YearGroup,EntryDate,Surname,Forename,Sur name\n999001,${UPN},7,2025-09-01,Ashdown,Wren,Carer\n`,
    });
    await quietly(project);
    expect(await named(project)).toEqual({ [UPN]: [null, "Wren"] });
  });

  test("not if rows of one day name the pupil differently", async () => {
    const row = (entered: string, forename: string) => `999001,${UPN},,7,${entered},2025-11-03,Ashdown,${forename}`;
    const project = makeProject({
      "pupils.csv": `${HEADER}\n${row("2024-09-02", "Wren")}\n${row("2025-09-01", "Robin")}\n`,
    });
    await quietly(project);
    expect(await named(project)).toEqual({});
  });

  test("not from a row that is set aside", async () => {
    const pupil = (i: number) =>
      `999001,${OTHER},,7,2025-09-01,2025-${10 + (i % 2)}-${10 + Math.floor(i / 2)},Thorn,Linnet`;
    const good = Array.from({ length: 36 }, (_, i) => pupil(i)).concat(
      Array.from({ length: 20 }, (_, i) => `999002,${OTHER},,7,2025-09-01,2025-11-${10 + i},Thorn,Linnet`),
    );
    const stray = `999001,${UPN},,not a year,2025-09-01,2025-11-03,Ashdown,Wren`;
    const project = makeProject({ "pupils.csv": `${[HEADER, ...good, stray].join("\n")}\n` });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ rows_accepted: 56, rows_quarantined: 1 }]);
    expect(await named(project)).toEqual({ [OTHER]: ["Thorn", "Linnet"] });
  });
});

describe("of several names the newest counts", () => {
  const list = (upn: string, knownOn: string, forename: string) =>
    `${HEADER}\n999001,${upn},,7,2025-09-01,${knownOn},Ashdown,${forename}\n`;
  const told: [string, string][] = [
    ["2025-09-10", "Wren"],
    ["2025-10-10", "Robin"],
    ["2025-11-10", "Wren"],
    ["2025-12-10", "Rowan"],
  ];

  test.each([[[0, 1, 2, 3]], [[3, 0, 1]], [[0, 2, 1]]])("in the order %j", async (order) => {
    const project = makeProject({});
    for (const i of order) {
      const [knownOn = "", forename = ""] = told[i] ?? [];
      drop(project.dir, { [`${i}.csv`]: list(UPN, knownOn, forename) });
      await quietly(project);
    }
    expect(await named(project)).toEqual({ [UPN]: ["Ashdown", order.includes(3) ? "Rowan" : "Wren"] });
  });

  test("of the same day, that which came last, though the row says nothing else that is new", async () => {
    const project = makeProject({});
    for (const [i, forename] of ["Wren", "Robin", "Wren", "Wren"].entries()) {
      drop(project.dir, { [`${i}.csv`]: `${list(UPN, "2025-11-10", forename)}${"\n".repeat(i)}` });
      const { loads } = await quietly(project);
      expect(loads).toMatchObject([{ rows_read: 1, rows_accepted: i === 0 ? 1 : 0, rows_duplicate: i === 0 ? 0 : 1 }]);
    }
    expect(await named(project)).toEqual({ [UPN]: ["Ashdown", "Wren"] });
    // the fourth said what the third did
    expect((await namesInLake(project)).map(({ load_number }) => load_number)).toEqual([1, 2, 3]);
  });
});

test("a former UPN's name is the pupil's, until a newer one is told", async () => {
  const row = (upn: string, former: string, day: string, forename: string) =>
    `999001,${upn},${former},7,2025-09-01,${day},Ashdown,${forename}\n`;
  const project = makeProject({
    "marks.csv": marksFile(mark({ upn: UPN })),
    "autumn.csv": `${HEADER}\n${row(FORMER, "", "2025-09-10", "Wren")}`,
    "spring.csv": `${HEADER.replace("Surname,Forename", "X,Y")}\n${row(UPN, FORMER, "2026-01-12", "")}`,
  });
  await quietly(project);
  await built(project, "select 1");
  const inWarehouse = () =>
    withDuckDB({ path: warehouseInUse(dataFolders(project).warehouse).path, readOnly: true }, (db) =>
      readNames(db, project, 999001),
    );
  const pupil_key = pupilKey(UPN, secretOf(project));
  expect(await inWarehouse()).toEqual([{ school_urn: 999001, pupil_key, surname: "Ashdown", forename: "Wren" }]);
  drop(project.dir, { "summer.csv": `${HEADER}\n${row(UPN, "", "2026-02-02", "Rowan")}` });
  await quietly(project);
  expect(await inWarehouse()).toEqual([{ school_urn: 999001, pupil_key, surname: "Ashdown", forename: "Rowan" }]);
});

test("no table of a warehouse holds a name, and each school reads its own alone", async () => {
  const project = makeProject({
    "pupils.csv": `${HEADER}\n999001,${UPN},,7,2025-09-01,2025-11-03,ZZASHDOWN,ZZWREN\n999002,${OTHER},,7,2025-09-01,2025-11-03,ZZTHORN,ZZLINNET\n`,
    "marks.csv": marksFile(mark({}), mark({ upn: OTHER, urn: "999002" })),
  });
  await quietly(project);
  await built(project, "select 1");
  const { warehouse } = dataFolders(project);
  await withDuckDB({ path: warehouseInUse(warehouse).path, readOnly: true }, async (db) => {
    const tables = await rows(
      db,
      "select table_schema || '.' || table_name as name from information_schema.tables where table_type = 'BASE TABLE'",
    );
    expect(tables.length).toBeGreaterThan(50);
    const holding: unknown[] = [];
    for (const { name } of tables) {
      const [found] = await rows(db, `select bool_or(contains(upper(t::varchar), 'ZZ')) as holds from ${name} as t`);
      if (found?.holds) holding.push(name);
    }
    expect(holding).toEqual([]);
    expect(await readNames(db, project, 999001)).toEqual([
      { school_urn: 999001, pupil_key: pupilKey(UPN, secretOf(project)), surname: "ZZASHDOWN", forename: "ZZWREN" },
    ]);
    expect(await readNames(db, project, 999002)).toEqual([
      { school_urn: 999002, pupil_key: pupilKey(OTHER, secretOf(project)), surname: "ZZTHORN", forename: "ZZLINNET" },
    ]);
    expect(await readNames(db, project, 999003)).toEqual([]);
  });
});

test.each([
  ["is gone", (file: string) => fs.rmSync(file)],
  ["is damaged", (file: string) => fs.truncateSync(file, 40)],
])("names whose file %s are missed, not passed over", async (_, harm) => {
  const project = makeProject({ "pupils.csv": `${HEADER}\n999001,${UPN},,7,2025-09-01,,Ashdown,Wren\n` });
  await quietly(project);
  const [part = ""] = partsOf(NAMES_TABLE, readLedger(dataFolders(project).ledger), dataFolders(project).lake);
  harm(part);
  await expect(named(project)).rejects.toThrow(
    "The lake does not hold the names of pupils of school 999001 that the ledger says",
  );
});

test("a forgotten pupil's name goes with the pupil, under both UPNs, and does not come back", async () => {
  const list = (day: string) =>
    `${HEADER}\n999001,${UPN},${FORMER},7,2025-09-01,${day},ZZASHDOWN,ZZWREN\n999001,${OTHER},,7,2025-09-01,${day},Thorn,Linnet\n`;
  const project = makeProject({
    "before.csv": `${HEADER}\n999001,${FORMER},,7,2025-09-01,2025-09-03,ZZASHDOWN,ZZFIRST\n`,
    "pupils.csv": list("2025-11-03"),
  });
  await quietly(project);
  expect(await named(project)).toEqual({
    [FORMER]: ["ZZASHDOWN", "ZZFIRST"],
    [UPN]: ["ZZASHDOWN", "ZZWREN"],
    [OTHER]: ["Thorn", "Linnet"],
  });
  const { rows: taken } = await forget(project, UPN, { log: () => {}, now: () => new Date("2026-03-21T09:00:00Z") });
  // two names, two rows of pupils and what joined them
  expect(taken).toBe(5);
  expect(await named(project)).toEqual({ [OTHER]: ["Thorn", "Linnet"] });
  drop(project.dir, { "later.csv": list("2025-12-01") });
  const { loads } = await quietly(project);
  expect(loads).toMatchObject([{ rows_accepted: 1, rows_quarantined: 1 }]);
  expect(await named(project)).toEqual({ [OTHER]: ["Thorn", "Linnet"] });
  expect(JSON.stringify(await namesInLake(project))).not.toContain("ZZ");
});

test("no name is told to whoever watches, or noted of a row that is set aside", async () => {
  const good = Array.from(
    { length: 60 },
    (_, i) => `999001,${OTHER},,7,2025-09-01,2025-11-${10 + (i % 20)},ZZTHORN,ZZLINNET`,
  );
  const project = makeProject({
    "pupils.csv": `${[HEADER, ...good, `999001,${UPN},,ZZYEAR,2025-09-01,2025-11-03,ZZASHDOWN,ZZWREN`].join("\n")}\n`,
  });
  const lines: string[] = [];
  await ingest(project, { log: (line) => lines.push(line), now: () => new Date("2026-03-20T16:00:00Z") });
  const { ledger, lake } = dataFolders(project);
  const loads = readLedger(ledger);
  const noted = await withDuckDB({}, (db) =>
    rows(db, `from read_parquet([${partsOf("quarantine", loads, lake).map(quote).join(", ")}])`),
  );
  expect(noted).toHaveLength(1);
  expect(lines.length).toBeGreaterThan(0);
  expect(JSON.stringify([lines, loads, noted])).not.toContain("ZZ");
});

// --- internal ---

/** The UPN of the invented pupil of a number from 0. */
function upnAt(i: number): string {
  return upnOf(`8254001190${String(i).padStart(2, "0")}`);
}

function secretOf(project: Project): Buffer {
  return fs.readFileSync(path.join(project.data, "pupil-key"));
}

async function namesInLake(project: Project): Promise<Record<string, unknown>[]> {
  const { ledger, lake } = dataFolders(project);
  const parts = partsOf(NAMES_TABLE, readLedger(ledger), lake);
  if (parts.length === 0) return [];
  const stored = `read_parquet([${parts.map(quote).join(", ")}], hive_partitioning = true)`;
  return withDuckDB({}, (db) => rows(db, `from ${stored} order by load_number, row_number`));
}

/** Surname and forename of everybody named at the first school, by UPN; the warehouse knows of no former UPN. */
async function named(project: Project): Promise<Record<string, (string | null)[]>> {
  const known = [UPN, FORMER, OTHER, ...Array.from({ length: 20 }, (_, i) => upnAt(i))];
  const upns = new Map(known.map((upn) => [pupilKey(upn, secretOf(project)), upn]));
  const names = await withDuckDB({}, async (db): Promise<PupilName[]> => {
    await db.run("create schema raw; create table raw.identities (id_key varchar, pupil_key varchar)");
    return readNames(db, project, 999001);
  });
  return Object.fromEntries(
    names.map(({ pupil_key, surname, forename }) => [upns.get(pupil_key) ?? pupil_key, [surname, forename]]),
  );
}
