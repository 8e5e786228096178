-- Everyone on each school's roll on the as-at date: attendance this year, how it is going, and what is so of the pupil
-- now.
--
-- A pupil of whom no enrolment is known is on roll if they had a possible session this year. One whose enrolment says
-- nothing of leaving, but whom no extract and no possible session of this school year knows, is taken to have left.
-- Counts are of this school year at this school, everyone on roll; all are 0 and every rate null before the first
-- possible session, and so are the statuses: they are as of the as-at date, null where nothing is recorded.
-- `direction`: the last five school weeks beside the five before them, better or worse by more than the tolerance of
-- rules.champion_lists, else level; null with too few possible sessions in either. Both are of this school year.
--
-- grain: school_urn, pupil_key
-- check: sessions_attended + sessions_absent = sessions_possible
-- check: (percent_attendance is null) = (sessions_possible = 0)
-- check: direction is null or direction in ('better', 'worse', 'level')

with

as_at as (
    from staging.as_at
),

enrolments as (
    from staging.enrolments
),

pupil_years as (
    from staging.pupil_years
),

year_statuses as (
    from staging.year_statuses
),

periods as (
    from staging.periods
    where period_type = 'last_five_weeks'
),

school_weeks as (
    from staging.school_weeks
    where has_session
),

pupil_weeks as (
    from staging.pupil_weeks
),

pupil_attendance as (
    from marts.pupil_attendance
    where period_type in ('year', 'last_five_weeks') and basis = 'everyone on roll'
),

ethnic_groups as (
    select cohort, value
    from rules.cohorts
    where breakdown = 'ethnicity'
),

limits as (
    select
        max(value::integer) filter (rule = 'direction_tolerance') as tolerance,
        max(value::integer) filter (rule = 'direction_minimum_sessions') as minimum_sessions
    from rules.champion_lists
),

this_year as (
    select pupil_attendance.*
    from pupil_attendance join as_at on pupil_attendance.school_year = as_at.school_year
),

enrolled as (
    select
        school_urn,
        pupil_key,
        bool_or(as_at between entered_on and left_on) as is_enrolled,
        bool_or(known_on >= make_date(starts_in::integer, 8, 1)) as is_known_this_year
    from enrolments cross join as_at
    group by school_urn, pupil_key
),

on_roll as (
    select
        coalesce(counted.school_urn, enrolled.school_urn) as school_urn,
        coalesce(counted.pupil_key, enrolled.pupil_key) as pupil_key,
        coalesce(sessions_possible, 0) as sessions_possible,
        coalesce(sessions_attended, 0) as sessions_attended,
        coalesce(sessions_absent, 0) as sessions_absent,
        coalesce(sessions_unauthorised, 0) as sessions_unauthorised,
        coalesce(sessions_late_before_close + sessions_late_after_close, 0) as sessions_late,
        percent_attendance,
        is_persistent,
        is_severe,
        dfe_band
    from (select * from this_year where period_type = 'year') as counted
    full join enrolled
        on counted.school_urn = enrolled.school_urn and counted.pupil_key = enrolled.pupil_key
    where coalesce(is_enrolled, true) and (counted.pupil_key is not null or is_known_this_year)
),

last_five_weeks as (
    select school_urn, pupil_key, sessions_possible as last_possible, sessions_attended as last_attended
    from this_year
    where period_type = 'last_five_weeks'
),

weeks_before as (
    select school_urn, week_from
    from (
        select
            school_weeks.school_urn,
            week_from,
            row_number() over (partition by school_weeks.school_urn order by week_from desc) as weeks_ago
        from school_weeks
        join as_at on school_weeks.school_year = as_at.school_year
        join periods on school_weeks.school_urn = periods.school_urn and as_at.school_year = periods.school_year
        where week_from < starts_on
    ) as numbered
    where weeks_ago <= 5
),

five_weeks_before as (
    select
        pupil_weeks.school_urn,
        pupil_key,
        sum(sessions_possible)::bigint as before_possible,
        sum(sessions_attended)::bigint as before_attended
    from pupil_weeks
    join weeks_before
        on pupil_weeks.school_urn = weeks_before.school_urn and pupil_weeks.week_from = weeks_before.week_from
    group by pupil_weeks.school_urn, pupil_key
),

-- by how much the rate changed, in whole numbers: a change of exactly the tolerance is level
directed as (
    select
        last_five_weeks.school_urn,
        last_five_weeks.pupil_key,
        100.0 * last_attended / last_possible as percent_last_five_weeks,
        100.0 * before_attended / before_possible as percent_five_weeks_before,
        case
            when last_possible < minimum_sessions or before_possible < minimum_sessions then null
            when 100 * (last_attended * before_possible - before_attended * last_possible)
                > tolerance * last_possible * before_possible
            then 'better'
            when 100 * (before_attended * last_possible - last_attended * before_possible)
                > tolerance * last_possible * before_possible
            then 'worse'
            when before_possible is not null then 'level'
        end as direction
    from last_five_weeks
    cross join limits
    left join five_weeks_before
        on last_five_weeks.school_urn = five_weeks_before.school_urn
        and last_five_weeks.pupil_key = five_weeks_before.pupil_key
),

statuses as (
    select
        school_urn,
        pupil_key,
        bool_or(value = 'true') filter (status = 'fsm') as is_fsm,
        bool_or(value = 'true') filter (status = 'fsm_ever_6') as is_fsm_ever_6,
        max(value) filter (status = 'sen_provision') as sen_provision,
        -- as rules.cohorts has it: one of three says that there is one, and only "not in need" that there is none
        case
            when bool_or(value = 'true') filter (status in ('looked_after', 'child_protection', 'child_in_need'))
            then true
            when bool_or(value = 'false') filter (status = 'child_in_need') then false
        end as has_social_worker,
        bool_or(value = 'true') filter (status = 'looked_after') as is_looked_after,
        bool_or(value = 'true') filter (status = 'eal') as is_eal,
        max(value) filter (status = 'ethnicity') as ethnicity,
        bool_or(value = 'true') filter (status = 'young_carer') as is_young_carer,
        bool_or(value = 'true') filter (status = 'medical') as is_medical
    from year_statuses
    join as_at on year_statuses.school_year = as_at.school_year and as_at between from_on and to_on
    group by school_urn, pupil_key
),

grouped as (
    select ethnicity, cohort as ethnic_group
    from (select distinct ethnicity from statuses) as told
    join ethnic_groups on ethnicity like ethnic_groups.value
),

described as (
    select
        on_roll.school_urn,
        on_roll.pupil_key,
        as_at.school_year,
        pupil_years.year_group,
        pupil_years.registration_group,
        on_roll.sessions_possible,
        on_roll.sessions_attended,
        on_roll.sessions_absent,
        on_roll.sessions_unauthorised,
        on_roll.sessions_late,
        percent_attendance,
        on_roll.sessions_absent / 2.0::double as days_lost,
        is_persistent,
        is_severe,
        dfe_band,
        percent_last_five_weeks,
        percent_five_weeks_before,
        direction,
        statuses.is_fsm,
        statuses.is_fsm_ever_6,
        statuses.sen_provision,
        has_social_worker,
        statuses.is_looked_after,
        statuses.is_eal,
        ethnic_group,
        statuses.is_young_carer,
        statuses.is_medical
    from on_roll
    cross join as_at
    left join pupil_years
        on on_roll.school_urn = pupil_years.school_urn
        and on_roll.pupil_key = pupil_years.pupil_key
        and as_at.school_year = pupil_years.school_year
    left join directed on on_roll.school_urn = directed.school_urn and on_roll.pupil_key = directed.pupil_key
    left join statuses on on_roll.school_urn = statuses.school_urn and on_roll.pupil_key = statuses.pupil_key
    left join grouped on statuses.ethnicity = grouped.ethnicity
)

from described
