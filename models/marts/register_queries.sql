-- What each school's office should look at: rows that were set aside, marks that do not count, and what looks amiss.
--
-- One row for each rule, and for each file where a file's rows break it; `load_number` is 0 where it is of no one file.
-- `severity` is "set aside" (not loaded), "not counted" (loaded, in no figure) or "to check" (counted as it stands).
-- `rows` counts what the rule's meaning speaks of: rows of a file, otherwise sessions, pupils or UPNs.
-- A row that names no school of the trust has no school_urn. No pupil is named or keyed here.
--
-- grain: school_urn, rule, load_number
-- check: severity in ('set aside', 'not counted', 'to check')
-- check: rows > 0

with recursive

day_counts as (
    from staging.day_counts
),

pupil_stretches as (
    from staging.pupil_stretches
),

mark_history as (
    from staging.mark_history
),

register_codes as (
    from rules.register_codes
),

half_terms as (
    from staging.half_terms
),

closed_days as (
    from staging.closed_days
),

rows_by_rule as (
    select school_urn, rule, load_number, row_number, true as is_set_aside
    from raw.quarantine
    union all
    select school_urn, rule, load_number, row_number, false
    from raw.doubts
),

in_files as (
    select
        school_urn,
        rule,
        if(bool_or(is_set_aside), 'set aside', 'to check') as severity,
        load_number,
        count(*) as rows,
        array_to_string(min(distinct row_number, 10), ', ') as first_rows
    from rows_by_rule
    group by school_urn, rule, load_number
),

possible_days as (
    select school_urn, session_date, is_on_roll, sum(sessions)::bigint as sessions
    from day_counts join register_codes
        on day_counts.code = register_codes.code
        and session_date between valid_from and coalesce(valid_to, date '9999-12-31')
    where is_possible
    group by school_urn, session_date, is_on_roll
),

outside_enrolment as (
    select school_urn, 'marks_outside_enrolment' as rule, sum(sessions)::bigint as rows
    from possible_days
    where not is_on_roll
    group by school_urn
),

not_in_extracts as (
    select school_urn, 'pupil_not_in_extracts' as rule, count(*) as rows
    from (select distinct school_urn, pupil_key from pupil_stretches where sessions_possible > 0)
    semi join raw.pupils as pupils_of_school using (school_urn)
    anti join raw.pupils as pupils using (school_urn, pupil_key)
    anti join raw.unresolved_ids as unresolved_ids using (school_urn, pupil_key)
    group by school_urn
),

without_upn as (
    select school_urn, 'id_without_upn' as rule, count(distinct pupil_key) as rows
    from raw.unresolved_ids
    group by school_urn
),

days_of_half_terms as (
    select school_urn, unnest(generate_series(starts_on, ends_on, interval 1 day))::date as session_date
    from half_terms
),

school_days as (
    select days_of_half_terms.school_urn, session_date
    from days_of_half_terms
    anti join closed_days
        on days_of_half_terms.school_urn = closed_days.school_urn and session_date = closed_on
),

years_with_calendar as (
    select distinct school_urn, left(school_year, 4)::integer as starts_in
    from half_terms
),

on_closed_days as (
    select possible_days.school_urn, 'marks_on_closed_days' as rule, sum(sessions)::bigint as rows
    from possible_days
    anti join school_days using (school_urn, session_date)
    semi join years_with_calendar
        on possible_days.school_urn = years_with_calendar.school_urn
        and starts_in = year(session_date) - if(month(session_date) < 8, 1, 0)
    where is_on_roll
    group by possible_days.school_urn
),

-- told at the same moment as the mark that stands: what was said still later has settled any other
last_moments as (
    from mark_history
    qualify known_from = max(known_to) over (partition by school_urn, pupil_key, session_date, session)
),

same_moment as (
    select
        school_urn,
        'same_moment_conflicts' as rule,
        count(distinct (pupil_key, session_date, session)) as rows
    from last_moments
    where load_number <> superseded_by_load
        and (code <> superseded_by_code or is_deleted <> superseded_by_deleted)
    group by school_urn
),

former_upns as (
    select school_urn, id_key, pupil_key
    from raw.pupil_ids
    where kind = 'former UPN' and pupil_key <> id_key
),

-- a pupil whose UPN changed twice is one pupil in the end
followed as (
    select id_key, pupil_key
    from former_upns
    union
    select followed.id_key, former_upns.pupil_key
    from followed join former_upns on followed.pupil_key = former_upns.id_key
),

led_to_one as (
    select id_key
    from followed anti join former_upns on followed.pupil_key = former_upns.id_key
    group by id_key
    having count(*) = 1
),

claims as (
    select school_urn, 'former_upn_claimed_twice' as rule, count(distinct id_key) as rows
    from former_upns anti join led_to_one using (id_key)
    group by school_urn
),

found as (
    from in_files
    union all by name
    from outside_enrolment
    union all by name
    from not_in_extracts
    union all by name
    from without_upn
    union all by name
    from on_closed_days
    union all by name
    from same_moment
    union all by name
    from claims
),

worded as (
    select
        found.school_urn,
        found.rule,
        coalesce(found.severity, register_queries.severity, 'to check') as severity,
        coalesce(register_queries.meaning, 'unknown rule') as meaning,
        coalesce(register_queries.why_it_matters, 'what nobody has explained, nobody can judge') as why_it_matters,
        coalesce(register_queries.mend, 'tell whoever looks after Rollbook the name of the rule') as mend,
        loads.file,
        coalesce(found.load_number, 0) as load_number,
        found.rows,
        found.first_rows
    from found
    left join rules.register_queries as register_queries using (rule)
    left join raw.loads as loads using (load_number)
)

from worded
