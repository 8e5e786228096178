-- How far each cohort's attendance, persistent and severe absence lie from those of the other pupils, from those of all, and
-- from the same cohort's in England and the local authority, at each school and in the trust.
--
-- Sessions are by what was so of the pupil on the day; pupils by what was so at the period's end. `status_basis` says
-- whether sources date the statuses ("as at the session") or extracts tell them only as at their own day. Gaps are in
-- percentage points, the cohort less the others, with a 95% interval (rules.chance, methods as in marts.three_year_trends);
-- `gap_in_words` is of attendance and absence alike. England's value is of the same phase, kind of period and school year,
-- for the trust weighted by its own pupils in each phase; null where DfE publishes none for one of them.
--
-- If the cohort had attended as the others did, `sessions_lost` more sessions would have been attended and the attendance
-- of all would be `points_lost` higher, which is `percent_of_shortfall` of what all lack to England's figure.
--
-- Breakdowns that only put groups together for a board (`is_merge` in rules.cohort_breakdowns) are here where a board may
-- see them: on DfE's basis, for full years and up to the end of a half term.
--
-- grain: school_urn, school_year, period_type, period, basis, breakdown, cohort, measure
-- check: gap_low is null or gap_points between gap_low and gap_high
-- check: (is_beyond_chance is null) = (gap_low is null)

with

cohort_counts as (
    select
        cohort_counts.*,
        left(school_year, 4)::integer as starts_in,
        -- a full year has another name each year, other periods of the same name are compared
        if(period_type = 'year', null, period) as period_of_any_year
    from staging.cohort_counts
    join rules.cohort_breakdowns on cohort_counts.breakdown = cohort_breakdowns.breakdown
    where not is_merge or (basis = 'as DfE publishes' and period_type in ('year', 'to_half_term'))
),

schools as (
    from raw.schools
),

chance as (
    select measure, method, z_value::double as z
    from rules.chance
),

complete_years as (
    select school_urn, school_year
    from staging.periods
    where period_type = 'year' and is_complete
),

dated_statuses as (
    select school_urn, school_year, status, bool_and(is_dated) as all_dated, bool_or(is_dated) as any_dated
    from staging.year_statuses
    group by school_urn, school_year, status
),

status_bases as (
    select
        school_urn,
        school_year,
        breakdown,
        case
            when bool_and(all_dated) then 'as at the session'
            when bool_or(any_dated) then 'partly as at extract'
            else 'as at extract'
        end as status_basis
    from dated_statuses
    join (select distinct breakdown, status from rules.cohorts) as used on dated_statuses.status = used.status
    group by school_year, breakdown, grouping sets ((school_urn), ())
),

-- every breakdown adds up to the same
everybody as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        basis,
        sum(pupils) as all_pupils,
        sum(sessions_possible) as all_sessions_possible,
        sum(sessions_attended) as all_sessions_attended,
        sum(pupils_persistent) as all_persistent,
        sum(pupils_severe) as all_severe,
        sum(possible) as all_possible,
        sum(absent) as all_absent,
        sum(possible_squared) as all_possible_squared,
        sum(absent_squared) as all_absent_squared,
        sum(possible_absent) as all_possible_absent
    from cohort_counts
    where breakdown = (select min(breakdown) from cohort_counts)
    group by school_urn, school_year, period_type, period, basis
),

england_of_all as (
    select school_urn, school_year, period_type, period, value as england_attendance
    from staging.weighted_benchmarks
    where area_type = 'country' and measure = 'percent_attendance'
),

-- the others are all less the cohort
beside_others as (
    select
        cohort_counts.*,
        everybody.* exclude (school_urn, school_year, period_type, period, basis),
        all_pupils - pupils as others,
        all_sessions_possible - sessions_possible as others_sessions_possible,
        all_sessions_attended - sessions_attended as others_sessions_attended,
        all_possible - possible as others_possible,
        all_absent - absent as others_absent,
        england_attendance
    from cohort_counts
    join everybody
        on cohort_counts.school_urn is not distinct from everybody.school_urn
        and cohort_counts.school_year = everybody.school_year
        and cohort_counts.period_type = everybody.period_type
        and cohort_counts.period = everybody.period
        and cohort_counts.basis = everybody.basis
    left join england_of_all
        on cohort_counts.school_urn is not distinct from england_of_all.school_urn
        and cohort_counts.school_year = england_of_all.school_year
        and cohort_counts.period_type = england_of_all.period_type
        and cohort_counts.period = england_of_all.period
),

-- variance between pupils of the two rates of sessions
varied as (
    select
        *,
        case
            when pupils > 1
            then pupils / (pupils - 1.0) / possible / possible * greatest(
                absent_squared
                - 2 * (absent / possible) * possible_absent
                + (absent / possible) * (absent / possible) * possible_squared,
                0
            )
        end as variance,
        case
            when others > 1
            then others / (others - 1.0) / others_possible / others_possible * greatest(
                all_absent_squared - absent_squared
                - 2 * (others_absent / others_possible) * (all_possible_absent - possible_absent)
                + (others_absent / others_possible) * (others_absent / others_possible)
                    * (all_possible_squared - possible_squared),
                0
            )
        end as others_variance
    from beside_others
),

measured as (
    select
        school_urn,
        school_year,
        starts_in,
        period_type,
        period,
        period_of_any_year,
        basis,
        breakdown,
        cohort,
        measure,
        method,
        z,
        pupils,
        others,
        case measure
            when 'percent_attendance' then sessions_attended
            when 'percent_persistent' then pupils_persistent
            when 'percent_severe' then pupils_severe
        end as counted,
        if(measure = 'percent_attendance', sessions_possible, pupils) as counted_of,
        case measure
            when 'percent_attendance' then all_sessions_attended
            when 'percent_persistent' then all_persistent
            when 'percent_severe' then all_severe
        end as all_counted,
        if(measure = 'percent_attendance', all_sessions_possible, all_pupils) as all_counted_of,
        variance + others_variance as variances,
        england_attendance
    from varied cross join chance
    where if(measure = 'percent_attendance', sessions_possible, pupils) > 0
),

rated as (
    select
        *,
        100.0 * counted / counted_of as value,
        100.0 * (all_counted - counted) / nullif(all_counted_of - counted_of, 0) as others_value,
        100.0 * all_counted / all_counted_of as all_value,
        1.0 * counted / counted_of as share,
        1.0 * (all_counted - counted) / nullif(all_counted_of - counted_of, 0) as others_share
    from measured
),

-- Wilson's intervals of the two proportions of pupils give the difference's (Newcombe)
scored as (
    select
        *,
        value - others_value as gap_points,
        (2 * counted + z * z - z * sqrt(z * z + 4 * counted * (1 - share))) / (2 * (pupils + z * z)) as share_low,
        (2 * counted + z * z + z * sqrt(z * z + 4 * counted * (1 - share))) / (2 * (pupils + z * z)) as share_high,
        (2 * (all_counted - counted) + z * z - z * sqrt(z * z + 4 * (all_counted - counted) * (1 - others_share)))
            / (2 * (others + z * z)) as others_low,
        (2 * (all_counted - counted) + z * z + z * sqrt(z * z + 4 * (all_counted - counted) * (1 - others_share)))
            / (2 * (others + z * z)) as others_high
    from rated
),

bounded as (
    select
        *,
        gap_points - 100 * case method
            when 'ratio over pupils' then z * sqrt(variances)
            else sqrt(power(share - share_low, 2) + power(others_high - others_share, 2))
        end as gap_low,
        gap_points + 100 * case method
            when 'ratio over pupils' then z * sqrt(variances)
            else sqrt(power(share_high - share, 2) + power(others_share - others_low, 2))
        end as gap_high
    from scored
),

rated_before as (
    select
        school_urn,
        starts_in,
        period_type,
        period_of_any_year,
        basis,
        breakdown,
        cohort,
        measure,
        value,
        value - others_value as gap_points
    from rated
),

published as (
    select
        if(area_type = 'country', 'England', 'local authority') as area_kind,
        area_code,
        phase,
        school_year,
        breakdown,
        cohort,
        measure,
        series,
        value as published_value
    from staging.benchmarks
    where breakdown is not null and period_type = 'year'
),

wanted as (
    select distinct area_kind, school_year, breakdown, cohort, measure, series
    from published
    where published_value is not null
),

-- a comparator that lacks one of the schools' phases would compare unlike with unlike
weighted as (
    select
        measured.school_urn,
        measured.school_year,
        period_type,
        measured.period,
        basis,
        measured.breakdown,
        measured.cohort,
        measured.measure,
        wanted.area_kind,
        wanted.series,
        if(
            count(published_value) = count(*),
            sum(counted_of * published_value) / nullif(sum(counted_of), 0),
            null
        ) as published_value
    from measured
    join schools on measured.school_urn = schools.school_urn
    join wanted
        on measured.school_year = wanted.school_year
        and measured.breakdown = wanted.breakdown
        and measured.cohort = wanted.cohort
        and measured.measure = wanted.measure
    left join complete_years
        on measured.school_urn = complete_years.school_urn and measured.school_year = complete_years.school_year
    left join published
        on wanted.area_kind = published.area_kind
        and complete_years.school_year = published.school_year
        and wanted.series = published.series
        and (wanted.area_kind = 'England' or schools.la_code = published.area_code)
        and schools.phase = published.phase
        and measured.breakdown = published.breakdown
        and measured.cohort = published.cohort
        and measured.measure = published.measure
    where period_type = 'year'
    group by
        measured.school_year, period_type, measured.period, basis, measured.breakdown, measured.cohort, measured.measure,
        wanted.area_kind, wanted.series, grouping sets ((measured.school_urn), ())
),

comparators as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        basis,
        breakdown,
        cohort,
        measure,
        max(published_value) filter (area_kind = 'England') as england_value,
        max(series) filter (area_kind = 'England' and published_value is not null) as england_series,
        max(published_value) filter (area_kind = 'local authority') as local_authority_value
    from weighted
    group by school_urn, school_year, period_type, period, basis, breakdown, cohort, measure
),

explained as (
    select
        gaps.school_urn,
        gaps.school_year,
        gaps.period_type,
        gaps.period,
        gaps.basis,
        gaps.breakdown,
        gaps.cohort,
        gaps.measure,
        gaps.pupils,
        gaps.value,
        gaps.others_value,
        gaps.all_value,
        gaps.gap_points,
        gaps.gap_low,
        gaps.gap_high,
        gaps.gap_low > 0 or gaps.gap_high < 0 as is_beyond_chance,
        case
            when gaps.gap_points is null then null
            when round(gaps.gap_points, 1) = 0 then 'the same'
            else printf('%.1f', abs(round(gaps.gap_points, 1))) || if(gaps.gap_points < 0, ' points lower', ' points higher')
        end as gap_in_words,
        gaps.value - before.value as change_points,
        gaps.gap_points - before.gap_points as gap_change_points,
        england_value,
        gaps.value - england_value as england_gap_points,
        if(england_value is null, null, england_series) as england_series,
        local_authority_value,
        gaps.value - local_authority_value as local_authority_gap_points,
        if(gaps.measure = 'percent_attendance', gaps.counted_of, null)::bigint as sessions_possible,
        if(
            gaps.measure = 'percent_attendance', gaps.counted_of * (gaps.others_value - gaps.value) / 100, null
        ) as sessions_lost,
        if(gaps.measure = 'percent_attendance', gaps.others_value - gaps.all_value, null) as points_lost,
        if(
            gaps.measure = 'percent_attendance',
            100.0 * (gaps.counted_of - gaps.counted) / nullif(gaps.all_counted_of - gaps.all_counted, 0),
            null
        ) as percent_of_absence,
        if(
            gaps.measure = 'percent_attendance' and gaps.england_attendance > gaps.all_value,
            100.0 * (gaps.others_value - gaps.all_value) / (gaps.england_attendance - gaps.all_value),
            null
        ) as percent_of_shortfall,
        coalesce(status_basis, 'not recorded') as status_basis
    from bounded as gaps
    left join rated_before as before
        on gaps.school_urn is not distinct from before.school_urn
        and gaps.starts_in = before.starts_in + 1
        and gaps.period_type = before.period_type
        and gaps.period_of_any_year is not distinct from before.period_of_any_year
        and gaps.basis = before.basis
        and gaps.breakdown = before.breakdown
        and gaps.cohort = before.cohort
        and gaps.measure = before.measure
    left join comparators
        on gaps.school_urn is not distinct from comparators.school_urn
        and gaps.school_year = comparators.school_year
        and gaps.period_type = comparators.period_type
        and gaps.period = comparators.period
        and gaps.basis = comparators.basis
        and gaps.breakdown = comparators.breakdown
        and gaps.cohort = comparators.cohort
        and gaps.measure = comparators.measure
    left join status_bases
        on gaps.school_urn is not distinct from status_bases.school_urn
        and gaps.school_year = status_bases.school_year
        and gaps.breakdown = status_bases.breakdown
)

from explained
