-- The register of one school in one school year: one row per pupil on roll and session held.
--
-- first_mark is what the main file shows, mark what is known at the end of the as-at day.

create or replace table sample.register as
with

on_roll as (
    select enrolment_no, pupil_no, phase, mis_id, class, first_session, last_session
    from sample.enrolment_years
    where school_no = getvariable('school_no') and school_year = getvariable('school_year')
),

expected as (
    select enrolment_no, mis_id, class, unnest(range(first_session, last_session + 1))::integer as session_no
    from on_roll
),

year_sessions as (
    select
        *,
        -- how many school days ago
        max(day_no) over () - day_no as days_ago
    from sample.sessions
    where school_year = getvariable('school_year')
),

-- a class's register is saved at once
registers as (
    select
        class,
        session_no,
        held_on + if(is_pm, time '13:04', time '08:48')
            + to_seconds(floor(1500 * uniform('saved ' || class, getvariable('school_no'), school_year * 1000 + session_no))::bigint)
            as saved_at,
        days_ago < 3 and uniform('not taken ' || class, getvariable('school_no'), school_year * 1000 + session_no) < 0.02
            and school_year = year(getvariable('as_at')) - 1 as is_not_taken
    from year_sessions, (select distinct class from on_roll) classes
),

closed as (
    select closed_on as held_on, code
    from sample.closures
    where school_no = getvariable('school_no')
),

-- lateness differs from pupil to pupil and goes with absence; nearly all of it is in the morning.
-- 1.15: only those who come can be late
lateness as (
    select
        enrolment_no,
        least(0.6, 1.15 * share * exp(0.4 * absence_z + 0.9 * lateness_z - 0.485)) as rate
    from on_roll
    join sample.pupils using (pupil_no)
    join sample.code_mix using (phase)
    where code = 'L' and code_mix.school_year = getvariable('school_year')
),

exceptions as (
    select enrolment_no, session_no, code, spell
    from sample.exceptions
    where school_year = getvariable('school_year')
),

marks as (
    select
        enrolment_no,
        mis_id,
        class,
        session_no,
        session,
        held_on,
        days_ago,
        spell,
        case
            when closed.code is not null then closed.code
            when exceptions.code is not null then exceptions.code
            when uniform('late', enrolment_no, school_year * 1000 + session_no)
                < lateness.rate * if(is_pm, 0.3, 1.7) then 'L'
            when is_pm then '\'
            else '/'
        end as mark
    from expected
    join year_sessions using (session_no)
    join lateness using (enrolment_no)
    left join closed using (held_on)
    left join exceptions using (enrolment_no, session_no)
),

-- in the last weeks some absences still wait for a reason; after five school days they have one
waiting as (
    select
        marks.*,
        saved_at,
        held_on > getvariable('as_at') - 50
            and case
                when mark in ('I', 'O', 'G', 'M', 'U') then uniform('no reason yet', enrolment_no, spell)
                    < case when days_ago < 5 then 0.4 when days_ago < 30 then 0.07 else 0 end
                -- taken for absent, and found to have come late
                when mark = 'L' then days_ago between 5 and 29 and uniform('found', enrolment_no, session_no) < 0.02
                else false
            end as had_no_reason,
        is_not_taken and mark in ('/', '\', 'L') as is_not_taken
    from marks
    join registers using (class, session_no)
)

select
    mis_id,
    session_no,
    enrolment_no,
    held_on,
    session,
    case when is_not_taken then '-' when had_no_reason then 'N' else mark end as first_mark,
    case
        when is_not_taken then if(days_ago = 0, '-', mark)
        when had_no_reason and days_ago < 5 then 'N'
        else mark
    end as mark,
    -- the office enters lateness and reasons after the class's register is saved
    saved_at + to_seconds(
        if(mark in ('/', '\', 'V', 'P'), 0, 240 + floor(4500 * uniform('entered', enrolment_no, session_no))::bigint)
    ) as modified
from waiting;
