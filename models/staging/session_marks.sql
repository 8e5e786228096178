-- The mark that stands for each pupil's session: the one that became known last.
--
-- A mark outside the pupil's time on roll is kept but not counted; a pupil without an enrolment row is taken to be on roll.
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

latest as (
    select
        school_urn,
        pupil_key,
        session_date,
        session,
        max_by(
            {'code': code, 'is_deleted': is_deleted},
            {'known_at': known_at, 'load_number': load_number, 'row_number': row_number}
        ) as mark
    from stated
    group by all
),

standing as (
    select school_urn, pupil_key, session_date, session, mark.code as code
    from latest
    where not mark.is_deleted
),

placed as (
    select
        standing.*,
        exists (
            from enrolments
            where enrolments.school_urn = standing.school_urn
                and enrolments.pupil_key = standing.pupil_key
                and standing.session_date between entered_on and left_on
        ) as is_in_a_spell,
        exists (
            from enrolments
            where enrolments.school_urn = standing.school_urn and enrolments.pupil_key = standing.pupil_key
        ) as has_enrolment
    from standing
),

explained as (
    select
        placed.school_urn,
        placed.pupil_key,
        placed.session_date,
        placed.session,
        placed.code,
        valid_from as code_from,
        is_in_a_spell or not has_enrolment as is_on_roll
    from placed left join register_codes
        on placed.code = register_codes.code
        and session_date between valid_from and coalesce(valid_to, date '9999-12-31')
)

from explained
