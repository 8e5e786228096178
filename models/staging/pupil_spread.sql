-- How much pupils differ in the sessions they missed: sums over the pupils of each school and of the trust from which the
-- variance of a rate of sessions is made. They add up: those of several schools are the sums of theirs.
--
-- The variance of absent / possible, each pupil one cluster of sessions (rules.chance), is n / (n - 1) / possible^2 *
-- (absent_squared - 2 * r * possible_absent + r^2 * possible_squared), r = absent / possible; attendance has the same one.
-- Basis: as DfE publishes. The trust's rows have no school_urn.
--
-- grain: school_urn, school_year, period_type, period

with

pupil_attendance as (
    from marts.pupil_attendance
    where basis = 'as DfE publishes' and period_type in ('year', 'term', 'year_to_date', 'to_half_term')
),

summed as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        count(*) as pupils,
        sum(sessions_possible)::double as possible,
        sum(sessions_absent)::double as absent,
        sum(sessions_possible * sessions_possible)::double as possible_squared,
        sum(sessions_absent * sessions_absent)::double as absent_squared,
        sum(sessions_possible * sessions_absent)::double as possible_absent
    from pupil_attendance
    group by school_year, period_type, period, grouping sets ((school_urn), ())
)

from summed
