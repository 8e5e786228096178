import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { dataFolders } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { built, drop, inUse, makeProject, mark, marksFile, PUPILS_HEADER, quietly } from "./project.ts";

const marksInWarehouse = "select session_date::varchar as d, session as s, code from raw.marks order by all";

test("every row read is accepted, quarantined or a duplicate", async () => {
  const project = makeProject({
    "autumn.csv": marksFile(
      mark({}),
      mark({}),
      mark({ session: "PM", mark: "\\" }),
      mark({ date: "2025-10-07", mark: "I" }),
      mark({ date: "2025-10-07", mark: "O" }),
      mark({ date: "2025-10-08", mark: "J" }),
    ),
  });
  const { loads } = await quietly(project);
  expect(loads).toMatchObject([{ rows_read: 6, rows_accepted: 2, rows_quarantined: 3, rows_duplicate: 1 }]);
  expect(
    await built(
      project,
      "select rule, array_agg(row_number order by row_number)::varchar as at_rows from raw.quarantine group by all order by all",
    ),
  ).toEqual([
    { rule: "code_not_in_force", at_rows: "[7]" },
    { rule: "conflicting_marks", at_rows: "[5, 6]" },
  ]);
});

test("loading the same folder again changes nothing and says so", async () => {
  const project = makeProject({ "autumn.csv": marksFile(mark({})) });
  await quietly(project);
  const before = snapshot(project.data);
  expect(await quietly(project)).toEqual({ loads: [], unchanged: 1, held: [], left: [] });
  expect(snapshot(project.data)).toEqual(before);
});

test("the same rows in other bytes are duplicates", async () => {
  const text = marksFile(mark({}), mark({ session: "PM", mark: "\\" }));
  const project = makeProject({ "a.csv": text });
  await quietly(project);
  drop(project.dir, { "b.csv": text.replaceAll("\n", "\r\n") });
  const { loads } = await quietly(project);
  expect(loads).toMatchObject([{ rows_read: 2, rows_accepted: 0, rows_duplicate: 2 }]);
});

test("a corrected mark stands, and an older file that arrives later does not undo it", async () => {
  const project = makeProject({ "corrected.csv": marksFile(mark({ mark: "I", modified: "2025-10-08T10:00:00Z" })) });
  await quietly(project);
  drop(project.dir, { "first.csv": marksFile(mark({ mark: "N" })) });
  await quietly(project);
  expect(await built(project, "select code from staging.session_marks")).toEqual([{ code: "I" }]);
  expect(await inUse(project, "select code from raw.marks order by code")).toEqual([{ code: "I" }, { code: "N" }]);
});

test("without a time of change the file that arrives later stands, also when it goes back to an earlier mark", async () => {
  const rows = (code: string) => `SchoolURN,UPN,Date,Session,Mark\n999001,V825999924017,2025-10-06,AM,${code}\n`;
  const project = makeProject({ "1.csv": rows("N") });
  await quietly(project);
  drop(project.dir, { "2.csv": rows("I") });
  await quietly(project);
  drop(project.dir, { "3.csv": `${rows("N")}\n` });
  const { loads } = await quietly(project);
  expect(loads).toMatchObject([{ rows_read: 1, rows_accepted: 1 }]);
  expect(await built(project, "select code from staging.session_marks")).toEqual([{ code: "N" }]);
});

test("columns are found by name, whatever their order and spelling", async () => {
  const project = makeProject(
    {
      "export.txt": "Mark,am/pm,Unique Pupil Number,Mark Date,URN\n\\,pm,v825999924017,06/10/2025,999001\n",
    },
    "dates: dd/mm/yyyy\n",
  );
  await quietly(project);
  expect(await built(project, marksInWarehouse)).toEqual([{ d: "2025-10-06", s: "PM", code: "\\" }]);
});

test.each([
  ["CRLF", "\r\n"],
  ["CR", "\r"],
  ["LF", "\n"],
])("a byte-order mark and %s line endings lose no row", async (_, ending) => {
  const text = marksFile(mark({}), mark({ session: "PM", mark: "\\" }), mark({ date: "2025-10-07", mark: '"/"' }));
  const project = makeProject({ "a.csv": `\uFEFF${text.replaceAll("\n", ending)}` });
  expect((await quietly(project)).loads).toMatchObject([{ rows_read: 3, rows_accepted: 3 }]);
});

test("a blank mark and a double dash are the missing mark, never an absence", async () => {
  const project = makeProject({
    "a.csv": marksFile(mark({ mark: "" }), mark({ session: "PM", mark: "--" }), mark({ date: "2025-10-07" })),
  });
  await quietly(project);
  expect(
    await built(
      project,
      "select sessions_possible::integer as possible, sessions_absent::integer as absent from marts.pupil_attendance where period_type = 'year'",
    ),
  ).toEqual([{ possible: 1, absent: 0 }]);
});

test("a pupil is known by a key that cannot be found from the UPN, the same in marks and pupils", async () => {
  const project = makeProject({
    "marks.csv": marksFile(mark({})),
    "pupils.csv": `${PUPILS_HEADER}\n999001,V825999924017,Year  5,2021-09-06,,true,2026-03-20\n`,
  });
  await quietly(project);
  expect(
    await built(
      project,
      "select year_group, pupils::integer as pupils from marts.school_attendance where period_type = 'year' and school_urn = 999001 and breakdown in ('all', 'year_group') order by all",
    ),
  ).toEqual([
    { year_group: "5", pupils: 1 },
    { year_group: null, pupils: 1 },
  ]);
  const secret = path.join(project.data, "pupil-key");
  expect(fs.statSync(secret).mode & 0o777).toBe(0o600);
  const { lake, warehouse } = dataFolders(project);
  for (const file of [...files(lake), ...files(warehouse)]) {
    expect(fs.readFileSync(file).includes("V825999924017"), path.extname(file)).toBe(false);
  }
});

test("a mark without a time of change gives way to one with, in a file that times its changes", async () => {
  const project = makeProject({
    "a.csv": marksFile(mark({ mark: "N", modified: "" }), mark({ mark: "I", modified: "2025-10-08T09:00:00Z" })),
  });
  await quietly(project);
  expect(await built(project, "select code from staging.session_marks")).toEqual([{ code: "I" }]);
});

test("a register put back to the bytes it had before is read again", async () => {
  const rows = (code: string) => ({
    "register.csv": `SchoolURN,UPN,Date,Session,Mark\n999001,V825999924017,2025-10-06,AM,${code}\n`,
  });
  const project = makeProject(rows("/"));
  await quietly(project);
  for (const code of ["I", "/"]) {
    drop(project.dir, rows(code));
    expect((await quietly(project)).loads).toMatchObject([{ rows_accepted: 1 }]);
  }
  expect(await built(project, "select code from staging.session_marks")).toEqual([{ code: "/" }]);
});

test("a file that a spreadsheet saved, with its dates and times, is read where rollbook.yaml says so", async () => {
  const row = mark({ modified: "06/10/2025 09:06" }).replace("2025-10-06", "06/10/2025").replace("false", "FALSE");
  const project = makeProject({ "a.csv": `\uFEFF${marksFile(row).replaceAll("\n", "\r\n")}` }, "dates: dd/mm/yyyy\n");
  await quietly(project);
  expect(await built(project, "select known_at::varchar as known_at from raw.marks")).toEqual([
    { known_at: "2025-10-06 09:06:00" },
  ]);
});

test("empty lines at the end of a file are no rows", async () => {
  const project = makeProject({ "a.csv": `${marksFile(mark({}))}\n\n` });
  expect((await quietly(project)).loads).toMatchObject([{ rows_read: 1 }]);
});

test("with a pupil key that was lost or changed nothing is loaded, since every pupil would count twice", async () => {
  const project = makeProject({ "a.csv": marksFile(mark({})) });
  await quietly(project);
  drop(project.dir, { "b.csv": marksFile(mark({ session: "PM", mark: "\\" })) });
  const secret = path.join(project.data, "pupil-key");
  for (const wrong of [null, Buffer.alloc(0), Buffer.alloc(32, 7)]) {
    if (wrong) fs.writeFileSync(secret, wrong);
    else fs.rmSync(secret);
    await expect(quietly(project)).rejects.toThrow(/pupil-key is not the key that this data was loaded with/);
  }
});

test("rows that were accepted and are not in the lake stop the build", async () => {
  const project = makeProject({
    "1.csv": marksFile(mark({})),
    "2.csv": marksFile(mark({ session: "PM" }), mark({ date: "2025-10-07" })),
  });
  await quietly(project);
  const [first, second] = files(path.join(dataFolders(project).lake, "marks")).sort();
  fs.copyFileSync(first as string, second as string);
  await expect(built(project, marksInWarehouse)).rejects.toThrow(
    "The lake does not hold what the ledger says: load 1 has 2 rows of marks, not 1",
  );
});

test("a year that has marks but no calendar stops the build", async () => {
  const project = makeProject({ "a.csv": marksFile(mark({}), mark({ date: "2024-10-07" })) });
  await quietly(project);
  const calendars = project.calendars.filter((calendar) => calendar.school_year === "2025/26");
  await expect(built({ ...project, calendars }, marksInWarehouse)).rejects.toThrow(
    "rollbook.yaml has no calendar for 2024/25",
  );
});

test("a file that a crash left in the lake is not read", async () => {
  const project = makeProject({ "a.csv": marksFile(mark({})) });
  await quietly(project);
  const { lake } = dataFolders(project);
  const [part] = files(lake);
  fs.copyFileSync(part as string, path.join(path.dirname(part as string), "orphan.parquet"));
  expect(await built(project, marksInWarehouse)).toHaveLength(1);
});

test("a load that was cut off before its ledger entry is done again whole", async () => {
  const project = makeProject({ "a.csv": marksFile(mark({})) });
  await quietly(project);
  const { ledger } = dataFolders(project);
  for (const entry of fs.readdirSync(ledger))
    fs.renameSync(path.join(ledger, entry), path.join(ledger, `${entry}.draft`));
  expect(readLedger(ledger)).toEqual([]);
  expect((await quietly(project)).loads).toMatchObject([{ rows_accepted: 1 }]);
  expect(await built(project, marksInWarehouse)).toHaveLength(1);
});

test("a late file of one school touches that school's folder of that year, and no other file of marks", async () => {
  const project = makeProject({
    "a.csv": marksFile(mark({}), mark({ date: "2025-06-02" }), mark({ urn: "999002", upn: "G825999924010" })),
  });
  await quietly(project);
  const marks = path.join(dataFolders(project).lake, "marks");
  const before = snapshot(marks);
  expect(Object.keys(before)).toHaveLength(3);
  drop(project.dir, { "late.csv": marksFile(mark({ mark: "I", modified: "2025-10-08T10:00:00Z" })) });
  await quietly(project);
  const after = snapshot(marks);
  expect(after).toMatchObject(before);
  const added = Object.keys(after).filter((file) => !(file in before));
  expect(added.map((file) => path.relative(marks, path.dirname(file)))).toEqual([
    path.join("school_year=2025-26", "school_urn=999001"),
  ]);
});

// --- internal ---

function files(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

function snapshot(folder: string): Record<string, string> {
  return Object.fromEntries(files(folder).map((file) => [file, fs.readFileSync(file, "base64")]));
}
