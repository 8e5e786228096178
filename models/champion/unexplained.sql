-- Every absence whose reason is not yet established (code N), and how many school days ago it was.
--
-- The law gives five school days to enter the reason, and then it is O: on the fifth a session is not yet overdue, on
-- the sixth it is. Counted as marts.reconciliation counts (`reason_not_established`, whose limit and first day are
-- used), so the overdue rows are as many as it finds: of every school year since the rule began, also of pupils who
-- have left since. A session that was on no school day goes by the school days after it. `days_left`: school days
-- after the as-at date's until it is overdue; 0 on the last one, null if it is overdue.
--
-- grain: school_urn, pupil_key, session_date, session
-- check: school_days_since >= 0
-- check: is_overdue = (days_left is null)

with

unexplained as (
    from staging.absences_and_lates
    where code = 'N'
),

school_days as (
    from staging.school_days
),

as_at as (
    from staging.as_at
),

pupil_years as (
    from staging.pupil_years
),

pupils as (
    from champion.pupils
),

limits as (
    select applies_from, cast(limit_value as integer) as due_days
    from rules.reconciliation
    where check_name = 'reason_not_established'
),

unexplained_days as (
    select distinct school_urn, session_date
    from unexplained
),

-- the days after a school day up to the next one go by that next one
day_spans as (
    select
        school_urn,
        session_date,
        days_after,
        coalesce(lag(session_date) over days, date '1900-01-01') as held_before
    from school_days
    window days as (partition by school_urn order by session_date)
),

placed_days as (
    select
        unexplained_days.school_urn,
        unexplained_days.session_date,
        days_after + case when day_spans.session_date > unexplained_days.session_date then 1 else 0 end as days_since
    from unexplained_days
    join day_spans
        on unexplained_days.school_urn = day_spans.school_urn
        and unexplained_days.session_date > held_before
        and unexplained_days.session_date <= day_spans.session_date
),

dated as (
    select
        unexplained.school_urn,
        unexplained.pupil_key,
        unexplained.session_date,
        session,
        unexplained.school_year,
        coalesce(days_since, 0)::bigint as school_days_since,
        due_days
    from unexplained
    cross join limits
    left join placed_days
        on unexplained.school_urn = placed_days.school_urn and unexplained.session_date = placed_days.session_date
    where unexplained.session_date >= applies_from
),

told as (
    select
        dated.school_urn,
        dated.pupil_key,
        dated.session_date,
        session,
        dated.school_year,
        pupil_years.year_group,
        pupil_years.registration_group,
        pupils.pupil_key is not null as is_on_roll,
        school_days_since,
        case when school_days_since <= due_days then due_days - school_days_since end::bigint as days_left,
        school_days_since > due_days as is_overdue
    from dated
    cross join as_at
    left join pupil_years
        on dated.school_urn = pupil_years.school_urn
        and dated.pupil_key = pupil_years.pupil_key
        and as_at.school_year = pupil_years.school_year
    left join pupils on dated.school_urn = pupils.school_urn and dated.pupil_key = pupils.pupil_key
)

from told
