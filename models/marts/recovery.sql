-- Whether each pupil on roll will be, or can still avoid being, persistently absent when the school year ends.
--
-- Basis: everyone on roll on the as-at date who had a possible session this year; the half term that DfE leaves out
-- for 15-year-olds counts too. Never leaves the building: one row an enrolment. All in sessions and whole numbers;
-- exactly 10% missed is persistent.
-- What remains is two sessions for each school day after the as-at date that rollbook.yaml states, up to the pupil's
-- last day on roll. That takes every one to be possible: for a pupil with part of the week at another school it is
-- too many.
-- Where rollbook.yaml has no calendar of the year nobody knows what remains: it is null, and so is all that depends
-- on it.
-- `sessions_that_may_be_missed`: the most that leaves the pupil below the threshold at the end of the year; null when
-- certain.
-- `can_still_avoid`: persistently absent now, but not if no more than that is missed.
-- `is_certain`: persistently absent at the end of the year even if no more sessions are missed.
-- `sessions_to_attend_in_a_row`: until the pupil is below the threshold; 0 if so now, null when too few remain.
-- `sessions_to_miss_in_a_row`: until the pupil is persistently absent; 0 if so now, null when too few remain.
--
-- grain: school_urn, pupil_key
-- check: sessions_that_may_be_missed is null or sessions_that_may_be_missed between 0 and sessions_remaining
-- check: sessions_remaining is null or is_certain = (sessions_that_may_be_missed is null)
-- check: sessions_remaining is null or is_certain = (sessions_to_attend_in_a_row is null)
-- check: sessions_remaining is null or is_persistent_now = (can_still_avoid or is_certain)

with

as_at as (
    from staging.as_at
),

pupil_attendance as (
    from marts.pupil_attendance
    where period_type = 'year' and basis = 'everyone on roll'
),

enrolments as (
    from staging.enrolments
),

pupil_years as (
    from staging.pupil_years
),

-- a calendar that was derived from registers knows nothing of the days to come
half_terms as (
    from raw.half_terms
),

closed_days as (
    from raw.closed_days
),

thresholds as (
    select max(missed_from_percent) filter (where measure = 'persistent') as persistent_from
    from rules.absence_thresholds
),

this_year as (
    select half_terms.school_urn, starts_on, ends_on
    from half_terms join as_at on half_terms.school_year = as_at.school_year
),

days as (
    select distinct school_urn, unnest(generate_series(starts_on, ends_on, interval '1' day))::date as school_day
    from this_year
),

days_to_come as (
    select days.school_urn, school_day
    from days
    cross join as_at
    left join closed_days on days.school_urn = closed_days.school_urn and school_day = closed_on
    where closed_on is null and school_day > as_at and isodow(school_day) <= 5
),

-- a pupil of whom no enrolment is known is on roll, as everywhere
spells as (
    select
        pupil_attendance.school_urn,
        pupil_attendance.pupil_key,
        pupil_attendance.school_year,
        sessions_possible,
        sessions_absent,
        coalesce(left_on, date '9999-12-31') as left_on,
        coalesce(as_at between entered_on and left_on, true) as is_on_roll
    from pupil_attendance
    join as_at on pupil_attendance.school_year = as_at.school_year
    left join enrolments
        on pupil_attendance.school_urn = enrolments.school_urn
        and pupil_attendance.pupil_key = enrolments.pupil_key
),

on_roll as (
    select school_urn, pupil_key, school_year, sessions_possible, sessions_absent, left_on
    from spells
    where is_on_roll
),

last_days as (
    select distinct on_roll.school_urn, left_on
    from on_roll
    join this_year on on_roll.school_urn = this_year.school_urn
),

remaining as (
    select last_days.school_urn, left_on, 2 * count(school_day) as sessions_remaining
    from last_days
    left join days_to_come on last_days.school_urn = days_to_come.school_urn and school_day <= left_on
    group by last_days.school_urn, left_on
),

-- in hundredths of sessions, so that nothing is divided before it is compared
weighed as (
    select
        on_roll.*,
        year_group,
        sessions_remaining,
        100 * sessions_absent as absent,
        persistent_from * (sessions_possible + sessions_remaining) as limit_of_year,
        -- how far below the threshold: each session missed as well takes away 100 less the threshold, and a part of a
        -- session is a whole one
        greatest(persistent_from * sessions_possible - 100 * sessions_absent, 0) + 99 - persistent_from as to_limit,
        persistent_from
    from on_roll
    cross join thresholds
    left join remaining on on_roll.school_urn = remaining.school_urn and on_roll.left_on = remaining.left_on
    left join pupil_years
        on on_roll.school_urn = pupil_years.school_urn
        and on_roll.pupil_key = pupil_years.pupil_key
        and on_roll.school_year = pupil_years.school_year
),

judged as (
    select
        *,
        absent >= persistent_from * sessions_possible as is_persistent_now,
        absent >= limit_of_year as is_certain,
        -- the most whole sessions below the limit of the year
        cast((limit_of_year - 1 - mod(limit_of_year - 1, 100)) / 100 as bigint) - sessions_absent as to_spare,
        -- the fewest possible sessions of which what was missed is below the threshold, less those there were
        greatest(cast((absent - mod(absent, persistent_from)) / persistent_from as bigint) + 1 - sessions_possible, 0)
            as to_attend,
        -- the fewest that, missed as well, bring what was missed up to the threshold
        cast((to_limit - mod(to_limit, 100 - persistent_from)) / (100 - persistent_from) as bigint) as to_miss
    from weighed
),

told as (
    select
        school_urn,
        pupil_key,
        school_year,
        year_group,
        sessions_possible,
        sessions_absent,
        sessions_remaining,
        case when not is_certain then least(to_spare, sessions_remaining) end as sessions_that_may_be_missed,
        is_persistent_now,
        is_persistent_now and not is_certain as can_still_avoid,
        is_certain,
        case when to_attend <= sessions_remaining then to_attend end as sessions_to_attend_in_a_row,
        case when to_miss <= sessions_remaining then to_miss end as sessions_to_miss_in_a_row
    from judged
)

from told
