-- Where free school meals, SEND and a social worker meet, as far as the board may see it, beside England's figures for free
-- school meals by SEND. Pupils, attendance and persistent absence are those of board.rounded_groups.
--
-- grain: school_urn, school_year, period_type, period, breakdown, cohort

with

rounded_groups as (
    from board.rounded_groups
),

cohort_intersections as (
    from marts.cohort_intersections
    where basis = 'as DfE publishes'
),

beside_england as (
    select
        rounded_groups.school_urn,
        rounded_groups.school_year,
        rounded_groups.period_type,
        rounded_groups.period,
        is_current,
        rounded_groups.breakdown,
        rounded_groups.cohort,
        fsm,
        send,
        social_worker,
        rounded_groups.pupils,
        rounded_groups.percent_attendance,
        percent_step,
        rounded_groups.percent_persistent,
        persistent_text,
        round(england_percent_persistent) as england_percent_persistent,
        england_school_year,
        is_same_year
    from rounded_groups
    join cohort_intersections
        on rounded_groups.school_urn is not distinct from cohort_intersections.school_urn
        and rounded_groups.school_year = cohort_intersections.school_year
        and rounded_groups.period_type = cohort_intersections.period_type
        and rounded_groups.period = cohort_intersections.period
        and rounded_groups.breakdown = cohort_intersections.breakdown
        and rounded_groups.cohort = cohort_intersections.cohort
)

from beside_england
