import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { forget } from "../ingest/forget.ts";
import { dataFolders } from "../ingest/lake.ts";
import type { Project } from "../ingest/project.ts";
import { pupilKey, pupilSecret } from "../ingest/pupil_keys.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { type Effect, effectsOf, type Listed, type School } from "./independent_effects.ts";
import { built, drop, inUse, makeProject, mark, marksFile, quietly } from "./project.ts";
import { insertRaw, modelsFor } from "./raw_rows.ts";

const HEADER = "SchoolURN,UPN,Plan,Started on,Review on,Outcome";
const ANN = "A825999924017";
const BOB = "R674123101121";
const TOLD = "school_urn, plan, started_on, coalesce(review_on::varchar, '-'), coalesce(outcome, '-')";

function lines(...all: string[]): string {
  return `${all.join("\n")}\n`;
}

/** What the lake has of a table, as texts, in the order of its loads and rows. */
async function inLake(project: Project, table: string, columns: string): Promise<string[]> {
  const folder = path.join(dataFolders(project).lake, table);
  if (!fs.existsSync(folder)) return [];
  return withDuckDB({}, async (db) => {
    const found = await rows(
      db,
      `select concat_ws(' | ', ${columns}) as told
      from read_parquet(${quote(path.join(folder, "**", "*.parquet"))}, hive_partitioning = true, union_by_name = true)
      order by load_number, row_number`,
    );
    return found.map(({ told }) => String(told));
  });
}

const setAside = (project: Project) => inLake(project, "quarantine", "row_number, school_urn, rule");

describe("a list of interventions", () => {
  test("is known by its columns and taken in a pupil and plan a row, without the UPN", async () => {
    const project = makeProject({
      "spring.csv": lines(
        HEADER,
        `999001,${ANN},Wave 2,2026-01-12,2026-02-09,No change`,
        `999002,a8259 9992 4017 ,Attendance   support plan,2026-01-12,,`,
      ),
    });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([
      { format: "interventions", rows_read: 2, rows_accepted: 2, rows_quarantined: 0, rows_duplicate: 0 },
    ]);
    expect(await inLake(project, "interventions", TOLD)).toEqual([
      "999001 | Wave 2 | 2026-01-12 | 2026-02-09 | no change",
      "999002 | Attendance support plan | 2026-01-12 | - | -",
    ]);
    const key = pupilKey(ANN, pupilSecret(project.data));
    expect(await inLake(project, "interventions", "pupil_key")).toEqual([key, key]);
  });

  test("may lie in the school's folder without a URN, have other headings, no review and no outcome", async () => {
    const project = makeProject({
      "999002/plans.csv": lines("Intervention,Start date,UPN", `Wave 1,2026-01-12,${ANN}`),
    });
    await quietly(project);
    expect(await inLake(project, "interventions", TOLD)).toEqual(["999002 | Wave 1 | 2026-01-12 | - | -"]);
  });

  test.each([
    ["of a school that is not the trust's", `999003,${ANN},Wave 2,2026-01-12,,`, "0 | school_not_in_trust"],
    ["of no school", `,${ANN},Wave 2,2026-01-12,,`, "0 | school_not_in_trust"],
    ["of no pupil", "999001,,Wave 2,2026-01-12,,", "999001 | missing_pupil"],
    ["of a pupil who is named otherwise", "999001,ZZCANARY,Wave 2,2026-01-12,,", "999001 | not_a_upn"],
    ["without a plan", `999001,${ANN},,2026-01-12,,`, "999001 | not_a_plan"],
    ["whose plan is no words", `999001,${ANN},--,2026-01-12,,`, "999001 | not_a_plan"],
    ["whose plan is a story", `999001,${ANN},${"x".repeat(41)},2026-01-12,,`, "999001 | not_a_plan"],
    ["whose plan names a pupil", `999001,${ANN},with ${BOB},2026-01-12,,`, "999001 | not_a_plan"],
    ["without a start", `999001,${ANN},Wave 2,,,`, "999001 | not_a_date"],
    ["whose start is not in the calendar", `999001,${ANN},Wave 2,2026-02-30,,`, "999001 | not_a_date"],
    ["that starts more than a year ahead", `999001,${ANN},Wave 2,2027-03-22,,`, "999001 | not_a_date"],
    ["whose review is none", `999001,${ANN},Wave 2,2026-01-12,soon,`, "999001 | not_a_date"],
    ["whose review is before its start", `999001,${ANN},Wave 2,2026-01-12,2026-01-11,`, "999001 | review_before_start"],
    ["with an outcome of the school's own", `999001,${ANN},Wave 2,2026-01-12,,so so`, "999001 | unknown_outcome"],
  ])("a row %s is set aside, and the others are taken in", async (_, row, verdict) => {
    const good = `999001,${BOB},Wave 2,2026-01-12,2026-01-12,`;
    const project = makeProject({ "plans.csv": lines(HEADER, row, good) });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ rows_read: 2, rows_accepted: 1, rows_quarantined: 1, rows_duplicate: 0 }]);
    expect(await setAside(project)).toEqual([`2 | ${verdict}`]);
    expect(await inLake(project, "interventions", TOLD)).toEqual(["999001 | Wave 2 | 2026-01-12 | 2026-01-12 | -"]);
  });

  test("a start that is still to come is taken in, since the same file is not read again when it has come", async () => {
    const project = makeProject({ "plans.csv": lines(HEADER, `999001,${ANN},Wave 2,2026-04-20,2027-03-21,`) });
    expect(await quietly(project)).toMatchObject({ loads: [{ rows_accepted: 1 }] });
  });

  test("rows that contradict each other are set aside, however the plan is spelt, and one said twice counts once", async () => {
    const project = makeProject({
      "plans.csv": lines(
        HEADER,
        `999001,${ANN},Wave 2,2026-01-12,2026-02-09,`,
        `999001,${ANN},wave 2,2026-01-12,2026-02-10,`,
        `999001,${BOB},Wave 2,2026-01-12,,Improved`,
        `999001,${BOB},Wave 2,2026-01-12,,improved`,
      ),
    });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ rows_read: 4, rows_accepted: 1, rows_quarantined: 2, rows_duplicate: 1 }]);
    expect(await setAside(project)).toEqual(["2 | 999001 | conflicting_rows", "3 | 999001 | conflicting_rows"]);
  });

  test("a corrected file replaces the list of each school and plan that it tells of, and no other", async () => {
    const [ann, bob, other, elsewhere] = [
      `999001,${ANN},Wave 2,2026-01-12,2026-02-09,`,
      `999001,${BOB},Wave 2,2026-01-12,2026-02-09,`,
      `999001,${BOB},Wave 3,2026-03-02,,`,
      `999002,${BOB},Wave 2,2026-01-12,,`,
    ];
    const stand = `select school_urn as urn, plan, count(*)::integer as n
      from marts.interventions group by school_urn, plan order by school_urn, plan`;
    const project = makeProject({
      "marks.csv": marksFile(mark({})),
      "plans.csv": lines(HEADER, ann, bob, other, elsewhere),
    });
    await quietly(project);
    drop(project.dir, { "plans.csv": lines(HEADER, bob, ann) });
    expect(await quietly(project)).toMatchObject({ held: [], loads: [{ rows_accepted: 0, rows_duplicate: 2 }] });
    drop(project.dir, { "plans.csv": lines(HEADER, bob) });
    expect(await quietly(project)).toMatchObject({ held: [], loads: [{ rows_accepted: 1, rows_duplicate: 0 }] });
    expect(await built(project, stand)).toEqual([
      { urn: 999001, plan: "Wave 2", n: 1 },
      { urn: 999001, plan: "Wave 3", n: 1 },
      { urn: 999002, plan: "Wave 2", n: 1 },
    ]);
  });

  test.each([
    ["the file proves them day first", "", "12/01/2026,19/02/2026", "2026-01-12 | 2026-02-19"],
    ["rollbook.yaml declares them day first", "dates: dd/mm/yyyy", "12/01/2026,09/02/2026", "2026-01-12 | 2026-02-09"],
  ])("has its dates read where %s", async (_, declared, written, days) => {
    const project = makeProject({ "p.csv": lines(HEADER, `999001,${ANN},Wave 2,${written},`) }, declared);
    await quietly(project);
    expect(await inLake(project, "interventions", "started_on, review_on")).toEqual([days]);
  });

  test("of which no date can be read for certain is refused, and no value is repeated", async () => {
    const project = makeProject({ "p.csv": lines(HEADER, `999001,${ANN},ZZCANARY,12/01/2026,,`) });
    await expect(quietly(project)).rejects.toThrow(
      /^p\.csv, row 2, column "Started on": expected a date like 2025-09-01 [^;]*; (?!.*(ZZCANARY|12\/01|A8259)).*"dates" in rollbook\.yaml/,
    );
  });

  test("with two columns for the same field is refused", async () => {
    const project = makeProject({ "p.csv": lines(`${HEADER},Start`, `999001,${ANN},Wave 2,2026-01-12,,,2026-01-13`) });
    await expect(quietly(project)).rejects.toThrow("expected one column to choose from, found Started on and Start");
  });

  test("has a pupil with a slip in the UPN looked at, and the row counts", async () => {
    const project = makeProject({ "p.csv": lines(HEADER, `999001,B825999924017,Wave 2,2026-01-12,,`) });
    expect(await quietly(project)).toMatchObject({ loads: [{ rows_accepted: 1 }] });
    expect(await inLake(project, "doubts", "row_number, school_urn, rule")).toEqual(["2 | 999001 | upn_check_letter"]);
  });

  test("names a pupil by a former UPN as well as by the present one, and both are one start", async () => {
    const project = makeProject({
      "marks.csv": marksFile(mark({ upn: BOB })),
      "pupils.csv": lines(
        "SchoolURN,UPN,FormerUPN,YearGroup,EntryDate,LastUpdated",
        `999001,${BOB},${ANN},7,,2026-01-05`,
      ),
      "plans.csv": lines(HEADER, `999001,${ANN},Wave 2,2026-01-12,,`, `999001,${BOB},Wave 2,2026-01-12,,improved`),
    });
    await quietly(project);
    expect(await built(project, "select plan, outcome from marts.interventions")).toEqual([
      { plan: "Wave 2", outcome: "improved" },
    ]);
  });
});

test("a pupil who is forgotten is in no list of interventions any more", async () => {
  const project = makeProject({
    "marks.csv": marksFile(mark({ upn: ANN }), mark({ upn: BOB })),
    "plans.csv": lines(HEADER, `999001,${ANN},Wave 2,2026-01-12,,`, `999001,${BOB},Wave 2,2026-01-12,,improved`),
  });
  await quietly(project);
  await forget(project, ANN, { log: () => {}, now: () => new Date("2026-03-20T17:00:00Z") });
  expect(await inLake(project, "interventions", "coalesce(outcome, '-')")).toEqual(["improved"]);
  const landed = fs.readdirSync(dataFolders(project).landing).map((name) => {
    return fs.readFileSync(path.join(dataFolders(project).landing, name), "utf8");
  });
  expect(landed.filter((text) => text.includes(ANN))).toEqual([]);

  fs.appendFileSync(path.join(project.registers, "plans.csv"), `999001,${BOB},Wave 3,2026-03-02,,\n`);
  expect(await quietly(project)).toMatchObject({ loads: [{ rows_read: 3, rows_accepted: 1, rows_quarantined: 1 }] });
  expect(await built(project, "select count(*)::integer as n from marts.interventions")).toEqual([{ n: 2 }]);
  expect(await inUse(project, "select rule from raw.quarantine")).toEqual([{ rule: "forgotten_pupil" }]);
});

// --- effects, counted a second time ---

/** The days that figures count up to: a Friday, the middle of a week, and a holiday. */
const AS_AT = ["2026-03-20", "2025-12-03", "2026-02-18"];

describe("effects are those that counting week by week and pupil by pupil gives", () => {
  test.each(AS_AT.map((asAt, i): [string, number] => [asAt, i + 1]))("up to %s", async (asAt, seed) => {
    const schools = [999001, 999002].map((urn) => generatedSchool(urn, asAt, seed * 1000 + urn));
    const { interventions, plans } = await modelled(schools, asAt);
    const expected = effectsOf(schools, asAt);

    expect(interventions.map(nameOf)).toEqual(expected.interventions.map(nameOf));
    for (const [i, { change, similarChange, effect, ...row }] of expected.interventions.entries()) {
      const { change: c, similarChange: s, effect: e, ...made } = interventions[i] as Effect;
      expect(made).toEqual(row);
      for (const [is, should] of [
        [c, change],
        [s, similarChange],
        [e, effect],
      ] as const) {
        expect(is === null).toBe(should === null);
        expect(Math.abs((is ?? 0) - (should ?? 0))).toBeLessThan(1e-9);
      }
    }
    expect(plans.map(({ urn, plan, measured }) => [urn, plan, measured])).toEqual(
      expected.plans.map(({ urn, plan, measured }) => [urn, plan, measured]),
    );
    for (const [i, { mean, low, high }] of expected.plans.entries()) {
      const made = plans[i];
      for (const [is, should] of [
        [made?.mean, mean],
        [made?.low, low],
        [made?.high, high],
      ] as const) {
        expect(is === null).toBe(should === null);
        expect(Math.abs((is ?? 0) - (should ?? 0))).toBeLessThan(1e-9);
      }
    }

    // registers of which little can be measured would prove little
    const why = new Map<string | null, number>();
    for (const row of expected.interventions) why.set(row.why, (why.get(row.why) ?? 0) + 1);
    expect(why.get(null)).toBeGreaterThan(40);
    expect([...why.keys()].map((words) => words ?? "measured").sort()).toEqual([
      "measured",
      "no similar pupil",
      "not at the school in all of these weeks",
      "not begun",
      "too few school weeks before",
      "too few school weeks since",
    ]);
    expect(expected.interventions.filter(({ similar }) => similar > 0 && similar < 5).length).toBeGreaterThan(3);
    expect(expected.interventions.filter(({ isEarly }) => isEarly).length).toBeGreaterThan(0);
    expect(expected.plans.filter(({ low }) => low !== null).length).toBeGreaterThan(0);
    expect(expected.plans.filter(({ low, measured }) => low === null && measured > 0).length).toBeGreaterThan(0);
  });
});

function nameOf({ urn, pupil, plan, startedOn }: Effect): string {
  return `${urn} ${pupil} ${plan} ${startedOn}`;
}

const HALF_TERMS = [
  ["2024/25", "summer 2", "2025-06-02", "2025-07-21"],
  ["2025/26", "autumn 1", "2025-09-02", "2025-10-24"],
  ["2025/26", "autumn 2", "2025-11-03", "2025-12-19"],
  ["2025/26", "spring 1", "2026-01-05", "2026-02-13"],
  ["2025/26", "spring 2", "2026-02-23", "2026-04-02"],
] as const;
/** INSET, a day of snow, and a whole week without school in the middle of a half term. */
const CLOSED = ["2025-09-02", "2025-11-24", "2026-01-26", "2026-01-27", "2026-01-28", "2026-01-29", "2026-01-30"];

/** A school whose pupils miss more or less, some only for a time; the same seed gives the same. */
function generatedSchool(urn: number, asAt: string, seed: number): School {
  const share = randomness(seed);
  const below = (most: number) => Math.floor(share() * most);
  const days = HALF_TERMS.flatMap(([, , from, to]) => daysBetween(from, to)).filter(
    (day) => isWeekday(day) && !CLOSED.includes(day) && day <= asAt,
  );
  const all = daysBetween("2025-06-02", asAt);
  const pupils = Array.from({ length: 90 }, (_, i) => {
    const came = below(12) === 0 ? (all[below(all.length)] ?? "") : "2024-09-01";
    const left = below(12) === 0 ? (all[below(all.length)] ?? "") : null;
    const spells: School["pupils"][number]["spells"] =
      below(10) === 0
        ? []
        : below(15) === 0
          ? [
              { from: "2024-09-01", to: "2025-11-28" },
              { from: "2025-12-02", to: null },
            ]
          : [{ from: came, to: left !== null && left < came ? null : left }];
    const missing = [0.02, 0.05, 0.1, 0.2][below(4)] ?? 0;
    const marks = days.flatMap((day) =>
      ["AM", "PM"].flatMap((session) => {
        const drawn = share();
        // a pupil who is at another school on Wednesdays, one of whom marks are missing now and then
        if (i % 17 === 0 && new Date(day).getUTCDay() === 3) return [{ day, session, code: "D" }];
        if (i % 13 === 0 && drawn > 0.97) return [];
        const code =
          drawn < missing ? (["I", "O", "M", "U"][below(4)] ?? "I") : (["/", "L", "B", "/"][below(4)] ?? "/");
        return [{ day, session, code }];
      }),
    );
    return {
      key: `${urn}p${String(i).padStart(2, "0")}`,
      yearGroup: ["7", "7", "8", null][below(4)] ?? null,
      spells,
      marks,
    };
  });
  const starts = [...days, ...daysBetween("2025-10-25", "2025-11-02"), ...daysBetween("2025-07-22", "2025-09-01")];
  const listed: Listed[] = [];
  const list = (plan: string, startedOn: string, times: number) => {
    for (let n = 0; n < times; n++) {
      const pupil = pupils[below(pupils.length)]?.key ?? "";
      if (!listed.some((one) => one.pupil === pupil && one.plan === plan && one.startedOn === startedOn)) {
        listed.push({ pupil, plan, startedOn });
      }
    }
  };
  for (let n = 0; n < 25; n++) list("Wave 2", starts[below(starts.length)] ?? "", 1);
  for (let n = 0; n < 4; n++) list("Support plan", starts[below(starts.length)] ?? "", 7);
  list("Panel", days.at(-1) ?? "", 2);
  list("Panel", days.at(-14) ?? "", 3);
  list("Panel", days.at(-40) ?? "", 3);
  list("Panel", "2025-06-04", 2);
  list("Panel", "2025-05-20", 1);
  list("Panel", dayAfter(asAt, 3), 2);
  // alone in the school in how much was missed, or in nothing: nobody is like this pupil
  const alone = { key: `${urn}p99`, yearGroup: "7", spells: [], marks: allMissed(days) };
  listed.push({ pupil: alone.key, plan: "Wave 2", startedOn: days.at(-60) ?? "" });
  return { urn, days, pupils: [...pupils, alone], listed };
}

function allMissed(days: readonly string[]): School["pupils"][number]["marks"] {
  return days.flatMap((day) => ["AM", "PM"].map((session) => ({ day, session, code: "I" })));
}

async function modelled(schools: readonly School[], asAt: string) {
  return withDuckDB({}, async (db) => {
    await createRawTables(db);
    const of = <T>(make: (school: School) => T[]) => schools.flatMap(make);
    await insertRaw(db, {
      project: [{ trust_name: "Oak Trust", as_at: asAt, minimum_pupils: 10 }],
      loads: [{ load_number: 1, loaded_at: `${asAt} 18:00:00`, format: "mark_rows" }],
      schools: schools.map(({ urn }) => ({ school_urn: urn, school_name: `School ${urn}`, phase: "Secondary" })),
      half_terms: of(({ urn }) =>
        HALF_TERMS.map(([school_year, half_term, starts_on, ends_on]) => ({
          ...{ school_urn: urn, school_year, half_term, starts_on, ends_on },
        })),
      ),
      closed_days: of(({ urn }) =>
        CLOSED.map((closed_on) => ({ school_urn: urn, school_year: "2025/26", closed_on, kind: "closed" })),
      ),
      marks: of(({ urn, pupils }) =>
        pupils.flatMap(({ key, marks }) =>
          marks.map(({ day, session, code }) => ({
            ...{ school_urn: urn, pupil_key: key, session_date: day, session, code, is_deleted: false },
            ...{ known_at: `${day} 16:00:00`, load_number: 1, row_number: 1 },
          })),
        ),
      ),
      pupils: of(({ urn, pupils }) =>
        pupils.flatMap(({ key, yearGroup }) => ({
          ...{ school_urn: urn, pupil_key: key, year_group: yearGroup, known_on: "2025-10-01" },
          ...{ load_number: 1, row_number: 1 },
        })),
      ),
      enrolments: of(({ urn, pupils }) =>
        pupils.flatMap(({ key, spells }) =>
          spells.map(({ from, to }, i) => ({
            ...{ school_urn: urn, pupil_key: key, entered_on: from, left_on: to, known_on: "2025-10-01" },
            ...{ load_number: 1, row_number: i },
          })),
        ),
      ),
      interventions: of(({ urn, listed }) =>
        listed.map(({ pupil, plan, startedOn }, i) => ({
          ...{ school_urn: urn, pupil_key: pupil, plan, started_on: startedOn, load_number: 1, row_number: i },
        })),
      ),
    });
    await buildModels(db, modelsFor(["marts.intervention_effects"]), () => {});
    const interventions = (await rows(
      db,
      `select
        school_urn as urn,
        pupil_key as pupil,
        plan,
        started_on::varchar as "startedOn",
        why_not_measured as why,
        is_early as "isEarly",
        is_alongside_another as "isAlongside",
        similar_pupils::integer as similar,
        change_points as change,
        similar_change_points as "similarChange",
        effect_points as effect
      from marts.interventions
      order by school_urn, pupil_key, plan, started_on`,
    )) as unknown as Effect[];
    const plans = (await rows(
      db,
      `select
        school_urn as urn,
        plan,
        pupils_measured::integer as measured,
        effect_points as mean,
        low_points as low,
        high_points as high
      from marts.intervention_effects
      order by school_urn, plan`,
    )) as unknown as ReturnType<typeof effectsOf>["plans"];
    return { interventions, plans };
  });
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomness(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);
}

function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  for (let day = from; day <= to; day = dayAfter(day, 1)) days.push(day);
  return days;
}

function isWeekday(day: string): boolean {
  return ![0, 6].includes(new Date(day).getUTCDay());
}
