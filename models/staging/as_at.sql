-- The last day that figures count, and the school year and week that it is in.
--
-- grain: as_at

with

project as (
    from raw.project
),

newest as (
    select max(session_date) as session_date
    from raw.marks
    where code <> '-'
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
