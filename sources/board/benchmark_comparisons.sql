-- One row per school (null: the trust), kind of period, measure and comparator: this school year up to the week of the last
-- session, and the last complete year.
-- Figures are rounded first, attendance to 0.1 and percentages of pupils to 1, and differences are those of the figures as
-- shown. What other schools have of persistent and severe absence is in their own rows; here their pupils are told in no sum.
with last_complete as (
    select max(school_year) as school_year
    from marts.benchmark_comparisons
    where period_type = 'year'
),

rounded as (
    select
        comparisons.*,
        round(comparisons.value, if(measure = 'percent_attendance', 1, 0)) as shown,
        if(
            comparator = 'other schools' and measure <> 'percent_attendance',
            null,
            round(comparator_value, if(measure = 'percent_attendance', 1, 0))
        ) as comparator_shown
    from marts.benchmark_comparisons as comparisons
    left join marts.trust
        on comparisons.school_year = trust.school_year
    left join last_complete
        on comparisons.school_year = last_complete.school_year
    where
        (period_type = 'year_to_date' and trust.school_year is not null)
        or (period_type = 'year' and last_complete.school_year is not null)
)

select
    school_urn,
    school_year,
    period_type,
    measure,
    comparator,
    area_name,
    shown as value,
    comparator_shown as comparator_value,
    round(shown - comparator_shown, if(measure = 'percent_attendance', 1, 0)) + 0 as difference_points,
    verdict,
    is_phase_weighted,
    series,
    published_on,
    counted_to,
    missing,
    schools,
    place,
    round(percentile) as percentile
from rounded
