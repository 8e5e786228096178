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
      await createRawTables(db);
      await buildModels(db, readModels(), () => {});
      await db.run(`attach '${warehouse}' as published (read_only)`);
      await db.run(`
        insert into staging.code_counts (school_urn, pupil_key, school_year, period_type, period, code, code_from, sessions)
        select 999001, area_code || phase, time_period, 'year', time_period, code, code_from, sessions
        from published.staging.dfe_counts`);
      await db.run("delete from marts.pupil_attendance");
      const model = readModels().find(({ name }) => name === "marts.pupil_attendance");
      await db.run(`insert into marts.pupil_attendance ${model?.sql}`);
      return rows(
        db,
        `with ours as (
          select
            school_year as time_period, pupil_key,
            sum(sessions_possible) as possible, sum(sessions_attended) as attended, sum(sessions_absent) as absent,
            sum(sessions_unauthorised) as unauthorised, sum(sessions_late_before_close + sessions_late_after_close) as late
          from marts.pupil_attendance group by all
        ),
        theirs as (
          select time_period, area_code || phase as pupil_key,
            max(value) filter (column_name = 'possible_sessions') as possible,
            max(value) filter (column_name = 'overall_attendance') as attended,
            max(value) filter (column_name = 'overall_absence') as absent,
            max(value) filter (column_name = 'unauthorised_absence') as unauthorised,
            max(value) filter (column_name = 'late_sessions') as late
          from published.raw.dfe_figures group by all having possible is not null
        ),
        unexplained as (
          select time_period, area_code || phase as pupil_key, max(sessions_unexplained) as sessions
          from published.marts.dfe_reconciliation group by all
        )
        select
          count(*)::integer as areas,
          (count(*) filter (
            ours.attended = theirs.attended
            and ours.unauthorised = theirs.unauthorised
            and ours.late = theirs.late
            and ours.absent + sessions = theirs.absent
            and ours.possible + sessions = theirs.possible
          ))::integer as equal
        from theirs left join ours using (time_period, pupil_key) left join unexplained using (time_period, pupil_key)`,
      );
    });
    expect(compared).toEqual([{ areas: 2107, equal: 2107 }]);
  });

  test("every shipped figure of the daily series is the one that DfE published", async () => {
    const compared = await withDuckDB({}, async (db) => {
      await createRawTables(db);
      return rows(
        db,
        `with shipped as (
          from rules.published_figures where series = 'daily, year to date'
        ),
        published as (
          select
            published_on::date as published_on, phase, left(time_period, 4) || '/' || right(time_period, 2) as school_year,
            attendance_percent::double as percent_attendance,
            try_cast(persistent_absence_percent as double) as percent_persistent
          from read_csv('${path.join(PUBLISHED, "ytd_as_published.csv")}', all_varchar = true, header = true)
          where area_code = 'E92000001'
        )
        select
          count(*)::integer as shipped,
          (count(*) filter (
            published.percent_attendance = shipped.percent_attendance
            and published.percent_persistent is not distinct from shipped.percent_persistent
          ))::integer as equal
        from shipped left join published using (published_on, phase, school_year)`,
      );
    });
    expect(compared).toEqual([{ shipped: 364, equal: 364 }]);
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
