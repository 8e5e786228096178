import { rows, withDuckDB } from "../ingest/duckdb.ts";

/** The number that a text shows: its sign from the text's sign or words, null for a dash. */
export function readFigure(text: string): number | null {
  if (text === "–") return null;
  if (/^(unchanged|level with|did not change)$/.test(text)) return 0;
  const [, sign, digits = ""] = /([+−]?)([\d,]+(?:\.\d+)?)/.exec(text) ?? [];
  const size = Number(digits.replaceAll(",", ""));
  return sign === "−" || /\b(lower|below|fell)\b/.test(text) ? -size : size;
}

/** Every figure that the pages may show, by name, straight from the marts. */
export async function figuresOfWarehouse(warehouse: string): Promise<Map<string, number | null>> {
  const figures = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
    rows(
      db,
      `
      with trends as (
        select
          concat_ws('|', coalesce(school_urn::varchar, 'trust'), period_type, school_year, measure) as name,
          if(measure = 'percent_attendance', 1, 0) as places,
          * replace (round(value, places) as value, round(england_value, places) as england_value)
        from marts.three_year_trends
      ),
      since as (
        select
          trends.*,
          trends.value - before.value as since_last,
          trends.value - min_by(trends.value, trends.school_year) over same as since_first,
          trends.england_value - min_by(trends.england_value, trends.school_year) over same as england_since_first
        from trends left join trends as before
          on trends.school_urn is not distinct from before.school_urn
          and trends.period_type = before.period_type
          and trends.measure = before.measure
          and left(trends.school_year, 4)::integer = left(before.school_year, 4)::integer + 1
        window same as (partition by trends.school_urn, trends.period_type, trends.measure)
      ),
      now as (
        select coalesce(school_urn::varchar, 'trust') || '|now|' as name, *
        from marts.school_attendance join marts.trust using (school_year)
        where period_type = 'year_to_date' and breakdown = 'all' and basis = 'as DfE publishes'
      ),
      bands as (
        select school_urn, case band when '0-5' then 1 when '5-10' then 2 when '50+' then 4 else 3 end as position, pupils
        from marts.attendance_bands join marts.trust using (school_year)
        where period_type = 'year_to_date' and basis = 'as DfE publishes' and ladder = 'dfe'
      ),
      days as (
        select school_urn, school_year, period_type, period, avg(days) as days
        from (
          select school_urn, periods.school_year, period_type, period, count(*) as days
          from staging.periods join staging.school_days using (school_urn)
          where session_date between starts_on and ends_on
          group by all
        )
        group by school_year, period_type, period, grouping sets ((school_urn), ())
      ),
      groups as (
        select
          concat_ws('|', coalesce(gaps.school_urn::varchar, 'trust'), 'groups', gaps.breakdown, gaps.cohort) as name,
          5 * round(gaps.pupils / 5) as pupils,
          round(value, 1) as percent_attendance,
          round(others_value, 1) as others_percent_attendance,
          round(round(value, 1) - round(others_value, 1), 1) as gap,
          round(round(others_value, 1) - round(all_value, 1), 1) as points_lost,
          if(gap < 0, 10 * round(5 * round(gaps.pupils / 5) * -gap / 100 * 2 * days / 10), 0) as sessions_lost
        from marts.cohort_gaps as gaps
        join days
          on days.school_urn is not distinct from gaps.school_urn and days.school_year = gaps.school_year
          and days.period_type = gaps.period_type and days.period = gaps.period
        where basis = 'as DfE publishes' and measure = 'percent_attendance'
          and exists (
            from board.cohort_gaps as shown
            where is_current and shown.school_urn is not distinct from gaps.school_urn
              and shown.school_year = gaps.school_year and shown.period_type = gaps.period_type
              and shown.breakdown = gaps.breakdown and shown.cohort = gaps.cohort
          )
      ),
      compared as (
        select *, round(shown - comparator_value, places) as difference_points
        from (
          select
            concat_ws('|', coalesce(school_urn::varchar, 'trust'), 'compare', period_type, measure) as name,
            comparator,
            missing,
            if(measure = 'percent_attendance', 1, 0) as places,
            round(value, places) as shown,
            if(comparator = 'other schools' and places = 0, null, round(comparator_value, places)) as comparator_value
          from marts.benchmark_comparisons left join marts.trust using (school_year)
          where (period_type = 'year_to_date' and trust_name is not null)
            or (period_type = 'year' and school_year = (select max(school_year) from marts.benchmark_comparisons where period_type = 'year'))
        )
      ),
      funnels as (
        select
          concat_ws('|', school_urn, 'funnel', measure) as name,
          5 * round(pupils / 5) as pupils,
          round(value, if(measure = 'percent_attendance', 1, 0)) as value,
          round(comparator, if(measure = 'percent_attendance', 1, 0)) as england_value
        from marts.funnel join marts.trust using (school_year)
        where period_type = 'year_to_date'
      ),
      weeks as (
        select *, round(percent_attendance - england_value, 1) as gap_points
        from (
          select
            concat_ws('|', 'trust', 'weeks', counted_to) as name,
            round(percent_attendance, 1) as percent_attendance,
            round(england_value, 1) as england_value
          from marts.year_in_weeks
          where school_urn is null
        )
      ),
      -- DfE's figures as its files have them, and not as our models pass them on
      dfe as (
        select area_code, upper(phase[1]) || phase[2:] as phase, 'year_to_date' as period_type, measure, number
        from (
          select area_code, split_part(told, '_', 1) as phase, 'percent_' || split_part(told, '_', 2) as measure, number
          from (
            select area_code, published_to_date.* exclude (published_on, area_code)
            from rules.published_to_date
            where published_on = (
              select max_by(published_on, (counted_to, published_on))
              from rules.published_editions join marts.trust on counted_to <= as_at
            )
          ) unpivot (number for told in (columns(* exclude (area_code))))
        )
        union all
        select area_code, phase, 'year', measure, number
        from (
          select area_code, phase, percent_attendance, percent_persistent, percent_severe
          from rules.published_figures
          where series = 'accredited, full year'
            and school_year = (select max(school_year) from marts.benchmark_comparisons where period_type = 'year')
        ) unpivot (number for measure in (percent_attendance, percent_persistent, percent_severe))
      ),
      checks as (
        select
          school_urn, check_name, is_binding, figure,
          -- a band goes by its first number
          if(unit = 'sessions', if(number between 1 and 7, 1, 5 * round(number / 5)), number) as number
        from marts.reconciliation unpivot (number for figure in (expected, found))
      )
      select name || '|value' as name, value as number from since
      union all
        select concat_ws('|', name, comparator, figure), number
        from compared unpivot include nulls (number for figure in (comparator_value, difference_points))
        where missing is null
      union all select distinct name || '|own|value', shown from compared
      union all
        select concat_ws('|', 'dfe', area_name, phase, period_type, measure), number::double
        from dfe join rules.areas using (area_code)
        where phase in (select phase from raw.schools)
          and (area_type = 'country' or area_code in (select unnest([la_code, region_code]) from raw.schools))
      union all
        select name || '|' || figure, number
        from funnels unpivot include nulls (number for figure in (pupils, value, england_value))
      union all
        select name || '|' || figure, number
        from weeks unpivot include nulls (number for figure in (percent_attendance, england_value, gap_points))
      union all select name || '|change_points', round(since_last, places) from since
      union all select name || '|change_since_first', round(since_first, places) from since
      union all select name || '|england_value', england_value from since
      union all select name || '|england_gap', round(value - england_value, places) from since
      union all select name || '|england_change_since_first', round(england_since_first, places) from since
      union all select name || 'pupils', 5 * round(pupils / 5) from now
      union all select name || 'percent_attendance', round(percent_attendance, 1) from now
      union all select name || 'percent_persistent', round(percent_persistent) from now
      union all select name || 'percent_severe', round(percent_severe) from now
      union all
        select
          now.name || unnest(['england_value', 'england_gap']),
          unnest([england_value, round(value - england_value, 1)])
        from now join trends on trends.school_urn is not distinct from now.school_urn
          and trends.school_year = now.school_year and trends.period_type = 'year_to_date' and measure = 'percent_attendance'
      union all
        select concat_ws('|', coalesce(school_urn::varchar, 'trust'), 'bands', position),
          round(100 * sum(pupils) / sum(sum(pupils)) over (partition by school_urn))
        from bands group by school_urn, position
      union all
        select concat_ws('|', coalesce(school_urn::varchar, 'trust'), 'checks', check_name, figure), number
        from checks
        where school_urn is null
          or (figure = 'found' and number > 0 and not is_binding and school_urn in (select school_urn from marts.schools))
      union all
        select name || '|' || figure, number
        from (select * rename (gap as gap_points) from groups) unpivot include nulls (number for figure in (
          pupils, percent_attendance, others_percent_attendance, gap_points, points_lost, sessions_lost
        ))
      union all unpivot (select rows_read, rows_accepted, rows_quarantined, rows_duplicate from marts.trust)
        on columns(*) into name name value number
      `,
    ),
  );
  // -0 is shown as 0
  return new Map(figures.map(({ name, number }) => [String(name), number === null ? null : Number(number) + 0]));
}
