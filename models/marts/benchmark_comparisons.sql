-- Each school and the trust beside the other schools of its phase in the trust, its local authority, its region and England:
-- the difference, whether chance alone could make it, and the plain verdict.
--
-- Only like stands beside like: the same phase, the same school year and kind of period, one series. A complete year stands
-- beside the accredited series, a term beside that term of the daily series, a year to date beside the daily series as
-- published for the same point of that year (`published_on`, `counted_to`). England, region and authority are weighted by
-- the school's or trust's own phases where there are several (staging.weighted_benchmarks). `missing` says why there is
-- nothing to stand beside: DfE holds the figure back, or none is held here (not published, or not shipped or loaded).
--
-- difference_points is ours less theirs. low_points to high_points is where it lies with 95% confidence if our pupils are a
-- sample of those who might have come: published figures are of so many pupils that they are taken as exact; of other
-- schools their own chance counts too. Attendance: variance between pupils; persistent and severe absence: Wilson's and
-- Newcombe's intervals (rules.chance). The verdict is "in line with" where 0 lies between them.
--
-- Among the trust's schools of its phase: `place` counts those with a better figure as shown (0.1 of attendance, whole per
-- cent of pupils) and adds one, so that equals share the better place; `percentile` is the share of the other schools that it
-- is better than, equals by half.
--
-- grain: school_urn, school_year, period_type, period, measure, comparator
-- check: comparator in ('other schools', 'local authority', 'region', 'England')
-- check: (comparator_value is null) = (missing is not null)
-- check: comparator <> 'other schools' or series is null
-- check: series is null or (series = 'daily, year to date') = (period_type = 'year_to_date')
-- check: series is null or (series = 'accredited, full year') = (period_type = 'year')
-- check: counted_to is null or counted_to <= ends_on
-- check: low_points is null or difference_points between low_points and high_points
-- check: verdict is null or verdict in ('better than', 'in line with', 'worse than')
-- check: place is null or place between 1 and schools

with

measured_rates as (
    from staging.measured_rates
),

weighted_benchmarks as (
    from staging.weighted_benchmarks
),

periods as (
    select school_urn, school_year, period_type, period, ends_on, is_complete
    from staging.periods
),

-- a year or term is compared when it is over at every school
compared_periods as (
    select school_year, period_type, period, max(ends_on) as ends_on
    from periods
    where period_type in ('year', 'term', 'year_to_date')
    group by school_year, period_type, period
    having period_type = 'year_to_date' or bool_and(is_complete)
),

own as (
    select measured_rates.*, ends_on
    from measured_rates
    join compared_periods
        on measured_rates.school_year = compared_periods.school_year
        and measured_rates.period_type = compared_periods.period_type
        and measured_rates.period = compared_periods.period
    where whose = 'own'
),

beside_published as (
    select
        own.*,
        if(area_type = 'country', 'England', area_type) as comparator,
        area_name,
        weighted_benchmarks.value as comparator_value,
        case
            when weighted_benchmarks.value is not null then null
            when symbol is not null then 'DfE holds the figure back'
            else 'No figure is held'
        end as missing,
        is_phase_weighted,
        if(weighted_benchmarks.value is null, null, series) as series,
        if(weighted_benchmarks.value is null, null, published_on) as published_on,
        if(weighted_benchmarks.value is null, null, counted_to) as counted_to,
        case when method = 'ratio over pupils' then 100 * z * sqrt(variance) else 100 * (share - share_low) end as down_to,
        case when method = 'ratio over pupils' then 100 * z * sqrt(variance) else 100 * (share_high - share) end as up_to
    from own
    join weighted_benchmarks
        on own.school_urn is not distinct from weighted_benchmarks.school_urn
        and own.school_year = weighted_benchmarks.school_year
        and own.period_type = weighted_benchmarks.period_type
        and own.period = weighted_benchmarks.period
        and own.measure = weighted_benchmarks.measure
),

beside_others as (
    select
        own.*,
        'other schools' as comparator,
        null as area_name,
        others.value as comparator_value,
        null as missing,
        false as is_phase_weighted,
        null as series,
        null::date as published_on,
        null::date as counted_to,
        case own.method
            when 'ratio over pupils' then 100 * own.z * sqrt(own.variance + others.variance)
            else 100 * sqrt(power(own.share - own.share_low, 2) + power(others.share_high - others.share, 2))
        end as down_to,
        case own.method
            when 'ratio over pupils' then 100 * own.z * sqrt(own.variance + others.variance)
            else 100 * sqrt(power(own.share_high - own.share, 2) + power(others.share - others.share_low, 2))
        end as up_to
    from own
    join measured_rates as others
        on own.school_urn = others.school_urn
        and own.school_year = others.school_year
        and own.period_type = others.period_type
        and own.period = others.period
        and own.measure = others.measure
    where others.whose = 'others of its phase'
),

united as (
    from beside_published
    union all
    from beside_others
),

-- the better the figure as shown, the higher it stands
standing as (
    select
        school_urn,
        phase,
        school_year,
        period_type,
        period,
        measure,
        if(is_higher_better, 1, -1) * round(value, if(measure = 'percent_attendance', 1, 0)) as standing
    from own
    where school_urn is not null
),

placed as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        measure,
        count(*) over peers as schools,
        rank() over (peers order by standing desc) as place,
        100.0 * (
            count(*) over peers - (rank() over (peers order by standing desc) - 1)
            - count(*) over (partition by phase, school_year, period_type, period, measure, standing)
            + 0.5 * (count(*) over (partition by phase, school_year, period_type, period, measure, standing) - 1)
        ) / nullif(count(*) over peers - 1, 0) as percentile
    from standing
    window peers as (partition by phase, school_year, period_type, period, measure)
),

compared as (
    select
        united.school_urn,
        united.school_year,
        united.period_type,
        united.period,
        united.measure,
        comparator,
        area_name,
        pupils,
        value,
        comparator_value,
        value - comparator_value as difference_points,
        value - comparator_value - down_to as low_points,
        value - comparator_value + up_to as high_points,
        case
            when value - comparator_value - down_to > 0 then if(is_higher_better, 'better than', 'worse than')
            when value - comparator_value + up_to < 0 then if(is_higher_better, 'worse than', 'better than')
            when value - comparator_value + up_to >= 0 then 'in line with'
        end as verdict,
        is_phase_weighted,
        series,
        published_on,
        counted_to,
        ends_on,
        missing,
        if(comparator = 'other schools', schools, null) as schools,
        if(comparator = 'other schools', place, null) as place,
        if(comparator = 'other schools', percentile, null) as percentile
    from united
    left join placed
        on united.school_urn = placed.school_urn
        and united.school_year = placed.school_year
        and united.period_type = placed.period_type
        and united.period = placed.period
        and united.measure = placed.measure
)

from compared
