-- The enrolments: who is at which school, from when to when.
--
-- A school is a number of places in each cohort (the children who started Reception in the same autumn).
-- A place has one pupil after another: some leave during a year or in summer, and another child takes the place.

-- One row per stay of one pupil at one school that touches the years of the sample. It can end after the as-at date.
create table sample.stays as
with

cohorts as (
    select schools.*, unnest(range(
        getvariable('first_year') - last_year_group, getvariable('last_year') - first_year_group + 1))::integer as cohort
    from sample.schools
),

places as (
    select
        *,
        unnest(range(1, 1 + greatest(2, round(
            pupils_per_year_group * (0.95 + 0.10 * uniform('cohort size', school_no, cohort)))::integer)))::integer as place
    from cohorts
),

place_years as (
    select
        *,
        unnest(range(cohort + first_year_group, cohort + last_year_group + 1))::integer as school_year,
        school_year = cohort + last_year_group as is_last_year,
        (school_no * 100 + cohort % 100)::bigint * 10000 + place as place_key
    from places
),

-- as many leave in summer as during the year
moves as (
    select
        *,
        uniform('move', place_key, school_year) as u,
        case phase when 'Special' then 0.03 else 0.05 end as share_leaving,
        case
            when u < share_leaving
                then make_date(school_year, 9, 25) + (floor(uniform('move day', place_key, school_year) * 265))::integer
            when u < 2 * share_leaving and not is_last_year
                then make_date(school_year + 1, 7, 31)
        end as leaves_by,
        case
            when u < share_leaving
                then leaves_by + (3 + floor(uniform('gap', place_key, school_year) * 40))::integer
            when u < 2 * share_leaving and not is_last_year
                then make_date(school_year + 1, 9, 1)
        end as next_joins_from
    from place_years
),

-- where each stay ends: at a move, or when the cohort has left the school; Year 11 leaves on the last Friday of June
ends as (
    select school_no, cohort, place_key, school_year, leaves_by, next_joins_from, u < share_leaving as is_in_year
    from moves
    where leaves_by is not null

    union all

    select
        school_no,
        cohort,
        place_key,
        school_year,
        case last_year_group
            when 11 then make_date(school_year + 1, 6, 30) - ((isodow(make_date(school_year + 1, 6, 30)) + 2) % 7)::integer
            else make_date(school_year + 1, 7, 31)
        end as leaves_by,
        null as next_joins_from,
        false as is_in_year
    from moves
    where is_last_year
),

stays as (
    select
        ends.* exclude (next_joins_from, school_year, is_in_year),
        phase,
        first_year_group,
        last_year_group,
        row_number() over at_place as occupant,
        coalesce(lag(next_joins_from) over at_place, make_date(cohort + first_year_group, 9, 1)) as joins_from,
        if(lag(is_in_year) over at_place, lag(school_year) over at_place, null) as joins_in_year,
        if(is_in_year, school_year, null) as leaves_in_year
    from ends
    join sample.schools using (school_no)
    window at_place as (partition by place_key order by leaves_by)
),

in_sample as (
    from stays
    where joins_from < leaves_by
        and leaves_by >= make_date(getvariable('first_year'), 9, 1)
        and joins_from <= getvariable('as_at')
)

select *, row_number() over (order by school_no, cohort, place_key, occupant)::integer as enrolment_no
from in_sample;

-- Which enrolment a pupil came from, when that was at another school of the trust.
create table sample.transfers as
with

-- up to a third of those who join during a year come from another school of the trust and phase
leavers as (
    select *, row_number() over (
        partition by phase, cohort, leaves_in_year order by uniform('leaver', enrolment_no, 0)) as turn
    from sample.stays
    where leaves_in_year >= getvariable('first_year') and leaves_by < getvariable('as_at') - 7
),

joiners as (
    select *, row_number() over (
        partition by phase, cohort, joins_in_year order by uniform('joiner', enrolment_no, 0)) as turn
    from sample.stays
    where joins_in_year is not null
),

movers as (
    select joiners.enrolment_no, leavers.enrolment_no as from_enrolment_no, leavers.leaves_by + 3 as joins_from
    from joiners
    join leavers
        on joiners.phase = leavers.phase
        and joiners.cohort = leavers.cohort
        and joiners.joins_in_year = leavers.leaves_in_year
        and joiners.turn = leavers.turn
        and joiners.school_no <> leavers.school_no
    where uniform('mover', joiners.enrolment_no, 0) < 0.35
),

-- two thirds of the Year 6 leavers go up to a secondary school of the trust
year_6 as (
    select *, row_number() over (partition by cohort order by uniform('going up', enrolment_no, 0)) as turn
    from sample.stays
    where phase = 'Primary' and leaves_by = make_date(cohort + 7, 7, 31)
        and uniform('stays in trust', enrolment_no, 0) < 0.66
),

year_7 as (
    select *, row_number() over (partition by cohort order by uniform('coming up', enrolment_no, 0)) as turn
    from sample.stays
    where phase = 'Secondary' and first_year_group = 7 and occupant = 1
),

going_up as (
    select year_7.enrolment_no, year_6.enrolment_no as from_enrolment_no, year_7.joins_from
    from year_7
    join year_6 using (cohort, turn)
)

from movers
union all by name
from going_up;

-- One row per enrolment, with its pupil. pupil_no is the pupil's first enrolment in the trust.
create table sample.enrolments as
with recursive

histories as (
    select enrolment_no, enrolment_no as pupil_no
    from sample.stays
    where enrolment_no not in (select enrolment_no from sample.transfers)

    union all

    select transfers.enrolment_no, histories.pupil_no
    from sample.transfers
    join histories on histories.enrolment_no = transfers.from_enrolment_no
),

dated as (
    select
        stays.* exclude (joins_from),
        coalesce(transfers.joins_from, stays.joins_from) as joins_from
    from sample.stays
    left join sample.transfers using (enrolment_no)
),

-- a pupil joins on the first day of school from then on, and leaves on the last day of school until then
joined as (
    select
        dated.*,
        if(
            joins_from < make_date(getvariable('first_year'), 9, 1),
            joins_from + [0, 0, 0, 0, 0, 2, 1][isodow(joins_from)],
            days.held_on
        ) as entry_date
    from dated
    asof left join (select held_on from sample.days) days on days.held_on >= joins_from
),

left_school as (
    select joined.*, if(leaves_by > getvariable('as_at'), leaves_by, days.held_on) as leaving_date
    from joined
    asof left join (select held_on from sample.days) days on days.held_on <= leaves_by
)

select
    enrolment_no,
    pupil_no,
    school_no,
    phase,
    cohort,
    place_key % 10000 as place,
    occupant,
    -- a school's own pupil number starts again at every school
    (1000 + row_number() over (partition by school_no order by entry_date, enrolment_no))::integer as mis_id,
    entry_date,
    leaving_date
from left_school
join histories using (enrolment_no)
where entry_date <= least(leaving_date, getvariable('as_at'));
