-- Marks that are planned or happen to a whole group, drawn before the absences.

-- Who is on which arrangement in a year: dual registration, education off site, a part-time timetable.
create table sample.arrangements as
with

-- how many sessions a pupil on the arrangement spends on it, of all the pupil's sessions
kinds as (
    from (values ('D', 0.4), ('B', 0.4), ('K', 0.9), ('C2', 0.167)) kinds (code, share_of_pupil)
),

-- D is not published after 2023/24: the last published share stands
shares as (
    select codes.phase, years.school_year, codes.code, share
    from (select distinct phase, code from sample.code_mix where code in (select code from kinds)) codes
    cross join (select distinct school_year from sample.code_mix) years
    asof join sample.code_mix
        on codes.phase = code_mix.phase and codes.code = code_mix.code and years.school_year >= code_mix.school_year
),

ranges as (
    select
        *,
        sum(share / share_of_pupil) over (partition by phase, school_year order by code) as upper,
        upper - share / share_of_pupil as lower
    from shares
    join kinds using (code)
),

-- a pupil keeps to one draw for life, so an arrangement tends to last for years
in_line as (
    select
        enrolment_no,
        phase,
        school_year,
        (row_number() over (
            partition by phase, school_year order by uniform('arrangement', pupil_no, 0), enrolment_no) - 0.5)
            / count(*) over (partition by phase, school_year) as quantile
    from sample.enrolment_years
)

select enrolment_no, school_year, code
from in_line
join ranges using (phase, school_year)
where quantile >= lower and quantile < upper;

-- At most one row per enrolment and session. An activity (attended) gives way to an absence; the rest do not.
create table sample.planned_marks as
with

on_roll as (
    select enrolment_no, pupil_no, school_no, phase, school_year, year_group, first_session, last_session
    from sample.enrolment_years
),

pupil_sessions as not materialized (
    select on_roll.*, held_on, session_no, day_no, is_pm
    from on_roll
    join sample.sessions using (school_year)
    where session_no between first_session and last_session
),

arranged as (
    select enrolment_no, school_year, session_no, code
    from pupil_sessions
    join sample.arrangements using (enrolment_no, school_year)
    where case code
        when 'D' then isodow(held_on) in (4, 5)
        when 'B' then isodow(held_on) in (1, 2)
        when 'K' then uniform('at provision', enrolment_no, session_no) < 0.9
        -- a part-time timetable is mornings only, for 63 days
        else is_pm and day_no - floor(127 * uniform('part time', enrolment_no, school_year)) between 1 and 63
    end
),

-- the youngest begin with a week of mornings
settling_in as (
    select enrolment_no, school_year, session_no, 'X' as code
    from pupil_sessions
    where year_group = 0 and is_pm and day_no <= 5
),

-- Year 11, from the middle of May to the last Friday of June
study_leave as (
    select enrolment_no, school_year, session_no, 'S' as code
    from pupil_sessions
    join sample.code_mix using (phase, school_year)
    where code_mix.code = 'S' and year_group = 11 and held_on >= make_date(school_year + 1, 5, 14)
        -- a year group of five has 380 sessions each; the season has about 56
        and uniform('study leave', enrolment_no, session_no) < share * 5 * 380 / 56
),

eid as (
    select enrolment_no, school_year, session_no, 'R' as code
    from pupil_sessions
    join sample.pupils using (pupil_no)
    where keeps_eid
        and held_on in (
            date '2023-04-21', date '2023-06-28', date '2024-04-10', date '2024-06-17',
            date '2025-03-31', date '2025-06-06', date '2026-03-20'
        )
        and uniform('eid', pupil_no, school_year * 1000 + day_no) < 0.85
),

-- J was attended; J1, its successor from 19 August 2024, is an absence
interviews as (
    select enrolment_no, school_year, session_no, code
    from pupil_sessions
    join sample.code_mix using (phase, school_year)
    where code_mix.code in ('J', 'J1') and not is_pm and year_group = if(phase = 'Primary', 6, 11)
        and uniform('interview', enrolment_no, session_no + school_year * 1000) < share * 2 * if(phase = 'Primary', 7, 5)
),

trips as (
    select school_no, school_year, year_group, day_no
    from (select distinct phase, school_no, school_year, year_group from on_roll) year_groups
    join sample.code_mix using (phase, school_year)
    join sample.days using (school_year)
    where code_mix.code = 'V' and day_no > 10
        and uniform('trip', school_no * 100 + year_group, school_year * 1000 + day_no) < share / 0.76
),

visits as (
    select enrolment_no, school_year, session_no, 'V' as code
    from pupil_sessions
    join trips using (school_no, school_year, year_group, day_no)
    where uniform('goes on trip', enrolment_no, school_year * 1000 + day_no) < 0.85
),

-- fixtures on afternoons, for the tenth of pupils in a team
fixtures as (
    select enrolment_no, school_year, session_no, 'P' as code
    from pupil_sessions
    join sample.code_mix using (phase, school_year)
    where code_mix.code = 'P' and is_pm and uniform('in a team', pupil_no, 0) < 0.1
        and uniform('fixture', enrolment_no, school_year * 1000 + day_no) < share * 2 / 0.09
),

-- Year 10, a week in the middle of July
work_experience as (
    select enrolment_no, school_year, session_no, 'W' as code
    from pupil_sessions
    join sample.code_mix using (phase, school_year)
    where code_mix.code = 'W' and phase = 'Secondary' and year_group = 10
        and held_on between make_date(school_year + 1, 7, 8) and make_date(school_year + 1, 7, 14)
        and uniform('work experience', enrolment_no, school_year) < share * 5 * 380 / 10
),

together as (
    from arranged
    union all by name from settling_in
    union all by name from study_leave
    union all by name from eid
    union all by name from interviews
    union all by name from visits
    union all by name from fixtures
    union all by name from work_experience
),

ranked as (
    select
        *,
        code in ('B', 'K', 'J', 'V', 'P', 'W') as is_activity,
        row_number() over (
            partition by enrolment_no, school_year, session_no
            order by list_position(['D', 'X', 'C2', 'R', 'S', 'J1', 'K', 'B', 'J', 'W', 'V', 'P'], code)
        ) as place
    from together
)

select enrolment_no, school_year, session_no, code, is_activity
from ranked
where place = 1;
