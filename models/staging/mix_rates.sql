-- England's rates of absence and of persistent absence by phase, free school meals and SEND, for the last school
-- year of which DfE has told the bands of absence so, beside the rates of the whole phase.
--
-- Persistent absence is exact: enrolments in the bands from 10% up. `rate` of percent_attendance is absence,
-- estimated by the middles of the bands (rules.contextual_limits for the highest), less what they come to above the
-- phase's published absence of that year. In 2022/23 that is 0.7 points in primary, 1.2 in secondary and 0.9 in
-- special schools, for pupils lie towards the lower end of a band, and enrolments of a few weeks count as much as
-- others in a band, but not in absence. Then eligible pupils miss 1.9 times as much as others, as in DfE's daily
-- series of autumn 2023 and 2024 (10.4 to 5.5 and 10.0 to 5.2); by the middles alone it would be 1.8. With 60%
-- rather than 75% for the highest band the attendance expected of a secondary school would be 0.03 points higher
-- where 25% are eligible and 20% have SEND, 0.2 where 50% and 25%.
--
-- Unclassified enrolments, and cells of so few that they are no benchmark, have no rate and are not in the phase's.
--
-- grain: phase, fsm, send, measure
-- check: rate between 0 and 100

with

published_bands as (
    select school_year, phase, fsm, send, band, enrolments::bigint as enrolments
    from rules.published_bands
    where school_year = (select max(school_year) from rules.published_bands)
),

limits as (
    select
        max(value::integer) filter (rule = 'enrolments') as minimum_enrolments,
        max(value::double) filter (rule = 'percent_missed_of_50_or_more') as missed_of_50_or_more
    from rules.contextual_limits
),

absence_bands as (
    select
        band,
        missed_from_percent,
        lead(missed_from_percent) over (order by missed_from_percent) as next_from_percent
    from rules.absence_bands
    where ladder = 'dfe'
),

persistent_from as (
    select max(missed_from_percent) as missed_from_percent
    from rules.absence_thresholds
    where measure = 'persistent'
),

published as (
    select school_year, phase, 100 - value as percent_absent
    from staging.benchmarks
    where
        series = 'accredited, full year' and area_type = 'country' and breakdown is null
        and measure = 'percent_attendance'
),

by_cell as (
    select
        school_year,
        phase,
        fsm,
        send,
        sum(enrolments) as enrolments,
        sum(enrolments * coalesce((absence_bands.missed_from_percent + next_from_percent) / 2.0, missed_of_50_or_more))
            as missed,
        coalesce(
            sum(enrolments) filter (absence_bands.missed_from_percent >= persistent_from.missed_from_percent), 0
        ) as persistent
    from published_bands
    join absence_bands on published_bands.band = absence_bands.band
    cross join persistent_from
    cross join limits
    group by school_year, phase, fsm, send
),

-- what the middles of the bands come to above the published absence of the phase
calibrated as (
    select
        by_cell.*,
        sum(missed) over phases / sum(enrolments) over phases - percent_absent as too_much
    from by_cell
    join published on by_cell.school_year = published.school_year and by_cell.phase = published.phase
    window phases as (partition by by_cell.phase)
),

known as (
    select
        calibrated.*,
        sum(enrolments) over phases as phase_enrolments,
        sum(missed) over phases as phase_missed,
        sum(persistent) over phases as phase_persistent
    from calibrated cross join limits
    where fsm <> 'unclassified' and send <> 'unclassified' and enrolments >= minimum_enrolments
    window phases as (partition by phase)
),

rated as (
    select
        school_year,
        phase,
        fsm,
        send,
        'percent_attendance' as measure,
        enrolments::bigint as enrolments,
        missed / enrolments - too_much as rate,
        phase_missed / phase_enrolments - too_much as phase_rate
    from known
    union all
    select
        school_year,
        phase,
        fsm,
        send,
        'percent_persistent' as measure,
        enrolments::bigint as enrolments,
        100.0 * persistent / enrolments as rate,
        100.0 * phase_persistent / phase_enrolments as phase_rate
    from known
)

from rated
