-- How much school each pupil missed at each school in each period, and DfE's flags and band for it.
--
-- The unit is the enrolment: a pupil who moved counts at each school. An enrolment without a possible session in the
-- period is not counted (DfE methodology s4.4). Never leaves the building: one row a pupil.
-- Every figure stands on two bases: "everyone on roll", and "as DfE publishes" (aged 5 to 15, without the second half of
-- the summer term of 15-year-olds, without those who first came in it, and without schools of fewer than six such pupils).
--
-- grain: school_urn, pupil_key, school_year, period_type, period, basis
-- check: sessions_attended + sessions_absent = sessions_possible
-- check: sessions_authorised + sessions_unauthorised = sessions_absent
-- check: is_persistent or not is_severe
-- check: dfe_band is not null
-- check: basis in ('everyone on roll', 'as DfE publishes')

with

based_stretches as (
    from staging.based_stretches
),

period_stretches as (
    from staging.period_stretches
),

absence_bands as (
    from rules.absence_bands
    where ladder = 'dfe'
),

thresholds as (
    select
        max(missed_from_percent) filter (measure = 'persistent') as persistent_from,
        max(missed_from_percent) filter (measure = 'severe') as severe_from
    from rules.absence_thresholds
),

limits as (
    select
        max(value::integer) filter (rule = 'minimum_sessions') as minimum_sessions,
        max(value::integer) filter (rule = 'minimum_enrolments') as minimum_enrolments
    from rules.dfe_population
),

-- a number for each period: there are millions of rows to add up, and names are long
numbered as (
    select
        *,
        dense_rank() over (order by school_urn, school_year, period_type, period) as period_number
    from period_stretches
),

named_periods as (
    select distinct period_number, school_year, period_type, period
    from numbered
),

summed as (
    select
        based_stretches.school_urn,
        pupil_key,
        period_number,
        is_as_dfe_publishes,
        sum(sessions_possible)::bigint as sessions_possible,
        sum(sessions_attended)::bigint as sessions_attended,
        sum(sessions_absent)::bigint as sessions_absent,
        sum(sessions_authorised)::bigint as sessions_authorised,
        sum(sessions_unauthorised)::bigint as sessions_unauthorised,
        sum(sessions_late_before_close)::bigint as sessions_late_before_close,
        sum(sessions_late_after_close)::bigint as sessions_late_after_close,
        bool_or(is_compulsory_age) as is_compulsory_age,
        bool_or(is_year_11_half_term_6) as has_year_11_half_term_6
    from based_stretches
    join numbered
        on based_stretches.school_urn = numbered.school_urn and based_stretches.stretch_from = numbered.stretch_from
    group by based_stretches.school_urn, pupil_key, period_number, is_as_dfe_publishes
    having sum(sessions_possible) > 0
),

counted as (
    select
        summed.*,
        school_year,
        period_type,
        period,
        if(is_as_dfe_publishes, 'as DfE publishes', 'everyone on roll') as basis
    from summed join named_periods using (period_number)
),

large_enough as (
    select school_urn, school_year, basis
    from counted cross join limits
    where period_type = 'year'
    group by school_urn, school_year, basis, minimum_enrolments
    having basis = 'everyone on roll' or count(*) >= minimum_enrolments
),

-- whole numbers throughout: a rounded rate would move pupils across a boundary
banded as (
    select sessions_possible, sessions_absent, max_by(band, missed_from_percent) as dfe_band
    from (select distinct sessions_possible, sessions_absent from counted)
    left join absence_bands on sessions_absent * 100 >= sessions_possible * missed_from_percent
    group by sessions_possible, sessions_absent
),

flagged as (
    select
        counted.school_urn,
        pupil_key,
        counted.school_year,
        period_type,
        period,
        counted.sessions_possible,
        sessions_attended,
        counted.sessions_absent,
        sessions_authorised,
        sessions_unauthorised,
        sessions_late_before_close,
        sessions_late_after_close,
        counted.sessions_absent * 100 >= counted.sessions_possible * persistent_from as is_persistent,
        counted.sessions_absent * 100 >= counted.sessions_possible * severe_from as is_severe,
        dfe_band,
        counted.basis,
        100.0 * sessions_attended / counted.sessions_possible as percent_attendance,
        is_compulsory_age,
        counted.sessions_possible >= minimum_sessions as has_minimum_sessions,
        has_year_11_half_term_6
    from counted
    cross join thresholds
    cross join limits
    join large_enough
        on counted.school_urn = large_enough.school_urn
        and counted.school_year = large_enough.school_year
        and counted.basis = large_enough.basis
    join banded
        on counted.sessions_possible = banded.sessions_possible and counted.sessions_absent = banded.sessions_absent
)

from flagged
