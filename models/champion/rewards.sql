-- Who attended every session of a week, half term, term or year, who nearly did, and whose attendance improved most.
--
-- Every kind and every `per` that a school's policy can name, whatever it rewards; pupils on roll on the as-at date,
-- this school year. "full attendance": not one possible session missed; late is attended, and counted beside. "high
-- attendance": at least as much as the school's policy says, else as rules.champion_lists does; full attendance
-- included. Both are of the last half term and term that are over and of those in progress so far (`is_complete`), of
-- the year so far, and of the last full school week. "most improved": by how many percentage points the last half
-- term, or term, that is over was above the one before it, with the possible sessions that rules.champion_lists asks
-- for in both; who improved by the same shares a place, and the highest places are listed. Without another before it
-- this year there are none.
--
-- grain: school_urn, kind, per, period, pupil_key
-- check: kind in ('full attendance', 'high attendance', 'most improved')
-- check: per in ('week', 'half term', 'term', 'school year')
-- check: kind <> 'full attendance' or sessions_attended = sessions_possible
-- check: kind <> 'most improved' or (points_improved > 0 and is_complete)
-- check: (kind = 'most improved') = (place is not null)

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

policy_rewards as (
    select school_urn, per, min(at_least) as at_least
    from raw.policy_rewards
    where edition = 'current' and kind = 'high attendance'
    group by school_urn, per
),

limits as (
    select
        max(100 * cast(value as integer)) filter (where rule = 'high_attendance_from_percent') as high_from,
        max(cast(value as integer)) filter (where rule = 'most_improved_minimum_sessions') as minimum_sessions,
        max(cast(value as integer)) filter (where rule = 'most_improved_places') as places
    from rules.champion_lists
),

-- of its kind the last period that is over is 1, the one before it 2, and one in progress 0
numbered as (
    select
        school_urn,
        periods.school_year,
        period_type,
        case period_type when 'half_term' then 'half term' when 'year' then 'school year' else 'term' end as per,
        period,
        is_complete,
        count(*) filter (where is_complete) over (
            partition by school_urn, period_type
            order by starts_on desc
            rows between unbounded preceding and current row
        ) as periods_ago
    from periods join as_at on periods.school_year = as_at.school_year
),

last_full_weeks as (
    select school_urn, max(week_from) as week_from
    from school_weeks join as_at on school_weeks.school_year = as_at.school_year
    where week_from + interval 4 day <= as_at
    group by school_urn
),

attended as (
    select
        numbered.school_urn,
        pupil_key,
        per,
        numbered.period,
        is_complete,
        periods_ago,
        sessions_possible,
        sessions_attended,
        sessions_late_before_close + sessions_late_after_close as sessions_late
    from numbered
    join pupil_attendance
        on numbered.school_urn = pupil_attendance.school_urn
        and numbered.school_year = pupil_attendance.school_year
        and numbered.period_type = pupil_attendance.period_type
        and numbered.period = pupil_attendance.period
    where periods_ago <= 2
    union all
    select
        pupil_weeks.school_urn,
        pupil_key,
        'week' as per,
        'week of ' || cast(pupil_weeks.week_from as varchar) as period,
        true as is_complete,
        1 as periods_ago,
        sessions_possible,
        sessions_attended,
        sessions_late
    from pupil_weeks
    join last_full_weeks
        on pupil_weeks.school_urn = last_full_weeks.school_urn and pupil_weeks.week_from = last_full_weeks.week_from
),

of_pupils as (
    select
        pupils.school_urn,
        pupils.pupil_key,
        pupils.school_year,
        attended.per,
        period,
        is_complete,
        periods_ago,
        pupils.year_group,
        pupils.registration_group,
        attended.sessions_possible,
        attended.sessions_attended,
        attended.sessions_late,
        100.0 * attended.sessions_attended / attended.sessions_possible as percent_attendance,
        coalesce(at_least, limits.high_from) as high_from
    from attended
    cross join limits
    join pupils on attended.school_urn = pupils.school_urn and attended.pupil_key = pupils.pupil_key
    left join policy_rewards on attended.school_urn = policy_rewards.school_urn and attended.per = policy_rewards.per
),

improved as (
    select
        latest.*,
        before.percent_attendance as percent_before,
        latest.percent_attendance - before.percent_attendance as points_improved,
        -- rounded far below what a session makes, so that equal improvements of different rates are equal
        rank() over (
            partition by latest.school_urn, latest.per
            order by round(latest.percent_attendance - before.percent_attendance, 9) desc
        ) as place
    from of_pupils as latest
    cross join limits
    join of_pupils as before
        on latest.school_urn = before.school_urn
        and latest.pupil_key = before.pupil_key
        and latest.per = before.per
    where latest.periods_ago = 1
        and latest.is_complete
        and before.periods_ago = 2
        and latest.sessions_possible >= minimum_sessions
        and before.sessions_possible >= minimum_sessions
        and latest.sessions_attended * before.sessions_possible > before.sessions_attended * latest.sessions_possible
),

told as (
    select
        school_urn,
        pupil_key,
        school_year,
        kind,
        per,
        period,
        is_complete,
        cast(null as bigint) as place,
        year_group,
        registration_group,
        sessions_possible,
        sessions_attended,
        sessions_late,
        percent_attendance,
        cast(null as double) as percent_before,
        cast(null as double) as points_improved
    from of_pupils
    cross join (values ('full attendance'), ('high attendance')) as kinds (kind)
    where periods_ago <= 1
        and case kind
            when 'full attendance' then sessions_attended = sessions_possible
            else 10000 * sessions_attended >= high_from * sessions_possible
        end
    union all
    select
        school_urn,
        pupil_key,
        school_year,
        'most improved' as kind,
        per,
        period,
        is_complete,
        place,
        year_group,
        registration_group,
        sessions_possible,
        sessions_attended,
        sessions_late,
        percent_attendance,
        percent_before,
        points_improved
    from improved cross join limits
    where place <= places
)

from told
