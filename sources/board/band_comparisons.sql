-- One row per school (null: the trust), full school year of which DfE has published bands, and band. Eleven bands
-- become four, and pupils become whole percentages of pupils, beside England's of the same year and phase.
with merged as (
    select
        school_urn,
        school_year,
        england_school_year,
        case band
            when '0-5' then 1
            when '5-10' then 2
            when '50+' then 4
            else 3
        end as position,
        sum(percent_pupils) as percent_pupils,
        sum(england_percent_pupils) as england_percent_pupils
    from marts.band_comparisons
    where england_school_year = school_year
    group by all
)

select
    school_urn,
    school_year,
    position,
    ['0% to 5%', '5% to 10%', '10% to 50%', '50% or more'][position] as missed,
    round(percent_pupils) as percent_pupils,
    round(england_percent_pupils) as england_percent_pupils,
    england_school_year
from merged
