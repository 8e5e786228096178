-- Which rewards the school's own policy has, and for what time each is given.
--
-- grain: school_urn, reward

with

stated as (
    select school_urn, reward, kind, per, at_least / 100.0 as percent_at_least, says
    from raw.policy_rewards
    where edition = 'current'
)

from stated
