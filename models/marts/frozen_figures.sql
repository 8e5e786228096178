-- Each figure as it was frozen for a board ("rollbook freeze") beside the same figure now.
--
-- Figures are set against each other only at the same point: a year, term or half term that was over when it was frozen,
-- or a period that still ends on the same day. A year to date, or a period that was under way, has moved on by itself;
-- then is_same_point is false and there is no difference. A figure that is no longer there has no value now and has
-- changed. Percentages differ in percentage points, counts in sessions; has_changed compares whole numbers where there are.
--
-- grain: point, mart, school_urn, school_year, period_type, period, basis, breakdown, group_name, measure
-- check: is_same_point or (difference is null and has_changed is null)
-- check: not is_same_point or has_changed is not null

with

frozen_figures as (
    from raw.frozen_figures
),

frozen_points as (
    from raw.frozen_points
),

figures as (
    from marts.figures
),

periods as (
    from staging.periods
),

-- the days are asked of the calendar, for the figure itself may be gone
days as (
    select school_urn, school_year, period_type, period, max(ends_on) as ends_on
    from periods
    group by school_year, period_type, period, grouping sets ((school_urn), ())
),

beside as (
    select
        frozen_figures.*,
        frozen_points.frozen_at,
        frozen_points.as_at,
        figures.numerator as numerator_now,
        figures.denominator as denominator_now,
        figures.value as value_now,
        coalesce(frozen_figures.ends_on = days.ends_on, false)
            or (
                frozen_figures.period_type in ('year', 'term', 'half_term')
                and coalesce(frozen_figures.is_complete, false)
            ) as is_same_point
    from frozen_figures
    join frozen_points on frozen_figures.point = frozen_points.point
    left join days
        on frozen_figures.school_urn is not distinct from days.school_urn
        and frozen_figures.school_year = days.school_year
        and frozen_figures.period_type = days.period_type
        and frozen_figures.period = days.period
    left join figures
        on frozen_figures.mart = figures.mart
        and frozen_figures.school_urn is not distinct from figures.school_urn
        and frozen_figures.school_year = figures.school_year
        and frozen_figures.period_type = figures.period_type
        and frozen_figures.period = figures.period
        and frozen_figures.basis = figures.basis
        and frozen_figures.breakdown = figures.breakdown
        and frozen_figures.group_name is not distinct from figures.group_name
        and frozen_figures.measure = figures.measure
),

compared as (
    select
        point,
        frozen_at,
        as_at,
        mart,
        school_urn,
        school_year,
        period_type,
        period,
        basis,
        breakdown,
        group_name,
        measure,
        numerator as frozen_numerator,
        denominator as frozen_denominator,
        value as frozen_value,
        numerator_now,
        denominator_now,
        value_now,
        is_same_point,
        case when is_same_point then value_now - value end as difference,
        case when is_same_point then
            numerator is distinct from numerator_now
            or denominator is distinct from denominator_now
            -- without whole numbers the last digits of a sum may differ from build to build
            or (numerator is null and coalesce(abs(value_now - value) > 1e-9, true))
        end as has_changed
    from beside
)

from compared
