import fc from "fast-check";
import { expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { createRawTables } from "../models/build.ts";
import { createTables } from "./examples.ts";
import { insertRaw, insertRows, modelsFor } from "./raw_rows.ts";

/** Trusts of 1 to 7 schools, each compared once. */
const TRUSTS = 60;

const PERIOD = { school_year: "2025/26", period_type: "year_to_date", period: "to week 2" };
const EDITION = { series: "daily, year to date", counted_to: "2026-01-09", published_on: "2026-01-22" };
const AREAS = ["E92000001", "E12000003", "E12000005", "E08000035", "E08000032", "E10000028"] as const;
const AREA_OF = { country: () => AREAS[0], region: (s: School) => s.region, "local authority": (s: School) => s.la };
/** A trust's areas: England, the regions, the authorities. A figure is a percentage, held back, or not published. */
const figure = fc.option(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 8000, max: 9900 }) }, fc.constant("c")), {
  freq: 8,
});

interface Group {
  yearGroup: string;
  pupils: number;
  persistent: number;
  possible: number;
  attended: number;
}
interface School {
  urn: number;
  phase: string;
  la: string;
  region: string;
  groups: Group[];
}

const group = (yearGroup: string) =>
  fc
    .record({
      pupils: fc.integer({ min: 1, max: 40 }),
      persistent: fc.integer({ min: 0, max: 40 }),
      possible: fc.integer({ min: 50, max: 5000 }),
      missed: fc.integer({ min: 0, max: 2000 }),
    })
    .map(({ pupils, persistent, possible, missed }) => ({
      yearGroup,
      pupils,
      persistent: Math.min(persistent, pupils),
      possible,
      attended: Math.max(possible - missed, 0),
    }));
const school = fc
  .record({
    phase: fc.constantFrom("Primary", "Secondary", "Special", "All-through"),
    la: fc.constantFrom(AREAS[3], AREAS[4], AREAS[5]),
    isTold: fc.integer({ min: 0, max: 9 }),
  })
  .chain(({ phase, la, isTold }) =>
    fc
      .tuple(...(isTold ? ["3", "6", "7", "11"] : ["3", "7", "unknown"]).map(group))
      .map((groups) => ({ phase, la, region: la === AREAS[5] ? AREAS[2] : AREAS[1], groups })),
  );
const trust = fc.record({
  schools: fc.array(school, { minLength: 1, maxLength: 7 }),
  figures: fc.array(figure, { minLength: 36, maxLength: 36 }),
});

test("comparators, places and percentiles are those of a plain calculation, for trusts of every mix of phases", async () => {
  const compared = await withDuckDB({}, async (db) => {
    await createRawTables(db);
    const models = modelsFor(["marts.benchmark_comparisons"]);
    await createTables(db, models);
    const remade = models.filter(({ name }) =>
      [
        "staging.school_areas",
        "staging.phase_weights",
        "staging.weighted_benchmarks",
        "staging.measured_rates",
        "marts.benchmark_comparisons",
      ].includes(name),
    );
    let compared = 0;
    for (const drawn of fc.sample(trust, { numRuns: TRUSTS, seed: 6 })) {
      const schools = drawn.schools.map((one, i) => ({ ...one, urn: 999001 + i }));
      const figures = published(drawn.figures);
      await db.run("begin");
      await insertRaw(db, {
        schools: schools.map(({ urn, phase, la, region }) => ({
          school_urn: urn,
          phase,
          la_code: la,
          region_code: region,
        })),
      });
      await insertRows(db, {
        "staging.periods": schools.map(({ urn }) => ({
          school_urn: urn,
          ...PERIOD,
          ends_on: "2026-01-09",
          is_complete: false,
        })),
        "marts.school_attendance": [...schools.flatMap(attendance), ofTrust(schools)],
        "staging.area_figures": figures.map((one) => ({ ...one, ...PERIOD, ...EDITION })),
      });
      for (const { name, sql } of remade) await db.run(`delete from ${name}; insert into ${name} ${sql}`);
      const made = await rows(
        db,
        `select school_urn, measure, comparator, comparator_value, missing, place, percentile
        from marts.benchmark_comparisons where measure <> 'percent_severe'`,
      );
      await db.run("rollback");
      const expected = expectedOf(schools, figures);
      expect(made.map(key).sort()).toEqual(expected.map(key).sort());
      for (const row of made) {
        const other = expected.find((one) => key(one) === key(row));
        expect(row.missing).toBe(other?.missing);
        if (other?.value === null || other?.value === undefined) expect(row.comparator_value).toBeNull();
        else expect(row.comparator_value).toBeCloseTo(other.value, 9);
        expect(row.place === null ? null : Number(row.place)).toBe(other?.place);
        if (other?.percentile !== null && other) expect(row.percentile).toBeCloseTo(other.percentile, 9);
        compared++;
      }
    }
    return compared;
  });
  console.log(`${compared} comparisons of ${TRUSTS} trusts equal`);
  expect(compared).toBeGreaterThan(TRUSTS * 10);
});

// --- internal ---

type Measure = "percent_attendance" | "percent_persistent";
interface Published {
  area_code: string;
  phase: string;
  measure: Measure;
  value: number | null;
  symbol: string | null;
}
interface Expected {
  school_urn: number | null;
  measure: Measure;
  comparator: string;
  value: number | null;
  missing: string | null;
  place: number | null;
  percentile: number | null;
}

function key(row: Pick<Expected, "school_urn" | "measure" | "comparator"> | Record<string, unknown>): string {
  return `${row.school_urn}|${row.measure}|${row.comparator}`;
}

/** Six areas, three phases and two measures, in this order. */
function published(figures: (number | string | null)[]): Published[] {
  const cells = AREAS.flatMap((area_code) =>
    ["Primary", "Secondary", "Special"].flatMap((phase) =>
      (["percent_attendance", "percent_persistent"] as const).map((measure) => ({ area_code, phase, measure })),
    ),
  );
  return cells.flatMap((cell, i): Published[] => {
    const drawn = figures[i] ?? null;
    if (drawn === null) return [];
    return typeof drawn === "string"
      ? [{ ...cell, value: null, symbol: drawn }]
      : [{ ...cell, value: drawn / 100, symbol: null }];
  });
}

function attendance({ urn, groups }: School) {
  return [
    attended(urn, "all", null, groups),
    ...groups.map((one) => attended(urn, "year_group", one.yearGroup, [one])),
  ];
}

function ofTrust(schools: School[]) {
  return attended(
    null,
    "all",
    null,
    schools.flatMap(({ groups }) => groups),
  );
}

function attended(school_urn: number | null, breakdown: string, group_name: string | null, groups: Group[]) {
  const { pupils, persistent, possible, attended } = total(groups);
  return {
    school_urn,
    ...PERIOD,
    basis: "as DfE publishes",
    breakdown,
    group_name,
    pupils,
    pupils_persistent: persistent,
    pupils_severe: 0,
    sessions_possible: possible,
    sessions_attended: attended,
    percent_attendance: (100 * attended) / possible,
    percent_persistent: (100 * persistent) / pupils,
    percent_severe: 0,
  };
}

function total(groups: Group[]) {
  const sum = (of: (group: Group) => number) => groups.reduce((so, one) => so + of(one), 0);
  return {
    pupils: sum(({ pupils }) => pupils),
    persistent: sum(({ persistent }) => persistent),
    possible: sum(({ possible }) => possible),
    attended: sum(({ attended }) => attended),
  };
}

function rate(groups: Group[], measure: Measure): number {
  const { pupils, persistent, possible, attended } = total(groups);
  return measure === "percent_attendance" ? (100 * attended) / possible : (100 * persistent) / pupils;
}

function expectedOf(schools: School[], figures: Published[]): Expected[] {
  return (["percent_attendance", "percent_persistent"] as const).flatMap((measure) => [
    ...schools.flatMap((one) => [
      ...besideAreas([one], one.urn, measure, figures),
      ...besideOthers(one, schools, measure),
    ]),
    ...besideAreas(schools, null, measure, figures),
  ]);
}

/** Each pupil's (each session's) share of the figure of its own phase and its school's own area. */
function besideAreas(schools: School[], urn: number | null, measure: Measure, figures: Published[]): Expected[] {
  return Object.entries(AREA_OF).map(([type, areaOf]) => {
    let [sum, weights, lacks, heldBack] = [0, 0, false, false];
    for (const one of schools) {
      for (const { yearGroup, pupils, possible } of one.groups) {
        const phase =
          one.phase !== "All-through"
            ? one.phase
            : { "3": "Primary", "6": "Primary", "7": "Secondary", "11": "Secondary" }[yearGroup];
        const found = figures.find(
          (told) => told.area_code === areaOf(one) && told.phase === phase && told.measure === measure,
        );
        if (found?.symbol) heldBack = true;
        if (found?.value === null || found?.value === undefined) lacks = true;
        else {
          const weight = measure === "percent_attendance" ? possible : pupils;
          sum += weight * found.value;
          weights += weight;
        }
      }
    }
    return {
      school_urn: urn,
      measure,
      comparator: type === "country" ? "England" : type,
      value: lacks ? null : sum / weights,
      missing: lacks ? (heldBack ? "DfE holds the figure back" : "No figure is held") : null,
      place: null,
      percentile: null,
    };
  });
}

function besideOthers(one: School, schools: School[], measure: Measure): Expected[] {
  const peers = schools.filter(({ phase }) => phase === one.phase);
  const others = peers.filter(({ urn }) => urn !== one.urn);
  if (others.length === 0) return [];
  const shown = ({ groups }: School) => {
    const scale = measure === "percent_attendance" ? 10 : 1;
    return Math.round(rate(groups, measure) * scale) * (measure === "percent_attendance" ? 1 : -1);
  };
  const better = others.filter((other) => shown(other) > shown(one)).length;
  const equal = others.filter((other) => shown(other) === shown(one)).length;
  return [
    {
      school_urn: one.urn,
      measure,
      comparator: "other schools",
      value: rate(
        others.flatMap(({ groups }) => groups),
        measure,
      ),
      missing: null,
      place: better + 1,
      percentile: (100 * (others.length - better - equal + equal / 2)) / others.length,
    },
  ];
}
