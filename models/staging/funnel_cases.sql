-- The sizes at which a funnel has limits: each school's own, about its own comparator, and about 30 to draw for each phase
-- whose schools have one comparator between them.
--
-- The comparator is England's figure of the same phase at the same point (staging.weighted_benchmarks); a school without
-- one has no place in a funnel. `is_drawn` marks the sizes to draw: from 25 pupils (from 10 where a school is smaller than
-- that) to beyond the largest school, each larger by the same factor. All-through schools have comparators of their own
-- mixes, so their limits are their own and no curve is drawn unless there is one such school.
-- `variance_per_pupil` is what attendance is expected to vary by from pupil to pupil (of the rate as a fraction): the
-- variance within each of the trust's schools of the phase, pooled by pupils less one. Others have none.
--
-- grain: phase, school_year, period_type, period, measure, comparator, pupils
-- check: pupils > 0
-- check: comparator is not null

with

measured_rates as (
    from staging.measured_rates
    where whose = 'own' and school_urn is not null and period_type in ('year', 'year_to_date')
),

weighted_benchmarks as (
    from staging.weighted_benchmarks
    where area_type = 'country' and value is not null
),

schools as (
    select
        measured_rates.phase,
        measured_rates.school_year,
        measured_rates.period_type,
        measured_rates.period,
        measured_rates.measure,
        method,
        -- weighting by one phase may move the last digit
        round(weighted_benchmarks.value, 9) as comparator,
        measured_rates.pupils,
        variance
    from measured_rates
    join weighted_benchmarks
        on measured_rates.school_urn = weighted_benchmarks.school_urn
        and measured_rates.school_year = weighted_benchmarks.school_year
        and measured_rates.period_type = weighted_benchmarks.period_type
        and measured_rates.period = weighted_benchmarks.period
        and measured_rates.measure = weighted_benchmarks.measure
),

phases as (
    select
        phase,
        school_year,
        period_type,
        period,
        measure,
        method,
        min(comparator) as comparator,
        min(comparator) = max(comparator) as is_one_comparator,
        if(min(pupils) < 25, 10, 25) as smallest,
        greatest(100, 50 * ceil(1.1 * max(pupils) / 50)) as largest,
        sum((pupils - 1) * pupils * variance) / nullif(sum(pupils - 1), 0) as variance_per_pupil
    from schools
    group by phase, school_year, period_type, period, measure, method
),

steps as (
    select step
    from (select unnest(generate_series(0, 29)) as step)
),

to_draw as (
    select
        phase,
        school_year,
        period_type,
        period,
        measure,
        comparator,
        cast(round(smallest * power(largest / smallest, step / 29.0)) as bigint) as pupils,
        true as is_drawn
    from phases cross join steps
    where is_one_comparator
),

sizes as (
    select phase, school_year, period_type, period, measure, comparator, pupils, false as is_drawn
    from schools
    union all
    from to_draw
),

cases as (
    select
        sizes.phase,
        sizes.school_year,
        sizes.period_type,
        sizes.period,
        sizes.measure,
        method,
        sizes.comparator,
        pupils,
        bool_or(is_drawn) as is_drawn,
        max(variance_per_pupil) as variance_per_pupil
    from sizes
    join phases
        on sizes.phase = phases.phase
        and sizes.school_year = phases.school_year
        and sizes.period_type = phases.period_type
        and sizes.period = phases.period
        and sizes.measure = phases.measure
    group by
        sizes.phase, sizes.school_year, sizes.period_type, sizes.period, sizes.measure, method, sizes.comparator, pupils
)

from cases
