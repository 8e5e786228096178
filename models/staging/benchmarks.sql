-- Every published figure that ours may stand beside, once: whose series it is, of which area, phase and group of pupils, for
-- what period, counted to which day and published on which. Areas are England and the schools' regions and local authorities.
--
-- DfE's year to date as published through the year, shipped and loaded; terms of the daily series; full years of the
-- accredited series, of all pupils and of groups (`breakdown` and `cohort`, null for all pupils). A year to date has no
-- `period`, but the day it counts to. A figure that DfE holds back is here without a value, with DfE's own symbol. `method`
-- is how a total over phases was made (rules.dfe_total_methods); `is_break`: its year cannot be set against the year before.
--
-- grain: series, area_code, phase, breakdown, cohort, school_year, period, counted_to, published_on, measure
-- check: (value is null) = (symbol is not null)
-- check: period_type is not null
-- check: (series = 'daily, year to date') = (counted_to is not null)
-- check: (series = 'daily, year to date') = (period is null)

with

school_areas as (
    from staging.school_areas
),

own_areas as (
    select area_code, area_type, area_name
    from rules.areas
    where area_type = 'country' or area_code in (select area_code from school_areas)
),

published_to_date as (
    from rules.published_to_date semi join own_areas using (area_code)
),

published_editions as (
    from rules.published_editions
),

published_figures as (
    from rules.published_figures
),

published_cohort_figures as (
    from rules.published_cohort_figures
),

benchmark_series as (
    from rules.benchmark_series
),

dfe_total_methods as (
    from rules.dfe_total_methods
),

dfe_editions as (
    from staging.dfe_editions
    where not is_shipped
    qualify row_number() over (partition by school_year, published_on order by load_number desc) = 1
),

dfe_figures as (
    from raw.dfe_figures semi join own_areas using (area_code)
    where column_name in ('attendance_perc', 'pa_perc')
),

-- one column a phase and measure
shipped_cells as (
    from published_to_date unpivot (
        figure for cell in (
            primary_attendance, secondary_attendance, special_attendance, total_attendance,
            primary_persistent, secondary_persistent, special_persistent, total_persistent
        )
    )
),

shipped_to_date as (
    select
        area_code,
        upper(left(split_part(cell, '_', 1), 1)) || substr(split_part(cell, '_', 1), 2) as phase,
        school_year,
        shipped_cells.published_on,
        counted_to,
        'percent_' || split_part(cell, '_', 2) as measure,
        try_cast(figure as double) as value,
        case when try_cast(figure as double) is null then figure end as symbol,
        source,
        'rules.published_to_date' as listed_in
    from shipped_cells
    left join published_editions on shipped_cells.published_on = published_editions.published_on
),

loaded_to_date as (
    select
        area_code,
        phase,
        school_year,
        published_on,
        counted_to,
        case column_name when 'pa_perc' then 'percent_persistent' else 'percent_attendance' end as measure,
        value,
        symbol,
        'DfE: Pupil attendance in schools; year to date, file loaded on ' || strftime(published_on, '%-d %B %Y') as source,
        'raw.dfe_figures' as listed_in
    from dfe_figures
    join dfe_editions
        on dfe_figures.load_number = dfe_editions.load_number and dfe_figures.time_period = dfe_editions.time_period
    where value is not null or symbol is not null
),

to_date as (
    select
        'daily, year to date' as series,
        area_code,
        phase,
        null as breakdown,
        null as cohort,
        school_year,
        null as period,
        counted_to,
        published_on,
        measure,
        value,
        symbol,
        source,
        listed_in
    from (
        from shipped_to_date
        union all
        from loaded_to_date
    )
),

complete_of_all as (
    select
        series,
        area_code,
        phase,
        null as breakdown,
        null as cohort,
        school_year,
        period,
        null::date as published_on,
        percent_attendance,
        percent_persistent,
        percent_severe,
        source,
        'rules.published_figures' as listed_in
    from published_figures
),

complete_of_groups as (
    select
        series,
        area_code,
        phase,
        breakdown,
        cohort,
        school_year,
        period,
        published_on,
        percent_attendance,
        percent_persistent,
        percent_severe,
        source,
        'rules.published_cohort_figures' as listed_in
    from published_cohort_figures
),

complete_figures as (
    from complete_of_all
    union all
    from complete_of_groups
),

complete as (
    select
        series,
        area_code,
        phase,
        breakdown,
        cohort,
        school_year,
        period,
        null::date as counted_to,
        published_on,
        measure,
        value,
        null as symbol,
        source,
        listed_in
    from complete_figures unpivot (value for measure in (percent_attendance, percent_persistent, percent_severe))
),

united as (
    from to_date
    union all
    from complete
),

-- the method that totals of each school year were made by, and whether it was new
methods as (
    select
        school_year,
        max_by(method, first_time_period) as method,
        count(*) > 1 and max(first_time_period) = left(school_year, 4) || right(school_year, 2) as is_break
    from (select distinct school_year from published_editions union select school_year from dfe_editions)
    join dfe_total_methods on first_time_period <= left(school_year, 4) || right(school_year, 2)
    group by school_year
),

described as (
    select
        united.series,
        united.area_code,
        area_type,
        area_name,
        phase,
        breakdown,
        cohort,
        united.school_year,
        period_type,
        period,
        counted_to,
        published_on,
        measure,
        value,
        symbol,
        coalesce(method, 'pooled') as method,
        coalesce(is_break, false) as is_break,
        united.source,
        licence,
        listed_in
    from united
    left join benchmark_series on united.series = benchmark_series.series
    join own_areas on united.area_code = own_areas.area_code
    left join methods
        on if(phase = 'Total' and united.series like 'daily%', united.school_year, null) = methods.school_year
)

from described
