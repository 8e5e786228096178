import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { tableFromArrays, tableToIPC } from "apache-arrow";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { exportChampionTable, pupilKeysOf, schoolAsked, soughtIn } from "../commands/champion.ts";
import { findChromium } from "../evidence/browser.ts";
import { championFaults, championSite, championSites, renderChampionSite } from "../evidence/champion.ts";
import { type Extract, makeExtract, type Person } from "../evidence/extract.ts";
import { writeList } from "../evidence/lists.ts";
import { findIdentifiers } from "../evidence/scanner.ts";
import { everybodyAt, findStrangers } from "../evidence/strangers.ts";
import { PAGES, pageAddresses } from "../evidence/workspace.ts";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { dataFolders } from "../ingest/lake.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { pupilKey, pupilSecret } from "../ingest/pupil_keys.ts";
import { buildWarehouse } from "../models/build.ts";
import { readModels } from "../models/model.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { findBarriers } from "./accessible.ts";
import { rollbook } from "./command.ts";
import { drop, mark, marksFile, quietly } from "./project.ts";

/** Three invented schools; names that only one school has must stay in its champion's site. */
const TRUST = `
trust: Three Schools Trust
logo: our-logo.svg
as_at: 2026-03-20
schools:
  - { urn: 999001, name: Oakmere, phase: Primary, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003 }
  - { urn: 999002, name: Elmstead, phase: Secondary, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003 }
  - { urn: 999003, name: Ashcombe, phase: Primary, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003 }
`;

const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 1"><rect width="3" height="1"/></svg>';

/** Some are what a spreadsheet would run, a page would take for its own tags, or a check for a value that is missing. */
const OAKMERE: [surname: string, forename: string][] = [
  ["Fernsby-Quill", "Ottoline"],
  ["=cmd|' /C calc'!A0", "Percival"],
  ["-", "Theodora"],
  ["+1", "Barnaby"],
  ["</script><b>O'Neil & Sons", "Clementine"],
  ["Khan", "Mohammed Ali"],
  ["Holloway", "Grace"],
  ["Oakapple", "Infinity"],
  ["Elmstead", "Rowan"],
];
/** One has the name of a pupil of Oakmere, and the name of another is within one of Oakmere's. */
const ELMSTEAD: [surname: string, forename: string][] = [
  ["Wrackham-Tarn", "Isolde"],
  ["Holloway", "Grace"],
  ["Khan", "Ali"],
];
const ASHCOMBE: [surname: string, forename: string][] = [["Vexmoor", "Lysander"]];
/** A pupil of Oakmere of whom no name is known. */
const NAMELESS = "A825999924099";

const schools = [
  { urn: 999001, pupils: OAKMERE, first: 10 },
  { urn: 999002, pupils: ELMSTEAD, first: 40 },
  { urn: 999003, pupils: ASHCOMBE, first: 60 },
].map(({ urn, pupils, first }) => ({
  urn,
  pupils: pupils.map(([surname, forename], i) => ({ upn: `A8259999240${first + i}`, surname, forename })),
}));

describe("a champion's site", () => {
  let project: Project;
  let warehouse = "";
  let site = "";
  let workspace = "";
  let sought: Awaited<ReturnType<typeof soughtIn>>;
  beforeAll(async () => {
    project = makeTrust();
    await quietly(project);
    await buildWarehouse(project, { log: () => {}, now: () => new Date("2026-03-20T17:00:00Z") });
    warehouse = warehouseInUse(dataFolders(project).warehouse).path;
    site = championSite(project, 999001);
    workspace = path.join(dataFolders(project).work, "champion-999001");
    const { bundles } = dataFolders(project);
    sought = await soughtIn(project, warehouse);
    await renderChampionSite({ project, warehouse, urn: 999001, workspace, bundles, log: () => {}, ...sought });
  });
  afterAll(() => fs.rmSync(project.dir, { recursive: true, force: true }));

  test("holds its own pupils by name, and nobody knows of others: no name, UPN or key, and no other school", async () => {
    const secret = pupilSecret(project.data);
    const everybody = schools.flatMap(({ pupils }) => pupils);
    const keys = everybody.map(({ upn }) => pupilKey(upn, secret));
    const alien = ["Wrackham", "Tarn", "Isolde", "Vexmoor", "Lysander", "Ashcombe", "999002", "999003"];
    const inData = await findIdentifiers(site, [...everybody.map(({ upn }) => upn), ...keys, ...alien]);
    expect(inData).toEqual([]);
    const own = (await findIdentifiers(site, ["Fernsby-Quill"])).map(({ file }) => path.extname(file));
    expect([...new Set(own)].sort()).toEqual([".arrow", ".csv", ".html", ".parquet"]);
  });

  test("can be read by its owner alone, and what it was made from is gone but for the log", async () => {
    const modes = [site, ...listing(site)].map((file) => {
      const stat = fs.statSync(file);
      return `${stat.isDirectory() ? "folder" : "file"} ${(stat.mode & 0o777).toString(8)}`;
    });
    expect([...new Set(modes)].sort()).toEqual(["file 600", "folder 700"]);
    expect(fs.readdirSync(workspace)).toEqual(["evidence.log"]);
    expect(await findIdentifiers(workspace, ["Fernsby-Quill", "Ottoline"])).toEqual([]);
    expect(await championSites(project)).toEqual([999001]);
  });

  test("those of all schools are made from the same programs, which hold nobody, and each holds its own pupils alone", async () => {
    const { bundles } = dataFolders(project);
    const kept = fs.readdirSync(bundles);
    expect(await rollbook("site", "champion", "--all", "--project", project.dir)).toMatchObject({ code: 0 });
    expect(fs.readdirSync(bundles)).toEqual(kept);
    const sites = schools.map(({ urn }) => championSite(project, urn));
    const versions = sites.map((site) => fs.readFileSync(path.join(site, "_app", "version.json"), "utf8"));
    expect(new Set(versions).size).toBe(1);
    const everybody = schools.flatMap(({ pupils }) => pupils.map(({ upn }) => upn));
    const forbidden = await pupilKeysOf(warehouse);
    const surnames = ["Fernsby", "Wrackham", "Vexmoor"];
    expect(await findIdentifiers(bundles, [...everybody, ...forbidden, ...surnames])).toEqual([]);
    for (const [i, site] of sites.entries()) {
      const found = await Promise.all(surnames.map(async (name) => (await findIdentifiers(site, [name])).length > 0));
      expect(found).toEqual(surnames.map((_, at) => at === i));
    }
  });

  test("has the trust's logo on every page", () => {
    expect(fs.readFileSync(path.join(site, "logo.svg"), "utf8")).toBe(LOGO);
    const pages = listing(site).filter((file) => file.endsWith(".html"));
    const without = pages.filter((page) => !fs.readFileSync(page, "utf8").includes('alt="Three Schools Trust"'));
    expect([pages.length, without]).toEqual([10, []]);
  });

  test("says of how many pupils no name is known and how to mend it", () => {
    const page = fs.readFileSync(path.join(site, "index.html"), "utf8").replace(/<[^>]*>/g, "");
    expect(page.replace(/\s+/g, " ")).toMatch(/Of 1 of 10 pupils no name is known\. They stand here as “Pupil”/);
    expect(page).toContain("Oakmere");
  });

  test("has every table with pupils as a list, each pupil with one number in all of them, in the order of names", async () => {
    const { ofPupils } = await extractOf(999001);
    expect(fs.readdirSync(path.join(site, "lists")).sort()).toEqual(ofPupils.map((table) => `${table}.csv`).sort());
    const numbers = new Map<string, string>();
    for (const table of ofPupils) {
      for (const row of readList(fs.readFileSync(path.join(site, "lists", `${table}.csv`)))) {
        const name = `${row.surname}|${row.forename}`;
        expect([table, name, row.pupil]).toEqual([table, name, numbers.get(name) ?? row.pupil]);
        numbers.set(name, row.pupil ?? "");
      }
    }
    const inOrder = [...numbers].sort(([, a], [, b]) => Number(a) - Number(b)).map(([name]) => name);
    expect(inOrder).toEqual([
      "'-|Theodora",
      "'+1|Barnaby",
      "</script><b>O'Neil & Sons|Clementine",
      "'=cmd|' /C calc'!A0|Percival",
      "Elmstead|Rowan",
      "Fernsby-Quill|Ottoline",
      "Holloway|Grace",
      "Khan|Mohammed Ali",
      "Oakapple|Infinity",
      "Pupil 10|",
    ]);
  });

  test("leads to its lists by links that work from files", () => {
    const pages = listing(site).filter((file) => file.endsWith(".html"));
    const links = pages.flatMap((file) =>
      Array.from(fs.readFileSync(file, "utf8").matchAll(/<a [^>]*href="\/(lists\/\w+\.csv)"[^>]*>/g)),
    );
    expect(links.length).toBeGreaterThan(0);
    for (const [link, file = ""] of links) {
      expect(link).toContain(`download="${path.basename(file)}"`);
      expect(fs.existsSync(path.join(site, file))).toBe(true);
    }
  });

  describe.skipIf(!findChromium())("in a browser (skipped where there is no Chromium)", () => {
    test("axe finds nothing in the way and no page is wider than its window, on phones and desks", async () => {
      const looks = [360, 1440].map((width) => ({ width, colorScheme: "light" as const }));
      expect(await findBarriers(site, looks)).toEqual([]);
    });
  });

  describe("is held to its school before it is put in place", () => {
    const planted: [how: string, file: string, content: string, fault: RegExp][] = [
      ["in a sentence", "index.html", "<p>Isolde Wrackham-Tarn was away</p>", /tells of other schools in 1 place/],
      ["in a list", "lists/pupils.csv", "1,Vexmoor,Lysander\r\n", /tells of other schools in 1 place/],
      ["by another school's name", "index.html", "<p>Ashcombe</p>", /tells of other schools in 1 place/],
      ["by another school's URN", "lists/pupils.csv", "999003,1\r\n", /tells of other schools in 1 place/],
      ["by a UPN", "lists/pupils.csv", "A825999924017\r\n", /identifies pupils in 1 place/],
    ];
    test.each(planted)("a stranger %s stops it", async (_, file, content, fault) => {
      const copy = copyOfSite();
      fs.appendFileSync(path.join(copy, file), content);
      expect(await faults(copy)).toEqual([expect.stringMatching(fault)]);
    });

    test("as it was built nothing is found, though a page names a pupil like another school's", async () => {
      expect(await faults(site)).toEqual([]);
      expect((await findIdentifiers(site, ["Holloway"])).length).toBeGreaterThan(0);
    });

    test("a pupil's key anywhere stops it", async () => {
      const [key = ""] = await pupilKeysOf(warehouse);
      const copy = copyOfSite();
      fs.writeFileSync(path.join(copy, "note.txt"), `of ${key}`);
      expect(await faults(copy)).toEqual(["note.txt identifies pupils in 1 place"]);
    });

    /** A copy without the query engine, which is most of its bytes. */
    function copyOfSite(): string {
      const copy = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-champion-copy-"));
      onTestFinished(() => fs.rmSync(copy, { recursive: true, force: true }));
      fs.cpSync(site, copy, { recursive: true, filter: (file) => !file.endsWith(".wasm") });
      return copy;
    }

    async function faults(folder: string): Promise<string[]> {
      return championFaults(folder, "", {
        project,
        urn: 999001,
        ...sought,
        pages: await pageAddresses(PAGES, "champion", []),
        extract: await extractOf(999001),
      });
    }
  });

  test("a table of one school is exported with names, as CSV that runs nothing and in the other formats", async () => {
    const of = { project, warehouse, urn: 999001 };
    const csv = path.join(project.dir, "pupils.csv");
    expect(await exportChampionTable(of, "champion.pupils", "csv", csv)).toBe(10);
    expect(fs.readFileSync(csv)).toEqual(fs.readFileSync(path.join(site, "lists", "pupils.csv")));
    const parquet = path.join(project.dir, "pupils.parquet");
    expect(await exportChampionTable(of, "champion.pupils", "parquet", parquet)).toBe(10);
    const found = await withDuckDB({}, (db) =>
      rows(db, `select surname from read_parquet('${parquet}') where pupil = 4`),
    );
    expect(found).toEqual([{ surname: "=cmd|' /C calc'!A0" }]);
    await expect(exportChampionTable(of, "champion.nobody", "csv", csv)).rejects.toThrow(
      /^There is no table of that name for a champion\. There are: champion\./,
    );
    expect(fs.existsSync(path.join(dataFolders(project).work, "export"))).toBe(false);
  });

  test("a school that is not said, or not of the trust, is asked for with those that are", () => {
    const of = "999001 (Oakmere), 999002 (Elmstead), 999003 (Ashcombe)";
    expect(() => schoolAsked(project, undefined)).toThrow(
      `A champion sees one school: say which with --school and its URN. The trust has ${of}`,
    );
    expect(() => schoolAsked(project, 999009)).toThrow(`The trust has no school with the URN 999009. It has ${of}`);
    expect(schoolAsked(project, 999002)).toBe(999002);
  });

  test.each([
    [["site", "champion"], 1, /^A champion sees one school/],
    [["site", "--school", "999001"], 2, /^error: --school is for the champion of a school/],
  ])("%j says what is missing", async (words, code, said) => {
    const result = await rollbook(...words, "--project", project.dir);
    expect(result).toMatchObject({ code, stderr: expect.stringMatching(said) });
  });

  async function extractOf(urn: number): Promise<Extract> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-extract-"));
    try {
      return await makeExtract({ project, warehouse, urn, file: path.join(folder, "extract.duckdb") });
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }

  test("an extract has no other school's row and no key, and a table of its own that counts pupils without a name", async () => {
    const file = path.join(project.dir, "extract.duckdb");
    const { pupils } = await makeExtract({ project, warehouse, urn: 999003, file });
    expect(pupils).toEqual([{ surname: "Vexmoor", forename: "Lysander" }]);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    await withDuckDB({ path: file, readOnly: true }, async (db) => {
      expect(await rows(db, "from champion.names")).toEqual([{ pupils: 1, pupils_without_name: 0 }]);
      expect(await rows(db, "select pupil, surname, forename from champion.pupils")).toEqual([
        { pupil: 1, surname: "Vexmoor", forename: "Lysander" },
      ]);
      const columns = await rows(
        db,
        "from information_schema.columns where column_name in ('school_urn', 'pupil_key')",
      );
      expect(columns).toEqual([]);
    });
    const keys = await pupilKeysOf(warehouse);
    const bytes = fs.readFileSync(file);
    expect(keys.filter((key) => bytes.includes(key))).toEqual([]);
  });
});

describe("an extract of tables that are not made for one", () => {
  test.each([
    ["no school", "select 'k' as pupil_key", "champion.odd has no column school_urn"],
    ["a name of its own", "select 1 as school_urn, 'x' as surname", "champion.odd may not have the name surname"],
  ])("is refused: a table with %s", async (_, sql, reason) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-extract-"));
    onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
    fs.writeFileSync(path.join(folder, "rollbook.yaml"), TRUST);
    const warehouse = path.join(folder, "warehouse.duckdb");
    await withDuckDB({ path: warehouse }, (db) =>
      db.run(`create schema champion; create table champion.odd as ${sql}`),
    );
    const making = makeExtract({
      project: readProject(folder),
      warehouse,
      urn: 999001,
      file: path.join(folder, "extract.duckdb"),
    });
    await expect(making).rejects.toThrow(reason);
  });
});

test("a list is safe for a spreadsheet: texts that it would run are disarmed, and numbers stay numbers", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-list-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  const database = path.join(folder, "extract.duckdb");
  const texts = [
    ["=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"],
    ["+1", "'+1"],
    ["-", "'-"],
    ["@x", "'@x"],
    ["\tx", "'\tx"],
    ["\rx", "'\rx"],
    ["\n=1", "'\n=1"],
    ["  =1", "'  =1"],
    ["\u200b=1", "'\u200b=1"],
    ["＝1", "'＝1"],
    ['O\'Neil, "Jo"', 'O\'Neil, "Jo"'],
    ["Zoë", "Zoë"],
  ];
  await withDuckDB({ path: database }, async (db) => {
    await db.run(
      `create schema champion; create table champion.odd (
        place integer, text varchar, change double, sessions bigint, is_late boolean, met_on date, code varchar, groups varchar[])`,
    );
    for (const [at, [text = ""]] of texts.entries()) {
      await db.run(
        `insert into champion.odd values (${at}, $1, -3.25, -9007199254740993, true, '2026-02-13', '-', ['7B', '8A'])`,
        [text],
      );
    }
    await db.run("insert into champion.odd (place, code) values (98, '/'), (99, '\\')");
  });
  const file = path.join(folder, "odd.csv");
  const codes = new Map([
    ["-", "No mark recorded"],
    ["/", "Present (am)"],
  ]);
  expect(await writeList(database, "champion.odd", file, codes)).toBe(texts.length + 2);

  const bytes = fs.readFileSync(file);
  expect(bytes.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
  const [head = "", first = ""] = bytes.subarray(3).toString().split("\r\n");
  expect(head).toBe('"place","text","change","sessions","is_late","met_on","code","groups"');
  expect(first).toBe(
    `0,"'=cmd|' /C calc'!A0",-3.25,-9007199254740993,"yes","2026-02-13","No mark recorded (-)","7B; 8A"`,
  );
  const read = readList(bytes);
  expect(read.slice(0, texts.length).map(({ text }) => text)).toEqual(texts.map(([, safe]) => safe));
  expect(read.slice(texts.length).map(({ text, code }) => [text, code])).toEqual([
    ["", "Present (am) (/)"],
    ["", "\\"],
  ]);
});

describe("the scanner", () => {
  const stranger: Person = { surname: "O'Marra", forename: "Zoë" };
  const page = (text: string) => `<html><body>${text}</body></html>`;
  const found: [how: string, file: string, content: string | Uint8Array][] = [
    ["forename first", "a.txt", "Zoë O'Marra"],
    ["surname first", "a.txt", "O'Marra, Zoë"],
    ["surname first, without a comma", "a.js", "`O'Marra Zoë`"],
    ["as HTML writes it", "index.html", page("Zoë O&#39;Marra")],
    ["in UTF-16", "a.bin", Buffer.from("Zoë O'Marra", "utf16le")],
    ["in two cells of a page", "index.html", page("<tr><td>O&#39;Marra</td> <td><b>Zoë</b></td></tr>")],
    ["in two cells of CSV", "a.csv", '1,"O\'Marra",Zoë,7B\r\n'],
    ["in two cells of CSV, forename first", "a.csv", "Zoë,O'Marra\r\n"],
    ["in JSON", "a.json", '{"rows":[{"surname":"O\'Marra","n":1,"forename":"Zo\\u00eb"}]}'],
    ["in Arrow, in a row", "a.arrow", tableToIPC(tableFromArrays({ a: ["x", "O'Marra"], b: [1, 2], c: ["y", "Zoë"] }))],
    ["in Arrow, in a text", "a.parquet", tableToIPC(tableFromArrays({ a: ["Zoë O'Marra"] }))],
  ];
  test.each(found)("finds a pupil of another school %s", async (_, file, content) => {
    expect(await scan({ [file]: content }, [stranger], [])).toEqual([file]);
  });

  const passed: [what: string, file: string, content: string, own: Person[]][] = [
    ["a pupil of the school with the same name", "a.csv", "Khan,Ali\r\n", [{ surname: "Khan", forename: "Ali" }]],
    ["the name within an own pupil's", "a.txt", "Mohammed Ali Khan", [{ surname: "Khan", forename: "Mohammed Ali" }]],
    [
      "the name within an own pupil's, surname first",
      "a.txt",
      "Khan, Ali-Reza",
      [{ surname: "Khan", forename: "Ali-Reza" }],
    ],
    ["a class called like a family", "a.csv", "Holt,Ali,Khan\r\n", [{ surname: "Holt", forename: "Ali" }]],
    [
      "one pupil's forename above the next one's surname",
      "index.html",
      page("<tr><td>Holt</td><td>Ali</td></tr><tr><td>Khan</td><td>Bo</td></tr>"),
      [],
    ],
    ["a longer name", "a.txt", "Ali Khanna, Vali Khan", []],
  ];
  test.each(passed)("passes %s", async (_, file, content, own) => {
    expect(await scan({ [file]: content }, [{ surname: "Khan", forename: "Ali" }], own)).toEqual([]);
  });

  test("finds the stranger beside an own pupil whose name has theirs in it", async () => {
    const own = [{ surname: "Khan", forename: "Mohammed Ali" }];
    const strangers = [{ surname: "Khan", forename: "Ali" }];
    expect(await scan({ "a.txt": "Mohammed Ali Khan; Ali Khan" }, strangers, own)).toEqual(["a.txt"]);
    expect(await scan({ "a.csv": "Khan,Mohammed Ali\r\nKhan,Ali\r\n" }, strangers, own)).toEqual(["a.csv"]);
  });

  test("passes whoever was at this school and nowhere else, though no list names them, and finds whoever was at another, too", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-strangers-"));
    onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
    fs.writeFileSync(path.join(folder, "a.txt"), "Ali Khan");
    fs.writeFileSync(path.join(folder, "b.csv"), "Holt,Bo\r\n");
    const at = (school_urn: number) =>
      ["Ali Khan", "Bo Holt"]
        .map((name) => name.split(" "))
        .map(([forename = "", surname = ""]) => ({ school_urn, surname, forename }));
    const own = { urn: 999001, pupils: [], words: [] };
    expect(await findStrangers(folder, everybodyAt([], at(999001)), own)).toEqual([]);
    for (const pupils of [[...at(999001), ...at(999002)], [...at(999002), ...at(999001)], at(999002)]) {
      const found = await findStrangers(folder, everybodyAt([], pupils), own);
      expect(found.map(({ file }) => file).sort()).toEqual(["a.txt", "b.csv"]);
    }
  });

  test("passes a stranger's name within the trust's, and finds it beside that", async () => {
    const [strangers, words] = [[{ surname: "More", forename: "Thomas" }], ["St Thomas More Trust"]];
    expect(await scan({ "a.html": page('<img alt="St Thomas More Trust">') }, strangers, [], [], words)).toEqual([]);
    expect(await scan({ "a.html": page("St Thomas More Trust: Thomas More") }, strangers, [], [], words)).toEqual([
      "a.html",
    ]);
  });

  test("finds another school's name and URN in data and pages, but no number in a program", async () => {
    const schools = [{ urn: 131072, name: "Ash" }];
    expect(
      await scan(
        { "a.csv": "131072,x\r\n", "b.html": page("<p>at Ash</p>"), "c.js": "131072;Ash", "d.html": page("Ashley") },
        [],
        [],
        schools,
      ),
    ).toEqual(["a.csv", "b.html"]);
    expect(await scan({ "a.csv": "Ash,Bo\r\n" }, [], [{ surname: "Ash", forename: "Bo" }], schools)).toEqual([]);
  });

  async function scan(
    files: Record<string, string | Uint8Array>,
    pupils: Person[],
    own: Person[],
    schools: { urn: number; name: string }[] = [],
    words: string[] = [],
  ): Promise<string[]> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-strangers-"));
    onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
    for (const [name, content] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), content);
    const elsewhere = pupils.map((person) => ({ ...person, school_urn: 131072 }));
    const here = own.map((person) => ({ ...person, school_urn: 999001 }));
    const everybody = everybodyAt(schools, [...here, ...elsewhere]);
    const found = await findStrangers(folder, everybody, { urn: 999001, pupils: own, words });
    return found.map(({ file }) => file).sort();
  }
});

describe("the board", () => {
  test.each(["staging", "marts", "board"])("no model of %s may be made from a champion's table", (schema) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-models-"));
    onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
    for (const [name, from] of [
      ["champion/pupils", "raw.pupils"],
      [`${schema}/leak`, "champion.pupils"],
    ]) {
      const file = path.join(folder, `${name}.sql`);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, `-- A model.\n--\n-- grain: a\n\nselect a from ${from}\n`);
    }
    expect(() => readModels(folder)).toThrow(`models/${schema}/leak.sql reads champion.pupils`);
  });

  test("what leaves the building for the board is read from no table of a champion's", () => {
    const sources = path.join(PAGES, "..", "sources", "board");
    const files = [...listing(sources), ...listing(path.join(PAGES, "board"))].filter((file) =>
      /\.(sql|md)$/.test(file),
    );
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((file) => /champion/i.test(fs.readFileSync(file, "utf8")))).toEqual([]);
  });
});

// --- internal ---

function makeTrust(): Project {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-champion-"));
  fs.writeFileSync(path.join(dir, "rollbook.yaml"), TRUST);
  fs.writeFileSync(path.join(dir, "our-logo.svg"), LOGO);
  const marks = schools.flatMap(({ urn, pupils }) =>
    pupils.flatMap(({ upn }, i) =>
      ["2026-03-16", "2026-03-17", "2026-03-18"].map((date) =>
        mark({ urn: String(urn), upn, date, mark: i % 3 === 0 ? "O" : "/" }),
      ),
    ),
  );
  const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const pupils = schools.flatMap((school) =>
    school.pupils.map(({ upn, surname, forename }) =>
      [school.urn, upn, cell(surname), cell(forename), "4", "2022-09-05", "", "2026-03-20"].join(","),
    ),
  );
  drop(dir, {
    "marks.csv": marksFile(...marks, mark({ upn: NAMELESS, date: "2026-03-17" })),
    "pupils.csv": `${["SchoolURN,UPN,Surname,Forename,YearGroup,EntryDate,LeavingDate,LastUpdated", ...pupils].join("\n")}\n`,
  });
  return readProject(dir);
}

function listing(folder: string): string[] {
  return fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => path.join(folder, name));
}

function readList(bytes: Buffer): Record<string, string>[] {
  return parse(bytes, { bom: true, columns: true, record_delimiter: "\r\n" });
}
