-- The days on which each school was to be open, up to the as-at date: weekdays of its half terms that are not closed days.
--
-- Where the calendar is derived from registers a day without any is a closed day, so that no register can be missing.
-- days_after is how many school days have come since, up to the as-at date and across holidays and school years.
--
-- grain: school_urn, session_date
-- check: days_after >= 0

with

half_terms as (
    from staging.half_terms
),

closed_days as (
    from staging.closed_days
),

-- every day of a school's years up to the as-at date
days as (
    select school_urn, school_year, session_date
    from staging.stretches
),

in_half_terms as (
    select days.school_urn, days.school_year, days.session_date
    from days
    join half_terms
        on days.school_urn = half_terms.school_urn
        and days.school_year = half_terms.school_year
        and days.session_date between starts_on and ends_on
    left join closed_days on days.school_urn = closed_days.school_urn and days.session_date = closed_on
    where isodow(days.session_date) < 6 and closed_on is null
),

counted as (
    select
        school_urn,
        school_year,
        session_date,
        count(*) over (partition by school_urn order by session_date desc) - 1 as days_after
    from in_half_terms
)

from counted
