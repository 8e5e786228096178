import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { type Project, readProject } from "../ingest/project.ts";
import { built, drop, inUse, makeProject, quietly } from "./project.ts";

const UPN = "A825999924017";
const STATED =
  "select status, value, from_on::varchar as f, to_on::varchar as t, known_on::varchar as k from raw.pupil_statuses order by all";
const LOADED_ON = "2026-03-20";

/** The two schools, of which the first is known to other systems by their names for it. */
function makeTrust(files: Record<string, string>): Project {
  const project = makeProject({});
  const file = path.join(project.dir, "rollbook.yaml");
  const text = fs.readFileSync(file, "utf8");
  fs.writeFileSync(file, text.replace("urn: 999001,", 'urn: 999001, laestab: "8259999", known_as: [examplehigh],'));
  drop(project.dir, files);
  return readProject(project.dir);
}

describe("dated statuses are read from", () => {
  test("Arbor's tags, of which those that no figure needs are kept without a name", async () => {
    const project = makeTrust({
      "tags.csv": [
        "STUDENT_UNIQUE_ID,APPLICATION_ID,STUDENT_ID,STUDENT_TAGGING_UNIQUE_ID,TAG_IDENTIFIER,START_DATE,END_DATE",
        "examplehigh_3116,examplehigh,3116,examplehigh_1,FSM,2025-09-01 00:00:00,2025-12-19 00:00:00",
        "examplehigh_3116,examplehigh,3116,examplehigh_2,YOUNG_CARER,2025-10-01,",
        "examplehigh_3116,examplehigh,3116,examplehigh_3,HOUSE_CAPTAIN,2025-10-01,",
        "",
      ].join("\n"),
    });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ format: "arbor_tags", rows_read: 3, rows_accepted: 3, schools: [999001] }]);
    expect(await built(project, STATED)).toEqual([
      { status: "fsm", value: "true", f: "2025-09-01", t: "2025-12-19", k: LOADED_ON },
      { status: "not_used", value: null, f: "2025-10-01", t: null, k: LOADED_ON },
      { status: "young_carer", value: "true", f: "2025-10-01", t: null, k: LOADED_ON },
    ]);
  });

  test.each([
    ["its code for DfE where there is one", "SEN_STATUS_CODE,SEN_STATUS_EXPORT_CODE", "SEN_SUPPORT,K"],
    ["its own code otherwise", "SEN_STATUS_CODE", "SEN_SUPPORT"],
  ])("Arbor's SEN statuses, by %s", async (_, columns, code) => {
    const project = makeTrust({
      "sen.csv": [
        `STUDENT_UNIQUE_ID,APPLICATION_ID,${columns},START_DATE,END_DATE`,
        `examplehigh_3116,examplehigh,${code},2025-09-01,2026-01-31`,
        "",
      ].join("\n"),
    });
    await quietly(project);
    expect(await built(project, STATED)).toEqual([
      { status: "sen_provision", value: "K", f: "2025-09-01", t: "2026-01-31", k: LOADED_ON },
    ]);
  });

  test("a transfer file's histories, known as at its date", async () => {
    const project = makeTrust({ "ctf.xml": transferFile("8259999") });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ format: "ctf", rows_quarantined: 0 }]);
    expect(await built(project, STATED)).toEqual([
      { status: "fsm", value: "true", f: "2023-09-05", t: "2024-03-01", k: "2025-10-05" },
      { status: "fsm", value: "true", f: "2024-09-03", t: null, k: "2025-10-05" },
      { status: "looked_after", value: "false", f: null, t: null, k: "2025-10-05" },
      { status: "sen_provision", value: "K", f: "2024-01-08", t: null, k: "2025-10-05" },
    ]);
    expect(await inUse(project, "select year_group, entered_on, known_on::varchar as k from raw.pupils")).toEqual([
      { year_group: null, entered_on: null, k: "2025-10-05" },
    ]);
  });

  test("Xporter's SEN provisions", async () => {
    const project = makeTrust({
      "999001/sen.csv":
        "Id,StudentId,SENProvisionCode,SENProvisionStartDate,SENProvisionEndDate,Active\n1,9919,E,2025-09-01,,true\n",
    });
    await quietly(project);
    expect(await built(project, STATED)).toEqual([
      { status: "sen_provision", value: "E", f: "2025-09-01", t: null, k: LOADED_ON },
    ]);
  });

  test("the school's own flags, which no system exports", async () => {
    const project = makeTrust({
      "flags.csv": [
        "SchoolURN,UPN,Flag,From,To",
        `999001,${UPN},Long-term medical,2025-09-01,2025-11-30`,
        `999001,${UPN},Young carer,2025-10-01,`,
        `999001,${UPN},Previously known to social care,,`,
        "",
      ].join("\n"),
    });
    await quietly(project);
    expect(
      await built(
        project,
        "select status, value, from_on::varchar as f, to_on::varchar as t, basis from staging.pupil_status order by status",
      ),
    ).toEqual([
      { status: "medical", value: "true", f: "2025-09-01", t: "2025-11-30", basis: "dated" },
      {
        status: "previously_known_to_social_care",
        value: "true",
        f: LOADED_ON,
        t: "9999-12-31",
        basis: "as at extract",
      },
      { status: "young_carer", value: "true", f: "2025-10-01", t: "9999-12-31", basis: "dated" },
    ]);
  });
});

describe("a file of flags is refused, without repeating what stands in it, when", () => {
  const flags = (row: string) => `SchoolURN,UPN,Flag,From,To,Value\n${row}\n`;
  test.each([
    [
      "a flag is not known",
      `999001,${UPN},ZZCANARY,2025-09-01,,`,
      'row 2, column "Flag": expected a status that Rollbook knows',
    ],
    ["a date is none", `999001,${UPN},FSM,ZZCANARY,,`, 'row 2, column "From": expected a date like 2025-09-01'],
    [
      "a value is neither yes nor no",
      `999001,${UPN},FSM,2025-09-01,,ZZCANARY`,
      'row 2, column "Value": expected true or false',
    ],
    ["a pupil is named otherwise", "999001,ZZCANARY,FSM,2025-09-01,,", 'row 2, column "UPN": expected a UPN'],
    ["a school is not the trust's", `999009,${UPN},FSM,2025-09-01,,`, 'row 2, column "SchoolURN": expected a school'],
  ])("%s", async (_, row, message) => {
    const project = makeProject({ "flags.csv": flags(row) });
    const error = await quietly(project).catch((reason: Error) => reason);
    expect(error).toMatchObject({ name: "RollbookError" });
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain("ZZCANARY");
  });
});

test("a status that ends before it begins is set aside, and the file is read", async () => {
  const project = makeProject({
    "flags.csv": `SchoolURN,UPN,Flag,From,To\n999001,${UPN},EAL,2025-09-02,2025-09-01\n999001,${UPN},EAL,2025-09-02,\n`,
  });
  const { loads } = await quietly(project);
  expect(loads).toMatchObject([{ rows_read: 2, rows_accepted: 1, rows_quarantined: 1 }]);
  expect(await built(project, "select rule, row_number as row from raw.quarantine")).toEqual([
    { rule: "left_before_entry", row: 2 },
  ]);
});

test("statuses and enrolments that are told again are duplicates", async () => {
  const enrolments = [
    "STUDENT_UNIQUE_ID,APPLICATION_ID,START_DATE,END_DATE,CURRENTLY_ON_ROLL",
    "examplehigh_1,examplehigh,2025-09-01,2025-12-19,FALSE",
    "examplehigh_1,examplehigh,2026-01-05,,TRUE",
  ];
  const tags = [
    "STUDENT_UNIQUE_ID,APPLICATION_ID,TAG_IDENTIFIER,START_DATE,END_DATE",
    "examplehigh_1,examplehigh,FSM,2025-09-01,",
  ];
  const project = makeTrust({ "enrolments.csv": lines(enrolments), "tags.csv": lines(tags) });
  await quietly(project);
  drop(project.dir, {
    "enrolments again.csv": lines([...enrolments, "examplehigh_2,examplehigh,2025-09-01,,TRUE"]),
    "tags again.csv": lines([...tags, "examplehigh_1,examplehigh,EAL,2025-09-01,", ...tags.slice(1)]),
  });
  const { loads } = await quietly(project);
  expect(loads).toMatchObject([
    { format: "arbor_enrolments", rows_read: 3, rows_accepted: 1, rows_duplicate: 2 },
    { format: "arbor_tags", rows_read: 3, rows_accepted: 1, rows_duplicate: 2 },
  ]);
  expect(
    await built(project, "select entered_on::varchar as f, left_on::varchar as t from raw.enrolments order by all"),
  ).toEqual([
    { f: "2025-09-01", t: "2025-12-19" },
    { f: "2025-09-01", t: null },
    { f: "2026-01-05", t: null },
  ]);
});

test("marks of a school that is not the trust's, in a pupil's transfer file, are set aside and the rest is read", async () => {
  const project = makeTrust({ "ctf.xml": transferFile("8251111") });
  const { loads } = await quietly(project);
  expect(loads).toMatchObject([{ rows_quarantined: 4 }]);
  expect(await built(project, "select distinct rule from raw.quarantine")).toEqual([{ rule: "school_not_in_trust" }]);
  expect(await inUse(project, "select count(*)::integer as n from raw.pupil_statuses")).toEqual([{ n: 4 }]);
});

describe("the register of England's schools", () => {
  const gias = (name: string) =>
    Buffer.from(
      lines([
        "URN,LA (code),LA (name),EstablishmentNumber,EstablishmentName,OpenDate,CloseDate,PhaseOfEducation (name),Trusts (name),GOR (name),GSSLACode (name)",
        `999001,825,Example LA,9999,${name},01-09-2012,,Secondary,Example Learning Trust,South East,E06000060`,
        "888001,825,Example LA,4000,An Earlier School,01/04/1999,31-08-2012,Secondary,,South East,E06000060",
      ]),
      "latin1",
    );
  const schools =
    "select school_urn as urn, school_name as name, la_number || establishment_number as laestab, phase, trust_name as trust, opened_on::varchar as f, closed_on::varchar as t from raw.establishments order by load_number, urn desc";

  test("is read whole, whatever its dates and letters are written like", async () => {
    const project = makeProject({ "edubase.csv": gias("École High School") });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ format: "gias", rows_accepted: 2, schools: [999001], encoding: "Windows-1252" }]);
    expect(await built(project, schools)).toEqual([
      {
        urn: 999001,
        name: "École High School",
        laestab: "8259999",
        phase: "Secondary",
        trust: "Example Learning Trust",
        f: "2012-09-01",
        t: null,
      },
      {
        urn: 888001,
        name: "An Earlier School",
        laestab: "8254000",
        phase: "Secondary",
        trust: null,
        f: "1999-04-01",
        t: "2012-08-31",
      },
    ]);
  });

  test("adds only what a later edition changes", async () => {
    const project = makeProject({ "edubase 1.csv": gias("École High School") });
    await quietly(project);
    drop(project.dir, { "edubase 2.csv": gias("École Academy") });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ rows_accepted: 1, rows_duplicate: 1 }]);
  });
});

function lines(rows: string[]): string {
  return `${rows.join("\n")}\n`;
}

/** A transfer file of one pupil with marks of two days at a school. */
function transferFile(laestabOfMarks: string): string {
  return `<CTfile><Header><DocumentName>Common Transfer File</DocumentName><CTFversion>25.0</CTFversion>
    <DateTime>2025-10-05T04:26:45</DateTime><SourceSchool><LEA>825</LEA><Estab>9999</Estab></SourceSchool></Header>
    <CTFpupilData><Pupil><UPN>${UPN}</UPN><Surname>ZZCANARY</Surname><DOB>2014-02-11</DOB><Sex>F</Sex>
      <LookedAfter><InCare>false</InCare></LookedAfter>
      <FSMhistory><FSMreviewDate>2027-03-31</FSMreviewDate>
        <FSMinstance><FSMstartDate>2023-09-05</FSMstartDate><FSMendDate>2024-03-01</FSMendDate></FSMinstance>
        <FSMinstance><FSMstartDate>2024-09-03</FSMstartDate><UKcountry>ENG</UKcountry></FSMinstance></FSMhistory>
      <SENhistory><SEN><StartDate>2024-01-08</StartDate><SENprovision>K</SENprovision></SEN></SENhistory>
      <Attendance><YearData><Year>2026</Year><LEA>${laestabOfMarks.slice(0, 3)}</LEA><Estab>${laestabOfMarks.slice(3)}</Estab>
        <AttendSessions><AttendanceStartDate>2025-09-08</AttendanceStartDate>
          <AttendanceMarks>/,\\,I,I</AttendanceMarks></AttendSessions></YearData></Attendance>
    </Pupil></CTFpupilData></CTfile>`;
}
