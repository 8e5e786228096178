-- Which group each pupil on roll is in now, question by question: from a group on a board page to its pupils.
--
-- Groups and their names are those of rules.cohorts, as of the as-at date and made just as for the board; the
-- questions are those of rules.champion_questions. Looked-after children are told apart here besides. "not recorded":
-- no source tells (board pages say unclassified), or the pupil has had no possible session this year yet. Every pupil
-- has one answer to every question.
--
-- grain: school_urn, pupil_key, question
-- check: answer is not null

with

as_at as (
    from staging.as_at
),

pupils as (
    from champion.pupils
),

pupil_profiles as (
    from staging.pupil_profiles
),

profile_cohorts as (
    from staging.profile_cohorts
),

questions as (
    select cohort_breakdowns.breakdown, title, cast(position as integer) as question_position, otherwise
    from rules.cohort_breakdowns as cohort_breakdowns
    join rules.champion_questions as champion_questions
        on cohort_breakdowns.breakdown = champion_questions.breakdown
),

cohorts as (
    select distinct breakdown, cohort, cast(position as integer) as answer_position
    from rules.cohorts
),

answers as (
    select profile, profile_cohorts.breakdown, profile_cohorts.cohort, answer_position
    from profile_cohorts
    join questions on profile_cohorts.breakdown = questions.breakdown
    join cohorts on profile_cohorts.breakdown = cohorts.breakdown and profile_cohorts.cohort = cohorts.cohort
    where profile_cohorts.cohort <> otherwise
),

answered as (
    select pupil_profiles.school_urn, pupil_profiles.pupil_key, breakdown, cohort, answer_position
    from pupil_profiles
    join as_at on pupil_profiles.school_year = as_at.school_year and as_at between from_on and to_on
    join answers on pupil_profiles.profile = answers.profile
),

told as (
    select
        pupils.school_urn,
        pupils.pupil_key,
        pupils.school_year,
        title as question,
        coalesce(cohort, 'not recorded') as answer,
        question_position,
        coalesce(answer_position, 99) as answer_position
    from pupils
    cross join questions
    left join answered
        on pupils.school_urn = answered.school_urn
        and pupils.pupil_key = answered.pupil_key
        and questions.breakdown = answered.breakdown
    union all
    select
        school_urn,
        pupil_key,
        school_year,
        'Looked-after children' as question,
        case
            when is_looked_after then 'looked after'
            when not is_looked_after then 'not looked after'
            else 'not recorded'
        end,
        2,
        case when is_looked_after then 1 when not is_looked_after then 2 else 99 end
    from pupils
)

from told
