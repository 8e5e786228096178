-- One row per school and measure of which England has a figure: this school year up to the week of the last session, and
-- beyond which limits the school lies for its size.
-- Figures are rounded as everywhere: attendance to 0.1, percentages of pupils to 1, pupils to the nearest 5. A school's own
-- limits stay here, as they would tell its exact number of pupils; `zone` is reckoned on unrounded figures.
select
    funnel.school_urn,
    funnel.school_year,
    funnel.period_type,
    funnel.measure,
    5 * round(funnel.pupils / 5.0) as pupils,
    round(funnel.value, if(funnel.measure = 'percent_attendance', 1, 0)) as value,
    round(funnel.comparator, if(funnel.measure = 'percent_attendance', 1, 0)) as england_value,
    funnel.zone,
    funnel.direction
from marts.funnel
join marts.trust on funnel.school_year = trust.school_year
where funnel.period_type = 'year_to_date'
