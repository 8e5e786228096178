-- Data for letters: one row for each action that the school's own policy asks for a pupil on today's list, as a mail merge
-- wants it: text that can stand in a sentence, no formulas and no codes.
--
-- Names come from the school's files; addresses stay in the school's system, which the letter is sent from.
--
-- grain: school_urn, pupil_key, rule

with

todays_list as (
    from champion.todays_list
    where action is not null and not is_national
),

pupils as (
    from champion.pupils
),

as_at as (
    from staging.as_at
),

worded as (
    select
        todays_list.school_urn,
        todays_list.pupil_key,
        pupils.year_group,
        pupils.registration_group,
        todays_list.rule,
        stage,
        action,
        lead,
        reason,
        printf('%.1f%%', round(todays_list.percent_attendance, 1)) as attendance,
        pupils.sessions_absent as sessions_missed,
        pupils.sessions_absent / 2.0 as days_missed,
        strftime(met_on, '%-d %B %Y') as since,
        strftime(as_at.as_at, '%-d %B %Y') as counted_to,
        is_new
    from todays_list
    join pupils on todays_list.school_urn = pupils.school_urn and todays_list.pupil_key = pupils.pupil_key
    cross join as_at
)

from worded
