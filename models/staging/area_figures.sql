-- The published figures that each period may be set beside: those of the same kind of period and the same series, at the same
-- point.
--
-- A complete year compares with the accredited series; a term with that term of the daily series; a year to date with the
-- daily series as published for the same point of that year: the last edition that counts no further than we do, if it
-- is not older than rules.benchmark_limits allows. The series never mix (DfE methodology). `value` is null where DfE holds
-- the figure back, `symbol` says how.
--
-- grain: area_code, phase, school_year, period_type, period, measure
-- check: (series = 'daily, year to date') = (period_type in ('year_to_date', 'to_half_term'))
-- check: (series = 'accredited, full year') = (period_type = 'year')
-- check: (series = 'daily, term') = (period_type = 'term')
-- check: benchmark_school_year = school_year
-- check: counted_to is null or counted_to <= ends_on
-- check: counted_to is null or counted_to >= ends_on - interval ((select value::integer from rules.benchmark_limits where rule = 'days_behind')) day

with

benchmarks as (
    from staging.benchmarks
    where breakdown is null
),

days_behind as (
    select value::integer as days
    from rules.benchmark_limits
    where rule = 'days_behind'
),

periods as (
    select school_year, period_type, period, max(ends_on) as ends_on, bool_and(is_complete) as is_complete
    from staging.periods
    group by school_year, period_type, period
),

complete as (
    select
        benchmarks.*, periods.school_year as year_of_period, periods.period_type as type_of_period,
        periods.period as our_period, ends_on
    from benchmarks
    join periods
        on benchmarks.school_year = periods.school_year
        and benchmarks.period_type = periods.period_type
        and benchmarks.period = periods.period
    where is_complete and series in ('accredited, full year', 'daily, term')
),

editions as (
    select distinct series, school_year, counted_to, published_on
    from benchmarks
    where series = 'daily, year to date'
),

same_point as (
    select
        periods.school_year as year_of_period, periods.period_type as type_of_period, periods.period as our_period,
        ends_on, editions.school_year, counted_to, published_on
    from periods
    join editions on periods.school_year = editions.school_year and counted_to <= ends_on
    cross join days_behind
    where period_type in ('year_to_date', 'to_half_term') and counted_to >= ends_on - interval (days) day
    qualify row_number() over (
        partition by periods.school_year, period_type, period order by counted_to desc, published_on desc
    ) = 1
),

to_date as (
    select benchmarks.*, year_of_period, type_of_period, our_period, ends_on
    from benchmarks
    join same_point
        on benchmarks.school_year = same_point.school_year
        and benchmarks.counted_to = same_point.counted_to
        and benchmarks.published_on = same_point.published_on
    where series = 'daily, year to date'
),

united as (
    from complete
    union all
    from to_date
),

placed as (
    select
        area_code,
        area_type,
        area_name,
        phase,
        year_of_period as school_year,
        type_of_period as period_type,
        our_period as period,
        ends_on,
        measure,
        value,
        symbol,
        series,
        school_year as benchmark_school_year,
        counted_to,
        published_on,
        source,
        listed_in
    from united
)

from placed
