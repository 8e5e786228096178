-- Today's list: which rules each pupil on roll meets at the as-at date, with the reason in words, what the policy asks and who
-- leads. National duties stand with the school's own rules.
--
-- A stage that a trigger led to stands until the school year ends, also when its window has let go since: a plan that was
-- agreed goes on. Of a rule that a pupil meets several times at once the latest stands, and of rules that follow each other (3, 5, 10 days
-- in a row, phases, steps) the furthest. is_new: met within the last five school days.
-- weeks_to_review: school weeks until a step of support is to be reviewed, 0 or fewer when it is due.
--
-- grain: school_urn, pupil_key, rule
-- check: reason is not null

with

policy_triggers as (
    select policy_triggers.*
    from marts.policy_triggers as policy_triggers
    cross join staging.as_at as as_at
    where is_active or (kind = 'trigger' and stage is not null and policy_triggers.school_year = as_at.school_year)
),

policy_rules as (
    from staging.policy_rules
    where edition = 'current'
),

pupils as (
    from champion.pupils
),

school_days as (
    select school_urn, session_date, days_after
    from staging.school_days
),

present_weeks as (
    select school_urn, max(school_week) as present_week
    from staging.school_weeks
    group by school_urn
),

reviews as (
    select policy_rules.school_urn, rule, pupil_key, max(review_week) as review_week
    from staging.stage_spells as stage_spells
    join policy_rules on stage_spells.rule_number = policy_rules.rule_number
    join staging.pupil_numbers as pupil_numbers on stage_spells.pupil_number = pupil_numbers.pupil_number
    where outcome is null
    group by policy_rules.school_urn, rule, pupil_key
),

latest as (
    select
        school_urn,
        pupil_key,
        rule,
        max(met_on) as met_on,
        max_by(first_on, met_on) as first_on,
        max_by(sessions, met_on) as sessions
    from policy_triggers
    group by school_urn, pupil_key, rule
),

listed as (
    select
        latest.*,
        policy_rules.* exclude (school_urn, rule),
        pupils.year_group,
        pupils.registration_group,
        pupils.percent_attendance,
        pupils.sessions_absent,
        review_week - present_week as weeks_to_review,
        coalesce(days_after < 5, false) as is_new,
        row_number() over (
            partition by latest.school_urn, latest.pupil_key, pathway
            order by threshold * (shape = 'consecutive days')::integer desc, position desc
        ) as steps_from_furthest
    from latest
    join policy_rules on latest.school_urn = policy_rules.school_urn and latest.rule = policy_rules.rule
    join pupils on latest.school_urn = pupils.school_urn and latest.pupil_key = pupils.pupil_key
    join present_weeks on latest.school_urn = present_weeks.school_urn
    left join school_days on latest.school_urn = school_days.school_urn and latest.met_on = school_days.session_date
    left join reviews
        on latest.school_urn = reviews.school_urn
        and latest.rule = reviews.rule
        and latest.pupil_key = reviews.pupil_key
),

in_words as (
    select
        school_urn,
        pupil_key,
        year_group,
        registration_group,
        kind,
        coalesce(stage, '') as stage,
        rule,
        case shape
            when 'consecutive days'
                then says || ': ' || sessions || ' sessions in a row since ' || strftime(first_on, '%-d %B %Y')
            when 'cumulative'
                then says || ': ' || sessions || if(kind = 'late', ' times', ' sessions') || ' since '
                    || strftime(first_on, '%-d %B %Y')
            when 'rolling'
                then says || ': ' || sessions || ' sessions from ' || strftime(first_on, '%-d %B %Y')
            when 'unresolved'
                then says || ': ' || sessions || if(sessions = 1, ' session', ' sessions') || ' of '
                    || strftime(first_on, '%-d %B %Y')
            when 'attendance band'
                then says || ': ' || sessions_absent || ' sessions missed this year, in this band since the check of '
                    || strftime(met_on, '%-d %B %Y')
            else says || ', since ' || strftime(met_on, '%-d %B %Y')
                || case
                    when weeks_to_review is null then ''
                    when weeks_to_review <= 0 then '; its review is due'
                    when weeks_to_review = 1 then '; to be reviewed in one school week'
                    else '; to be reviewed in ' || weeks_to_review || ' school weeks'
                end
        end as reason,
        action,
        lead,
        met_on,
        first_on,
        sessions,
        percent_attendance,
        weeks_to_review,
        is_new,
        is_national,
        position
    from listed
    where steps_from_furthest = 1
)

from in_words
