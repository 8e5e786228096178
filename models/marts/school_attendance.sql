-- Attendance, persistent and severe absence of each school and of the trust: of all pupils, and by phase, year group,
-- registration group and sex.
--
-- Rates are pooled: sessions over sessions, pupils over pupils, never a mean of rates. The trust's rows have no
-- school_urn; rows for all pupils have no group_name; what no extract of the year tells is in the group "unknown".
-- `year_group` is the group of rows by year group, and null in all others.
--
-- grain: school_urn, school_year, period_type, period, basis, breakdown, group_name
-- check: sessions_attended + sessions_absent = sessions_possible
-- check: breakdown in ('all', 'phase', 'year_group', 'registration_group', 'sex')

with

pupil_attendance as (
    from marts.pupil_attendance
),

pupil_years as (
    from staging.pupil_years
),

schools as (
    from raw.schools
),

placed as (
    select
        pupil_attendance.*,
        phase,
        coalesce(year_group, 'unknown') as year_group,
        coalesce(registration_group, 'unknown') as registration_group,
        coalesce(sex, 'unknown') as sex
    from pupil_attendance
    join schools on pupil_attendance.school_urn = schools.school_urn
    left join pupil_years
        on pupil_attendance.school_urn = pupil_years.school_urn
        and pupil_attendance.pupil_key = pupil_years.pupil_key
        and pupil_attendance.school_year = pupil_years.school_year
),

pooled as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        basis,
        phase,
        year_group,
        registration_group,
        sex,
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
    group by school_year, period_type, period, basis, grouping sets (
        (school_urn), (school_urn, year_group), (school_urn, registration_group), (school_urn, sex),
        (), (phase), (year_group), (sex)
    )
),

rated as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        year_group,
        pupils,
        sessions_possible,
        sessions_attended,
        sessions_absent,
        sessions_authorised,
        sessions_unauthorised,
        sessions_late_before_close,
        sessions_late_after_close,
        100.0 * sessions_attended / sessions_possible as percent_attendance,
        100.0 * sessions_absent / sessions_possible as percent_absence,
        100.0 * pupils_persistent / pupils as percent_persistent,
        100.0 * pupils_severe / pupils as percent_severe,
        basis,
        case
            when phase is not null then 'phase'
            when year_group is not null then 'year_group'
            when registration_group is not null then 'registration_group'
            when sex is not null then 'sex'
            else 'all'
        end as breakdown,
        coalesce(phase, year_group, registration_group, sex) as group_name,
        pupils_persistent,
        pupils_severe
    from pooled
)

from rated
