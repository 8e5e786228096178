-- The pupils: who sits where, from when to when, and what the school knows of them each year.
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

moves as (
    select
        *,
        uniform('move', place_key, school_year) as u,
        case phase when 'Special' then 0.03 else 0.05 end as leaves_in_year,
        case
            when u < leaves_in_year
                then make_date(school_year, 9, 25) + (floor(uniform('move day', place_key, school_year) * 265))::integer
            when u < 2 * leaves_in_year and not is_last_year
                then make_date(school_year + 1, 7, 31)
        end as leaves_by,
        case
            when u < leaves_in_year
                then leaves_by + (3 + floor(uniform('gap', place_key, school_year) * 40))::integer
            when u < 2 * leaves_in_year and not is_last_year
                then make_date(school_year + 1, 9, 1)
        end as next_joins_from
    from place_years
),

-- where each stay ends: at a move, or when the cohort has left the school; Year 11 leaves on the last Friday of June
ends as (
    select school_no, cohort, place_key, school_year, leaves_by, next_joins_from, u < leaves_in_year as is_in_year
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

kept as (
    select *, row_number() over (order by school_no, cohort, place_key, occupant)::integer as enrolment_no
    from stays
    where joins_from < leaves_by
        and leaves_by >= make_date(getvariable('first_year'), 9, 1)
        and joins_from <= getvariable('as_at')
)

from kept;

-- Which enrolment a pupil came from, when that was at another school of the trust.
create table sample.transfers as
with

-- a fifth of those who join during a year take up the place from another school of the trust and phase
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

-- One row per pupil: what does not change.
create table sample.pupils as
with

first_enrolments as (
    select *
    from sample.enrolments
    where enrolment_no = pupil_no
),

-- pupils who did not start school in the trust have their UPN from one of forty schools elsewhere
first_schools as (
    select
        *,
        if(occupant = 1 and phase <> 'Secondary', school_no, -1 - floor(40 * uniform('elsewhere', pupil_no, 0)))::integer
            as first_school_no
    from first_enrolments
),

serials as (
    select
        *,
        row_number() over (partition by first_school_no, cohort order by pupil_no) - 1 as issued_before
    from first_schools
),

-- a number serves 999 pupils a year; 9000 and above is used by no real school
numbered as (
    select
        *,
        8999 + dense_rank() over (order by first_school_no, issued_before // 999) as establishment,
        printf('383%04d%02d%03d', establishment, cohort % 100, issued_before % 999 + 1) as digits
    from serials
),

checked as (
    select
        *,
        list_sum(list_transform(range(1, 13), lambda place: (place + 1) * digits[place]::integer)) % 23 as check_digit
    from numbered
),

ethnicities as (
    select code, upper, first_language_other
    from (values
        ('WBRI', 0.670, 0.01), ('WOTH', 0.740, 0.75), ('WIRT', 0.743, 0.02), ('WROM', 0.748, 0.80),
        ('APKN', 0.815, 0.60), ('AIND', 0.840, 0.55), ('ABAN', 0.855, 0.70), ('AOTH', 0.875, 0.65),
        ('BAFR', 0.910, 0.60), ('BCRB', 0.918, 0.03), ('MWBC', 0.935, 0.02), ('MWAS', 0.953, 0.12),
        ('MOTH', 0.970, 0.15), ('CHNE', 0.976, 0.65), ('OOTH', 0.992, 0.70), ('NOBT', 1.000, 0.15)
    ) shares (code, upper, first_language_other)
)

select
    checked.pupil_no,
    cohort,
    'ABCDEFGHJKLMNPQRTUVWXYZ'[check_digit::integer + 1] || digits as upn,
    if(uniform('sex', checked.pupil_no, 0) < 0.49, 'F', 'M') as sex,
    forenames.name as forename,
    surnames.name as surname,
    make_date(cohort - 5, 9, 1) + floor(365 * uniform('birthday', checked.pupil_no, 0))::integer as date_of_birth,
    ethnicities.code as ethnicity,
    uniform('language', checked.pupil_no, 0) < first_language_other as has_eal,
    ethnicities.code in ('APKN', 'ABAN') or (ethnicities.code in ('AOTH', 'BAFR', 'OOTH')
        and uniform('observes', checked.pupil_no, 0) < 0.4) as keeps_eid,
    normal('absence', checked.pupil_no, 0) as absence_z,
    normal('lateness', checked.pupil_no, 0) as lateness_z
from checked
asof join ethnicities on uniform('ethnicity', checked.pupil_no, 0) < ethnicities.upper
join sample.forenames
    on forenames.sex = if(uniform('sex', checked.pupil_no, 0) < 0.49, 'F', 'M')
    and forenames.name_no = floor(uniform('forename', checked.pupil_no, 0) * (select max(name_no) + 1 from sample.forenames where sex = 'F'))
join sample.surnames
    on surnames.name_no = floor(uniform('surname', checked.pupil_no, 0) * (select max(name_no) + 1 from sample.surnames));

-- One row per enrolment and school year in which it has at least one session: status, class and place in the year.
create table sample.enrolment_years as
with

years as (
    select
        school_year,
        min(held_on) as first_day,
        max(held_on) as last_day
    from sample.days
    group by all
),

in_year as (
    select
        enrolments.*,
        school_year,
        (school_year - cohort)::integer as year_group,
        greatest(entry_date, first_day) as from_day,
        least(leaving_date, last_day) as to_day
    from sample.enrolments
    join years on entry_date <= last_day and leaving_date >= first_day
),

in_sessions as (
    select
        in_year.*,
        2 * from_days.day_no - 1 as first_session,
        2 * to_days.day_no as last_session
    from in_year
    join sample.days from_days on from_days.held_on = from_day
    join sample.days to_days on to_days.held_on = to_day
),

-- national prevalence by phase (DfE, Schools, pupils and their characteristics; Outcomes for children in need), rounded
prevalence as (
    from (values
        ('Primary',   0.235, 0.140, 0.036, 0.026, 0.005, 0.006, 0.008),
        ('Secondary', 0.225, 0.130, 0.036, 0.027, 0.005, 0.008, 0.012),
        ('Special',   0.460, 0.000, 1.000, 0.120, 0.012, 0.030, 0.015)
    ) shares (phase, fsm, sen_support, ehc_plan, in_need, protected, looked_after, young_carer)
),

-- free school meals have grown with transitional protection, and plans year by year
status as (
    select
        in_sessions.*,
        school_year - 2022 as years_on,
        uniform('fsm', pupil_no, 0) < fsm * (1 - 0.7 * standing) * (1 + 0.03 * years_on) as is_fsm,
        uniform('fsm', pupil_no, 0) < fsm * (1 - 0.7 * standing) * (1.15 + 0.03 * years_on) as is_fsm_ever_6,
        uniform('sen', pupil_no, 0) as sen_draw,
        case
            when sen_draw < ehc_plan + 0.004 * years_on then 'E'
            when sen_draw < ehc_plan + 0.004 * years_on
                + sen_support * (1 - 0.5 * standing) * if(year_group = 0, 0.6, 1.0) then 'K'
            else 'N'
        end as sen,
        -- poverty goes with need: the same shares overall, three times the odds among pupils on free meals
        if(is_fsm, 1.9, 0.7) as odds,
        -- half of those ever known to social care are known in a given year
        uniform('care', pupil_no, 0) as care_draw,
        uniform('in need', pupil_no, school_year) < 0.5 as is_active,
        care_draw < 1.4 * looked_after as was_in_care,
        case
            when care_draw < looked_after then 'looked after'
            when care_draw < looked_after + 2 * odds * protected and is_active then 'protected'
            when care_draw < looked_after + 2 * odds * (protected + in_need) and is_active then 'in need'
        end as care,
        uniform('carer', pupil_no, 0) < young_carer as is_young_carer
    from in_sessions
    join prevalence using (phase)
    join (select school_no, standing from sample.schools) using (school_no)
)

select
    enrolment_no,
    pupil_no,
    school_no,
    phase,
    school_year,
    year_group,
    first_session::integer as first_session,
    last_session::integer as last_session,
    is_fsm,
    is_fsm_ever_6,
    sen,
    care,
    was_in_care,
    is_young_carer,
    mis_id,
    entry_date,
    leaving_date,
    -- classes of about 27, kept from year to year; a special school's are of about 9
    if(year_group = 0, 'R', year_group::varchar)
        || chr(65 + (place % ceil(pupils_per_year_group / if(phase = 'Special', 9, 27))::integer)::integer) as class
from status
join (select school_no, pupils_per_year_group from sample.schools) using (school_no);
