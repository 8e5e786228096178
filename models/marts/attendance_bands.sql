-- How many pupils of each school and of the trust are in each band of absence, on every ladder of rules.absence_bands.
--
-- A band holds who missed at least its whole number of per cent of their own possible sessions, and less than the next
-- band's: exactly 5% missed is in 5-10, and no rate is rounded on the way. Every band of a ladder has a row, also where
-- no pupil is in it. The unit is the enrolment; percent_pupils is of all pupils of the row's school, period, basis;
-- the trust's rows have no school_urn. Ladder "dfe" is DfE's published five-point ladder; "dfe distribution" puts
-- its bands from 25 to 50 together, as England's distribution is given, so that a school can be laid beside it.
--
-- grain: school_urn, school_year, period_type, period, basis, ladder, band
-- check: pupils >= 0
-- check: percent_pupils between 0 and 100

with

pupil_attendance as (
    from marts.pupil_attendance
),

absence_bands as (
    from rules.absence_bands
),

-- whole per cent missed, rounded down: edges are whole numbers, so this crosses none
missed as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        basis,
        (100 * sessions_absent - (100 * sessions_absent) % sessions_possible) / sessions_possible as missed_percent
    from pupil_attendance
),

counted as (
    select school_urn, school_year, period_type, period, basis, missed_percent, count(*) as pupils
    from missed
    group by school_year, period_type, period, basis, missed_percent, grouping sets ((school_urn), ())
),

edged as (
    select
        ladder,
        band,
        missed_from_percent,
        lead(missed_from_percent) over (partition by ladder order by missed_from_percent) as next_from_percent
    from absence_bands
),

-- every band meets every count, so a band without pupils is there all the same
laddered as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        basis,
        ladder,
        band,
        coalesce(
            sum(pupils) filter (
                missed_percent >= missed_from_percent and missed_percent < coalesce(next_from_percent, 101)
            ),
            0
        )::bigint as pupils,
        sum(pupils) as all_pupils
    from counted
    cross join edged
    group by school_urn, school_year, period_type, period, basis, ladder, band
),

shared as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        ladder,
        band,
        pupils,
        basis,
        100.0 * pupils / all_pupils as percent_pupils
    from laddered
)

from shared
