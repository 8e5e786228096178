-- Attendance, persistent and severe absence of each school, of the other schools of its phase in the trust, and of the trust,
-- each with what says how far chance may have moved it.
--
-- Attendance has the variance between pupils (`variance`, of the rate as a fraction); persistent and severe absence have
-- Wilson's interval of a proportion of pupils (`share_low` to `share_high`); which one is a rule (rules.chance). The others
-- are pooled: their sessions over their sessions. Basis: as DfE publishes. The trust's rows have no school_urn.
--
-- grain: school_urn, whose, school_year, period_type, period, measure
-- check: whose in ('own', 'others of its phase')

with

school_attendance as (
    from marts.school_attendance
    where
        breakdown = 'all' and basis = 'as DfE publishes'
        and period_type in ('year', 'term', 'year_to_date', 'to_half_term')
),

pupil_spread as (
    from staging.pupil_spread
),

schools as (
    from raw.schools
),

chance as (
    from rules.chance
),

own as (
    select
        school_attendance.school_urn,
        'own' as whose,
        schools.phase,
        school_attendance.school_year,
        school_attendance.period_type,
        school_attendance.period,
        school_attendance.pupils,
        pupils_persistent,
        pupils_severe,
        sessions_possible,
        sessions_attended,
        percent_attendance,
        percent_persistent,
        percent_severe,
        possible,
        absent,
        possible_squared,
        absent_squared,
        possible_absent
    from school_attendance
    left join schools on school_attendance.school_urn = schools.school_urn
    left join pupil_spread
        on school_attendance.school_urn is not distinct from pupil_spread.school_urn
        and school_attendance.school_year = pupil_spread.school_year
        and school_attendance.period_type = pupil_spread.period_type
        and school_attendance.period = pupil_spread.period
),

of_phase as (
    select
        school_urn,
        phase,
        school_year,
        period_type,
        period,
        sum(pupils) over peers - pupils as pupils,
        sum(pupils_persistent) over peers - pupils_persistent as pupils_persistent,
        sum(pupils_severe) over peers - pupils_severe as pupils_severe,
        sum(sessions_possible) over peers - sessions_possible as sessions_possible,
        sum(sessions_attended) over peers - sessions_attended as sessions_attended,
        sum(possible) over peers - possible as possible,
        sum(absent) over peers - absent as absent,
        sum(possible_squared) over peers - possible_squared as possible_squared,
        sum(absent_squared) over peers - absent_squared as absent_squared,
        sum(possible_absent) over peers - possible_absent as possible_absent
    from own
    where school_urn is not null
    window peers as (partition by phase, school_year, period_type, period)
),

others as (
    select
        school_urn,
        'others of its phase' as whose,
        phase,
        school_year,
        period_type,
        period,
        pupils::bigint as pupils,
        pupils_persistent::bigint as pupils_persistent,
        pupils_severe::bigint as pupils_severe,
        sessions_possible::bigint as sessions_possible,
        sessions_attended::bigint as sessions_attended,
        100.0 * sessions_attended / sessions_possible as percent_attendance,
        100.0 * pupils_persistent / pupils as percent_persistent,
        100.0 * pupils_severe / pupils as percent_severe,
        possible,
        absent,
        possible_squared,
        absent_squared,
        possible_absent
    from of_phase
    where pupils > 0 and sessions_possible > 0
),

sides as (
    from own
    union all
    from others
),

measured as (
    select
        school_urn,
        whose,
        phase,
        school_year,
        period_type,
        period,
        measure,
        is_higher_better,
        method,
        z_value::double as z,
        case measure
            when 'percent_attendance' then percent_attendance
            when 'percent_persistent' then percent_persistent
            when 'percent_severe' then percent_severe
        end as value,
        pupils,
        case measure
            when 'percent_persistent' then pupils_persistent
            when 'percent_severe' then pupils_severe
        end as counted,
        case
            when method = 'ratio over pupils' and pupils > 1
            then pupils / (pupils - 1.0) / possible / possible * greatest(
                absent_squared
                - 2 * (absent / possible) * possible_absent
                + (absent / possible) * (absent / possible) * possible_squared,
                0
            )
        end as variance
    from sides cross join chance
),

scored as (
    select
        *,
        1.0 * counted / pupils as share,
        (2 * counted + z * z - z * sqrt(z * z + 4 * counted * (1 - 1.0 * counted / pupils))) / (2 * (pupils + z * z))
            as share_low,
        (2 * counted + z * z + z * sqrt(z * z + 4 * counted * (1 - 1.0 * counted / pupils))) / (2 * (pupils + z * z))
            as share_high
    from measured
)

from scored
