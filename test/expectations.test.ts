import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { dataFolders } from "../ingest/lake.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { built, drop, makeProject, mark, marksFile, quietly } from "./project.ts";

const EXPECTATIONS = "URN,School year,Kind,Measure,Percent,Stated on,Source";
const SIMILAR = "URN,School year,Similar school,Similar URN,Attendance percent,Persistent absence percent";

function lines(...all: string[]): string {
  return `${all.join("\n")}\n`;
}

/** What the lake has of a table, as texts, in the order of its loads and rows. */
async function inLake(project: Project, table: string, columns: string): Promise<string[]> {
  const files = path.join(dataFolders(project).lake, table, "**", "*.parquet");
  if (!fs.existsSync(path.join(dataFolders(project).lake, table))) return [];
  return withDuckDB({}, async (db) => {
    const found = await rows(
      db,
      `select concat_ws(' | ', ${columns}) as told
      from read_parquet(${quote(files)}, hive_partitioning = true, union_by_name = true)
      order by load_number, row_number`,
    );
    return found.map(({ told }) => String(told));
  });
}

const stated = (project: Project) =>
  inLake(
    project,
    "expectations",
    "coalesce(school_urn::varchar, 'trust'), school_year, kind, measure, percent, stated_on, source",
  );
const listed = (project: Project) =>
  inLake(
    project,
    "similar_schools",
    "school_urn, school_year, similar_school, similar_urn, percent_attendance, percent_persistent",
  );
const setAside = (project: Project) => inLake(project, "quarantine", "row_number, school_urn, rule");

function withSpecial(project: Project): Project {
  const file = path.join(project.dir, "rollbook.yaml");
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("phase: Secondary", "phase: Special"));
  return readProject(project.dir);
}

describe("expectations typed from paper", () => {
  test("are known by their columns, whatever the file is called, and taken in a row each", async () => {
    const project = makeProject({
      "from the head.csv": lines(
        EXPECTATIONS,
        "999001,2025/26,baseline improvement expectation,attendance,95.25,2025-11-20,Report of 20 November",
        "999002,2025-26,ABIE,Attendance,94.1%,2025-11-20,",
        "999002,2025/2026,Target,Persistent absence,18 %,2025-09-01,",
        ",202526,target,severe absence,2,2025-09-01,Board",
      ),
    });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([
      { format: "expectations", rows_read: 4, rows_accepted: 4, rows_quarantined: 0, rows_duplicate: 0 },
    ]);
    expect(await stated(project)).toEqual([
      "999001 | 2025/26 | baseline improvement expectation | percent_attendance | 95.25 | 2025-11-20 | Report of 20 November",
      "999002 | 2025/26 | baseline improvement expectation | percent_attendance | 94.10 | 2025-11-20",
      "999002 | 2025/26 | target | percent_persistent | 18.00 | 2025-09-01",
      "trust | 2025/26 | target | percent_severe | 2.00 | 2025-09-01 | Board",
    ]);
  });

  test("may have other headings, in any order, below a title", async () => {
    const project = makeProject({
      "targets.csv": lines(
        "What we are expected to reach",
        "Expected percent,Academic year,SchoolURN,Date stated,Type,Measured",
        "95,2025/26,999001,2025-09-01,Our target,PA",
      ),
    });
    await quietly(project);
    expect(await stated(project)).toEqual(["999001 | 2025/26 | target | percent_persistent | 95.00 | 2025-09-01"]);
  });

  test.each([
    [
      "of a school that is not the trust's",
      "999003,2025/26,target,attendance,95,2025-09-01,",
      "0 | school_not_in_trust",
    ],
    ["whose URN is none", "Oak,2025/26,target,attendance,95,2025-09-01,", "0 | school_not_in_trust"],
    ["of DfE's expectation without a school", ",2025/26,ABIE,attendance,95,2025-09-01,", "0 | no_school_named"],
    [
      "of two years that do not follow",
      "999001,2025/27,target,attendance,95,2025-09-01,",
      "999001 | not_a_school_year",
    ],
    ["of another kind", "999001,2025/26,hope,attendance,95,2025-09-01,", "999001 | unknown_expectation"],
    ["of another measure", "999001,2025/26,target,lateness,95,2025-09-01,", "999001 | unknown_expectation"],
    ["over 100%", "999001,2025/26,target,attendance,100.01,2025-09-01,", "999001 | not_a_percentage"],
    ["below 0%", "999001,2025/26,target,attendance,-1,2025-09-01,", "999001 | not_a_percentage"],
    ["with three decimals", "999001,2025/26,target,attendance,94.555,2025-09-01,", "999001 | not_a_percentage"],
    ["without a percentage", "999001,2025/26,target,attendance,,2025-09-01,", "999001 | not_a_percentage"],
    ["without a date", "999001,2025/26,target,attendance,95,,", "999001 | not_a_date"],
    ["stated on a day to come", "999001,2025/26,target,attendance,95,2026-03-21,", "999001 | not_a_date"],
    [
      "with a UPN beside it",
      "999001,2025/26,target,attendance,95,2025-09-01,V825999924017",
      "999001 | not_a_code_or_group",
    ],
  ])("a row %s is set aside, and the others are taken in", async (_, row, verdict) => {
    const good = ["0", "0.01", "100", "99.99"].map(
      (percent, i) => `999001,202${i}/2${i + 1},target,attendance,${percent},2025-09-01,`,
    );
    const project = makeProject({ "targets.csv": lines(EXPECTATIONS, row, ...good) });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ rows_read: 5, rows_accepted: 4, rows_quarantined: 1, rows_duplicate: 0 }]);
    expect(await setAside(project)).toEqual([`2 | ${verdict}`]);
    expect(await stated(project)).toHaveLength(4);
  });

  test("two rows that contradict each other are both set aside, and a row that is said twice counts once", async () => {
    const project = makeProject({
      "targets.csv": lines(
        EXPECTATIONS,
        "999001,2025/26,target,attendance,95,2025-09-01,",
        "999001,2025/26,target,attendance,96,2025-09-01,",
        ",2025/26,target,attendance,95,2025-09-01,",
        ",2025/26,target,attendance,95.0%,2025-09-01,",
      ),
    });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ rows_read: 4, rows_accepted: 1, rows_quarantined: 2, rows_duplicate: 1 }]);
    expect(await setAside(project)).toEqual(["2 | 999001 | conflicting_rows", "3 | 999001 | conflicting_rows"]);
  });

  test("a later file adds what is new, however short it is, and what it takes back stands again", async () => {
    const row = (percent: string) => `999001,2025/26,target,attendance,${percent},2025-09-01,`;
    const more = Array.from({ length: 20 }, (_, i) => `999002,20${10 + i}/${11 + i},target,attendance,95,2025-09-01,`);
    const project = makeProject({ "a.csv": lines(EXPECTATIONS, row("95"), ...more) });
    await quietly(project);
    drop(project.dir, { "a.csv": lines(EXPECTATIONS, row("96")) });
    expect(await quietly(project)).toMatchObject({ held: [], loads: [{ rows_accepted: 1 }] });
    drop(project.dir, { "a.csv": lines(EXPECTATIONS, row("95"), ...more.slice(1)) });
    expect(await quietly(project)).toMatchObject({ loads: [{ rows_accepted: 1, rows_duplicate: 19 }] });
    expect(
      (await stated(project)).filter((told) => told.startsWith("999001")).map((told) => told.split(" | ")[4]),
    ).toEqual(["95.00", "96.00", "95.00"]);
  });

  test("in a school's folder a row without a URN is that school's, and one of another school is set aside", async () => {
    const project = makeProject({
      "999001/targets.csv": lines(
        EXPECTATIONS,
        ",2025/26,target,attendance,95,2025-09-01,",
        "999002,2025/26,target,attendance,95,2025-09-01,",
      ),
    });
    await quietly(project);
    expect(await stated(project)).toEqual(["999001 | 2025/26 | target | percent_attendance | 95.00 | 2025-09-01"]);
    expect(await setAside(project)).toEqual(["3 | 0 | school_not_in_trust"]);
  });

  test.each([
    ["the file proves them day first", "", "20/11/2025", "2025-11-20"],
    ["rollbook.yaml declares them day first", "dates: dd/mm/yyyy", "01/11/2025", "2025-11-01"],
  ])("dates are read where %s", async (_, declared, written, day) => {
    const project = makeProject(
      { "t.csv": lines(EXPECTATIONS, `999001,2025/26,target,attendance,95,${written},`) },
      declared,
    );
    await quietly(project);
    expect((await stated(project)).map((told) => told.split(" | ")[5])).toEqual([day]);
  });

  test("a file of which no date can be read for certain is refused, and no value is repeated", async () => {
    const project = makeProject({
      "t.csv": lines(
        EXPECTATIONS,
        "999001,2025/26,target,attendance,95.75,01/11/2025,",
        "999002,2025/26,target,attendance,95.75,02/11/2025,",
      ),
    });
    await expect(quietly(project)).rejects.toThrow(
      /^t\.csv, row 2, column "Stated on" \(and 1 more row\): expected a date like 2025-09-01 [^;]*; (?!.*(95|\/11\/)).*"dates" in rollbook\.yaml/,
    );
  });

  test("a column that could be two fields is named", async () => {
    const project = makeProject({
      "t.csv": lines(`${EXPECTATIONS},Date`, "999001,2025/26,target,attendance,95,2025-09-01,,2025-09-02"),
    });
    await expect(quietly(project)).rejects.toThrow(
      "t.csv, row 1: expected one column to choose from, found Stated on and Date",
    );
  });

  test("DfE's expectation of a special school is loaded and to be looked at, its own target is not", async () => {
    const project = withSpecial(
      makeProject({
        "t.csv": lines(
          EXPECTATIONS,
          "999002,2025/26,ABIE,attendance,90,2025-09-01,",
          "999002,2025/26,target,attendance,90,2025-09-01,",
        ),
      }),
    );
    expect(await quietly(project)).toMatchObject({ loads: [{ rows_accepted: 2 }] });
    expect(await inLake(project, "doubts", "row_number, school_urn, rule")).toEqual([
      "2 | 999002 | not_a_mainstream_school",
    ]);
  });
});

describe("lists of similar schools", () => {
  test("are taken in a school a row, of which URN and persistent absence may be missing", async () => {
    const project = makeProject({
      "report.csv": lines(
        SIMILAR,
        "999001,2024/25,Ash Primary,999101,95.2%,12.5",
        "999001,2024/25,Birch Primary,,94.1,",
      ),
      "other.csv": lines(
        "School URN,Academic year,Name of similar school,Attendance rate",
        "999002,2024/25,Ash High,92",
      ),
    });
    const { loads } = await quietly(project);
    expect(loads.map(({ format, rows_accepted }) => [format, rows_accepted])).toEqual([
      ["similar_schools", 1],
      ["similar_schools", 2],
    ]);
    expect(await listed(project)).toEqual([
      "999002 | 2024/25 | Ash High | 92.00",
      "999001 | 2024/25 | Ash Primary | 999101 | 95.20 | 12.50",
      "999001 | 2024/25 | Birch Primary | 94.10",
    ]);
  });

  test.each([
    ["of a school that is not the trust's", "999003,2024/25,Ash,,95,", "0 | school_not_in_trust"],
    ["of no school", ",2024/25,Ash,,95,", "0 | no_school_named"],
    ["without a name", "999001,2024/25,,999101,95,", "999001 | not_a_similar_school"],
    ["with a URN that is none", "999001,2024/25,Ash,12345,95,", "999001 | not_a_similar_school"],
    ["of the school itself", "999001,2024/25,Oak,999001,95,", "999001 | not_a_similar_school"],
    ["without attendance", "999001,2024/25,Ash,,,12", "999001 | not_a_percentage"],
    ["with persistent absence that is no percentage", "999001,2024/25,Ash,,95,low", "999001 | not_a_percentage"],
  ])("a row %s is set aside", async (_, row, verdict) => {
    const project = makeProject({ "report.csv": lines(SIMILAR, row, "999001,2024/25,Birch,,94,13") });
    expect(await quietly(project)).toMatchObject({
      loads: [{ rows_read: 2, rows_accepted: 1, rows_quarantined: 1, rows_duplicate: 0 }],
    });
    expect(await setAside(project)).toEqual([`2 | ${verdict}`]);
  });

  test("two schools of one name are told apart by URN, and one told twice with other figures is set aside", async () => {
    const project = makeProject({
      "report.csv": lines(
        SIMILAR,
        "999001,2024/25,St Ann,999101,95,",
        "999001,2024/25,St Ann,999102,94,",
        "999001,2024/25,Birch,,93,",
        "999001,2024/25,birch,,92,",
      ),
    });
    await quietly(project);
    expect(await setAside(project)).toEqual(["4 | 999001 | conflicting_rows", "5 | 999001 | conflicting_rows"]);
  });

  test("a list that says just what stands says nothing new; one that leaves a school out is taken in whole", async () => {
    const [ash, birch] = ["999001,2024/25,Ash,,95,12", "999001,2024/25,Birch,,94,13"];
    const project = makeProject({ "report.csv": lines(SIMILAR, ash, birch) });
    await quietly(project);
    drop(project.dir, { "report.csv": lines(SIMILAR, birch, ash) });
    expect(await quietly(project)).toMatchObject({ held: [], loads: [{ rows_accepted: 0, rows_duplicate: 2 }] });
    drop(project.dir, { "report.csv": lines(SIMILAR, ash) });
    expect(await quietly(project)).toMatchObject({ held: [], loads: [{ rows_accepted: 1, rows_duplicate: 0 }] });
    drop(project.dir, { "report.csv": lines(SIMILAR, ash, birch) });
    expect(await quietly(project)).toMatchObject({ held: [], loads: [{ rows_accepted: 2, rows_duplicate: 0 }] });
  });
});

test("what is on paper stands beside the register's figures in the warehouse", async () => {
  const morning = (urn: string, date: string, code: string) => mark({ urn, date, mark: code });
  const project = makeProject({
    "marks.csv": marksFile(
      ...["2025-10-06", "2025-10-07", "2025-10-08"].map((date) => morning("999001", date, "/")),
      morning("999001", "2025-10-09", "I"),
    ),
    "targets.csv": lines(EXPECTATIONS, "999001,2025/26,target,attendance,95,2025-09-01,"),
    "report.csv": lines(SIMILAR, "999001,2024/25,Ash,,95,12"),
  });
  await quietly(project);
  // one pupil is too few for a figure of DfE's, and there are no marks of 2024/25
  expect(
    await built(
      project,
      `select e.percent_expected, e.why_no_pace, s.percent_attendance_median, s.why_no_rank
      from marts.expectations as e join marts.similar_schools as s on e.school_urn = s.school_urn`,
    ),
  ).toEqual([
    {
      percent_expected: 95,
      why_no_pace: "no figures of the year",
      percent_attendance_median: 95,
      why_no_rank: "no figures of the year",
    },
  ]);
});
