-- Whether a breakdown, as its question's only one and at that place alone, tells of no small group: at each school and in
-- the trust, at each reporting point, and if not, why not.
--
-- Every group with a pupil or a session in it, and all pupils outside it, are as many as board.threshold says, and its
-- sessions are not those of a few who have just joined it. Beside a question that it holds (board.nested_groups) what lies
-- between the two is as many, too, and beside any other no group of it could be counted (board.contained_groups); the inner
-- question is taken at its finest breakdown that could be shown.
--
-- grain: school_urn, school_year, period_type, period, breakdown
-- check: not is_sound or (has_enough_pupils and has_enough_sessions)

with

reporting_points as (
    from board.reporting_points
),

threshold as (
    from board.threshold
),

nested_groups as (
    from board.nested_groups
),

contained_groups as (
    from board.contained_groups
),

breakdowns as (
    select breakdown, question, level::integer as level, otherwise
    from rules.cohort_breakdowns
    union all
    -- of a crossing nothing is recorded where nothing is of any of its parts
    select
        cohort_intersections.breakdown,
        cohort_intersections.question,
        cohort_intersections.level::integer,
        string_agg(otherwise, ' / ' order by cohort_intersections.position::integer)
    from rules.cohort_intersections
    join rules.cohort_breakdowns on of_breakdown = cohort_breakdowns.breakdown
    group by cohort_intersections.breakdown, cohort_intersections.question, cohort_intersections.level
),

with_all as (
    select
        cohort_counts.*,
        sum(pupils) over everybody as all_pupils,
        sum(sessions_possible) over everybody as all_sessions_possible
    from staging.cohort_counts
    join reporting_points
        on cohort_counts.school_year = reporting_points.school_year
        and cohort_counts.period_type = reporting_points.period_type
        and cohort_counts.period = reporting_points.period
    where basis = 'as DfE publishes' and (pupils > 0 or sessions_possible > 0)
    window everybody as (
        partition by
            school_urn, cohort_counts.school_year, cohort_counts.period_type, cohort_counts.period, breakdown
    )
),

judged as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        with_all.breakdown,
        question,
        level,
        bool_and(
            pupils >= minimum_pupils and (all_pupils = pupils or all_pupils - pupils >= minimum_pupils)
        ) as has_enough_pupils,
        bool_and(sessions_possible * all_pupils >= minimum_in_sessions * all_sessions_possible) as has_enough_sessions,
        count(*) = 1 and coalesce(bool_and(cohort = otherwise), false) as is_not_recorded
    from with_all
    join breakdowns on with_all.breakdown = breakdowns.breakdown
    cross join threshold
    group by school_urn, school_year, period_type, period, with_all.breakdown, question, level
),

judged_alone as (
    select
        *,
        has_enough_pupils and has_enough_sessions and not is_not_recorded as can_be_shown,
        min(level) filter (has_enough_pupils and has_enough_sessions and not is_not_recorded) over (
            partition by school_urn, school_year, period_type, period, question
        ) as finest_level
    from judged
),

told_by_nests as (
    select distinct
        nested_groups.school_urn,
        nested_groups.school_year,
        nested_groups.period_type,
        nested_groups.period,
        outer_breakdown as breakdown
    from nested_groups
    join judged_alone as inner_judged
        on nested_groups.school_urn is not distinct from inner_judged.school_urn
        and nested_groups.school_year = inner_judged.school_year
        and nested_groups.period_type = inner_judged.period_type
        and nested_groups.period = inner_judged.period
        and inner_breakdown = inner_judged.breakdown
    cross join threshold
    where inner_judged.level = finest_level and pupils < minimum_pupils
    union
    select
        contained_groups.school_urn,
        contained_groups.school_year,
        contained_groups.period_type,
        contained_groups.period,
        contained_groups.breakdown
    from contained_groups
    join breakdowns on contained_groups.breakdown = breakdowns.breakdown
    join judged_alone as inner_judged
        on contained_groups.school_urn is not distinct from inner_judged.school_urn
        and contained_groups.school_year = inner_judged.school_year
        and contained_groups.period_type = inner_judged.period_type
        and contained_groups.period = inner_judged.period
        and inner_breakdown = inner_judged.breakdown
    where inner_judged.level = finest_level and breakdowns.question <> inner_judged.question
),

judged_beside_others as (
    select
        judged_alone.* exclude (can_be_shown, finest_level),
        coalesce(level = finest_level, false) as is_finest_alone,
        told_by_nests.breakdown is not null as is_told_by_nests,
        can_be_shown and told_by_nests.breakdown is null as is_sound
    from judged_alone
    left join told_by_nests
        on judged_alone.school_urn is not distinct from told_by_nests.school_urn
        and judged_alone.school_year = told_by_nests.school_year
        and judged_alone.period_type = told_by_nests.period_type
        and judged_alone.period = told_by_nests.period
        and judged_alone.breakdown = told_by_nests.breakdown
)

from judged_beside_others
