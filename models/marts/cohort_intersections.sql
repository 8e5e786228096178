-- Attendance, persistent and severe absence where disadvantages meet: free school meals by SEND, and by SEND and social
-- worker, beside England's figures for free school meals by SEND.
--
-- A closed list (rules.cohort_intersections): each further crossing makes groups smaller. Where a cell of three has no
-- figure of England's, it stands beside that of its first two. England's are of the same phase, for the trust weighted by
-- its own pupils in each phase; `england_school_year` is the last year published up to the row's own, and only where it is
-- the same does the row compare like with like (`is_same_year`).
--
-- grain: school_urn, school_year, period_type, period, basis, breakdown, cohort
-- check: sessions_attended <= sessions_possible

with

cohort_counts as (
    from staging.cohort_counts
    where breakdown in (select breakdown from rules.cohort_intersections)
),

schools as (
    from raw.schools
),

placed as (
    select
        *,
        split_part(cohort, ' / ', 1) as fsm,
        split_part(cohort, ' / ', 2) as send,
        nullif(split_part(cohort, ' / ', 3), '') as social_worker
    from cohort_counts
),

published as (
    select
        phase,
        school_year as england_school_year,
        cohort,
        max(value) filter (where measure = 'percent_persistent') as percent_persistent,
        max(value) filter (where measure = 'percent_severe') as percent_severe
    from staging.benchmarks
    where area_type = 'country' and breakdown = 'fsm_send' and series = 'accredited, full year'
    group by phase, school_year, cohort
),

-- England's last year for each phase and cell, as the row's own year could know it
last_published as (
    select
        placed.school_urn,
        placed.school_year,
        period_type,
        period,
        basis,
        placed.breakdown,
        placed.cohort,
        pupils,
        max(england_school_year) as england_school_year,
        max_by(percent_persistent, england_school_year) as percent_persistent,
        max_by(percent_severe, england_school_year) as percent_severe
    from placed
    join schools on placed.school_urn = schools.school_urn
    left join published
        on schools.phase = published.phase
        and placed.fsm || ' / ' || placed.send = published.cohort
        and england_school_year <= placed.school_year
    group by
        placed.school_urn, placed.school_year, period_type, period, basis, placed.breakdown, placed.cohort, pupils
),

-- a comparator that lacks one of the schools' phases, or mixes years, would compare unlike with unlike
weighted as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        basis,
        breakdown,
        cohort,
        if(
            count(percent_persistent) = count(*) and min(england_school_year) = max(england_school_year),
            max(england_school_year),
            null
        ) as england_school_year,
        sum(pupils * percent_persistent) / nullif(sum(pupils), 0) as england_percent_persistent,
        if(
            count(percent_severe) = count(*), sum(pupils * percent_severe) / nullif(sum(pupils), 0), null
        ) as england_percent_severe
    from last_published
    group by school_year, period_type, period, basis, breakdown, cohort, grouping sets ((school_urn), ())
),

rated as (
    select
        placed.school_urn,
        placed.school_year,
        placed.period_type,
        placed.period,
        placed.basis,
        placed.breakdown,
        placed.cohort,
        fsm,
        send,
        social_worker,
        pupils,
        pupils_persistent,
        pupils_severe,
        sessions_possible,
        sessions_attended,
        100.0 * sessions_attended / nullif(sessions_possible, 0) as percent_attendance,
        100.0 * pupils_persistent / nullif(pupils, 0) as percent_persistent,
        100.0 * pupils_severe / nullif(pupils, 0) as percent_severe,
        england_school_year,
        if(england_school_year is null, null, england_percent_persistent) as england_percent_persistent,
        if(england_school_year is null, null, england_percent_severe) as england_percent_severe,
        coalesce(england_school_year = placed.school_year and placed.period_type = 'year', false) as is_same_year
    from placed
    join weighted
        on placed.school_urn is not distinct from weighted.school_urn
        and placed.school_year = weighted.school_year
        and placed.period_type = weighted.period_type
        and placed.period = weighted.period
        and placed.basis = weighted.basis
        and placed.breakdown = weighted.breakdown
        and placed.cohort = weighted.cohort
)

from rated
