-- The figures of groups of pupils that the board may see, rounded for publication: every gap and change is that of the
-- figures as shown, so that a reader can check it and learns no more from it.
--
-- Pupils, attendance and persistent absence are those of board.rounded_groups. `sessions_lost` is the gap as shown, times
-- the pupils as shown, times the sessions of the school's calendar.
--
-- grain: school_urn, school_year, period_type, period, breakdown, cohort
-- check: label is not null

with

cohort_gaps as (
    from marts.cohort_gaps
    where basis = 'as DfE publishes'
),

rounded_groups as (
    from board.rounded_groups
),

school_days as (
    from staging.school_days
),

periods as (
    from staging.periods
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
        school_urn,
        school_year,
        period_type,
        period,
        breakdown,
        cohort,
        round(max(others_value) filter (measure = 'percent_attendance'), 1) as others_percent_attendance,
        round(max(all_value) filter (measure = 'percent_attendance'), 1) as all_percent_attendance,
        bool_or(is_beyond_chance) filter (measure = 'percent_attendance') as is_beyond_chance,
        round(max(england_value) filter (measure = 'percent_attendance'), 1) as england_percent_attendance,
        round(max(england_value) filter (measure = 'percent_persistent')) as england_percent_persistent,
        max(status_basis) as status_basis
    from cohort_gaps
    group by school_urn, school_year, period_type, period, breakdown, cohort
),

shown as (
    select rounded_groups.*, of_each_group.* exclude (school_urn, school_year, period_type, period, breakdown, cohort)
    from rounded_groups
    join of_each_group
        on rounded_groups.school_urn is not distinct from of_each_group.school_urn
        and rounded_groups.school_year = of_each_group.school_year
        and rounded_groups.period_type = of_each_group.period_type
        and rounded_groups.period = of_each_group.period
        and rounded_groups.breakdown = of_each_group.breakdown
        and rounded_groups.cohort = of_each_group.cohort
),

-- adding 0 turns a rounded -0 into 0
compared as (
    select
        *,
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
        from shown
        window years as (
            partition by school_urn, period_type, if(period_type = 'year', null, period), breakdown, cohort
            order by school_year
        )
    )
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
            else printf('%.1f', abs(gap_points)) || ' points '
                || if(gap_points < 0, 'lower', 'higher')
        end as gap_text,
        is_beyond_chance and gap_points <> 0 as is_beyond_chance,
        change_points,
        gap_change_points,
        points_lost,
        if(gap_points < 0, 10 * round(pupils * -gap_points / 100 * 2 * days / 10), 0)::integer as sessions_lost,
        percent_step,
        percent_persistent,
        persistent_text,
        england_percent_attendance,
        england_percent_persistent,
        status_basis
    from compared
    join labels on compared.breakdown = labels.breakdown and compared.cohort = labels.cohort
    left join days_open
        on compared.school_urn is not distinct from days_open.school_urn
        and compared.school_year = days_open.school_year
        and compared.period_type = days_open.period_type
        and compared.period = days_open.period
)

from described
