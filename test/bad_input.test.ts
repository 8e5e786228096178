import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { dataFolders } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { readProject } from "../ingest/project.ts";
import { built, drop, inUse, MARKS_HEADER, makeProject, mark, marksFile, PUPILS_HEADER, quietly } from "./project.ts";

const good = marksFile(mark({}));
const CANARY = "ZZCANARY";

/** Files that cannot be used, each with the one line that its owner needs. */
const refused: [what: string, content: string | Buffer, message: string][] = [
  [
    "an unknown header",
    `Pupil,Reading age\n${CANARY},9\n`,
    "bad.csv, row 1: expected a CSV header with the columns of one of: marks (SchoolURN, UPN, SessionDate, Session, Mark), pupils (SchoolURN, UPN, YearGroup, EntryDate), DfE year-to-date figures (time_period, geographic_level, country_code, possible_sessions, attendance_perc); export the file as CSV with its header, or take it out of the drop folder",
  ],
  [
    "a header that lacks one column",
    `SchoolURN,UPN,SessionDate,Session\n999001,${CANARY},2025-10-06,AM\n`,
    "bad.csv, row 1: expected the columns of marks, but Mark is not there; export the file with it",
  ],
  [
    "no header, so that the first row is a pupil's",
    `${mark({ upn: CANARY })}\n`,
    "bad.csv, row 1: expected a CSV header",
  ],
  ["an empty file", "", "bad.csv, row 1: expected a CSV header"],
  ["a header without rows", `${MARKS_HEADER}\n`, "bad.csv: expected rows below the header, found none"],
  [
    "a spreadsheet file",
    Buffer.from("504b0304140000000800000000000000", "hex"),
    "bad.csv, row 1: expected a CSV header",
  ],
  [
    "a row cut short",
    `${marksFile(mark({}))}AS-2,999001,${CANARY},PUP-1,2025-10`,
    "bad.csv, row 3: expected 9 columns as in the header, found 5; the file may be cut short or saved by hand: export it again",
  ],
  [
    "a row with a column too many",
    marksFile(mark({}), `${mark({})},${CANARY}`),
    "bad.csv, row 3: expected 9 columns as in the header, found 10",
  ],
  [
    "a quote that does not end",
    marksFile(mark({ mark: `"${CANARY}` }), mark({})),
    "bad.csv, row 2: expected every quoted field to end with a double quote",
  ],
  [
    "bytes that are not UTF-8",
    Buffer.concat([Buffer.from(marksFile(mark({}))), Buffer.from([0x41, 0xe9]), Buffer.from(",1,2,3,4,5,6,7,8\n")]),
    'bad.csv, row 3: expected UTF-8 text; save the file as "CSV UTF-8" or export it again',
  ],
  [
    "mixed line endings",
    `${MARKS_HEADER}\r\n${mark({})}\n${mark({ session: "PM" })}\r\n${mark({ date: "2025-10-07" })}\r`,
    "bad.csv: expected comma-separated rows with one kind of line ending",
  ],
  [
    "an impossible date",
    marksFile(mark({}), mark({ date: "2026-02-30" })),
    'bad.csv, row 3, column "SessionDate": expected a date like 2025-09-01 that is in the calendar; export the file again without opening it in a spreadsheet, or, if all files write dates like this, state it as "dates" in rollbook.yaml',
  ],
  [
    "dates written another way than stated",
    marksFile(mark({ date: "06/10/2025", modified: "" }), mark({ date: "07/10/2025", modified: "" })),
    'bad.csv, row 2, column "SessionDate" (and 1 more row): expected a date like 2025-09-01',
  ],
  [
    "a date in a year without a calendar",
    marksFile(mark({ date: "2062-10-06" })),
    'bad.csv, row 2, column "SessionDate": expected a date in a school year that rollbook.yaml has a calendar for',
  ],
  [
    "an unknown mark",
    marksFile(mark({}), mark({ date: "2025-10-07", mark: CANARY })),
    'bad.csv, row 3, column "Mark": expected a register code that DfE lists; look the mark up in models/rules/register_codes.csv',
  ],
  [
    "a school that is not the trust's",
    marksFile(mark({ urn: "999009" })),
    'bad.csv, row 2, column "SchoolURN": expected the URN of a school in rollbook.yaml; add the school there, or take the file out of the drop folder',
  ],
  [
    "a lesson in place of a session",
    marksFile(mark({ session: "Period 3" })),
    'bad.csv, row 2, column "Session": expected AM or PM',
  ],
  [
    "a total below the rows",
    marksFile(mark({}), mark({ upn: "Total" })),
    'bad.csv, row 3, column "UPN": expected a UPN',
  ],
  [
    "a time of change that is none",
    marksFile(mark({ modified: "yesterday" })),
    'bad.csv, row 2, column "Modified": expected a time like 2025-09-01T09:02:11Z',
  ],
  [
    "a year group that is none",
    `${PUPILS_HEADER}\n999001,V825999924017,${CANARY},2021-09-06,,true,2026-03-20\n`,
    'bad.csv, row 2, column "YearGroup": expected a National Curriculum year',
  ],
  [
    "a day of leaving before the day of entry",
    `${PUPILS_HEADER}\n999001,V825999924017,5,2021-09-06,2021-09-05,true,2026-03-20\n`,
    'bad.csv, row 2, column "LeavingDate": expected a day on or after the day of entry',
  ],
  [
    "a quote that swallows the rows up to the next",
    `${MARKS_HEADER},Note\n${mark({})},"6 o clock\n${mark({ session: "PM" })},\n${mark({ date: "2025-10-07" })},late 5"\n`,
    "bad.csv, row 2: expected no line break within a field; a double quote may be out of place there: correct it and export the file again",
  ],
  [
    "an empty line between the rows",
    `${marksFile(mark({}))}\n${mark({ session: "PM" })}\n`,
    "bad.csv, row 3: expected no empty line between the rows; take it out and save the file again",
  ],
  [
    "a name in a column of codes",
    `SchoolURN,UPN,YearGroup,EntryDate,EthnicityCode\n999001,V825999924017,5,2021-09-06,${CANARY}@school\n`,
    'bad.csv, row 2, column "EthnicityCode": expected a short code or name of a group',
  ],
  [
    "a URN that is almost one",
    marksFile(mark({ urn: "999001.4" })),
    'bad.csv, row 2, column "SchoolURN": expected the URN of a school in rollbook.yaml',
  ],
  [
    "a DfE file that states an area twice",
    "time_period,geographic_level,country_code,possible_sessions,attendance_perc\n202526,National,E92000001,1,1\n202526,National,E92000001,2,2\n",
    'bad.csv, row 2, column "geographic_level" (and 3 more rows): expected each area and phase once in a year',
  ],
  [
    "a DfE figure that is no number",
    "time_period,geographic_level,country_code,possible_sessions,attendance_perc\n202526,National,E92000001,inf,1\n",
    'bad.csv, row 2, column "any figure": expected a count or percentage',
  ],
  [
    "two columns that could both be the mark",
    `${MARKS_HEADER},Code\n${mark({})},${CANARY}\n`,
    "bad.csv, row 1: expected one column to choose from, found Mark and Code; export the file with the one that counts",
  ],
  [
    "a column that stands twice",
    `${MARKS_HEADER},Mark\n${mark({})},I\n`,
    "bad.csv, row 1: expected one column to choose from, found Mark and Mark",
  ],
  [
    "a DfE file with a column that is new",
    "time_period,geographic_level,country_code,possible_sessions,attendance_perc,reason_z9\n202526,National,E92000001,1,1,1\n",
    "bad.csv, row 1: expected only columns listed in models/rules/dfe_columns.csv, found reason_z9",
  ],
  [
    "a DfE file with a symbol that is new",
    "time_period,geographic_level,country_code,possible_sessions,attendance_perc\n202526,National,E92000001,??,1\n",
    'bad.csv, row 2, column "any figure": expected a number or one of DfE\'s symbols',
  ],
];

test.each(refused)(
  "%s is refused, with file and place, and nothing of the folder is loaded",
  async (_, content, message) => {
    const project = makeProject({ "good.csv": good });
    await quietly(project);
    const before = await built(project, "select count(*)::integer as marks from raw.marks");
    drop(project.dir, { "bad.csv": content, "better.csv": marksFile(mark({ session: "PM", mark: "\\" })) });
    const error = await quietly(project).catch((reason: Error) => reason);
    expect(error).toMatchObject({ name: "RollbookError" });
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain(CANARY);
    expect((error as Error).message).toMatch(/\nNothing was loaded\.$/);
    expect(readLedger(dataFolders(project).ledger)).toHaveLength(1);
    expect(await inUse(project, "select count(*)::integer as marks from raw.marks")).toEqual(before);
  },
);

test("a folder without register files is refused", async () => {
  const project = makeProject({});
  await expect(quietly(project)).rejects.toThrow(/^No register files in .*: put the schools' CSV exports there/);
});

test("a folder that cannot be written to is refused", async () => {
  const project = makeProject({ "good.csv": good });
  // a file stands where the folder would be: not even an administrator can write below it
  fs.writeFileSync(path.join(project.dir, "occupied"), "");
  await expect(quietly({ ...project, data: path.join(project.dir, "occupied", "data") })).rejects.toThrow(
    /^Cannot write to /,
  );
});

test("a folder without rollbook.yaml is refused", () => {
  expect(() => readProject(import.meta.dirname)).toThrow(/^No rollbook\.yaml in /);
});

test("a rollbook.yaml that is wrong says where", () => {
  const project = makeProject({});
  const file = path.join(project.dir, "rollbook.yaml");
  fs.writeFileSync(
    file,
    fs
      .readFileSync(file, "utf8")
      .replace("phase: Primary", "phase: Infants")
      .replace("as_at: 2026-03-20", "as_at: 2026-02-30"),
  );
  expect(() => readProject(project.dir)).toThrow(/as_at: expected a date like 2025-09-01[\s\S]*schools\.0\.phase/);
  fs.writeFileSync(file, "trust: [");
  expect(() => readProject(project.dir)).toThrow(/^rollbook\.yaml, line \d+: expected YAML/);
});

test("half terms that overlap are refused", () => {
  const project = makeProject({});
  const file = path.join(project.dir, "rollbook.yaml");
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("spring 1: [2026-01-05", "spring 1: [2025-12-18"));
  expect(() => readProject(project.dir)).toThrow("expected the half terms of 2025/26 one after another");
});
