-- The pupils and sessions of each cohort and each cell of an intersection, at each school and in the trust, in each period.
--
-- Sessions are those of days on which the pupil was in the cohort; pupils, persistent and severe absence are by the cohort
-- at the period's end, judged on all sessions of the period. So the sessions of a breakdown add up to all sessions and its
-- pupils to all pupils. The sums and sums of squares are of the pupils' own sessions, for the chance in the rate.
--
-- grain: school_urn, school_year, period_type, period, basis, breakdown, cohort
-- check: pupils_severe <= pupils_persistent and pupils_persistent <= pupils
-- check: sessions_attended <= sessions_possible

with

profile_pupils as (
    from staging.profile_pupils
),

profile_sessions as (
    from staging.profile_sessions
),

profile_cohorts as (
    from staging.profile_cohorts
),

period_stretches as (
    from staging.period_stretches
),

-- a number for each place in time and for each cohort: there are millions of rows to add up, and names are long
places as (
    select
        *,
        row_number() over (order by school_urn, school_year, period_type, period, basis) as place
    from (select distinct school_urn, school_year, period_type, period, basis from profile_pupils)
),

cohorts as (
    select breakdown, cohort, row_number() over (order by breakdown, cohort) as cohort_number
    from (select distinct breakdown, cohort from profile_cohorts)
),

numbered as (
    select profile, cohort_number
    from profile_cohorts
    join cohorts on profile_cohorts.breakdown = cohorts.breakdown and profile_cohorts.cohort = cohorts.cohort
),

placed_pupils as (
    select place, profile_pupils.* exclude (school_urn, school_year, period_type, period, basis)
    from profile_pupils
    join places
        on profile_pupils.school_urn = places.school_urn
        and profile_pupils.school_year = places.school_year
        and profile_pupils.period_type = places.period_type
        and profile_pupils.period = places.period
        and profile_pupils.basis = places.basis
),

pupils_by_cohort as (
    select
        place,
        cohort_number,
        sum(pupils) as pupils,
        sum(pupils_persistent) as pupils_persistent,
        sum(pupils_severe) as pupils_severe,
        sum(possible) as possible,
        sum(absent) as absent,
        sum(possible_squared) as possible_squared,
        sum(absent_squared) as absent_squared,
        sum(possible_absent) as possible_absent
    from placed_pupils
    join numbered on placed_pupils.profile = numbered.profile
    group by place, cohort_number
),

sessions_by_stretch as (
    select
        school_urn,
        stretch_from,
        is_as_dfe_publishes,
        cohort_number,
        sum(sessions_possible) as sessions_possible,
        sum(sessions_attended) as sessions_attended
    from profile_sessions
    join numbered on profile_sessions.profile = numbered.profile
    group by school_urn, stretch_from, is_as_dfe_publishes, cohort_number
),

-- a school too small for a basis has no pupils on it (marts.pupil_attendance), no place, and so no sessions
stretches_of_places as (
    select place, places.school_urn, stretch_from, basis = 'as DfE publishes' as is_as_dfe_publishes
    from places
    join period_stretches
        on places.school_urn = period_stretches.school_urn
        and places.school_year = period_stretches.school_year
        and places.period_type = period_stretches.period_type
        and places.period = period_stretches.period
),

sessions_by_cohort as (
    select
        place,
        cohort_number,
        sum(sessions_possible) as sessions_possible,
        sum(sessions_attended) as sessions_attended
    from sessions_by_stretch
    join stretches_of_places
        on sessions_by_stretch.school_urn = stretches_of_places.school_urn
        and sessions_by_stretch.stretch_from = stretches_of_places.stretch_from
        and sessions_by_stretch.is_as_dfe_publishes = stretches_of_places.is_as_dfe_publishes
    group by place, cohort_number
    having sum(sessions_possible) > 0
),

counted as (
    select
        coalesce(pupils_by_cohort.place, sessions_by_cohort.place) as place,
        coalesce(pupils_by_cohort.cohort_number, sessions_by_cohort.cohort_number) as cohort_number,
        pupils_by_cohort.* exclude (place, cohort_number),
        sessions_possible,
        sessions_attended
    from pupils_by_cohort
    full join sessions_by_cohort
        on pupils_by_cohort.place = sessions_by_cohort.place
        and pupils_by_cohort.cohort_number = sessions_by_cohort.cohort_number
),

of_schools as (
    select
        places.* exclude (place),
        breakdown,
        cohort,
        counted.* exclude (place, cohort_number)
    from counted
    join places on counted.place = places.place
    join cohorts on counted.cohort_number = cohorts.cohort_number
),

pooled as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        basis,
        breakdown,
        cohort,
        coalesce(sum(pupils), 0)::bigint as pupils,
        coalesce(sum(pupils_persistent), 0)::bigint as pupils_persistent,
        coalesce(sum(pupils_severe), 0)::bigint as pupils_severe,
        coalesce(sum(sessions_possible), 0)::bigint as sessions_possible,
        coalesce(sum(sessions_attended), 0)::bigint as sessions_attended,
        coalesce(sum(possible), 0) as possible,
        coalesce(sum(absent), 0) as absent,
        coalesce(sum(possible_squared), 0) as possible_squared,
        coalesce(sum(absent_squared), 0) as absent_squared,
        coalesce(sum(possible_absent), 0) as possible_absent
    from of_schools
    group by school_year, period_type, period, basis, breakdown, cohort, grouping sets ((school_urn), ())
)

from pooled
