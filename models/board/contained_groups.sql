-- Groups that could be counted by taking another away that lies within them: what is left is less than board.threshold says,
-- and the two are shown so nearly alike that it is one of three numbers at most.
--
-- A group lies within another where nobody in the trust was ever in it and not in the other, whichever way their
-- definitions go: a school that records everybody who is looked after as looked after before, too. Where that follows
-- from the definitions, board.nested_groups asks for more. Pupils are shown to the nearest 5, and at least as many as the
-- threshold.
--
-- grain: school_urn, school_year, period_type, period, breakdown, cohort, inner_breakdown, inner_cohort
-- check: pupils > 0

with

cohort_counts as (
    from staging.cohort_counts
    where basis = 'as DfE publishes'
),

reporting_points as (
    from board.reporting_points
),

threshold as (
    from board.threshold
),

profile_cohorts as (
    from staging.profile_cohorts
),

limits as (
    select max(minimum_pupils) as narrowest
    from rules.disclosure
    where rule = 'how far apart the least and the most lie that a small group may have'
),

-- rounded to the nearest 5, which is 2 more or fewer
shown as (
    select
        school_urn,
        cohort_counts.school_year,
        cohort_counts.period_type,
        cohort_counts.period,
        breakdown,
        cohort,
        pupils,
        greatest(5 * round(pupils / 5.0) - 2, minimum_pupils) as least,
        5 * round(pupils / 5.0) + 2 as most
    from cohort_counts
    join reporting_points
        on cohort_counts.school_year = reporting_points.school_year
        and cohort_counts.period_type = reporting_points.period_type
        and cohort_counts.period = reporting_points.period
    cross join threshold
    where pupils >= minimum_pupils
),

alike as (
    select
        shown.school_urn,
        shown.school_year,
        shown.period_type,
        shown.period,
        shown.breakdown,
        shown.cohort,
        inner_shown.breakdown as inner_breakdown,
        inner_shown.cohort as inner_cohort,
        shown.pupils - inner_shown.pupils as pupils
    from shown
    join shown as inner_shown
        on shown.school_urn is not distinct from inner_shown.school_urn
        and shown.school_year = inner_shown.school_year
        and shown.period_type = inner_shown.period_type
        and shown.period = inner_shown.period
        and shown.breakdown <> inner_shown.breakdown
        and shown.pupils > inner_shown.pupils
    cross join threshold
    cross join limits
    where
        shown.pupils - inner_shown.pupils < minimum_pupils
        and (shown.most - inner_shown.least) - greatest(shown.least - inner_shown.most, 0) < narrowest
),

pairs as (
    select distinct breakdown, cohort, inner_breakdown, inner_cohort
    from alike
),

contained as (
    select pairs.breakdown, pairs.cohort, inner_breakdown, inner_cohort
    from pairs
    join profile_cohorts as inner_cohorts
        on inner_breakdown = inner_cohorts.breakdown and inner_cohort = inner_cohorts.cohort
    left join profile_cohorts as outer_cohorts
        on inner_cohorts.profile = outer_cohorts.profile
        and pairs.breakdown = outer_cohorts.breakdown
        and pairs.cohort = outer_cohorts.cohort
    group by pairs.breakdown, pairs.cohort, inner_breakdown, inner_cohort
    having count(*) = count(outer_cohorts.profile)
),

countable as (
    select alike.*
    from alike
    join contained
        on alike.breakdown = contained.breakdown
        and alike.cohort = contained.cohort
        and alike.inner_breakdown = contained.inner_breakdown
        and alike.inner_cohort = contained.inner_cohort
)

from countable
