-- One row per published figure that this school year or the last complete one stands beside, as DfE published it: of England,
-- and of our schools' regions and authorities, by phase.
with last_complete as (
    select max(school_year) as school_year
    from marts.benchmark_comparisons
    where period_type = 'year'
)

select
    figures.area_type,
    figures.area_name,
    figures.phase,
    figures.school_year,
    figures.period_type,
    figures.measure,
    coalesce(figures.value::varchar, figures.symbol) as published,
    figures.series,
    figures.counted_to,
    figures.published_on,
    figures.source,
    figures.listed_in
from staging.area_figures as figures
left join marts.trust on figures.school_year = trust.school_year
left join last_complete on figures.school_year = last_complete.school_year
where
    (figures.period_type = 'year_to_date' and trust.school_year is not null)
    or (figures.period_type = 'year' and last_complete.school_year is not null)
