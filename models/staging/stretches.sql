-- Which stretch of days each day of a school belongs to: days of one stretch are in the same periods, with the same codes
-- in force, so that sessions are counted once by stretch and every period adds up stretches.
--
-- A stretch goes by its first day. Of this school year a stretch ends on each day that an edition of DfE's year to date
-- counts to, so that our sessions up to that day are stretches too (staging.edition_sessions).
--
-- grain: school_urn, session_date
-- check: stretch_from <= session_date

with

periods as (
    from staging.periods
),

register_codes as (
    from rules.register_codes
),

as_at as (
    from staging.as_at
),

editions as (
    select school_year, counted_to
    from rules.published_editions
    union
    select school_year, counted_to
    from staging.dfe_editions
),

cuts as (
    select school_urn, starts_on as cut_on
    from periods
    union
    select school_urn, (ends_on + interval 1 day)::date
    from periods
    union
    select school_urn, valid_from
    from (select distinct school_urn from periods) cross join (select distinct valid_from from register_codes)
    union
    select school_urn, (counted_to + interval 1 day)::date
    from (select distinct school_urn from periods)
    cross join (select counted_to from editions join as_at on editions.school_year = as_at.school_year)
),

days as (
    select
        school_urn,
        school_year,
        unnest(generate_series(starts_on, ends_on, interval 1 day))::date as session_date
    from periods
    where period_type = 'year'
),

cut as (
    select
        days.school_urn,
        session_date,
        school_year,
        max(cut_on) over (partition by days.school_urn, school_year order by session_date) as stretch_from
    from days left join cuts on days.school_urn = cuts.school_urn and session_date = cut_on
)

from cut
