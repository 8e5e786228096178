-- The stretches of days that make up each period of each school.
--
-- grain: school_urn, stretch_from, period_type, school_year, period

with

periods as (
    from staging.periods
),

stretches as (
    select distinct school_urn, stretch_from
    from staging.stretches
),

made_up as (
    select periods.school_urn, stretch_from, school_year, period_type, period
    from periods join stretches
        on periods.school_urn = stretches.school_urn and stretch_from between starts_on and ends_on
)

from made_up
