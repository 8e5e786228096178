-- How many sessions of each register code each enrolment has in each stretch of days, at the schools of the trust as it is now.
--
-- grain: school_urn, pupil_key, stretch_from, code

with

session_marks as (
    from staging.session_marks
),

stretches as (
    from staging.stretches
),

counted as (
    select session_marks.school_urn, pupil_key, stretch_from, code, count(*) as sessions
    from session_marks
    join stretches
        on session_marks.school_urn = stretches.school_urn and session_marks.session_date = stretches.session_date
    where is_on_roll
    group by session_marks.school_urn, pupil_key, stretch_from, code
)

from counted
