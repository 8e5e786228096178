import fs from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { upnOf } from "./exporters.ts";

/**
 * Register files that are damaged, wrong, misleading or meant to harm, and what has to become of each.
 *
 * Each one arrives in the drop folder of a trust that has loaded `BASELINE`. Whoever is in it is a canary: nothing of
 * them may be printed or be in the ledger.
 */
export type HostileFile = Arriving & Outcome;

interface Arriving {
  name: string;
  /** Contents by path below the drop folder. */
  files: Record<string, string | Buffer>;
  /** Puts into the drop folder what is no file with a content. */
  place?: (registers: string) => void;
  /** Lines that are added to `rollbook.yaml` beforehand. */
  settings?: string;
  /** Only there can such a name stand on the disk. */
  onlyOn?: "linux";
}

type Outcome =
  /** Nothing is loaded. A text is all that is said of the file; a pattern must be found in it. */
  | { verdict: "reject"; message: string | RegExp }
  /** Nothing is loaded until somebody decides. */
  | { verdict: "hold"; rows: number; rows_before: number }
  /** Rows are set aside by name, the others are loaded. */
  | ({ verdict: "quarantine"; rules: RowsByRule } & Loaded)
  /** Everything is loaded and somebody is told to look at it. */
  | ({ verdict: "warn"; doubts?: RowsByRule; queries?: Record<string, number> } & Loaded)
  /** Nothing is told anew. Without counts not even a load is recorded. */
  | ({ verdict: "no-op" } & Partial<Loaded>)
  | ({ verdict: "accept" } & Loaded);

interface Loaded {
  counts: Counts;
  /** What the load's file was read as, where it is not UTF-8. */
  encoding?: string;
  /** A query on the lake's tables `marks` and `pupils` as this load left them, with what it finds. */
  told?: [sql: string, found: Record<string, unknown>[]];
}

/** Rows read, accepted, quarantined and duplicate. */
export type Counts = [read: number, accepted: number, quarantined: number, duplicate: number];
export type RowsByRule = Record<string, number[]>;

/** What stands for a pupil in every hostile file: none of it may get out. */
export const CANARIES = ["ZZCANARY", "8259999190", "2013-07-19", "19/07/2013"];

/** A trust of two schools, known by every name that a file gives them. */
export const TRUST = `
trust: Two Schools Trust
as_at: 2026-03-20
schools:
  - { urn: 999001, name: Oak Primary, phase: Primary, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003, laestab: "8254001", known_as: [school-999001] }
  - { urn: 999002, name: Élan Secondary, phase: Secondary, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003, laestab: "8254002", known_as: [school-999002] }
calendars:
  - school_year: 2023/24
    half_terms: { autumn 1: [2023-09-04, 2023-10-20], autumn 2: [2023-10-30, 2023-12-15], spring 1: [2024-01-03, 2024-02-09], spring 2: [2024-02-19, 2024-03-28], summer 1: [2024-04-15, 2024-05-24], summer 2: [2024-06-03, 2024-07-19] }
  - school_year: 2024/25
    half_terms: { autumn 1: [2024-09-03, 2024-10-25], autumn 2: [2024-11-04, 2024-12-20], spring 1: [2025-01-06, 2025-02-14], spring 2: [2025-02-24, 2025-04-04], summer 1: [2025-04-22, 2025-05-23], summer 2: [2025-06-02, 2025-07-21] }
  - school_year: 2025/26
    half_terms: { autumn 1: [2025-09-02, 2025-10-24], autumn 2: [2025-11-03, 2025-12-19], spring 1: [2026-01-05, 2026-02-13], spring 2: [2026-02-23, 2026-04-02], summer 1: [2026-04-20, 2026-05-22], summer 2: [2026-06-01, 2026-07-20] }
`;

/** When every load is made: a Friday in the spring term. */
export const NOW = "2026-03-20T16:00:00Z";

const MARK_COLUMNS = [
  "Id",
  "SchoolURN",
  "UPN",
  "Surname",
  "Forename",
  "DateOfBirth",
  "SessionDate",
  "Session",
  "Mark",
  "Modified",
  "IsDeleted",
  "Note",
] as const;
type MarkCells = Partial<Record<(typeof MARK_COLUMNS)[number], string>>;
const MARKS = MARK_COLUMNS.join(",");

const PUPIL_COLUMNS = [
  "SchoolURN",
  "UPN",
  "Surname",
  "Forename",
  "DateOfBirth",
  "YearGroup",
  "RegGroup",
  "EthnicityCode",
  "FsmEligible",
  "EntryDate",
  "LeavingDate",
  "LastUpdated",
] as const;
type PupilCells = Partial<Record<(typeof PUPIL_COLUMNS)[number], string>>;
const PUPILS = PUPIL_COLUMNS.join(",");

const UPN = canaryUpn(17);
const EVERYBODY = Array.from({ length: 10 }, (_, pupil) => upnOf(`8259999240${String(pupil + 10)}`));
const FIRST = EVERYBODY[0] ?? "";
const TWO_WEEKS = weekdays("2025-09-08", 10);

/** What the trust has loaded before: two weeks of ten pupils, one at both schools, every mark with its time. */
export const BASELINE: Record<string, string> = {
  "oak-marks.csv": marks(...oakRows()),
  "elm-marks.csv": marks(
    ...TWO_WEEKS.map((day) => row({ ...nobody(FIRST), SchoolURN: "999002", SessionDate: day, Mark: "D" })),
  ),
  "pupils.csv": pupils(...everybody()),
};

const DATES_MEND =
  'export the file again without opening it in a spreadsheet, or, if all files write dates like this, state it as "dates" in rollbook.yaml';
const A_DATE = `expected a date like 2025-09-01 that is in the calendar; ${DATES_MEND}`;
/** A time of change before the day that a load of the tests is made on. */
const ENTERED_BEFORE = "2026-03-19T09:00:00Z";
const A_DATE_IN_A_YEAR =
  "expected a date in a school year that rollbook.yaml has a calendar for; add the year's calendar there, or check the date";
const A_SCHOOL = "expected a school in rollbook.yaml; add the school there, or take the file out of the drop folder";
const A_UPN =
  "expected a UPN: a letter, eleven digits, and a digit or letter; export the file with pupils' UPNs and without totals";
const A_CODE =
  "expected a register code that DfE lists; look the mark up in models/rules/register_codes.csv and correct it in the register";
const A_HEADER = /^bad\.csv, row 1: expected a header with the columns of one of: /;
const ONE_KIND_OF_TEXT = "expected UTF-8 or Windows-1252 text throughout";
const NO_CONTROLS =
  "expected text without control characters; the file may be damaged or of another kind: export it again";
const WELL_FORMED_XML = "expected well-formed XML; the file may be cut short: export it again";
const NO_DOCTYPE = "expected no DOCTYPE; registers are exported without one: export the file again";
const WELL_FORMED_JSON =
  "expected well-formed JSON; the file may be cut short: save the page again as the system sends it";

const otherKinds: HostileFile[] = [
  ...Object.entries({
    "a spreadsheet": [Buffer.from("504b030414000600080000002100", "hex"), "a spreadsheet or zip file"],
    "an old spreadsheet": [Buffer.from("d0cf11e0a1b11ae10000000000000000", "hex"), "an old spreadsheet"],
    "a register in a gzip file": [gzipSync(marks(row({}))), "a gzip file"],
    "a printed register": [Buffer.from(`%PDF-1.7\n1 0 obj (ZZCANARY ${UPN}) endobj\n`), "a PDF"],
  } as const).map(([name, [content, kind]]) =>
    reject(
      name,
      content,
      `bad.csv: expected text (CSV, XML or JSON), found ${kind}; save it as CSV UTF-8 and put that in its place`,
    ),
  ),
  reject(
    "a picture of a register",
    Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.from(`tEXtZZCANARY ${UPN}`)]),
    `bad.csv, line 2: ${NO_CONTROLS}`,
  ),
  reject("a table in Parquet", Buffer.from(`PAR1\x15\x04\x15ZZCANARY${UPN}PAR1`), `bad.csv, line 1: ${NO_CONTROLS}`),
  reject("an empty file", "", A_HEADER),
  reject("a file of one byte", "Z", A_HEADER),
  reject("a file of one byte that is not ASCII", Buffer.from([0xff]), A_HEADER),
  reject("a byte order mark and nothing else", "\uFEFF", A_HEADER),
  reject("white space and nothing else", "\n \n\t\n", A_HEADER),
  reject(
    "a header without rows",
    `${MARKS}\n`,
    "bad.csv: expected rows below the header, found none; export the file again",
  ),
  reject("a table of something else", "Pupil,Reading age\nZZCANARY,9\n", A_HEADER),
  reject("rows without a header, so that the first is a pupil's", `${row({})}\n${row({ Session: "PM" })}\n`, A_HEADER),
  {
    name: "a file that is too large to be a register",
    files: {},
    place: (registers) => {
      fs.writeFileSync(path.join(registers, "bad.csv"), `${MARKS}\n`);
      fs.truncateSync(path.join(registers, "bad.csv"), 9 * 1024 ** 3);
    },
    onlyOn: "linux",
    verdict: "reject",
    message:
      "bad.csv: expected at most 8,192 MiB, found 9,216 MiB; export it in several files, or raise file_bytes in models/rules/load_limits.csv",
  },
];

const encodings: HostileFile[] = [
  ...Object.entries({
    "UTF-16LE": { mark: [0xff, 0xfe], isSwapped: false },
    "UTF-16BE": { mark: [0xfe, 0xff], isSwapped: true },
  }).flatMap(([encoding, { mark, isSwapped }]) => {
    const text = Buffer.from(marks(...threeRows()), "utf16le");
    const bytes = isSwapped ? text.swap16() : text;
    const read = { verdict: "accept", counts: [3, 3, 0, 0], encoding } satisfies Outcome;
    return [
      { name: `a register in ${encoding}`, files: { "bad.csv": Buffer.concat([Buffer.from(mark), bytes]) }, ...read },
      { name: `a register in ${encoding} without a byte order mark`, files: { "bad.csv": bytes }, ...read },
    ];
  }),
  accept("a register in UTF-8 with a byte order mark", `\uFEFF${marks(...threeRows())}`, [3, 3, 0, 0]),
  {
    name: "a curly apostrophe in Windows-1252",
    files: { "bad.csv": Buffer.from(marks(row({ Surname: "O\x92ZZCANARY" })), "latin1") },
    verdict: "warn",
    counts: [1, 1, 0, 0],
    encoding: "Windows-1252",
  },
  {
    name: "UTF-8 in one row and Windows-1252 in the next",
    files: {
      "bad.csv": Buffer.concat([
        Buffer.from(marks(row({ Forename: "Zoë" }))),
        Buffer.from(`${row({ Session: "PM", Surname: "O\x92ZZCANARY" })}\n`, "latin1"),
      ]),
    },
    verdict: "warn",
    counts: [2, 2, 0, 0],
    encoding: "Windows-1252",
  },
  reject(
    "a byte that neither UTF-8 nor Windows-1252 has",
    Buffer.from(marks(row({}), row({ Session: "PM", Surname: "ZZCANARY\x81" })), "latin1"),
    new RegExp(`^bad\\.csv, line 3: ${ONE_KIND_OF_TEXT}`),
  ),
  reject(
    "a byte order mark of UTF-8 above bytes that are not",
    Buffer.concat([Buffer.from("\uFEFF"), Buffer.from(marks(row({ Surname: "O\x92ZZCANARY" })), "latin1")]),
    /^bad\.csv: expected UTF-8 text throughout/,
  ),
  reject(
    "UTF-16 that is cut within a character",
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(marks(row({})), "utf16le"), Buffer.from([0x5a])]),
    /^bad\.csv: expected UTF-16 text throughout/,
  ),
  reject(
    "half of a pair of surrogates in UTF-16",
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(marks(row({ Surname: "ZZCANARY\ud800" })), "utf16le")]),
    /^bad\.csv: expected UTF-16 text throughout/,
  ),
  reject(
    "UTF-32",
    Buffer.concat([
      Buffer.from([0xff, 0xfe, 0, 0]),
      ...[...marks(row({}))].map((character) => Buffer.from([character.charCodeAt(0), 0, 0, 0])),
    ]),
    `bad.csv, line 1: ${NO_CONTROLS}`,
  ),
  reject("a NUL in a UPN", marks(row({}), row({ UPN: `${UPN}\0` })), `bad.csv, line 3: ${NO_CONTROLS}`),
  reject(
    "a NUL in UTF-16",
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(marks(row({ UPN: `${UPN}\0` })), "utf16le")]),
    `bad.csv, line 2: ${NO_CONTROLS}`,
  ),
  reject("an escape sequence in a name", marks(row({ Surname: "ZZCANARY\x1b[2J" })), `bad.csv, line 2: ${NO_CONTROLS}`),
  reject("a delete character in a name", marks(row({ Surname: "ZZCANARY\x7f" })), `bad.csv, line 2: ${NO_CONTROLS}`),
  reject("the end-of-file character of DOS", `${marks(row({}))}\x1a`, `bad.csv, line 3: ${NO_CONTROLS}`),
];

const names: HostileFile[] = [
  accept(
    "a name that turns the direction of writing around",
    marks(row({ Surname: "\u202eYRANACZZ\u202c\u2066ZZCANARY\u2069" })),
    [1, 1, 0, 0],
  ),
  accept(
    "a name in combining marks, a look-alike and an emoji",
    marks(row({ Forename: "Zoe\u0308", Surname: "ZZCАNARY \u{1f469}\u200d\u{1f467}" })),
    [1, 1, 0, 0],
  ),
  accept(
    "formulas in place of names",
    marks(
      row({ Surname: "=cmd|' /C ZZCANARY'!A0", Forename: "+ZZCANARY", Note: "@SUM(1+1)" }),
      row({ Session: "PM", Mark: "-", Surname: "-ZZCANARY", Forename: "\tZZCANARY" }),
    ),
    [2, 2, 0, 0],
  ),
  accept(
    "SQL in place of a name and in a header",
    `${MARKS},'); drop table stated_rows; --\n${row({ Surname: "ZZCANARY'; drop table stated_rows; --" })},x\n`,
    [1, 1, 0, 0],
  ),
  accept("names that other readers take for nothing", marks(row({ Surname: "Null", Forename: "NA" })), [1, 1, 0, 0]),
  reject(
    "a direction mark within a UPN",
    marks(row({ UPN: `${UPN.slice(0, 5)}\u202e${UPN.slice(5)}` })),
    `bad.csv, row 2, column "UPN": ${A_UPN}`,
  ),
  reject("a UPN in full-width digits", marks(row({ UPN: fullWidth(UPN) })), `bad.csv, row 2, column "UPN": ${A_UPN}`),
];

const lineEndings: HostileFile[] = [
  ...Object.entries({ CRLF: "\r\n", CR: "\r", LF: "\n" }).map(([name, ending]) =>
    accept(`line endings of ${name}`, marks(...threeRows()).replaceAll("\n", ending), [3, 3, 0, 0]),
  ),
  accept(
    "line endings of every kind in one file",
    `${MARKS}\r\n${row({})}\n${row({ Session: "PM", Mark: "\\" })}\r\n${row({ SessionDate: "2025-10-07" })}\r`,
    [3, 3, 0, 0],
  ),
  accept("a last row without an end", marks(...threeRows()).trimEnd(), [3, 3, 0, 0]),
  accept("empty lines below the last row", `${marks(...threeRows())}\n\n`, [3, 3, 0, 0]),
  reject(
    "an empty line between the rows",
    `${marks(row({}))}\n${row({ Session: "PM" })}\n`,
    "bad.csv, row 3: expected no empty line between the rows; take it out and save the file again",
  ),
  reject(
    "an empty line between the rows, and another above the header",
    `Attendance of ZZCANARY\n\n${marks(row({}))}\n${row({ Session: "PM", Mark: "ZZCANARY" })}\n`,
    "bad.csv: expected as many rows as the file has lines; take out empty lines, look for a double quote out of place, and save the file again",
  ),
];

const quotes: HostileFile[] = [
  accept(
    "every field in quotes, a backslash among them",
    `${MARKS}\n${[row({}), row({ Session: "PM", Mark: "\\" })].map(quoted).join("\n")}\n`,
    [2, 2, 0, 0],
  ),
  accept("a doubled quote in a name", marks(row({ Surname: '"ZZCANARY ""Bob"" X"' })), [1, 1, 0, 0]),
  accept(
    "line breaks in a comment",
    marks(row({ Note: '"rang home,\nno answer\r\nZZCANARY"' }), row({ Session: "PM", Mark: "\\" })),
    [2, 2, 0, 0],
  ),
  reject(
    "line breaks in a comment above a wrong mark",
    marks(row({ Note: '"rang home,\nno answer\nZZCANARY"' }), row({ Session: "PM", Mark: "ZZCANARY" })),
    `bad.csv, row 3, column "Mark": ${A_CODE}`,
  ),
  accept(
    "line breaks in a comment in a file of mixed line endings",
    `${MARKS}\r\n${row({ Note: '"rang home\rZZCANARY\nno answer"' })}\n${row({ Session: "PM", Mark: "\\" })}\r`,
    [2, 2, 0, 0],
  ),
  accept("a line break in a heading", marks(...threeRows()).replace("SessionDate", '"Session\nDate"'), [3, 3, 0, 0]),
  accept(
    "long comments in quotes in the first rows",
    marks(...manyRows(20).map((line) => `${line}"${"ZZCANARY, ".repeat(400)}"`)),
    [20, 20, 0, 0],
  ),
  reject(
    "a quote that does not end",
    marks(row({ Surname: '"ZZCANARY' }), row({ Session: "PM" })),
    "bad.csv, row 2: expected every quoted field to end with a double quote; the file may be cut short: export it again",
  ),
  reject(
    "a quote that does not end in a file of mixed line endings",
    marks(row({ Surname: '"ZZCANARY' }), row({ Session: "PM" })).replace("\n", "\r\n"),
    /^bad\.csv, row [12]: expected every quoted field to end with a double quote/,
  ),
  accept("a quote in the middle of a name", marks(row({ Surname: 'ZZ"CANARY' })), [1, 1, 0, 0]),
  reject("a name behind a quoted one", marks(row({ Surname: '"ZZ"CANARY' })), /^bad\.csv, row 2: expected /),
  reject(
    "a quote that swallows rows up to the next",
    marks(row({ Note: '"6 o clock' }), row({ Session: "PM" }), row({ SessionDate: "2025-10-07", Note: 'late 5"' })),
    "bad.csv, row 2: expected no whole row within a field; a double quote may be out of place there: correct it and export the file again",
  ),
  reject(
    "quotes around two names that make two rows one",
    marks(row({ Surname: '"ZZCANARY' }), row({ Session: "PM", Mark: "N", Surname: 'ZZCANARY"' })),
    /^bad\.csv, row 2: expected no .* within a field; a double quote may be out of place there/,
  ),
];

const shapes: HostileFile[] = [
  reject(
    "a wrong mark beside a register that is right",
    { "bad.csv": marks(row({ Mark: "ZZCANARY" })), "good.csv": marks(...threeRows()) },
    `bad.csv, row 2, column "Mark": ${A_CODE}`,
  ),
  reject(
    "a row cut short",
    `${marks(row({}))}AS-2,999001,${UPN},ZZCANARY,ZZCANARY`,
    "bad.csv, row 3: expected 12 columns as in the header, found 5; the file may be cut short or saved by hand: export it again",
  ),
  reject(
    "a row with a column too many",
    marks(row({}), `${row({ Session: "PM" })},ZZCANARY`),
    "bad.csv, row 3: expected 12 columns as in the header, found 13; the file may be cut short or saved by hand: export it again",
  ),
  reject(
    "columns that stand below other headings",
    marks(row({}).split(",").slice(1).concat("").join(",")),
    /^bad\.csv, row 2, column "UPN": expected a UPN.*\nbad\.csv, row 2, column "SchoolURN": expected a school/,
  ),
  reject(
    "semicolons in place of commas",
    marks(...threeRows()).replaceAll(",", ";"),
    'bad.csv, row 1: expected commas between the columns; save the file as "CSV (comma delimited)" or export it again',
  ),
  reject(
    "tabs in place of commas",
    marks(...threeRows()).replaceAll(",", "\t"),
    'bad.csv, row 1: expected commas between the columns; save the file as "CSV (comma delimited)" or export it again',
  ),
  reject(
    "a header that lacks a column",
    marks(...threeRows()).replace("Mark", "Total"),
    /^bad\.csv, row 1: expected the columns of .*, but Mark is not there; export the file with it/,
  ),
  reject(
    "a column that stands twice",
    `${MARKS},Mark\n${row({})},N\n`,
    "bad.csv, row 1: expected one column to choose from, found Mark and Mark; export the file with the one that counts",
  ),
  reject(
    "two columns that could both be the mark",
    `${MARKS},Code\n${row({})},ZZCANARY\n`,
    "bad.csv, row 1: expected one column to choose from, found Mark and Code; export the file with the one that counts",
  ),
  accept(
    "a title and a date above the header",
    `Attendance of ZZCANARY,,\nRun on 20/03/2026\n"by, the office"\n${marks(...threeRows())}`,
    [3, 3, 0, 0],
  ),
  reject(
    "a title and a date above the header, and a wrong mark below",
    `Attendance of ZZCANARY,,\nRun on 20/03/2026\n${marks(row({}), row({ Session: "PM", Mark: "ZZCANARY" }))}`,
    `bad.csv, row 5, column "Mark": ${A_CODE}`,
  ),
  accept("a title in brackets above the header", `[Confidential] ZZCANARY\n${marks(...threeRows())}`, [3, 3, 0, 0]),
  reject("a title of thirty lines above the header", `${"ZZCANARY\n".repeat(30)}${marks(...threeRows())}`, A_HEADER),
  reject(
    "a total below a few rows",
    marks(row({}), row({ UPN: "Total", Session: "PM" })),
    `bad.csv, row 3, column "UPN": ${A_UPN}`,
  ),
  quarantine("a total below many rows", marks(...manyRows(100), row({ UPN: "Total" })), [101, 100, 1, 0], {
    not_a_upn: [102],
  }),
  quarantine(
    "a total below many rows that has nothing but a figure",
    marks(...manyRows(100), footer({ Id: "Total", Mark: "100" })),
    [101, 100, 1, 0],
    { missing_pupil: [102] },
  ),
  quarantine("a row of commas below many rows", marks(...manyRows(100), footer({})), [101, 100, 1, 0], {
    missing_pupil: [102],
  }),
  reject(
    "a footer of one column below many rows",
    marks(...manyRows(100), "Report generated by ZZCANARY"),
    "bad.csv, row 102: expected 12 columns as in the header, found 1; the file may be cut short or saved by hand: export it again",
  ),
  reject(
    "a comment of three megabytes",
    marks(row({}), row({ Session: "PM", Note: "Z".repeat(3 * 1024 ** 2) })),
    /^bad\.csv, row [23]: expected no field longer than 64 KiB/,
  ),
  reject(
    "a comment of a hundred thousand characters",
    marks(row({}), row({ Session: "PM", Note: "Z".repeat(100_000) })),
    /^bad\.csv, row [23]: expected no field longer than 64 KiB/,
  ),
  accept(
    "codes that other readers take for comments and escapes",
    `Mark,Session,SessionDate,UPN,SchoolURN,Surname\n#,AM,2025-10-06,${UPN},999001,ZZCANARY\n\\,PM,2025-10-06,${UPN},999001,ZZCANARY\n`,
    [2, 2, 0, 0],
  ),
];

const dates: HostileFile[] = [
  accept(
    "days first, as the whole file proves",
    marks(onDay("06/10/2025"), onDay("07/10/2025"), onDay("13/10/2025")),
    [3, 3, 0, 0],
    {
      told: [
        "select session_date::varchar as day from marks order by all",
        [{ day: "2025-10-06" }, { day: "2025-10-07" }, { day: "2025-10-13" }],
      ],
    },
  ),
  reject(
    "dates that could be read with the day or with the month first",
    marks(onDay("06/10/2025"), onDay("07/10/2025")),
    `bad.csv, row 2, column "SessionDate" (and 1 more row): ${A_DATE}`,
  ),
  reject(
    "dates with the month first",
    marks(onDay("10/06/2025"), onDay("10/13/2025")),
    `bad.csv, row 2, column "SessionDate" (and 1 more row): ${A_DATE}`,
  ),
  reject(
    "dates with the day first in one row and the month first in another",
    marks(onDay("13/10/2025"), onDay("10/14/2025")),
    `bad.csv, row 2, column "SessionDate" (and 1 more row): ${A_DATE}`,
  ),
  reject(
    "dates with the month first where the project says that the day is",
    marks(...weekdays("2025-09-01", 10).map((day) => onDay(`${day.slice(5, 7)}/${day.slice(8)}/${day.slice(0, 4)}`))),
    /^bad\.csv, row \d+, column "SessionDate" \(and \d+ more rows\): expected a school day/,
    { settings: "dates: dd/mm/yyyy\n" },
  ),
  reject(
    "dates in two styles",
    marks(onDay("2025-10-06"), onDay("13/10/2025"), onDay("14/10/2025")),
    `bad.csv, row 3, column "SessionDate" (and 1 more row): ${A_DATE}`,
  ),
  reject(
    "years of two digits",
    marks(onDay("13/10/25"), onDay("14/10/25")),
    `bad.csv, row 2, column "SessionDate" (and 1 more row): ${A_DATE}`,
  ),
  reject("days of one digit", marks(onDay("6/10/2025")), `bad.csv, row 2, column "SessionDate": ${A_DATE}`),
  reject(
    "the thirtieth of February",
    marks(onDay("2026-02-27"), row({ SessionDate: "2026-02-30", Modified: "" })),
    `bad.csv, row 3, column "SessionDate": ${A_DATE}`,
  ),
  reject(
    "the thirty-first of February, day first",
    marks(onDay("13/10/2025"), onDay("31/02/2026")),
    `bad.csv, row 3, column "SessionDate": ${A_DATE.replace("2025-09-01", "01/09/2025")}`,
  ),
  quarantine(
    "the thirty-first of February in one row of many",
    marks(...manyRows(100), row({ SessionDate: "2026-02-31", Modified: "" })),
    [101, 100, 1, 0],
    { not_a_date: [102] },
  ),
  reject(
    "dates as a spreadsheet counts them, undeclared",
    marks(onDay("45936"), onDay("45937")),
    `bad.csv, row 2, column "SessionDate" (and 1 more row): ${A_DATE}`,
  ),
  accept("dates as a spreadsheet counts them, declared", marks(onDay("45936"), onDay("45937.0")), [2, 2, 0, 0], {
    settings: "dates: excel serial\n",
    told: [
      "select session_date::varchar as day from marks order by all",
      [{ day: "2025-10-06" }, { day: "2025-10-07" }],
    ],
  }),
  reject(
    "dates as a spreadsheet counts them from 1904",
    marks(onDay("44474"), onDay("44475")),
    `bad.csv, row 2, column "SessionDate" (and 1 more row): ${A_DATE_IN_A_YEAR}`,
    { settings: "dates: excel serial\n" },
  ),
  reject(
    "midnight in another zone, which is another day here",
    marks(row({ SessionDate: "2025-10-06T23:00:00Z" })),
    `bad.csv, row 2, column "SessionDate": ${A_DATE}`,
  ),
  reject("an empty date", marks(onDay("")), `bad.csv, row 2, column "SessionDate": ${A_DATE}`),
  reject(
    "a date in a year without a calendar",
    marks(row({ SessionDate: "2062-10-06", Modified: "2025-10-06T09:02:11Z" })),
    `bad.csv, row 2, column "SessionDate": ${A_DATE_IN_A_YEAR}`,
  ),
  reject(
    "one date in a year without a calendar among many rows",
    marks(...manyRows(100), onDay("0025-10-06")),
    `bad.csv, row 102, column "SessionDate": ${A_DATE_IN_A_YEAR}`,
  ),
];

const schools: HostileFile[] = [
  reject(
    "another school's register in a school's folder",
    { "999001/bad.csv": marks(row({ SchoolURN: "999002" }), row({ SchoolURN: "999002", Session: "PM" })) },
    /^999001\/bad\.csv, row 2, column "SchoolURN" \(and 1 more row\): expected the school that the folder 999001 is for/,
  ),
  reject(
    "one row of another school in a school's folder",
    { "999001/bad.csv": marks(...manyRows(100), row({ SchoolURN: "999002" })) },
    /^999001\/bad\.csv, row 102, column "SchoolURN": expected the school that the folder 999001 is for/,
  ),
  reject("an unknown school", marks(row({ SchoolURN: "999009" })), `bad.csv, row 2, column "SchoolURN": ${A_SCHOOL}`),
  reject(
    "a URN that is almost one",
    marks(row({ SchoolURN: "999001.4" })),
    `bad.csv, row 2, column "SchoolURN": ${A_SCHOOL}`,
  ),
  reject(
    "a URN with an exponent",
    marks(row({ SchoolURN: "9.99001e5" })),
    `bad.csv, row 2, column "SchoolURN": ${A_SCHOOL}`,
  ),
  reject(
    "rows that do not name their school, in no school's folder",
    `UPN,Surname,SessionDate,Session,Mark\n${UPN},ZZCANARY,2025-10-06,AM,/\n`,
    "bad.csv: expected to be told the school, which this kind of file does not name; put the file in a folder named by the school's URN, like registers/999001",
  ),
  accept(
    "rows that do not name their school, in its folder",
    { "999002/bad.csv": `UPN,Surname,SessionDate,Session,Mark\n${UPN},ZZCANARY,2025-10-06,AM,/\n` },
    [1, 1, 0, 0],
  ),
  reject(
    "a school by a name that nobody knows it by",
    dfeExport("ZZCANARY Academy"),
    /^bad\.csv, row 2, column "School Name": expected a school in rollbook\.yaml; .*known_as/,
  ),
  accept("a school by its name in combining marks", dfeExport("E\u0301lan Secondary"), [1, 1, 0, 0]),
  accept(
    "one pupil at two schools in the same session",
    marks(row({ Mark: "D" }), row({ SchoolURN: "999002" })),
    [2, 2, 0, 0],
  ),
];

const codes: HostileFile[] = [
  reject(
    "an unknown code",
    marks(row({}), row({ Session: "PM", Mark: "ZZCANARY" })),
    `bad.csv, row 3, column "Mark": ${A_CODE}`,
  ),
  quarantine("an unknown code among many rows", marks(...manyRows(100), row({ Mark: "0" })), [101, 100, 1, 0], {
    unknown_code: [102],
  }),
  reject(
    "a backslash that was escaped on the way",
    marks(row({ Session: "PM", Mark: "\\\\" })),
    `bad.csv, row 2, column "Mark": ${A_CODE}`,
  ),
  quarantine(
    "codes that were abolished before the day",
    marks(row({ Mark: "J" }), row({ Session: "PM", Mark: "H" })),
    [2, 0, 2, 0],
    {
      code_not_in_force: [2, 3],
    },
  ),
  quarantine("a code from before it was made", marks(row({ SessionDate: "2024-06-10", Mark: "C1" })), [1, 0, 1, 0], {
    code_not_in_force: [2],
  }),
  accept(
    "codes of an earlier year",
    marks(
      row({ SessionDate: "2024-06-10", Mark: "J" }),
      row({ SessionDate: "2024-06-10", Session: "PM", Mark: "H" }),
      row({ SessionDate: "2024-06-11", Mark: "Y" }),
    ),
    [3, 3, 0, 0],
  ),
  accept(
    "a dash, two dashes, a blank, a closure and a pupil not yet on roll, none an absence",
    marks(
      ...["-", "--", "", "#", "Z"].map((code, i) => row({ SessionDate: weekdays("2025-10-06", 5)[i], Mark: code })),
    ),
    [5, 5, 0, 0],
    {
      told: [
        "select code from marks order by session_date",
        [{ code: "-" }, { code: "-" }, { code: "-" }, { code: "#" }, { code: "Z" }],
      ],
    },
  ),
  accept("a code in lower case and among spaces", marks(row({ Mark: " l " })), [1, 1, 0, 0]),
  reject(
    "a lesson in place of a session",
    marks(row({ Session: "Period 3" })),
    'bad.csv, row 2, column "Session": expected AM or PM; export session marks, not lesson marks',
  ),
  quarantine("a mark on a Saturday", marks(...manyRows(100), row({ SessionDate: "2025-10-11" })), [101, 100, 1, 0], {
    mark_on_weekend: [102],
  }),
  quarantine(
    "a pupil present on a day that has not been",
    marks(...manyRows(100), row({ SessionDate: "2026-03-23", Modified: ENTERED_BEFORE })),
    [101, 100, 1, 0],
    { mark_in_future: [102] },
  ),
  accept(
    "leave and a closure entered ahead",
    marks(
      row({ SessionDate: "2026-03-23", Mark: "C", Modified: ENTERED_BEFORE }),
      row({ SessionDate: "2026-04-02", Mark: "#", Modified: ENTERED_BEFORE }),
    ),
    [2, 2, 0, 0],
  ),
  {
    name: "a mark in the half-term holiday",
    files: { "bad.csv": marks(row({ SessionDate: "2025-10-28" })) },
    verdict: "warn",
    counts: [1, 1, 0, 0],
    queries: { marks_on_closed_days: 1 },
  },
  {
    name: "a mark after the day of leaving",
    files: {
      "bad-marks.csv": marks(row({}), row({ SessionDate: "2025-10-03" })),
      "bad-pupils.csv": pupils(...everybody(), pupil({ LeavingDate: "2025-10-03" })),
    },
    verdict: "warn",
    counts: [13, 3, 0, 10],
    queries: { marks_outside_enrolment: 1 },
  },
  reject(
    "minutes late that are no minutes",
    `${MARKS},MinutesLate\n${row({ Mark: "L" })},-5\n`,
    'bad.csv, row 2, column "MinutesLate": expected whole minutes, 0 to 600; correct the minutes in the register',
  ),
  reject(
    "a deletion that is neither true nor false",
    marks(row({ IsDeleted: "ZZCANARY" })),
    'bad.csv, row 2, column "IsDeleted": expected true or false; export the file again',
  ),
  reject(
    "a time of change that is none",
    marks(row({ Modified: "ZZCANARY" })),
    'bad.csv, row 2, column "Modified": expected a time like 2025-09-01T09:02:11Z; export the file again from the school\'s system, or take the column out',
  ),
  reject(
    "a time of extract that is none",
    `SchoolURN,UPN,Surname,SessionDate,Session,Mark,ExtractedAt\n999001,${UPN},ZZCANARY,2025-10-06,AM,/,ZZCANARY\n`,
    /^bad\.csv, row 2, column "ExtractedAt": expected a time like 2025-09-01T09:02:11Z/,
  ),
  reject(
    "a time of change at the end of all time",
    marks(row({ Modified: "infinity" })),
    /^bad\.csv, row 2, column "Modified": expected a time like 2025-09-01T09:02:11Z/,
  ),
];

const repeats: HostileFile[] = [
  {
    name: "the same bytes under another name",
    files: { "oak-again.csv": BASELINE["oak-marks.csv"] ?? "" },
    verdict: "no-op",
  },
  { name: "the same file, saved again", files: { "oak-marks.csv": BASELINE["oak-marks.csv"] ?? "" }, verdict: "no-op" },
  accept("the same new bytes twice at once", { "a.csv": marks(row({})), "b.csv": marks(row({})) }, [1, 1, 0, 0]),
  {
    name: "the same rows with other line endings",
    files: { "bad.csv": (BASELINE["oak-marks.csv"] ?? "").replaceAll("\n", "\r\n") },
    verdict: "no-op",
    counts: [200, 0, 0, 200],
  },
  {
    name: "the same rows in another order, each field in quotes",
    files: { "bad.csv": `${MARKS}\n${oakRows().reverse().map(quoted).join("\n")}\n` },
    verdict: "no-op",
    counts: [200, 0, 0, 200],
  },
  {
    name: "the same rows without the times",
    files: {
      "bad.csv": `UPN,SessionDate,Session,Mark,SchoolURN\n${coveredRows()
        .map((line) => `${line},999001`)
        .join("\n")}\n`,
    },
    verdict: "no-op",
    counts: [200, 0, 0, 200],
  },
  {
    name: "a UPN in lower case and with spaces",
    files: {
      "bad.csv": marks(
        row({ ...nobody(` ${FIRST.slice(0, 4).toLowerCase()} ${FIRST.slice(4)}\u00a0`), SessionDate: "2025-09-08" }),
      ),
    },
    verdict: "no-op",
    counts: [1, 0, 0, 1],
  },
  accept("the same mark for a session twice", marks(row({}), row({})), [2, 1, 0, 1]),
  accept(
    "the same mark for a session twice, the UPN in two spellings",
    marks(row({}), row({ UPN: UPN.toLowerCase() })),
    [2, 1, 0, 1],
  ),
  quarantine(
    "two different marks for a session",
    marks(row({}), row({ Mark: "N" }), row({ Session: "PM", Mark: "\\" })),
    [3, 1, 2, 0],
    { conflicting_marks: [2, 3] },
  ),
  accept(
    "two different marks for a session, one after the other",
    marks(row({ Mark: "N" }), row({ Mark: "L", Modified: "2025-10-06T09:40:00Z" })),
    [2, 2, 0, 0],
    { told: ["select code from marks order by known_at", [{ code: "N" }, { code: "L" }]] },
  ),
  {
    name: "two files with different marks for a session at the same moment",
    files: { "a.csv": marks(row({})), "b.csv": marks(row({ Mark: "N" })) },
    verdict: "warn",
    counts: [2, 2, 0, 0],
    queries: { same_moment_conflicts: 1 },
  },
  accept(
    "a correction of a mark that was loaded",
    marks(row({ ...nobody(FIRST), SessionDate: "2025-09-08", Mark: "I", Modified: "2025-09-12T08:00:00Z" })),
    [1, 1, 0, 0],
    { told: ["select code, known_at::varchar as at from marks", [{ code: "I", at: "2025-09-12 08:00:00" }]] },
  ),
  accept(
    "an older extract that arrives after a newer",
    `SchoolURN,UPN,SessionDate,Session,Mark,ExtractedAt\n999001,${FIRST},2025-09-08,AM,N,2025-09-08T08:00:00Z\n`,
    [1, 1, 0, 0],
    // known before the mark that stands, and so never in its place
    { told: ["select code, known_at::varchar as at from marks", [{ code: "N", at: "2025-09-08 08:00:00" }]] },
  ),
  {
    name: "a file that was cut short at the end of a row",
    files: { "bad.csv": marks(...oakRows().slice(0, 100)) },
    verdict: "hold",
    rows: 100,
    rows_before: 200,
  },
  accept(
    "a file without one pupil, who is not taken away",
    marks(
      ...oakRows()
        .slice(20)
        .map((line) => line.replace("T09:02:11Z", "T09:02:12Z")),
    ),
    [180, 180, 0, 0],
    { told: ["select count(*)::integer as gone from marks where is_deleted", [{ gone: 0 }]] },
  ),
  {
    name: "a file that ends days before the last one did",
    files: { "bad.csv": marks(...oakRows().filter((line) => !TWO_WEEKS.slice(5).some((day) => line.includes(day)))) },
    verdict: "no-op",
    counts: [100, 0, 0, 100],
  },
  {
    name: "one row that says it is the whole autumn",
    files: { "bad.csv": covering(`${FIRST},2025-09-08,AM,N`) },
    verdict: "hold",
    rows: 1,
    rows_before: 200,
  },
  {
    name: "a file that says it is whole, and from which one mark is gone",
    files: { "bad.csv": covering(...coveredRows().slice(1)) },
    verdict: "accept",
    counts: [199, 0, 0, 199],
    told: [
      "select session_date::varchar as day, session, is_deleted from marks",
      [{ day: "2025-09-08", session: "AM", is_deleted: true }],
    ],
  },
  reject(
    "a first day of coverage that is not in the calendar",
    `SchoolURN,UPN,Surname,SessionDate,Session,Mark,CoversFrom,CoversTo\n999001,${UPN},ZZCANARY,2025-10-06,AM,/,2025-09-31,2025-12-19\n`,
    /^bad\.csv, row 2, column "CoversFrom": expected a date like 2025-09-01/,
  ),
];

const identities: HostileFile[] = [
  {
    name: "a UPN whose check letter does not fit",
    files: { "bad.csv": marks(row({}), row({ UPN: wrongLetter(UPN) }), row({ UPN: wrongLetter(UPN), Session: "PM" })) },
    verdict: "warn",
    counts: [3, 3, 0, 0],
    doubts: { upn_check_letter: [3] },
  },
  {
    name: "a temporary UPN",
    files: { "bad.csv": marks(row({}), row({ UPN: temporaryUpn("82599991900", "A") })) },
    verdict: "warn",
    counts: [2, 2, 0, 0],
    doubts: { temporary_upn: [3] },
  },
  reject("no UPN", marks(row({ UPN: "" })), `bad.csv, row 2, column "UPN": ${A_UPN}`),
  reject("a name in place of a UPN", marks(row({ UPN: "ZZCANARY" })), `bad.csv, row 2, column "UPN": ${A_UPN}`),
  reject(
    "a UPN that is one digit short",
    marks(row({ UPN: UPN.slice(0, -1) })),
    `bad.csv, row 2, column "UPN": ${A_UPN}`,
  ),
];

const statuses: HostileFile[] = [
  reject(
    "a year group that is none",
    pupils(pupil({ YearGroup: "ZZCANARY" })),
    /^bad\.csv, row 2, column "YearGroup": expected a National Curriculum year/,
  ),
  reject(
    "a day of leaving before the day of entry",
    pupils(pupil({ LeavingDate: "2021-09-05" })),
    /^bad\.csv, row 2, column "LeavingDate": expected a day on or after the day of entry/,
  ),
  reject(
    "a day of birth after the day of entry",
    pupils(...everybody(), pupil({ DateOfBirth: "2022-07-19" })),
    /^bad\.csv, row 12, column "(DateOfBirth|EntryDate)": expected a day/,
  ),
  reject(
    "a free school meal that is neither yes nor no",
    pupils(pupil({ FsmEligible: "ZZCANARY" })),
    /^bad\.csv, row 2, column "FsmEligible": expected true or false/,
  ),
  reject(
    "an address in a column of codes",
    pupils(pupil({ EthnicityCode: "ZZCANARY@example.org" })),
    /^bad\.csv, row 2, column "EthnicityCode": expected a short code or name of a group/,
  ),
  reject(
    "a UPN in a column of groups",
    pupils(pupil({ RegGroup: UPN })),
    /^bad\.csv, row 2, column "RegGroup": expected a short code or name of a group/,
  ),
  quarantine(
    "two rows that contradict each other about a pupil",
    pupils(...everybody(), pupil({}), pupil({ YearGroup: "6" })),
    [12, 0, 2, 10],
    { conflicting_pupil_rows: [12, 13] },
  ),
  accept(
    "a group in combining marks and in one character",
    pupils(...everybody(), pupil({ RegGroup: "Zoë" }), pupil({ RegGroup: "Zoe\u0308" })),
    [12, 1, 0, 11],
  ),
  accept("a formula in place of a group", pupils(...everybody(), pupil({ RegGroup: "=1+1" })), [11, 1, 0, 10], {
    told: ["select registration_group as text from pupils", [{ text: "=1+1" }]],
  }),
  {
    name: "the pupils of one class in place of the school's",
    files: { "bad.csv": pupils(...everybody().slice(0, 3)) },
    verdict: "hold",
    rows: 3,
    rows_before: 10,
  },
];

const published: HostileFile[] = [
  reject(
    "figures that state an area twice",
    dfeFigures("202526,National,E92000001,1,1", "202526,National,E92000001,2,2"),
    /^bad\.csv, row 2, column "geographic_level" \(and \d+ more rows?\): expected each area and phase once in a year/,
  ),
  reject(
    "a figure that is no number",
    dfeFigures("202526,National,E92000001,inf,1"),
    /^bad\.csv, row 2, column "any figure": expected a count or percentage/,
  ),
  reject(
    "a symbol that is not DfE's",
    dfeFigures("202526,National,E92000001,??,1"),
    /^bad\.csv, row 2, column "any figure": expected a number or one of DfE's symbols/,
  ),
  reject(
    "a column of figures that is new",
    `${dfeFigures("202526,National,E92000001,1,1").replace("\n", ",reason_z9\n").trimEnd()},1\n`,
    /^bad\.csv, row 1: expected only columns listed in models\/rules\/dfe_columns\.csv, found reason_z9/,
  ),
];

const xml: HostileFile[] = [
  rejectXml("a DOCTYPE", `<!DOCTYPE SuperStarReport>${report(record({}))}`, NO_DOCTYPE),
  rejectXml(
    "a billion laughs",
    `<!DOCTYPE SuperStarReport [\n<!ENTITY a0 "ZZCANARY">\n${Array.from({ length: 9 }, (_, i) => `<!ENTITY a${i + 1} "${`&a${i};`.repeat(10)}">`).join("\n")}\n]>\n${report(record({ Surname: "&a9;" }))}`,
    NO_DOCTYPE,
  ),
  rejectXml(
    "an entity that names a file",
    `<!DOCTYPE SuperStarReport [<!ENTITY file SYSTEM "file:///etc/passwd">]>\n${report(record({ Surname: "&file;" }))}`,
    NO_DOCTYPE,
  ),
  rejectXml("an entity that nobody defined", report(record({ Surname: "&ZZCANARY;" })), WELL_FORMED_XML),
  rejectXml("XML that is cut short", report(record({}), record({ Session: "PM" })).slice(0, -60), WELL_FORMED_XML),
  rejectXml("an element that does not end", report(record({ Surname: "<ZZCANARY>" })), WELL_FORMED_XML),
  rejectXml("two outermost elements", `${report(record({}))}${report(record({ Session: "PM" }))}`, WELL_FORMED_XML),
  rejectXml("a control character by its number", report(record({ Surname: "ZZCANARY&#1;" })), WELL_FORMED_XML),
  reject(
    "another outermost element",
    { "999001/bad.xml": "<html><body>ZZCANARY</body></html>" },
    /^999001\/bad\.xml, line 1: expected /,
  ),
  reject("an outermost element without records", { "999001/bad.xml": report() }, /^999001\/bad\.xml.*: expected /),
  rejectXml(
    "a thousand elements within one another",
    report(record({ Surname: `${"<a>".repeat(1000)}ZZCANARY${"</a>".repeat(1000)}` })),
    "expected at most 50 elements within one another",
  ),
  rejectXml(
    "a text of a hundred thousand characters",
    report(record({ Surname: "ZZCANARY".repeat(12_500) })),
    "expected no text longer than 64 KiB; export the file again without it",
  ),
  reject(
    "a wrong mark in XML",
    { "999001/bad.xml": report(record({}), record({ Session: "PM", Mark: "ZZCANARY" })) },
    `999001/bad.xml, Record 2, column "Mark": ${A_CODE}`,
  ),
  acceptXml("a namespace, a comment, a stylesheet and CDATA", [
    '<?xml version="1.0"?><?xml-stylesheet href="https://example.org/ZZCANARY.xsl"?><!-- ZZCANARY -->',
    report(record({ Mark: "<![CDATA[\\]]>", Session: "PM" }))
      .replaceAll(/<(\/?)(\w)/g, "<$1s:$2")
      .replace(">", ' xmlns:s="urn:x">'),
  ]),
  acceptXml("an encoding that XML declares", [
    '<?xml version="1.0" encoding="windows-1252"?>',
    report(record({ Surname: "O\x92ZZCANARY" })),
  ]),
  acceptXml("an encoding that XML declares wrongly", [
    '<?xml version="1.0" encoding="UTF-16"?>',
    report(record({ Surname: "ZZCANARYe" })),
  ]),
  acceptXml("mixed line endings in XML", ['<?xml version="1.0"?>\r\n', report(record({})), "\n\r"]),
];

const json: HostileFile[] = [
  rejectJson("JSON that is cut short", JSON.stringify([bromcom({}), bromcom({})]).slice(0, -40), WELL_FORMED_JSON),
  rejectJson(
    "two JSON texts in one file",
    `${JSON.stringify(bromcom({}))}\n${JSON.stringify(bromcom({}))}\n`,
    WELL_FORMED_JSON,
  ),
  rejectJson(
    "JSON without a list of records",
    JSON.stringify({ record: bromcom({}) }),
    'expected one list of records, at the top or as "data"; save the page again as the system sends it',
  ),
  { name: "a page without records", files: { "999001/bad.json": '{"data":[],"meta":{}}' }, verdict: "no-op" },
  reject(
    "an error message in place of a page",
    { "999001/bad.json": JSON.stringify({ error: "ZZCANARY", errors: ["ZZCANARY"] }) },
    /^999001\/bad\.json, record 1: expected /,
  ),
  reject(
    "a record that is no object",
    { "999001/bad.json": JSON.stringify([bromcom({}), "ZZCANARY"]) },
    "999001/bad.json, record 2: expected an object with named fields; save the page again as the system sends it",
  ),
  reject(
    "a thousand objects within one another",
    { "999001/bad.json": `[${'{"a":'.repeat(1000)}"ZZCANARY"${"}".repeat(1000)}]` },
    /^999001\/bad\.json, record 1: expected at most 50 objects within one another/,
  ),
  reject(
    "a million lists within one another",
    { "999001/bad.json": "[".repeat(1_000_000) },
    `999001/bad.json: ${WELL_FORMED_JSON}`,
  ),
  accept(
    "a key that other readers make part of every object",
    {
      "999001/bad.json": `[${JSON.stringify(bromcom({})).slice(0, -1)},"__proto__":{"mark":"N","exportMark":"N"},"constructor":{"prototype":{"mark":"N"}}}]`,
    },
    [1, 1, 0, 0],
    { told: ["select code from marks", [{ code: "/" }]] },
  ),
  reject(
    "a number that is beyond all numbers",
    { "999001/bad.json": JSON.stringify([bromcom({})]).replace('"studentID":70031', '"studentID":1e999') },
    /^999001\/bad\.json, record 1.*: expected /,
  ),
  reject(
    "an id whose last digits would be lost",
    {
      "999001/bad.json": JSON.stringify([bromcom({})]).replace('"studentID":70031', '"studentID":12345678901234567890'),
    },
    /^999001\/bad\.json, record 1: expected no number of more than 15 digits/,
  ),
  reject(
    "a text of a hundred thousand characters in JSON",
    { "999001/bad.json": JSON.stringify([bromcom({ attendanceComment: "ZZCANARY".repeat(12_500) })]) },
    /^999001\/bad\.json, record 1: expected no text longer than 64 KiB/,
  ),
  reject(
    "a NUL in a text of JSON",
    { "999001/bad.json": JSON.stringify([bromcom({ attendanceComment: "ZZCANARY\0" })]) },
    /^999001\/bad\.json, record 1: expected text without control characters/,
  ),
  accept(
    "JSON in UTF-16 with a byte order mark",
    { "999001/bad.json": Buffer.from(`\uFEFF${JSON.stringify([bromcom({})])}`, "utf16le") },
    [1, 1, 0, 0],
    { encoding: "UTF-16LE" },
  ),
  reject(
    "marks by the ids of codes that nobody sent",
    {
      "999001/bad.json": JSON.stringify({
        data: [
          {
            id: "A29310000",
            date: { date: "2025-10-06 00:00:00.000000", timezone_type: 3, timezone: "UTC" },
            session: "AM",
            student: "A17470031",
            attendance_code: "A555100",
            comment: "ZZCANARY",
            employee: "A88120391",
          },
        ],
        meta: { pagination: { next: null, more: false } },
      }),
    },
    /^999001\/bad\.json: expected the school's attendance codes beside it/,
  ),
];

const markStrings: HostileFile[] = [
  reject(
    "a code of two characters in a string that has room for one",
    { "999001/bad.csv": packedStrings() },
    /^999001\/bad\.csv, row 21, column "Marks"/,
  ),
  quarantine(
    "the marks of an earlier school in a transfer file",
    {
      "bad.xml": transferFile([
        ["825", "4001", "2025-10-06", "/,\\,L,\\"],
        ["330", "2001", "2025-09-01", "/,\\"],
      ]),
    },
    [7, 5, 2, 0],
    { school_not_in_trust: [2, 2] },
  ),
];

const places: HostileFile[] = [
  ...[
    "quotes' \"'.csv",
    "'); drop table stated_rows; --.csv",
    "$(touch owned) `touch owned` & ;.csv",
    "-rf.csv",
    "%s%n {} [a-z]*? **.csv",
    `${"long".repeat(62)}.csv`,
    "two\nlines.csv",
    "red\x1b[31m.csv",
    "turned\u202evsc.csv",
    "down\\..\\..\\..\\up.csv",
  ].map(
    (file): HostileFile => ({
      name: `a file name like ${JSON.stringify(file.slice(0, 40)).slice(1, -1)}`,
      files: { [file]: marks(row({})) },
      onlyOn: "linux",
      verdict: "accept",
      counts: [1, 1, 0, 0],
    }),
  ),
  {
    name: "a file name that is not UTF-8",
    files: {},
    place: (registers) => {
      const file = Buffer.concat([Buffer.from(path.join(registers, "caf")), Buffer.from([0xe9]), Buffer.from(".csv")]);
      fs.writeFileSync(file, marks(row({})));
    },
    onlyOn: "linux",
    verdict: "reject",
    message: /: expected a file name /,
  },
  accept("a file name that is a pupil's UPN", { [`${UPN}.csv`]: marks(row({})) }, [1, 1, 0, 0]),
  accept("a register that is named as something else", { "register.pdf": marks(row({})) }, [1, 1, 0, 0]),
  {
    name: "a folder that is named like a file",
    files: {},
    place: (registers) => fs.mkdirSync(path.join(registers, "bad.csv")),
    verdict: "no-op",
  },
  {
    name: "what other programs leave beside their files",
    files: { "~$oak-marks.csv": marks(row({})), ".~lock.oak-marks.csv#": "ZZCANARY", ".DS_Store": "ZZCANARY" },
    verdict: "no-op",
  },
  {
    name: "a link that leads nowhere",
    files: {},
    place: (registers) => fs.symlinkSync(path.join(registers, "nowhere"), path.join(registers, "bad.csv")),
    onlyOn: "linux",
    verdict: "reject",
    message: /^bad\.csv: expected a file, but the link leads nowhere; mend the link or take it away/,
  },
  {
    name: "a link that leads back to its own folder",
    files: {},
    place: (registers) => fs.symlinkSync(registers, path.join(registers, "bad")),
    onlyOn: "linux",
    verdict: "no-op",
  },
  {
    name: "a link to a device that never ends",
    files: {},
    place: (registers) => fs.symlinkSync("/dev/zero", path.join(registers, "bad.csv")),
    onlyOn: "linux",
    verdict: "no-op",
  },
];

/** Every hostile file. The name of each is unlike every other. */
export const HOSTILE: readonly HostileFile[] = [
  ...otherKinds,
  ...encodings,
  ...names,
  ...lineEndings,
  ...quotes,
  ...shapes,
  ...dates,
  ...schools,
  ...codes,
  ...repeats,
  ...identities,
  ...statuses,
  ...published,
  ...xml,
  ...json,
  ...markStrings,
  ...places,
];

// --- internal ---

type Extra = Pick<Arriving, "settings"> & Partial<Pick<Loaded, "encoding" | "told">>;

function filesOf(content: string | Buffer | Record<string, string | Buffer>): Record<string, string | Buffer> {
  return typeof content === "string" || Buffer.isBuffer(content) ? { "bad.csv": content } : content;
}

function reject(
  name: string,
  content: string | Buffer | Record<string, string | Buffer>,
  message: string | RegExp,
  extra: Pick<Arriving, "settings"> = {},
): HostileFile {
  return { name, files: filesOf(content), ...extra, verdict: "reject", message };
}

function accept(
  name: string,
  content: string | Buffer | Record<string, string | Buffer>,
  counts: Counts,
  extra: Extra = {},
): HostileFile {
  return { name, files: filesOf(content), ...extra, verdict: "accept", counts };
}

function quarantine(
  name: string,
  content: string | Buffer | Record<string, string | Buffer>,
  counts: Counts,
  rules: RowsByRule,
): HostileFile {
  return { name, files: filesOf(content), verdict: "quarantine", counts, rules };
}

function rejectXml(name: string, content: string, expected: string): HostileFile {
  const message = new RegExp(`^999001/bad\\.xml, line \\d+: ${expected.replaceAll(".", "\\.")}`);
  return reject(name, { "999001/bad.xml": content }, message);
}

function acceptXml(name: string, parts: string[]): HostileFile {
  const text = parts.join("");
  const isOneByteEach = text.includes("windows-1252");
  const content = Buffer.from(text, isOneByteEach ? "latin1" : "utf8");
  const encoding = isOneByteEach ? { encoding: "Windows-1252" } : {};
  return accept(name, { "999001/bad.xml": content }, [1, 1, 0, 0], encoding);
}

function rejectJson(name: string, content: string, expected: string): HostileFile {
  return reject(name, { "999001/bad.json": content }, `999001/bad.json: ${expected}`);
}

/** The UPN of an invented pupil of the hostile files, with its check letter. */
function canaryUpn(serial: number): string {
  return upnOf(`8259999190${serial}`);
}

function wrongLetter(upn: string): string {
  return `${upn.startsWith("A") ? "B" : "A"}${upn.slice(1)}`;
}

/** A temporary UPN: its last letter counts by its place among the check letters. */
function temporaryUpn(eleven: string, last: "A"): string {
  return `${upnOf(`${eleven}0`).slice(0, -1)}${last}`;
}

function fullWidth(text: string): string {
  return text.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0));
}

/** School days from one on, without weekends. */
function weekdays(from: string, count: number): string[] {
  const days: string[] = [];
  for (let at = Date.parse(from); days.length < count; at += 86_400_000) {
    const day = new Date(at);
    if (![0, 6].includes(day.getUTCDay())) days.push(day.toISOString().slice(0, 10));
  }
  return days;
}

/** A row of marks; what a test does not say is a canary's ordinary morning. Cells are written as they are given. */
function row(cells: MarkCells): string {
  const { SessionDate = "2025-10-06" } = cells;
  const changed = /^20\d\d-\d\d-\d\d$/.test(SessionDate) ? SessionDate : "2025-10-06";
  const ordinary = {
    Id: "AS-1",
    SchoolURN: "999001",
    UPN,
    Surname: "ZZCANARY",
    Forename: "ZZCANARY",
    DateOfBirth: "2013-07-19",
    SessionDate,
    Session: "AM",
    Mark: "/",
    Modified: `${changed}T09:02:11Z`,
    IsDeleted: "false",
    Note: "",
  };
  return MARK_COLUMNS.map((name) => cells[name] ?? ordinary[name]).join(",");
}

/** A row below the marks that is empty but for some cells. */
function footer(cells: MarkCells): string {
  return MARK_COLUMNS.map((name) => cells[name] ?? "").join(",");
}

function onDay(day: string): string {
  return row({ SessionDate: day });
}

function nobody(upn: string): MarkCells & PupilCells {
  return { UPN: upn, Surname: "Nobody", Forename: "Nobody", DateOfBirth: "" };
}

/** Rows that nothing is wrong with, of five canaries and days on end. */
function manyRows(count: number): string[] {
  const days = weekdays("2025-11-03", Math.ceil(count / 10));
  return days
    .flatMap((day) =>
      ["AM", "PM"].flatMap((session) =>
        [20, 21, 22, 23, 24].map((serial) =>
          row({ UPN: canaryUpn(serial), SessionDate: day, Session: session, Mark: session === "AM" ? "/" : "\\" }),
        ),
      ),
    )
    .slice(0, count);
}

function threeRows(): string[] {
  return [row({}), row({ Session: "PM", Mark: "\\" }), row({ SessionDate: "2025-10-07" })];
}

function oakRows(): string[] {
  return EVERYBODY.flatMap((upn) =>
    TWO_WEEKS.flatMap((day) => [
      row({ ...nobody(upn), SessionDate: day }),
      row({ ...nobody(upn), SessionDate: day, Session: "PM", Mark: "\\" }),
    ]),
  );
}

function marks(...rows: string[]): string {
  return `${[MARKS, ...rows].join("\n")}\n`;
}

function pupil(cells: PupilCells): string {
  const ordinary = {
    SchoolURN: "999001",
    UPN,
    Surname: "ZZCANARY",
    Forename: "ZZCANARY",
    DateOfBirth: "2013-07-19",
    YearGroup: "5",
    RegGroup: "",
    EthnicityCode: "",
    FsmEligible: "false",
    EntryDate: "2021-09-06",
    LeavingDate: "",
    LastUpdated: "2026-03-19",
  };
  return PUPIL_COLUMNS.map((name) => cells[name] ?? ordinary[name]).join(",");
}

function pupils(...rows: string[]): string {
  return `${[PUPILS, ...rows].join("\n")}\n`;
}

function everybody(): string[] {
  return EVERYBODY.map((upn) => pupil({ ...nobody(upn), DateOfBirth: "2015-11-02" }));
}

/** The baseline's marks of Oak as pupil, day, session and mark alone. */
function coveredRows(): string[] {
  return EVERYBODY.flatMap((upn) => TWO_WEEKS.flatMap((day) => [`${upn},${day},AM,/`, `${upn},${day},PM,\\`]));
}

/** Rows of Oak that say to be whole for the autumn term. */
function covering(...lines: string[]): string {
  const rest = "999001,2025-09-01,2025-12-19,2026-03-20T07:00:00Z";
  const header = "UPN,SessionDate,Session,Mark,SchoolURN,CoversFrom,CoversTo,ExtractedAt";
  return `${[header, ...lines.map((line) => `${line},${rest}`)].join("\n")}\n`;
}

function quoted(line: string): string {
  return line
    .split(",")
    .map((cell) => `"${cell}"`)
    .join(",");
}

function dfeExport(school: string): string {
  return `Full Name,UPN,School Name,Session date,Attendance code,Period Attendance Code\n"ZZCANARY, ZZCANARY",${UPN},${school},"Monday, 6 October 2025",L,Morning attendance\n`;
}

function dfeFigures(...rows: string[]): string {
  return `${["time_period,geographic_level,country_code,possible_sessions,attendance_perc", ...rows].join("\n")}\n`;
}

/** A report of SIMS. */
function report(...records: string[]): string {
  return `<SuperStarReport>${records.join("")}</SuperStarReport>`;
}

function record(cells: { Surname?: string; Session?: string; Mark?: string }): string {
  const { Surname = "ZZCANARY", Session = "AM", Mark = "/" } = cells;
  return `<Record><primary_id>70031</primary_id><UPN>${UPN}</UPN><Surname>${Surname}</Surname><Forename>ZZCANARY</Forename><Year>Year  5</Year><Reg>5A</Reg><Mark_x0020_date>2025-10-06T00:00:00</Mark_x0020_date><Session>${Session}</Session><Mark>${Mark}</Mark></Record>`;
}

/** A record of Bromcom's attendances. */
function bromcom(fields: Record<string, unknown>): Record<string, unknown> {
  return {
    attendanceID: 8841273,
    studentID: 70031,
    calendarID: 512,
    calendarModelID: 3,
    calendarName: "AM",
    calendarStartDate: "2025-10-06T08:45:00",
    calendarEndDate: "2025-10-06T09:00:00",
    collectionID: 77,
    mark: "/",
    markSubcode: null,
    exportMark: "/",
    markMeaningName: "Present",
    markMeaningDescription: null,
    minute: null,
    attendanceComment: "ZZCANARY",
    attendanceCommentInstant: null,
    locationID: null,
    recordedBy: 44,
    recordedOn: "2025-10-06T08:58:12",
    ...fields,
  };
}

/** Twenty pupils of Xporter with packed mark strings over three weeks and a half. The last one was on leave one morning. */
function packedStrings(): string {
  const header = "Id,Forename,Surname,RegGroup,YearGroup,EntryDate,UPN,AttMarksStartDate,AttMarksEndDate,Marks";
  const week = `${"/\\".repeat(5)}####`;
  const ordinary = `${week.repeat(3)}${"/\\".repeat(3)}`;
  const lines = Array.from({ length: 20 }, (_, i) =>
    [
      70_001 + i,
      "ZZCANARY",
      "ZZCANARY",
      "5A",
      "Year  5",
      "2021-09-06",
      canaryUpn(30 + i),
      "2025-11-03",
      "2025-11-26",
      i < 19 ? ordinary : ordinary.replace("/\\/\\", "/\\C1\\"),
    ].join(","),
  );
  return `${[header, ...lines].join("\n")}\n`;
}

/** A Common Transfer File of one pupil, with years at some schools. */
function transferFile(years: [lea: string, estab: string, from: string, marks: string][]): string {
  const data = years.map(
    ([lea, estab, from, codes], i) =>
      `<YearData><Year>${2025 - i}</Year><LEA>${lea}</LEA><Estab>${estab}</Estab><AttendSessions><AttendanceStartDate>${from}</AttendanceStartDate><AttendanceMarks>${codes}</AttendanceMarks></AttendSessions></YearData>`,
  );
  return `<CTfile><Header><DocumentName>Common Transfer File</DocumentName><CTFversion>25.0</CTFversion><DateTime>2026-03-19T17:15:30</DateTime><SourceSchool><LEA>825</LEA><Estab>4001</Estab></SourceSchool></Header><CTFpupilData><Pupil><UPN>${UPN}</UPN><Surname>ZZCANARY</Surname><Forename>ZZCANARY</Forename><DOB>2013-07-19</DOB><Sex>F</Sex><Attendance>${data.join("")}</Attendance></Pupil></CTFpupilData></CTfile>`;
}
