-- How often pupils of each school and of the trust came late, and how much school it cost.
--
-- Basis: everyone on roll. Late sessions are DfE's: L, late before the register closed (attended), and U, after it
-- closed (an unauthorised absence). What was lost is told in two parts that are not to be added up: U is half a day
-- each, as the register counts it; minutes of L are an estimate, since only some sessions state minutes and a day is
-- as long as rules.school_day says. Minutes that nobody stated are not guessed: where no late session of the kind
-- states any, minutes and estimate are null. Minutes of U are in `minutes_late` only. Rates are pooled. The trust's
-- rows have no school_urn.
--
-- grain: school_urn, school_year, period_type, period
-- check: sessions_late <= sessions_possible
-- check: sessions_with_minutes <= sessions_late
-- check: sessions_before_close_with_minutes <= sessions_late_before_close

with

day_counts as (
    from staging.day_counts
),

stretches as (
    from staging.stretches
),

period_stretches as (
    from staging.period_stretches
),

register_codes as (
    from rules.register_codes
),

lengths as (
    select max(cast(value as integer)) filter (where rule = 'minutes_of_a_day') as minutes_of_a_day
    from rules.school_day
),

by_stretch as (
    select
        day_counts.school_urn,
        stretch_from,
        is_late_before_close,
        is_late_after_close,
        sum(sessions) as sessions,
        sum(minutes_late) as minutes_late,
        sum(sessions_with_minutes) as sessions_with_minutes
    from day_counts
    join stretches
        on day_counts.school_urn = stretches.school_urn and day_counts.session_date = stretches.session_date
    join register_codes
        on day_counts.code = register_codes.code
        and day_counts.session_date between valid_from and coalesce(valid_to, date '9999-12-31')
    where is_on_roll and is_possible
    group by day_counts.school_urn, stretch_from, is_late_before_close, is_late_after_close
),

counted as (
    select
        by_stretch.school_urn,
        school_year,
        period_type,
        period,
        sum(sessions) as possible,
        coalesce(sum(sessions) filter (where is_late_before_close), 0) as before_close,
        coalesce(sum(sessions) filter (where is_late_after_close), 0) as after_close,
        coalesce(sum(minutes_late) filter (where is_late_before_close), 0) as minutes_before_close,
        coalesce(sum(minutes_late) filter (where is_late_after_close), 0) as minutes_after_close,
        coalesce(sum(sessions_with_minutes) filter (where is_late_before_close), 0) as before_close_with_minutes,
        coalesce(sum(sessions_with_minutes) filter (where is_late_after_close), 0) as after_close_with_minutes
    from by_stretch
    join period_stretches
        on by_stretch.school_urn = period_stretches.school_urn
        and by_stretch.stretch_from = period_stretches.stretch_from
    group by grouping sets (
        (by_stretch.school_urn, school_year, period_type, period),
        (school_year, period_type, period)
    )
),

totalled as (
    select
        *,
        before_close + after_close as late,
        before_close_with_minutes + after_close_with_minutes as with_minutes,
        minutes_before_close + minutes_after_close as minutes,
        case when before_close = 0 or before_close_with_minutes > 0 then minutes_before_close end as known_before_close
    from counted
),

rated as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        possible::bigint as sessions_possible,
        before_close::bigint as sessions_late_before_close,
        after_close::bigint as sessions_late_after_close,
        late::bigint as sessions_late,
        100.0 * late / possible as percent_late,
        case when late = 0 or with_minutes > 0 then minutes::bigint end as minutes_late,
        with_minutes::bigint as sessions_with_minutes,
        100.0 * with_minutes / nullif(late, 0) as percent_minutes_known,
        cast(after_close as double) / 2 as days_lost_after_close,
        known_before_close::bigint as minutes_late_before_close,
        before_close_with_minutes::bigint as sessions_before_close_with_minutes,
        1.0 * known_before_close / minutes_of_a_day as days_lost_before_close_estimated
    from totalled cross join lengths
)

from rated
