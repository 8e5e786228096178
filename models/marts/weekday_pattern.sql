-- On which weekdays, and in which of their sessions, absence and lateness fall at each school and in the trust.
--
-- Basis: everyone on roll. `session` is AM, PM, or "day" for both. Of a period's absence AM and PM make up the day,
-- and the days make up 100%; a weekday that bank holidays take has less of it because it has fewer sessions, which
-- `percent_of_possible` shows. Only possible sessions count; a weekday without any has no row. Rates are pooled. The
-- trust's rows have no school_urn. A weekday counts from 1, Monday; register files have no marks of weekends.
--
-- grain: school_urn, school_year, period_type, period, weekday, session
-- check: sessions_attended + sessions_absent = sessions_possible
-- check: session in ('AM', 'PM', 'day')
-- check: weekday_name is not null

with

day_counts as (
    from staging.day_counts
),

stretches as (
    from staging.stretches
),

period_stretches as (
    from staging.period_stretches
    where period_type in ('year', 'term', 'year_to_date')
),

register_codes as (
    from rules.register_codes
),

by_stretch as (
    select
        day_counts.school_urn,
        stretch_from,
        isodow(day_counts.session_date) as weekday,
        session,
        sum(sessions) as sessions_possible,
        coalesce(sum(sessions) filter (where is_attended), 0) as sessions_attended,
        coalesce(sum(sessions) filter (where is_authorised or is_unauthorised), 0) as sessions_absent,
        coalesce(sum(sessions) filter (where is_late_before_close), 0) as sessions_late_before_close,
        coalesce(sum(sessions) filter (where is_late_after_close), 0) as sessions_late_after_close
    from day_counts
    join stretches
        on day_counts.school_urn = stretches.school_urn and day_counts.session_date = stretches.session_date
    join register_codes
        on day_counts.code = register_codes.code
        and day_counts.session_date between valid_from and coalesce(valid_to, date '9999-12-31')
    where is_on_roll and is_possible
    group by day_counts.school_urn, stretch_from, isodow(day_counts.session_date), session
),

counted as (
    select
        by_stretch.school_urn,
        school_year,
        period_type,
        period,
        weekday,
        coalesce(session, 'day') as session,
        sum(sessions_possible)::bigint as sessions_possible,
        sum(sessions_attended)::bigint as sessions_attended,
        sum(sessions_absent)::bigint as sessions_absent,
        sum(sessions_late_before_close)::bigint as sessions_late_before_close,
        sum(sessions_late_after_close)::bigint as sessions_late_after_close
    from by_stretch
    join period_stretches
        on by_stretch.school_urn = period_stretches.school_urn
        and by_stretch.stretch_from = period_stretches.stretch_from
    group by grouping sets (
        (by_stretch.school_urn, school_year, period_type, period, weekday, session),
        (by_stretch.school_urn, school_year, period_type, period, weekday),
        (school_year, period_type, period, weekday, session),
        (school_year, period_type, period, weekday)
    )
),

totals as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        sum(sessions_possible) as period_possible,
        sum(sessions_absent) as period_absent
    from counted
    where session = 'day'
    group by school_urn, school_year, period_type, period
),

shared as (
    select
        counted.school_urn,
        counted.school_year,
        counted.period_type,
        counted.period,
        weekday,
        case weekday
            when 1 then 'Monday'
            when 2 then 'Tuesday'
            when 3 then 'Wednesday'
            when 4 then 'Thursday'
            when 5 then 'Friday'
            when 6 then 'Saturday'
            when 7 then 'Sunday'
        end as weekday_name,
        session,
        sessions_possible,
        sessions_attended,
        sessions_absent,
        sessions_late_before_close,
        sessions_late_after_close,
        100.0 * sessions_absent / sessions_possible as percent_absence,
        100.0 * sessions_absent / nullif(period_absent, 0) as percent_of_absence,
        100.0 * sessions_possible / period_possible as percent_of_possible
    from counted
    join totals
        on counted.school_urn is not distinct from totals.school_urn
        and counted.school_year = totals.school_year
        and counted.period_type = totals.period_type
        and counted.period = totals.period
)

from shared
