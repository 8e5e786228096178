-- Which rules of the school's own policy, and which national duties, each pupil has met: one row each time, with the day on
-- which it was first met and the absence that is its evidence.
--
-- first_on and sessions: the first session of the evidence and how many there are by now; of a band or a step of support
-- the day of the check and all absent sessions of the school year up to it. ended_on is null while it is active. Never
-- leaves the building but for the school's own champion: one row a pupil. What each rule says and asks is in
-- staging.policy_rules; a penalty notice must be considered where its threshold is met, never issued by a count.
--
-- grain: school_urn, pupil_key, rule, met_on, first_on
-- check: is_active = (ended_on is null)
-- check: sessions >= 0

with

policy_met as (
    from staging.policy_met
    where edition = 'current'
),

policy_rules as (
    from staging.policy_rules
    where edition = 'current'
),

-- a target band asks for nothing
acted_on as (
    select
        policy_met.school_urn,
        pupil_key,
        school_year,
        policy_met.rule,
        kind,
        stage,
        first_on,
        met_on,
        sessions,
        if(is_active, null, last_on) as ended_on,
        is_active
    from policy_met
    join policy_rules
        on policy_met.school_urn = policy_rules.school_urn and policy_met.rule = policy_rules.rule
    where kind <> 'band' or action is not null
)

from acted_on
