-- For which reasons pupils of each school and of the trust were absent: sessions of each code of absence, and of all.
--
-- Basis: everyone on roll. A code counts as it did on the day: interviews are an absence as J1 since 19 August 2024
-- and were attended as J before, so J has no row. A code whose class changed within a period has a row for each class
-- (`is_authorised`), and one whose wording changed has the wording last in force. A code without a session has no row,
-- but "all" always has one. Rates are over the possible sessions of the same group. Breakdowns are "all" (no
-- group_name) and "year_group"; the trust's rows have no school_urn.
--
-- grain: school_urn, school_year, period_type, period, breakdown, group_name, code, is_authorised
-- check: sessions <= sessions_possible
-- check: breakdown in ('all', 'year_group')
-- check: code = 'all' or sessions > 0
-- check: (code = 'all') = (is_authorised is null)

with

stretch_counts as (
    from staging.stretch_counts
),

period_stretches as (
    from staging.period_stretches
),

pupil_years as (
    from staging.pupil_years
),

register_codes as (
    from rules.register_codes
),

school_years as (
    select school_urn, stretch_from, school_year
    from period_stretches
    where period_type = 'year'
),

by_stretch as (
    select
        stretch_counts.school_urn,
        stretch_counts.stretch_from,
        coalesce(year_group, 'unknown') as year_group,
        stretch_counts.code,
        sum(sessions) as sessions
    from stretch_counts
    join school_years
        on stretch_counts.school_urn = school_years.school_urn
        and stretch_counts.stretch_from = school_years.stretch_from
    left join pupil_years
        on stretch_counts.school_urn = pupil_years.school_urn
        and stretch_counts.pupil_key = pupil_years.pupil_key
        and school_years.school_year = pupil_years.school_year
    group by
        stretch_counts.school_urn, stretch_counts.stretch_from, coalesce(year_group, 'unknown'), stretch_counts.code
),

possible as (
    select
        school_urn,
        stretch_from,
        year_group,
        by_stretch.code,
        valid_from,
        meaning,
        is_authorised,
        is_authorised or is_unauthorised as is_absence,
        sessions
    from by_stretch
    join register_codes
        on by_stretch.code = register_codes.code
        and stretch_from between valid_from and coalesce(valid_to, date '9999-12-31')
    where is_possible
),

in_periods as (
    select possible.*, school_year, period_type, period
    from possible
    join period_stretches
        on possible.school_urn = period_stretches.school_urn and possible.stretch_from = period_stretches.stretch_from
),

totals as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        year_group,
        sum(sessions)::bigint as sessions_possible,
        coalesce(sum(sessions) filter (where is_absence), 0)::bigint as sessions_absent
    from in_periods
    group by grouping sets (
        (school_urn, school_year, period_type, period, year_group),
        (school_urn, school_year, period_type, period),
        (school_year, period_type, period, year_group),
        (school_year, period_type, period)
    )
),

by_code as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        year_group,
        code,
        is_authorised,
        max_by(meaning, valid_from) as meaning,
        sum(sessions)::bigint as sessions
    from in_periods
    where is_absence
    group by grouping sets (
        (school_urn, school_year, period_type, period, year_group, code, is_authorised),
        (school_urn, school_year, period_type, period, code, is_authorised),
        (school_year, period_type, period, year_group, code, is_authorised),
        (school_year, period_type, period, code, is_authorised)
    )
),

with_all as (
    select school_urn, school_year, period_type, period, year_group, code, is_authorised, meaning, sessions
    from by_code
    union all
    select school_urn, school_year, period_type, period, year_group, 'all', null, 'All absence', sessions_absent
    from totals
),

rated as (
    select
        with_all.school_urn,
        with_all.school_year,
        with_all.period_type,
        with_all.period,
        case when with_all.year_group is null then 'all' else 'year_group' end as breakdown,
        with_all.year_group as group_name,
        code,
        meaning,
        is_authorised,
        sessions,
        sessions_possible,
        1000.0 * sessions / sessions_possible as per_1000_possible,
        100.0 * sessions / nullif(sessions_absent, 0) as percent_of_absence
    from with_all
    join totals
        on with_all.school_urn is not distinct from totals.school_urn
        and with_all.school_year = totals.school_year
        and with_all.period_type = totals.period_type
        and with_all.period = totals.period
        and with_all.year_group is not distinct from totals.year_group
)

from rated
