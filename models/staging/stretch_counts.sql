-- How many sessions of each register code each enrolment has in each stretch of days, at the schools of the trust as it is now.
--
-- grain: school_urn, pupil_key, stretch_from, code

with

week_marks as (
    from staging.week_marks
),

week_pieces as (
    from staging.week_pieces
),

pupil_numbers as (
    from staging.pupil_numbers
),

counted as (
    select
        pupil_number,
        stretch_from,
        code,
        sum(bit_count(week_marks.sessions & week_pieces.sessions))::bigint as sessions
    from week_marks
    join week_pieces
        on week_marks.school_urn = week_pieces.school_urn and week_marks.week_from = week_pieces.week_from
    where week_marks.sessions & week_pieces.sessions > 0
    group by pupil_number, stretch_from, code
),

named as (
    select school_urn, pupil_key, stretch_from, code, sessions
    from counted join pupil_numbers on counted.pupil_number = pupil_numbers.pupil_number
)

from named
