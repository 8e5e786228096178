-- Sessions whose reason is still not established after as many school days as a rule allows.
--
-- It is met on the school day after the last one allowed.
--
-- grain: rule_number, pupil_number, first_on, session
-- check: met_on > first_on

with

policy_rules as (
    from staging.policy_rules
    where shape = 'unresolved'
),

counted_sessions as (
    from staging.counted_sessions
),

school_days as (
    select school_urn, session_date, row_number() over (partition by school_urn order by session_date) as day_number
    from staging.school_days
),

met as (
    select
        rule_number,
        pupil_number,
        school_year,
        counted_sessions.session_date as first_on,
        session,
        overdue.session_date as met_on
    from policy_rules
    join counted_sessions
        on policy_rules.school_urn = counted_sessions.school_urn and policy_rules.code_set = counted_sessions.code_set
    join school_days as missed
        on counted_sessions.school_urn = missed.school_urn and counted_sessions.session_date = missed.session_date
    join school_days as overdue
        on missed.school_urn = overdue.school_urn and missed.day_number + threshold + 1 = overdue.day_number
)

from met
