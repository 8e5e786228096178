-- Which step of a track of support each pupil came to, when, when it was to be reviewed and what the review found.
--
-- A pupil comes to the first step at the first check that finds attendance of the year to date in its range. After the
-- review period, so many school weeks or up to the end of the next half term, attendance within the period decides. If it
-- improved as the policy states, the track ends, and starts again at the first later check that finds the pupil in its
-- range. If not, the next step follows, where its range holds the year to date or it states none, otherwise the same step
-- again; after the last step there is only that one. Tracks start afresh each school year. Edges are compared in whole
-- numbers, where at least an edge is more than one less.
--
-- grain: rule_number, pupil_number, school_year, entered_week
-- check: outcome is null or outcome in ('improved', 'not improved')
-- check: (reviewed_on is null) = (outcome is null)

with recursive

steps as (
    from staging.policy_rules
    where shape = 'stage'
),

half_term_ends as (
    select distinct half_terms.school_urn, school_week as end_week
    from staging.half_terms as half_terms
    join staging.as_at as as_at on ends_on <= as_at.as_at
    join staging.school_weeks as school_weeks
        on half_terms.school_urn = school_weeks.school_urn and date_trunc('week', ends_on)::date = week_from
),

half_terms_to_come as (
    select school_weeks.school_urn, school_week, min(end_week) as next_half_term_end
    from staging.school_weeks as school_weeks
    join half_term_ends on school_weeks.school_urn = half_term_ends.school_urn and end_week > school_week
    where has_session
    group by school_weeks.school_urn, school_week
),

-- a check that finds the pupil in the range of the first step
entries as (
    select steps.ladder_number, pupil_number, school_year, school_week
    from staging.ladder_pupils as ladder_pupils
    join steps on ladder_pupils.ladder_number = steps.ladder_number and step = 1
    where 10000 * (possible_to_date - absent_to_date) + if(is_low_closed, 1, 0) > low * possible_to_date
        and 10000 * (possible_to_date - absent_to_date) - if(is_high_closed, 1, 0) < high * possible_to_date
),

-- a number for each pupil, track and school year, as every turn of the recursion goes by it
cases as (
    select
        row_number() over (order by ladder_number, school_year, pupil_number) as case_number,
        ladder_number,
        pupil_number,
        school_year,
        min(school_week) as first_entry_week
    from entries
    group by ladder_number, pupil_number, school_year
),

-- each entry and the one before it: the first after a review is the one whose entry before is not
entries_in_order as materialized (
    select
        case_number,
        school_week,
        coalesce(lag(school_week) over (partition by case_number order by school_week), 0) as entry_before
    from cases
    join entries
        on cases.ladder_number = entries.ladder_number
        and cases.pupil_number = entries.pupil_number
        and cases.school_year = entries.school_year
),

-- a review looks at all weeks, whether or not the policy would have looked then
weeks as materialized (
    select
        case_number,
        cases.ladder_number,
        pupil_weeks.school_week,
        pupil_weeks.last_day,
        pupil_weeks.possible_to_date,
        pupil_weeks.absent_to_date,
        coalesce(pupil_weeks.week_before, 0) as week_before,
        next_half_term_end
    from cases
    join staging.pupil_weeks as pupil_weeks
        on cases.pupil_number = pupil_weeks.pupil_number and cases.school_year = pupil_weeks.school_year
    left join half_terms_to_come
        on pupil_weeks.school_urn = half_terms_to_come.school_urn
        and pupil_weeks.school_week = half_terms_to_come.school_week
    where pupil_weeks.last_day is not null
),

-- who entered which step when, and what the review of the step before found
support as (
    select
        case_number,
        1 as step,
        first_entry_week as entered_week,
        cast(null as integer) as came_from_week,
        cast(null as integer) as reviewed_week,
        cast(null as boolean) as is_improved
    from cases

    union all

    select
        case_number,
        if(is_improved, 1, coalesce(next_step, step)),
        if(is_improved, next_entry_week, review_week),
        entered_week,
        review_week,
        is_improved
    from (
        select
            support.case_number,
            support.step,
            support.entered_week,
            review.school_week as review_week,
            later.school_week as next_entry_week,
            following.step as next_step,
            case
                when steps.is_rise_enough
                    then
                        (
                            review.possible_to_date - entry.possible_to_date
                            - (review.absent_to_date - entry.absent_to_date)
                        ) * entry.possible_to_date
                        > (review.possible_to_date - entry.possible_to_date)
                        * (entry.possible_to_date - entry.absent_to_date)
                else
                    10000 * (
                        review.possible_to_date - entry.possible_to_date
                        - (review.absent_to_date - entry.absent_to_date)
                    ) + if(steps.is_improved_low_closed, 1, 0)
                    > steps.improved_low * (review.possible_to_date - entry.possible_to_date)
            end as is_improved
        from support
        join weeks as entry on support.case_number = entry.case_number and support.entered_week = entry.school_week
        join steps on entry.ladder_number = steps.ladder_number and support.step = steps.step
        join weeks as review
            on support.case_number = review.case_number
            and coalesce(support.entered_week + review_weeks, entry.next_half_term_end) <= review.school_week
            and coalesce(support.entered_week + review_weeks, entry.next_half_term_end) > review.week_before
        left join entries_in_order as later
            on support.case_number = later.case_number
            and review.school_week < later.school_week
            and review.school_week >= later.entry_before
        left join steps as following
            on entry.ladder_number = following.ladder_number
            and support.step + 1 = following.step
            and 10000 * (review.possible_to_date - review.absent_to_date) + if(following.is_low_closed, 1, 0)
                > following.low * review.possible_to_date
            and 10000 * (review.possible_to_date - review.absent_to_date) - if(following.is_high_closed, 1, 0)
                < following.high * review.possible_to_date
        where support.entered_week is not null
    )
),

reviewed as (
    select
        entered.case_number,
        entered.step,
        entered.entered_week,
        review.reviewed_week,
        review.is_improved
    from support as entered
    left join support as review
        on entered.case_number = review.case_number and entered.entered_week = review.came_from_week
    where entered.entered_week is not null
),

spells as (
    select
        steps.rule_number,
        pupil_number,
        cases.school_year,
        entered_week,
        entry.last_day as met_on,
        review.last_day as reviewed_on,
        case when is_improved then 'improved' when not is_improved then 'not improved' end as outcome,
        entered_week + review_weeks as review_week,
        entry.absent_to_date as sessions
    from reviewed
    join cases on reviewed.case_number = cases.case_number
    join steps on cases.ladder_number = steps.ladder_number and reviewed.step = steps.step
    join weeks as entry on reviewed.case_number = entry.case_number and entered_week = entry.school_week
    left join weeks as review on reviewed.case_number = review.case_number and reviewed_week = review.school_week
)

from spells
