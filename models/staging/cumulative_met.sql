-- Which rules that count sessions since a day of the school year, or within a half term, each pupil has met, and when.
--
-- Days are of two sessions, so that two half days are a day. A rule is met once in each of its windows, on the day of the
-- session that makes up its number; `sessions` is how many there are in the window by now.
--
-- grain: rule_number, pupil_number, window_from
-- check: first_on <= met_on and met_on <= last_on

with

policy_rules as (
    select rule_number, school_urn, code_set, threshold, opens_on, closes_on, is_per_half_term
    from staging.policy_rules
    where shape = 'cumulative'
),

half_terms as (
    from staging.half_terms
),

school_years as (
    select school_urn, school_year, left(school_year, 4)::integer as starts_in
    from half_terms
    group by school_urn, school_year
),

counted_sessions as (
    from staging.counted_sessions
),

-- a day from August on is of the year in which the school year starts; a window to 29 February ends with the month
dated as (
    select
        rule_number,
        policy_rules.school_urn,
        code_set,
        threshold,
        school_year,
        (
            make_date(starts_in + if(opens_on < '08', 1, 0), left(opens_on, 2)::integer, 1)
            + interval (right(opens_on, 2)::integer - 1) day
        )::date as window_from,
        least(
            (
                make_date(starts_in + if(closes_on < '08', 1, 0), left(closes_on, 2)::integer, 1)
                + interval (right(closes_on, 2)::integer - 1) day
            )::date,
            last_day(make_date(starts_in + if(closes_on < '08', 1, 0), left(closes_on, 2)::integer, 1))
        ) as window_to
    from policy_rules
    join school_years on policy_rules.school_urn = school_years.school_urn
    where not is_per_half_term
),

of_half_terms as (
    select
        rule_number,
        policy_rules.school_urn,
        code_set,
        threshold,
        school_year,
        starts_on as window_from,
        ends_on as window_to
    from policy_rules
    join half_terms on policy_rules.school_urn = half_terms.school_urn
    where is_per_half_term
),

windows as (
    from dated
    union all by name
    from of_half_terms
),

-- rules that count the same from and to the same days are added up once
windows_alike as (
    select school_urn, code_set, school_year, window_from, window_to, min(threshold) as least_threshold
    from windows
    group by school_urn, code_set, school_year, window_from, window_to
),

added_up as (
    select
        windows_alike.school_urn,
        windows_alike.code_set,
        pupil_number,
        windows_alike.school_year,
        window_from,
        window_to,
        min(number) as first_number,
        min(session_date) as first_on,
        max(session_date) as last_on,
        count(*)::bigint as sessions
    from windows_alike
    join counted_sessions
        on windows_alike.school_urn = counted_sessions.school_urn
        and windows_alike.code_set = counted_sessions.code_set
        and windows_alike.school_year = counted_sessions.school_year
        and session_date between window_from and window_to
    group by
        windows_alike.school_urn,
        windows_alike.code_set,
        pupil_number,
        windows_alike.school_year,
        window_from,
        window_to,
        least_threshold
    having count(*) >= least_threshold
),

met as (
    select
        rule_number,
        added_up.pupil_number,
        added_up.school_year,
        added_up.window_from,
        added_up.window_to,
        first_on,
        session_date as met_on,
        last_on,
        sessions
    from windows
    join added_up
        on windows.school_urn = added_up.school_urn
        and windows.code_set = added_up.code_set
        and windows.school_year = added_up.school_year
        and windows.window_from = added_up.window_from
        and windows.window_to = added_up.window_to
        and threshold <= sessions
    join counted_sessions
        on added_up.code_set = counted_sessions.code_set
        and added_up.pupil_number = counted_sessions.pupil_number
        and first_number + threshold - 1 = number
)

from met
