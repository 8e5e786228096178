-- Which rules of days in a row each pupil has met: one row a run of days, with the day on which it was long enough.
--
-- A run is broken by a day on which the pupil attended a session, or missed one for a reason that the rule does not count.
-- It goes on while no such day has come: `is_unbroken` is true of a run that the pupil's last day so far is in.
-- A rule that says "right after" counts only runs whose first day follows at once on a day with one of those codes.
--
-- grain: rule_number, pupil_number, first_on
-- check: first_on <= met_on and met_on <= last_on

with

policy_rules as (
    from staging.policy_rules
    where shape = 'consecutive days'
),

counted_codes as (
    select distinct school_urn, code_set, unnest(string_split(codes, ' ')) as code
    from policy_rules
),

leave_codes as (
    select distinct school_urn, right_after_code_set, unnest(string_split(right_after_codes, ' ')) as code
    from policy_rules
    where right_after_codes is not null
),

absent_days as (
    from staging.absent_days
),

last_days as (
    select pupil_number, sum(days)::integer as last_day_number
    from staging.pupil_days
    group by pupil_number
),

-- days in a row have the same difference between the number of the day and its place among days of these codes
of_codes as (
    select
        absent_days.school_urn,
        pupil_number,
        counted_codes.code_set,
        session_date,
        school_year,
        sessions,
        day_number,
        day_number - row_number() over (partition by pupil_number, counted_codes.code_set order by day_number) as run
    from absent_days
    join counted_codes
        on absent_days.school_urn = counted_codes.school_urn and one_code = counted_codes.code
    join counted_codes as of_other_session
        on absent_days.school_urn = of_other_session.school_urn
        and counted_codes.code_set = of_other_session.code_set
        and other_code = of_other_session.code
),

runs as (
    select
        school_urn,
        pupil_number,
        code_set,
        min(session_date) as first_on,
        max(session_date) as last_on,
        min(day_number) as first_day_number,
        max(day_number) as last_day_number,
        sum(sessions)::bigint as sessions
    from of_codes
    group by school_urn, pupil_number, code_set, run
),

long_enough as (
    select rule_number, runs.*, right_after_code_set, first_day_number + threshold - 1 as met_day_number
    from runs
    join policy_rules
        on runs.school_urn = policy_rules.school_urn
        and runs.code_set = policy_rules.code_set
        and last_day_number - first_day_number + 1 >= threshold
),

met as (
    select
        rule_number,
        long_enough.pupil_number,
        met_days.school_year,
        first_on,
        met_days.session_date as met_on,
        last_on,
        long_enough.sessions,
        long_enough.last_day_number = last_days.last_day_number as is_unbroken,
        long_enough.right_after_code_set is null or leave_codes.code is not null as follows_on
    from long_enough
    join absent_days as met_days
        on long_enough.pupil_number = met_days.pupil_number and met_day_number = met_days.day_number
    join last_days on long_enough.pupil_number = last_days.pupil_number
    left join absent_days as day_before
        on long_enough.pupil_number = day_before.pupil_number
        and long_enough.first_day_number - 1 = day_before.day_number
    left join leave_codes
        on long_enough.school_urn = leave_codes.school_urn
        and long_enough.right_after_code_set = leave_codes.right_after_code_set
        and day_before.other_code = leave_codes.code
),

followed as (
    select rule_number, pupil_number, school_year, first_on, met_on, last_on, sessions, is_unbroken
    from met
    where follows_on
)

from followed
