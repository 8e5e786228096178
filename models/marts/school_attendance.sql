-- Attendance, persistent and severe absence of each school and of the trust, for all pupils and by year group.
--
-- Rates are pooled: sessions over sessions, pupils over pupils, never a mean of rates. The trust's rows have no
-- school_urn; rows for all pupils have no year_group; a pupil in no pupils file is in the year group "unknown".
--
-- grain: school_urn, school_year, period_type, period, year_group
-- check: sessions_attended + sessions_absent = sessions_possible

with

pupil_attendance as (
    from marts.pupil_attendance
),

pupil_years as (
    from staging.pupil_years
),

placed as (
    select pupil_attendance.*, coalesce(year_group, 'unknown') as year_group
    from pupil_attendance left join pupil_years using (school_urn, pupil_key, school_year)
),

pooled as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        year_group,
        count(*) as pupils,
        sum(sessions_possible)::bigint as sessions_possible,
        sum(sessions_attended)::bigint as sessions_attended,
        sum(sessions_absent)::bigint as sessions_absent,
        sum(sessions_authorised)::bigint as sessions_authorised,
        sum(sessions_unauthorised)::bigint as sessions_unauthorised,
        sum(sessions_late_before_close)::bigint as sessions_late_before_close,
        sum(sessions_late_after_close)::bigint as sessions_late_after_close,
        count(*) filter (is_persistent) as pupils_persistent,
        count(*) filter (is_severe) as pupils_severe
    from placed
    group by school_year, period_type, period, grouping sets ((school_urn, year_group), (school_urn), (year_group), ())
),

rated as (
    select
        * exclude (pupils_persistent, pupils_severe),
        100.0 * sessions_attended / sessions_possible as percent_attendance,
        100.0 * sessions_absent / sessions_possible as percent_absence,
        100.0 * pupils_persistent / pupils as percent_persistent,
        100.0 * pupils_severe / pupils as percent_severe
    from pooled
)

from rated
