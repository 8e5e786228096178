-- What was so of each pupil in each school year, from which day to which: every status that a cohort is made of, on every
-- day on which anything tells of it.
--
-- Spells that a source dates are believed, and outside them the status does not hold (rules.cohort_statuses). Otherwise an
-- extract tells of its own school year: from its day until the next one's, and the first also of the days before it. A
-- year without an extract takes the nearest year's. Where a school lists everybody who has a status (rules.status_lists),
-- pupils of whom nothing is told do not have it, in the school years since the list begins; before them nobody is said
-- not to have it. What remains is not known.
--
-- grain: school_urn, pupil_key, school_year, status, from_on
-- check: from_on <= to_on
-- check: value is not null

with

pupil_status as (
    select pupil_status.*, value_outside
    from staging.pupil_status
    join rules.cohort_statuses on pupil_status.status = cohort_statuses.status
    where family <> 'school year'
),

pupil_years as (
    from staging.pupil_years
),

in_school as (
    from staging.pupils_in_school
),

listed as (
    select school_urn, status, min(from_on) as listed_from
    from raw.pupil_statuses
    join raw.loads on pupil_statuses.load_number = loads.load_number
    join rules.status_lists on loads.format = status_lists.format
    where from_on is not null
    group by school_urn, status
),

-- pupils' years of which dated spells tell, and whether they tell of the days outside them, too
dated_years as (
    select distinct
        in_school.school_urn,
        in_school.pupil_key,
        school_year,
        year_from,
        year_to,
        pupil_status.status,
        value_outside,
        coalesce(listed_from <= year_to, true) as is_told_outside
    from in_school
    join pupil_status on in_school.school_urn = pupil_status.school_urn and in_school.pupil_key = pupil_status.pupil_key
    left join listed on pupil_status.school_urn = listed.school_urn and pupil_status.status = listed.status
    where basis = 'dated'
),

dated as (
    select
        dated_years.school_urn,
        dated_years.pupil_key,
        school_year,
        dated_years.status,
        greatest(from_on, year_from) as from_on,
        least(to_on, year_to) as to_on,
        value
    from dated_years
    join pupil_status
        on dated_years.school_urn = pupil_status.school_urn
        and dated_years.pupil_key = pupil_status.pupil_key
        and dated_years.status = pupil_status.status
    where from_on <= year_to and to_on >= year_from
),

-- the day after the year stands for a spell, so that the time after the last one is between two
with_year_ends as (
    select school_urn, pupil_key, school_year, status, from_on, to_on
    from dated
    union all
    select school_urn, pupil_key, school_year, status, (year_to + interval 1 day)::date, null
    from dated_years
),

between_spells as (
    select
        with_year_ends.school_urn,
        with_year_ends.pupil_key,
        with_year_ends.school_year,
        with_year_ends.status,
        coalesce(lag(with_year_ends.to_on) over spells + interval 1 day, year_from)::date as from_on,
        (with_year_ends.from_on - interval 1 day)::date as to_on,
        if(is_told_outside, value_outside, null) as value
    from with_year_ends
    join dated_years
        on with_year_ends.school_urn = dated_years.school_urn
        and with_year_ends.pupil_key = dated_years.pupil_key
        and with_year_ends.school_year = dated_years.school_year
        and with_year_ends.status = dated_years.status
    window spells as (
        partition by with_year_ends.school_urn, with_year_ends.pupil_key, with_year_ends.school_year, with_year_ends.status
        order by with_year_ends.from_on
    )
),

-- of a year before its own, a spell's last day that it was told on is the nearest; of a year after, its first
near as (
    select
        in_school.school_urn,
        in_school.pupil_key,
        school_year,
        year_from,
        year_to,
        status,
        from_on,
        value,
        case
            when known_on < year_from
            then year(year_from) - (year(known_on) - if(month(known_on) < 8, 1, 0))
            when from_on > year_to
            then (year(from_on) - if(month(from_on) < 8, 1, 0)) - year(year_from)
            else 0
        end as years_away,
        from_on > year_to as is_later
    from in_school
    join pupil_status on in_school.school_urn = pupil_status.school_urn and in_school.pupil_key = pupil_status.pupil_key
    where basis = 'as at extract'
),

nearest as (
    select school_urn, pupil_key, school_year, status, from_on, year_from, year_to, value, years_away
    from near
    qualify years_away = 0 or row_number() over (
        partition by school_urn, pupil_key, school_year, status
        order by years_away, is_later desc, if(is_later, from_on, null), from_on desc
    ) = 1
),

from_extracts as (
    select
        school_urn,
        pupil_key,
        school_year,
        status,
        if(lag(from_on) over told is null, year_from, from_on) as from_on,
        coalesce(lead(from_on) over told - interval 1 day, year_to)::date as to_on,
        value
    from nearest
    window told as (partition by school_urn, pupil_key, school_year, status order by from_on)
),

not_on_a_list as (
    select
        in_school.school_urn,
        in_school.pupil_key,
        school_year,
        listed.status,
        year_from,
        year_to,
        cohort_statuses.value_outside
    from in_school
    join listed on in_school.school_urn = listed.school_urn and listed_from <= year_to
    join rules.cohort_statuses on listed.status = cohort_statuses.status
    left join pupil_status
        on in_school.school_urn = pupil_status.school_urn
        and in_school.pupil_key = pupil_status.pupil_key
        and listed.status = pupil_status.status
    where pupil_status.pupil_key is null
),

of_the_year as (
    select in_school.school_urn, in_school.pupil_key, in_school.school_year, year_from, year_to, year_group, sex
    from in_school
    join pupil_years
        on in_school.school_urn = pupil_years.school_urn
        and in_school.pupil_key = pupil_years.pupil_key
        and in_school.school_year = pupil_years.school_year
),

told as (
    select *, true as is_dated
    from dated
    union all
    select *, true
    from between_spells
    where value is not null and from_on <= to_on
    union all
    select *, false
    from from_extracts
    union all
    select school_urn, pupil_key, school_year, status, year_from, year_to, value_outside, true
    from not_on_a_list
    where value_outside is not null
    union all
    select school_urn, pupil_key, school_year, 'year_group', year_from, year_to, year_group, true
    from of_the_year
    where year_group is not null
    union all
    select school_urn, pupil_key, school_year, 'sex', year_from, year_to, sex, true
    from of_the_year
    where sex is not null
),

social_workers as (
    select school_urn, pupil_key, from_on
    from told
    where value = 'true' and status in ('looked_after', 'child_protection', 'child_in_need')
    union all
    select school_urn, pupil_key, from_on
    from pupil_status
    where value = 'true' and status in ('looked_after', 'child_protection', 'child_in_need')
),

first_social_workers as (
    select school_urn, pupil_key, min(from_on) as first_from
    from social_workers
    group by school_urn, pupil_key
),

united as (
    from told
    union all
    select
        in_school.school_urn,
        in_school.pupil_key,
        school_year,
        'had_social_worker',
        greatest(first_from, year_from),
        year_to,
        'true',
        -- it follows from others, which say it
        null
    from in_school
    join first_social_workers
        on in_school.school_urn = first_social_workers.school_urn
        and in_school.pupil_key = first_social_workers.pupil_key
    where first_from <= year_to
)

from united
