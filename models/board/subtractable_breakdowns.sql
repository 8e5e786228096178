-- Breakdowns that the trust may not show, because its figures less the schools' would tell of a small group.
--
-- Schools that show a breakdown, or another that tells it, are taken away; what is left is that of the schools that hide
-- it. Unless there is none, they must be two or more that together have nobody or as many as board.threshold says in every
-- group, and in every group between the breakdown and a question that it holds. A breakdown that tells such a one is such
-- a one itself.
--
-- grain: school_year, period_type, period, breakdown

with

sound_breakdowns as (
    from board.sound_breakdowns
),

implied_breakdowns as (
    from board.implied_breakdowns
),

nested_groups as (
    from board.nested_groups
),

threshold as (
    from board.threshold
),

cohort_counts as (
    from staging.cohort_counts
    where basis = 'as DfE publishes' and (pupils > 0 or sessions_possible > 0)
),

of_schools as (
    select
        *,
        min(level) filter (is_sound) over (
            partition by school_urn, school_year, period_type, period, question
        ) as shown_level
    from sound_breakdowns
    where school_urn is not null
),

told_by_schools as (
    select distinct school_urn, school_year, period_type, period, implied_breakdown as breakdown
    from of_schools
    join implied_breakdowns on of_schools.breakdown = implied_breakdowns.breakdown
    where level = shown_level
),

hiding as (
    select of_schools.school_urn, of_schools.school_year, of_schools.period_type, of_schools.period, of_schools.breakdown
    from of_schools
    left join told_by_schools
        on of_schools.school_urn = told_by_schools.school_urn
        and of_schools.school_year = told_by_schools.school_year
        and of_schools.period_type = told_by_schools.period_type
        and of_schools.period = told_by_schools.period
        and of_schools.breakdown = told_by_schools.breakdown
    where told_by_schools.breakdown is null and not is_not_recorded
),

hidden_by_one as (
    select school_year, period_type, period, breakdown
    from hiding
    group by school_year, period_type, period, breakdown
    having count(*) = 1
),

hidden_groups as (
    select
        hiding.school_year,
        hiding.period_type,
        hiding.period,
        hiding.breakdown,
        cohort as hidden_group,
        pupils
    from hiding
    join cohort_counts
        on hiding.school_urn = cohort_counts.school_urn
        and hiding.school_year = cohort_counts.school_year
        and hiding.period_type = cohort_counts.period_type
        and hiding.period = cohort_counts.period
        and hiding.breakdown = cohort_counts.breakdown
    union all
    select
        hiding.school_year,
        hiding.period_type,
        hiding.period,
        hiding.breakdown,
        inner_breakdown || ': ' || outer_cohort || ' / ' || inner_cohort,
        pupils
    from hiding
    join nested_groups
        on hiding.school_urn = nested_groups.school_urn
        and hiding.school_year = nested_groups.school_year
        and hiding.period_type = nested_groups.period_type
        and hiding.period = nested_groups.period
        and hiding.breakdown = outer_breakdown
    join sound_breakdowns as inner_of_trust
        on inner_of_trust.school_urn is null
        and hiding.school_year = inner_of_trust.school_year
        and hiding.period_type = inner_of_trust.period_type
        and hiding.period = inner_of_trust.period
        and inner_breakdown = inner_of_trust.breakdown
    where is_finest_alone
),

hidden_small_groups as (
    select distinct school_year, period_type, period, breakdown
    from (
        select school_year, period_type, period, breakdown, hidden_group, sum(pupils) as pupils
        from hidden_groups
        group by school_year, period_type, period, breakdown, hidden_group
    )
    cross join threshold
    where pupils < minimum_pupils
),

told as (
    from hidden_by_one
    union
    from hidden_small_groups
),

with_what_tells_them as (
    select distinct school_year, period_type, period, implied_breakdowns.breakdown
    from told
    join implied_breakdowns on told.breakdown = implied_breakdown
)

from with_what_tells_them
