-- The last day that figures count, and the school year and week that it is in.
--
-- grain: as_at

with

project as (
    from raw.project
),

loads as (
    from raw.loads
),

possible_codes as (
    select distinct code
    from rules.register_codes
    where is_possible
),

-- holidays, leave and closures are entered ahead: only sessions that had been held when the file came say how far it goes
newest as (
    select max(session_date) as session_date
    from raw.marks as marks
    semi join possible_codes using (code)
    join loads using (load_number)
    where not is_deleted and session_date <= loaded_at::date
),

chosen as (
    select coalesce(project.as_at, newest.session_date, date '2000-01-01') as as_at
    from project cross join newest
),

dated as (
    select
        as_at,
        -- a school year is the one whose first term begins after July (SI 1999/3181 reg 2)
        year(as_at) - if(month(as_at) < 8, 1, 0) as starts_in,
        isoyear(as_at) as week_year,
        week(as_at) as week,
        isodow(as_at) as weekday
    from chosen
),

named as (
    select *, starts_in || '/' || right((starts_in + 1)::varchar, 2) as school_year
    from dated
)

from named
