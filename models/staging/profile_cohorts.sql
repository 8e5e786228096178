-- Which cohort of each breakdown pupils with a combination of statuses are in, and which cell of each intersection.
--
-- It is the first cohort of which any row of rules.cohorts holds; where none does, it is the one that the breakdown has for
-- everybody else (rules.cohort_breakdowns), mostly "unclassified": nobody is guessed to be in another.
--
-- grain: profile, breakdown

with

profiles as (
    select school_urn, pupil_key, school_year, family, from_on, profile
    from staging.pupil_profiles
    qualify row_number() over (partition by profile order by school_urn, pupil_key, school_year, from_on) = 1
),

cohorts as (
    select breakdown, cohort, position::integer as position, status, value
    from rules.cohorts
),

breakdowns as (
    select distinct cohort_breakdowns.breakdown, otherwise, family
    from rules.cohort_breakdowns
    join cohorts on cohort_breakdowns.breakdown = cohorts.breakdown
    join rules.cohort_statuses on cohorts.status = cohort_statuses.status
),

profile_statuses as (
    select profile, year_statuses.status, year_statuses.value
    from profiles
    join staging.year_statuses
        on profiles.school_urn = year_statuses.school_urn
        and profiles.pupil_key = year_statuses.pupil_key
        and profiles.school_year = year_statuses.school_year
        and profiles.from_on between year_statuses.from_on and year_statuses.to_on
    join rules.cohort_statuses on year_statuses.status = cohort_statuses.status
    where profiles.family = cohort_statuses.family
),

first_that_holds as (
    select profile, breakdown, min_by(cohort, position) as cohort
    from profile_statuses
    join cohorts on profile_statuses.status = cohorts.status and profile_statuses.value like cohorts.value
    group by profile, breakdown
),

placed as (
    select profiles.profile, breakdowns.breakdown, coalesce(cohort, otherwise) as cohort
    from profiles
    join breakdowns on profiles.family = breakdowns.family
    left join first_that_holds
        on profiles.profile = first_that_holds.profile and breakdowns.breakdown = first_that_holds.breakdown
),

crossed as (
    select profile, cohort_intersections.breakdown, string_agg(cohort, ' / ' order by position::integer) as cohort
    from rules.cohort_intersections
    join placed on of_breakdown = placed.breakdown
    group by profile, cohort_intersections.breakdown
),

united as (
    from placed
    union all
    from crossed
)

from united
