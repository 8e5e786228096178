-- Whom the last change of a school's policy concerns: pupils who qualify under the policy as it is and did not under the one
-- before, and those who no longer do. Both policies on the same registers, so that only the policy tells them apart.
--
-- Rules are the same where their names are; `change` is "newly qualifies" or "no longer". Counts what is active at the
-- as-at date, of the school's own rules. No rows where a policy never changed.
--
-- grain: school_urn, pupil_key, rule
-- check: change in ('newly qualifies', 'no longer')

with

policy_rules as (
    select school_urn, edition, rule, says, action
    from staging.policy_rules
    where not is_national and (kind <> 'band' or action is not null)
),

changed_schools as (
    select school_urn
    from policy_rules
    group by school_urn
    having count(distinct edition) = 2
),

active as (
    select policy_met.school_urn, pupil_key, policy_met.rule, policy_met.edition, any_value(says) as says, min(met_on) as met_on
    from staging.policy_met as policy_met
    join policy_rules
        on policy_met.school_urn = policy_rules.school_urn
        and policy_met.edition = policy_rules.edition
        and policy_met.rule = policy_rules.rule
    join changed_schools on policy_met.school_urn = changed_schools.school_urn
    where is_active
    group by policy_met.school_urn, pupil_key, policy_met.rule, policy_met.edition
),

one_sided as (
    select
        school_urn,
        pupil_key,
        rule,
        if(max(edition) = 'current', 'newly qualifies', 'no longer') as change,
        max(says) as says,
        max(met_on) as met_on
    from active
    group by school_urn, pupil_key, rule
    having count(*) = 1
)

from one_sided
