import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { type Project, readProject, schoolYearsOf } from "../ingest/project.ts";
import { readRules } from "../models/rules.ts";
import { built, drop, inUse, mark, marksFile, PUPILS_HEADER, quietly } from "./project.ts";

const HALF_TERMS =
  "{ autumn 1: [2025-09-02, 2025-10-24], autumn 2: [2025-11-03, 2025-12-19], spring 1: [2026-01-05, 2026-02-13], spring 2: [2026-02-23, 2026-04-02], summer 1: [2026-04-20, 2026-05-22], summer 2: [2026-06-01, 2026-07-20] }";
const OTHER_HALF_TERMS = HALF_TERMS.replace("2025-10-24", "2025-10-17").replace("2025-11-03", "2025-10-27");

const HELD = "select school_urn, half_term, starts_on::varchar as s, ends_on::varchar as e, is_derived";

test("each school keeps the calendar that names it, with its own half terms, closures and INSET days", async () => {
  const project = makeTrust(
    `calendars:
  - { school_year: 2025/26, half_terms: ${HALF_TERMS}, closed: [2026-05-04] }
  - { school_year: 2025/26, schools: [999002], half_terms: ${OTHER_HALF_TERMS}, inset: [2025-10-27] }`,
    { "a.csv": marksFile(...marks(["2025-10-06"], "999001"), ...marks(["2025-10-06"], "999002")) },
  );
  await quietly(project);
  expect(await built(project, `${HELD} from staging.half_terms where half_term = 'autumn 1' order by all`)).toEqual([
    { school_urn: 999001, half_term: "autumn 1", s: "2025-09-02", e: "2025-10-24", is_derived: false },
    { school_urn: 999002, half_term: "autumn 1", s: "2025-09-02", e: "2025-10-17", is_derived: false },
  ]);
  expect(
    await inUse(
      project,
      "select school_urn, closed_on::varchar as c, kind, is_derived from staging.closed_days order by 1",
    ),
  ).toEqual([
    { school_urn: 999001, c: "2026-05-04", kind: "closed", is_derived: false },
    { school_urn: 999002, c: "2025-10-27", kind: "inset", is_derived: false },
  ]);
});

test("without calendars, each school's half terms and closed days come from its registers, and say so", async () => {
  const project = makeTrust("", {
    "oak.csv": marksFile(
      ...marks(weekdays("2025-09-03", "2025-10-24")),
      ...marks(weekdays("2025-11-03", "2025-12-19").filter((day) => day !== "2025-11-28")),
      ...marks(weekdays("2026-01-05", "2026-01-16")),
    ),
    "elm.csv": marksFile(
      ...marks(weekdays("2025-09-01", "2025-10-17"), "999002"),
      ...marks(weekdays("2025-10-27", "2025-12-19"), "999002"),
    ),
  });
  await quietly(project);
  expect(await built(project, `${HELD} from staging.half_terms order by school_urn, starts_on`)).toEqual(
    [
      [999001, "autumn 1", "2025-09-03", "2025-10-24"],
      [999001, "autumn 2", "2025-11-03", "2025-12-19"],
      [999001, "spring 1", "2026-01-05", "2026-01-16"],
      [999002, "autumn 1", "2025-09-01", "2025-10-17"],
      [999002, "autumn 2", "2025-10-27", "2025-12-19"],
    ].map(([school_urn, half_term, s, e]) => ({ school_urn, half_term, s, e, is_derived: true })),
  );
  expect(
    await inUse(project, "select school_urn, closed_on::varchar as c, kind, is_derived from staging.closed_days"),
  ).toEqual([{ school_urn: 999001, c: "2025-11-28", kind: null, is_derived: true }]);
  expect(
    await inUse(
      project,
      `select period, starts_on::varchar as s, ends_on::varchar as e from staging.periods
      where school_urn = 999001 and period_type = 'half_term' order by starts_on`,
    ),
  ).toEqual([
    { period: "autumn 1", s: "2025-08-01", e: "2025-11-02" },
    { period: "autumn 2", s: "2025-11-03", e: "2026-01-04" },
    { period: "spring 1", s: "2026-01-05", e: "2026-03-20" },
  ]);
});

test("figures of derived years are like those of others, but a year in progress is never whole", async () => {
  const project = makeTrust("", {
    "a.csv": marksFile(...marks(["2025-07-17", "2026-03-19", "2026-03-20"])),
    "pupils.csv": `${PUPILS_HEADER}\n999001,V825999924017,5,2024-09-02,,true,2026-03-20T16:00:00Z\n`,
  });
  await quietly(project);
  expect(
    await built(
      project,
      `select school_year, year_group, sessions_possible::integer as possible, is_complete
      from marts.school_attendance
      join staging.periods using (school_urn, school_year, period_type, period)
      where school_urn = 999001 and period_type = 'year' and breakdown = 'year_group' and basis = 'everyone on roll'
      order by school_year`,
    ),
  ).toEqual([
    { school_year: "2024/25", year_group: "4", possible: 1, is_complete: true },
    { school_year: "2025/26", year_group: "5", possible: 2, is_complete: false },
  ]);
});

test("a calendar that there is holds beside years that are derived, back to the sixth before this one", async () => {
  const project = makeTrust(
    `derive_calendars: true\ncalendars:\n  - { school_year: 2025/26, half_terms: ${HALF_TERMS} }`,
    { "a.csv": marksFile(...marks(["2019-11-11", "2025-07-17", "2025-09-04"])) },
  );
  await quietly(project);
  expect(
    await built(
      project,
      `select school_year, is_derived, count(*)::integer as half_terms, min(half_term) as first
      from staging.half_terms where school_urn = 999001 group by school_year, is_derived order by school_year`,
    ),
  ).toEqual([
    { school_year: "2019/20", is_derived: true, half_terms: 1, first: "autumn 2" },
    { school_year: "2024/25", is_derived: true, half_terms: 1, first: "summer 2" },
    { school_year: "2025/26", is_derived: false, half_terms: 6, first: "autumn 1" },
  ]);
});

test("a date that no school year of the registers can have still refuses the file, and says which years there are", async () => {
  const project = makeTrust("", { "a.csv": marksFile(mark({}), mark({ date: "2019-07-31", modified: "" })) });
  await expect(quietly(project)).rejects.toThrow(
    "expected a date in one of the school years 2019/20, 2020/21, 2021/22, 2022/23, 2023/24, 2024/25, 2025/26",
  );
  const ahead = makeTrust("", { "a.csv": marksFile(mark({}), mark({ date: "2026-08-03", modified: "" })) });
  await expect(quietly(ahead)).rejects.toThrow("expected a date in one of the school years");
});

test("a school whose year no calendar is for stops the build, though other schools have one", async () => {
  const project = makeTrust(`calendars:\n  - { school_year: 2025/26, schools: [999001], half_terms: ${HALF_TERMS} }`, {
    "a.csv": marksFile(mark({}), mark({ urn: "999002", session: "PM" })),
  });
  await quietly(project);
  await expect(built(project, "from marts.trust")).rejects.toThrow(
    "rollbook.yaml has no calendar for 2025/26 of 999002",
  );
  expect(
    await built(
      { ...project, derive_calendars: true },
      "select distinct school_urn, is_derived from staging.half_terms order by all",
    ),
  ).toEqual([
    { school_urn: 999001, is_derived: false },
    { school_urn: 999002, is_derived: true },
  ]);
});

const YEARS_FROM_DAY: [string, string][] = [
  ["2026-07-31", "2019/20 to 2025/26"],
  ["2026-08-01T00:00:00.000Z", "2020/21 to 2026/27"],
  ["2026-01-01", "2019/20 to 2025/26"],
];

test.each(YEARS_FROM_DAY)("on %s, years are derived from %s", (day, years) => {
  const derived = schoolYearsOf({ calendars: [], derive_calendars: true }, day);
  expect(derived).toHaveLength(7);
  expect(`${derived[0]} to ${derived.at(-1)}`).toBe(years);
  expect(schoolYearsOf({ calendars: [], derive_calendars: false }, day)).toEqual([]);
});

const UNUSABLE: [string, string, string][] = [
  [
    "a day that is both closed and INSET",
    `calendars:\n  - { school_year: 2025/26, half_terms: ${HALF_TERMS}, closed: [2025-11-03], inset: [2025-11-03] }`,
    "expected each day without school once, as closed or INSET, but 2025-11-03 stands twice",
  ],
  [
    "an INSET day of another school year",
    `calendars:\n  - { school_year: 2025/26, half_terms: ${HALF_TERMS}, inset: [2026-09-01] }`,
    "expected the days without school of 2025/26 from 2025-08-01 to 2026-07-31, not 2026-09-01",
  ],
  [
    "neither calendars nor leave to derive them",
    "derive_calendars: false",
    "expected calendars, or derive_calendars: true to derive them from the registers",
  ],
];

test.each(UNUSABLE)("%s cannot be used", (_, calendars, message) => {
  expect(() => makeTrust(calendars, {})).toThrow(message);
});

test("the table of Easter Sundays agrees with the rule that it is made by", async () => {
  const days = await withDuckDB({}, async (db) => {
    await readRules(db, "temp", ["easter_sundays"]);
    return rows(db, "select easter_sunday_on::varchar as day from easter_sundays order by 1");
  });
  expect(days.map(({ day }) => day)).toEqual(Array.from({ length: 50 }, (_, i) => easterSunday(2011 + i)));
});

// --- internal ---

function makeTrust(calendars: string, files: Record<string, string>): Project {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-calendars-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  const schools = [999001, 999002].map(
    (urn) =>
      `  - { urn: ${urn}, name: School ${urn}, phase: Primary, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003 }`,
  );
  const lines = ["trust: Two Schools Trust", "as_at: 2026-03-20", "schools:", ...schools, calendars];
  fs.writeFileSync(path.join(dir, "rollbook.yaml"), `${lines.join("\n")}\n`);
  drop(dir, files);
  return readProject(dir);
}

/** One pupil's mornings at a school. */
function marks(days: string[], urn = "999001"): string[] {
  const upn = urn === "999001" ? "V825999924017" : "A825999924018";
  return days.map((date) => mark({ urn, upn, date }));
}

function weekdays(from: string, to: string): string[] {
  const days: string[] = [];
  for (let day = new Date(`${from}T00:00:00Z`); day.toISOString() <= `${to}T99`; day.setUTCDate(day.getUTCDate() + 1)) {
    if (day.getUTCDay() % 6 !== 0) days.push(day.toISOString().slice(0, 10));
  }
  return days;
}

/** The Sunday after the first full moon of the church from 21 March, by Gauss's rule as the Gregorian calendar corrects it. */
function easterSunday(year: number): string {
  const century = Math.floor(year / 100);
  const moon = 15 - Math.floor((13 + 8 * century) / 25) + century - Math.floor(century / 4);
  const sun = 4 + century - Math.floor(century / 4);
  const golden = year % 19;
  const age = (19 * golden + moon) % 30;
  const weekday = (2 * (year % 4) + 4 * (year % 7) + 6 * age + sun) % 7;
  let days = 22 + age + weekday;
  if (age === 29 && weekday === 6) days = 50;
  if (age === 28 && weekday === 6 && golden > 10) days = 49;
  return new Date(Date.UTC(year, 2, days)).toISOString().slice(0, 10);
}
