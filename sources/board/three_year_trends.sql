-- One row per school (null: the trust), school year, kind of period and measure.
-- Each number is worked out first and rounded last: attendance and England to 0.1, percentages of pupils to 1.
-- Adding 0 turns a rounded -0 into 0.
with worked_out as (
    select
        *,
        value - england_value as england_gap,
        value - first_value(value) over years as change_since_first,
        england_value - first_value(england_value) over years as england_change_since_first,
        if(measure = 'percent_attendance', 1, 0) as places
    from marts.three_year_trends
    window years as (partition by school_urn, period_type, measure order by school_year)
)

select
    school_urn,
    school_year,
    period_type,
    measure,
    round(value, places) as value,
    round(change_points, places) + 0 as change_points,
    round(change_since_first, places) + 0 as change_since_first,
    round(england_value, 1) as england_value,
    round(england_gap, places) + 0 as england_gap,
    round(england_change_since_first, places) + 0 as england_change_since_first
from worked_out
