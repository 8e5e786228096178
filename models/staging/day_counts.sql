-- How many sessions of each register code each school has in each session, and how many minutes of lateness they state.
--
-- Also what is not counted elsewhere: marks outside a pupil's time on roll, and of schools that left the trust.
--
-- grain: school_urn, session_date, session, code, is_on_roll

with

session_marks as (
    from staging.session_marks
),

counted as (
    select
        school_urn,
        session_date,
        session,
        code,
        is_on_roll,
        count(*) as sessions,
        sum(minutes_late)::bigint as minutes_late,
        count(minutes_late) as sessions_with_minutes
    from session_marks
    group by school_urn, session_date, session, code, is_on_roll
)

from counted
