-- Which breakdown tells which others: those in which each of its groups lies in one group of the other.
--
-- So does a finer breakdown of the same question, a crossing with its parts, and whatever else comes out so among the
-- trust's pupils; and each breakdown tells itself.
--
-- grain: breakdown, implied_breakdown

with

profile_cohorts as (
    from staging.profile_cohorts
),

pairs as (
    select
        finer.breakdown,
        coarser.breakdown as implied_breakdown,
        finer.cohort,
        count(distinct coarser.cohort) as cohorts
    from profile_cohorts as finer
    join profile_cohorts as coarser on finer.profile = coarser.profile
    group by finer.breakdown, coarser.breakdown, finer.cohort
),

implied as (
    select breakdown, implied_breakdown
    from pairs
    group by breakdown, implied_breakdown
    having max(cohorts) = 1
)

from implied
