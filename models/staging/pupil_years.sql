-- The year group and status of each pupil at each school in each school year.
--
-- Taken from the last extract of that year; where there is none, from the nearest one, with the year group moved by the
-- years between, and then `is_from_that_year` is false.
--
-- grain: school_urn, pupil_key, school_year

with

told as (
    select *, year(known_on) - if(month(known_on) < 8, 1, 0) as known_in
    from raw.pupils
),

school_years as (
    select distinct school_year, left(school_year, 4)::integer as starts_in
    from raw.half_terms
),

nearest as (
    select *
    from told cross join school_years
    qualify row_number() over (
        partition by school_urn, pupil_key, school_year
        order by abs(starts_in - known_in), known_in desc, known_on desc, entered_on desc, load_number desc, row_number
    ) = 1
),

year_groups_as_numbers as (
    select
        *,
        case year_group when 'N' then -1 when 'R' then 0 else year_group::integer end + starts_in - known_in as nc_year
    from nearest
),

named as (
    select
        school_urn,
        pupil_key,
        school_year,
        case
            when nc_year = -1 then 'N'
            when nc_year = 0 then 'R'
            when nc_year between 1 and 14 then nc_year::varchar
        end as year_group,
        starts_in = known_in as is_from_that_year,
        known_on,
        registration_group,
        sex,
        born_on,
        sen_provision,
        ethnicity_code,
        is_fsm,
        is_fsm_ever_6,
        is_eal,
        is_looked_after,
        was_looked_after,
        is_child_in_need,
        is_child_protection,
        is_young_carer
    from year_groups_as_numbers
)

from named
