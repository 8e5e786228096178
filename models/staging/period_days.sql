-- The days of each period, so that a session finds its periods by its date.
--
-- grain: session_date, school_year, period_type, period

with

periods as (
    from staging.periods
),

days as (
    select
        unnest(generate_series(starts_on, ends_on, interval 1 day))::date as session_date,
        school_year,
        period_type,
        period
    from periods
)

from days
