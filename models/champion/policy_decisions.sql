-- What the author of the school's policy file decided where the written policy is silent, contradicts itself or the law.
--
-- grain: school_urn, position

with

stated as (
    select school_urn, position, about, written, decided
    from raw.policy_decisions
    where edition = 'current'
)

from stated
