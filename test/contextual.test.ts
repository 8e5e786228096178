import fs from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { Model } from "../models/model.ts";
import { RULES_FOLDER } from "../models/rules.ts";
import { databaseOf, runExample } from "./examples.ts";
import { modelsFor } from "./raw_rows.ts";

const SEED = 20260320;
const SCHOOLS = 40;
const ENGLAND = "E92000001";
const PHASES = ["Primary", "Secondary", "Special"] as const;
const MEASURES = ["percent_attendance", "percent_persistent"] as const;
const CELLS = ["eligible", "not eligible", "unclassified"].flatMap((fsm) =>
  ["SEND", "no SEN", "unclassified"].map((send) => ({ fsm, send })),
);
type Phase = (typeof PHASES)[number];
type MeasureName = (typeof MEASURES)[number];
type Row = Record<string, string | number | null>;

/** The pupils of a phase of a school: of each cell, and the possible sessions of all. */
interface Mix {
  phase: Phase;
  pupils: number[];
  sessions: number;
}

const models = modelsFor(["marts.contextual_expectations", "marts.band_comparisons", "marts.year_group_comparisons"]);
const bands = table("published_bands");
const figures = table("published_figures");
const cohortFigures = table("published_cohort_figures");

const db = databaseOf(models);

describe("the expectation by the mix of pupils", () => {
  const random = fc.sample(
    fc.uniqueArray(
      fc.record({
        phase: fc.constantFrom(...PHASES),
        // mostly like a school's: few are unclassified
        pupils: fc
          .tuple(...CELLS.map((cell) => fc.nat(isUnclassified(cell) ? 4 : 90)))
          .filter((pupils) => pupils.some((count) => count > 0)),
        sessions: fc.integer({ min: 1, max: 90_000 }),
      }),
      { minLength: 1, maxLength: 3, selector: ({ phase }) => phase },
    ),
    { seed: SEED, numRuns: SCHOOLS },
  );
  const england: Record<Phase, Record<MeasureName, number>> = {
    Primary: { percent_attendance: 94.8349, percent_persistent: 14.039 },
    Secondary: { percent_attendance: 91.8652, percent_persistent: 22.2987 },
    Special: { percent_attendance: 87.0532, percent_persistent: 35.3227 },
  };
  const urn = (i: number) => 999001 + i;
  let made: Record<string, string>[] = [];

  beforeAll(async () => {
    made = await run(
      "marts.contextual_expectations",
      givenSchools(
        random.map((mixes, i) => ({ urn: urn(i), mixes })),
        england,
      ),
      ["school_urn", "measure", "expected_value", "percent_unclassified", "reason"],
    );
  });

  test("is what plain sums over England's bands give, at every school and for the trust", () => {
    const differing = [...random, null].flatMap((mixes, i) =>
      MEASURES.flatMap((measure) => {
        const expected = expectation(mixes ?? pooled(random.flat()), measure, england);
        const row = made.find((one) => one.school_urn === (mixes ? String(urn(i)) : "") && one.measure === measure);
        const same =
          row &&
          (expected.value === null
            ? row.expected_value === ""
            : Math.abs(Number(row.expected_value) - expected.value) < 1e-9) &&
          Math.abs(Number(row.percent_unclassified) - expected.unclassified) < 1e-9;
        return same ? [] : [{ mixes, measure, expected, row }];
      }),
    );
    expect(differing).toEqual([]);
    expect(made).toHaveLength((SCHOOLS + 1) * MEASURES.length);
  });

  test("is there for many of the schools at random and not for others, else it proves nothing", () => {
    const told = made.filter(({ expected_value }) => expected_value !== "").length;
    expect(told).toBeGreaterThan(SCHOOLS / 2);
    expect(made.length - told).toBeGreaterThan(5);
    expect(new Set(made.map(({ reason }) => reason))).toEqual(
      new Set([
        "",
        "more than 10% of pupils have no place in the mix: free school meals or SEND are not recorded, or England has no rate for them",
        "more than 10% of pupils of one phase have no place in the mix: free school meals or SEND are not recorded, or England has no rate for them",
      ]),
    );
  });

  test("of a school with the mix of England's is England's figure", async () => {
    const mixes = PHASES.map((phase) => ({
      phase,
      pupils: CELLS.map((cell) => (hasRate(phase, cell) ? enrolmentsOf(phase, cell) : 0)),
      sessions: 1000,
    }));
    const expected = await run(
      "marts.contextual_expectations",
      givenSchools(
        mixes.map((mix, i) => ({ urn: urn(i), mixes: [mix] })),
        england,
      ),
      ["school_urn", "measure", "expected_value", "england_value", "value"],
    );
    for (const { school_urn, expected_value, england_value } of expected) {
      if (school_urn !== "") expect(Number(expected_value)).toBeCloseTo(Number(england_value), 9);
    }
  });

  test.each([
    { phase: "Primary", eligible: 25, send: 20, points: 0.01 },
    { phase: "Primary", eligible: 50, send: 25, points: 0.05 },
    { phase: "Secondary", eligible: 25, send: 20, points: 0.05 },
    { phase: "Secondary", eligible: 50, send: 25, points: 0.25 },
    { phase: "Special", eligible: 75, send: 100, points: 0.15 },
  ] as const)(
    "hangs little on what the highest band is taken to miss, 60% or 75%: $points points, $phase, $eligible% eligible, $send% SEND",
    ({ phase, eligible, send, points }) => {
      const pupils = CELLS.map((cell) =>
        isUnclassified(cell)
          ? 0
          : (cell.fsm === "eligible" ? eligible : 100 - eligible) * (cell.send === "SEND" ? send : 100 - send),
      );
      const [low, high] = [60, 75].map(
        (top) => expectation([{ phase, pupils, sessions: 1 }], "percent_attendance", england, top).value,
      );
      expect(Math.abs(Number(low) - Number(high))).toBeLessThan(points);
      // it does hang on it, so nothing but this is told of how much
      expect(low).not.toBe(high);
    },
  );
});

describe("England's rates by phase, free school meals and SEND", () => {
  let made: Record<string, string>[] = [];

  beforeAll(async () => {
    made = await run("staging.mix_rates", {}, [
      ...["phase", "fsm", "send", "measure", "enrolments", "rate", "phase_rate", "school_year"],
    ]);
  });

  test("are those of persistent absence that are published by free school meals and SEND, to every digit", () => {
    const compared = cohortFigures
      .filter((row) => row.school_year === "2022/23" && row.breakdown === "fsm_send" && row.phase !== "Total")
      .filter((row) => !/unclassified/.test(row.cohort ?? ""))
      .map((row) => {
        const ours = made.find(
          ({ phase, fsm, send, measure }) =>
            phase === row.phase && `${fsm} / ${send}` === row.cohort && measure === "percent_persistent",
        );
        return [Number(ours?.rate).toFixed(4), Number(row.percent_persistent).toFixed(4)];
      });
    expect(compared).toHaveLength(10);
    expect(compared.filter(([ours, published]) => ours !== published)).toEqual([]);
  });

  test("are absence that is as unequal as DfE's daily series has it: eligible pupils miss 1.9 times as much", () => {
    const absence = made.filter(({ measure }) => measure === "percent_attendance");
    const mean = (fsm: string) => {
      const cells = absence.filter((row) => row.fsm === fsm);
      const enrolments = sum(cells.map((row) => Number(row.enrolments)));
      return sum(cells.map((row) => Number(row.enrolments) * Number(row.rate))) / enrolments;
    };
    expect((mean("eligible") / mean("not eligible")).toFixed(1)).toBe("1.9");
    // autumn 2023 and 2024: 89.6% to 94.5% and 90.0% to 94.8% attended
    expect((10.4 / 5.5).toFixed(1)).toBe("1.9");
    expect((10.0 / 5.2).toFixed(1)).toBe("1.9");
  });

  test("are of no cell of fewer than 1,000 enrolments, and of nobody unclassified", () => {
    expect(new Set(made.map(({ fsm, send }) => `${fsm} / ${send}`)).size).toBe(4);
    expect(made.filter(({ enrolments }) => Number(enrolments) < 1000)).toEqual([]);
    expect(made.filter(({ phase, send }) => phase === "Special" && send === "no SEN")).toEqual([]);
  });
});

describe("a model that is changed so that it compares unlike with unlike breaks a check of its own", () => {
  const periods = (school_year: string, period_type: string) => ({ school_urn: 999001, school_year, period_type });
  const years = ["2022/23", "2024/25"];
  const given: Record<string, Row[]> = {
    "raw.schools": [{ school_urn: 999001, phase: "Primary" }],
    "staging.periods": [
      ...years.map((year) => ({ ...periods(year, "year"), period: year, is_complete: "true" })),
      { ...periods("2022/23", "year_to_date"), period: "to week 12", is_complete: "true" },
    ],
    "staging.phase_weights": [
      ...years.map((year) => ({ ...periods(year, "year"), period: year, phase: "Primary" })),
      { ...periods("2022/23", "year_to_date"), period: "to week 12", phase: "Primary" },
    ].map((row) => ({ ...row, pupils: 50, sessions_possible: 1000 })),
    "marts.attendance_bands": [
      ...years.map((year) => ({ ...periods(year, "year"), period: year })),
      { ...periods("2022/23", "year_to_date"), period: "to week 12" },
    ].map((row) => ({ ...row, basis: "as DfE publishes", ladder: "dfe", band: "0-5", pupils: 30, percent_pupils: 60 })),
    "marts.school_attendance": [
      ...years.map((year) => ({ ...periods(year, "year"), period: year })),
      { ...periods("2022/23", "year_to_date"), period: "to week 12" },
    ].map((row) => ({
      ...{ ...row, basis: "as DfE publishes", breakdown: "year_group", group_name: "3" },
      ...{ pupils: 50, pupils_persistent: 10 },
    })),
    "staging.mix_counts": years.map((year) => ({
      ...{ ...periods(year, "year"), period: year, phase: "Primary" },
      ...{ fsm: "eligible", send: "SEND", pupils: 50 },
    })),
    "staging.area_figures": [
      { year: "2022/23", type: "year", period: "2022/23", series: "accredited, full year" },
      { year: "2022/23", type: "year_to_date", period: "to week 12", series: "daily, year to date" },
    ].map(({ year, type, period, series }) => ({
      ...{ area_code: ENGLAND, phase: "Primary", school_year: year, period_type: type, period },
      ...{ measure: "percent_attendance", value: 94, series },
    })),
    "staging.measured_rates": [
      { ...periods("2022/23", "year"), period: "2022/23" },
      { ...periods("2022/23", "year_to_date"), period: "to week 12" },
    ].map((row) => ({
      ...{ ...row, whose: "own", measure: "percent_attendance", is_higher_better: "true" },
      ...{ method: "ratio over pupils", z: 1.96, pupils: 50, value: 93, variance: 0.0001 },
    })),
  };
  const CHANGES: [what: string, model: string, removed: string[], check: string][] = [
    [
      "bands of one school year beside England's of another",
      "marts.band_comparisons",
      ["and phase_weights.school_year = shares.school_year"],
      "england_school_year is null or england_school_year = school_year",
    ],
    [
      "bands of a year to date beside those of a full year",
      "marts.band_comparisons",
      [" and period_type = 'year'\n"],
      "period_type = 'year' and period = school_year",
    ],
    [
      "a year group of one school year beside England's of another",
      "marts.year_group_comparisons",
      ["and school_attendance.school_year = published.school_year", "and school_attendance.period = published.period"],
      "england_school_year is null or england_school_year = school_year",
    ],
    [
      "a year group's year to date beside a full year",
      "marts.year_group_comparisons",
      [
        "and period_type = 'year' ",
        "and school_attendance.period_type = published.period_type",
        "and school_attendance.period = published.period",
      ],
      "period_type = 'year' and period = school_year",
    ],
    [
      "an expectation of a year to date by the accredited full year",
      "marts.contextual_expectations",
      [
        "and measured_rates.period_type = weighted_benchmarks.period_type",
        "and measured_rates.period = weighted_benchmarks.period",
      ],
      "series is null or (series = 'accredited, full year') = (period_type = 'year')",
    ],
  ];

  test.each(CHANGES)("%s", async (_, name, removed, check) => {
    const model = modelOf(name);
    expect(model.checks).toContain(check);
    const changed = { ...model, sql: removed.reduce((sql, text) => without(sql, text), model.sql) };
    expect(await broken(model, given, check)).toBe(0);
    expect(await broken(changed, given, check)).toBeGreaterThan(0);
  });
});

// --- the expectation in plain arithmetic ---

function expectation(
  mixes: Mix[],
  measure: MeasureName,
  england: Record<Phase, Record<MeasureName, number>>,
  top = 75,
): { value: number | null; unclassified: number } {
  const shares = mixes.map(({ phase, pupils }) => {
    const rated = pupils.map((count, i) => (hasRate(phase, CELLS[i]) ? count : 0));
    const own = sum(rated.map((count, i) => count * (count ? rateOf(phase, measure, top, CELLS[i]) : 0)));
    return {
      all: sum(pupils),
      rated: sum(rated),
      times: own / sum(rated) / rateOf(phase, measure, top),
      missed: measure === "percent_attendance" ? 100 - england[phase][measure] : england[phase][measure],
    };
  });
  const weights = mixes.map(({ pupils, sessions }) => (measure === "percent_attendance" ? sessions : sum(pupils)));
  const missed = sum(shares.map((share, i) => (weights[i] ?? 0) * share.missed * share.times)) / sum(weights);
  const tooMany = shares.some(({ all, rated }) => (all - rated) / all > 0.1);
  return {
    value: tooMany ? null : measure === "percent_attendance" ? 100 - missed : missed,
    unclassified:
      (100 * (sum(shares.map(({ all }) => all)) - sum(shares.map(({ rated }) => rated)))) /
      sum(shares.map(({ all }) => all)),
  };
}

/** The rate of a cell in England, or of all the cells that have one. */
function rateOf(phase: Phase, measure: MeasureName, top: number, cell?: { fsm: string; send: string }): number {
  const chosen = bands.filter(
    (row) =>
      row.phase === phase &&
      (cell ? row.fsm === cell.fsm && row.send === cell.send : CELLS.some((one) => isOf(row, one, phase))),
  );
  if (measure === "percent_persistent") {
    const persistent = chosen.filter(({ band }) => band !== "0-5" && band !== "5-10");
    return (100 * enrolments(persistent)) / enrolments(chosen);
  }
  const ofPhase = bands.filter((row) => row.phase === phase);
  const published = figures.find(
    (row) => row.series === "accredited, full year" && row.phase === phase && row.school_year === "2022/23",
  );
  return middles(chosen, top) - (middles(ofPhase, top) - (100 - Number(published?.percent_attendance)));
}

function middles(chosen: Record<string, string>[], top: number): number {
  const missed = chosen.map(
    ({ band, enrolments }) => Number(enrolments) * (band === "50+" ? top : Number(band?.split("-")[0]) + 2.5),
  );
  return sum(missed) / enrolments(chosen);
}

function hasRate(phase: Phase, cell: { fsm: string; send: string } | undefined): boolean {
  return cell !== undefined && !isUnclassified(cell) && enrolmentsOf(phase, cell) >= 1000;
}

function isOf(row: Record<string, string>, cell: { fsm: string; send: string }, phase: Phase): boolean {
  return row.fsm === cell.fsm && row.send === cell.send && hasRate(phase, cell);
}

function isUnclassified({ fsm, send }: { fsm: string; send: string }): boolean {
  return fsm === "unclassified" || send === "unclassified";
}

function enrolmentsOf(phase: Phase, { fsm, send }: { fsm: string; send: string }): number {
  return enrolments(bands.filter((row) => row.phase === phase && row.fsm === fsm && row.send === send));
}

function enrolments(chosen: Record<string, string>[]): number {
  return sum(chosen.map((row) => Number(row.enrolments)));
}

/** The mixes of several schools together, by phase. */
function pooled(mixes: Mix[]): Mix[] {
  return PHASES.map((phase) => {
    const same = mixes.filter((mix) => mix.phase === phase);
    return {
      phase,
      pupils: CELLS.map((_, i) => sum(same.map(({ pupils }) => pupils[i] ?? 0))),
      sessions: sum(same.map(({ sessions }) => sessions)),
    };
  }).filter(({ pupils }) => sum(pupils) > 0);
}

function sum(numbers: number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

// --- the models on given rows ---

/** Schools of these mixes, at one point of a school year that England's figures stand for. */
function givenSchools(
  schools: { urn: number; mixes: Mix[] }[],
  england: Record<Phase, Record<MeasureName, number>>,
): Record<string, Row[]> {
  const point = { school_year: "2025/26", period_type: "year_to_date", period: "to week 12" };
  const ofSchools = schools.flatMap(({ urn, mixes }) => mixes.map((mix) => ({ school_urn: urn, ...point, mix })));
  return {
    "raw.schools": schools.map(({ urn, mixes }) => ({
      school_urn: urn,
      phase: mixes.length > 1 ? "All-through" : (mixes[0]?.phase ?? ""),
    })),
    "staging.periods": schools.map(({ urn }) => ({ school_urn: urn, ...point, is_complete: "false" })),
    "staging.mix_counts": ofSchools.flatMap(({ mix, ...place }) =>
      mix.pupils.flatMap((pupils, i) => (pupils ? [{ ...place, phase: mix.phase, ...CELLS[i], pupils }] : [])),
    ),
    "staging.phase_weights": ofSchools.map(({ mix, ...place }) => ({
      ...{ ...place, phase: mix.phase },
      ...{ pupils: sum(mix.pupils), sessions_possible: mix.sessions },
    })),
    "staging.area_figures": PHASES.flatMap((phase) =>
      MEASURES.map((measure) => ({
        ...{ area_code: ENGLAND, phase, ...point, measure, value: england[phase][measure] },
        series: "daily, year to date",
      })),
    ),
    "staging.measured_rates": [...schools.map(({ urn }) => urn), null].flatMap((school_urn) =>
      MEASURES.map((measure) => ({ school_urn, whose: "own", ...point, measure, value: 50, pupils: 1 })),
    ),
  };
}

async function run(name: string, given: Record<string, Row[]>, columns: string[]): Promise<Record<string, string>[]> {
  return await runExample(db(), models, modelOf(name), {
    title: name,
    given: Object.entries(given).map(([table, ofTable]) => ({ table, rows: ofTable.map(asText) })),
    expect: [Object.fromEntries(columns.map((column) => [column, ""]))],
  });
}

/** How many rows of the model break one of its checks. */
async function broken(model: Model, given: Record<string, Row[]>, check: string): Promise<number> {
  const checked = { ...model, sql: `select (${check}) as holds from (${model.sql}\n)` };
  const made = await runExample(db(), models, checked, {
    title: model.name,
    given: Object.entries(given).map(([table, ofTable]) => ({ table, rows: ofTable.map(asText) })),
    expect: [{ holds: "" }],
  });
  expect(made.length).toBeGreaterThan(0);
  return made.filter(({ holds }) => holds !== "true").length;
}

function modelOf(name: string): Model {
  const model = models.find((one) => one.name === name);
  if (!model) throw new Error(`there is no model ${name}`);
  return model;
}

/** The SQL without a piece of it, which must be there. */
function without(sql: string, text: string): string {
  expect(sql).toContain(text);
  return sql.replaceAll(text, text.endsWith("\n") ? "\n" : "");
}

function asText(row: Row): Record<string, string> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [column, value === null ? "" : String(value)]),
  );
}

function table(rule: string): Record<string, string>[] {
  return parse(fs.readFileSync(path.join(RULES_FOLDER, `${rule}.csv`)), { columns: true });
}
