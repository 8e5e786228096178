-- Every time that a pupil's last sessions of a kind, as many as a rolling rule asks for, lie within its school weeks.
--
-- The rule looks back from each counted session: the one that is as many back as the rule asks for must be in the same
-- school week or fewer weeks before than the window has. Holidays are no school weeks, and years run on. Rules that count
-- the same within as many weeks are looked at once. A window lets go in the week in which its first session is too old;
-- is_anew is true of one that comes after the one before it has let go, or after a session that met nothing.
--
-- grain: school_urn, code_set, threshold, window_weeks, pupil_number, number
-- check: first_on <= met_on

with

kinds as (
    select distinct school_urn, code_set, threshold, window_weeks
    from staging.policy_rules
    where shape = 'rolling'
),

counted_sessions as (
    from staging.counted_sessions
),

looked_back as (
    select
        kinds.school_urn,
        kinds.code_set,
        threshold,
        window_weeks,
        pupil_number,
        number,
        -- how far back is told by the rule
        lag(session_date, threshold - 1) over before as first_on,
        session_date as met_on,
        school_year,
        lag(school_week, threshold - 1) over before as first_week,
        school_week as met_week
    from kinds
    join counted_sessions
        on kinds.school_urn = counted_sessions.school_urn and kinds.code_set = counted_sessions.code_set
    window before as (partition by kinds.code_set, threshold, window_weeks, pupil_number order by number)
),

within_window as (
    from looked_back
    where met_week - first_week < window_weeks
),

told_apart as (
    select
        *,
        first_week + window_weeks as lets_go_in_week,
        coalesce(
            lag(number) over before < number - 1 or lag(first_week + window_weeks) over before <= met_week, true
        ) as is_anew
    from within_window
    window before as (partition by code_set, threshold, window_weeks, pupil_number order by number)
)

from told_apart
