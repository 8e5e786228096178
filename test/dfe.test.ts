import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { dataFolders } from "../ingest/lake.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { readModels } from "../models/model.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { built, inUse, makeProject, quietly } from "./project.ts";

/** DfE's files as downloaded are not ours to commit: they are read where they lie beside the checkout. */
const PUBLISHED = path.join(import.meta.dirname, "..", "..", "shared", "data", "dfe");
const YEARS = ["2022-23", "2023-24", "2024-25", "2025-26"];

/** What DfE's methodology and files leave unexplained, by file: rows with some, and England's sessions in all. */
const UNEXPLAINED = [
  { time_period: "202223", unsuppressed: 483, rows: 417, sessions: 206334 },
  { time_period: "202324", unsuppressed: 490, rows: 135, sessions: 1005 },
  { time_period: "202425", unsuppressed: 491, rows: 56, sessions: 908 },
  { time_period: "202526", unsuppressed: 643, rows: 51, sessions: 106 },
];

/** Areas that DfE publishes unsuppressed, by file, level and phase: local authorities' totals only since 2025/26. */
const AREAS = [
  { time_period: "202223", authorities: { Primary: 151, Secondary: 151, Special: 141 } },
  { time_period: "202324", authorities: { Primary: 151, Secondary: 151, Special: 148 } },
  { time_period: "202425", authorities: { Primary: 151, Secondary: 151, Special: 149 } },
  { time_period: "202526", authorities: { Primary: 151, Secondary: 151, Special: 150, Total: 151 } },
].flatMap(({ time_period, authorities }) => [
  ...["Primary", "Secondary", "Special", "Total"].map((phase) => [time_period, "National", phase, 1]),
  ...["Primary", "Secondary", "Special", "Total"].map((phase) => [time_period, "Regional", phase, 9]),
  ...Object.entries(authorities).map(([phase, areas]) => [time_period, "Local authority", phase, areas]),
]);

describe.skipIf(!fs.existsSync(PUBLISHED))("DfE's own files beside the checkout", () => {
  test("our codes and arithmetic reproduce every published percentage, and list what DfE leaves unexplained", async () => {
    const files = YEARS.map((year) => [`${year}.csv`, fs.readFileSync(path.join(PUBLISHED, `ytd_${year}.csv`))]);
    const project = makeProject(Object.fromEntries(files));
    const { loads } = await quietly(project);
    expect(loads.map((load) => [load.rows_read, load.rows_accepted])).toEqual([
      [493, 493],
      [494, 494],
      [494, 494],
      [647, 647],
    ]);

    const differing = await built(
      project,
      "select * from marts.dfe_reconciliation where abs(our_percent - dfe_percent) >= 1e-6 or our_percent is null",
    );
    expect(differing).toEqual([]);

    const unexplained = await inUse(
      project,
      `select
        time_period,
        count(*)::integer as unsuppressed,
        (count(*) filter (sessions_unexplained <> 0))::integer as rows,
        (sum(sessions_unexplained) filter (area_code = 'E92000001' and phase = 'Total'))::integer as sessions
      from marts.dfe_reconciliation
      where measure = 'authorised absence'
      group by all order by all`,
    );
    expect(unexplained).toEqual(UNEXPLAINED);

    // the very SQL that counts pupils, given DfE's counts as if each area and phase were one enrolment
    const { path: warehouse } = warehouseInUse(dataFolders(project).warehouse);
    const compared = await withDuckDB({}, async (db) => {
      const models = readModels();
      await createRawTables(db);
      await buildModels(db, models, () => {});
      await db.run(`attach '${warehouse}' as published (read_only)`);
      // a code counts as on the first day of the edition that DfE counts it by, so that one it has dropped still counts
      await db.run(`
        insert into staging.stretch_counts (school_urn, pupil_key, stretch_from, code, sessions)
        select 999001, concat_ws('|', time_period, area_code, phase), code_from, code, sessions
        from published.staging.dfe_counts`);
      await db.run(`
        insert into staging.period_stretches (school_urn, stretch_from, school_year, period_type, period)
        select distinct 999001, stretch_from, 'all', 'year', 'all' from staging.stretch_counts`);
      for (const name of ["staging.pupil_stretches", "marts.pupil_attendance"]) {
        await db.run(`insert into ${name} ${models.find((model) => model.name === name)?.sql}`);
      }
      return rows(
        db,
        `with activities as (
          select pupil_key, sum(sessions_present) as present, sum(sessions_approved_activity) as activity
          from staging.pupil_stretches
          group by pupil_key
        ),
        ours as (
          select
            pupil_attendance.pupil_key, present, activity,
            sessions_possible as possible, sessions_attended as attended, sessions_absent as absent,
            sessions_unauthorised as unauthorised, sessions_late_before_close + sessions_late_after_close as late
          from marts.pupil_attendance as pupil_attendance
          join activities on pupil_attendance.pupil_key = activities.pupil_key
          where basis = 'everyone on roll'
        ),
        theirs as (
          select
            time_period, geographic_level, phase, concat_ws('|', time_period, area_code, phase) as pupil_key,
            max(value) filter (column_name = 'possible_sessions') as possible,
            max(value) filter (column_name = 'overall_attendance') as attended,
            max(value) filter (column_name = 'present_sessions') as present,
            max(value) filter (column_name = 'approved_educational_activity') as activity,
            max(value) filter (column_name = 'overall_absence') as absent,
            max(value) filter (column_name = 'unauthorised_absence') as unauthorised,
            max(value) filter (column_name = 'late_sessions') as late
          from published.raw.dfe_figures
          group by time_period, geographic_level, area_code, phase
          having possible is not null
        ),
        percents as (
          select
            concat_ws('|', time_period, area_code, phase) as pupil_key,
            max(sessions_unexplained) as unexplained,
            max(abs(our_percent - dfe_percent)) as points
          from published.marts.dfe_reconciliation
          group by time_period, area_code, phase
        ),
        beside as (
          select
            theirs.*, unexplained, points,
            greatest(
              abs(ours.attended - theirs.attended),
              abs(ours.present - theirs.present),
              abs(ours.activity - theirs.activity),
              abs(ours.unauthorised - theirs.unauthorised),
              abs(ours.late - theirs.late),
              abs(ours.absent + unexplained - theirs.absent),
              abs(ours.possible + unexplained - theirs.possible)
            ) as difference
          from theirs
          left join ours on theirs.pupil_key = ours.pupil_key
          left join percents on theirs.pupil_key = percents.pupil_key
        )
        select
          time_period, geographic_level as level, phase,
          count(*)::integer as areas,
          (count(*) filter (difference = 0))::integer as equal,
          max(coalesce(difference, possible))::bigint::integer as sessions_apart,
          round(max(coalesce(points, 100)), 6) as points_apart,
          sum(unexplained)::integer as in_no_reason
        from beside
        group by time_period, geographic_level, phase
        order by time_period, case geographic_level when 'National' then 1 when 'Regional' then 2 else 3 end, phase`,
      );
    });
    // sessions that are in none of DfE's reasons (UNEXPLAINED) are added to ours, and shown in the last column
    console.table(compared);
    expect(compared.map(({ time_period, level, phase, areas }) => [time_period, level, phase, areas])).toEqual(AREAS);
    expect(compared.filter(({ areas, equal }) => areas !== equal)).toEqual([]);
    expect(compared.filter(({ sessions_apart, points_apart }) => sessions_apart !== 0 || points_apart !== 0)).toEqual(
      [],
    );
    expect(compared.reduce((sum, { areas }) => sum + Number(areas), 0)).toBe(2107);
  });

  test("every shipped figure of the accredited series is the one that DfE published", async () => {
    const compared = await withDuckDB({}, async (db) => {
      await createRawTables(db);
      return rows(
        db,
        `with published as (
          select year as school_year, if("group" = 'All pupils', 'Total', "group") as phase, measure, value::double as value
          from read_csv('${path.join(PUBLISHED, "national_by_cohort.csv")}', all_varchar = true, header = true)
          where series = 'accredited_full_year'
        ),
        shipped as (
          from rules.published_figures where series = 'accredited, full year'
        ),
        beside as (
          select
            shipped.*,
            max(value) filter (measure = 'overall_absence_pct') as absence,
            max(value) filter (measure = 'persistent_absence_pct') as persistent,
            max(value) filter (measure = 'severe_absence_pct') as severe
          from shipped left join published using (school_year, phase)
          group by all
        )
        select
          count(*)::integer as shipped,
          (count(*) filter (
            abs(100 - absence - percent_attendance) < 1e-9 and persistent = percent_persistent and severe = percent_severe
          ))::integer as equal
        from beside`,
      );
    });
    expect(compared).toEqual([{ shipped: 16, equal: 16 }]);
  });
});
