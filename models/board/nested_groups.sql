-- How many pupils lie between two questions of which one holds the other (rules.cohort_nests): in each pair of a group of
-- the outer and a group of the inner one, such as disadvantaged and not eligible for free school meals, at each school and
-- in the trust.
--
-- grain: school_urn, school_year, period_type, period, outer_breakdown, inner_breakdown, outer_cohort, inner_cohort
-- check: pupils > 0

with

profile_pupils as (
    from staging.profile_pupils
    where basis = 'as DfE publishes'
),

profile_cohorts as (
    from staging.profile_cohorts
),

reporting_points as (
    from board.reporting_points
),

cohort_breakdowns as (
    from rules.cohort_breakdowns
),

nested as (
    select outer_breakdowns.breakdown as outer_breakdown, inner_breakdowns.breakdown as inner_breakdown
    from rules.cohort_nests
    join cohort_breakdowns as outer_breakdowns on outer_question = outer_breakdowns.question
    join cohort_breakdowns as inner_breakdowns on inner_question = inner_breakdowns.question
),

counted as (
    select
        school_urn,
        profile_pupils.school_year,
        profile_pupils.period_type,
        profile_pupils.period,
        outer_breakdown,
        inner_breakdown,
        outer_cohorts.cohort as outer_cohort,
        inner_cohorts.cohort as inner_cohort,
        sum(pupils) as pupils
    from profile_pupils
    join reporting_points
        on profile_pupils.school_year = reporting_points.school_year
        and profile_pupils.period_type = reporting_points.period_type
        and profile_pupils.period = reporting_points.period
    cross join nested
    join profile_cohorts as outer_cohorts
        on profile_pupils.profile = outer_cohorts.profile and outer_breakdown = outer_cohorts.breakdown
    join profile_cohorts as inner_cohorts
        on profile_pupils.profile = inner_cohorts.profile and inner_breakdown = inner_cohorts.breakdown
    group by
        profile_pupils.school_year, profile_pupils.period_type, profile_pupils.period, outer_breakdown,
        inner_breakdown, outer_cohorts.cohort, inner_cohorts.cohort, grouping sets ((school_urn), ())
)

from counted
