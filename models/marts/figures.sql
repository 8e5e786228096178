-- Every figure that a board is shown of a school or of the trust, in one shape: one row a figure, with what it is made of.
--
-- From school_attendance (not by registration group), attendance_bands (the breakdown is the ladder, the group the band)
-- and three_year_trends (with England's value, and the change since the year before). A percentage is 100 times numerator
-- over denominator; a count has no denominator. `ends_on` is the last day that its period has so far; of the trust, the
-- last of any school. A period is complete once it is over at every school.
--
-- grain: mart, school_urn, school_year, period_type, period, basis, breakdown, group_name, measure
-- view: figures are frozen and explained from it, and for nothing else is the same table wanted in a second shape

with

school_attendance as (
    from marts.school_attendance
    where breakdown <> 'registration_group'
),

attendance_bands as (
    from marts.attendance_bands
),

three_year_trends as (
    from marts.three_year_trends
),

periods as (
    from staging.periods
),

attendance_measures as (
    from (values
        ('percent_attendance'), ('percent_absence'), ('percent_persistent'), ('percent_severe'),
        ('sessions_authorised'), ('sessions_unauthorised')
    ) as measures (measure)
),

trend_parts as (
    from (values (''), ('_change_points'), ('_of_england')) as parts (part)
),

of_attendance as (
    select
        'marts.school_attendance' as mart,
        school_urn,
        school_year,
        period_type,
        period,
        basis,
        breakdown,
        group_name,
        measure,
        case measure
            when 'percent_attendance' then sessions_attended
            when 'percent_absence' then sessions_absent
            when 'percent_persistent' then pupils_persistent
            when 'percent_severe' then pupils_severe
            when 'sessions_authorised' then sessions_authorised
            when 'sessions_unauthorised' then sessions_unauthorised
        end as numerator,
        case measure
            when 'percent_attendance' then sessions_possible
            when 'percent_absence' then sessions_possible
            when 'percent_persistent' then pupils
            when 'percent_severe' then pupils
        end as denominator,
        case measure
            when 'percent_attendance' then percent_attendance
            when 'percent_absence' then percent_absence
            when 'percent_persistent' then percent_persistent
            when 'percent_severe' then percent_severe
            when 'sessions_authorised' then sessions_authorised
            when 'sessions_unauthorised' then sessions_unauthorised
        end as value
    from school_attendance cross join attendance_measures
),

of_bands as (
    select
        'marts.attendance_bands' as mart,
        school_urn,
        school_year,
        period_type,
        period,
        basis,
        ladder as breakdown,
        band as group_name,
        'percent_pupils' as measure,
        pupils as numerator,
        sum(pupils) over (
            partition by school_urn, school_year, period_type, period, basis, ladder
        )::bigint as denominator
    from attendance_bands
),

of_trends as (
    select
        'marts.three_year_trends' as mart,
        trends.school_urn,
        trends.school_year,
        trends.period_type,
        trends.period,
        'as DfE publishes' as basis,
        'all' as breakdown,
        cast(null as varchar) as group_name,
        trends.measure || part as measure,
        case when part = '' then of_attendance.numerator end as numerator,
        case when part = '' then of_attendance.denominator end as denominator,
        case part when '' then trends.value when '_change_points' then change_points else england_value end as value
    from three_year_trends as trends
    cross join trend_parts
    left join of_attendance
        on trends.school_urn is not distinct from of_attendance.school_urn
        and trends.school_year = of_attendance.school_year
        and trends.period_type = of_attendance.period_type
        and trends.period = of_attendance.period
        and trends.measure = of_attendance.measure
        and of_attendance.breakdown = 'all'
        and of_attendance.basis = 'as DfE publishes'
),

united as (
    from of_attendance
    union all
    select *, 100.0 * numerator / denominator
    from of_bands
    union all
    from of_trends
    where value is not null
),

days as (
    select school_urn, school_year, period_type, period, max(ends_on) as ends_on, bool_and(is_complete) as is_complete
    from periods
    group by school_year, period_type, period, grouping sets ((school_urn), ())
),

dated as (
    select united.*, ends_on, is_complete
    from united
    left join days
        on united.school_urn is not distinct from days.school_urn
        and united.school_year = days.school_year
        and united.period_type = days.period_type
        and united.period = days.period
)

from dated
