-- What came after each plan of the school, beside similar pupils without one, with what chance could make of it.
--
-- grain: school_urn, plan

with

intervention_effects as (
    from marts.intervention_effects
),

told as (
    select
        school_urn,
        plan,
        pupils,
        pupils_measured,
        pupils_without_similar,
        pupils_not_measured,
        pupils_early,
        change_points,
        similar_change_points,
        effect_points,
        low_points,
        high_points,
        verdict,
        method,
        warning
    from intervention_effects
)

from told
