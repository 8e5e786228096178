-- Which pupils had a possible session at each school in each school year, and until when they were on its roll in it.
--
-- A pupil without an enrolment is taken to be on roll all year.
--
-- grain: school_urn, pupil_key, school_year
-- check: last_on between year_from and year_to

with

school_years as (
    select
        school_urn,
        stretch_from,
        school_year,
        make_date(left(school_year, 4)::integer, 8, 1) as year_from,
        make_date(left(school_year, 4)::integer + 1, 7, 31) as year_to
    from staging.period_stretches
    where period_type = 'year'
),

in_school as (
    select distinct pupil_stretches.school_urn, pupil_key, school_year, year_from, year_to
    from staging.pupil_stretches
    join school_years
        on pupil_stretches.school_urn = school_years.school_urn
        and pupil_stretches.stretch_from = school_years.stretch_from
    where sessions_possible > 0
),

until as (
    select
        in_school.school_urn,
        in_school.pupil_key,
        school_year,
        year_from,
        year_to,
        least(coalesce(max(left_on), year_to), year_to) as last_on
    from in_school
    left join staging.enrolments
        on in_school.school_urn = enrolments.school_urn
        and in_school.pupil_key = enrolments.pupil_key
        and entered_on <= year_to
        and left_on >= year_from
    group by in_school.school_urn, in_school.pupil_key, school_year, year_from, year_to
)

from until
