-- What each school keeps in a list of its own, with dates: one row per enrolment, flag and spell.
--
-- No census holds long-term medical conditions, nor who was known to social care before. Free meals are in it for the
-- few who became eligible in the middle of a school year, which no extract can say. Nobody loses them: pupils kept
-- their meals while universal credit came in.
create table sample.flags as
with

-- the middle of the week, and not the first or last weeks of a school year
change_days as (
    select school_year, day_no, held_on
    from sample.days
    where isodow(held_on) between 2 and 4 and day_no between 16 and 170
),

at_school as not materialized (
    select enrolment_no, pupil_no, phase, school_year, entry_date, held_on, school_year * 1000 + day_no as day_key
    from sample.enrolment_years
    join change_days using (school_year)
    where 2 * day_no - 1 > first_session and 2 * day_no <= last_session
),

years as (
    select
        *,
        was_known and care is null as is_known_before,
        lag(is_fsm) over by_year as was_fsm,
        lag(is_known_before) over by_year as was_known_before
    from sample.enrolment_years
    window by_year as (partition by enrolment_no order by school_year)
),

fsm_years as (
    select enrolment_no, school_year
    from years
    where is_fsm and not was_fsm

    union all

    select enrolment_no, school_year
    from years
    where is_fsm and was_fsm is null
    qualify uniform('fsm in year', enrolment_no, 0) < 0.06
        -- and one of every school, so that its list is as old as its registers
        or (school_year = getvariable('first_year') and row_number() over (
            partition by school_no, school_year
            order by last_session - first_session < 200, uniform('fsm in year', enrolment_no, 0)) = 1)
),

fsm as (
    select
        enrolment_no,
        'FSM' as flag,
        arg_min(held_on, uniform('fsm from', enrolment_no, day_key)) as from_on,
        null::date as to_on
    from fsm_years
    join at_school using (enrolment_no, school_year)
    group by enrolment_no
),

-- schools are told of half of them, and keep them listed until the family is known again
known_turns as (
    select
        enrolment_no,
        school_year,
        if(is_known_before and was_known_before is null, entry_date, null) as on_joining,
        is_known_before as begins
    from years
    where is_known_before <> coalesce(was_known_before, false) and uniform('told', pupil_no, 0) < 0.5
),

known_dated as (
    select
        enrolment_no,
        school_year,
        begins,
        coalesce(on_joining, arg_min(held_on, uniform('told on', enrolment_no, day_key))) as turned_on
    from known_turns
    left join at_school using (enrolment_no, school_year)
    group by enrolment_no, school_year, begins, on_joining
),

known_spells as (
    select
        enrolment_no,
        'Previously known to social care' as flag,
        turned_on as from_on,
        lead(turned_on) over (partition by enrolment_no order by school_year) as to_on,
        begins
    from known_dated
),

-- shares of ours, as no census counts them; six in ten had the condition when they joined
medical_begins as (
    select
        pupil_no,
        if(
            uniform('medical on joining', pupil_no, 0) < 0.6,
            min(entry_date),
            arg_min(held_on, uniform('medical from', pupil_no, day_key))
        ) as from_on
    from at_school
    where uniform('medical', pupil_no, 0) < if(phase = 'Special', 0.08, 0.04)
    group by pupil_no
),

medical_spells as (
    select
        pupil_no,
        from_on,
        arg_min(held_on, uniform('medical to', pupil_no, day_key)) filter (
            held_on > from_on + 30 and uniform('medical is over', pupil_no, 0) < 0.3) as to_on
    from medical_begins
    join at_school using (pupil_no)
    group by pupil_no, from_on
),

-- each school lists what it saw of the condition
medical as (
    select
        enrolment_no,
        'Long-term medical' as flag,
        greatest(from_on, entry_date) as from_on,
        if(to_on <= leaving_date, to_on, null) as to_on
    from medical_spells
    join sample.enrolments using (pupil_no)
    where from_on <= leaving_date and entry_date <= coalesce(to_on, leaving_date)
),

together as (
    from fsm
    union all by name
    select * exclude (begins) from known_spells where begins and from_on is not null
    union all by name
    from medical
)

from together;
