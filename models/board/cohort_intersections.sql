-- Where free school meals, SEND and a social worker meet, as far as the board may see it, beside England's figures for free
-- school meals by SEND; rounded as board.cohort_gaps.
--
-- grain: school_urn, school_year, period_type, period, breakdown, cohort
-- check: pupils % 5 = 0

with

cohort_intersections as (
    from marts.cohort_intersections
    where basis = 'as DfE publishes'
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

shown as (
    select
        cohort_intersections.* replace ((5 * round(pupils / 5.0))::integer as pupils),
        is_current,
        case
            when 5 * round(pupils / 5.0) - 2 >= to_the_nearest_1_from then 1
            when 5 * round(pupils / 5.0) - 2 >= to_the_nearest_5_from then 5
            else 10
        end as percent_step,
        bool_and(pupils_persistent >= minimum_persistent and pupils - pupils_persistent >= minimum_persistent)
            over (
                partition by
                    cohort_intersections.school_urn, cohort_intersections.school_year,
                    cohort_intersections.period_type, cohort_intersections.period, breakdown
            ) as can_show_persistent
    from cohort_intersections
    join shown_breakdowns
        on cohort_intersections.school_urn is not distinct from shown_breakdowns.school_urn
        and cohort_intersections.school_year = shown_breakdowns.school_year
        and cohort_intersections.period_type = shown_breakdowns.period_type
        and cohort_intersections.period = shown_breakdowns.period
        and cohort_intersections.breakdown = shown_breakdowns.shown_breakdown
    join reporting_points
        on cohort_intersections.school_year = reporting_points.school_year
        and cohort_intersections.period_type = reporting_points.period_type
        and cohort_intersections.period = reporting_points.period
    cross join limits
),

rounded as (
    select
        * replace (
            round(percent_attendance, 1) as percent_attendance,
            if(can_show_persistent, percent_step * round(percent_persistent / percent_step), null) as percent_persistent,
            round(england_percent_persistent) as england_percent_persistent
        )
    from shown
),

worded as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        is_current,
        breakdown,
        cohort,
        fsm,
        send,
        social_worker,
        pupils,
        percent_attendance,
        percent_step,
        percent_persistent,
        case
            when percent_persistent is null then 'not shown'
            else if(percent_step = 1, '', 'about ') || percent_persistent::integer || '%'
        end as persistent_text,
        england_percent_persistent,
        england_school_year,
        is_same_year
    from rounded
)

from worded
