-- Every plan that a pupil of the school was put on: what is due for review, and how attendance went before and after.
--
-- A champion sees this with pupils' names. Of one pupil a change is mostly chance, so what similar pupils' attendance
-- did stands beside it, and their difference is told of the plan as a whole only (champion.intervention_effects).
--
-- grain: school_urn, pupil_key, plan, started_on

with

interventions as (
    from marts.interventions
),

told as (
    select
        school_urn,
        pupil_key,
        year_group,
        plan,
        started_on,
        review_on,
        is_review_due,
        outcome,
        weeks_since,
        weeks_before,
        weeks_after,
        percent_before,
        percent_after,
        change_points,
        is_early,
        is_alongside_another,
        similar_pupils,
        similar_change_points,
        why_not_measured
    from interventions
)

from told
