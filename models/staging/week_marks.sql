-- In which sessions of each week a pupil on roll has each register code: the register's weekly page, packed.
--
-- `sessions` has a bit for each session of the week, from Monday morning (1), Monday afternoon (2) and Tuesday morning (4)
-- to Sunday afternoon (8192); days after the as-at date have none. The marks are those of `staging.session_marks`: of
-- several statements the one that became known last, within the pupil's time on roll, all of it where no enrolment is
-- known. They are packed as they are read, before anything is looked up: these rows are a quarter as many.
--
-- grain: pupil_number, week_from, code
-- check: sessions between 1 and 16383

with

pupil_numbers as (
    from staging.pupil_numbers
),

-- a day's week, and the bits of its sessions
days as (
    select
        session_date,
        date_trunc('week', session_date)::date as week_from,
        (1 << (2 * (isodow(session_date) - 1)))::integer as morning,
        (2 << (2 * (isodow(session_date) - 1)))::integer as afternoon
    from (select distinct session_date from staging.stretches)
),

stated as (
    select pupil_number, week_from, code, bit_or(if(session = 'AM', morning, afternoon)) as sessions
    from raw.marks as marks
    join days on marks.session_date = days.session_date
    join pupil_numbers on marks.school_urn = pupil_numbers.school_urn and marks.pupil_key = pupil_numbers.pupil_key
    where not is_deleted
    group by pupil_number, week_from, code
),

restated as (
    select pupil_number, week_from, code, is_deleted, if(session = 'AM', morning, afternoon) as bit
    from staging.restated_sessions as restated_sessions
    join days on restated_sessions.session_date = days.session_date
    join pupil_numbers
        on restated_sessions.school_urn = pupil_numbers.school_urn
        and restated_sessions.pupil_key = pupil_numbers.pupil_key
),

restated_weeks as (
    select pupil_number, week_from, bit_or(bit) as sessions
    from restated
    group by pupil_number, week_from
),

standing as (
    select pupil_number, week_from, code, bit_or(bit) as sessions
    from restated
    where not is_deleted
    group by pupil_number, week_from, code
),

-- the statement that stands is one of those stated, so its code has a row
settled as (
    select
        stated.pupil_number,
        stated.week_from,
        stated.code,
        (stated.sessions & ~coalesce(restated_weeks.sessions, 0)) | coalesce(standing.sessions, 0) as sessions
    from stated
    left join restated_weeks
        on stated.pupil_number = restated_weeks.pupil_number and stated.week_from = restated_weeks.week_from
    left join standing
        on stated.pupil_number = standing.pupil_number
        and stated.week_from = standing.week_from
        and stated.code = standing.code
),

enrolments as (
    select
        pupil_number,
        entered_on,
        left_on,
        date_trunc('week', entered_on)::date as entry_week,
        date_trunc('week', left_on)::date as leaving_week
    from staging.enrolments as enrolments
    join pupil_numbers
        on enrolments.school_urn = pupil_numbers.school_urn and enrolments.pupil_key = pupil_numbers.pupil_key
),

enrolled as (
    select distinct pupil_number
    from enrolments
),

-- weeks in which a stay begins or ends are on roll day by day, all between are whole
edge_weeks as (
    select pupil_number, entered_on, left_on, entry_week as week_from
    from enrolments
    union
    select pupil_number, entered_on, left_on, leaving_week
    from enrolments
),

edge_days as (
    select
        pupil_number,
        week_from,
        bit_or(3 << (2 * weekday)) as sessions
    from edge_weeks cross join (select unnest(generate_series(0, 6))::integer as weekday)
    where (week_from + interval (weekday) day)::date between entered_on and left_on
    group by pupil_number, week_from
),

on_roll as (
    select
        settled.pupil_number,
        settled.week_from,
        code,
        (
            settled.sessions
            & case
                when edge_days.sessions is not null then edge_days.sessions
                when whole.pupil_number is not null or enrolled.pupil_number is null then 16383
                else 0
            end
        )::integer as sessions
    from settled
    left join edge_days on settled.pupil_number = edge_days.pupil_number and settled.week_from = edge_days.week_from
    left join enrolments as whole
        on settled.pupil_number = whole.pupil_number
        and entry_week < settled.week_from
        and leaving_week > settled.week_from
    left join enrolled on settled.pupil_number = enrolled.pupil_number
),

placed as (
    select school_urn, on_roll.pupil_number, week_from, code, sessions
    from on_roll join pupil_numbers on on_roll.pupil_number = pupil_numbers.pupil_number
    where sessions > 0
)

from placed
