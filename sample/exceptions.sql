-- The code of each session that is not an ordinary present one: what was planned, and what was missed for a reason.

create table sample.exceptions as
with

-- each code's stretch of its cell, from 0 to 1
stretches as (
    select
        *,
        sum(sessions / cell_sessions) over (
            partition by phase, school_year, kind, level, habit order by code
            rows between unbounded preceding and current row) as upper,
        upper - sessions / cell_sessions as lower
    from sample.reason_cells
),

coded as (
    select
        absences.enrolment_no,
        absences.school_year,
        first_session,
        absences.sessions,
        code,
        uniform('reason', enrolment_no, school_year * 1000 + first_session) as draw
    from sample.absences
    join stretches using (phase, school_year, kind, level, habit)
    where draw >= lower and draw < upper
),

missed as (
    select
        enrolment_no,
        school_year,
        first_session as spell,
        unnest(range(first_session, first_session + sessions))::integer as session_no,
        code
    from coded
)

select
    enrolment_no,
    school_year,
    session_no,
    -- an activity gives way to an absence, and an absence to anything else planned
    if(is_activity, coalesce(missed.code, planned_marks.code), coalesce(planned_marks.code, missed.code)) as code,
    spell
from missed
full join sample.planned_marks using (enrolment_no, school_year, session_no);
