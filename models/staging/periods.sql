-- The stretches of time that figures are given for at each school: school years, their terms and half terms, each year up
-- to the same week, the last five school weeks up to then, and each year to the end of the last half term.
--
-- A term runs until the next one starts, so that no session falls between two. Nothing runs past the as-at date. School
-- weeks are those that a half term has a day in; a year that has had fewer than five gives what it has. Of half terms that
-- were derived nobody knows when they end until the next one has begun, and of such a year until it is over. The last half
-- term is the last one of this school year that is over at every school; until the first one is, there is none.
--
-- grain: school_urn, school_year, period_type, period
-- check: starts_on <= ends_on

with

half_terms as (
    from staging.half_terms
),

as_at as (
    from staging.as_at
),

school_years as (
    select
        school_urn,
        school_year,
        left(school_year, 4)::integer as starts_in,
        max(ends_on) as last_day,
        bool_or(is_derived) as is_derived
    from half_terms
    group by school_urn, school_year
),

years as (
    select
        school_urn,
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
        school_urn,
        school_year,
        'term' as period_type,
        split_part(half_term, ' ', 1) as period,
        min(starts_on) as first_day,
        max(ends_on) as last_day
    from half_terms
    group by school_urn, school_year, split_part(half_term, ' ', 1)
),

terms_and_halves as (
    from terms
    union all
    select school_urn, school_year, 'half_term', half_term, starts_on, ends_on
    from half_terms
),

without_gaps as (
    select
        years.school_urn,
        years.school_year,
        told.period_type,
        told.period,
        if(first_day = min(first_day) over school_year, years.starts_on, first_day) as starts_on,
        coalesce(lead(first_day) over (school_year order by first_day) - interval 1 day, years.ends_on)::date as ends_on,
        told.last_day
    from terms_and_halves as told
    join years on told.school_urn = years.school_urn and told.school_year = years.school_year
    window school_year as (partition by told.school_urn, told.school_year, told.period_type)
),

years_to_date as (
    select
        school_urn,
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

weeks as (
    select distinct
        school_urn,
        school_year,
        date_trunc('week', unnest(generate_series(starts_on, ends_on, interval 1 day)))::date as week_from
    from half_terms
),

last_weeks as (
    select weeks.school_urn, weeks.school_year, period, ends_on, week_from
    from weeks
    join years_to_date on weeks.school_urn = years_to_date.school_urn and weeks.school_year = years_to_date.school_year
    where week_from <= ends_on
    qualify row_number() over (partition by weeks.school_urn, weeks.school_year order by week_from desc) <= 5
),

last_five_weeks as (
    select
        school_urn,
        school_year,
        'last_five_weeks' as period_type,
        period,
        min(week_from) as starts_on,
        ends_on,
        ends_on as last_day
    from last_weeks
    group by school_urn, school_year, period, ends_on
),

-- what half terms are over at every school is known of the current year only
half_terms_over as (
    select half_term, max(ends_on) as last_over_on
    from (
        select
            half_term,
            ends_on,
            if(is_derived, coalesce(lead(starts_on) over school_year - interval 1 day, make_date(starts_in::integer + 1, 7, 31)), ends_on)
                <= as_at as is_over
        from half_terms join as_at on half_terms.school_year = as_at.school_year
        window school_year as (partition by school_urn order by starts_on)
    )
    group by half_term
    having count(*) filter (is_over) = (
        select count(distinct school_urn)
        from half_terms join as_at on half_terms.school_year = as_at.school_year
    )
),

to_half_terms as (
    select
        school_urn,
        without_gaps.school_year,
        'to_half_term' as period_type,
        'to ' || period as period,
        make_date(left(without_gaps.school_year, 4)::integer, 8, 1) as starts_on,
        ends_on,
        last_day
    from without_gaps
    join (select max_by(half_term, last_over_on) as half_term from half_terms_over) as reached on period = half_term
    where period_type = 'half_term'
),

united as (
    from years
    union all by name
    from without_gaps
    union all by name
    from to_half_terms
    union all by name
    from years_to_date
    union all by name
    from last_five_weeks
),

up_to_date as (
    select
        united.school_urn,
        united.school_year,
        period_type,
        period,
        starts_on,
        -- the last days of July may be in a week that lies in August in another year, which is a school year later
        least(ends_on, as_at, make_date(left(united.school_year, 4)::integer + 1, 7, 31)) as ends_on,
        if(is_derived, ends_on, united.last_day) <= as_at as is_complete
    from united
    join school_years
        on united.school_urn = school_years.school_urn and united.school_year = school_years.school_year
    cross join as_at
    -- the first days of August may be in a week that lay in July in another year
    where starts_on <= as_at and starts_on <= ends_on
)

from up_to_date
