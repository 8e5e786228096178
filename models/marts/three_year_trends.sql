-- Attendance, persistent and severe absence over the last three full years and the current one, beside England's.
--
-- Full years stand beside full years, and every year to date beside the other years up to the same week: the two kinds
-- of period never mix. England's value for a school is that of its phase; for the trust it is weighted by the trust's
-- own possible sessions (attendance) or pupils (persistent, severe) in each phase. It is null where DfE publishes none.
-- change_points is in percentage points since the school year before, null where there is none.
--
-- Could the change be chance? change_low to change_high is where it lies with 95% confidence, in percentage points, if
-- each year's pupils are taken as a sample of those who might have come; is_beyond_chance: 0 is not between them. The
-- methods are rules (rules.chance), as the sessions of one pupil say little more than the pupil does. Persistent and
-- severe absence are proportions of pupils: Newcombe's interval from Wilson's scores. Attendance is a ratio of sessions
-- with the variance between pupils, n / (n - 1) * sum((attended - rate * possible)^2) / sum(possible)^2: the change +
-- or - 1.96 * sqrt(variance + variance of the year before). Years are taken as independent; most pupils are in
-- both, so the intervals are if anything too wide. Of twenty changes that are all chance, one will still lie beyond it.
--
-- grain: school_urn, school_year, period_type, period, measure
-- check: change_low is null or change_points between change_low and change_high
-- check: (is_beyond_chance is null) = (change_low is null)
-- check: change_points is not null or change_low is null

with

measured_rates as (
    from staging.measured_rates
    where whose = 'own'
),

periods as (
    from staging.periods
),

as_at as (
    from staging.as_at
),

weighted_benchmarks as (
    from staging.weighted_benchmarks
    where area_type = 'country'
),

compared_periods as (
    select distinct periods.school_year, period_type, period
    from periods cross join as_at
    where (period_type = 'year_to_date' or (period_type = 'year' and is_complete))
        and left(periods.school_year, 4)::integer >= starts_in - 3
),

scored as (
    select measured_rates.*
    from measured_rates
    join compared_periods
        on measured_rates.school_year = compared_periods.school_year
        and measured_rates.period_type = compared_periods.period_type
        and measured_rates.period = compared_periods.period
),

with_year_before as (
    select
        *,
        coalesce(
            lag(school_year) over history = (left(school_year, 4)::integer - 1) || '/' || substr(school_year, 3, 2),
            false
        ) as has_year_before,
        lag(value) over history as value_before,
        lag(variance) over history as variance_before,
        lag(share) over history as share_before,
        lag(share_low) over history as share_low_before,
        lag(share_high) over history as share_high_before
    from scored
    window history as (partition by school_urn, period_type, measure order by school_year)
),

changed as (
    select
        *,
        value - value_before as change_points,
        case method
            when 'ratio over pupils' then 100 * z * sqrt(variance + variance_before)
            when 'difference of two proportions'
            then 100 * sqrt(power(share - share_low, 2) + power(share_high_before - share_before, 2))
        end as down_to,
        case method
            when 'ratio over pupils' then 100 * z * sqrt(variance + variance_before)
            when 'difference of two proportions'
            then 100 * sqrt(power(share_high - share, 2) + power(share_before - share_low_before, 2))
        end as up_to
    from with_year_before
    where has_year_before
),

beside_england as (
    select
        scored.school_urn,
        scored.school_year,
        scored.period_type,
        scored.period,
        scored.measure,
        scored.value,
        change_points,
        england.value as england_value,
        if(england.value is null, null, england.series) as england_series,
        if(england.value is null, null, england.published_on) as england_published_on,
        change_points - down_to as change_low,
        change_points + up_to as change_high,
        change_points - down_to > 0 or change_points + up_to < 0 as is_beyond_chance,
        scored.pupils
    from scored
    left join weighted_benchmarks as england
        on scored.school_urn is not distinct from england.school_urn
        and scored.school_year = england.school_year
        and scored.period_type = england.period_type
        and scored.period = england.period
        and scored.measure = england.measure
    left join changed
        on scored.school_urn is not distinct from changed.school_urn
        and scored.school_year = changed.school_year
        and scored.period_type = changed.period_type
        and scored.period = changed.period
        and scored.measure = changed.measure
)

from beside_england
