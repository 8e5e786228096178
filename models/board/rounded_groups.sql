-- The pupils, attendance and persistent absence of every group that a board may see, rounded for publication: cohorts and
-- cells of intersections alike.
--
-- Pupils are to the nearest 5, attendance to 0.1, persistent absence to the nearest `percent_step` per cent of pupils, which
-- is 1, or 5 or 10 in groups in which one pupil is more than that. It is shown only where in every group of the breakdown
-- some pupils are persistently absent and some are not (rules.disclosure). Severe absence of groups is not for a board: so
-- few pupils are severely absent that they could be counted.
--
-- grain: school_urn, school_year, period_type, period, breakdown, cohort
-- check: pupils % 5 = 0
-- check: percent_persistent is null or percent_persistent % percent_step = 0

with

cohort_counts as (
    from staging.cohort_counts
    where basis = 'as DfE publishes' and pupils > 0
),

shown_breakdowns as (
    from board.shown_breakdowns
),

reporting_points as (
    from board.reporting_points
),

limits as (
    select
        max(minimum_pupils) filter (rule = 'percentages of pupils to the nearest 1') as to_the_nearest_1_from,
        max(minimum_pupils) filter (rule = 'percentages of pupils to the nearest 5') as to_the_nearest_5_from,
        max(minimum_pupils) filter (rule = 'the persistently absent of a group') as minimum_persistent
    from rules.disclosure
),

-- pupils to the nearest 5 may be 2 fewer
shown as (
    select
        cohort_counts.school_urn,
        cohort_counts.school_year,
        cohort_counts.period_type,
        cohort_counts.period,
        is_current,
        question,
        breakdown,
        cohort,
        (5 * round(pupils / 5.0))::integer as pupils,
        100.0 * sessions_attended / nullif(sessions_possible, 0) as percent_attendance,
        case
            when 5 * round(pupils / 5.0) - 2 >= to_the_nearest_1_from then 1
            when 5 * round(pupils / 5.0) - 2 >= to_the_nearest_5_from then 5
            else 10
        end as percent_step,
        bool_and(pupils_persistent >= minimum_persistent and pupils - pupils_persistent >= minimum_persistent)
            over breakdowns as can_show_persistent,
        100.0 * pupils_persistent / pupils as percent_persistent
    from cohort_counts
    join shown_breakdowns
        on cohort_counts.school_urn is not distinct from shown_breakdowns.school_urn
        and cohort_counts.school_year = shown_breakdowns.school_year
        and cohort_counts.period_type = shown_breakdowns.period_type
        and cohort_counts.period = shown_breakdowns.period
        and cohort_counts.breakdown = shown_breakdowns.shown_breakdown
    join reporting_points
        on cohort_counts.school_year = reporting_points.school_year
        and cohort_counts.period_type = reporting_points.period_type
        and cohort_counts.period = reporting_points.period
    cross join limits
    window breakdowns as (
        partition by
            cohort_counts.school_urn, cohort_counts.school_year, cohort_counts.period_type, cohort_counts.period,
            breakdown
    )
),

rounded as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        is_current,
        question,
        breakdown,
        cohort,
        pupils,
        round(percent_attendance, 1) as percent_attendance,
        percent_step,
        if(can_show_persistent, percent_step * round(percent_persistent / percent_step), null) as percent_persistent,
        if(
            can_show_persistent,
            if(percent_step = 1, '', 'about ')
                || (percent_step * round(percent_persistent / percent_step))::integer || '%',
            'not shown'
        ) as persistent_text
    from shown
)

from rounded
