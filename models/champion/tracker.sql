-- Who is severely absent, persistently absent or at risk of it at each school, and what can still be done this year.
--
-- Pupils on roll on the as-at date, each once, on the worst list: severe (half or more of their own possible sessions
-- missed), persistent (a tenth or more), at risk (would be persistent by missing the next sessions in a row, at most
-- as many as rules.recovery says). What remains of the year and what follows from it are of marts.recovery. Where
-- rollbook.yaml has no calendar of the year they are null, and at risk is judged as if enough of the year remained.
-- `first_persistent_on`: the last day of the first school week at whose end the pupil was persistently absent in the
-- year to date; `persistent_since`: of the first of the weeks at whose end the pupil has been so ever since, null if
-- not now.
--
-- grain: school_urn, pupil_key
-- check: list in ('severe', 'persistent', 'at risk')
-- check: list <> 'at risk' or sessions_remaining is null or sessions_to_miss_in_a_row > 0
-- check: persistent_since is null or first_persistent_on <= persistent_since

with

pupils as (
    from champion.pupils
),

recovery as (
    from marts.recovery
),

pupil_weeks as (
    from staging.pupil_weeks
),

limits as (
    select max(cast(value as integer)) filter (where rule = 'at_risk_sessions') as at_risk_sessions
    from rules.recovery
),

thresholds as (
    select max(missed_from_percent) filter (where measure = 'persistent') as persistent_from
    from rules.absence_thresholds
),

listed as (
    select
        pupils.*,
        case when is_severe then 'severe' when is_persistent then 'persistent' else 'at risk' end as list,
        sessions_remaining,
        sessions_that_may_be_missed,
        can_still_avoid,
        is_certain,
        sessions_to_attend_in_a_row,
        sessions_to_miss_in_a_row
    from pupils
    join recovery on pupils.school_urn = recovery.school_urn and pupils.pupil_key = recovery.pupil_key
    cross join limits
    cross join thresholds
    where is_persistent
        or sessions_to_miss_in_a_row <= at_risk_sessions
        or (
            sessions_remaining is null
            and 100 * (pupils.sessions_absent + at_risk_sessions)
                >= persistent_from * (pupils.sessions_possible + at_risk_sessions)
        )
),

weeks_of_listed as (
    select
        listed.school_urn,
        listed.pupil_key,
        week_from,
        last_day,
        100 * absent_to_date >= persistent_from * possible_to_date as is_persistent,
        max(case when 100 * absent_to_date < persistent_from * possible_to_date then week_from end) over (
            partition by listed.school_urn, listed.pupil_key
        ) as last_week_below
    from pupil_weeks
    join listed
        on pupil_weeks.school_urn = listed.school_urn
        and pupil_weeks.pupil_key = listed.pupil_key
        and pupil_weeks.school_year = listed.school_year
    cross join thresholds
),

became as (
    select
        school_urn,
        pupil_key,
        min(last_day) as first_persistent_on,
        min(case when last_week_below is null or week_from > last_week_below then last_day end) as persistent_since
    from weeks_of_listed
    where is_persistent
    group by school_urn, pupil_key
),

told as (
    select
        listed.school_urn,
        listed.pupil_key,
        school_year,
        list,
        year_group,
        registration_group,
        sessions_possible,
        sessions_absent,
        percent_attendance,
        days_lost,
        percent_last_five_weeks,
        percent_five_weeks_before,
        direction,
        first_persistent_on,
        persistent_since,
        sessions_remaining,
        sessions_that_may_be_missed,
        can_still_avoid,
        is_certain,
        sessions_to_attend_in_a_row,
        sessions_to_miss_in_a_row
    from listed
    left join became on listed.school_urn = became.school_urn and listed.pupil_key = became.pupil_key
)

from told
