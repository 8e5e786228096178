-- The days and sessions of each school year, and the ways a year can be cut into spells.

-- One row per day on which school was held, up to the as-at date. day_no counts from 1 in each year.
create table sample.days as
with

dates as (
    select *, unnest(generate_series(first_day, last_day, interval 1 day))::date as held_on
    from sample.half_terms
),

school_days as (
    select
        school_year,
        half_term,
        held_on,
        row_number() over (partition by school_year order by held_on)::integer as day_no,
        row_number() over (partition by school_year, half_term order by held_on)::integer as days_since_break,
        row_number() over (partition by school_year, half_term order by held_on desc)::integer as days_to_break
    from dates
    where isodow(held_on) <= 5 and held_on not in (select closed_on from sample.closed_days)
),

-- absence is lowest in September and highest before Christmas, and on Mondays and Fridays
weighted as (
    select
        *,
        [1.05, 1.04, 1.05, 0.98, 0.95, 1.00, 1.12, 1.0, 0.78, 0.95, 1.10, 1.28][month(held_on)]
            * [1.07, 0.95, 0.94, 0.96, 1.11][isodow(held_on)] as weight
    from school_days
)

from weighted
where held_on <= getvariable('as_at');

-- One row per session: half a day.
create table sample.sessions as
select
    school_year,
    day_no,
    held_on,
    is_pm,
    (day_no * 2 - 1 + is_pm::integer)::integer as session_no,
    if(is_pm, 'PM', 'AM') as session
from sample.days, (values (false), (true)) halves (is_pm);

-- One row per spell of each pattern: 96 patterns cut a year into short spells, 32 more into long ones.
-- A pupil's absences are whole spells of one pattern, so illness lasts days and holidays lie next to breaks.
create table sample.spells as
with

patterns as (
    select unnest(range(128))::integer as pattern
),

breaks as (
    select
        school_year,
        half_term,
        pattern,
        if(uniform('block before break', pattern, hash(school_year, half_term)) < 0.40,
            3 + floor(6 * uniform('length before', pattern, hash(school_year, half_term))), 0) as block_before,
        if(uniform('block after break', pattern, hash(school_year, half_term)) < 0.30,
            2 + floor(5 * uniform('length after', pattern, hash(school_year, half_term))), 0) as block_after
    from sample.half_terms, patterns
),

cut_days as (
    select
        days.*,
        pattern,
        days_to_break <= block_before or days_since_break <= block_after as is_block,
        days_since_break = 1
            or days_to_break = block_before
            or (not is_block and days_since_break = block_after + 1)
            or (not is_block and uniform('cut', pattern, school_year * 1000 + day_no) < if(pattern < 96, 0.52, 0.10))
            as starts_spell
    from sample.days
    join breaks using (school_year, half_term)
),

numbered as (
    select
        *,
        sum(starts_spell::integer) over (partition by school_year, pattern order by day_no) as spell
    from cut_days
),

whole as (
    select
        school_year,
        pattern,
        spell,
        min(day_no) as first_day,
        count(*) as days,
        avg(weight) * if(bool_or(is_block), 1.4, 1.0) as weight,
        bool_or(is_block) as is_block
    from numbered
    group by all
),

-- half of the single days become two single sessions
halved as (
    select
        whole.*,
        days = 1 and not is_block and uniform('halve', pattern, school_year * 1000 + first_day) < 0.5 as is_halved,
        unnest(if(is_halved, [0, 1], [0])) as half
    from whole
)

select
    school_year,
    pattern,
    (first_day * 2 - 1 + half)::integer as first_session,
    (if(is_halved, 1, days * 2))::integer as sessions,
    weight,
    is_block
from halved;
