-- What England, the region and the local authority have for each school, and for the trust: the published figure of the
-- same phase, weighted where there is more than one.
--
-- Weights are the school's or trust's own: possible sessions for attendance, pupils for persistent and severe absence. For
-- the trust each school stands beside its own region and authority. A comparator that lacks one of the phases would compare
-- unlike with unlike: it has no value, and `symbol` says if DfE holds one back. `area_name` is null where they are several.
-- The trust's rows have no school_urn.
--
-- grain: school_urn, school_year, period_type, period, measure, area_type
-- check: value is null or benchmark_phases = phases
-- check: value is null or is_one_series
-- check: value is null or is_one_edition

with

phase_weights as (
    from staging.phase_weights
),

area_figures as (
    from staging.area_figures
),

school_areas as (
    from staging.school_areas
),

chance as (
    from rules.chance
),

beside as (
    select
        phase_weights.school_urn,
        phase_weights.school_year,
        phase_weights.period_type,
        phase_weights.period,
        chance.measure,
        school_areas.area_type,
        school_areas.area_code,
        area_name,
        phase_weights.phase,
        area_figures.phase as benchmark_phase,
        if(chance.measure = 'percent_attendance', sessions_possible, pupils) as weight,
        value,
        symbol,
        series,
        counted_to,
        published_on
    from phase_weights
    cross join chance
    join school_areas on phase_weights.school_urn = school_areas.school_urn
    left join area_figures
        on school_areas.area_code = area_figures.area_code
        and phase_weights.phase = area_figures.phase
        and phase_weights.school_year = area_figures.school_year
        and phase_weights.period_type = area_figures.period_type
        and phase_weights.period = area_figures.period
        and chance.measure = area_figures.measure
),

weighted as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        measure,
        area_type,
        if(min(area_code) = max(area_code), max(area_code), null) as area_code,
        if(min(area_code) = max(area_code), max(area_name), null) as area_name,
        -- exact in any order: DfE publishes at most four decimals
        if(count(value) = count(*), sum(weight * value::decimal(9, 6)) / sum(weight), null) as value,
        max(symbol) as symbol,
        count(distinct phase) > 1 as is_phase_weighted,
        string_agg(distinct phase, ', ' order by phase) as phases,
        string_agg(distinct benchmark_phase, ', ' order by benchmark_phase) as benchmark_phases,
        max(series) as series,
        max(counted_to) as counted_to,
        max(published_on) as published_on,
        min(series) = max(series) as is_one_series,
        min(published_on) is not distinct from max(published_on) as is_one_edition
    from beside
    group by
        school_year, period_type, period, measure, area_type,
        grouping sets ((school_urn), ())
)

from weighted
