-- How much school each pupil was due, had and missed in each week, and in the school year up to its end.
--
-- possible_in_week and attended_in_week say which sessions those were, a bit for each as in `staging.week_marks`. Two days in
-- a row are two of a pupil's own days: one on which no session was possible (closure, holiday, D, X, Y, a missing mark)
-- neither breaks a run nor adds to it. days_before is how many days the pupil had before the week in the school
-- year, week_before the number of the pupil's school week before it and next_week_from the next one, null at either end of
-- the year.
--
-- grain: pupil_number, week_from
-- check: sessions_attended + sessions_absent = sessions_possible

with

week_marks as (
    from staging.week_marks
),

week_pieces as (
    from staging.week_pieces
),

possible_codes as (
    select
        code,
        valid_from,
        coalesce(valid_to, date '9999-12-31') as last_valid_on,
        is_attended,
        is_unauthorised,
        is_late_before_close or is_late_after_close as is_late
    from rules.register_codes
    where is_possible
),

school_weeks as (
    from staging.school_weeks
),

coded as (
    select
        pupil_number,
        week_marks.school_urn,
        week_marks.week_from,
        week_marks.sessions & week_pieces.sessions as sessions,
        is_attended,
        is_unauthorised,
        is_late
    from week_marks
    join week_pieces
        on week_marks.school_urn = week_pieces.school_urn and week_marks.week_from = week_pieces.week_from
    join possible_codes
        on week_marks.code = possible_codes.code and stretch_from between valid_from and last_valid_on
    where week_marks.sessions & week_pieces.sessions > 0
),

weekly as (
    select
        pupil_number,
        any_value(school_urn) as school_urn,
        week_from,
        bit_or(sessions) as possible_in_week,
        bit_or(if(is_attended, sessions, 0)) as attended_in_week,
        sum(if(is_unauthorised, bit_count(sessions), 0))::bigint as sessions_unauthorised,
        sum(if(is_late, bit_count(sessions), 0))::bigint as sessions_late
    from coded
    group by pupil_number, week_from
),

placed as (
    select
        weekly.school_urn,
        pupil_number,
        weekly.week_from,
        school_year,
        school_week,
        has_session,
        last_day,
        bit_count(possible_in_week)::bigint as sessions_possible,
        bit_count(attended_in_week)::bigint as sessions_attended,
        (bit_count(possible_in_week) - bit_count(attended_in_week))::bigint as sessions_absent,
        sessions_unauthorised,
        sessions_late,
        possible_in_week,
        attended_in_week,
        -- one bit a day, that of its morning
        bit_count((possible_in_week | (possible_in_week >> 1)) & 5461) as days_possible
    from weekly
    join school_weeks on weekly.school_urn = school_weeks.school_urn and weekly.week_from = school_weeks.week_from
),

added_up as (
    select
        * exclude (days_possible, has_session),
        sum(sessions_possible) over year_so_far::bigint as possible_to_date,
        sum(sessions_absent) over year_so_far::bigint as absent_to_date,
        (sum(days_possible) over year_so_far - days_possible)::bigint as days_before,
        lag(if(has_session, school_week, null) ignore nulls) over year_so_far as week_before,
        lead(if(has_session, week_from, null) ignore nulls) over year_so_far as next_week_from
    from placed
    window year_so_far as (partition by pupil_number, school_year order by week_from)
),

pupil_numbers as (
    select pupil_number, pupil_key
    from staging.pupil_numbers
),

named as (
    select added_up.*, pupil_key
    from added_up join pupil_numbers on added_up.pupil_number = pupil_numbers.pupil_number
)

from named
