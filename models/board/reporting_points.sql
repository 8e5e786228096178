-- The points of time at which the board sees groups of pupils: this school year and the one before it up to the end of the
-- last half term, and the last full school years.
--
-- A closed list, half a term apart at least: figures of every week would give each week's by subtraction.
--
-- grain: school_year, period_type, period
-- check: period_type in ('to_half_term', 'year')

with

periods as (
    from staging.periods
),

as_at as (
    from staging.as_at
),

-- a point stands for every school, or for none
at_every_school as (
    select periods.school_year, period_type, period, max(ends_on) as ends_on
    from periods cross join as_at
    where
        (period_type = 'to_half_term' and left(periods.school_year, 4)::integer >= starts_in - 1)
        or (period_type = 'year' and left(periods.school_year, 4)::integer >= starts_in - 3)
    group by periods.school_year, period_type, period
    having bool_and(is_complete)
),

described as (
    select
        school_year,
        period_type,
        period,
        ends_on,
        if(
            period_type = 'year',
            'the school year ' || school_year,
            'the school year ' || school_year || ' up to the end of ' || substr(period, 4)
        ) as label,
        -- the newest is what a board looks at now
        row_number() over (order by ends_on desc, period_type) = 1 as is_current
    from at_every_school
)

from described
