-- Which breakdown of pupils into groups the boards of each school and of the trust may see for each question, whenever
-- they look: the finest that tells of no small group, a coarser one, or none, with the reason.
--
-- This is the disclosure gate; its numbers are rules.disclosure, and rollbook.yaml may only raise them. A school shows a
-- breakdown only where every group with a pupil or a session in it, and all pupils outside it, are as many as the
-- threshold, and the group's sessions are not those of a few. If one is not, the next coarser breakdown of the question is
-- tried, and else nothing of it is shown: to hide the small group alone would leave it to be had by subtraction. Of two
-- questions of which one holds the other (rules.cohort_nests) the outer one is shown only where the groups of the one less
-- those of the other are as many, too.
-- The trust is held to the same, and to one thing more: of the schools that do not show the same breakdown there is none,
-- or there are two or more that together have nobody or as many as the threshold in every group, so that no school's group
-- is the trust's less the other schools'.
--
-- grain: school_urn, school_year, period_type, period, question
-- check: outcome in ('shown', 'merged', 'withheld', 'not recorded')
-- check: (shown_breakdown is null) = (outcome in ('withheld', 'not recorded'))

with

cohort_counts as (
    select cohort_counts.*
    from staging.cohort_counts
    join board.reporting_points
        on cohort_counts.school_year = reporting_points.school_year
        and cohort_counts.period_type = reporting_points.period_type
        and cohort_counts.period = reporting_points.period
    where basis = 'as DfE publishes' and (pupils > 0 or sessions_possible > 0)
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

limits as (
    select
        greatest(
            max(minimum_pupils) filter (rule = 'a group on the board site'),
            coalesce((select max(minimum_pupils) from raw.project), 0)
        ) as minimum_pupils,
        max(minimum_pupils) filter (rule = 'the sessions of a group') as minimum_in_sessions
    from rules.disclosure
),

with_all as (
    select
        *,
        sum(pupils) over everybody as all_pupils,
        sum(sessions_possible) over everybody as all_sessions_possible
    from cohort_counts
    window everybody as (partition by school_urn, school_year, period_type, period, breakdown)
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
    cross join limits
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

nested as (
    select outer_breakdowns.breakdown as outer_breakdown, inner_breakdowns.breakdown as inner_breakdown
    from rules.cohort_nests
    join breakdowns as outer_breakdowns on outer_question = outer_breakdowns.question
    join breakdowns as inner_breakdowns on inner_question = inner_breakdowns.question
),

nested_groups as (
    select
        school_urn,
        profile_pupils.school_year,
        profile_pupils.period_type,
        profile_pupils.period,
        outer_breakdown,
        inner_breakdown,
        outer_cohorts.cohort as outer_cohort,
        inner_cohorts.cohort as inner_cohort,
        sum(pupils) as pupils
    from staging.profile_pupils
    join board.reporting_points
        on profile_pupils.school_year = reporting_points.school_year
        and profile_pupils.period_type = reporting_points.period_type
        and profile_pupils.period = reporting_points.period
    cross join nested
    join staging.profile_cohorts as outer_cohorts
        on profile_pupils.profile = outer_cohorts.profile and outer_breakdown = outer_cohorts.breakdown
    join staging.profile_cohorts as inner_cohorts
        on profile_pupils.profile = inner_cohorts.profile and inner_breakdown = inner_cohorts.breakdown
    where basis = 'as DfE publishes'
    group by
        profile_pupils.school_year, profile_pupils.period_type, profile_pupils.period, outer_breakdown,
        inner_breakdown, outer_cohorts.cohort, inner_cohorts.cohort, grouping sets ((school_urn), ())
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
    cross join limits
    where inner_judged.level = inner_judged.finest_level and nested_groups.pupils < minimum_pupils
),

judged_whole as (
    select
        judged_alone.*,
        told_by_nests.breakdown is not null as is_told_by_nests,
        can_be_shown and told_by_nests.breakdown is null as is_sound
    from judged_alone
    left join told_by_nests
        on judged_alone.school_urn is not distinct from told_by_nests.school_urn
        and judged_alone.school_year = told_by_nests.school_year
        and judged_alone.period_type = told_by_nests.period_type
        and judged_alone.period = told_by_nests.period
        and judged_alone.breakdown = told_by_nests.breakdown
),

-- a breakdown tells another where each of its groups lies in one group of the other: a finer one of the same question, a
-- crossing its parts, and whatever else comes out so among the trust's pupils
pairs as (
    select
        finer.breakdown,
        coarser.breakdown as implied_breakdown,
        finer.cohort,
        count(distinct coarser.cohort) as cohorts
    from staging.profile_cohorts as finer
    join staging.profile_cohorts as coarser on finer.profile = coarser.profile
    group by finer.breakdown, coarser.breakdown, finer.cohort
),

implied as (
    select breakdown, implied_breakdown
    from pairs
    group by breakdown, implied_breakdown
    having max(cohorts) = 1
),

of_schools as (
    select
        *,
        min(level) filter (is_sound) over (
            partition by school_urn, school_year, period_type, period, question
        ) as shown_level
    from judged_whole
    where school_urn is not null
),

told_by_schools as (
    select distinct
        shown.school_urn,
        shown.school_year,
        shown.period_type,
        shown.period,
        implied_breakdown as breakdown
    from of_schools as shown
    join implied on shown.breakdown = implied.breakdown
    where shown.level = shown_level
),

-- schools that do not tell a breakdown, not even by another one
hiding as (
    select of_schools.school_urn, of_schools.school_year, of_schools.period_type, of_schools.period, of_schools.breakdown
    from of_schools
    left join told_by_schools
        on of_schools.school_urn = told_by_schools.school_urn
        and of_schools.school_year = told_by_schools.school_year
        and of_schools.period_type = told_by_schools.period_type
        and of_schools.period = told_by_schools.period
        and of_schools.breakdown = told_by_schools.breakdown
    where told_by_schools.breakdown is null and not is_not_recorded
),

-- what the trust's figures less those of the schools that show them would tell of the others together
hidden as (
    select
        cohort_counts.school_year,
        cohort_counts.period_type,
        cohort_counts.period,
        cohort_counts.breakdown,
        cohort,
        sum(pupils) as pupils
    from cohort_counts
    join hiding
        on cohort_counts.school_urn = hiding.school_urn
        and cohort_counts.school_year = hiding.school_year
        and cohort_counts.period_type = hiding.period_type
        and cohort_counts.period = hiding.period
        and cohort_counts.breakdown = hiding.breakdown
    group by
        cohort_counts.school_year, cohort_counts.period_type, cohort_counts.period, cohort_counts.breakdown, cohort
),

hidden_schools as (
    select school_year, period_type, period, breakdown, count(*) as schools
    from hiding
    group by school_year, period_type, period, breakdown
),

told_by_subtraction as (
    select
        hidden.school_year,
        hidden.period_type,
        hidden.period,
        hidden.breakdown,
        max(hidden_schools.schools) = 1 or bool_or(pupils < minimum_pupils) as is_told
    from hidden
    join hidden_schools
        on hidden.school_year = hidden_schools.school_year
        and hidden.period_type = hidden_schools.period_type
        and hidden.period = hidden_schools.period
        and hidden.breakdown = hidden_schools.breakdown
    cross join limits
    group by hidden.school_year, hidden.period_type, hidden.period, hidden.breakdown
),

-- the same of what lies between two nested questions, where schools hide the outer one
told_between as (
    select distinct school_year, period_type, period, breakdown
    from (
        select
            nested_groups.school_year,
            nested_groups.period_type,
            nested_groups.period,
            outer_breakdown as breakdown,
            sum(pupils) as pupils
        from nested_groups
        join hiding
            on nested_groups.school_urn = hiding.school_urn
            and nested_groups.school_year = hiding.school_year
            and nested_groups.period_type = hiding.period_type
            and nested_groups.period = hiding.period
            and outer_breakdown = hiding.breakdown
        join judged_alone as inner_judged
            on inner_judged.school_urn is null
            and nested_groups.school_year = inner_judged.school_year
            and nested_groups.period_type = inner_judged.period_type
            and nested_groups.period = inner_judged.period
            and inner_breakdown = inner_judged.breakdown
        where inner_judged.level = inner_judged.finest_level
        group by
            nested_groups.school_year, nested_groups.period_type, nested_groups.period, outer_breakdown,
            inner_breakdown, outer_cohort, inner_cohort
    )
    cross join limits
    where pupils < minimum_pupils
),

told as (
    select school_year, period_type, period, breakdown
    from told_by_subtraction
    where is_told
    union
    from told_between
),

told_by_implication as (
    select distinct school_year, period_type, period, implied.breakdown
    from told
    join implied on told.breakdown = implied.implied_breakdown
),

of_trust as (
    select
        judged_whole.*,
        min(level) filter (is_sound and told_by_implication.breakdown is null) over (
            partition by judged_whole.school_year, judged_whole.period_type, judged_whole.period, question
        ) as shown_level
    from judged_whole
    left join told_by_implication
        on judged_whole.school_year = told_by_implication.school_year
        and judged_whole.period_type = told_by_implication.period_type
        and judged_whole.period = told_by_implication.period
        and judged_whole.breakdown = told_by_implication.breakdown
    where school_urn is null
),

decided as (
    from of_schools
    union all
    from of_trust
),

questions as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        question,
        max(breakdown) filter (level = shown_level) as shown_breakdown,
        max(shown_level) as shown_level,
        bool_and(is_not_recorded) as is_not_recorded,
        bool_or(level = 1 and not has_enough_pupils) as has_small_group,
        bool_or(level = 1 and not has_enough_sessions) as has_few_sessions,
        bool_or(level = 1 and is_told_by_nests) as is_told_by_nests
    from decided
    group by school_urn, school_year, period_type, period, question
),

explained as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        question,
        shown_breakdown,
        case
            when is_not_recorded then 'not recorded'
            when shown_level = 1 then 'shown'
            when shown_level > 1 then 'merged'
            else 'withheld'
        end as outcome,
        case
            when is_not_recorded then 'not recorded for any pupil'
            when shown_level = 1 then null
            when has_small_group and shown_level > 1
            then 'groups are put together: one of them has fewer than ' || minimum_pupils || ' pupils'
            when has_small_group then 'not shown: a group has fewer than ' || minimum_pupils || ' pupils'
            when has_few_sessions and shown_level > 1
            then 'groups are put together: the sessions of one of them are those of a few pupils'
            when has_few_sessions then 'not shown: the sessions of a group are those of a few pupils'
            when is_told_by_nests and shown_level > 1
            then 'groups are put together: beside another question they would tell of fewer than ' || minimum_pupils
                || ' pupils'
            when is_told_by_nests
            then 'not shown: beside another question it would tell of fewer than ' || minimum_pupils || ' pupils'
            when shown_level > 1 then 'groups are put together: a small group at one school could be worked out'
            else 'not shown: a small group at one school could be worked out'
        end as reason,
        minimum_pupils
    from questions cross join limits
)

from explained
