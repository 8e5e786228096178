-- The year group and status of each pupil at each school in each school year.
--
-- Taken from the last extract of that year; where there is none, from the nearest one, with the year group moved by the
-- years between, and then `is_from_that_year` is false. An extract tells only of the columns that it fills: what it
-- leaves empty comes from the one before it, or the next nearest year; but a registration group is of its own year alone.
--
-- grain: school_urn, pupil_key, school_year

with

told as (
    select
        *,
        year(known_on) - if(month(known_on) < 8, 1, 0) as known_in,
        case year_group when 'N' then -1 when 'R' then 0 else year_group::integer end as nc_year
    from raw.pupils
),

in_order as (
    select
        school_urn,
        pupil_key,
        known_in,
        known_on,
        nc_year,
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
        is_young_carer,
        sen_need,
        is_medical,
        row_number() over (
            partition by school_urn, pupil_key, known_in
            order by known_on, entered_on nulls first, load_number, row_number desc
        ) as place
    from told
),

-- the last of a column is the last that is not empty
last_of_each_year as (
    select school_urn, pupil_key, known_in, max_by(columns(* exclude (school_urn, pupil_key, known_in, place)), place)
    from in_order
    group by school_urn, pupil_key, known_in
),

school_years as (
    select distinct school_year, left(school_year, 4)::integer as starts_in
    from staging.half_terms
),

by_nearness as (
    select
        * exclude (known_in, starts_in) replace (
            nc_year + starts_in - known_in as nc_year,
            -- a class of another year tells nothing of this one
            if(starts_in = known_in, registration_group, null) as registration_group
        ),
        starts_in = known_in as is_from_that_year,
        -- of two years as near as each other, the later
        2 * -abs(starts_in - known_in) + if(known_in > starts_in, 1, 0) as nearness
    from last_of_each_year cross join school_years
),

nearest as (
    select
        school_urn,
        pupil_key,
        school_year,
        max_by(columns(* exclude (school_urn, pupil_key, school_year, nearness)), nearness)
    from by_nearness
    group by school_urn, pupil_key, school_year
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
        is_from_that_year,
        * exclude (school_urn, pupil_key, school_year, nc_year, is_from_that_year)
    from nearest
)

from named
