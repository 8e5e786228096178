-- The stretches of time that figures are given for: school years, their terms, and each year up to the same week.
--
-- A term runs until the next one starts, so that no session falls between two. Nothing runs past the as-at date.
--
-- grain: school_year, period_type, period
-- check: starts_on <= ends_on

with

half_terms as (
    from raw.half_terms
),

as_at as (
    from staging.as_at
),

school_years as (
    select
        school_year,
        left(school_year, 4)::integer as starts_in,
        max(ends_on) as last_day
    from half_terms
    group by school_year
),

years as (
    select
        school_year,
        'year' as period_type,
        school_year as period,
        make_date(starts_in, 8, 1) as starts_on,
        make_date(starts_in + 1, 7, 31) as ends_on,
        last_day
    from school_years
),

terms as (
    select
        school_year,
        'term' as period_type,
        split_part(half_term, ' ', 1) as period,
        min(starts_on) as first_day,
        max(ends_on) as last_day
    from half_terms
    group by all
),

terms_without_gaps as (
    select
        years.school_year,
        terms.period_type,
        terms.period,
        if(first_day = min(first_day) over school_year, years.starts_on, first_day) as starts_on,
        coalesce(lead(first_day) over (school_year order by first_day) - 1, years.ends_on)::date as ends_on,
        terms.last_day
    from terms join years using (school_year)
    window school_year as (partition by terms.school_year)
),

years_to_date as (
    select
        school_years.school_year,
        'year_to_date' as period_type,
        'to week ' || week as period,
        make_date(school_years.starts_in, 8, 1) as starts_on,
        -- the same day of the same ISO week: 4 January is always in week 1
        (
            date_trunc('week', make_date(week_year - (as_at.starts_in - school_years.starts_in)::integer, 1, 4))
            + to_days(((week - 1) * 7 + weekday - 1)::integer)
        )::date as ends_on,
        ends_on as last_day
    from school_years cross join as_at
),

united as (
    from years
    union all by name
    from terms_without_gaps
    union all by name
    from years_to_date
),

up_to_date as (
    select
        united.school_year,
        period_type,
        period,
        starts_on,
        least(ends_on, as_at) as ends_on,
        last_day <= as_at as is_complete
    from united cross join as_at
    -- the first days of August may be in a week that lay in July in another year
    where starts_on <= as_at and starts_on <= ends_on
)

from up_to_date
