-- The curves of a funnel: the limits about England's figure for schools of each phase, from small to larger than the trust's
-- largest, about 30 sizes each.
--
-- Read with marts.funnel, whose schools are the points. No curve is drawn for schools that have comparators of
-- their own mixes (all-through schools): their limits are in marts.funnel. How limits are made: staging.funnel_limits.
--
-- grain: phase, school_year, period_type, period, measure, pupils
-- check: low_99_8 <= low_95 and low_95 <= high_95 and high_95 <= high_99_8

with

funnel_limits as (
    from staging.funnel_limits
),

drawn as (
    select
        phase,
        school_year,
        period_type,
        period,
        measure,
        pupils,
        comparator,
        low_95,
        high_95,
        low_99_8,
        high_99_8
    from funnel_limits
    where is_drawn and low_95 is not null
)

from drawn
