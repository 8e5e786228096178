-- Which rolling rules each pupil has met: one row each time, from the window that met it to the last one before it let go.
--
-- A rule is met anew once its window has let go: until then further sessions belong to the time before. A rule "after" a
-- stage counts only windows that begin after the pupil was first in it this school year. is_active: the window still holds.
--
-- grain: rule_number, pupil_number, met_on, first_on
-- check: first_on <= met_on and met_on <= last_on

with

policy_rules as (
    select rule_number, school_urn, edition, code_set, threshold, window_weeks, after_stage
    from staging.policy_rules
    where shape = 'rolling'
),

rolling_windows as (
    from staging.rolling_windows
),

stages_reached as (
    from staging.stages_reached
),

present_weeks as (
    select school_urn, max(school_week) as present_week
    from staging.school_weeks
    group by school_urn
),

windows as (
    select
        rule_number,
        policy_rules.school_urn,
        policy_rules.threshold,
        rolling_windows.pupil_number,
        number,
        rolling_windows.school_year,
        first_on,
        met_on,
        met_week,
        lets_go_in_week
    from policy_rules
    join rolling_windows
        on policy_rules.school_urn = rolling_windows.school_urn
        and policy_rules.code_set = rolling_windows.code_set
        and policy_rules.threshold = rolling_windows.threshold
        and policy_rules.window_weeks = rolling_windows.window_weeks
    left join stages_reached
        on policy_rules.school_urn = stages_reached.school_urn
        and policy_rules.edition = stages_reached.edition
        and policy_rules.after_stage = stages_reached.stage
        and rolling_windows.pupil_number = stages_reached.pupil_number
        and rolling_windows.school_year = stages_reached.school_year
    where after_stage is null or first_on > reached_on
),

windows_anew as (
    select
        *,
        coalesce(lag(number) over windows_before < number - 1 or lag(lets_go_in_week) over windows_before <= met_week, true)
            as is_anew
    from windows
    window windows_before as (partition by rule_number, pupil_number order by number)
),

times as (
    select
        *,
        count(*) filter (is_anew) over (
            partition by rule_number, pupil_number
            order by number
            rows between unbounded preceding and current row
        ) as time
    from windows_anew
),

met as (
    select
        rule_number,
        pupil_number,
        min_by(school_year, number) as school_year,
        min(first_on) as first_on,
        min(met_on) as met_on,
        max(met_on) as last_on,
        (min(threshold) + max(number) - min(number))::bigint as sessions,
        bool_or(lets_go_in_week > present_week) as is_active
    from times join present_weeks on times.school_urn = present_weeks.school_urn
    group by rule_number, pupil_number, time
)

from met
