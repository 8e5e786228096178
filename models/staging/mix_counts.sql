-- How many pupils of each school are in each phase of education by free school meals and SEND, at the end of each
-- period.
--
-- A school is of one phase but an all-through school, whose pupils are of the phase of their year group
-- (rules.year_group_phases); pupils of no known year group are of no phase there. Basis: as DfE publishes.
--
-- grain: school_urn, school_year, period_type, period, phase, fsm, send
-- check: pupils > 0

with

cohort_counts as (
    from staging.cohort_counts
    where
        breakdown = 'fsm_send' and basis = 'as DfE publishes' and school_urn is not null and pupils > 0
        and period_type in ('year', 'year_to_date', 'to_half_term')
),

schools as (
    from raw.schools
),

periods as (
    from staging.periods
),

year_group_phases as (
    from rules.year_group_phases
),

profile_cohorts as (
    from staging.profile_cohorts
    where breakdown = 'fsm_send'
),

all_through_pupils as (
    select pupil_attendance.*
    from marts.pupil_attendance
    join schools on pupil_attendance.school_urn = schools.school_urn
    where
        schools.phase = 'All-through' and basis = 'as DfE publishes'
        and period_type in ('year', 'year_to_date', 'to_half_term')
),

-- statuses are those of the period's last day, or of the pupil's (staging.profile_pupils)
all_through_ends as (
    select
        all_through_pupils.school_urn,
        all_through_pupils.pupil_key,
        all_through_pupils.school_year,
        all_through_pupils.period_type,
        all_through_pupils.period,
        year_group_phases.phase,
        least(ends_on, last_on) as end_on
    from all_through_pupils
    join staging.pupils_in_school as in_school
        on all_through_pupils.school_urn = in_school.school_urn
        and all_through_pupils.pupil_key = in_school.pupil_key
        and all_through_pupils.school_year = in_school.school_year
    join periods
        on all_through_pupils.school_urn = periods.school_urn
        and all_through_pupils.school_year = periods.school_year
        and all_through_pupils.period_type = periods.period_type
        and all_through_pupils.period = periods.period
    left join staging.pupil_years
        on all_through_pupils.school_urn = pupil_years.school_urn
        and all_through_pupils.pupil_key = pupil_years.pupil_key
        and all_through_pupils.school_year = pupil_years.school_year
    left join year_group_phases on pupil_years.year_group = year_group_phases.year_group
),

of_all_through_schools as (
    select
        all_through_ends.school_urn,
        all_through_ends.school_year,
        period_type,
        period,
        phase,
        cohort,
        count(*) as pupils
    from all_through_ends
    join staging.pupil_profiles
        on all_through_ends.school_urn = pupil_profiles.school_urn
        and all_through_ends.pupil_key = pupil_profiles.pupil_key
        and all_through_ends.school_year = pupil_profiles.school_year
        and end_on between from_on and to_on
    join profile_cohorts on pupil_profiles.profile = profile_cohorts.profile
    group by all_through_ends.school_urn, all_through_ends.school_year, period_type, period, phase, cohort
),

united as (
    select
        cohort_counts.school_urn,
        school_year,
        period_type,
        period,
        schools.phase,
        cohort,
        pupils
    from cohort_counts
    join schools on cohort_counts.school_urn = schools.school_urn
    where schools.phase <> 'All-through'
    union all
    from of_all_through_schools
),

parted as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        phase,
        split_part(cohort, ' / ', 1) as fsm,
        split_part(cohort, ' / ', 2) as send,
        pupils::bigint as pupils
    from united
)

from parted
