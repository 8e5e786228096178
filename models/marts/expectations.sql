-- How far each school, and the trust, is from what it is expected to reach in a school year: DfE's attendance baseline
-- improvement expectation and targets, as they were stated to us.
--
-- DfE's expectation is an input and never computed: its formula is not public. Of statements for the same school, year,
-- kind and measure the last one up to the as-at date stands; of two of one day the one that was loaded last. The
-- trust's rows have no school_urn. Basis: as DfE publishes. `percent_expected` is of the full year; `percent_now` is
-- the full year where that is over, otherwise the year to date, which is still to move. Better is more attendance, less
-- absence.
-- Attendance: `percent_needed` is what must be attended of the sessions still to come so that the full year comes out
-- at what is expected: over 100 is out of reach, 0 means that none need be. What is to come is two sessions for each
-- school day after the as-at date, for each pupil who is on roll and counts (see marts.recovery), without the half term
-- that DfE leaves out for 15-year-olds; that takes every one to be possible and nobody to join. Where a calendar is
-- derived from registers nobody knows what is to come; the trust's is known where every school's is.
-- Absence: `pupils_at_most` is how many of the pupils counted now may be persistently (or severely) absent, rounded
-- down.
-- `why_no_pace` says why there is no `percent_needed`; null where there is, and for absence, whose pace is in pupils.
--
-- grain: school_urn, school_year, kind, measure
-- check: kind in ('baseline improvement expectation', 'target')
-- check: measure in ('percent_attendance', 'percent_persistent', 'percent_severe')
-- check: (is_met is null) = (percent_now is null)
-- check: (percent_needed is null) = (is_reachable is null)
-- check: measure <> 'percent_attendance' or (percent_needed is null) = (why_no_pace is not null)
-- check: (pupils_at_most is null) = (measure = 'percent_attendance' or percent_now is null)

with

as_at as (
    from staging.as_at
),

schools as (
    from raw.schools
),

stated as (
    from raw.expectations
),

periods as (
    from staging.periods
    where period_type in ('year', 'year_to_date')
),

school_attendance as (
    from marts.school_attendance
    where basis = 'as DfE publishes' and breakdown = 'all'
),

pupil_attendance as (
    from marts.pupil_attendance
    where basis = 'as DfE publishes' and period_type = 'year'
),

recovery as (
    from marts.recovery
),

dfe_population as (
    from staging.dfe_population
),

half_terms as (
    from raw.half_terms
),

closed_days as (
    from raw.closed_days
),

in_turn as (
    select
        stated.*,
        row_number() over (
            partition by stated.school_urn, stated.school_year, kind, measure
            order by stated_on desc, load_number desc, row_number desc
        ) as place
    from stated
    cross join as_at
    left join schools on stated.school_urn = schools.school_urn
    where stated_on <= as_at.as_at and (stated.school_urn is null or schools.school_urn is not null)
),

standing as (
    select
        school_urn,
        school_year,
        kind,
        measure,
        percent,
        -- in hundredths of a per cent, so that nothing is divided before it is compared
        cast(100 * percent as bigint) as hundredths,
        stated_on,
        source
    from in_turn
    where place = 1
),

-- a year is over for the trust when it is at every school
years_over as (
    select school_urn, school_year, is_complete as is_over
    from periods
    where period_type = 'year'
    union all
    select null, school_year, bool_and(is_complete)
    from periods
    where period_type = 'year'
    group by school_year
),

judged_years as (
    select
        standing.*,
        standing.school_year < as_at.school_year or coalesce(is_over, false) as is_year_over
    from standing
    cross join as_at
    left join years_over
        on standing.school_urn is not distinct from years_over.school_urn
        and standing.school_year = years_over.school_year
),

valued as (
    select
        judged_years.*,
        period_type,
        period,
        pupils,
        sessions_possible,
        sessions_attended,
        case measure
            when 'percent_persistent' then pupils_persistent
            when 'percent_severe' then pupils_severe
        end as pupils_absent,
        case measure
            when 'percent_attendance' then percent_attendance
            when 'percent_persistent' then percent_persistent
            when 'percent_severe' then percent_severe
        end as percent_now
    from judged_years
    left join school_attendance
        on judged_years.school_urn is not distinct from school_attendance.school_urn
        and judged_years.school_year = school_attendance.school_year
        and period_type = case when is_year_over then 'year' else 'year_to_date' end
),

days_before_half_term_6 as (
    select distinct
        half_terms.school_urn,
        unnest(generate_series(starts_on, ends_on, interval '1' day))::date as school_day
    from half_terms join as_at on half_terms.school_year = as_at.school_year
    where half_term <> 'summer 2'
),

before_half_term_6 as (
    select
        days.school_urn,
        2 * count(*) filter (where closed_on is null and school_day > as_at and isodow(school_day) <= 5) as sessions
    from days_before_half_term_6 as days
    cross join as_at
    left join closed_days on days.school_urn = closed_days.school_urn and school_day = closed_on
    group by days.school_urn
),

-- whoever is not in marts.recovery has left the roll: nothing is to come
to_come as (
    select
        pupil_attendance.school_urn,
        pupil_attendance.school_year,
        recovery.pupil_key is not null and sessions_remaining is null as is_unknown,
        case
            when recovery.pupil_key is null then 0
            when coalesce(leaves_out_half_term_6, false) then least(sessions_remaining, coalesce(sessions, 0))
            else sessions_remaining
        end as sessions_remaining
    from pupil_attendance
    join as_at on pupil_attendance.school_year = as_at.school_year
    left join recovery
        on pupil_attendance.school_urn = recovery.school_urn
        and pupil_attendance.pupil_key = recovery.pupil_key
        and pupil_attendance.school_year = recovery.school_year
    left join dfe_population
        on pupil_attendance.school_urn = dfe_population.school_urn
        and pupil_attendance.pupil_key = dfe_population.pupil_key
        and pupil_attendance.school_year = dfe_population.school_year
    left join before_half_term_6 on pupil_attendance.school_urn = before_half_term_6.school_urn
),

remaining as (
    select
        school_urn,
        school_year,
        case when not bool_or(is_unknown) then sum(sessions_remaining)::bigint end as sessions_remaining
    from to_come
    group by grouping sets ((school_urn, school_year), (school_year))
),

paced as (
    select
        valued.*,
        case when not is_year_over and percent_now is not null then sessions_remaining end as sessions_remaining,
        -- sessions still to attend, in ten-thousandths
        hundredths * (sessions_possible + sessions_remaining) - 10000 * sessions_attended as still_to_attend,
        case
            when measure <> 'percent_attendance' then null
            when percent_now is null then 'no figures of the year'
            when is_year_over then 'the year is over'
            when sessions_remaining is null then 'no calendar says what is to come'
            when sessions_remaining = 0 then 'no sessions are to come'
        end as why_no_pace,
        cast((hundredths * pupils - mod(hundredths * pupils, 10000)) / 10000 as bigint) as pupils_at_most
    from valued
    left join remaining
        on valued.school_urn is not distinct from remaining.school_urn and valued.school_year = remaining.school_year
),

told as (
    select
        school_urn,
        school_year,
        kind,
        measure,
        cast(percent as double) as percent_expected,
        stated_on,
        source,
        period_type,
        period,
        is_year_over,
        percent_now,
        percent_now - cast(percent as double) as difference_points,
        case
            when measure = 'percent_attendance' then 10000 * sessions_attended >= hundredths * sessions_possible
            else 10000 * pupils_absent <= hundredths * pupils
        end as is_met,
        case when measure = 'percent_attendance' then sessions_possible end as sessions_possible,
        case when measure = 'percent_attendance' then sessions_attended end as sessions_attended,
        case when measure = 'percent_attendance' then sessions_remaining end as sessions_remaining,
        case
            when measure = 'percent_attendance' and why_no_pace is null
                then greatest(still_to_attend, 0) / (100.0 * sessions_remaining)
        end as percent_needed,
        case
            when measure = 'percent_attendance' and why_no_pace is null
                then still_to_attend <= 10000 * sessions_remaining
        end as is_reachable,
        pupils,
        pupils_absent,
        case when measure <> 'percent_attendance' then pupils_at_most end as pupils_at_most,
        case when measure <> 'percent_attendance' then pupils_absent - pupils_at_most end as pupils_above,
        why_no_pace
    from paced
)

from told
