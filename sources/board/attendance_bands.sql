-- One row per school (null: the trust) and band: this school year up to the week of the last session.
-- Eleven bands become four, and pupils become whole percentages of pupils.
with merged as (
    select
        bands.school_urn,
        case bands.band
            when '0-5' then 1
            when '5-10' then 2
            when '50+' then 4
            else 3
        end as position,
        sum(bands.pupils) as pupils
    from marts.attendance_bands as bands
    join marts.trust on bands.school_year = trust.school_year
    where
        bands.period_type = 'year_to_date'
        and bands.ladder = 'dfe'
        and bands.basis = 'as DfE publishes'
    group by all
)

select
    school_urn,
    position,
    ['0% to 5%', '5% to 10%', '10% to 50%', '50% or more'][position] as missed,
    round(100 * pupils / sum(pupils) over (partition by school_urn)) as percent_pupils
from merged
