-- Which pupils each ladder of bands and each track of support is for in each school year, and in which weeks it looks at
-- their attendance of the year to date.
--
-- Weekly: every school week, the present one as far as it has come. Fortnightly: every second one of the school year.
-- Half-termly: the last school week of a half term, once it has ended. A pupil without a possible session in that week is
-- looked at as of the last week before that had one. Pupils with too few possible sessions are not looked at.
--
-- grain: ladder_number, pupil_number, week_from
-- check: absent_to_date <= possible_to_date

with

ladders as (
    select distinct ladder_number, school_urn, shape, years, checked, minimum_sessions
    from staging.policy_rules
    where ladder is not null
),

-- a half term may end on closed days: a week without a session has the number of the school week before it
half_term_ends as (
    select distinct half_terms.school_urn, school_week
    from staging.half_terms as half_terms
    join staging.as_at as as_at on ends_on <= as_at.as_at
    join staging.school_weeks as school_weeks
        on half_terms.school_urn = school_weeks.school_urn and date_trunc('week', ends_on)::date = week_from
),

weeks as (
    select
        school_weeks.school_urn,
        school_year,
        week_from,
        school_weeks.school_week - min(school_weeks.school_week) over (partition by school_weeks.school_urn, school_year) + 1
            as week_of_year,
        half_term_ends.school_week is not null as is_half_term_end
    from staging.school_weeks as school_weeks
    left join half_term_ends
        on school_weeks.school_urn = half_term_ends.school_urn and school_weeks.school_week = half_term_ends.school_week
    where has_session
),

-- the check that looks at each week: the first one from its end on
checks as (
    select
        ladder_number,
        shape,
        ladders.school_urn,
        minimum_sessions,
        week_from,
        min(
            case
                when checked = 'weekly'
                    or (checked = 'fortnightly' and week_of_year % 2 = 0)
                    or (checked = 'half-termly' and is_half_term_end)
                    then week_from
            end
        ) over (
            partition by ladder_number, school_year
            order by week_from
            rows between current row and unbounded following
        ) as check_from
    from ladders join weeks on ladders.school_urn = weeks.school_urn
),

pupil_years as (
    select school_urn, pupil_key, school_year, ' ' || year_group || ' ' as year_group
    from staging.pupil_years
),

pupils as (
    select distinct pupil_number, school_urn, pupil_key, school_year
    from staging.pupil_weeks
),

-- a ladder is for a pupil all year
of_years as (
    select ladder_number, pupil_number, pupils.school_year
    from pupils
    join ladders on pupils.school_urn = ladders.school_urn
    left join pupil_years
        on pupils.school_urn = pupil_years.school_urn
        and pupils.pupil_key = pupil_years.pupil_key
        and pupils.school_year = pupil_years.school_year
    where years is null or coalesce(contains(' ' || years || ' ', year_group), false)
),

-- the weeks that checks look at, before it is asked which pupils a ladder is for: few ladders look every week
weeks_looked_at as materialized (
    select
        ladder_number,
        shape,
        pupil_number,
        pupil_weeks.week_from,
        school_year,
        school_week,
        last_day,
        possible_to_date,
        absent_to_date
    from staging.pupil_weeks as pupil_weeks
    join checks on pupil_weeks.school_urn = checks.school_urn and pupil_weeks.week_from = checks.week_from
    where possible_to_date >= minimum_sessions
        and check_from is not null
        and (next_week_from is null or next_week_from > check_from)
),

looked_at as (
    select *
    from weeks_looked_at
    semi join of_years using (ladder_number, pupil_number, school_year)
)

from looked_at
