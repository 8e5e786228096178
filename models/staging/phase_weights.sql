-- How many pupils and possible sessions each school has in each phase of education: what a comparator of more than one phase
-- is weighted by.
--
-- A school is of one phase (raw.schools) but an all-through school, whose pupils are of the phase of their year group
-- (rules.year_group_phases); pupils of no known year group are of no phase there. Basis: as DfE publishes.
--
-- grain: school_urn, school_year, period_type, period, phase

with

school_attendance as (
    from marts.school_attendance
    where basis = 'as DfE publishes' and school_urn is not null and breakdown in ('all', 'year_group')
),

schools as (
    from raw.schools
),

year_group_phases as (
    from rules.year_group_phases
),

placed as (
    select
        school_attendance.school_urn,
        school_year,
        period_type,
        period,
        if(schools.phase = 'All-through', year_group_phases.phase, schools.phase) as phase,
        pupils,
        sessions_possible
    from school_attendance
    join schools on school_attendance.school_urn = schools.school_urn
    left join year_group_phases on school_attendance.group_name = year_group_phases.year_group
    where breakdown = if(schools.phase = 'All-through', 'year_group', 'all')
),

pooled as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        phase,
        sum(pupils)::bigint as pupils,
        sum(sessions_possible)::bigint as sessions_possible
    from placed
    group by school_urn, school_year, period_type, period, phase
)

from pooled
