-- Which plan each pupil was put on, and how the pupil's attendance changed beside that of similar pupils without one.
--
-- Of the lists of a school and plan that were read the newest one stands, whole. One row a pupil, plan and start; it
-- leaves the building for nobody but the school's own attendance champion.
-- Attendance before and after is of the five school weeks (staging.school_weeks) before the week of the start and the
-- five after it, pooled sessions, everyone on roll; the week of the start is in neither. Of a plan that started in a
-- holiday the weeks beside the holiday are taken. Where fewer weeks have been since, `weeks_after` says how many and
-- the row is_early; of fewer than two nothing is measured.
-- Who attends least is chosen for a plan, and after a bad spell most pupils attend more by themselves. So each pupil
-- stands beside similar pupils: of the same school and year group (those of unknown year group beside each other), on
-- roll from the first of these weeks to the last with possible sessions before and after, with no plan that started
-- within them, and with attendance before that was no more than two percentage points apart. Of these the five nearest
-- count, and of two as near as each other the one whose key comes first.
-- `effect_points` is the pupil's change less the mean of theirs, in percentage points; of one pupil it is
-- mostly chance (see marts.intervention_effects). `why_not_measured` says why there is none; null where there is one.
-- The five, the two and the other numbers are in rules.interventions.
--
-- grain: school_urn, pupil_key, plan, started_on
-- check: (effect_points is null) = (why_not_measured is not null)
-- check: (percent_before is null) = (percent_after is null)
-- check: sessions_attended_before is null or sessions_attended_before between 0 and sessions_possible_before
-- check: sessions_attended_after is null or sessions_attended_after between 0 and sessions_possible_after
-- check: (similar_change_points is null) = (similar_pupils = 0)

with

as_at as (
    select as_at
    from staging.as_at
),

school_weeks as (
    from staging.school_weeks
),

pupil_weeks as (
    from staging.pupil_weeks
),

enrolments as (
    from staging.enrolments
),

pupil_years as (
    from staging.pupil_years
),

limits as (
    select
        max(value) filter (where rule = 'weeks_before')::integer as most_before,
        max(value) filter (where rule = 'weeks_after')::integer as most_after,
        max(value) filter (where rule = 'weeks_least')::integer as weeks_least,
        max(value) filter (where rule = 'points_apart')::double as points_apart,
        max(value) filter (where rule = 'most_similar')::integer as most_similar
    from rules.interventions
),

-- a school that left the trust is in no figure
stated as (
    from raw.interventions
    where school_urn in (select school_urn from raw.schools)
),

-- a pupil who was listed under a former UPN too is one pupil
standing as (
    select
        school_urn,
        pupil_key,
        min(plan) over (partition by school_urn, lower(plan)) as plan,
        started_on,
        review_on,
        outcome
    from stated
    qualify load_number = max(load_number) over (partition by school_urn, lower(plan))
        and row_number() over (
            partition by school_urn, pupil_key, lower(plan), started_on
            order by load_number desc, row_number desc
        ) = 1
),

newest_weeks as (
    select school_urn, max(school_week) as newest_week
    from school_weeks
    group by school_urn
),

placed as (
    select
        standing.*,
        date_trunc('week', started_on)::date as start_week,
        school_weeks.school_year,
        school_week,
        if(has_session, school_week - 1, school_week) as last_before,
        started_on <= as_at as has_begun,
        newest_week - school_week as weeks_since
    from standing
    cross join as_at
    left join school_weeks
        on standing.school_urn = school_weeks.school_urn
        and date_trunc('week', started_on)::date = school_weeks.week_from
    left join newest_weeks on standing.school_urn = newest_weeks.school_urn
),

-- a week before the first that the registers have, or after the last, has no number: there is no before or after
counted as (
    select
        placed.*,
        case when last_before is not null then least(last_before, most_before) end as weeks_before,
        case when weeks_since is not null then least(weeks_since, most_after) end as weeks_after,
        coalesce(last_before >= weeks_least, false) as has_before,
        coalesce(weeks_since >= weeks_least, false) as has_after,
        coalesce(weeks_since < most_after, true) as is_early
    from placed cross join limits
),

windows as (
    select distinct school_urn, start_week, school_year, school_week, last_before, weeks_before, weeks_after
    from counted
    where has_begun and has_before and has_after
),

weeks_of_windows as (
    select
        windows.school_urn,
        start_week,
        windows.school_year,
        week_from,
        week_from < start_week as is_before
    from windows join school_weeks on windows.school_urn = school_weeks.school_urn
    where has_session
        and week_from <> start_week
        and school_weeks.school_week > last_before - weeks_before
        and school_weeks.school_week <= windows.school_week + weeks_after
),

edges as (
    select school_urn, start_week, min(week_from) as first_week, max(week_from) as last_week
    from weeks_of_windows
    group by school_urn, start_week
),

attended as (
    select
        weeks_of_windows.school_urn,
        start_week,
        weeks_of_windows.school_year,
        pupil_key,
        coalesce(sum(sessions_possible) filter (is_before), 0)::bigint as possible_before,
        coalesce(sum(sessions_attended) filter (is_before), 0)::bigint as attended_before,
        coalesce(sum(sessions_possible) filter (not is_before), 0)::bigint as possible_after,
        coalesce(sum(sessions_attended) filter (not is_before), 0)::bigint as attended_after
    from pupil_weeks
    join weeks_of_windows
        on pupil_weeks.school_urn = weeks_of_windows.school_urn and pupil_weeks.week_from = weeks_of_windows.week_from
    group by weeks_of_windows.school_urn, start_week, weeks_of_windows.school_year, pupil_key
),

-- a pupil of whom no enrolment is known is on roll, as everywhere
throughout as (
    select attended.*
    from attended
    join edges on attended.school_urn = edges.school_urn and attended.start_week = edges.start_week
    left join enrolments
        on attended.school_urn = enrolments.school_urn and attended.pupil_key = enrolments.pupil_key
    where possible_before > 0
        and possible_after > 0
        and (entered_on is null or (entered_on <= first_week + interval 6 day and left_on >= last_week))
),

measured as (
    select throughout.*, coalesce(year_group, 'not known') as year_group
    from throughout
    left join pupil_years
        on throughout.school_urn = pupil_years.school_urn
        and throughout.pupil_key = pupil_years.pupil_key
        and throughout.school_year = pupil_years.school_year
),

started_within as (
    select standing.school_urn, start_week, pupil_key, count(*) as starts
    from standing join edges on standing.school_urn = edges.school_urn
    where started_on between first_week and last_week + interval 6 day
    group by standing.school_urn, start_week, pupil_key
),

without_plan as (
    select measured.*
    from measured
    left join started_within
        on measured.school_urn = started_within.school_urn
        and measured.start_week = started_within.start_week
        and measured.pupil_key = started_within.pupil_key
    where started_within.pupil_key is null
),

on_plan as (
    select
        counted.school_urn,
        counted.pupil_key,
        plan,
        started_on,
        counted.start_week,
        measured.year_group,
        possible_before,
        attended_before,
        possible_after,
        attended_after,
        100.0::double * attended_before / possible_before as percent_before,
        100.0::double * attended_after / possible_after as percent_after,
        starts > 1 as is_alongside_another
    from counted
    join measured
        on counted.school_urn = measured.school_urn
        and counted.start_week = measured.start_week
        and counted.pupil_key = measured.pupil_key
    join started_within
        on counted.school_urn = started_within.school_urn
        and counted.start_week = started_within.start_week
        and counted.pupil_key = started_within.pupil_key
),

-- compared in whole sessions, so that who is exactly as far away as may be is not lost to rounding
alike as (
    select
        on_plan.school_urn,
        on_plan.pupil_key,
        plan,
        started_on,
        without_plan.pupil_key as similar_key,
        abs(
            without_plan.attended_before * on_plan.possible_before
            - on_plan.attended_before * without_plan.possible_before
        ) / without_plan.possible_before::double as apart,
        100.0::double * without_plan.attended_after / without_plan.possible_after
            - 100.0::double * without_plan.attended_before / without_plan.possible_before as change_points
    from on_plan
    join without_plan
        on on_plan.school_urn = without_plan.school_urn
        and on_plan.start_week = without_plan.start_week
        and on_plan.year_group = without_plan.year_group
    cross join limits
    where 100 * abs(
        without_plan.attended_before * on_plan.possible_before
        - on_plan.attended_before * without_plan.possible_before
    ) <= points_apart * without_plan.possible_before * on_plan.possible_before
),

in_order as (
    select
        *,
        row_number() over (
            partition by school_urn, pupil_key, plan, started_on order by apart, similar_key
        ) as place
    from alike
),

beside as (
    select
        school_urn,
        pupil_key,
        plan,
        started_on,
        count(*) as similar_pupils,
        avg(change_points order by place) as similar_change_points
    from in_order cross join limits
    where place <= most_similar
    group by school_urn, pupil_key, plan, started_on
),

joined as (
    select
        counted.*,
        pupil_years.year_group as year_group_of_start,
        possible_before,
        attended_before,
        possible_after,
        attended_after,
        percent_before,
        percent_after,
        is_alongside_another,
        similar_pupils,
        similar_change_points
    from counted
    left join pupil_years
        on counted.school_urn = pupil_years.school_urn
        and counted.pupil_key = pupil_years.pupil_key
        and counted.school_year = pupil_years.school_year
    left join on_plan
        on counted.school_urn = on_plan.school_urn
        and counted.pupil_key = on_plan.pupil_key
        and counted.plan = on_plan.plan
        and counted.started_on = on_plan.started_on
    left join beside
        on counted.school_urn = beside.school_urn
        and counted.pupil_key = beside.pupil_key
        and counted.plan = beside.plan
        and counted.started_on = beside.started_on
),

told as (
    select
        school_urn,
        pupil_key,
        plan,
        started_on,
        review_on,
        outcome,
        coalesce(review_on <= as_at and outcome is null, false) as is_review_due,
        school_year,
        year_group_of_start as year_group,
        if(has_begun, weeks_since, null) as weeks_since,
        weeks_before,
        if(has_begun, weeks_after, null) as weeks_after,
        possible_before as sessions_possible_before,
        attended_before as sessions_attended_before,
        possible_after as sessions_possible_after,
        attended_after as sessions_attended_after,
        percent_before,
        percent_after,
        percent_after - percent_before as change_points,
        percent_before is not null and is_early as is_early,
        coalesce(is_alongside_another, false) as is_alongside_another,
        coalesce(similar_pupils, 0) as similar_pupils,
        similar_change_points,
        percent_after - percent_before - similar_change_points as effect_points,
        case
            when not has_begun then 'not begun'
            when not has_before then 'too few school weeks before'
            when not has_after then 'too few school weeks since'
            when percent_before is null then 'not at the school in all of these weeks'
            when similar_pupils is null then 'no similar pupil'
        end as why_not_measured
    from joined cross join as_at
)

from told
