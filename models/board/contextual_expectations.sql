-- What England's rates would give each school and the trust with its mix of phase, free school meals and SEND, as
-- far as the board may see it, beside its own figures and England's.
--
-- The expectation adds up England's rates over the numbers of pupils in each cell of phase, free school meals and
-- SEND: whoever knows three of four cells could solve it for the fourth, and the trust's less the schools' for the
-- cells of the school that is left. So it is here only at board.reporting_points; for a school only where the gate
-- shows the cells of free school meals by SEND themselves (board.shown_breakdowns), and, as an all-through school
-- has them in each phase, where each of these holds as many pupils as board.threshold says; for the trust only where
-- it is so there and at every school.
--
-- It is rounded to 0.5, the difference is that of the figures as shown, and a difference that is not seen is in
-- line. `reason` says why there is no expectation.
--
-- grain: school_urn, school_year, period_type, period, measure
-- check: (expected_value is null) = (reason is not null)
-- check: expected_value is null or expected_value * 2 = round(expected_value * 2)
-- check: (verdict is null) = (expected_value is null)

with

contextual_expectations as (
    from marts.contextual_expectations
),

reporting_points as (
    from board.reporting_points
),

-- the crossing is a coarser breakdown of the question of three, which tells it too
shown_breakdowns as (
    from board.shown_breakdowns
    where question in (select question from rules.cohort_intersections where breakdown = 'fsm_send')
),

threshold as (
    from board.threshold
),

small_cells as (
    select distinct school_urn, school_year, period_type, period
    from staging.mix_counts cross join threshold
    where pupils < minimum_pupils
),

allowed as (
    select
        contextual_expectations.*,
        is_current,
        coalesce(shown_breakdown is not null, false) and small_cells.school_urn is null as is_told,
        coalesce(outcome = 'not recorded', false) as is_not_recorded
    from contextual_expectations
    join reporting_points
        on contextual_expectations.school_year = reporting_points.school_year
        and contextual_expectations.period_type = reporting_points.period_type
        and contextual_expectations.period = reporting_points.period
    left join shown_breakdowns
        on contextual_expectations.school_urn is not distinct from shown_breakdowns.school_urn
        and contextual_expectations.school_year = shown_breakdowns.school_year
        and contextual_expectations.period_type = shown_breakdowns.period_type
        and contextual_expectations.period = shown_breakdowns.period
    left join small_cells
        on contextual_expectations.school_urn = small_cells.school_urn
        and contextual_expectations.school_year = small_cells.school_year
        and contextual_expectations.period_type = small_cells.period_type
        and contextual_expectations.period = small_cells.period
),

everywhere as (
    select
        *,
        bool_and(is_told) over (partition by school_year, period_type, period, measure) as is_told_everywhere
    from allowed
),

reasoned as (
    select
        *,
        case
            when is_not_recorded then 'free school meals and SEND are not recorded for any pupil'
            when not is_told
            then 'not shown: a group of fewer than ' || minimum_pupils || ' pupils could be worked out'
            when school_urn is null and not is_told_everywhere
            then 'not shown: a group of fewer than ' || minimum_pupils || ' pupils at one school could be worked out'
            else reason
        end as shown_reason,
        if(measure = 'percent_attendance', 1, 0) as places
    from everywhere cross join threshold
),

rounded as (
    select
        *,
        round(value, places) as shown_value,
        round(england_value, places) as shown_england,
        if(shown_reason is null, round(2 * expected_value) / 2, null) as shown_expected
    from reasoned
),

-- adding 0 turns a rounded -0 into 0
compared as (
    select *, round(shown_value - shown_expected, 1) + 0 as shown_difference
    from rounded
),

described as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        is_current,
        measure,
        shown_value as value,
        shown_england as england_value,
        shown_expected as expected_value,
        shown_difference as difference_points,
        case
            when shown_difference is null then null
            -- the difference as shown is on the other side of 0, or is none
            when shown_difference * difference_points <= 0 then 'in line with'
            else verdict
        end as verdict,
        if(shown_reason is null, rates_school_year, null) as rates_school_year,
        series,
        counted_to,
        published_on,
        shown_reason as reason
    from compared
)

from described
