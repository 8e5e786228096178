-- Which breakdown of pupils into groups the boards of each school and of the trust may see for each question, whenever
-- they look: the finest that tells of no small group, a coarser one, or none, with the reason.
--
-- This is the disclosure gate; its numbers are rules.disclosure, and rollbook.yaml may only raise them. A breakdown is
-- shown where it is sound (board.sound_breakdowns) and, for the trust, where nothing can be had from it by taking the
-- schools away (board.subtractable_breakdowns). If it is not, the next coarser breakdown of the question is tried, and else
-- nothing of it is shown: to hide the small group alone would leave it to be had by subtraction.
--
-- grain: school_urn, school_year, period_type, period, question
-- check: outcome in ('shown', 'merged', 'withheld', 'not recorded')
-- check: (shown_breakdown is null) = (outcome in ('withheld', 'not recorded'))

with

sound_breakdowns as (
    from board.sound_breakdowns
),

subtractable_breakdowns as (
    from board.subtractable_breakdowns
),

threshold as (
    from board.threshold
),

decided as (
    select
        sound_breakdowns.*,
        min(level) filter (is_sound and subtractable_breakdowns.breakdown is null) over (
            partition by
                school_urn, sound_breakdowns.school_year, sound_breakdowns.period_type, sound_breakdowns.period, question
        ) as shown_level
    from sound_breakdowns
    left join subtractable_breakdowns
        on school_urn is null
        and sound_breakdowns.school_year = subtractable_breakdowns.school_year
        and sound_breakdowns.period_type = subtractable_breakdowns.period_type
        and sound_breakdowns.period = subtractable_breakdowns.period
        and sound_breakdowns.breakdown = subtractable_breakdowns.breakdown
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
    from questions cross join threshold
)

from explained
