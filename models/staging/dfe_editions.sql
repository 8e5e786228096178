-- Which edition of DfE's year-to-date figures each loaded file is: when it was published and the day it counts to.
--
-- The files do not say. One whose figures for England are those of an edition that we ship is that edition; any other is
-- taken as published on the day it was loaded, and as counting to the Friday that an edition of that day counts to
-- (rules.benchmark_limits). Of two files of one day the later loaded stands.
--
-- grain: load_number, time_period
-- check: counted_to < published_on

with

dfe_figures as (
    from raw.dfe_figures
    where column_name = 'attendance_perc' and area_code = 'E92000001'
),

loads as (
    from raw.loads
),

published_editions as (
    from rules.published_editions
),

published_to_date as (
    from rules.published_to_date
    where area_code = 'E92000001'
),

days_to_publish as (
    select value::integer as days
    from rules.benchmark_limits
    where rule = 'days_to_publish'
),

loaded as (
    select
        load_number,
        time_period,
        left(time_period, 4) || '/' || right(time_period, 2) as school_year,
        max(value) filter (phase = 'Primary') as primary_attendance,
        max(value) filter (phase = 'Secondary') as secondary_attendance,
        max(value) filter (phase = 'Special') as special_attendance
    from dfe_figures
    group by load_number, time_period
),

recognised as (
    select loaded.load_number, loaded.time_period, max(published_editions.published_on) as published_on
    from loaded
    join published_editions on loaded.school_year = published_editions.school_year
    join published_to_date
        on published_editions.published_on = published_to_date.published_on
        and round(loaded.primary_attendance, 4) = published_to_date.primary_attendance::double
        and round(loaded.secondary_attendance, 4) = published_to_date.secondary_attendance::double
        and round(loaded.special_attendance, 4) = published_to_date.special_attendance::double
    group by loaded.load_number, loaded.time_period
),

on_the_day as (
    select
        loaded.load_number,
        loaded.time_period,
        loaded.school_year,
        loaded_at::date as loaded_on,
        (loaded_at::date - interval (days) day)::date as at_the_latest
    from loaded
    join loads on loaded.load_number = loads.load_number
    cross join days_to_publish
),

dated as (
    select
        on_the_day.load_number,
        on_the_day.time_period,
        on_the_day.school_year,
        coalesce(recognised.published_on, loaded_on) as published_on,
        coalesce(
            counted_to,
            least(
                (at_the_latest - interval ((isodow(at_the_latest) + 2) % 7) day)::date,
                make_date(left(on_the_day.school_year, 4)::integer + 1, 7, 31)
            )
        ) as counted_to,
        recognised.published_on is not null as is_shipped
    from on_the_day
    left join recognised
        on on_the_day.load_number = recognised.load_number and on_the_day.time_period = recognised.time_period
    left join published_editions on recognised.published_on = published_editions.published_on
)

from dated
