-- The mark that stands for each pupil's session: the one that became known last.
--
-- Of marks that became known at the same moment the later file's stands, and in one file the later row's.
-- A mark outside the pupil's time on roll is kept but not counted; a pupil without an enrolment is taken to be on roll.
--
-- grain: school_urn, pupil_key, session_date, session
-- check: code_from is not null

with

stated as (
    from raw.marks
),

enrolments as (
    from staging.enrolments
),

register_codes as (
    from rules.register_codes
),

-- nearly every session is stated once: only the others need to be put in order, which spares most of the memory
restated_sessions as (
    select school_urn, pupil_key, session_date, session
    from stated
    group by all
    having count(*) > 1
),

stated_once as (
    select school_urn, pupil_key, session_date, session, code, minutes_late
    from stated anti join restated_sessions using (school_urn, pupil_key, session_date, session)
    where not is_deleted
),

latest as (
    select
        school_urn,
        pupil_key,
        session_date,
        session,
        max_by(
            {'code': code, 'minutes_late': minutes_late, 'is_deleted': is_deleted},
            {'known_at': known_at, 'load_number': load_number, 'row_number': coalesce(row_number, 0)}
        ) as mark
    from stated semi join restated_sessions using (school_urn, pupil_key, session_date, session)
    group by all
),

standing as (
    from stated_once
    union all
    select school_urn, pupil_key, session_date, session, mark.code, mark.minutes_late
    from latest
    where not mark.is_deleted
),

enrolled_pupils as (
    select distinct school_urn, pupil_key
    from enrolments
),

explained as (
    select
        standing.school_urn,
        standing.pupil_key,
        standing.session_date,
        standing.session,
        standing.code,
        standing.minutes_late,
        valid_from as code_from,
        enrolments.pupil_key is not null or enrolled_pupils.pupil_key is null as is_on_roll
    from standing
    left join enrolments
        on standing.school_urn = enrolments.school_urn
        and standing.pupil_key = enrolments.pupil_key
        and session_date between entered_on and left_on
    left join enrolled_pupils
        on standing.school_urn = enrolled_pupils.school_urn and standing.pupil_key = enrolled_pupils.pupil_key
    left join register_codes
        on standing.code = register_codes.code
        and session_date between valid_from and coalesce(valid_to, date '9999-12-31')
)

from explained
