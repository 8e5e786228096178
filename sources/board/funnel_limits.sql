-- One row per phase, measure and size of school: within which figures schools of that size would be by chance alone, this
-- school year up to the week of the last session. The sizes are a grid, and no school's own.
select
    limits.phase,
    limits.school_year,
    limits.period_type,
    limits.measure,
    limits.pupils as size,
    round(limits.comparator, 1) as england_value,
    round(limits.low_95, 2) as low_95,
    round(limits.high_95, 2) as high_95,
    round(limits.low_99_8, 2) as low_99_8,
    round(limits.high_99_8, 2) as high_99_8
from marts.funnel_limits as limits
join marts.trust on limits.school_year = trust.school_year
where limits.period_type = 'year_to_date'
