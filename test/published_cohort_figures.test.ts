import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { readRules } from "../models/rules.ts";

/** DfE's files as downloaded are not ours to commit: they are read where they lie beside the checkout. */
const PUBLISHED = path.join(import.meta.dirname, "..", "..", "shared", "data", "dfe");
const FACTS = asText("national_by_cohort.csv");
const BANDS = asText("bands_national_by_fsm_sen_yeargroup.csv");

const RULES = ["published_cohort_figures", "published_figures", "cohorts", "cohort_breakdowns", "cohort_intersections"];

const ACCREDITED = "accredited, full year";
const DAILY = "daily, term";
const CARE = "children in need and looked after, full year";

/** Complete years as they usually are: no 2019/20 was published, and 2020/21 was spent half at home. */
const BAND_YEARS = "('2018/19', '2021/22', '2022/23')";
const CARE_YEARS = "('2018/19', '2021/22', '2022/23', '2023/24', '2024/25')";

/** Enrolments in England below which a share of them is no benchmark: with 1,000 it is known to about 3 points. */
const FEWEST_ENROLMENTS = 1000;

/** Figures that people have read in DfE's publications or recomputed from its counts, to the digits given. */
const KNOWN = [
  [ACCREDITED, "2021/22", "Total", "fsm", "eligible", null, "37.19", "3.03"],
  [ACCREDITED, "2021/22", "Total", "fsm", "not eligible", null, "17.54", "0.89"],
  [ACCREDITED, "2022/23", "Total", "fsm", "eligible", null, "36.50", "3.78"],
  [ACCREDITED, "2022/23", "Total", "fsm", "not eligible", null, "15.58", "1.05"],
  [ACCREDITED, "2022/23", "Total", "fsm", "unclassified", null, "58.7", "33.3"],
  [ACCREDITED, "2021/22", "Total", "send", "SEND", null, "33.12", "3.49"],
  [ACCREDITED, "2021/22", "Total", "send", "no SEN", null, "20.00", "0.98"],
  [ACCREDITED, "2022/23", "Total", "send", "SEND", null, "32.24", "4.35"],
  [ACCREDITED, "2022/23", "Total", "send", "no SEN", null, "18.44", "1.19"],
  [ACCREDITED, "2022/23", "Secondary", "fsm_send", "eligible / SEND", null, "53.9", "11.8"],
  [ACCREDITED, "2022/23", "Secondary", "fsm_send", "eligible / no SEN", null, "42.2", "5.5"],
  [ACCREDITED, "2022/23", "Secondary", "fsm_send", "not eligible / SEND", null, "30.4", "5.1"],
  [ACCREDITED, "2022/23", "Secondary", "fsm_send", "not eligible / no SEN", null, "18.7", "1.3"],
  ...["19.4", "16.6", "15.5", "15.6", "15.9", "16.0", "20.2", "25.7", "29.1", "30.0", "30.7"].map(
    (persistent, before) => [ACCREDITED, "2022/23", "Total", "year_group", `${before + 1}`, null, persistent, null],
  ),
  [ACCREDITED, "2022/23", "Total", "sex", "F", null, "21.42", "2.09"],
  [DAILY, "2023/24", "Total", "fsm", "eligible", "89.6", "33.0", null],
  [DAILY, "2023/24", "Total", "fsm", "not eligible", "94.5", "15.6", null],
  [DAILY, "2023/24", "Total", "sen", "EHC plan", "87.6", "34.6", null],
  [DAILY, "2024/25", "Total", "fsm", "eligible", "90.0", "31.7", null],
  [DAILY, "2024/25", "Total", "sen", "EHC plan", "86.9", "35.1", null],
  [DAILY, "2024/25", "Total", "sen", "SEN support", "89.9", "29.0", null],
  [DAILY, "2024/25", "Total", "sen", "no SEN", "94.2", "17.0", null],
  [DAILY, "2025/26", "Total", "fsm", "eligible", "89.71", "32.60", null],
  [CARE, "2018/19", "Total", "social_worker", "child in need", "88.5", "33.3", "5.1"],
  [CARE, "2022/23", "Total", "social_worker", "looked after", "91.7", "20.0", "4.9"],
  [CARE, "2024/25", "Total", "social_worker", "child in need", "82.6", "46.0", "11.3"],
  [CARE, "2024/25", "Total", "social_worker", "child protection plan", "78.2", "55.4", "15.4"],
  [CARE, "2024/25", "Secondary", "social_worker", "child protection plan", "67.8", "69.8", "27.8"],
  [CARE, "2024/25", "Primary", "social_worker", "looked after", "96.2", "7.5", "0.8"],
];

describe("England's published figures of cohorts", () => {
  test("name each cohort of a series, phase and school year once", async () => {
    const twice = await query(`
      select series, area_code, phase, school_year, breakdown, cohort, count(*)::integer as times
      from published_cohort_figures
      group by all having times > 1`);
    expect(twice).toEqual([]);
  });

  test("are per cents, with no more pupils severely than persistently absent, and none without a figure", async () => {
    const wrong = await query(`
      from published_cohort_figures
      where not coalesce(percent_attendance between 0 and 100, true)
        or not coalesce(percent_persistent between 0 and 100, true)
        or (percent_severe is not null and not coalesce(percent_severe between 0 and percent_persistent, false))
        or coalesce(percent_attendance, percent_persistent, percent_severe) is null`);
    expect(wrong).toEqual([]);
  });

  test("are of the cohorts that the marts count, by the same names", async () => {
    const strangers = await query(`
      with known as (
        select breakdown, cohort from cohorts
        union
        select breakdown, otherwise from cohort_breakdowns
      ),
      parts as (
        select distinct breakdown, cohort, unnest(string_split(cohort, ' / ')) as part,
          unnest(range(1, 1 + len(string_split(cohort, ' / ')))) as position
        from published_cohort_figures
      )
      select parts.breakdown, parts.cohort
      from parts
      left join cohort_intersections as intersections
        on parts.breakdown = intersections.breakdown and parts.position = intersections.position
      left join known
        on known.breakdown = coalesce(intersections.of_breakdown, parts.breakdown) and known.cohort = part
      where known.cohort is null`);
    expect(strangers).toEqual([]);
  });

  test("of three series never mix: each has its own publication, cohorts and measures", async () => {
    const series = await query(`
      select
        series, regexp_extract(source, '^DfE: [^;,]*') as publication,
        array_to_string(list_sort(list_distinct(list(breakdown))), ' ') as breakdowns,
        bool_or(percent_attendance is not null) as attendance, bool_or(percent_severe is not null) as severe,
        min(school_year) as first_year, max(school_year) as last_year
      from published_cohort_figures
      group by 1, 2 order by 1`);
    expect(series).toEqual([
      {
        series: ACCREDITED,
        publication: "DfE: Pupil absence in schools in England",
        breakdowns: "fsm fsm_send send sex year_group",
        attendance: false,
        severe: true,
        first_year: "2018/19",
        last_year: "2022/23",
      },
      {
        series: CARE,
        publication: "DfE: Outcomes for children in need",
        breakdowns: "social_worker",
        attendance: true,
        severe: true,
        first_year: "2018/19",
        last_year: "2024/25",
      },
      {
        series: DAILY,
        publication: "DfE: Pupil attendance in schools",
        breakdowns: "fsm sen sex",
        attendance: true,
        severe: false,
        first_year: "2023/24",
        last_year: "2025/26",
      },
    ]);
  });

  test("are England's, by the phases of the figures of all pupils, under their licence", async () => {
    const kinds = await query(`
      select distinct area_code, licence from published_cohort_figures
      union all
      select distinct phase, null from published_cohort_figures
      where phase not in (select phase from published_figures)`);
    expect(kinds).toEqual([{ area_code: "E92000001", licence: "Open Government Licence v3.0" }]);
  });

  test("of all phases together lie between those of the phases", async () => {
    const outside = await query(`
      select school_year, breakdown, cohort
      from published_cohort_figures
      where series = '${ACCREDITED}' and breakdown <> 'sex'
      group by all
      having not coalesce(
        max(percent_persistent) filter (phase = 'Total') between min(percent_persistent) filter (phase <> 'Total')
          and max(percent_persistent) filter (phase <> 'Total')
        and max(percent_severe) filter (phase = 'Total') between min(percent_severe) filter (phase <> 'Total')
          and max(percent_severe) filter (phase <> 'Total'), false)`);
    expect(outside).toEqual([]);
  });

  test("hold every figure that is known from elsewhere", async () => {
    const shipped = await query("from published_cohort_figures");
    for (const [series, school_year, phase, breakdown, cohort, ...figures] of KNOWN) {
      const key = { series, school_year, phase, breakdown, cohort };
      const found = shipped.filter((row) => Object.entries(key).every(([column, value]) => row[column] === value));
      expect(found, JSON.stringify(key)).toHaveLength(1);
      for (const [column, figure] of figures.entries()) {
        const measure = ["percent_attendance", "percent_persistent", "percent_severe"][column] ?? "";
        if (figure) expect(Number(found[0]?.[measure]).toFixed(decimals(figure)), JSON.stringify(key)).toBe(figure);
      }
    }
  });
});

describe.skipIf(!fs.existsSync(PUBLISHED))("DfE's own files of cohorts beside the checkout", () => {
  test("hold as many pupils in each absence band as give the published figures of all pupils", async () => {
    const compared = await query(`
      with ${COUNTS},
      shares as (
        select school_year, phase, 100.0 * sum(persistent) / sum(enrolments) as persistent,
          100.0 * sum(severe) / sum(enrolments) as severe
        from counts group by all
      )
      select count(*)::integer as published, (count(*) filter (
          abs(persistent - percent_persistent) < 0.00501 and abs(severe - percent_severe) < 0.00501
        ))::integer as equal
      from published_figures join shares using (school_year, phase)
      where series = '${ACCREDITED}'`);
    expect(compared).toEqual([{ published: 8, equal: 8 }]);
  });

  test("give every shipped share of enrolments, and no other of 1,000 enrolments or more", async () => {
    const { differing, shipped } = await besideExpected(
      `
      with ${COUNTS}, ${shippedWhere(`series = '${ACCREDITED}' and breakdown <> 'sex'`)},
      by_cohort as (
        select school_year, phase, 'fsm' as breakdown, fsm as cohort, enrolments, persistent, severe from counts
        union all
        select school_year, phase, 'send', send, enrolments, persistent, severe from counts
        union all
        select school_year, phase, 'fsm_send', fsm || ' / ' || send, enrolments, persistent, severe from counts
        union all
        select school_year, phase, 'year_group', nc_year, enrolments, persistent, severe from counts
      ),
      expected as (
        select school_year, phase, breakdown, cohort, null::double as attendance,
          100.0 * sum(persistent) / sum(enrolments) as persistent, 100.0 * sum(severe) / sum(enrolments) as severe
        from by_cohort
        where school_year in ${BAND_YEARS}
        group by all
        having sum(enrolments) >= ${FEWEST_ENROLMENTS}
      )`,
      0.00005,
    );
    expect(differing).toEqual([]);
    expect(shipped).toBe(234);
  });

  test.each([
    { which: "of girls and boys", breakdowns: "in ('sex')", points: 1e-9, figures: 6 },
    {
      which: "of the other cohorts again to two decimals",
      breakdowns: "in ('fsm', 'send', 'year_group')",
      points: 0.00501,
      figures: 51,
    },
  ])("give the shares $which, as summed by others", async ({ breakdowns, points, figures }) => {
    const { differing, shipped } = await besideExpected(
      `
      with ${shippedWhere(`series = '${ACCREDITED}' and phase = 'Total' and breakdown ${breakdowns}`)},
      expected as (
        select year as school_year, 'Total' as phase,
          case
            when "group" like 'FSM %' then 'fsm'
            when "group" like 'NC year %' then 'year_group'
            when "group" like 'Sex %' then 'sex'
            when "group" in ('Any special educational need', 'No identified special educational need', 'Unclassified')
              then 'send'
          end as breakdown,
          case "group"
            when 'FSM Eligible' then 'eligible'
            when 'FSM Not Eligible' then 'not eligible'
            when 'FSM Unclassified' then 'unclassified'
            when 'Any special educational need' then 'SEND'
            when 'No identified special educational need' then 'no SEN'
            when 'Unclassified' then 'unclassified'
            when 'Sex Female' then 'F'
            when 'Sex Male' then 'M'
            else ltrim(right("group", 2), '0')
          end as cohort,
          null::double as attendance,
          max(value::double) filter (measure = 'persistent_absence_pct') as persistent,
          max(value::double) filter (measure = 'severe_absence_pct') as severe
        from ${FACTS}
        where series = 'derived_from_accredited_counts' and year in ${BAND_YEARS} and breakdown ${breakdowns}
        group by all
      )`,
      points,
    );
    expect(differing).toEqual([]);
    expect(shipped).toBe(figures);
  });

  test("give every shipped figure of the autumn terms, and no other that was read in DfE's own words", async () => {
    const { differing, shipped } = await besideExpected(`
      with ${shippedWhere(`series = '${DAILY}'`)},
      expected as (
        select left(year, 7) as school_year, 'Total' as phase,
          if("group" like 'FSM %', 'fsm', if("group" like 'Sex %', 'sex', 'sen')) as breakdown,
          case "group"
            when 'FSM Eligible' then 'eligible'
            when 'FSM Not Eligible' then 'not eligible'
            when 'SEN EHC plan' then 'EHC plan'
            when 'SEN none' then 'no SEN'
            when 'Sex Female' then 'F'
            when 'Sex Male' then 'M'
            else "group"
          end as cohort,
          100 - max(value::double) filter (measure = 'overall_absence_pct') as attendance,
          max(value::double) filter (measure = 'persistent_absence_pct') as persistent,
          null::double as severe
        from ${FACTS}
        where series = 'daily_data_term' and verification = 'VERIFIED' and year like '%autumn term'
          and "group" not in ('All pupils', 'Primary', 'Secondary', 'Special')
        group by all
      )`);
    expect(differing).toEqual([]);
    expect(shipped).toBe(14);
  });

  test("give every shipped figure of children with a social worker, and no other of the usual years", async () => {
    const { differing, shipped } = await besideExpected(`
      with ${shippedWhere(`series = '${CARE}'`)},
      expected as (
        select year as school_year,
          case
            when "group" like '% | State-funded primary' then 'Primary'
            when "group" like '% | State-funded secondary' then 'Secondary'
            when "group" like '% | Special' then 'Special'
            when "group" not like '% | %' then 'Total'
          end as phase,
          'social_worker' as breakdown,
          case left("group", 3)
            when 'CIN' then 'child in need'
            when 'CPP' then 'child protection plan'
            when 'CLA' then 'looked after'
          end as cohort,
          100 - max(value::double) filter (measure = 'overall_absence_pct') as attendance,
          max(value::double) filter (measure = 'persistent_absence_pct') as persistent,
          max(value::double) filter (measure = 'severe_absence_pct') as severe
        from ${FACTS}
        where series = 'cin_outcomes_pupil_based' and verification = 'VERIFIED' and year in ${CARE_YEARS}
          and "group" not like '%alternative provision%'
        group by all
      )`);
    expect(differing).toEqual([]);
    expect(shipped).toBe(60);
  });
});

// --- internal ---

/** Enrolments by phase and by all phases, free school meals, SEN and year group, as `counts`. */
const COUNTS = `counts as (
  select
    left(time_period, 4) || '/' || right(time_period, 2) as school_year,
    unnest([if(school_type = 'Special', 'Special', upper(school_type[14]) || school_type[15:]), 'Total']) as phase,
    lower(fsm_eligible) as fsm,
    case sen_status
      when 'Any special educational need' then 'SEND'
      when 'No identified special educational need' then 'no SEN'
      else lower(sen_status)
    end as send,
    nc_year,
    "band_10-15"::bigint + "band_15-20"::bigint + "band_20-25"::bigint + "band_25-30"::bigint + "band_30-35"::bigint
      + "band_35-40"::bigint + "band_40-45"::bigint + "band_45-50"::bigint + "band_50+"::bigint as persistent,
    persistent + "band_0-5"::bigint + "band_5-10"::bigint as enrolments,
    "band_50+"::bigint as severe
  from ${BANDS}
)`;

/** A file of DfE's as a table of text. */
function asText(name: string): string {
  return `read_csv('${path.join(PUBLISHED, name)}', all_varchar = true, header = true)`;
}

/** The rows shipped that a condition picks, as `shipped`. */
function shippedWhere(condition: string): string {
  return `shipped as (from published_cohort_figures where ${condition})`;
}

/** How many rows are `shipped`, and those not `expected` so, to within some points, with those expected in vain. */
async function besideExpected(tables: string, points = 1e-9) {
  const differs = (measure: string) => `not coalesce(
    abs(percent_${measure} - ${measure}) <= ${points}, percent_${measure} is null and ${measure} is null)`;
  const differing = await query(`
    ${tables},
    beside as (
      select columns(* exclude (source, published_on, licence, series, period, area_code)),
        shipped.source is null as is_missing
      from shipped full join expected using (school_year, phase, breakdown, cohort)
    )
    from beside
    where is_missing or ${["attendance", "persistent", "severe"].map(differs).join(" or ")}`);
  const [counted] = await query(`${tables} select count(*)::integer as shipped from shipped`);
  return { differing, shipped: counted?.shipped };
}

/** What a query finds in the rules about cohorts and published figures. */
async function query(sql: string) {
  return withDuckDB({}, async (db) => {
    await readRules(db, "temp", RULES);
    return rows(db, sql);
  });
}

function decimals(figure: string): number {
  return figure.split(".")[1]?.length ?? 0;
}
