-- Sessions that sources stated more than once, how often, and the statement that stands: the one that became known last.
--
-- Of statements that became known at the same moment the later file's stands, and in one file the later row's.
-- Nearly every session is stated once, so stretches of 32 days in which a pupil has a session twice are found first:
-- they have 64 sessions, one bit of a word for each, and only where statements outnumber bits is a session told again.
--
-- grain: school_urn, pupil_key, session_date, session
-- check: statements > 1

with

-- marks are read by name, not through a step: a step that is used twice is held in memory, and these are all there are
stretches as (
    select
        school_urn,
        pupil_key,
        date_diff('day', date '2000-01-01', session_date) >> 5 as stretch,
        count(*) as statements,
        bit_or(1::ubigint << (((date_diff('day', date '2000-01-01', session_date) & 31) << 1) + (session = 'PM')::integer)) as sessions
    from raw.marks
    group by school_urn, pupil_key, date_diff('day', date '2000-01-01', session_date) >> 5
),

told_again as (
    select school_urn, pupil_key, stretch
    from stretches
    where statements > bit_count(sessions)
),

stated as (
    select
        marks.school_urn,
        marks.pupil_key,
        session_date,
        session,
        count(*) over one_session as statements,
        code,
        minutes_late,
        is_deleted,
        row_number() over (one_session order by known_at desc, load_number desc, coalesce(row_number, 0) desc) as place
    from raw.marks as marks
    semi join told_again
        on marks.school_urn = told_again.school_urn
        and marks.pupil_key = told_again.pupil_key
        and date_diff('day', date '2000-01-01', session_date) >> 5 = stretch
    window one_session as (partition by marks.school_urn, marks.pupil_key, session_date, session)
),

settled as (
    select school_urn, pupil_key, session_date, session, statements, code, minutes_late, is_deleted
    from stated
    where statements > 1 and place = 1
)

from settled
