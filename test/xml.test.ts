import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import type { Sheet } from "../ingest/format.ts";
import { openXml, type XmlLayout, xmlRoot } from "../ingest/xml.ts";

const CANARY = "ZZCANARY";

const SIMS: XmlLayout = { root: "SuperStarReport", records: { Record: "Record" }, carried: [] };
const CTF: XmlLayout = {
  root: "CTfile",
  records: {
    Pupil: "CTFpupilData/Pupil",
    FSMinstance: "CTFpupilData/Pupil/FSMhistory/FSMinstance",
    SEN: "CTFpupilData/Pupil/SENhistory/SEN",
    LookedAfter: "CTFpupilData/Pupil/LookedAfter",
    YearData: "CTFpupilData/Pupil/Attendance/YearData",
  },
  carried: ["Header/DateTime", "Header/SourceSchool/LEA", "Header/SourceSchool/Estab", "CTFpupilData/Pupil/UPN"],
};

const HEADER =
  "<Header><DateTime>2026-10-05T04:26:45</DateTime><SourceSchool><LEA>825</LEA><Estab>9999</Estab></SourceSchool></Header>";

describe("a SIMS report", () => {
  test("is one sheet, with its headings as a person reads them and its records in the order of the file", async () => {
    const sheets = await open(
      `<?xml version="1.0" encoding="utf-16"?>
<SuperStarReport>
  <Record><primary_id>9919</primary_id><Mark_x0020_date>2026-10-05T00:00:00</Mark_x0020_date><Mark>\\</Mark></Record>
  <Record><primary_id>9920</primary_id><Reg>7B</Reg><Mark/></Record>
</SuperStarReport>`,
      SIMS,
    );
    expect(sheets).toEqual([
      {
        record: "Record",
        first: 1,
        columns: ["primary_id", "Mark date", "Mark", "Reg"],
        records: [
          ["9919", "2026-10-05T00:00:00", "\\", null],
          ["9920", null, null, "7B"],
        ],
      },
    ]);
  });

  test("keeps the order of the file however long it is", async () => {
    const numbers = Array.from({ length: 20_000 }, (_, i) => String(i));
    const text = numbers.map((number) => `<Record><Adno>${number}</Adno></Record>`).join("\n");
    const [sheet] = await open(`<SuperStarReport>${text}</SuperStarReport>`, SIMS);
    expect(sheet?.records.flat()).toEqual(numbers);
  });

  test.each([
    ["entities and character references", "R&amp;R &#90;o&#xEB; &lt;&gt;&quot;&apos;", "R&R Zoë <>\"'"],
    ["a section of character data", "a<![CDATA[<b> & ]]>c", "a<b> & c"],
    ["a comment within", "a<!-- b -->c", "ac"],
    ["spaces at its ends, which mark strings have", " /\\ ", " /\\ "],
    ["several lines", "a\r\nb", "a\nb"],
    ["nothing but spaces", " \n ", null],
    ["characters of four bytes", "\u{1f3eb}", "\u{1f3eb}"],
    ["what would be SQL and JSON", `'; drop "\\u0041"`, `'; drop "\\u0041"`],
  ])("text with %s is read as it is meant", async (_, written, read) => {
    const [sheet] = await open(`<SuperStarReport><Record><a>${written}</a></Record></SuperStarReport>`, SIMS);
    expect(sheet?.records).toEqual([[read]]);
  });

  test("drops prefixes, skips attributes and a byte order mark, and keeps the first of an element that is repeated", async () => {
    const [sheet] = await open(
      `\ufeff<s:SuperStarReport xmlns:s="urn:x" note="${CANARY}"><s:Record><s:Reg>7A</s:Reg><s:Reg>7B</s:Reg></s:Record></s:SuperStarReport>`,
      SIMS,
    );
    expect(sheet).toMatchObject({ columns: ["Reg"], records: [["7A"]] });
  });

  test("may name its columns like things that programs have", async () => {
    const [sheet] = await open(
      "<SuperStarReport><Record><__proto__>a</__proto__><constructor>b</constructor></Record></SuperStarReport>",
      SIMS,
    );
    expect(sheet).toMatchObject({ columns: ["__proto__", "constructor"], records: [["a", "b"]] });
  });

  test.each([
    ["_x0020_a_x002E_", " a."],
    ["AM_x002F_PM", "AM/PM"],
    ["a_x005F_x0020_", "a_x0020_"],
    ["a_x0007_", "a_x0007_"],
    ["a_xyz_", "a_xyz_"],
  ])("the name %s stands for %j", async (written, meant) => {
    const [sheet] = await open(`<SuperStarReport><Record><${written}/></Record></SuperStarReport>`, SIMS);
    expect(sheet?.columns).toEqual([meant]);
  });

  test("without a record has no sheet", async () => {
    expect(await open("<SuperStarReport/>", SIMS)).toEqual([]);
    expect(await open("<SuperStarReport><Record/></SuperStarReport>", SIMS)).toEqual([]);
  });
});

describe("a Common Transfer File", () => {
  const file = `<CTfile>${HEADER}<CTFpupilData>
    <Pupil><UPN>A1</UPN><BasicDetails><FormerUPN>A0</FormerUPN></BasicDetails>
      <FSMhistory>
        <FSMreviewDate>2027-03-31</FSMreviewDate>
        <FSMinstance><FSMstartDate>2024-09-03</FSMstartDate></FSMinstance>
        <FSMinstance><FSMstartDate>2025-09-01</FSMstartDate><FSMendDate>2026-01-05</FSMendDate></FSMinstance>
      </FSMhistory>
      <Attendance><YearData><Year>2026</Year><AttendSessions><AttendanceMarks>#,/,\\,C1</AttendanceMarks></AttendSessions></YearData></Attendance>
    </Pupil>
    <Pupil><FSMhistory><FSMinstance><FSMstartDate>2023-09-04</FSMstartDate></FSMinstance></FSMhistory><UPN>B2</UPN></Pupil>
  </CTFpupilData></CTfile>`;

  test("is a sheet for each kind of record that it has, each with its own fields and those it carries", async () => {
    const header = ["Header/DateTime", "Header/SourceSchool/LEA", "Header/SourceSchool/Estab"];
    const told = ["2026-10-05T04:26:45", "825", "9999"];
    expect(await open(file, CTF)).toEqual([
      {
        record: "Pupil",
        first: 1,
        columns: ["UPN", "BasicDetails/FormerUPN", "FSMhistory/FSMreviewDate", ...header],
        records: [
          ["A1", "A0", "2027-03-31", ...told],
          ["B2", null, null, ...told],
        ],
      },
      {
        record: "FSMinstance",
        first: 1,
        columns: ["FSMstartDate", "FSMendDate", ...header, "CTFpupilData/Pupil/UPN"],
        records: [
          ["2024-09-03", null, ...told, "A1"],
          ["2025-09-01", "2026-01-05", ...told, "A1"],
          ["2023-09-04", null, ...told, "B2"],
        ],
      },
      {
        record: "YearData",
        first: 1,
        columns: ["Year", "AttendSessions/AttendanceMarks", ...header, "CTFpupilData/Pupil/UPN"],
        records: [["2026", "#,/,\\,C1", ...told, "A1"]],
      },
    ]);
  });

  test("gives a record null where what it carries is not there", async () => {
    const text =
      "<CTfile><CTFpupilData><Pupil><LookedAfter><InCare>1</InCare></LookedAfter></Pupil></CTFpupilData></CTfile>";
    const sheets = await open(text, CTF);
    expect(sheets.find(({ record }) => record === "LookedAfter")?.records).toEqual([["1", null, null, null, null]]);
  });

  const pupil = "<CTFpupilData><Pupil><UPN>A1</UPN></Pupil></CTFpupilData>";

  test.each([
    ["a header below the records", `<CTfile>${pupil}${HEADER}</CTfile>`, "Header/DateTime"],
    [
      "two headers that differ",
      `<CTfile>${HEADER}${HEADER.replace("9999", "9998")}${pupil}</CTfile>`,
      "Header/SourceSchool/Estab",
    ],
    [
      "a pupil of two UPNs",
      `<CTfile>${HEADER}${pupil.replace("<UPN>", "<LookedAfter><a>1</a></LookedAfter><UPN>B2</UPN><UPN>")}</CTfile>`,
      "CTFpupilData/Pupil/UPN",
    ],
  ])("%s would leave a choice and is refused", async (_, text, element) => {
    expect(await refusal(text, CTF)).toContain(
      `register.xml, line 1: expected one <${element}>, above the records that it is for`,
    );
  });
});

describe("what is refused", () => {
  const laughs = `<!DOCTYPE SuperStarReport [<!ENTITY a "${CANARY}"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>`;
  const record = (inner: string) => `<SuperStarReport>\n<Record>${inner}</Record></SuperStarReport>`;
  const deep = (levels: number) => record(`${"<a>".repeat(levels - 2)}${"</a>".repeat(levels - 2)}`);

  const cases: [what: string, text: string, message: string][] = [
    ["entities that grow", laughs + record("<a>&c;</a>"), "line 1: expected no DOCTYPE"],
    [
      "an entity of another file",
      `<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]>${record("<a>&a;</a>")}`,
      "line 1: expected no DOCTYPE",
    ],
    ["a DOCTYPE without entities", `<!DOCTYPE SuperStarReport>${record("")}`, "line 1: expected no DOCTYPE"],
    ["an entity that nothing defines", record(`<a>&${CANARY};</a>`), "line 2: expected well-formed XML"],
    ["a character that XML does not have", record(`<a>${CANARY}&#7;</a>`), "line 2: expected well-formed XML"],
    ["a file that is cut short", record(`<a>${CANARY}</a>`).slice(0, -20), "line 2: expected well-formed XML"],
    ["tags that cross", record(`<a><b>${CANARY}</a></b>`), "line 2: expected well-formed XML"],
    ["text that is no XML", CANARY, "line 1: expected well-formed XML"],
    ["an empty file", "", "line 1: expected well-formed XML"],
    ["another root", `<${CANARY}/>`, "line 1: expected <SuperStarReport> as the outermost element"],
    ["elements too deep", deep(51), "line 2: expected at most 50 elements within one another"],
    ["a text too long", record(`<a>${"x".repeat(65_537)}</a>`), "line 2: expected no text longer than 64 KiB"],
    [
      "a text too long in parts",
      record(`<a>${"x<!-- -->".repeat(65_537)}</a>`),
      "line 2: expected no text longer than 64 KiB",
    ],
    ["a comment without end", record(`<!-- ${"x".repeat(3_000_000)}`), "line 2: expected no text longer than 64 KiB"],
    [
      "a record too long to hold",
      record(`<a/>${`<!-- ${"x".repeat(1_000_000)} -->`.repeat(18)}`),
      "line 2: expected no record longer than 16 MiB",
    ],
    [
      "a record of too much text",
      record(Array.from({ length: 20 }, (_, i) => `<a${i}>${"x".repeat(65_000)}</a${i}>`).join("")),
      "Record 1: expected at most 1 MiB of text in a record",
    ],
    [
      "columns too many",
      record(Array.from({ length: 1001 }, (_, i) => `<a${i}/>`).join("")),
      "Record 1: expected at most 1 MiB of text in a record and 1000 columns",
    ],
  ];

  test.each(cases)("%s", async (_, text, message) => {
    expect(await refusal(text, SIMS)).toContain(`register.xml, ${message}`);
  });

  test("and what is at the limits is not", async () => {
    expect(await open(deep(50), SIMS)).toMatchObject([{ records: [[null]] }]);
    expect(await open(record(`<a>${"x".repeat(65_536)}</a>`), SIMS)).toMatchObject([{ columns: ["a"] }]);
    // spaces between elements are no text
    expect(await open(record(`<a/>${" ".repeat(70_000)}<b/>`), SIMS)).toMatchObject([{ columns: ["a", "b"] }]);
  });
});

test.each([
  ['<?xml version="1.0"?>\n<!-- a --><CTfile a="b">', "CTfile"],
  ["\ufeff\n <s:SuperStarReport xmlns:s='urn:x'/>", "SuperStarReport"],
  ["<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "a"],
  ["UPN,Mark\n", null],
  ['{"data": []}', null],
  ["", null],
  ["< a", null],
])("the root of %j is %j", (text, root) => {
  expect(xmlRoot(drop(text))).toBe(root);
});

// --- internal ---

type Read = Omit<Sheet, "relation"> & { records: unknown[][] };

function drop(text: string): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-xml-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "0.landing.txt");
  fs.writeFileSync(file, text);
  return file;
}

/** The sheets of an XML text with what DuckDB reads from them. */
async function open(text: string, layout: XmlLayout): Promise<Read[]> {
  const file = drop(text);
  // a folder of its own, which DuckDB could take for a pattern
  const sheets = await openXml(file, "register.xml", layout, path.join(path.dirname(file), "it's [1]"));
  return withDuckDB({}, async (db) => {
    const read: Read[] = [];
    for (const { relation, ...sheet } of sheets) {
      const records = await rows(db, `select * from ${relation}`);
      read.push({ ...sheet, records: records.map((record) => sheet.columns.map((_, i) => record[`column_${i}`])) });
    }
    return read;
  });
}

async function refusal(text: string, layout: XmlLayout): Promise<string> {
  const file = drop(text);
  const error = await openXml(file, "register.xml", layout, path.dirname(file)).catch((reason: Error) => reason);
  expect(error).toMatchObject({ name: "RollbookError" });
  expect((error as Error).message).not.toContain(CANARY);
  return (error as Error).message;
}
