-- Attendance and absence in each school week of each school and of the trust, beside the same week of the year
-- before.
--
-- Basis: everyone on roll. A week starts on Monday and is known by its ISO number; the year before is the week of the
-- same number, or null where there was none (week 53, or a holiday then). `days` are those with a possible session,
-- so that a week with a bank holiday has four; the trust's are those of any of its schools. A week without a possible
-- session has no row. Nothing is counted past the as-at date: a week that is not complete stands beside a whole one.
-- Rates are pooled. The trust's rows have no school_urn.
--
-- grain: school_urn, school_year, week_from
-- check: sessions_attended + sessions_absent = sessions_possible
-- check: sessions_authorised + sessions_unauthorised = sessions_absent
-- check: days between 1 and 7

with

day_counts as (
    from staging.day_counts
),

stretches as (
    from staging.stretches
),

register_codes as (
    from rules.register_codes
),

as_at as (
    from staging.as_at
),

possible as (
    select
        day_counts.school_urn,
        school_year,
        day_counts.session_date,
        cast(date_trunc('week', day_counts.session_date) as date) as week_from,
        is_attended,
        is_authorised,
        is_unauthorised,
        sessions
    from day_counts
    join stretches
        on day_counts.school_urn = stretches.school_urn and day_counts.session_date = stretches.session_date
    join register_codes
        on day_counts.code = register_codes.code
        and day_counts.session_date between valid_from and coalesce(valid_to, date '9999-12-31')
    where is_on_roll and is_possible
),

counted as (
    select
        school_urn,
        school_year,
        cast(left(school_year, 4) as integer) as starts_in,
        week_from,
        isoyear(week_from) as week_year,
        week(week_from) as week,
        count(distinct session_date) as days,
        sum(sessions)::bigint as sessions_possible,
        coalesce(sum(sessions) filter (where is_attended), 0)::bigint as sessions_attended,
        coalesce(sum(sessions) filter (where is_authorised or is_unauthorised), 0)::bigint as sessions_absent,
        coalesce(sum(sessions) filter (where is_authorised), 0)::bigint as sessions_authorised,
        coalesce(sum(sessions) filter (where is_unauthorised), 0)::bigint as sessions_unauthorised
    from possible
    group by grouping sets ((school_urn, school_year, week_from), (school_year, week_from))
),

compared as (
    select
        counted.school_urn,
        counted.school_year,
        counted.week_from,
        counted.week,
        counted.days,
        counted.sessions_possible,
        counted.sessions_attended,
        counted.sessions_absent,
        counted.sessions_authorised,
        counted.sessions_unauthorised,
        100.0 * counted.sessions_attended / counted.sessions_possible as percent_attendance,
        100.0 * counted.sessions_absent / counted.sessions_possible as percent_absence,
        100.0 * before.sessions_attended / before.sessions_possible as percent_attendance_year_before,
        cast(counted.week_from + interval '4' day as date) <= as_at.as_at as is_complete
    from counted
    cross join as_at
    -- the last days of July and the first of August may be in weeks of one number
    left join counted as before
        on counted.school_urn is not distinct from before.school_urn
        and counted.starts_in = before.starts_in + 1
        and counted.week_year = before.week_year + 1
        and counted.week = before.week
)

from compared
