-- The half terms of each school, as rollbook.yaml states them or else derived from its registers (`is_derived`).
--
-- Derived half terms are runs of school days with a week off between them, where they are six that lie as half terms
-- do (two that begin in the autumn, two in the spring, one in the summer before the spring bank holiday and one after
-- it). Any other year, one in progress or with a week of snow, is cut as DfE cuts it (autumn to 31 December, spring to
-- Easter Sunday, half term 5 to the Sunday before the spring bank holiday, the last Monday of May, then half term 6)
-- and autumn and spring are parted by their longest break at the usual time of year. What is derived begins and ends
-- on a day that was held, up to the as-at date, since nothing is known of what is to come.
--
-- grain: school_urn, school_year, half_term
-- check: starts_on <= ends_on

with

stated as (
    from raw.half_terms
),

open_days as (
    from staging.open_days
),

limits as (
    select
        max(value) filter (rule = 'break_from_days_off')::integer as from_days_off,
        max(value) filter (rule = 'autumn_break_first_day') as autumn_break_first_day,
        max(value) filter (rule = 'autumn_break_last_day') as autumn_break_last_day,
        max(value) filter (rule = 'spring_break_first_day') as spring_break_first_day,
        max(value) filter (rule = 'spring_break_last_day') as spring_break_last_day
    from rules.derived_calendars
),

-- the terms of DfE's census, and when the half-term holiday of each may be
windows as (
    select
        years.school_year,
        make_date(starts_in, 12, 31) as autumn_ends_on,
        easter_sunday_on as spring_ends_on,
        date_trunc('week', make_date(starts_in + 1, 5, 31))::date as spring_bank_holiday_on,
        (starts_in || '-' || autumn_break_first_day)::date as autumn_break_from,
        (starts_in || '-' || autumn_break_last_day)::date as autumn_break_to,
        ((starts_in + 1) || '-' || spring_break_first_day)::date as spring_break_from,
        ((starts_in + 1) || '-' || spring_break_last_day)::date as spring_break_to,
        from_days_off
    from (select distinct school_year, left(school_year, 4)::integer as starts_in from open_days) as years
    join rules.easter_sundays as easter_sundays on year(easter_sunday_on) = starts_in + 1
    cross join limits
),

placed as (
    select
        school_urn,
        open_days.school_year,
        session_date,
        case
            when session_date <= autumn_ends_on then 'autumn'
            when session_date <= spring_ends_on then 'spring'
            when session_date < spring_bank_holiday_on then 'summer 1'
            else 'summer 2'
        end as dfe_window,
        case when session_date <= autumn_ends_on then autumn_break_from else spring_break_from end as break_from,
        case when session_date <= autumn_ends_on then autumn_break_to else spring_break_to end as break_to,
        from_days_off,
        lag(session_date) over (partition by school_urn, open_days.school_year order by session_date) as held_before
    from open_days
    join windows on open_days.school_year = windows.school_year
),

parted as (
    select
        *,
        date_diff('day', held_before, session_date) - 1 as days_off,
        coalesce(date_diff('day', held_before, session_date) - 1 >= from_days_off, false) as is_after_break,
        lag(dfe_window) over (partition by school_urn, school_year order by session_date) as window_before
    from placed
),

in_runs as (
    select
        *,
        1 + count(*) filter (is_after_break) over (
            partition by school_urn, school_year
            order by session_date
            rows between unbounded preceding and current row
        ) as run
    from parted
),

runs as (
    select school_urn, school_year, run, min(session_date) as starts_on, min_by(dfe_window, session_date) as dfe_window
    from in_runs
    group by school_urn, school_year, run
),

years_of_six as (
    select school_urn, school_year
    from runs
    group by school_urn, school_year
    having count(*) = 6
        and bool_and(
            dfe_window = case when run <= 2 then 'autumn' when run <= 4 then 'spring' else 'summer ' || (run - 4) end
        )
),

-- a break parts two halves of one term: what lies between two terms is none
breaks as (
    select
        school_urn,
        school_year,
        dfe_window,
        session_date as ends_before,
        row_number() over (
            partition by school_urn, school_year, dfe_window
            order by days_off desc, session_date
        ) as place
    from in_runs
    where dfe_window in ('autumn', 'spring')
        and dfe_window = window_before
        and is_after_break
        and session_date > break_from
        and held_before < break_to
),

halved as (
    select
        in_runs.*,
        years_of_six.school_year is not null as is_of_six,
        coalesce(
            session_date >= ends_before,
            -- registers that begin at the time of the holiday or after it are of the second half
            min(session_date) over term >= break_from and max(session_date) over term > break_to
        ) as is_second_half
    from in_runs
    left join years_of_six
        on in_runs.school_urn = years_of_six.school_urn and in_runs.school_year = years_of_six.school_year
    left join breaks
        on in_runs.school_urn = breaks.school_urn
        and in_runs.school_year = breaks.school_year
        and in_runs.dfe_window = breaks.dfe_window
        and breaks.place = 1
    window term as (partition by in_runs.school_urn, in_runs.school_year, in_runs.dfe_window)
),

named as (
    select
        school_urn,
        school_year,
        session_date,
        case
            when is_of_six and run <= 2 then 'autumn ' || run
            when is_of_six and run <= 4 then 'spring ' || (run - 2)
            when is_of_six then 'summer ' || (run - 4)
            when dfe_window in ('autumn', 'spring') then dfe_window || if(is_second_half, ' 2', ' 1')
            else dfe_window
        end as half_term
    from halved
),

derived as (
    select
        school_urn,
        school_year,
        half_term,
        min(session_date) as starts_on,
        max(session_date) as ends_on,
        true as is_derived
    from named
    group by school_urn, school_year, half_term
),

half_terms as (
    select school_urn, school_year, half_term, starts_on, ends_on, false as is_derived
    from stated
    union all
    select school_urn, school_year, half_term, starts_on, ends_on, is_derived
    from derived
)

from half_terms
