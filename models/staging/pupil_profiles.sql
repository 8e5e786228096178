-- Which statuses each pupil had at once, from which day to which of each school year: a number for each combination.
--
-- Statuses that cohorts are not made of together are in different families (rules.cohort_statuses), as combinations of
-- everything would be nearly as many as pupils.
--
-- grain: school_urn, pupil_key, school_year, family, from_on
-- check: from_on <= to_on

with

year_statuses as (
    select year_statuses.*, family
    from staging.year_statuses
    join rules.cohort_statuses on year_statuses.status = cohort_statuses.status
),

families as (
    select distinct family
    from rules.cohort_statuses
),

in_school as (
    from staging.pupils_in_school
),

-- a status changes where a spell begins, and where one ends without another
changes as (
    select school_urn, pupil_key, school_year, family, year_from as from_on
    from in_school cross join families
    union
    select school_urn, pupil_key, school_year, family, from_on
    from year_statuses
    union
    select school_urn, pupil_key, school_year, family, (to_on + interval 1 day)::date
    from year_statuses
    where to_on < make_date(left(school_year, 4)::integer + 1, 7, 31)
),

spells as (
    select
        school_urn,
        pupil_key,
        school_year,
        family,
        from_on,
        coalesce(
            lead(from_on) over (partition by school_urn, pupil_key, school_year, family order by from_on) - interval 1 day,
            make_date(left(school_year, 4)::integer + 1, 7, 31)
        )::date as to_on
    from changes
),

combined as (
    select
        spells.school_urn,
        spells.pupil_key,
        spells.school_year,
        spells.family,
        spells.from_on,
        spells.to_on,
        coalesce(list_sort(list(year_statuses.status || '=' || value) filter (value is not null)), []) as statuses
    from spells
    left join year_statuses
        on spells.school_urn = year_statuses.school_urn
        and spells.pupil_key = year_statuses.pupil_key
        and spells.school_year = year_statuses.school_year
        and spells.family = year_statuses.family
        and spells.from_on between year_statuses.from_on and year_statuses.to_on
    group by
        spells.school_urn, spells.pupil_key, spells.school_year, spells.family, spells.from_on, spells.to_on
),

numbered as (
    select
        school_urn,
        pupil_key,
        school_year,
        family,
        from_on,
        to_on,
        (dense_rank() over (order by family, statuses))::integer as profile
    from combined
)

from numbered
