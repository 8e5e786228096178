-- One row per school (null: the trust), school year, kind of expectation and measure: what is expected of all its pupils, what
-- there is, and the pace that is needed.
-- Figures are rounded first, attendance to 0.1 and percentages of pupils to 1; the difference, and the number of pupils by
-- which persistent absence is above what is expected, are reckoned from the figures as shown and tell no more than they do.
with rounded as (
    select
        *,
        round(percent_now, if(measure = 'percent_attendance', 1, 0)) as shown
    from marts.expectations
    where school_urn is null or school_urn in (select school_urn from marts.schools)
)

select
    school_urn,
    school_year,
    period_type,
    kind,
    measure,
    percent_expected,
    stated_on,
    shown as value,
    round(shown - percent_expected, 1) + 0 as difference_points,
    is_year_over,
    is_met,
    round(percent_needed, 1) as percent_needed,
    is_reachable,
    if(
        measure = 'percent_attendance' or is_met,
        null,
        5 * round((shown - percent_expected) / 100 * 5 * round(pupils / 5.0) / 5)
    ) as pupils_above,
    why_no_pace
from rounded
