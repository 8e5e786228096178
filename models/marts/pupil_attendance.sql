-- How much school each pupil missed at each school in each period, and DfE's flags and band for it.
--
-- The unit is the enrolment: a pupil who moved counts at each school. An enrolment without a possible session in the
-- period is not counted (DfE methodology s4.4). Never leaves the building: one row a pupil.
--
-- grain: school_urn, pupil_key, school_year, period_type, period
-- check: sessions_attended + sessions_absent = sessions_possible
-- check: sessions_authorised + sessions_unauthorised = sessions_absent
-- check: is_persistent or not is_severe
-- check: dfe_band is not null

with

code_counts as (
    from staging.code_counts
),

register_codes as (
    from rules.register_codes
),

absence_thresholds as (
    from rules.absence_thresholds
),

absence_bands as (
    from rules.absence_bands
),

counted as (
    select
        school_urn,
        pupil_key,
        school_year,
        period_type,
        period,
        coalesce(sum(sessions) filter (is_possible), 0)::bigint as sessions_possible,
        coalesce(sum(sessions) filter (is_attended), 0)::bigint as sessions_attended,
        coalesce(sum(sessions) filter (is_authorised or is_unauthorised), 0)::bigint as sessions_absent,
        coalesce(sum(sessions) filter (is_authorised), 0)::bigint as sessions_authorised,
        coalesce(sum(sessions) filter (is_unauthorised), 0)::bigint as sessions_unauthorised,
        coalesce(sum(sessions) filter (is_late_before_close), 0)::bigint as sessions_late_before_close,
        coalesce(sum(sessions) filter (is_late_after_close), 0)::bigint as sessions_late_after_close
    from code_counts join register_codes
        on code_counts.code = register_codes.code and code_from = valid_from
    group by all
),

possible as (
    from counted
    where sessions_possible > 0
),

-- whole numbers throughout: a rounded rate would move pupils across a boundary
flagged as (
    select
        possible.*,
        bool_or(sessions_absent * 100 >= sessions_possible * missed_from_percent)
            filter (measure = 'persistent') as is_persistent,
        bool_or(sessions_absent * 100 >= sessions_possible * missed_from_percent)
            filter (measure = 'severe') as is_severe
    from possible cross join absence_thresholds
    group by all
),

banded as (
    select flagged.*, max_by(band, missed_from_percent) as dfe_band
    from flagged left join absence_bands
        on ladder = 'dfe' and sessions_absent * 100 >= sessions_possible * missed_from_percent
    group by all
)

from banded
