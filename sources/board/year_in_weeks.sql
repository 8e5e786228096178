-- One row per edition of DfE's year to date so far this school year: the trust's attendance from the start of the year up to
-- the day that the edition counts to, beside England's as published then.
-- Figures are rounded to 0.1 first, and the gap is that of the figures as shown. Adding 0 turns a rounded -0 into 0.
with rounded as (
    select
        school_year,
        counted_to,
        published_on,
        round(percent_attendance, 1) as percent_attendance,
        round(england_value, 1) as england_value
    from marts.year_in_weeks
    where school_urn is null
)

select
    *,
    round(percent_attendance - england_value, 1) + 0 as gap_points
from rounded
