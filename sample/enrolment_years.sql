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

-- primary needs in percent, ours: in the order of DfE's Special educational needs in England, by provision and phase
needs as (
    from (values
        ('ASD',  [ 8.0, 11.0, 33.0, 32.0, 36.0]),
        ('HI',   [ 1.5,  1.3,  2.0,  2.5,  0.6]),
        ('MLD',  [15.0, 14.0,  6.0, 11.0, 11.0]),
        ('MSI',  [ 0.5,  0.1,  0.3,  0.3,  0.1]),
        ('NSA',  [ 7.0,  3.0,  0.0,  0.0,  0.0]),
        ('OTH',  [ 4.0,  6.0,  2.0,  3.0,  1.0]),
        ('PD',   [ 2.0,  2.0,  5.0,  4.0,  2.5]),
        ('PMLD', [ 0.0,  0.0,  0.7,  0.0,  6.0]),
        ('SEMH', [18.0, 27.0, 13.0, 20.0, 14.0]),
        ('SLCN', [34.0, 13.0, 31.0, 17.0,  9.0]),
        ('SLD',  [ 0.0,  0.0,  4.0,  1.0, 19.0]),
        ('SPLD', [ 9.0, 22.0,  2.0,  8.0,  0.5]),
        ('VI',   [ 1.0,  0.6,  1.0,  1.2,  0.3])
    ) shares (sen_need, percents)
),

need_ranges as (
    select
        sen_need,
        columns[1] as sen,
        columns[2] as phase,
        sum(percent) over (partition by columns order by sen_need) / sum(percent) over (partition by columns) as upper
    from (
        select
            sen_need,
            unnest(percents) as percent,
            unnest([('K', 'Primary'), ('K', 'Secondary'), ('E', 'Primary'), ('E', 'Secondary'), ('E', 'Special')])
                as columns
        from needs
    ) listed
    where percent > 0
),

-- free school meals have grown with transitional protection, and plans year by year
status as (
    select
        in_sessions.*,
        school_year - 2022 as years_on,
        uniform('fsm', pupil_no, 0) < fsm * (1 - 0.7 * advantage) * (1 + 0.03 * years_on) as is_fsm,
        uniform('fsm', pupil_no, 0) < fsm * (1 - 0.7 * advantage) * (1.15 + 0.03 * years_on) as is_fsm_ever_6,
        uniform('sen', pupil_no, 0) as sen_draw,
        case
            when sen_draw < ehc_plan + 0.004 * years_on then 'E'
            when sen_draw < ehc_plan + 0.004 * years_on
                + sen_support * (1 - 0.5 * advantage) * if(year_group = 0, 0.6, 1.0) then 'K'
            else 'N'
        end as sen,
        -- poverty goes with need: the same shares overall, three times the odds among pupils on free meals
        if(is_fsm, 1.9, 0.7) as odds,
        -- half of those ever known to social care are known in a given year
        uniform('care', pupil_no, 0) as care_draw,
        uniform('in need', pupil_no, school_year) < 0.5 as is_active,
        care_draw < 1.4 * looked_after as was_in_care,
        care_draw < looked_after + 2 * odds * (protected + in_need) as was_known,
        case
            when care_draw < looked_after then 'looked after'
            when care_draw < looked_after + 2 * odds * protected and is_active then 'protected'
            when was_known and is_active then 'in need'
        end as care,
        uniform('carer', pupil_no, 0) < young_carer as is_young_carer
    from in_sessions
    join prevalence using (phase)
    join (select school_no, advantage from sample.schools) using (school_no)
)

select
    enrolment_no,
    pupil_no,
    school_no,
    status.phase,
    school_year,
    year_group,
    first_session::integer as first_session,
    last_session::integer as last_session,
    is_fsm,
    is_fsm_ever_6,
    status.sen,
    sen_need,
    care,
    was_in_care,
    was_known,
    is_young_carer,
    mis_id,
    entry_date,
    leaving_date,
    -- classes of about 27, kept from year to year; a special school's are of about 9
    if(year_group = 0, 'R', year_group::varchar)
        || chr(65 + (place % ceil(pupils_per_year_group / if(status.phase = 'Special', 9, 27))::integer)::integer) as class
from status
asof left join need_ranges
    on status.sen = need_ranges.sen
    and status.phase = need_ranges.phase
    and uniform('sen need', status.pupil_no, 0) < need_ranges.upper
join (select school_no, pupils_per_year_group from sample.schools) using (school_no);
