-- The attendance that the school's own policy aims at, in per cent.
--
-- grain: school_urn, percent_target, says

with

stated as (
    select school_urn, attendance / 100.0 as percent_target, coalesce(says, 'target') as says
    from raw.policy_targets
    where edition = 'current'
)

from stated
