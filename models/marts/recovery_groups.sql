-- How many pupils on roll of each school and of the trust can still avoid persistent absence this year, and how many
-- cannot.
--
-- Basis: everyone on roll on the as-at date (see marts.recovery); enrolments, so that a pupil on roll at two schools
-- counts at both. At risk are those who are not persistently absent now, but would be by missing the next sessions in
-- a row: at most as many as rules.recovery says, and as remain. Where rollbook.yaml has no calendar of the year
-- nobody knows what remains: such pupils are in `pupils` and `pupils_persistent_now` only, and told apart as
-- `pupils_without_calendar`. Breakdowns are "all" (no group_name) and "year_group". The trust's rows have no
-- school_urn.
--
-- grain: school_urn, school_year, breakdown, group_name
-- check: pupils_can_still_avoid + pupils_certain <= pupils_persistent_now
-- check: pupils_can_still_avoid + pupils_certain = pupils_persistent_now or pupils_without_calendar > 0
-- check: pupils_persistent_now + pupils_at_risk <= pupils
-- check: breakdown in ('all', 'year_group')

with

recovery as (
    from marts.recovery
),

limits as (
    select max(cast(value as integer)) filter (where rule = 'at_risk_sessions') as at_risk_sessions
    from rules.recovery
),

judged as (
    select
        school_urn,
        school_year,
        coalesce(year_group, 'unknown') as year_group,
        is_persistent_now,
        can_still_avoid,
        is_certain,
        not is_persistent_now and sessions_to_miss_in_a_row <= at_risk_sessions as is_at_risk,
        sessions_remaining
    from recovery cross join limits
),

counted as (
    select
        school_urn,
        school_year,
        year_group as group_name,
        count(*) as pupils,
        count(*) filter (where is_persistent_now) as pupils_persistent_now,
        count(*) filter (where can_still_avoid) as pupils_can_still_avoid,
        count(*) filter (where is_certain) as pupils_certain,
        count(*) filter (where is_at_risk) as pupils_at_risk,
        count(*) filter (where sessions_remaining is null) as pupils_without_calendar
    from judged
    group by grouping sets (
        (school_urn, school_year, year_group),
        (school_urn, school_year),
        (school_year, year_group),
        (school_year)
    )
),

named as (
    select
        school_urn,
        school_year,
        case when group_name is null then 'all' else 'year_group' end as breakdown,
        group_name,
        pupils,
        pupils_persistent_now,
        pupils_can_still_avoid,
        pupils_certain,
        pupils_at_risk,
        pupils_without_calendar
    from counted
)

from named
