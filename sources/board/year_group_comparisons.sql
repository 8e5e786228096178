-- One row per year group that may be shown, in a full school year of which DfE has published England's year groups.
-- Which groups are shown, and how they are rounded, is decided in models/board: board.cohort_gaps. England's is of
-- the same phase, year group and school year, to whole percentages of pupils.
select
    shown.school_urn,
    shown.school_year,
    shown.period_type,
    shown.period,
    shown.breakdown,
    shown.cohort,
    shown.position,
    shown.label,
    shown.percent_step,
    shown.percent_persistent,
    shown.persistent_text,
    round(comparisons.england_percent_persistent) as england_percent_persistent,
    comparisons.england_school_year
from board.cohort_gaps as shown
join marts.year_group_comparisons as comparisons
    on shown.school_urn is not distinct from comparisons.school_urn
    and shown.school_year = comparisons.school_year
    and shown.period_type = comparisons.period_type
    and shown.period = comparisons.period
    and shown.cohort = comparisons.year_group
where shown.breakdown = 'year_group' and comparisons.england_school_year is not null
