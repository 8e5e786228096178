-- What a board pack says of itself: whose it is, the day it counts up to, and what became of the rows that were read.
--
-- Sessions without a mark are those of the current year in which a pupil on roll has the mark "-". DfE's newest figures up to
-- the as-at date are told with their age, in days; they are old from the age that rules.benchmark_limits says.
--
-- grain: trust_name

with

project as (
    from raw.project
),

as_at as (
    from staging.as_at
),

loads as (
    from raw.loads
),

day_counts as (
    from staging.day_counts
),

editions as (
    select counted_to, max(published_on) as published_on
    from staging.benchmarks
    where series = 'daily, year to date' and area_type = 'country'
    group by counted_to
),

days_fresh as (
    select value::integer as days
    from rules.benchmark_limits
    where rule = 'days_fresh'
),

possible_codes as (
    select distinct code
    from rules.register_codes
    where is_possible
),

read as (
    select
        coalesce(sum(rows_read), 0)::bigint as rows_read,
        coalesce(sum(rows_accepted), 0)::bigint as rows_accepted,
        coalesce(sum(rows_quarantined), 0)::bigint as rows_quarantined,
        coalesce(sum(rows_duplicate), 0)::bigint as rows_duplicate
    from loads
),

this_year as (
    select
        max(session_date) filter (code in (from possible_codes)) as newest_session,
        coalesce(sum(sessions) filter (code = '-'), 0)::bigint as sessions_without_mark
    from day_counts cross join as_at
    where is_on_roll and session_date between make_date(starts_in::integer, 8, 1) and as_at
),

newest_edition as (
    select
        max(counted_to) as benchmarks_counted_to,
        max_by(published_on, counted_to) as benchmarks_published_on
    from editions cross join as_at
    where counted_to <= as_at
),

described as (
    select
        project.trust_name,
        as_at.as_at,
        as_at.school_year,
        'to week ' || week as period_label,
        week as as_at_week,
        newest_session,
        read.*,
        sessions_without_mark,
        benchmarks_counted_to,
        benchmarks_published_on,
        date_diff('day', benchmarks_counted_to, as_at.as_at) as benchmarks_days_old,
        date_diff('day', benchmarks_counted_to, as_at.as_at) > days as are_benchmarks_old
    from project cross join as_at cross join read cross join this_year cross join newest_edition cross join days_fresh
)

from described
