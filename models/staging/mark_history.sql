-- What was said of a session's mark before it was said otherwise: every statement that another replaced, and by what.
--
-- The reason and the person who changed it come with the statement that replaced it. Both are kept as the registers'
-- regulations ask; a person's name is personal data and goes no further. A statement without a row of its own (a mark
-- taken away since a file that declares what it covers leaves it out) has row 0.
--
-- grain: school_urn, pupil_key, session_date, session, load_number, row_number
-- check: known_from <= known_to

with

stated as (
    from raw.marks
),

restated_sessions as (
    from staging.restated_sessions
),

-- a pupil who was known by two keys can have one mark taken away twice by one file: that is one statement
statements as (
    select * replace (coalesce(row_number, 0) as row_number)
    from stated semi join restated_sessions using (school_urn, pupil_key, session_date, session)
    qualify row_number is not null or row_number() over (
        partition by school_urn, pupil_key, session_date, session, load_number
        order by row_number nulls first, known_at desc
    ) = 1
),

in_order as (
    select
        school_urn,
        pupil_key,
        session_date,
        session,
        code,
        is_deleted,
        known_at as known_from,
        lead(known_at) over one_by_one as known_to,
        load_number,
        row_number,
        lead(code) over one_by_one as superseded_by_code,
        lead(is_deleted) over one_by_one as superseded_by_deleted,
        lead(load_number) over one_by_one as superseded_by_load,
        lead(reason) over one_by_one as reason,
        lead(changed_by) over one_by_one as changed_by,
        lead(changed_by_position) over one_by_one as changed_by_position
    from statements
    window one_by_one as (
        partition by school_urn, pupil_key, session_date, session order by known_at, load_number, row_number
    )
),

superseded as (
    from in_order
    where superseded_by_load is not null
)

from superseded
