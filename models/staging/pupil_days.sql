-- How many days with a possible session each pupil had in each school year, and in all years before it.
--
-- grain: pupil_number, school_year
-- check: days > 0

with

pupil_weeks as (
    from staging.pupil_weeks
),

added_up as (
    select
        pupil_number,
        school_year,
        max(days_before + bit_count((possible_in_week | (possible_in_week >> 1)) & 5461))::bigint as days
    from pupil_weeks
    group by pupil_number, school_year
),

one_after_another as (
    select
        pupil_number,
        school_year,
        days,
        (sum(days) over (partition by pupil_number order by school_year) - days)::bigint as days_before
    from added_up
)

from one_after_another
