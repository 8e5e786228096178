-- What came after each plan of a school: how much more its pupils' attendance changed than that of similar pupils.
--
-- One row a school and plan. `effect_points` is the mean over pupils who could be measured (marts.interventions) of
-- their change less that of similar pupils, in percentage points; a pupil who started the plan more than once counts
-- once, with the mean of the starts.
-- Its 95% interval is the normal one, the standard deviation of pupils' effects by the root of their number. Below ten
-- pupils there is none: `verdict` says so in words.
-- Never on the board. `method` and `warning` are to stand wherever a figure of this table does.
--
-- grain: school_urn, plan
-- check: pupils_measured + pupils_without_similar + pupils_not_measured = pupils
-- check: (effect_points is null) = (pupils_measured = 0)
-- check: (low_points is null) = (high_points is null)
-- check: low_points is null or effect_points between low_points and high_points

with

interventions as (
    from marts.interventions
),

limits as (
    select
        max(value) filter (where rule = 'interval_from')::integer as interval_from,
        max(value) filter (where rule = 'method') as method,
        max(value) filter (where rule = 'warning') as warning
    from rules.interventions
),

deviates as (
    select max(z_value)::double as z
    from rules.chance
    where measure = 'percent_attendance'
),

by_pupil as (
    select
        school_urn,
        plan,
        pupil_key,
        avg(change_points order by started_on) filter (effect_points is not null) as change_points,
        avg(similar_change_points order by started_on) filter (effect_points is not null) as similar_change_points,
        avg(effect_points order by started_on) as effect_points,
        coalesce(bool_or(why_not_measured = 'no similar pupil'), false) as is_without_similar,
        coalesce(bool_or(is_early) filter (effect_points is not null), false) as is_early
    from interventions
    group by school_urn, plan, pupil_key
),

by_plan as (
    select
        school_urn,
        plan,
        count(*) as pupils,
        count(effect_points) as pupils_measured,
        count(*) filter (effect_points is null and is_without_similar) as pupils_without_similar,
        count(*) filter (effect_points is null and not is_without_similar) as pupils_not_measured,
        count(*) filter (is_early) as pupils_early,
        avg(change_points order by pupil_key) as change_points,
        avg(similar_change_points order by pupil_key) as similar_change_points,
        avg(effect_points order by pupil_key) as effect_points,
        stddev_samp(effect_points order by pupil_key) as deviation
    from by_pupil
    group by school_urn, plan
),

bounded as (
    select
        by_plan.*,
        method,
        warning,
        case when pupils_measured >= interval_from then z * deviation / sqrt(pupils_measured) end as margin
    from by_plan cross join limits cross join deviates
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
        effect_points - margin as low_points,
        effect_points + margin as high_points,
        case
            when pupils_measured = 0 then 'no pupil can be measured yet'
            when margin is null then 'too few pupils to tell from chance'
            when effect_points > margin then 'better than similar pupils, beyond chance'
            when effect_points < -margin then 'worse than similar pupils, beyond chance'
            else 'no more than chance'
        end as verdict,
        method,
        warning
    from bounded
)

from told
