-- The registers of this school year that lack a mark for a pupil on roll: by school, day and morning or afternoon.
--
-- Only school days up to the as-at date, and only registers with a gap. A pupil is expected from the day of entry to the
-- day of leaving, also on it. pupils_without_mark is those expected less those with a mark; of them,
-- pupils_no_mark_recorded are in the register with "-", and the others are not in it. Pupils without an enrolment are
-- taken to be on roll where they have marks, so that at a school which sends no pupils only "-" and registers that are
-- missing as a whole can be seen, and for these nobody can say how many were expected (null).
--
-- grain: school_urn, session_date, session
-- check: session in ('AM', 'PM')
-- check: coalesce(pupils_without_mark > 0, pupils_marked = 0)
-- check: coalesce(pupils_without_mark = pupils_expected - pupils_marked, true)
-- check: coalesce(pupils_no_mark_recorded <= pupils_without_mark, true)

with

as_at as (
    from staging.as_at
),

school_days as (
    select school_days.school_urn, session_date
    from staging.school_days as school_days join as_at on school_days.school_year = as_at.school_year
),

enrolments as (
    from staging.enrolments
),

day_counts as (
    from staging.day_counts
    where is_on_roll
),

no_mark_codes as (
    select distinct code
    from rules.register_codes
    where category = 'no_mark'
),

steps as (
    select school_urn, entered_on as session_date, 1 as pupils, false as is_school_day
    from enrolments
    union all
    select school_urn, (left_on + interval 1 day)::date, -1, false
    from enrolments
    where left_on < date '9999-12-31'
    union all
    select school_urn, session_date, 0, true
    from school_days
),

enrolled as (
    select school_urn, session_date, pupils_enrolled
    from (
        select
            school_urn,
            session_date,
            is_school_day,
            sum(pupils) over (partition by school_urn order by session_date)::bigint as pupils_enrolled
        from steps
    ) as on_each_day
    where is_school_day
),

registers as (
    select school_urn, session_date, session, pupils_enrolled
    from enrolled cross join (values ('AM'), ('PM')) as sessions (session)
),

schools_with_pupils as (
    select distinct school_urn
    from enrolments
),

stated as (
    select
        school_urn,
        session_date,
        session,
        sum(sessions)::bigint as pupils_stated,
        coalesce(sum(sessions) filter (no_mark_codes.code is null), 0)::bigint as pupils_marked
    from day_counts left join no_mark_codes on day_counts.code = no_mark_codes.code
    group by school_urn, session_date, session
),

compared as (
    select
        registers.school_urn,
        registers.session_date,
        registers.session,
        -- nobody is expected at a school that sends no pupils and has no register: it is not known
        case
            when schools_with_pupils.school_urn is not null or pupils_stated is not null
            then greatest(pupils_enrolled, coalesce(pupils_stated, 0))
        end as pupils_expected,
        coalesce(pupils_marked, 0) as pupils_marked,
        coalesce(pupils_stated - pupils_marked, 0) as pupils_no_mark_recorded
    from registers
    left join stated
        on registers.school_urn = stated.school_urn
        and registers.session_date = stated.session_date
        and registers.session = stated.session
    left join schools_with_pupils on registers.school_urn = schools_with_pupils.school_urn
),

gaps as (
    select
        school_urn,
        session_date,
        session,
        pupils_expected,
        pupils_marked,
        pupils_expected - pupils_marked as pupils_without_mark,
        pupils_no_mark_recorded
    from compared
    where pupils_expected is null or pupils_expected > pupils_marked
)

from gaps
