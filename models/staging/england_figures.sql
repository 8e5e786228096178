-- DfE's published figure for England that each period of each school may be compared with: same phase, same kind of period.
--
-- Complete years compare with the accredited series; years to date with the daily series as published for the same
-- point of that year, or the last one before it. The two series never mix (DfE methodology).
--
-- grain: phase, school_year, period_type, period

with

published_figures as (
    from rules.published_figures
    where area = 'England'
),

periods as (
    select school_year, period_type, period, max(ends_on) as ends_on, bool_and(is_complete) as is_complete
    from staging.periods
    group by school_year, period_type, period
),

full_years as (
    select phase, periods.school_year, period_type, period, percent_attendance, percent_persistent, percent_severe, series, published_on
    from published_figures join periods using (school_year)
    where series = 'accredited, full year' and period_type = 'year' and is_complete
),

same_point as (
    select phase, periods.school_year, period_type, period, percent_attendance, percent_persistent, percent_severe, series, published_on
    from published_figures join periods using (school_year)
    where series = 'daily, year to date' and period_type in ('year_to_date', 'to_half_term') and counted_to <= ends_on
    qualify row_number() over (partition by phase, school_year, period_type order by counted_to desc) = 1
),

united as (
    from full_years
    union all
    from same_point
)

from united
