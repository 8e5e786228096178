-- One row per school (null: the trust), school year, kind of period and measure.
-- Figures are rounded first, attendance to 0.1 and percentages of pupils to 1, and differences are those of the figures as
-- shown: a reader can check each, and they tell no more than the figures do. Adding 0 turns a rounded -0 into 0.
with rounded as (
    select
        *,
        if(measure = 'percent_attendance', 1, 0) as places,
        round(value, places) as shown,
        round(england_value, places) as england_shown
    from marts.three_year_trends
),

compared as (
    select
        *,
        -- the mart gives a change only where there is a figure for the year before
        if(change_points is null, null, shown - lag(shown) over years) as change,
        shown - england_shown as gap,
        shown - first_value(shown) over years as change_since_first,
        england_shown - first_value(england_shown) over years as england_change_since_first
    from rounded
    window years as (partition by school_urn, period_type, measure order by school_year)
)

select
    school_urn,
    school_year,
    period_type,
    measure,
    shown as value,
    round(change, places) + 0 as change_points,
    round(change_since_first, places) + 0 as change_since_first,
    england_shown as england_value,
    round(gap, places) + 0 as england_gap,
    round(england_change_since_first, places) + 0 as england_change_since_first,
    is_beyond_chance
from compared
