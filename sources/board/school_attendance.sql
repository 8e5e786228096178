-- One row per school and one for the trust (school_urn null): this school year up to the week of the last session.
-- Rounded for publication: attendance to 0.1, percentages of pupils to 1, pupils to the nearest 5; no sessions.
select
    attendance.school_urn,
    5 * round(attendance.pupils / 5.0) as pupils,
    round(attendance.percent_attendance, 1) as percent_attendance,
    round(attendance.percent_persistent) as percent_persistent,
    round(attendance.percent_severe) as percent_severe
from marts.school_attendance as attendance
join marts.trust on attendance.school_year = trust.school_year
where
    attendance.period_type = 'year_to_date'
    and attendance.breakdown = 'all'
    and attendance.basis = 'as DfE publishes'
