-- Each school beside England's figure of the same phase and point, and beyond which limits it lies for a school of its size:
-- so that small schools, whose figures move most by chance, are not ranked by noise.
--
-- Complete school years and the year to date; basis: as DfE publishes. A school for which England has no figure is not here.
-- `zone` is inside (the 95% limits), beyond 95% or beyond 99.8%; a figure on a limit is within it. Of twenty schools that
-- differ by chance alone, one lies beyond 95%; beyond 99.8% it would be one in 500. `direction` is better or worse than
-- England, null where it is the same. Persistent and severe absence: exact binomial limits. Attendance: limits from
-- the variance between pupils of the trust's schools of the phase, as sessions of one pupil say little more than the pupil
-- does (staging.funnel_limits); null where there is one pupil alone. England's figure is taken as exact. That a school
-- lies beyond its limits says that it differs by more than chance, not why: its pupils may differ too.
--
-- grain: school_urn, school_year, period_type, period, measure
-- check: zone is null or zone in ('inside', 'beyond 95%', 'beyond 99.8%')
-- check: (zone is null) = (low_95 is null)
-- check: direction is null or direction in ('better', 'worse')
-- check: zone is null or zone = 'inside' or direction is not null
-- check: (series = 'daily, year to date') = (period_type = 'year_to_date')
-- check: (series = 'accredited, full year') = (period_type = 'year')

with

measured_rates as (
    from staging.measured_rates
    where whose = 'own' and school_urn is not null
),

weighted_benchmarks as (
    from staging.weighted_benchmarks
    where area_type = 'country' and value is not null
),

funnel_limits as (
    from staging.funnel_limits
),

beside_england as (
    select
        measured_rates.school_urn,
        measured_rates.phase,
        measured_rates.school_year,
        measured_rates.period_type,
        measured_rates.period,
        measured_rates.measure,
        is_higher_better,
        measured_rates.pupils,
        measured_rates.value,
        funnel_limits.comparator,
        low_95,
        high_95,
        low_99_8,
        high_99_8,
        series,
        counted_to,
        published_on
    from measured_rates
    join weighted_benchmarks
        on measured_rates.school_urn = weighted_benchmarks.school_urn
        and measured_rates.school_year = weighted_benchmarks.school_year
        and measured_rates.period_type = weighted_benchmarks.period_type
        and measured_rates.period = weighted_benchmarks.period
        and measured_rates.measure = weighted_benchmarks.measure
    join funnel_limits
        on measured_rates.phase = funnel_limits.phase
        and measured_rates.school_year = funnel_limits.school_year
        and measured_rates.period_type = funnel_limits.period_type
        and measured_rates.period = funnel_limits.period
        and measured_rates.measure = funnel_limits.measure
        and measured_rates.pupils = funnel_limits.pupils
        and round(weighted_benchmarks.value, 9) = funnel_limits.comparator
),

placed as (
    select
        school_urn,
        phase,
        school_year,
        period_type,
        period,
        measure,
        pupils,
        value,
        comparator,
        low_95,
        high_95,
        low_99_8,
        high_99_8,
        case
            when value < low_99_8 or value > high_99_8 then 'beyond 99.8%'
            when value < low_95 or value > high_95 then 'beyond 95%'
            when value between low_95 and high_95 then 'inside'
        end as zone,
        case
            when value > comparator then if(is_higher_better, 'better', 'worse')
            when value < comparator then if(is_higher_better, 'worse', 'better')
        end as direction,
        series,
        counted_to,
        published_on
    from beside_england
)

from placed
