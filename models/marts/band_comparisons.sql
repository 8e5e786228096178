-- How the pupils of each school and of the trust are spread over DfE's bands of absence in a full school year,
-- beside how England's pupils of the same phase were in the same school year.
--
-- England's bands are only of full years, and stand only beside the same one: where DfE has published none of that
-- year there is no comparator, and `england_school_year` is empty. For the trust and all-through schools England's
-- shares of the phases are weighted by own pupils. Bands are closed at the lower edge: exactly 5% missed is in 5-10.
-- Basis: as DfE publishes. The trust's rows have no school_urn.
--
-- grain: school_urn, school_year, band
-- check: period_type = 'year' and period = school_year
-- check: england_school_year is null or england_school_year = school_year
-- check: (england_percent_pupils is null) = (england_school_year is null)

with

attendance_bands as (
    from marts.attendance_bands
    where ladder = 'dfe' and basis = 'as DfE publishes' and period_type = 'year'
),

complete_years as (
    select school_year
    from staging.periods
    where period_type = 'year'
    group by school_year
    having bool_and(is_complete)
),

absence_bands as (
    select band, missed_from_percent
    from rules.absence_bands
    where ladder = 'dfe'
),

published_bands as (
    select school_year, phase, band, sum(enrolments::bigint) as enrolments
    from rules.published_bands
    group by school_year, phase, band
),

phase_weights as (
    select school_urn, school_year, phase, sum(pupils) as pupils
    from staging.phase_weights
    where period_type = 'year'
    group by school_year, phase, grouping sets ((school_urn), ())
),

shares as (
    select
        school_year,
        phase,
        band,
        100.0 * enrolments / sum(enrolments) over (partition by school_year, phase) as percent_enrolments
    from published_bands
),

-- a comparator that lacks one of the phases would compare unlike with unlike
weighted as (
    select
        school_urn,
        phase_weights.school_year,
        absence_bands.band,
        if(
            count(percent_enrolments) = count(*), sum(pupils * percent_enrolments) / nullif(sum(pupils), 0), null
        ) as england_percent_pupils,
        max(shares.school_year) as england_school_year
    from phase_weights
    cross join absence_bands
    left join shares
        on phase_weights.phase = shares.phase
        and phase_weights.school_year = shares.school_year
        and absence_bands.band = shares.band
    group by school_urn, phase_weights.school_year, absence_bands.band
),

compared as (
    select
        attendance_bands.school_urn,
        attendance_bands.school_year,
        attendance_bands.period_type,
        attendance_bands.period,
        attendance_bands.band,
        missed_from_percent,
        pupils,
        percent_pupils,
        england_percent_pupils,
        percent_pupils - england_percent_pupils as difference_points,
        if(england_percent_pupils is null, null, england_school_year) as england_school_year
    from attendance_bands
    join complete_years on attendance_bands.school_year = complete_years.school_year
    join absence_bands on attendance_bands.band = absence_bands.band
    left join weighted
        on attendance_bands.school_urn is not distinct from weighted.school_urn
        and attendance_bands.school_year = weighted.school_year
        and attendance_bands.band = weighted.band
)

from compared
