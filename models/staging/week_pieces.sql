-- Which sessions of each week belong to which stretch of days, as bits of `staging.week_marks`. Most weeks are one piece.
--
-- grain: school_urn, week_from, stretch_from
-- check: sessions between 1 and 16383

with

stretches as (
    from staging.stretches
),

pieces as (
    select
        school_urn,
        date_trunc('week', session_date)::date as week_from,
        stretch_from,
        sum(3 << (2 * (isodow(session_date) - 1)))::integer as sessions
    from stretches
    group by school_urn, date_trunc('week', session_date)::date, stretch_from
)

from pieces
