-- The school days that a school's registers show, up to the as-at date, in school years without a calendar in
-- rollbook.yaml: its half terms and closed days are derived from them.
--
-- A day counts with possible sessions of at least a tenth of the pupils of that year's busiest day, so that a stray
-- mark opens no school. Closures and INSET days (#) and days on which nobody could attend (Y) have none.
--
-- grain: school_urn, session_date
-- check: pupils > 0

with

day_counts as (
    select *, year(session_date) - if(month(session_date) < 8, 1, 0) as starts_in
    from staging.day_counts
    where is_on_roll
),

register_codes as (
    from rules.register_codes
    where is_possible
),

schools as (
    from raw.schools
),

calendars as (
    select distinct school_urn, left(school_year, 4)::integer as starts_in
    from raw.half_terms
),

as_at as (
    from staging.as_at
),

limits as (
    select value::integer as from_percent
    from rules.derived_calendars
    where rule = 'school_day_from_percent_of_busiest'
),

without_calendar as (
    select day_counts.*
    from day_counts
    join schools on day_counts.school_urn = schools.school_urn
    left join calendars on day_counts.school_urn = calendars.school_urn and day_counts.starts_in = calendars.starts_in
    where calendars.school_urn is null
),

marked_sessions as (
    select school_urn, without_calendar.starts_in, session_date, session, sum(sessions)::bigint as pupils
    from without_calendar
    join register_codes
        on without_calendar.code = register_codes.code
        and session_date between valid_from and coalesce(valid_to, date '9999-12-31')
    join as_at on session_date <= as_at.as_at
    group by school_urn, without_calendar.starts_in, session_date, session
),

marked_days as (
    select school_urn, starts_in, session_date, max(pupils) as pupils
    from marked_sessions
    group by school_urn, starts_in, session_date
),

against_busiest as (
    select *, max(pupils) over (partition by school_urn, starts_in) as pupils_on_busiest_day
    from marked_days
),

open_days as (
    select
        school_urn,
        session_date,
        starts_in || '/' || right((starts_in + 1)::varchar, 2) as school_year,
        pupils
    from against_busiest cross join limits
    where pupils * 100 >= pupils_on_busiest_day * from_percent
)

from open_days
