import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { readModels } from "../models/model.ts";
import { insertRaw, modelsFor } from "./raw_rows.ts";

const SEED = 20260320;
/** How much of the distribution lies up to each limit. */
const UP_TO = { low_99_8: 0.001, low_95: 0.025, high_95: 0.975, high_99_8: 0.999 } as const;
const LIMITS = ["low_99_8", "low_95", "high_95", "high_99_8"] as const;
type Limits = Record<(typeof LIMITS)[number], number>;

/**
 * The cumulative binomial distribution as printed in tables of four decimals, at the two counts about each limit:
 * F(r - 1) and F(r), where r is the smallest count with F(r) at least the tail.
 */
const TABLES: {
  pupils: number;
  percent: number;
  about: Record<keyof Limits, [r: number, below: number, at: number]>;
}[] = [
  {
    pupils: 20,
    percent: 10,
    about: {
      low_99_8: [0, 0, 0.1216],
      low_95: [0, 0, 0.1216],
      high_95: [5, 0.9568, 0.9887],
      high_99_8: [7, 0.9976, 0.9996],
    },
  },
  {
    pupils: 20,
    percent: 30,
    about: {
      low_99_8: [1, 0.0008, 0.0076],
      low_95: [2, 0.0076, 0.0355],
      high_95: [10, 0.952, 0.9829],
      high_99_8: [13, 0.9987, 0.9997],
    },
  },
  {
    pupils: 10,
    percent: 50,
    about: {
      low_99_8: [1, 0.001, 0.0107],
      low_95: [2, 0.0107, 0.0547],
      high_95: [8, 0.9453, 0.9893],
      high_99_8: [9, 0.9893, 0.999],
    },
  },
  {
    pupils: 50,
    percent: 20,
    about: {
      low_99_8: [2, 0.0002, 0.0013],
      low_95: [5, 0.0185, 0.048],
      high_95: [16, 0.9692, 0.9856],
      high_99_8: [19, 0.9975, 0.9991],
    },
  },
];

describe("limits of a share of pupils", () => {
  test("they are those of the printed tables of the binomial distribution", async () => {
    const made = await limitsOf(TABLES.map(({ pupils, percent }) => [pupils, percent]));
    for (const [i, { pupils, percent, about }] of TABLES.entries()) {
      for (const limit of LIMITS) {
        const [r, below, at] = about[limit];
        const printed = Math.max(0, (100 * (r - (at - UP_TO[limit]) / (at - below))) / pupils);
        // the tables are rounded to 0.0001
        const tolerance = ((100 / pupils) * 0.0001) / (at - below);
        const found = made[i]?.[limit] ?? Number.NaN;
        expect(Math.abs(found - printed), `${limit} of ${pupils} at ${percent}%`).toBeLessThan(tolerance);
      }
    }
  });

  test("they are those of adding up every probability, for schools of 1 to 3,000 pupils and any share", async () => {
    const cases = fc.sample(
      fc.tuple(
        fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 3000 })),
        fc.oneof(
          fc.integer({ min: 1, max: 9_999 }).map((n) => n / 100),
          fc.integer({ min: 1, max: 300 }).map((n) => n / 100),
        ),
      ),
      { seed: SEED, numRuns: 400 },
    );
    const edges: [number, number][] = [
      [1, 0.01],
      [1, 99.99],
      [3000, 0.01],
      [3000, 99.99],
      [3000, 0.93],
      [3000, 12.99],
      [3000, 50],
    ];
    const all = [...edges, ...cases];
    const made = await limitsOf(all);
    const faults = all.flatMap(([pupils, percent], i) => {
      const expected = addedUp(pupils, percent / 100);
      return LIMITS.filter((limit) => !(Math.abs((made[i]?.[limit] ?? Number.NaN) - expected[limit]) < 1e-6)).map(
        (limit) => `${limit} of ${pupils} at ${percent}%: ${made[i]?.[limit]}, not ${expected[limit]}`,
      );
    });
    expect(faults).toEqual([]);
  });

  // pupils come whole: of few who are severely absent, a school a tenth larger may have limits a hair wider
  test.each([
    ["from each size that is drawn to the next, for persistent absence", [12.99, 23.37, 35.26], 120 ** (1 / 29)],
    ["from each size to twice that, for severe absence too", [0.39, 0.93, 3.88, 6.91, 14.6], 2],
  ])("the larger the school, the narrower: %s", async (_, percents, factor) => {
    const sizes = Array.from({ length: 30 }, (_, step) => Math.round(25 * factor ** step)).filter((n) => n <= 3000);
    expect(sizes.length).toBeGreaterThan(6);
    const made = await limitsOf(percents.flatMap((percent) => sizes.map((n): [number, number] => [n, percent])));
    for (const [i, percent] of percents.entries()) {
      const curve = made.slice(i * sizes.length, (i + 1) * sizes.length);
      expect(curve.every(({ low_99_8, low_95 }) => low_99_8 <= low_95)).toBe(true);
      const inner = curve.map(({ low_95, high_95 }) => high_95 - low_95);
      const outer = curve.map(({ low_99_8, high_99_8 }) => high_99_8 - low_99_8);
      for (const widths of [inner, outer]) {
        const wider = widths.filter((width, at) => at > 0 && !(width < (widths[at - 1] ?? 0)));
        expect(wider, `${percent}%`).toEqual([]);
      }
    }
  });
});

test("limits of attendance are as wide as the pupils of the trust's schools of the phase differ, and no wider", async () => {
  await withDuckDB({}, async (db) => {
    // twelve pupils at one school and eight at another: sessions missed, of numbers that differ too
    const missed = [
      [0, 2, 3, 5, 5, 8, 10, 10, 12, 20, 31, 40],
      [1, 1, 4, 6, 9, 15, 22, 60],
    ];
    const possible = (i: number) => 180 + 4 * (i % 5);
    await createRawTables(db);
    await insertRaw(db, {
      schools: [999001, 999002].map((school_urn) => ({ school_urn, phase: "Primary", la_code: "E08000035" })),
      project: [{ trust_name: "Oak Trust", as_at: "2025-08-31" }],
    });
    const wanted = modelsFor(["marts.funnel", "marts.funnel_limits"]);
    await buildModels(db, wanted, () => {});
    // from here on what is made from pupils is made again
    const pupils = missed.flatMap((sessions, school) =>
      sessions.map((sessions_absent, i) => ({
        school_urn: 999001 + school,
        pupil_key: `${school} ${i}`,
        possible: possible(i),
        absent: sessions_absent,
      })),
    );
    await db.run(`insert into marts.pupil_attendance by name
      select unnest(${list(pupils.map(({ school_urn }) => school_urn))}) as school_urn,
        unnest(${list(pupils.map(({ pupil_key }) => `'${pupil_key}'`))}) as pupil_key,
        '2024/25' as school_year, 'year' as period_type, '2024/25' as period, 'as DfE publishes' as basis,
        unnest(${list(pupils.map(({ possible }) => possible))}) as sessions_possible,
        unnest(${list(pupils.map(({ possible, absent }) => possible - absent))}) as sessions_attended,
        unnest(${list(pupils.map(({ absent }) => absent))}) as sessions_absent,
        0 as sessions_authorised, 0 as sessions_unauthorised, 0 as sessions_late_before_close,
        0 as sessions_late_after_close, false as is_persistent, false as is_severe`);
    await db.run(`insert into staging.weighted_benchmarks by name
      select unnest([999001, 999002]) as school_urn, '2024/25' as school_year, 'year' as period_type, '2024/25' as period,
        'percent_attendance' as measure, 'country' as area_type, 94.8 as value, 'accredited, full year' as series`);
    const remade = [
      "staging.pupil_spread",
      "marts.school_attendance",
      "staging.measured_rates",
      "staging.funnel_cases",
    ];
    for (const name of [...remade, "staging.funnel_limits", "marts.funnel"]) {
      const model = wanted.find((one) => one.name === name);
      await db.run(`create or replace table ${name} as ${model?.sql}`);
    }

    // of each school: the variance of one pupil's rate, by the residuals about the school's own rate
    const schools = missed.map((_, school) => {
      const own = pupils.filter(({ school_urn }) => school_urn === 999001 + school);
      const all = own.reduce((sum, one) => sum + one.possible, 0);
      const rate = own.reduce((sum, one) => sum + one.absent, 0) / all;
      const squares = own.reduce((sum, one) => sum + (one.absent - rate * one.possible) ** 2, 0);
      return { n: own.length, variance: squares / (own.length - 1) / (all / own.length) ** 2 };
    });
    const pooled =
      schools.reduce((sum, { n, variance }) => sum + (n - 1) * variance, 0) /
      schools.reduce((sum, { n }) => sum + n - 1, 0);
    const found = await rows(db, "select * from marts.funnel where measure = 'percent_attendance' order by school_urn");
    expect(found.map(({ school_urn }) => school_urn)).toEqual([999001, 999002]);
    for (const [i, row] of found.entries()) {
      const spread = 100 * Math.sqrt(pooled / (schools[i]?.n ?? 0));
      expect(Number(row.pupils)).toBe(schools[i]?.n);
      expect(Number(row.low_95)).toBeCloseTo(94.8 - 1.959964 * spread, 8);
      expect(Number(row.low_99_8)).toBeCloseTo(94.8 - 3.090232 * spread, 8);
      expect(Number(row.high_95)).toBeCloseTo(Math.min(100, 94.8 + 1.959964 * spread), 8);
    }
  });
});

describe("the year in weeks", () => {
  test("each point is what marks up to that day come to, and the last equals the year to date", async () => {
    const register = randomRegister();
    await withDuckDB({}, async (db) => {
      await createRawTables(db);
      await insertRaw(db, { ...register, project: [{ trust_name: "Oak Trust", as_at: AS_AT }] });
      await buildModels(db, modelsFor(["marts.year_in_weeks"]), () => {});
      const points = await rows(db, "select * from marts.year_in_weeks order by school_urn nulls first, counted_to");
      const editions = await rows(
        db,
        `select counted_to from rules.published_editions
        where school_year = '2025/26' and counted_to <= '${AS_AT}' group by counted_to order by counted_to`,
      );
      expect(editions.at(-1)?.counted_to).toBe(AS_AT);
      const expected = [null, 999001, 999002].flatMap((school_urn) =>
        editions.map(({ counted_to }) => ({
          school_urn,
          counted_to,
          ...countedUpTo(register, school_urn, String(counted_to)),
        })),
      );
      const made = points.map(({ school_urn, counted_to, sessions_possible, sessions_attended }) => ({
        school_urn,
        counted_to,
        possible: Number(sessions_possible),
        attended: Number(sessions_attended),
      }));
      expect(made).toEqual(expected);

      const ends = await rows(
        db,
        `select school_urn, sessions_possible, sessions_attended, percent_attendance
        from marts.school_attendance
        where basis = 'as DfE publishes' and breakdown = 'all' and period_type = 'year_to_date' and school_year = '2025/26'
        order by school_urn nulls first`,
      );
      const last = points
        .filter(({ counted_to }) => counted_to === AS_AT)
        .map(({ school_urn, sessions_possible, sessions_attended, percent_attendance }) => ({
          school_urn,
          sessions_possible,
          sessions_attended,
          percent_attendance,
        }));
      expect(last).toEqual(ends);
      expect(last).toHaveLength(3);

      // England, weighted by the possible sessions of the phase at each school
      const [figures] = await rows(
        db,
        `select
          max(value) filter (where phase = 'Primary') as primary_value,
          max(value) filter (where phase = 'Secondary') as secondary_value
        from staging.benchmarks
        where area_code = 'E92000001' and series = 'daily, year to date' and counted_to = '${AS_AT}'
          and school_year = '2025/26' and measure = 'percent_attendance'`,
      );
      const primary = countedUpTo(register, null, AS_AT, (school, year) => school === 999001 || year <= 6).possible;
      const all = countedUpTo(register, null, AS_AT).possible;
      const england =
        (primary * Number(figures?.primary_value) + (all - primary) * Number(figures?.secondary_value)) / all;
      const trust = points.find(({ school_urn, counted_to }) => school_urn === null && counted_to === AS_AT);
      expect(Number(trust?.england_value)).toBeCloseTo(england, 9);
    });
  });
});

// --- internal ---

/** The day that an edition counts to in the second half of the summer term: 15-year-olds' sessions of it do not count. */
const AS_AT = "2026-06-12";
const HALF_TERMS = [
  ["autumn 1", "2025-09-02", "2025-10-24"],
  ["autumn 2", "2025-11-03", "2025-12-19"],
  ["spring 1", "2026-01-05", "2026-02-13"],
  ["spring 2", "2026-02-23", "2026-04-02"],
  ["summer 1", "2026-04-20", "2026-05-22"],
  ["summer 2", "2026-06-01", "2026-07-20"],
] as const;

type Register = ReturnType<typeof randomRegister>;

/** A primary and an all-through school from Reception up, a day in five or so marked, and one pupil who came in June. */
function randomRegister() {
  const seeds = fc.sample(fc.nat(99), { seed: SEED, numRuns: 100_000 });
  let at = 0;
  const next = () => seeds[at++ % seeds.length] ?? 0;
  const days: string[] = [];
  for (const [, from, to] of HALF_TERMS) {
    for (let day = new Date(from); day <= new Date(to); day = new Date(day.getTime() + 86_400_000)) {
      if (day.getUTCDay() > 0 && day.getUTCDay() < 6) days.push(day.toISOString().slice(0, 10));
    }
  }
  const groups: [number, string[]][] = [
    [999001, ["R", "1", "2", "3", "4", "5", "6", "6"]],
    [999002, ["R", "2", "4", "6", "7", "8", "9", "10", "11", "11", "12"]],
  ];
  const pupils = groups.flatMap(([school_urn, years]) =>
    years.map((year_group, i) => ({
      school_urn,
      pupil_key: `${school_urn} ${i}`,
      year_group,
      entered_on: i === 2 ? "2026-06-03" : "2025-09-02",
      known_on: "2026-07-20",
      load_number: 1,
    })),
  );
  const marks = pupils.flatMap(({ school_urn, pupil_key, entered_on }) =>
    days
      .filter((day) => day >= entered_on && next() < 40)
      .flatMap((session_date) =>
        ["AM", "PM"].map((session) => ({
          school_urn,
          pupil_key,
          session_date,
          session,
          code: ["I", "X", "O", session === "AM" ? "/" : "\\"][Math.min(3, Math.floor(next() / 8))] ?? "/",
          known_at: "2026-07-20 18:00:00",
          is_deleted: false,
          load_number: 1,
        })),
      ),
  );
  return {
    schools: [
      { school_urn: 999001, phase: "Primary", la_code: "E08000035", region_code: "E12000003" },
      { school_urn: 999002, phase: "All-through", la_code: "E08000035", region_code: "E12000003" },
    ],
    half_terms: [999001, 999002].flatMap((school_urn) =>
      HALF_TERMS.map(([half_term, starts_on, ends_on]) => ({
        school_urn,
        school_year: "2025/26",
        half_term,
        starts_on,
        ends_on,
      })),
    ),
    loads: [{ load_number: 1, loaded_at: "2026-07-20 18:00:00" }],
    pupils,
    marks,
  };
}

/** Sessions of pupils in years 1 to 11 up to a day, without those who came in June and year 11 since then. */
function countedUpTo(
  { pupils, marks }: Register,
  school: number | null,
  day: string,
  isWanted: (school: number, year: number) => boolean = () => true,
): { possible: number; attended: number } {
  const years = new Map(pupils.map(({ pupil_key, year_group }) => [pupil_key, Number(year_group)]));
  const late = new Set(pupils.filter(({ entered_on }) => entered_on >= "2026-06-01").map(({ pupil_key }) => pupil_key));
  const counted = marks.filter(({ school_urn, pupil_key, session_date, code }) => {
    const year = years.get(pupil_key) ?? Number.NaN;
    return (
      (school === null || school === school_urn) &&
      session_date <= day &&
      code !== "X" &&
      year >= 1 &&
      year <= 11 &&
      !late.has(pupil_key) &&
      !(year === 11 && session_date >= "2026-06-01") &&
      isWanted(school_urn, year)
    );
  });
  return { possible: counted.length, attended: counted.filter(({ code }) => code === "/" || code === "\\").length };
}

/** The limits that the model gives for schools of so many pupils beside a published percentage, in the order asked. */
async function limitsOf(cases: [pupils: number, percent: number][]): Promise<Limits[]> {
  return withDuckDB({}, async (db) => {
    await createRawTables(db);
    await db.run(`create table staging.funnel_cases as
      select distinct 'Primary' as phase, '2024/25' as school_year, 'year' as period_type, '2024/25' as period,
        'percent_persistent' as measure, 'difference of two proportions' as method, comparator, pupils,
        false as is_drawn, null::double as variance_per_pupil
      from (select unnest(${list(cases.map(([pupils]) => pupils))}) as pupils,
        unnest(${list(cases.map(([, percent]) => percent))})::double as comparator)`);
    const model = readModels().find(({ name }) => name === "staging.funnel_limits");
    const found = await rows(db, String(model?.sql));
    const byCase = new Map(found.map((row) => [`${Number(row.pupils)} ${Number(row.comparator)}`, row]));
    return cases.map(([pupils, percent]) => {
      const row = byCase.get(`${pupils} ${percent}`);
      const limit = (name: keyof Limits) => Number(row?.[name] ?? Number.NaN);
      return {
        low_99_8: limit("low_99_8"),
        low_95: limit("low_95"),
        high_95: limit("high_95"),
        high_99_8: limit("high_99_8"),
      };
    });
  });
}

/** Spiegelhalter's limits by adding up all probabilities from 0 pupils on, each from the logarithms of factorials. */
function addedUp(pupils: number, share: number): Limits {
  const factorials = [0];
  for (let n = 1; n <= pupils; n++) factorials.push((factorials[n - 1] ?? 0) + Math.log(n));
  const mass = (counted: number) =>
    Math.exp(
      (factorials[pupils] ?? 0) -
        (factorials[counted] ?? 0) -
        (factorials[pupils - counted] ?? 0) +
        counted * Math.log(share) +
        (pupils - counted) * Math.log1p(-share),
    );
  const limitAt = (tail: number) => {
    let upTo = 0;
    for (let r = 0; r <= pupils; r++) {
      const at = mass(r);
      if (upTo + at >= tail) return Math.min(100, Math.max(0, (100 * (r - (upTo + at - tail) / at)) / pupils));
      upTo += at;
    }
    return Number.NaN;
  };
  return {
    low_99_8: limitAt(UP_TO.low_99_8),
    low_95: limitAt(UP_TO.low_95),
    high_95: limitAt(UP_TO.high_95),
    high_99_8: limitAt(UP_TO.high_99_8),
  };
}

function list(values: (number | string)[]): string {
  return `[${values.join(", ")}]`;
}
