-- Every session on roll that a pupil missed or came late to, up to the as-at date, and the school week that it was in.
--
-- A few in a hundred of all sessions: what looks for days in a row or sessions within weeks reads these. A session
-- in a week before the school's first one is not placed and left out: no calendar says that there was school.
--
-- grain: school_urn, pupil_key, session_date, session
-- check: is_absent or is_late

with

week_marks as (
    from staging.week_marks
),

week_pieces as (
    from staging.week_pieces
),

noted_codes as (
    select
        code,
        valid_from,
        coalesce(valid_to, date '9999-12-31') as last_valid_on,
        is_authorised or is_unauthorised as is_absent,
        is_unauthorised,
        is_late_before_close or is_late_after_close as is_late
    from rules.register_codes
    where is_authorised or is_unauthorised or is_late_before_close or is_late_after_close
),

school_weeks as (
    from staging.school_weeks
),

places as (
    select unnest(generate_series(0, 13))::integer as place
),

noted as (
    select
        week_marks.school_urn,
        pupil_number,
        week_marks.week_from,
        week_marks.sessions & week_pieces.sessions as sessions,
        week_marks.code,
        is_absent,
        is_unauthorised,
        is_late
    from week_marks
    join noted_codes on week_marks.code = noted_codes.code
    join week_pieces
        on week_marks.school_urn = week_pieces.school_urn and week_marks.week_from = week_pieces.week_from
    where stretch_from between valid_from and last_valid_on and week_marks.sessions & week_pieces.sessions > 0
),

unpacked as (
    select
        noted.school_urn,
        pupil_key,
        noted.pupil_number,
        (noted.week_from + interval (place // 2) day)::date as session_date,
        if(place % 2 = 0, 'AM', 'PM') as session,
        code,
        is_absent,
        is_unauthorised,
        is_late,
        school_year,
        school_week,
        noted.week_from
    from noted
    join school_weeks on noted.school_urn = school_weeks.school_urn and noted.week_from = school_weeks.week_from
    join places on sessions & (1 << place) > 0
    join staging.pupil_numbers as pupil_numbers on noted.pupil_number = pupil_numbers.pupil_number
)

from unpacked
