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

school_attendance as (
    from marts.school_attendance
    where breakdown = 'all' and basis = 'as DfE publishes'
),

pupil_attendance as (
    from marts.pupil_attendance
    where basis = 'as DfE publishes' and period_type in ('year', 'year_to_date')
),

schools as (
    from raw.schools
),

chance as (
    from rules.chance
),

periods as (
    from staging.periods
),

as_at as (
    from staging.as_at
),

england_figures as (
    from staging.england_figures
),

compared_periods as (
    select distinct periods.school_year, period_type, period
    from periods cross join as_at
    where (period_type = 'year_to_date' or (period_type = 'year' and is_complete))
        and left(periods.school_year, 4)::integer >= starts_in - 3
),

-- absent and attended vary alike around their rates; of the two sums of squares absence's are the smaller numbers
squares as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        count(*) as pupils,
        sum(sessions_possible)::double as possible,
        sum(sessions_absent)::double as absent,
        sum(sessions_possible * sessions_possible)::double as possible_squared,
        sum(sessions_absent * sessions_absent)::double as absent_squared,
        sum(sessions_possible * sessions_absent)::double as possible_absent
    from pupil_attendance
    group by school_year, period_type, period, grouping sets ((school_urn), ())
),

varied as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        case
            when pupils > 1
            then pupils / (pupils - 1.0) / possible / possible * greatest(
                absent_squared
                - 2 * (absent / possible) * possible_absent
                + (absent / possible) * (absent / possible) * possible_squared,
                0
            )
        end as variance
    from squares
),

measured as (
    select
        school_attendance.school_urn,
        school_attendance.school_year,
        school_attendance.period_type,
        school_attendance.period,
        measure,
        case measure
            when 'percent_attendance' then percent_attendance
            when 'percent_persistent' then percent_persistent
            when 'percent_severe' then percent_severe
        end as value,
        case measure when 'percent_attendance' then sessions_possible else pupils end as weight,
        pupils,
        case measure
            when 'percent_persistent' then pupils_persistent
            when 'percent_severe' then pupils_severe
        end as counted,
        case method when 'ratio over pupils' then variance end as variance,
        method,
        z_value::double as z
    from school_attendance
    join compared_periods
        on school_attendance.school_year = compared_periods.school_year
        and school_attendance.period_type = compared_periods.period_type
        and school_attendance.period = compared_periods.period
    cross join chance
    left join varied
        on school_attendance.school_urn is not distinct from varied.school_urn
        and school_attendance.school_year = varied.school_year
        and school_attendance.period_type = varied.period_type
        and school_attendance.period = varied.period
),

-- Wilson's interval of one proportion
scored as (
    select
        *,
        1.0 * counted / pupils as share,
        (2 * counted + z * z - z * sqrt(z * z + 4 * counted * (1 - 1.0 * counted / pupils))) / (2 * (pupils + z * z))
            as share_low,
        (2 * counted + z * z + z * sqrt(z * z + 4 * counted * (1 - 1.0 * counted / pupils))) / (2 * (pupils + z * z))
            as share_high
    from measured
),

england_by_phase as (
    select phase, school_year, period_type, period, series, published_on, measure, value
    from (
        select
            england_figures.*,
            measure,
            case measure
                when 'percent_attendance' then percent_attendance
                when 'percent_persistent' then percent_persistent
                when 'percent_severe' then percent_severe
            end as value
        from england_figures
        cross join chance
    )
    where value is not null
),

weighted as (
    select
        measured.school_urn,
        measured.school_year,
        measured.period_type,
        measured.period,
        measured.measure,
        -- a comparator that lacks one of the trust's phases would compare unlike with unlike
        if(count(england.value) = count(*), sum(weight * england.value) / sum(weight), null) as england_value,
        max(england.series) as england_series,
        max(england.published_on) as england_published_on
    from measured
    join schools on measured.school_urn = schools.school_urn
    left join england_by_phase as england
        on schools.phase = england.phase
        and measured.school_year = england.school_year
        and measured.period_type = england.period_type
        and measured.measure = england.measure
    group by
        measured.school_year, measured.period_type, measured.period, measured.measure,
        grouping sets ((measured.school_urn), ())
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
        england_value,
        if(england_value is null, null, england_series) as england_series,
        if(england_value is null, null, england_published_on) as england_published_on,
        change_points - down_to as change_low,
        change_points + up_to as change_high,
        change_points - down_to > 0 or change_points + up_to < 0 as is_beyond_chance,
        scored.pupils
    from scored
    join weighted
        on scored.school_urn is not distinct from weighted.school_urn
        and scored.school_year = weighted.school_year
        and scored.period_type = weighted.period_type
        and scored.period = weighted.period
        and scored.measure = weighted.measure
    left join changed
        on scored.school_urn is not distinct from changed.school_urn
        and scored.school_year = changed.school_year
        and scored.period_type = changed.period_type
        and scored.period = changed.period
        and scored.measure = changed.measure
)

from beside_england
