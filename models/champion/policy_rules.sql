-- What the school's own policy and the national duties ask, rule by rule, and how many pupils on roll meet each today.
--
-- grain: school_urn, rule

with

policy_rules as (
    from staging.policy_rules
    where edition = 'current'
),

todays_list as (
    select school_urn, rule, count(*)::bigint as pupils, count(*) filter (is_new)::bigint as new_pupils
    from champion.todays_list
    group by school_urn, rule
),

listed as (
    select
        policy_rules.school_urn,
        kind,
        ladder,
        stage,
        policy_rules.rule,
        says,
        written,
        decided,
        action,
        lead,
        years,
        codes,
        coalesce(pupils, 0) as pupils,
        coalesce(new_pupils, 0) as new_pupils,
        is_national,
        source,
        position
    from policy_rules
    left join todays_list
        on policy_rules.school_urn = todays_list.school_urn and policy_rules.rule = todays_list.rule
)

from listed
