-- What the board may see of each question about groups of pupils, and where it is less than there is, why.
--
-- grain: school_urn, school_year, period_type, period, question

with

shown_breakdowns as (
    from board.shown_breakdowns
),

questions as (
    select breakdown as question, title, position::integer as position
    from rules.cohort_breakdowns
    where level::integer = 1
    union all
    select distinct question, 'Free school meals, SEND and social worker together', 100
    from rules.cohort_intersections
),

titles as (
    select breakdown, title as shown_title
    from rules.cohort_breakdowns
),

reporting_points as (
    from board.reporting_points
),

described as (
    select
        school_urn,
        shown_breakdowns.school_year,
        shown_breakdowns.period_type,
        shown_breakdowns.period,
        reporting_points.label as point_label,
        is_current,
        shown_breakdowns.question,
        title,
        position,
        shown_breakdown,
        outcome,
        reason,
        minimum_pupils,
        coalesce(shown_title, title) as shown_title
    from shown_breakdowns
    join questions on shown_breakdowns.question = questions.question
    left join titles on shown_breakdown = titles.breakdown
    join reporting_points
        on shown_breakdowns.school_year = reporting_points.school_year
        and shown_breakdowns.period_type = reporting_points.period_type
        and shown_breakdowns.period = reporting_points.period
)

from described
