-- How many pupils of each school and of the trust are in each band of absence.
--
-- Every band of the ladder has a row, also where no pupil is in it. The trust's rows have no school_urn.
--
-- grain: school_urn, school_year, period_type, period, ladder, band

with

pupil_attendance as (
    from marts.pupil_attendance
),

absence_bands as (
    from rules.absence_bands
),

counted as (
    select school_urn, school_year, period_type, period, dfe_band, count(*) as pupils
    from pupil_attendance
    group by school_year, period_type, period, dfe_band, grouping sets ((school_urn), ())
),

reported as (
    select distinct school_urn, school_year, period_type, period
    from counted
),

laddered as (
    select
        reported.school_urn,
        reported.school_year,
        reported.period_type,
        reported.period,
        ladder,
        band,
        coalesce(pupils, 0) as pupils
    from reported
    cross join absence_bands
    left join counted
        on counted.school_urn is not distinct from reported.school_urn
        and counted.school_year = reported.school_year
        and counted.period_type = reported.period_type
        and counted.period = reported.period
        and dfe_band = band
    where ladder = 'dfe'
)

from laddered
