-- The mark that stands for each pupil's session: the only one, or of several the one that became known last.
--
-- A mark outside the pupil's time on roll is kept but not counted; a pupil without an enrolment is taken to be on roll.
--
-- grain: school_urn, pupil_key, session_date, session
-- view: as many rows as there are sessions; two models read it, each once, into smaller grains

with

restated_sessions as (
    from staging.restated_sessions
),

enrolments as (
    from staging.enrolments
),

stated_once as (
    select school_urn, pupil_key, session_date, session, code, minutes_late
    from raw.marks anti join restated_sessions using (school_urn, pupil_key, session_date, session)
    where not is_deleted
),

standing as (
    from stated_once
    union all
    select school_urn, pupil_key, session_date, session, code, minutes_late
    from restated_sessions
    where not is_deleted
),

enrolled_pupils as (
    select distinct school_urn, pupil_key
    from enrolments
),

placed as (
    select
        standing.school_urn,
        standing.pupil_key,
        standing.session_date,
        standing.session,
        standing.code,
        standing.minutes_late,
        enrolments.pupil_key is not null or enrolled_pupils.pupil_key is null as is_on_roll
    from standing
    left join enrolments
        on standing.school_urn = enrolments.school_urn
        and standing.pupil_key = enrolments.pupil_key
        and session_date between entered_on and left_on
    left join enrolled_pupils
        on standing.school_urn = enrolled_pupils.school_urn and standing.pupil_key = enrolled_pupils.pupil_key
)

from placed
