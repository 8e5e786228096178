-- DfE's published year-to-date percentages beside what our code table and arithmetic make of DfE's own counts.
--
-- Some of DfE's authorised absence is in none of its published reasons; those sessions are listed here, not hidden.
-- Until 2024/25 DfE weighted the phases by census enrolments for its totals; from 2025/26 it pools their sessions.
-- Rows that DfE suppressed have no counts and are not compared.
--
-- grain: time_period, area_code, phase, measure

with

dfe_counts as (
    from staging.dfe_counts
),

register_codes as (
    from rules.register_codes
),

dfe_total_methods as (
    from rules.dfe_total_methods
),

dfe_figures as (
    from raw.dfe_figures
    qualify load_number = max(load_number) over (partition by time_period)
),

counted as (
    select
        time_period,
        area_code,
        phase,
        coalesce(sum(sessions) filter (is_possible), 0) as sessions_possible,
        coalesce(sum(sessions) filter (is_attended), 0) as sessions_attended,
        coalesce(sum(sessions) filter (is_authorised), 0) as sessions_authorised,
        coalesce(sum(sessions) filter (is_unauthorised), 0) as sessions_unauthorised
    from dfe_counts join register_codes
        on dfe_counts.code = register_codes.code and code_from = valid_from
    group by all
),

published as (
    select
        time_period,
        area_code,
        phase,
        max(value) filter (column_name = 'total_enrolments') as census_enrolments,
        max(value) filter (column_name = 'authorised_absence') as authorised_absence,
        max(value) filter (column_name = 'attendance_perc') as attendance,
        max(value) filter (column_name = 'overall_absence_perc') as absence,
        max(value) filter (column_name = 'authorised_absence_perc') as authorised,
        max(value) filter (column_name = 'unauthorised_absence_perc') as unauthorised
    from dfe_figures
    group by all
),

with_unexplained as (
    select
        *,
        (authorised_absence - sessions_authorised)::bigint as sessions_unexplained,
        sessions_possible + sessions_unexplained as possible,
        sessions_authorised + sessions_unexplained as authorised_in_all
    from counted join published using (time_period, area_code, phase)
),

measured as (
    select
        time_period, area_code, phase, census_enrolments, sessions_unexplained,
        measure,
        case measure
            when 'attendance' then 100.0 * sessions_attended / possible
            when 'absence' then 100.0 * (authorised_in_all + sessions_unauthorised) / possible
            when 'authorised absence' then 100.0 * authorised_in_all / possible
            when 'unauthorised absence' then 100.0 * sessions_unauthorised / possible
        end as pooled_percent,
        case measure
            when 'attendance' then attendance
            when 'absence' then absence
            when 'authorised absence' then authorised
            when 'unauthorised absence' then unauthorised
        end as dfe_percent
    from with_unexplained
    cross join (
        values ('attendance'), ('absence'), ('authorised absence'), ('unauthorised absence')
    ) as measures (measure)
),

weighted as (
    select
        time_period,
        area_code,
        measure,
        sum(census_enrolments * pooled_percent) / sum(census_enrolments) as weighted_percent
    from measured
    where phase <> 'Total'
    group by all
),

by_the_method_of_the_year as (
    select
        measured.time_period,
        measured.area_code,
        measured.phase,
        measured.measure,
        if(phase = 'Total', max_by(method, first_time_period), 'pooled') as method,
        if(
            phase = 'Total' and max_by(method, first_time_period) <> 'pooled', max(weighted_percent), max(pooled_percent)
        ) as our_percent,
        max(dfe_percent) as dfe_percent,
        max(sessions_unexplained) as sessions_unexplained
    from measured
    join dfe_total_methods on first_time_period <= measured.time_period
    left join weighted
        on measured.time_period = weighted.time_period
        and measured.area_code = weighted.area_code
        and measured.measure = weighted.measure
    group by measured.time_period, measured.area_code, measured.phase, measured.measure
)

from by_the_method_of_the_year
