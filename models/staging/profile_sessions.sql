-- How many possible and attended sessions pupils with each combination of statuses had in each stretch of days, each session
-- by what was so of the pupil on its day.
--
-- Nearly all pupils have the same statuses throughout a stretch. Only of those in whose stretch something changed are
-- sessions counted again by day.
--
-- grain: school_urn, stretch_from, is_as_dfe_publishes, profile

with

based_stretches as (
    select school_urn, pupil_key, school_year, stretch_from, is_as_dfe_publishes, sessions_possible, sessions_attended
    from staging.based_stretches
),

pupil_profiles as (
    from staging.pupil_profiles
),

stretch_ends as (
    select school_urn, stretch_from, max(session_date) as stretch_to
    from staging.stretches
    group by school_urn, stretch_from
),

register_codes as (
    from rules.register_codes
),

restated_sessions as (
    from staging.restated_sessions
),

enrolments as (
    from staging.enrolments
),

enrolled_pupils as (
    select distinct school_urn, pupil_key
    from enrolments
),

in_one_piece as (
    select
        based_stretches.school_urn,
        based_stretches.stretch_from,
        is_as_dfe_publishes,
        profile,
        sum(sessions_possible)::bigint as sessions_possible,
        sum(sessions_attended)::bigint as sessions_attended
    from based_stretches
    join stretch_ends
        on based_stretches.school_urn = stretch_ends.school_urn
        and based_stretches.stretch_from = stretch_ends.stretch_from
    join pupil_profiles
        on based_stretches.school_urn = pupil_profiles.school_urn
        and based_stretches.pupil_key = pupil_profiles.pupil_key
        and based_stretches.school_year = pupil_profiles.school_year
        and based_stretches.stretch_from >= from_on
        and stretch_to <= to_on
    group by based_stretches.school_urn, based_stretches.stretch_from, is_as_dfe_publishes, profile
),

changed as (
    select distinct pupil_profiles.school_urn, pupil_key, family, stretch_from, stretch_to
    from pupil_profiles
    join stretch_ends
        on pupil_profiles.school_urn = stretch_ends.school_urn and from_on > stretch_from and from_on <= stretch_to
),

-- staging.session_marks for few pupils: to make it for all of them first would cost as much as every other model
changed_pupils as (
    select distinct school_urn, pupil_key
    from changed
),

stated as (
    select marks.school_urn, marks.pupil_key, session_date, session, code, is_deleted
    from raw.marks as marks
    join changed_pupils on marks.school_urn = changed_pupils.school_urn and marks.pupil_key = changed_pupils.pupil_key
),

standing as (
    select school_urn, pupil_key, session_date, session, code
    from stated anti join restated_sessions using (school_urn, pupil_key, session_date, session)
    where not is_deleted
    union all
    select restated_sessions.school_urn, restated_sessions.pupil_key, session_date, session, code
    from restated_sessions
    join changed_pupils
        on restated_sessions.school_urn = changed_pupils.school_urn
        and restated_sessions.pupil_key = changed_pupils.pupil_key
    where not is_deleted
),

changed_marks as (
    select standing.school_urn, standing.pupil_key, family, stretch_from, session_date, code
    from standing
    join changed
        on standing.school_urn = changed.school_urn
        and standing.pupil_key = changed.pupil_key
        and session_date between stretch_from and stretch_to
    left join enrolled_pupils
        on standing.school_urn = enrolled_pupils.school_urn and standing.pupil_key = enrolled_pupils.pupil_key
    left join enrolments
        on standing.school_urn = enrolments.school_urn
        and standing.pupil_key = enrolments.pupil_key
        and session_date between entered_on and left_on
    where enrolments.pupil_key is not null or enrolled_pupils.pupil_key is null
),

by_day as (
    select
        changed_marks.school_urn,
        changed_marks.pupil_key,
        stretch_from,
        profile,
        count(*) filter (is_possible) as sessions_possible,
        count(*) filter (is_attended) as sessions_attended
    from changed_marks
    join pupil_profiles
        on changed_marks.school_urn = pupil_profiles.school_urn
        and changed_marks.pupil_key = pupil_profiles.pupil_key
        and changed_marks.family = pupil_profiles.family
        and session_date between from_on and to_on
    left join register_codes
        on changed_marks.code = register_codes.code
        and stretch_from between valid_from and coalesce(valid_to, date '9999-12-31')
    group by changed_marks.school_urn, changed_marks.pupil_key, stretch_from, profile
),

in_pieces as (
    select
        by_day.school_urn,
        by_day.stretch_from,
        is_as_dfe_publishes,
        profile,
        by_day.sessions_possible,
        by_day.sessions_attended
    from by_day
    join based_stretches
        on by_day.school_urn = based_stretches.school_urn
        and by_day.pupil_key = based_stretches.pupil_key
        and by_day.stretch_from = based_stretches.stretch_from
),

counted as (
    select
        school_urn,
        stretch_from,
        is_as_dfe_publishes,
        profile,
        sum(sessions_possible)::bigint as sessions_possible,
        sum(sessions_attended)::bigint as sessions_attended
    from (from in_one_piece union all from in_pieces)
    group by school_urn, stretch_from, is_as_dfe_publishes, profile
)

from counted
