-- The weeks of each school, Monday to Sunday, with the running number of school weeks: those with a school session.
--
-- A school week is "any week in which there is at least one school session" (local codes of conduct for penalty notices).
-- Numbers run on across holidays and school years, so that ten school weeks are ten numbers; a week without a session has
-- the number of the last school week before it.
--
-- grain: school_urn, week_from
-- check: school_week > 0
-- check: has_session = (last_day is not null)

with

school_days as (
    select school_urn, school_year, session_date, date_trunc('week', session_date)::date as week_from
    from staging.school_days
),

held as (
    select school_urn, week_from, max(session_date) as last_day
    from school_days
    group by school_urn, week_from
),

edges as (
    select school_urn, min(week_from) as first_week, date_trunc('week', min(as_at))::date as last_week
    from held cross join staging.as_at
    group by school_urn
),

weeks as (
    select school_urn, unnest(generate_series(first_week, last_week, interval 7 day))::date as week_from
    from edges
),

numbered as (
    select
        weeks.school_urn,
        weeks.week_from,
        -- the year of the week's first day, but of a week that July and August share the one with a session
        year(coalesce(last_day, weeks.week_from)) - if(month(coalesce(last_day, weeks.week_from)) < 8, 1, 0) as starts_in,
        count(last_day) over (partition by weeks.school_urn order by weeks.week_from)::integer as school_week,
        last_day is not null as has_session,
        last_day
    from weeks
    left join held on weeks.school_urn = held.school_urn and weeks.week_from = held.week_from
),

named as (
    select
        school_urn,
        week_from,
        starts_in || '/' || right((starts_in + 1)::varchar, 2) as school_year,
        school_week,
        has_session,
        last_day
    from numbered
)

from named
