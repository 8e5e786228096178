import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { parse } from "csv-parse/sync";
import { describe, expect, test } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { readProject } from "../ingest/project.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { type Model, readModels } from "../models/model.ts";
import { createTables } from "./examples.ts";
import { built, makeProject, mark, marksFile, PUPILS_HEADER, quietly } from "./project.ts";
import { insertRaw, insertRows, modelsFor } from "./raw_rows.ts";

/** DfE's files as downloaded are not ours to commit: they are read where they lie beside the checkout. */
const PUBLISHED = path.join(import.meta.dirname, "..", "..", "shared", "data", "dfe");
const YEARS = ["2022-23", "2023-24", "2024-25", "2025-26"];
const AS_PUBLISHED = `read_csv(${quote(path.join(PUBLISHED, "ytd_as_published.csv"))}, all_varchar = true, header = true)`;

/** What DfE printed of each edition, area, phase and measure, digit by digit. */
const PRINTED = `
  select published_on::date as published_on, area_code, phase, measure, printed
  from (
    select published_on, area_code, phase,
      attendance_percent as percent_attendance, persistent_absence_percent as percent_persistent
    from ${AS_PUBLISHED}
  ) unpivot (printed for measure in (percent_attendance, percent_persistent))`;

describe.skipIf(!fs.existsSync(PUBLISHED))("DfE's own files beside the checkout", () => {
  test("the store has every figure of every edition as DfE printed it, and no other", async () => {
    const compared = await withDuckDB({}, async (db) => {
      await createRawTables(db);
      await insertSchoolsEverywhere(db);
      await buildModels(db, only("staging.school_areas", "staging.dfe_editions", "staging.benchmarks"), () => {});
      return rows(
        db,
        `with printed as (${PRINTED}),
        shipped as (from staging.benchmarks where series = 'daily, year to date')
        select
          count(distinct published_on)::integer as editions,
          count(distinct area_code)::integer as areas,
          count(printed)::integer as printed,
          count(measure_of_ours)::integer as shipped,
          (count(*) filter (printed = coalesce(symbol, value::varchar) or try_cast(printed as double) = value))::integer as equal
        from (
          select published_on, area_code, printed, shipped.measure as measure_of_ours, symbol, value
          from printed full join shipped using (published_on, area_code, phase, measure)
        )`,
      );
    });
    expect(compared).toEqual([{ editions: 92, areas: 166, printed: 78597, shipped: 78597, equal: 78597 }]);
  });

  test("on the last day of every edition, what a school of any area and phase stands beside is that edition's figure", async () => {
    const compared = await withDuckDB({}, async (db) => {
      await createRawTables(db);
      await createTables(db, modelsFor(["staging.weighted_benchmarks"]));
      await insertSchoolsEverywhere(db);
      await db.run(`
        insert into staging.periods (school_urn, school_year, period_type, period, starts_on, ends_on, is_complete)
        select 100001, school_year, 'year_to_date', 'to ' || counted_to, make_date(left(school_year, 4)::integer, 8, 1),
          counted_to, false
        from (select distinct school_year, counted_to from rules.published_editions)`);
      await make(db, "staging.school_areas", "staging.benchmarks", "staging.area_figures");
      return rows(
        db,
        `with printed as (
          ${PRINTED}
        ),
        -- two editions of September 2022 count to one day, and are alike
        last_editions as (
          select counted_to, max(published_on) as published_on from rules.published_editions group by counted_to
        ),
        wanted as (
          select printed.*, counted_to from printed join last_editions using (published_on)
        )
        select
          count(distinct wanted.counted_to)::integer as days,
          count(*)::integer as printed,
          (count(*) filter (
            ours.published_on = wanted.published_on
            and (printed = ours.symbol or try_cast(printed as double) = ours.value)
          ))::integer as equal
        from wanted left join staging.area_figures as ours
          on ours.period = 'to ' || wanted.counted_to and ours.area_code = wanted.area_code
          and ours.phase = wanted.phase and ours.measure = wanted.measure`,
      );
    });
    const [found] = compared;
    expect(found).toMatchObject({ days: 91 });
    expect(Number(found?.printed)).toBeGreaterThan(78000);
    expect(found?.equal).toBe(found?.printed);
  });

  test("the shipped terms, bands and areas are DfE's own", async () => {
    const compared = await withDuckDB({}, async (db) => {
      await createRawTables(db);
      const file = (name: string) =>
        `read_csv(${quote(path.join(PUBLISHED, name))}, all_varchar = true, header = true)`;
      return rows(
        db,
        `with terms as (
          select school_year, period || ' term' as term, if(phase = 'Total', 'All pupils', phase) as phase,
            unnest(['overall_absence_pct', 'persistent_absence_pct']) as measure,
            unnest([100 - percent_attendance, percent_persistent]) as shipped
          from rules.published_figures where series = 'daily, term'
        ),
        of_terms as (
          select terms.*, value
          from terms left join ${file("national_by_cohort.csv")} as facts
            on facts.year = school_year || ' ' || term and facts."group" = phase and facts.measure = terms.measure
            and facts.series = 'daily_data_term' and facts.verification = 'VERIFIED'
        ),
        counted as (
          unpivot (from ${file("bands_national_by_fsm_sen_yeargroup.csv")} where time_period = '202223')
          on columns('band_') into name band value enrolments
        ),
        of_bands as (
          select shipped.enrolments as shipped, counted.enrolments
          from rules.published_bands as shipped full join counted
            on lower(replace(school_type, 'State-funded ', '')) = lower(shipped.phase)
            and nc_year = year_group and lower(fsm_eligible) = fsm and 'band_' || shipped.band = counted.band
            and send = case left(sen_status, 2) when 'An' then 'SEND' when 'No' then 'no SEN' else 'unclassified' end
        ),
        of_areas as (
          select shipped.area_name as shipped, printed.area_name
          from rules.areas as shipped full join (select distinct area_code, area_name from ${AS_PUBLISHED}) as printed
            using (area_code)
        )
        select 'terms' as what, count(*)::integer as shipped,
          (count(*) filter (abs(value::double - of_terms.shipped) < 1e-9))::integer as equal from of_terms
        union all
        select 'bands', count(*)::integer, (count(*) filter (shipped = enrolments))::integer from of_bands
        union all
        select 'areas', count(*)::integer, (count(*) filter (shipped = area_name))::integer from of_areas
        order by what`,
      );
    });
    expect(compared).toEqual([
      { what: "areas", shipped: 166, equal: 166 },
      { what: "bands", shipped: 2057, equal: 2057 },
      { what: "terms", shipped: 24, equal: 24 },
    ]);
  });

  test("files as downloaded are known for the editions that they are, within 5 seconds of processor time, and add no figure twice", async () => {
    const files = YEARS.map((year) => [`${year}.csv`, fs.readFileSync(path.join(PUBLISHED, `ytd_${year}.csv`))]);
    const project = makeProject(Object.fromEntries(files));
    const before = process.cpuUsage();
    await quietly(project);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(5);
    const editions = await built(
      project,
      "select school_year, published_on::varchar as published_on, counted_to::varchar as counted_to, is_shipped from staging.dfe_editions order by 1",
    );
    expect(editions).toEqual([
      { school_year: "2022/23", published_on: "2023-08-10", counted_to: "2023-07-28", is_shipped: true },
      { school_year: "2023/24", published_on: "2024-08-08", counted_to: "2024-07-26", is_shipped: true },
      { school_year: "2024/25", published_on: "2025-08-07", counted_to: "2025-07-25", is_shipped: true },
      { school_year: "2025/26", published_on: "2026-07-23", counted_to: "2026-07-10", is_shipped: true },
    ]);
  });

  test("an edition that is new comes in with the file, and what DfE holds back in it is not zero", async () => {
    const [header = [], ...printed] = parse(fs.readFileSync(path.join(PUBLISHED, "ytd_2025-26.csv"))) as string[][];
    const at = (name: string) => header.indexOf(name);
    for (const row of printed) {
      const phase = row[at("education_phase")];
      if (row[at("geographic_level")] === "National" && phase === "Primary") row[at("attendance_perc")] = "94.5";
      if (row[at("la_name")] !== "Leeds" || phase !== "Special") continue;
      // as DfE writes the figures of an authority whose only such school has sent registers
      for (const [column, name] of header.entries()) if (/_perc$/.test(name)) row[column] = "c";
    }
    const newer = [header, ...printed].map((row) => row.map((cell) => `"${cell}"`).join(",")).join("\n");
    const project = makeProject({ "ytd.csv": newer });
    await quietly(project);
    const figures = await built(
      project,
      `select
        count(*)::integer as figures,
        (count(symbol))::integer as held_back,
        (count(*) filter (value = 0))::integer as zeros,
        round(max(value) filter (area_code = 'E92000001' and phase = 'Primary' and measure = 'percent_attendance'), 4)
          as england
      from staging.benchmarks where listed_in = 'raw.dfe_figures'`,
    );
    expect(figures).toEqual([{ figures: 24, held_back: 2, zeros: 0, england: 94.5 }]);
  });
});

test("all published figures together are under 2 MB", () => {
  const rules = path.join(import.meta.dirname, "..", "models", "rules");
  const published = fs.readdirSync(rules).filter((name) => /^(published_|areas|benchmark_)/.test(name));
  expect(published).toHaveLength(8);
  expect(published.reduce((bytes, name) => bytes + fs.statSync(path.join(rules, name)).size, 0)).toBeLessThan(2e6);
});

describe("what must not be mixed", () => {
  const OF_A_FULL_YEAR = { series: "accredited, full year", period_type: "year", period: "2025/26" };
  const figure = (given: object) => ({
    area_code: "E92000001",
    area_type: "country",
    phase: "Primary",
    school_year: "2025/26",
    series: "daily, year to date",
    period_type: "year_to_date",
    counted_to: "2026-01-09",
    published_on: "2026-01-22",
    measure: "percent_attendance",
    value: 94.8,
    ...given,
  });

  test.each([
    {
      what: "a full year's figure beside a year to date",
      model: "staging.area_figures",
      from: /on benchmarks\.school_year = periods\.school_year\n.*\n.*\n {4}where is_complete and/,
      to: "on benchmarks.school_year = periods.school_year\n    where",
      benchmarks: [figure({ ...OF_A_FULL_YEAR, counted_to: null, published_on: null })],
      breaks: "(series = 'daily, year to date') = (period_type in ('year_to_date', 'to_half_term'))",
    },
    {
      what: "another school year's figure",
      model: "staging.area_figures",
      from: "join editions on periods.school_year = editions.school_year and",
      to: "join editions on",
      benchmarks: [figure({ school_year: "2024/25" })],
      breaks: "benchmark_school_year = school_year",
    },
    {
      what: "an edition that counts further than we do",
      model: "staging.area_figures",
      from: " and counted_to <= ends_on",
      to: "",
      benchmarks: [figure({ counted_to: "2026-01-23" })],
      breaks: "counted_to is null or counted_to <= ends_on",
    },
    {
      what: "an edition of an earlier point of the year",
      model: "staging.area_figures",
      from: " and counted_to >= ends_on - interval (days) day",
      to: "",
      benchmarks: [figure({ counted_to: "2025-11-21" })],
      breaks: "counted_to is null or counted_to >= ends_on",
    },
    {
      what: "another phase's figure",
      model: "staging.weighted_benchmarks",
      from: "and phase_weights.phase = area_figures.phase",
      to: "",
      benchmarks: [figure({ phase: "Special" })],
      breaks: "value is null or benchmark_phases = phases",
    },
    {
      what: "figures of two series",
      model: "staging.weighted_benchmarks",
      from: "and phase_weights.period_type = area_figures.period_type",
      to: "",
      weighs: ["Primary", "Secondary"],
      benchmarks: [figure({}), figure({ ...OF_A_FULL_YEAR, phase: "Secondary", counted_to: null, published_on: null })],
      areaFigures: true,
      breaks: "value is null or is_one_series",
    },
  ])(
    "the build fails on $what",
    async ({ model: name, from, to, benchmarks, breaks, areaFigures, weighs = ["Primary"] }) => {
      const [model] = only(name);
      if (!model) throw new Error(`no model ${name}`);
      const mutated = model.sql.replace(from, to);
      expect(mutated).not.toBe(model.sql);
      await withDuckDB({}, async (db) => {
        await createRawTables(db);
        await createTables(db, modelsFor(["staging.weighted_benchmarks"]));
        const schools = weighs.map((phase, i) => ({ school_urn: 999001 + i, phase, la_code: "E1", region_code: "E2" }));
        await insertRaw(db, { schools });
        await make(db, "staging.school_areas");
        await replace(db, "staging.periods", [
          {
            school_urn: 999001,
            school_year: "2025/26",
            period_type: "year_to_date",
            period: "to week 2",
            ends_on: "2026-01-09",
          },
        ]);
        await replace(
          db,
          "staging.phase_weights",
          weighs.map((phase, i) => ({
            school_urn: 999001 + i,
            school_year: "2025/26",
            period_type: "year_to_date",
            period: "to week 2",
            phase,
            pupils: 10,
            sessions_possible: 1000,
          })),
        );
        if (areaFigures) {
          const placed = benchmarks.map((one) => ({ ...one, period: "to week 2" }));
          await replace(db, "staging.area_figures", placed);
        } else {
          await replace(db, "staging.benchmarks", benchmarks);
          if (name !== "staging.area_figures") await make(db, "staging.area_figures");
        }
        await db.run(`drop table ${name}`);
        const build = buildModels(db, [{ ...model, sql: mutated }], () => {});
        await expect(build).rejects.toThrow(`break the check "${breaks}`);
      });
    },
  );
});

test("an all-through school stands beside both phases, by the year groups of its pupils", async () => {
  const yearGroups = ["5", "6", "6", "6", "7", "8"];
  const upn = (pupil: number) => `${"ABCDEF"[pupil]}825999924017`;
  const pupils = yearGroups.map((group, i) => `999002,${upn(i)},${group},2024-09-01,,false,2025-09-05`);
  const { dir } = makeProject({
    "pupils.csv": [PUPILS_HEADER, ...pupils, ""].join("\n"),
    "marks.csv": marksFile(...yearGroups.map((_, i) => mark({ urn: "999002", upn: upn(i) }))),
  });
  const yaml = path.join(dir, "rollbook.yaml");
  const text = fs.readFileSync(yaml, "utf8");
  fs.writeFileSync(yaml, text.replace("phase: Secondary", "phase: All-through").replace("2026-03-20", "2025-10-10"));
  const project = readProject(dir);
  await quietly(project);
  const [beside] = await built(
    project,
    `select value, phases from staging.weighted_benchmarks
    where school_urn = 999002 and period_type = 'year_to_date' and school_year = '2025/26' and area_type = 'country'
      and measure = 'percent_attendance'`,
  );
  // England to 10 October 2025, published on the 23rd: primary 95.715, secondary 93.0595
  expect(beside?.phases).toBe("Primary, Secondary");
  expect(beside?.value).toBeCloseTo((4 * 95.715 + 2 * 93.0595) / 6, 10);
});

// --- internal ---

/** A school in every local authority, so that every figure of DfE's has somebody to stand beside it. */
async function insertSchoolsEverywhere(db: DuckDBConnection): Promise<void> {
  await db.run(`
    insert into raw.schools (school_urn, school_name, phase, la_code, region_code)
    select row_number() over () + 100000, area_name, 'Primary', area_code, region_code
    from rules.areas where area_type = 'local authority'`);
}

function only(...names: string[]): Model[] {
  return readModels().filter(({ name }) => names.includes(name));
}

/** Fills the empty tables of models from what they are made from, as a build would. */
async function make(db: DuckDBConnection, ...names: string[]): Promise<void> {
  for (const { name, sql } of only(...names)) await db.run(`delete from ${name}; insert into ${name} ${sql}`);
}

/** The rows that a table has from now on. */
async function replace(db: DuckDBConnection, table: string, given: object[]): Promise<void> {
  await db.run(`delete from ${table}`);
  await insertRows(db, { [table]: given });
}
