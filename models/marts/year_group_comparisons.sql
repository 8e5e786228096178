-- Persistent absence of each year group from 1 to 11 in a full school year, at each school and in the trust, beside
-- that of the same year group in England's schools of the same phase in the same school year.
--
-- England's are only of full years, and stand only beside the same one: where DfE has published none of that year
-- there is no comparator, and `england_school_year` is empty. Where a year group of the trust is in several phases
-- England's figures are weighted by own pupils. low_points to high_points is where the difference lies with 95%
-- confidence (Wilson's interval, rules.chance; England's figure is taken as exact); the verdict is "in line with"
-- where 0 lies between them. Of twenty year groups that differ by chance alone, one is still told to be better or
-- worse. Basis: as DfE publishes.
--
-- grain: school_urn, school_year, year_group
-- check: period_type = 'year' and period = school_year
-- check: england_school_year is null or england_school_year = school_year
-- check: (england_percent_persistent is null) = (england_school_year is null)
-- check: low_points is null or difference_points between low_points and high_points
-- check: verdict is null or verdict in ('better than', 'in line with', 'worse than')

with

school_attendance as (
    from marts.school_attendance
    where
        breakdown = 'year_group' and basis = 'as DfE publishes' and period_type = 'year' and school_urn is not null
        and group_name in ('1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11')
),

schools as (
    from raw.schools
),

year_group_phases as (
    from rules.year_group_phases
),

complete_years as (
    select school_year
    from staging.periods
    where period_type = 'year'
    group by school_year
    having bool_and(is_complete)
),

published as (
    select phase, school_year, period_type, period, cohort as year_group, value, series
    from staging.benchmarks
    where
        series = 'accredited, full year' and area_type = 'country' and breakdown = 'year_group'
        and measure = 'percent_persistent'
),

chance as (
    select z_value::double as z
    from rules.chance
    where measure = 'percent_persistent'
),

beside as (
    select
        school_attendance.school_urn,
        school_attendance.school_year,
        school_attendance.period_type,
        school_attendance.period,
        school_attendance.group_name as year_group,
        pupils,
        pupils_persistent,
        published.value,
        published.series,
        published.school_year as england_school_year
    from school_attendance
    join complete_years on school_attendance.school_year = complete_years.school_year
    join schools on school_attendance.school_urn = schools.school_urn
    left join year_group_phases on school_attendance.group_name = year_group_phases.year_group
    left join published
        on published.phase = if(schools.phase = 'All-through', year_group_phases.phase, schools.phase)
        and school_attendance.school_year = published.school_year
        and school_attendance.period_type = published.period_type
        and school_attendance.period = published.period
        and school_attendance.group_name = published.year_group
),

-- a comparator that lacks one of the phases would compare unlike with unlike
pooled as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        year_group,
        sum(pupils)::bigint as pupils,
        sum(pupils_persistent)::bigint as pupils_persistent,
        if(count(value) = count(*), sum(pupils * value) / sum(pupils), null) as england_percent_persistent,
        max(england_school_year) as england_school_year,
        max(series) as series
    from beside
    group by school_year, period_type, period, year_group, grouping sets ((school_urn), ())
),

scored as (
    select
        *,
        100.0 * pupils_persistent / pupils as percent_persistent,
        100 * (2 * pupils_persistent + z * z - z * sqrt(
            z * z + 4 * pupils_persistent * (1 - 1.0 * pupils_persistent / pupils)
        )) / (2 * (pupils + z * z)) as percent_low,
        100 * (2 * pupils_persistent + z * z + z * sqrt(
            z * z + 4 * pupils_persistent * (1 - 1.0 * pupils_persistent / pupils)
        )) / (2 * (pupils + z * z)) as percent_high
    from pooled cross join chance
),

compared as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        year_group,
        pupils,
        pupils_persistent,
        percent_persistent,
        england_percent_persistent,
        percent_persistent - england_percent_persistent as difference_points,
        percent_low - england_percent_persistent as low_points,
        percent_high - england_percent_persistent as high_points,
        case
            when percent_low > england_percent_persistent then 'worse than'
            when percent_high < england_percent_persistent then 'better than'
            when england_percent_persistent is not null then 'in line with'
        end as verdict,
        if(england_percent_persistent is null, null, england_school_year) as england_school_year,
        if(england_percent_persistent is null, null, series) as series
    from scored
)

from compared
