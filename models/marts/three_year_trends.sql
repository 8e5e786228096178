-- Attendance, persistent and severe absence over the last three full years and the current one, beside England's.
--
-- Full years stand beside full years, and every year to date beside the other years up to the same week: the two kinds
-- of period never mix. England's value for a school is that of its phase; for the trust it is weighted by the trust's own
-- possible sessions (attendance) or pupils (persistent, severe) in each phase. It is null where DfE publishes none.
-- change_points is in percentage points since the school year before, null where there is none.
--
-- grain: school_urn, school_year, period_type, period, measure

with

school_attendance as (
    from marts.school_attendance
    where year_group is null
),

schools as (
    from raw.schools
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
    select periods.school_year, period_type, period
    from periods cross join as_at
    where (period_type = 'year_to_date' or (period_type = 'year' and is_complete))
        and left(periods.school_year, 4)::integer >= starts_in - 3
),

measured as (
    select school_urn, school_year, period_type, period, measure, value, weight
    from (
        select *, unnest([
            {'measure': 'percent_attendance', 'value': percent_attendance, 'weight': sessions_possible},
            {'measure': 'percent_persistent', 'value': percent_persistent, 'weight': pupils},
            {'measure': 'percent_severe', 'value': percent_severe, 'weight': pupils}
        ], recursive := true)
        from school_attendance
    )
    semi join compared_periods using (school_year, period_type, period)
),

england_by_phase as (
    select phase, school_year, period_type, period, series, published_on, measure, value
    from (
        select *, unnest([
            {'measure': 'percent_attendance', 'value': percent_attendance},
            {'measure': 'percent_persistent', 'value': percent_persistent},
            {'measure': 'percent_severe', 'value': percent_severe}
        ], recursive := true)
        from england_figures
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
        max(series) as england_series,
        max(published_on) as england_published_on
    from measured
    join schools using (school_urn)
    left join england_by_phase as england
        on schools.phase = england.phase
        and measured.school_year = england.school_year
        and measured.period_type = england.period_type
        and measured.measure = england.measure
    group by
        measured.school_year, measured.period_type, measured.period, measured.measure,
        grouping sets ((measured.school_urn), ())
),

changed as (
    select
        *,
        if(
            lag(school_year) over history = (left(school_year, 4)::integer - 1) || '/' || substr(school_year, 3, 2),
            value - lag(value) over history,
            null
        ) as change_points
    from measured
    window history as (partition by school_urn, period_type, measure order by school_year)
),

beside_england as (
    select
        changed.school_urn,
        changed.school_year,
        changed.period_type,
        changed.period,
        changed.measure,
        changed.value,
        changed.change_points,
        england_value,
        if(england_value is null, null, england_series) as england_series,
        if(england_value is null, null, england_published_on) as england_published_on
    from changed join weighted
        on changed.school_urn is not distinct from weighted.school_urn
        and changed.school_year = weighted.school_year
        and changed.period_type = weighted.period_type
        and changed.measure = weighted.measure
)

from beside_england
