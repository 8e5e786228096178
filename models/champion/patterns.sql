-- On which kind of day each pupil's absences fall more often than on the others, and whether chance could do it.
--
-- Pupils on roll on the as-at date, days of this school year. Of weekdays and of days beside holidays the unit
-- is the day: a day with a possible session, missed if none of it was attended. A holiday is what lies between
-- half terms: their first and last school days are beside one; of a half term that is not over nobody knows the
-- last. Of mornings and afternoons the unit is the half day missed on a day whose other half was attended, and
-- the others are the other halves. Only patterns with the least number of absences that rules.champion_lists
-- says, and more often than on the others. `chance`: how likely as many or more of the pupil's absences would
-- fall on such days if they fell on any of the pupil's days alike (hypergeometric; of half days binomial, one in
-- two). is_more_than_chance: less likely than the level in rules.champion_lists, which is strict since every
-- pupil is looked at in ten ways. Absences that come in a row, such as an illness of a week, fall on all
-- weekdays and hide a pattern rather than make one. Half days of an agreed part-time timetable (code C2) are
-- left out; a whole day of it each week is a pattern. A pattern says where to ask, not why.
--
-- grain: school_urn, pupil_key, pattern
-- check: unit in ('days', 'half days')
-- check: chance > 0 and chance <= 1
-- check: absences <= all_absences

with

as_at as (
    from staging.as_at
),

pupils as (
    from champion.pupils
),

pupil_weeks as (
    from staging.pupil_weeks
),

absences as (
    select absences_and_lates.*
    from staging.absences_and_lates as absences_and_lates
    join as_at on absences_and_lates.school_year = as_at.school_year
    where is_absent
),

school_days as (
    from staging.school_days
),

half_terms as (
    from staging.half_terms
),

periods as (
    from staging.periods
    where period_type = 'half_term'
),

limits as (
    select
        max(cast(value as integer)) filter (where rule = 'pattern_minimum_absences') as minimum_absences,
        max(cast(value as double)) filter (where rule = 'pattern_chance') as chance_below
    from rules.champion_lists
),

weeks as (
    select
        pupils.school_urn,
        pupils.pupil_key,
        week_from,
        -- a day has the bit of its morning: Monday 1, Tuesday 4, Wednesday 16, Thursday 64, Friday 256
        (possible_in_week | (possible_in_week >> 1)) & 5461 as days_possible,
        (attended_in_week | (attended_in_week >> 1)) & 5461 as days_attended
    from pupil_weeks
    join pupils
        on pupil_weeks.school_urn = pupils.school_urn
        and pupil_weeks.pupil_key = pupils.pupil_key
        and pupil_weeks.school_year = pupils.school_year
),

missed as (
    select weeks.*, days_possible - days_attended as days_missed
    from weeks
),

all_days as (
    select
        school_urn,
        pupil_key,
        sum(bit_count(days_possible))::bigint as all_days,
        sum(bit_count(days_missed))::bigint as all_absences,
        sum(bit_count(days_possible & 1))::bigint as mondays,
        sum(bit_count(days_possible & 4))::bigint as tuesdays,
        sum(bit_count(days_possible & 16))::bigint as wednesdays,
        sum(bit_count(days_possible & 64))::bigint as thursdays,
        sum(bit_count(days_possible & 256))::bigint as fridays,
        sum(bit_count(days_missed & 1))::bigint as mondays_missed,
        sum(bit_count(days_missed & 4))::bigint as tuesdays_missed,
        sum(bit_count(days_missed & 16))::bigint as wednesdays_missed,
        sum(bit_count(days_missed & 64))::bigint as thursdays_missed,
        sum(bit_count(days_missed & 256))::bigint as fridays_missed
    from missed
    group by school_urn, pupil_key
),

-- the school days of a half term: the first and the last are those that were held, not those that it states
edges as (
    select
        half_terms.school_urn,
        half_term,
        is_complete,
        min(session_date) as first_day,
        max(session_date) as last_day
    from half_terms
    join as_at on half_terms.school_year = as_at.school_year
    join school_days
        on half_terms.school_urn = school_days.school_urn
        and session_date between half_terms.starts_on and half_terms.ends_on
    join periods
        on half_terms.school_urn = periods.school_urn
        and half_terms.school_year = periods.school_year
        and half_term = period
    group by half_terms.school_urn, half_term, is_complete
),

days_beside_holidays as (
    select school_urn, 'day after a holiday' as pattern, first_day as day_on
    from edges
    union all
    select school_urn, 'day before a holiday' as pattern, last_day as day_on
    from edges
    where is_complete
    union all
    select school_urn, 'last day of term' as pattern, last_day as day_on
    from edges
    where is_complete and half_term in ('autumn 2', 'spring 2', 'summer 2')
),

placed_days as (
    select
        school_urn,
        pattern,
        cast(date_trunc('week', day_on) as date) as week_from,
        cast(1 << cast(2 * (isodow(day_on) - 1) as integer) as integer) as day_bit
    from days_beside_holidays
),

beside_holidays as (
    select
        missed.school_urn,
        pupil_key,
        pattern,
        sum(bit_count(days_possible & day_bit))::bigint as days,
        sum(bit_count(days_missed & day_bit))::bigint as absences
    from missed
    join placed_days on missed.school_urn = placed_days.school_urn and missed.week_from = placed_days.week_from
    group by missed.school_urn, pupil_key, pattern
),

days_missed_in_part as (
    select school_urn, pupil_key, week_from, session_date, max(session) as session, max(code) as code
    from absences
    group by school_urn, pupil_key, week_from, session_date
    having count(*) = 1
),

half_days as (
    select
        weeks.school_urn,
        weeks.pupil_key,
        count(*) as all_absences,
        count(*) filter (where session = 'AM') as mornings,
        count(*) filter (where session = 'PM') as afternoons
    from days_missed_in_part
    join weeks
        on days_missed_in_part.school_urn = weeks.school_urn
        and days_missed_in_part.pupil_key = weeks.pupil_key
        and days_missed_in_part.week_from = weeks.week_from
    where code <> 'C2' and days_attended & cast(1 << cast(2 * (isodow(session_date) - 1) as integer) as integer) > 0
    group by weeks.school_urn, weeks.pupil_key
),

names as (
    select pattern
    from (values ('Monday'), ('Tuesday'), ('Wednesday'), ('Thursday'), ('Friday')) as weekdays (pattern)
),

united as (
    select
        school_urn,
        pupil_key,
        pattern,
        case pattern
            when 'Monday' then mondays
            when 'Tuesday' then tuesdays
            when 'Wednesday' then wednesdays
            when 'Thursday' then thursdays
            when 'Friday' then fridays
        end as days,
        case pattern
            when 'Monday' then mondays_missed
            when 'Tuesday' then tuesdays_missed
            when 'Wednesday' then wednesdays_missed
            when 'Thursday' then thursdays_missed
            when 'Friday' then fridays_missed
        end as absences,
        all_days,
        all_absences
    from all_days cross join names
    union all
    select beside_holidays.school_urn, beside_holidays.pupil_key, pattern, days, absences, all_days, all_absences
    from beside_holidays
    join all_days
        on beside_holidays.school_urn = all_days.school_urn and beside_holidays.pupil_key = all_days.pupil_key
    union all
    select school_urn, pupil_key, 'mornings' as pattern, null, mornings, null, all_absences
    from half_days
    union all
    select school_urn, pupil_key, 'afternoons' as pattern, null, afternoons, null, all_absences
    from half_days
),

more_often as (
    select united.*
    from united cross join limits
    where absences >= minimum_absences
        and case
            when all_days is null then 2 * absences > all_absences
            else absences * all_days > all_absences * days
        end
),

cases as (
    select distinct
        absences,
        all_absences,
        days,
        all_days,
        greatest(coalesce(days + all_absences - all_days, 0), 0) as fewest,
        least(coalesce(days, all_absences), all_absences) as most
    from more_often
),

outcomes as (
    select cases.*, unnest(generate_series(fewest, most)) as outcome
    from cases
),

-- how likely each outcome is beside the fewest: each outcome follows from the one before it, without a factorial
weighed as (
    select
        *,
        exp(
            sum(
                case
                    when outcome = fewest then 0
                    when all_days is null then ln((all_absences - outcome + 1) / cast(outcome as double))
                    else ln(
                        (days - outcome + 1) * (all_absences - outcome + 1)
                        / cast(outcome * (all_days - days - all_absences + outcome) as double)
                    )
                end
            ) over (partition by absences, all_absences, days, all_days order by outcome)
        ) as weight
    from outcomes
),

chances as (
    select
        absences,
        all_absences,
        days,
        all_days,
        sum(case when outcome >= absences then weight end) / sum(weight) as chance
    from weighed
    group by absences, all_absences, days, all_days
),

told as (
    select
        more_often.school_urn,
        more_often.pupil_key,
        pupils.school_year,
        pattern,
        case when more_often.all_days is null then 'half days' else 'days' end as unit,
        pupils.year_group,
        pupils.registration_group,
        more_often.absences,
        more_often.all_absences,
        more_often.days as days_possible,
        more_often.all_days - more_often.days as other_days_possible,
        100.0 * more_often.absences / more_often.days as percent_absence,
        100.0 * (more_often.all_absences - more_often.absences) / nullif(more_often.all_days - more_often.days, 0)
            as percent_absence_other,
        100.0 * more_often.absences / more_often.all_absences as percent_of_absences,
        chance,
        chance < chance_below as is_more_than_chance
    from more_often
    cross join limits
    join pupils on more_often.school_urn = pupils.school_urn and more_often.pupil_key = pupils.pupil_key
    join chances
        on more_often.absences = chances.absences
        and more_often.all_absences = chances.all_absences
        and more_often.days is not distinct from chances.days
        and more_often.all_days is not distinct from chances.all_days
)

from told
