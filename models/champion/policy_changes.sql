-- Whom the last change of the school's policy concerns: pupils on roll, see `marts.policy_changes`.
--
-- grain: school_urn, pupil_key, rule

with

stated as (
    select policy_changes.*, year_group, registration_group
    from marts.policy_changes as policy_changes
    join champion.pupils as pupils
        on policy_changes.school_urn = pupils.school_urn and policy_changes.pupil_key = pupils.pupil_key
)

from stated
