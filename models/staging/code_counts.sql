-- How many sessions of each register code each enrolment has in each period, at the schools of the trust as it is now.
--
-- grain: school_urn, pupil_key, school_year, period_type, period, code, code_from

with

session_marks as (
    from staging.session_marks
),

schools as (
    from raw.schools
),

period_days as (
    from staging.period_days
),

counted as (
    select
        school_urn,
        pupil_key,
        school_year,
        period_type,
        period,
        code,
        code_from,
        count(*) as sessions
    from session_marks
    semi join schools using (school_urn)
    join period_days using (session_date)
    where is_on_roll
    group by all
)

from counted
