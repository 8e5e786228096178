-- How many pupils of each school had each combination of statuses at the end of each period, how many of them were
-- persistently or severely absent in it, and the sums that the chance in their attendance is reckoned from.
--
-- A pupil has the statuses of the period's last day, or of the last day that they were on roll in the school year.
--
-- grain: school_urn, school_year, period_type, period, basis, profile

with

pupil_attendance as (
    from marts.pupil_attendance
),

in_school as (
    from staging.pupils_in_school
),

periods as (
    from staging.periods
),

pupil_profiles as (
    from staging.pupil_profiles
),

at_the_end as (
    select
        pupil_attendance.school_urn,
        pupil_attendance.pupil_key,
        pupil_attendance.school_year,
        pupil_attendance.period_type,
        pupil_attendance.period,
        basis,
        sessions_possible,
        sessions_absent,
        is_persistent,
        is_severe,
        least(ends_on, last_on) as end_on
    from pupil_attendance
    join in_school
        on pupil_attendance.school_urn = in_school.school_urn
        and pupil_attendance.pupil_key = in_school.pupil_key
        and pupil_attendance.school_year = in_school.school_year
    join periods
        on pupil_attendance.school_urn = periods.school_urn
        and pupil_attendance.school_year = periods.school_year
        and pupil_attendance.period_type = periods.period_type
        and pupil_attendance.period = periods.period
),

-- absent and attended vary alike around their rates; of the two sums of squares absence's are the smaller numbers
counted as (
    select
        at_the_end.school_urn,
        at_the_end.school_year,
        period_type,
        period,
        basis,
        profile,
        count(*) as pupils,
        count(*) filter (is_persistent) as pupils_persistent,
        count(*) filter (is_severe) as pupils_severe,
        sum(sessions_possible)::double as possible,
        sum(sessions_absent)::double as absent,
        sum(sessions_possible * sessions_possible)::double as possible_squared,
        sum(sessions_absent * sessions_absent)::double as absent_squared,
        sum(sessions_possible * sessions_absent)::double as possible_absent
    from at_the_end
    join pupil_profiles
        on at_the_end.school_urn = pupil_profiles.school_urn
        and at_the_end.pupil_key = pupil_profiles.pupil_key
        and at_the_end.school_year = pupil_profiles.school_year
        and end_on between from_on and to_on
    group by at_the_end.school_urn, at_the_end.school_year, period_type, period, basis, profile
)

from counted
