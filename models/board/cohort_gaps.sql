-- The figures of groups of pupils that the board may see, rounded for publication: every gap and change is that of the
-- figures as shown, so that a reader can check it and learns no more from it.
--
-- Pupils are to the nearest 5, attendance to 0.1, persistent absence to the nearest `percent_step` per cent of pupils, which
-- is 1, or 5 or 10 in groups in which one pupil is more than that. It is shown only where in every group of the breakdown
-- some pupils are persistently absent and some are not (rules.disclosure). Severe absence of groups is not for a board: so
-- few pupils are severely absent that they could be counted. `sessions_lost` is the gap as shown, times the pupils as
-- shown, times the sessions of the school's calendar.
--
-- grain: school_urn, school_year, period_type, period, breakdown, cohort
-- check: pupils % 5 = 0
-- check: percent_persistent is null or percent_persistent % percent_step = 0

with

cohort_gaps as (
    from marts.cohort_gaps
    where basis = 'as DfE publishes'
),

shown_breakdowns as (
    from board.shown_breakdowns
),

reporting_points as (
    from board.reporting_points
),

school_days as (
    from staging.school_days
),

periods as (
    from staging.periods
),

limits as (
    select
        max(minimum_pupils) filter (rule = 'percentages of pupils to the nearest 1') as to_the_nearest_1_from,
        max(minimum_pupils) filter (rule = 'percentages of pupils to the nearest 5') as to_the_nearest_5_from,
        max(minimum_pupils) filter (rule = 'the persistently absent of a group') as minimum_persistent
    from rules.disclosure
),

labels as (
    select breakdown, cohort, max(position::integer) as position, max(label) as label, bool_or(is_watched) as is_watched
    from rules.cohorts
    group by breakdown, cohort
    union all
    select breakdown, otherwise, 99, otherwise_label, otherwise = 'unclassified'
    from rules.cohort_breakdowns
),

-- each school's, and for the trust those of a school on average
days_open as (
    select school_urn, school_year, period_type, period, avg(days) as days
    from (
        select periods.school_urn, periods.school_year, period_type, period, count(*) as days
        from periods
        join school_days on periods.school_urn = school_days.school_urn and session_date between starts_on and ends_on
        group by periods.school_urn, periods.school_year, period_type, period
    )
    group by school_year, period_type, period, grouping sets ((school_urn), ())
),

of_each_group as (
    select
        cohort_gaps.school_urn,
        cohort_gaps.school_year,
        cohort_gaps.period_type,
        cohort_gaps.period,
        question,
        cohort_gaps.breakdown,
        cohort_gaps.cohort,
        max(cohort_gaps.pupils) as pupils,
        max(value) filter (measure = 'percent_attendance') as percent_attendance,
        max(others_value) filter (measure = 'percent_attendance') as others_percent_attendance,
        max(all_value) filter (measure = 'percent_attendance') as all_percent_attendance,
        bool_or(is_beyond_chance) filter (measure = 'percent_attendance') as is_beyond_chance,
        max(value) filter (measure = 'percent_persistent') as percent_persistent,
        max(england_value) filter (measure = 'percent_attendance') as england_percent_attendance,
        max(england_value) filter (measure = 'percent_persistent') as england_percent_persistent,
        max(status_basis) as status_basis
    from cohort_gaps
    join shown_breakdowns
        on cohort_gaps.school_urn is not distinct from shown_breakdowns.school_urn
        and cohort_gaps.school_year = shown_breakdowns.school_year
        and cohort_gaps.period_type = shown_breakdowns.period_type
        and cohort_gaps.period = shown_breakdowns.period
        and cohort_gaps.breakdown = shown_breakdowns.shown_breakdown
    group by
        cohort_gaps.school_urn, cohort_gaps.school_year, cohort_gaps.period_type, cohort_gaps.period, question,
        cohort_gaps.breakdown, cohort_gaps.cohort
),

-- pupils to the nearest 5 may be 2 fewer
counted as (
    select
        * replace ((5 * round(pupils / 5.0))::integer as pupils),
        case
            when 5 * round(pupils / 5.0) - 2 >= to_the_nearest_1_from then 1
            when 5 * round(pupils / 5.0) - 2 >= to_the_nearest_5_from then 5
            else 10
        end as percent_step,
        bool_and(
            round(pupils * percent_persistent / 100) >= minimum_persistent
            and pupils - round(pupils * percent_persistent / 100) >= minimum_persistent
        ) over (partition by school_urn, school_year, period_type, period, breakdown) as can_show_persistent
    from of_each_group cross join limits
),

rounded as (
    select
        * exclude (percent_attendance, others_percent_attendance, all_percent_attendance, percent_persistent,
            england_percent_attendance, england_percent_persistent),
        round(percent_attendance, 1) as percent_attendance,
        round(others_percent_attendance, 1) as others_percent_attendance,
        round(all_percent_attendance, 1) as all_percent_attendance,
        if(can_show_persistent, percent_step * round(percent_persistent / percent_step), null) as percent_persistent,
        round(england_percent_attendance, 1) as england_percent_attendance,
        round(england_percent_persistent) as england_percent_persistent
    from counted
),

-- adding 0 turns a rounded -0 into 0
compared as (
    select
        rounded.*,
        round(percent_attendance - others_percent_attendance, 1) + 0 as gap_points,
        round(others_percent_attendance - all_percent_attendance, 1) + 0 as points_lost,
        if(is_year_after, round(percent_attendance - attendance_before, 1) + 0, null) as change_points,
        if(
            is_year_after,
            round(percent_attendance - others_percent_attendance - attendance_before + others_before, 1) + 0,
            null
        ) as gap_change_points
    from (
        select
            *,
            lag(percent_attendance) over years as attendance_before,
            lag(others_percent_attendance) over years as others_before,
            coalesce(
                lag(school_year) over years = (left(school_year, 4)::integer - 1) || '/' || substr(school_year, 3, 2),
                false
            ) as is_year_after
        from rounded
        window years as (
            partition by school_urn, period_type, if(period_type = 'year', null, period), breakdown, cohort
            order by school_year
        )
    ) as rounded
),

described as (
    select
        compared.school_urn,
        compared.school_year,
        compared.period_type,
        compared.period,
        is_current,
        question,
        compared.breakdown,
        compared.cohort,
        position,
        labels.label,
        is_watched,
        pupils,
        percent_attendance,
        others_percent_attendance,
        all_percent_attendance,
        gap_points,
        case
            when gap_points = 0 then 'the same'
            else format('{:.1f}', abs(gap_points)) || ' points '
                || if(gap_points < 0, 'lower', 'higher')
        end as gap_text,
        is_beyond_chance and gap_points <> 0 as is_beyond_chance,
        change_points,
        gap_change_points,
        points_lost,
        if(gap_points < 0, 10 * round(pupils * -gap_points / 100 * 2 * days / 10), 0)::integer as sessions_lost,
        percent_step,
        percent_persistent,
        case
            when percent_persistent is null then 'not shown'
            else if(percent_step = 1, '', 'about ') || percent_persistent::integer || '%'
        end as persistent_text,
        england_percent_attendance,
        england_percent_persistent,
        status_basis
    from compared
    join labels on compared.breakdown = labels.breakdown and compared.cohort = labels.cohort
    join reporting_points
        on compared.school_year = reporting_points.school_year
        and compared.period_type = reporting_points.period_type
        and compared.period = reporting_points.period
    left join days_open
        on compared.school_urn is not distinct from days_open.school_urn
        and compared.school_year = days_open.school_year
        and compared.period_type = days_open.period_type
        and compared.period = days_open.period
)

from described
