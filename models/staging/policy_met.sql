-- Which rules each pupil has met, of the school's policy as it is and as it was before and of the national duties: one row
-- each time, with the sessions that are its evidence.
--
-- A rule "after" a stage counts only what began after the pupil was first in that stage in the school year. Pupils of year
-- groups that a rule is not for, and those who were not of compulsory school age where a duty asks for it, are left out.
-- What is active: a run of days unbroken, a window that still holds, a count until the school year (or half term) ends,
-- the band or step that the pupil is in now.
--
-- grain: school_urn, edition, rule, pupil_key, met_on, first_on
-- check: first_on <= met_on
-- check: sessions >= 0

with

policy_rules as (
    from staging.policy_rules
),

as_at as (
    from staging.as_at
),

stages_reached as (
    from staging.stages_reached
),

pupils as (
    select
        pupil_number,
        pupil_numbers.pupil_key,
        pupil_years.school_year,
        ' ' || year_group || ' ' as year_group,
        dfe_population.is_compulsory_age
    from staging.pupil_numbers as pupil_numbers
    left join staging.pupil_years as pupil_years
        on pupil_numbers.school_urn = pupil_years.school_urn and pupil_numbers.pupil_key = pupil_years.pupil_key
    left join staging.dfe_population as dfe_population
        on pupil_years.school_urn = dfe_population.school_urn
        and pupil_years.pupil_key = dfe_population.pupil_key
        and pupil_years.school_year = dfe_population.school_year
),

cumulative as (
    select
        cumulative_met.rule_number,
        pupil_number,
        cumulative_met.school_year,
        first_on,
        met_on,
        last_on,
        sessions,
        cumulative_met.school_year = as_at.school_year and (not is_per_half_term or as_at <= window_to) as is_active
    from staging.cumulative_met as cumulative_met
    join policy_rules on cumulative_met.rule_number = policy_rules.rule_number
    cross join as_at
),

consecutive as (
    select
        consecutive_met.rule_number,
        consecutive_met.pupil_number,
        consecutive_met.school_year,
        first_on,
        met_on,
        last_on,
        sessions,
        is_unbroken as is_active
    from staging.consecutive_met as consecutive_met
    join policy_rules on consecutive_met.rule_number = policy_rules.rule_number
    left join stages_reached
        on policy_rules.school_urn = stages_reached.school_urn
        and policy_rules.edition = stages_reached.edition
        and policy_rules.after_stage = stages_reached.stage
        and consecutive_met.pupil_number = stages_reached.pupil_number
        and consecutive_met.school_year = stages_reached.school_year
    where after_stage is null or first_on > reached_on
),

unresolved as (
    select
        rule_number,
        pupil_number,
        school_year,
        first_on,
        met_on,
        first_on as last_on,
        count(*)::bigint as sessions,
        true as is_active
    from staging.unresolved_met
    group by rule_number, pupil_number, school_year, first_on, met_on
),

bands as (
    select
        rule_number,
        pupil_number,
        band_spells.school_year,
        met_on as first_on,
        met_on,
        last_on,
        sessions,
        is_latest and band_spells.school_year = as_at.school_year as is_active
    from staging.band_spells as band_spells cross join as_at
    where sessions > 0
),

steps as (
    select
        rule_number,
        pupil_number,
        stage_spells.school_year,
        met_on as first_on,
        met_on,
        coalesce(reviewed_on, met_on) as last_on,
        sessions,
        outcome is null and stage_spells.school_year = as_at.school_year as is_active
    from staging.stage_spells as stage_spells cross join as_at
),

met as (
    from cumulative
    union all
    from consecutive
    union all
    from staging.rolling_met
    union all
    from unresolved
    union all
    from bands
    union all
    from steps
),

of_their_pupils as (
    select
        policy_rules.school_urn,
        edition,
        rule,
        pupil_numbers.pupil_key,
        met.school_year,
        first_on,
        met_on,
        last_on,
        sessions,
        is_active
    from met
    join policy_rules on met.rule_number = policy_rules.rule_number
    join staging.pupil_numbers as pupil_numbers on met.pupil_number = pupil_numbers.pupil_number
    left join pupils on met.pupil_number = pupils.pupil_number and met.school_year = pupils.school_year
    where (years is null or coalesce(contains(' ' || years || ' ', year_group), false))
        and (not policy_rules.is_compulsory_age or coalesce(pupils.is_compulsory_age, true))
)

from of_their_pupils
