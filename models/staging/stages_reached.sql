-- When each pupil was first in each stage of the school's policy in a school year.
--
-- A stage is reached by any rule that leads to it. One "after" another stage counts only what began after the pupil was in
-- that one: further days. Stages start afresh each school year; a rule leads pupils of its own year groups only.
--
-- grain: school_urn, edition, stage, pupil_number, school_year

with recursive

policy_rules as (
    select rule_number, school_urn, edition, code_set, threshold, window_weeks, stage, after_stage, years
    from staging.policy_rules
    where stage is not null and shape <> 'stage'
),

rolling_windows as (
    from staging.rolling_windows
),

pupil_years as (
    select pupil_number, school_year, ' ' || year_group || ' ' as year_group
    from staging.pupil_numbers as pupil_numbers
    join staging.pupil_years as pupil_years
        on pupil_numbers.school_urn = pupil_years.school_urn and pupil_numbers.pupil_key = pupil_years.pupil_key
),

times as (
    select rule_number, pupil_number, school_year, first_on, met_on
    from policy_rules
    join rolling_windows
        on policy_rules.school_urn = rolling_windows.school_urn
        and policy_rules.code_set = rolling_windows.code_set
        and policy_rules.threshold = rolling_windows.threshold
        and policy_rules.window_weeks = rolling_windows.window_weeks
    where after_stage is not null or is_anew
    union all
    select rule_number, pupil_number, school_year, first_on, met_on
    from staging.cumulative_met
    union all
    select rule_number, pupil_number, school_year, first_on, met_on
    from staging.consecutive_met
),

-- every time that could bring a pupil to a stage
candidates as (
    select
        policy_rules.school_urn,
        edition,
        stage,
        after_stage,
        times.pupil_number,
        times.school_year,
        first_on,
        met_on
    from times
    join policy_rules on times.rule_number = policy_rules.rule_number
    left join pupil_years
        on times.pupil_number = pupil_years.pupil_number and times.school_year = pupil_years.school_year
    where years is null or coalesce(contains(' ' || years || ' ', year_group), false)
),

reached as (
    select school_urn, edition, stage, pupil_number, school_year, min(met_on) as reached_on
    from candidates
    where after_stage is null
    group by school_urn, edition, stage, pupil_number, school_year

    union all

    select
        candidates.school_urn,
        candidates.edition,
        candidates.stage,
        candidates.pupil_number,
        candidates.school_year,
        min(candidates.met_on)
    from reached
    join candidates
        on reached.school_urn = candidates.school_urn
        and reached.edition = candidates.edition
        and reached.stage = candidates.after_stage
        and reached.pupil_number = candidates.pupil_number
        and reached.school_year = candidates.school_year
        and candidates.first_on > reached_on
    group by
        candidates.school_urn,
        candidates.edition,
        candidates.stage,
        candidates.pupil_number,
        candidates.school_year
),

first_reached as (
    select school_urn, edition, stage, pupil_number, school_year, min(reached_on) as reached_on
    from reached
    group by school_urn, edition, stage, pupil_number, school_year
)

from first_reached
