import { expect, test } from "vitest";
import { type Explanation, explain, explanationText, type FigureRequest } from "../commands/explain.ts";
import { quote } from "../ingest/duckdb.ts";
import { dataFolders } from "../ingest/lake.ts";
import type { Project } from "../ingest/project.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { rollbook } from "./command.ts";
import { built, drop, inUse, makeProject, mark, marksFile, PUPILS_HEADER, quietly } from "./project.ts";

const PUPILS = ["A825999924017", "B825999924017", "C825999924017", "D825999924017", "E825999924017", "F825999924017"];
const DAYS = ["2024-09-09", "2025-09-08", "2025-10-06", "2025-11-10", "2026-01-12", "2026-03-16"];

/** The first pupil misses mornings, the second one session of the autumn; one pupil more is at Elm. */
const register = marksFile(
  ...PUPILS.flatMap((upn, i) =>
    DAYS.flatMap((date) => [
      mark({ upn, date, mark: i === 0 ? "O" : i === 1 && date === "2025-11-10" ? "I" : "/" }),
      mark({ upn, date, session: "PM", mark: "\\" }),
    ]),
  ),
  ...DAYS.map((date) => mark({ urn: "999002", upn: "R674123101121", date, mark: "L" })),
);
const pupils = `${PUPILS_HEADER}\n${PUPILS.map((upn, i) => `999001,${upn},${i < 2 ? 4 : 5},2021-09-06,,false,2026-01-05`).join("\n")}\n`;

const ASKED: (FigureRequest & { rule: string })[] = [
  {
    mart: "school_attendance",
    school: 999001,
    measure: "persistent",
    period: "2025/26",
    rule: "persistent: 10% or more",
  },
  {
    mart: "marts.school_attendance",
    school: 999001,
    measure: "severe",
    period: "2024/25",
    rule: "severe: 50% or more",
  },
  { mart: "school_attendance", measure: "attendance", period: "autumn 1", rule: "attended: / B K L P V W \\" },
  {
    mart: "school_attendance",
    school: 999002,
    measure: "percent_absence",
    period: "autumn",
    basis: "everyone on roll",
    rule: "unauthorised absence: G N O U",
  },
  {
    mart: "school_attendance",
    school: 999001,
    measure: "sessions_unauthorised",
    period: "to week 12",
    periodType: "year_to_date",
    rule: "unauthorised absence: G N O U",
  },
  {
    mart: "school_attendance",
    school: 999001,
    measure: "attendance",
    period: "2025/26",
    breakdown: "year_group",
    group: "4",
    rule: "youngest_age: 5",
  },
  {
    mart: "school_attendance",
    measure: "persistent",
    period: "2025/26",
    breakdown: "phase",
    group: "Primary",
    rule: "oldest_age: 15",
  },
  {
    mart: "school_attendance",
    measure: "attendance",
    period: "to week 12",
    periodType: "year_to_date",
    schoolYear: "2024/25",
    rule: "attended: / B K L P V W \\",
  },
];

test("a figure is that of the mart to the last digit, and what was counted adds up to it", async () => {
  const project = await ready();
  for (const { rule, ...asked } of ASKED) {
    const explained = await ask(project, asked);
    const { figure, counted } = explained;
    const [expected] = await inUse(
      project,
      `select * from marts.school_attendance
      where school_urn is not distinct from ${asked.school ?? "null"} and period = ${quote(asked.period)}
        and period_type = ${quote(figure.period_type)} and school_year = ${quote(asked.schoolYear ?? (/^20/.test(asked.period) ? asked.period : "2025/26"))}
        and basis = ${quote(asked.basis ?? "as DfE publishes")} and breakdown = ${quote(asked.breakdown ?? "all")}
        and group_name is not distinct from ${asked.group ? quote(asked.group) : "null"}`,
    );
    expect(expected).toBeDefined();
    const column = asked.measure.includes("_") ? asked.measure : `percent_${asked.measure}`;
    expect(figure.value, column).toBe(Number(expected?.[column]));
    if (figure.denominator !== null) expect((100 * (figure.numerator ?? 0)) / figure.denominator).toBe(figure.value);
    for (const [what, number] of Object.entries(counted)) expect(number, what).toBe(Number(expected?.[what]));
    expect(explained.rules.map(({ says }) => says).join("\n")).toContain(rule);
    for (const { source } of explained.rules) expect(source).toMatch(/DfE|ours/i);
  }
});

test("bands and England's values have their own rules", async () => {
  const project = await ready();
  const band = await ask(project, {
    mart: "attendance_bands",
    school: 999001,
    measure: "pupils",
    period: "2025/26",
    group: "50+",
  });
  expect(band.figure).toMatchObject({ numerator: 1, denominator: 6 });
  expect(band.rules[0]).toMatchObject({
    table: "rules.absence_bands",
    says: expect.stringContaining("exactly 50% missed"),
  });
  const england = await ask(project, {
    mart: "three_year_trends",
    school: 999001,
    measure: "attendance_of_england",
    period: "2024/25",
  });
  expect(england.rules).toMatchObject([
    { table: "rules.published_figures", says: `Primary: ${england.figure.value}% (accredited, full year)` },
  ]);
});

test("the way back goes through every file that the figure is made of, to the files that were loaded and what they told", async () => {
  const project = await ready();
  drop(project.dir, {
    "late.csv": marksFile(mark({ upn: PUPILS[0], date: "2025-10-06", mark: "I", modified: "2026-03-19T09:00:00Z" })),
  });
  await quietly(project);
  await built(project, "from marts.trust");
  const { path, loads, ...rest } = await ask(project, {
    mart: "school_attendance",
    school: 999001,
    measure: "absence",
    period: "autumn 1",
  });

  const names = path.map(({ name }) => name);
  expect(names[0]).toBe("marts.school_attendance");
  for (const { name, reads } of path) {
    for (const input of reads)
      expect(names.indexOf(input), `${input}, which ${name} reads`).toBeGreaterThan(names.indexOf(name));
  }
  expect(names).toEqual(
    expect.arrayContaining(["staging.session_marks", "raw.marks", "raw.pupils", "rules.register_codes"]),
  );
  const rowsOf = Object.fromEntries(path.map(({ name, rows }) => [name, rows]));
  // six pupils with two sessions of two days, and one statement more
  expect(rowsOf).toMatchObject({ "raw.marks": 25, "marts.pupil_attendance": 6, "staging.session_marks": null });

  expect(loads).toEqual([
    {
      load_number: 1,
      file: "pupils of (UPN).csv",
      loaded_at: expect.any(String),
      marks: 0,
      marks_superseded: 0,
      pupil_rows: 6,
    },
    {
      load_number: 2,
      file: "register.csv",
      loaded_at: expect.any(String),
      marks: 24,
      marks_superseded: 1,
      pupil_rows: 0,
    },
    { load_number: 3, file: "late.csv", loaded_at: expect.any(String), marks: 1, marks_superseded: 0, pupil_rows: 0 },
  ]);
  expect(rest).toMatchObject({
    school_name: "Oak",
    as_at: "2026-03-20",
    starts_on: "2025-08-01",
    ends_on: "2025-11-02",
  });

  const told = explanationText({ path, loads, ...rest });
  expect(told).toMatch(
    /^percent_absence of Oak \(999001\), half_term autumn 1 of 2025\/26, as DfE publishes\n {2}100 × 2 ÷ 24 = 8\.33/,
  );
  for (const { file } of path) expect(told).toContain(file ?? "");
  const keys = await inUse(project, "select distinct pupil_key from raw.marks");
  for (const text of [...keys.map(({ pupil_key }) => String(pupil_key)), ...PUPILS]) {
    expect(JSON.stringify(rest) + told).not.toContain(text);
  }
});

test("what is not there is said with what is, and what is not clear with how to say it", async () => {
  const project = await ready();
  const usual: FigureRequest = { mart: "school_attendance", school: 999001, measure: "attendance", period: "2025/26" };
  const cases: [Partial<FigureRequest>, string | RegExp][] = [
    [
      { mart: "pupil_attendance" },
      "They are in: marts.attendance_bands, marts.school_attendance, marts.three_year_trends",
    ],
    [{ school: 999003 }, "The trust has no school of that URN. It has: 999001 Oak, 999002 Elm"],
    [{ measure: "punctuality" }, /^No figure has that measure\. There is: percent_absence, .*percent_severe/],
    [{ period: "2019/20" }, /^No figure has that period\. There is: .*2025\/26/],
    [{ period: "autumn", schoolYear: "2021/22" }, /^No figure has that school year\. There is: .*2025\/26$/],
    [{ periodType: "term" }, "No figure has that period type. There is: year"],
    [{ basis: "all" }, "No figure has that basis. There is: as DfE publishes, everyone on roll"],
    [{ breakdown: "class" }, /^No figure has that breakdown\. There is: all, /],
    [{ breakdown: "year_group", group: "13" }, "No figure has that group. There is: 4, 5"],
    [{ breakdown: "year_group" }, "2 figures fit. Say which: --group is one of 4, 5"],
    [{ period: "to week 12" }, "2 figures fit. Say which: --period-type is one of last_five_weeks, year_to_date"],
  ];
  for (const [asked, message] of cases) await expect(ask(project, { ...usual, ...asked })).rejects.toThrow(message);
});

test("on the command line explain prints text or one JSON object, and what was not asked rightly ends with its code", async () => {
  const project = await ready();
  const say = (...words: string[]) => rollbook("explain", ...words, "--project", project.dir);
  const asked = ["school_attendance", "--school", "999001", "--measure", "persistent", "--period", "2025/26"];
  const text = await say(...asked);
  expect(text).toMatchObject({ code: 0, stderr: "" });
  expect(text.stdout).toMatch(
    /^percent_persistent of Oak \(999001\), year 2025\/26, as DfE publishes\n {2}100 × 2 ÷ 6 = 33\.33/,
  );
  const unknown = await say(...asked.slice(0, -1), "1066", "--json");
  expect(unknown.code).toBe(1);
  expect(JSON.parse(unknown.stdout)).toMatchObject({
    error: expect.stringMatching(/^No figure has that period/),
    exit_code: 1,
  });
  expect(await say("school_attendance", "--measure", "persistent")).toMatchObject({ code: 2, stdout: "" });
});

/** A project that has been ingested and built. A file's name says whose it is, as names of files do. */
async function ready(): Promise<Project> {
  const project = makeProject({ [`pupils of ${PUPILS[0]}.csv`]: pupils, "register.csv": register });
  await quietly(project);
  await built(project, "from marts.trust");
  return project;
}

function ask(project: Project, asked: FigureRequest): Promise<Explanation> {
  return explain(warehouseInUse(dataFolders(project).warehouse).path, asked);
}
