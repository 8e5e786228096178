-- How much school each pupil misses in a year, and in which spells.

-- One row per enrolment and year: where the enrolment stands among those of its phase and year, from 0 (misses least)
-- to 1. The effects are set so that gaps between groups come out as nationally.
create table sample.standings as
with

-- the years in which a school lists a long-term medical condition for any time
medical_years as (
    select distinct enrolment_no, school_year
    from sample.flags
    join sample.days on held_on between from_on and coalesce(to_on, held_on)
    where flag = 'Long-term medical'
),

scored as (
    select
        enrolment_years.*,
        last_session - first_session + 1 as sessions,
        -- 0.7 of the variance stays with the pupil from year to year
        sqrt(0.7) * absence_z + sqrt(0.3) * normal('absence in year', pupil_no, school_year)
            + 0.55 * is_fsm::integer
            + case sen when 'E' then 0.65 when 'K' then 0.42 else 0 end
            + case care
                when 'protected' then if(phase = 'Primary', 0.9, 1.1)
                when 'in need' then if(phase = 'Primary', 0.55, 0.8)
                when 'looked after' then if(phase = 'Primary', -0.5, 0)
                else 0
            end
            + 0.2 * is_young_carer::integer
            + if(medical_years.enrolment_no is null, 0, 0.8)
            + case arrangements.code when 'C2' then 1.8 when 'K' then 0.8 when 'B' then 0.5 else 0 end
            -- pupils who come or go during a year miss more of the part they are there for
            + if(sessions < 0.9 * max(sessions) over (partition by school_no, school_year), 1.0, 0)
            + case
                when phase = 'Special' then 0
                else [0.10, 0.16, 0.0, -0.05, -0.05, -0.02, 0.0, -0.25, 0.0, 0.12, 0.15, 0.15][year_group + 1]
            end
            - 0.25 * advantage as score
    from sample.enrolment_years
    join sample.pupils using (pupil_no)
    join (select school_no, advantage from sample.schools) using (school_no)
    left join sample.arrangements using (enrolment_no, school_year)
    left join medical_years using (enrolment_no, school_year)
)

select
    enrolment_no,
    pupil_no,
    phase,
    school_year,
    first_session,
    last_session,
    sessions,
    is_fsm,
    (row_number() over (partition by phase, school_year order by score, enrolment_no) - 0.5)
        / count(*) over (partition by phase, school_year) as quantile
from scored;

-- Absence of a phase in a year as steps: an enrolment at a quantile within a step misses a share of sessions within it.
-- The bands keep DfE's proportions (band_mix) but persistent and severe absence are the year's own (rates), and the
-- bend of the lowest band is solved so that all sessions together average the year's absence rate.
create table sample.absence_curve as
with

-- severe absence is not published for a year in progress: it follows persistent absence from the year before
yearly_rates as (
    select
        *,
        coalesce(severe, lag(severe) over phase_years * persistent / lag(persistent) over phase_years) as severe_or_expected
    from sample.rates
    window phase_years as (partition by phase order by school_year)
),

parts as (
    select
        *,
        case when from_rate >= 0.5 then 'severe' when from_rate >= 0.1 then 'persistent' else 'under a tenth' end as part
    from sample.band_mix
),

yearly as (
    select
        parts.phase,
        school_year,
        from_rate,
        to_rate,
        share / sum(share) over (partition by parts.phase, school_year, part)
            * case part
                when 'severe' then severe_or_expected
                when 'persistent' then persistent - severe_or_expected
                else 1 - persistent
            end as share,
        absence
    from parts
    join yearly_rates using (phase)
),

steps as (
    select
        *,
        coalesce(sum(share) over (
            partition by phase, school_year order by from_rate
            rows between unbounded preceding and 1 preceding), 0) as from_quantile,
        -- within a band there are more pupils near its foot: a bend of 1.5 puts the mean at 0.4 of the band
        if(from_rate >= 0.5, 2.5, 1.5) - if(phase = 'Special', 0.4, 0) as usual_bend
    from yearly
),

sessions_in_steps as (
    select standings.phase, standings.school_year, from_rate, sum(sessions) as sessions
    from sample.standings
    asof join steps
        on standings.phase = steps.phase
        and standings.school_year = steps.school_year
        and quantile >= from_quantile
    group by all
),

solved as (
    select
        steps.*,
        sum(sessions * absence) over phase_year
            - sum(if(from_rate > 0, sessions * (from_rate + (to_rate - from_rate) / (1 + usual_bend)), 0)) over phase_year
            as left_for_lowest,
        left_for_lowest / sum(if(from_rate = 0, sessions, 0)) over phase_year as lowest_mean
    from steps
    left join sessions_in_steps using (phase, school_year, from_rate)
    window phase_year as (partition by phase, school_year)
)

select
    phase,
    school_year,
    from_quantile,
    from_rate,
    to_rate,
    share,
    if(from_rate = 0, to_rate / least(0.8 * to_rate, greatest(0.2 * to_rate, lowest_mean)) - 1, usual_bend) as bend
from solved;

-- One row per enrolment and year: the share of sessions missed, and how many that is beyond what is planned.
create table sample.propensities as
with

rated as (
    select
        standings.*,
        from_rate + (to_rate - from_rate) * pow((quantile - from_quantile) / share, bend) as rate
    from sample.standings
    asof join sample.absence_curve
        on standings.phase = absence_curve.phase
        and standings.school_year = absence_curve.school_year
        and quantile >= from_quantile
),

planned as (
    select
        enrolment_no,
        school_year,
        count(*) filter (code in ('D', 'X')) as not_possible,
        count(*) filter (code in ('C2', 'R', 'S', 'J1')) as planned_absences
    from sample.planned_marks
    group by all
)

select
    enrolment_no,
    pupil_no,
    phase,
    school_year,
    first_session,
    last_session,
    rate,
    greatest(0, round(rate * (sessions - coalesce(not_possible, 0))) - coalesce(planned_absences, 0))::integer as to_miss,
    -- long absence comes in long spells
    if(rate > 0.3 and uniform('long spells', enrolment_no, school_year) < 0.7,
        96 + floor(32 * uniform('pattern', enrolment_no, school_year)),
        floor(96 * uniform('pattern', enrolment_no, school_year)))::integer as pattern,
    case when rate < 0.05 then 1 when rate < 0.10 then 2 when rate < 0.50 then 3 else 4 end as level,
    -- what a pupil's absence is mostly about, for as long as the pupil is known
    case
        when ethnicity in ('WIRT', 'WROM') then 'travelling'
        when uniform('habit', pupil_no, 0) < if(phase = 'Primary', 0.015, 0.06) then 'suspended'
        when uniform('habit', pupil_no, 0) < 0.16 then 'late'
        when uniform('habit', pupil_no, 0) < 0.36 + 0.12 * is_fsm::integer then 'unexplained'
        when uniform('habit', pupil_no, 0) < 0.62 then 'holidays'
        else 'ill'
    end as habit
from rated
join (select pupil_no, ethnicity from sample.pupils) using (pupil_no)
left join planned using (enrolment_no, school_year);

-- One row per spell of absence. Every pupil's spells race; the first to arrive are the ones missed, until the year's
-- number of sessions is reached.
create table sample.absences as
with

racing as (
    select
        propensities.*,
        first_session_of_spell,
        sessions,
        is_block,
        -ln(uniform('race', enrolment_no, school_year * 1000 + first_session_of_spell)) / weight as arrives_at
    from sample.propensities
    join (select * rename (first_session as first_session_of_spell) from sample.spells) spells using (school_year, pattern)
    where first_session_of_spell >= first_session
        and first_session_of_spell + sessions - 1 <= last_session
        and sessions <= to_miss
),

counted as (
    select
        *,
        sum(sessions) over (
            partition by enrolment_no, school_year order by arrives_at, first_session_of_spell
            rows between unbounded preceding and current row) - sessions as missed_before
    from racing
),

missed as (
    select
        enrolment_no,
        pupil_no,
        phase,
        school_year,
        level,
        habit,
        first_session_of_spell as first_session,
        least(sessions, to_miss - missed_before)::integer as sessions,
        is_block
    from counted
    where missed_before < to_miss
)

select
    *,
    case
        when sessions = 1 then if(first_session % 2 = 1, 'morning', 'afternoon')
        when is_block and sessions >= 5 then 'holiday block'
        when sessions <= 2 then 'day'
        when sessions <= 10 then 'days'
        else 'long'
    end as kind
from missed;
