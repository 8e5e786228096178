-- Our sessions from the start of this school year up to the day that each edition of DfE's year to date counts to, by school
-- and phase: what stands beside that edition's figure.
--
-- Editions that count to a day so far (staging.as_at); where two count to one day, the later published. Basis: as DfE
-- publishes, so that where an edition counts to the as-at date the sessions are those of marts.school_attendance's year to
-- date; a school that it leaves out is left out here. Stretches of days end on the days of editions (staging.stretches).
-- Pupils of an all-through school are of the phase of their year group, of none where it is not known.
--
-- grain: school_urn, counted_to, phase
-- check: sessions_attended <= sessions_possible
-- check: sessions_possible > 0

with

based_stretches as (
    from staging.based_stretches
),

as_at as (
    from staging.as_at
),

published_editions as (
    from rules.published_editions
),

dfe_editions as (
    from staging.dfe_editions
),

schools as (
    from raw.schools
),

pupil_years as (
    from staging.pupil_years
),

year_group_phases as (
    from rules.year_group_phases
),

counted_schools as (
    select distinct school_urn, school_attendance.school_year
    from marts.school_attendance as school_attendance
    join as_at on school_attendance.school_year = as_at.school_year
    where basis = 'as DfE publishes' and breakdown = 'all' and period_type = 'year' and school_urn is not null
),

editions as (
    select published.school_year, counted_to, max(published_on) as published_on
    from (
        select school_year, counted_to, published_on
        from published_editions
        union
        select school_year, counted_to, published_on
        from dfe_editions
    ) as published
    join as_at on published.school_year = as_at.school_year
    where counted_to <= as_at
    group by published.school_year, counted_to
),

summed as (
    select
        based_stretches.school_urn,
        based_stretches.school_year,
        stretch_from,
        if(schools.phase = 'All-through', year_group_phases.phase, schools.phase) as phase,
        sum(sessions_possible)::bigint as sessions_possible,
        sum(sessions_attended)::bigint as sessions_attended
    from based_stretches
    join counted_schools
        on based_stretches.school_urn = counted_schools.school_urn
        and based_stretches.school_year = counted_schools.school_year
    join schools on based_stretches.school_urn = schools.school_urn
    left join pupil_years
        on based_stretches.school_urn = pupil_years.school_urn
        and based_stretches.pupil_key = pupil_years.pupil_key
        and based_stretches.school_year = pupil_years.school_year
    left join year_group_phases on pupil_years.year_group = year_group_phases.year_group
    where is_as_dfe_publishes
    group by
        based_stretches.school_urn,
        based_stretches.school_year,
        stretch_from,
        if(schools.phase = 'All-through', year_group_phases.phase, schools.phase)
),

up_to_editions as (
    select
        school_urn,
        summed.school_year,
        counted_to,
        published_on,
        phase,
        sum(sessions_possible)::bigint as sessions_possible,
        sum(sessions_attended)::bigint as sessions_attended
    from summed
    join editions on summed.school_year = editions.school_year and stretch_from <= counted_to
    group by school_urn, summed.school_year, counted_to, published_on, phase
    having sum(sessions_possible) > 0
)

from up_to_editions
