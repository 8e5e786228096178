-- The league of each school's classes and of its year groups, by the attendance of their pupils together.
--
-- `per` is as in a school's policy: week is the last full one (with a session, and its Friday is not after the as-at
-- date); half term, term and school year are the last that has begun, up to the as-at date (`is_complete`: it is
-- over). Sessions are pooled, never a mean of pupils. Pupils on roll on the as-at date stand with the class that they
-- are in now. Equal attendance shares a place, and the next is passed over. A class or year group with fewer pupils
-- than rules.champion_lists says is left out, and so is who has no class.
--
-- grain: school_urn, league, per, group_name
-- check: league in ('classes', 'year groups')
-- check: per in ('week', 'half term', 'term', 'school year')
-- check: place between 1 and groups_ranked

with

as_at as (
    from staging.as_at
),

pupils as (
    from champion.pupils
),

school_weeks as (
    from staging.school_weeks
    where has_session
),

pupil_weeks as (
    from staging.pupil_weeks
),

periods as (
    from staging.periods
    where period_type in ('half_term', 'term', 'year')
),

pupil_attendance as (
    from marts.pupil_attendance
    where period_type in ('half_term', 'term', 'year') and basis = 'everyone on roll'
),

limits as (
    select max(cast(value as integer)) filter (where rule = 'league_minimum_pupils') as minimum_in_group
    from rules.champion_lists
),

last_full_weeks as (
    select school_urn, max(week_from) as week_from
    from school_weeks join as_at on school_weeks.school_year = as_at.school_year
    where week_from + interval 4 day <= as_at
    group by school_urn
),

last_begun as (
    select
        school_urn,
        periods.school_year,
        period_type,
        max_by(period, starts_on) as period,
        max(starts_on) as starts_on,
        max_by(is_complete, starts_on) as is_complete
    from periods join as_at on periods.school_year = as_at.school_year
    group by school_urn, periods.school_year, period_type
),

attended as (
    select
        pupil_weeks.school_urn,
        pupil_key,
        'week' as per,
        'week of ' || cast(pupil_weeks.week_from as varchar) as period,
        pupil_weeks.week_from as starts_on,
        true as is_complete,
        sessions_possible,
        sessions_attended
    from pupil_weeks
    join last_full_weeks
        on pupil_weeks.school_urn = last_full_weeks.school_urn and pupil_weeks.week_from = last_full_weeks.week_from
    union all
    select
        pupil_attendance.school_urn,
        pupil_key,
        case last_begun.period_type
            when 'half_term' then 'half term'
            when 'year' then 'school year'
            else 'term'
        end as per,
        last_begun.period,
        starts_on,
        is_complete,
        sessions_possible,
        sessions_attended
    from pupil_attendance
    join last_begun
        on pupil_attendance.school_urn = last_begun.school_urn
        and pupil_attendance.school_year = last_begun.school_year
        and pupil_attendance.period_type = last_begun.period_type
        and pupil_attendance.period = last_begun.period
),

members as (
    select school_urn, pupil_key, school_year, 'classes' as league, registration_group as group_name
    from pupils
    where registration_group is not null
    union all
    select school_urn, pupil_key, school_year, 'year groups' as league, year_group as group_name
    from pupils
    where year_group is not null
),

pooled as (
    select
        members.school_urn,
        school_year,
        league,
        per,
        period,
        starts_on,
        is_complete,
        group_name,
        count(*) as pupils,
        sum(sessions_possible)::bigint as sessions_possible,
        sum(sessions_attended)::bigint as sessions_attended
    from members
    join attended on members.school_urn = attended.school_urn and members.pupil_key = attended.pupil_key
    group by members.school_urn, school_year, league, per, period, starts_on, is_complete, group_name
),

ranked as (
    select
        school_urn,
        school_year,
        league,
        per,
        period,
        starts_on,
        is_complete,
        group_name,
        rank() over (
            partition by school_urn, league, per
            order by 100.0 * sessions_attended / sessions_possible desc
        ) as place,
        count(*) over (partition by school_urn, league, per) as groups_ranked,
        pupils,
        sessions_possible,
        sessions_attended,
        100.0 * sessions_attended / sessions_possible as percent_attendance
    from pooled cross join limits
    where pupils >= minimum_in_group
)

from ranked
