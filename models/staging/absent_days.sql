-- The days on which a pupil missed every session that there was for them, and the number of the day among all their days.
--
-- A day of a pupil is one with a possible session. Days in a row are numbers in a row: a weekend, a holiday or a day without
-- a possible session has no number. One session missed and one attended is no day of absence; one missed and one that was
-- not possible is.
--
-- grain: pupil_number, session_date
-- check: day_number > 0

with

absences as (
    from staging.absences_and_lates
    where is_absent
),

pupil_weeks as (
    from staging.pupil_weeks
),

pupil_days as (
    from staging.pupil_days
),

days as (
    select
        pupil_number,
        session_date,
        week_from,
        count(*)::bigint as sessions,
        min(code) as one_code,
        max(code) as other_code,
        (1 << (2 * (isodow(session_date) - 1)))::integer as morning
    from absences
    group by pupil_number, session_date, week_from
),

numbered as (
    select
        school_urn,
        days.pupil_number,
        session_date,
        pupil_weeks.school_year,
        sessions,
        one_code,
        other_code,
        (
            pupil_days.days_before
            + pupil_weeks.days_before
            + bit_count((possible_in_week | (possible_in_week >> 1)) & 5461 & (2 * morning - 1))
        )::integer as day_number
    from days
    join pupil_weeks on days.pupil_number = pupil_weeks.pupil_number and days.week_from = pupil_weeks.week_from
    join pupil_days
        on pupil_weeks.pupil_number = pupil_days.pupil_number and pupil_weeks.school_year = pupil_days.school_year
    where attended_in_week & (3 * morning) = 0
)

from numbered
