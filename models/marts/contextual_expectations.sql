-- What attendance and persistent absence England's published rates would give each school and the trust with its own
-- mix of phase, free school meals and SEND, and how far its own lie from that. The expectation is ours, not DfE's.
--
-- Method: indirect standardisation. In each phase, own pupils by free school meals and SEND at the period's end
-- times England's rates (staging.mix_rates), over own pupils times the whole phase's rate, is how much more or less
-- absence the mix makes. England's absence, or persistent absence, of the same phase, series and point
-- (staging.area_figures) times that is expected; phases are weighted by own sessions (attendance) or pupils, as in
-- `england_value`. A school with England's mix is expected to have England's figure.
--
-- Limits: rates by free school meals and SEND are of `rates_school_year`, as DfE has published no later ones. Two
-- characteristics and no more: nothing of deprivation, of the kind of need, of ethnicity or the place. The rates of
-- attendance are estimates. A school that does as others of its mix is in line, which need not be good.
--
-- Pupils of whom free school meals or SEND is not recorded, or for whom England has no rate, are never taken to be
-- in some other cell but left out; `percent_unclassified` says how many, and where they are more than
-- rules.contextual_limits allows in any phase nothing is expected. `reason` says why there is no expectation.
--
-- difference_points is ours less the expected. low_points to high_points is where it lies with 95% confidence if our
-- pupils are a sample of those who might have come (rules.chance); the expectation is taken as exact. The verdict is
-- "in line with" where 0 lies between them.
--
-- grain: school_urn, school_year, period_type, period, measure
-- check: (expected_value is null) = (reason is not null)
-- check: expected_value is null or expected_value between 0 and 100
-- check: expected_value is null or england_value is not null
-- check: difference_points is null or expected_value is not null
-- check: low_points is null or difference_points between low_points and high_points
-- check: verdict is null or verdict in ('better than', 'in line with', 'worse than')
-- check: series is null or (series = 'accredited, full year') = (period_type = 'year')
-- check: series is null or (series = 'daily, year to date') = (period_type in ('year_to_date', 'to_half_term'))
-- check: percent_unclassified is null or percent_unclassified between 0 and 100

with

measured_rates as (
    from staging.measured_rates
    where whose = 'own' and measure in ('percent_attendance', 'percent_persistent')
),

mix_counts as (
    from staging.mix_counts
),

mix_rates as (
    from staging.mix_rates
),

rated_phases as (
    select distinct phase, school_year as rates_school_year
    from staging.mix_rates
),

phase_weights as (
    from staging.phase_weights
),

area_figures as (
    from staging.area_figures
    where area_code = 'E92000001'
),

weighted_benchmarks as (
    from staging.weighted_benchmarks
    where area_type = 'country'
),

measures as (
    select measure, is_higher_better
    from rules.chance
    where measure in ('percent_attendance', 'percent_persistent')
),

limits as (
    select max(value::double) as most_unclassified
    from rules.contextual_limits
    where rule = 'percent_unclassified'
),

-- a year is looked at when it is over at every school
compared_periods as (
    select school_year, period_type, period
    from staging.periods
    where period_type in ('year', 'year_to_date', 'to_half_term')
    group by school_year, period_type, period
    having period_type <> 'year' or bool_and(is_complete)
),

-- for attendance it is absence that is standardised
mixes as (
    select
        mix_counts.school_urn,
        mix_counts.school_year,
        mix_counts.period_type,
        mix_counts.period,
        mix_counts.phase,
        measures.measure,
        sum(pupils) as pupils,
        coalesce(sum(pupils) filter (rate is not null), 0) as rated_pupils,
        sum(pupils * rate) / nullif(sum(pupils * phase_rate), 0) as ratio
    from mix_counts
    cross join measures
    left join mix_rates
        on mix_counts.phase = mix_rates.phase
        and mix_counts.fsm = mix_rates.fsm
        and mix_counts.send = mix_rates.send
        and measures.measure = mix_rates.measure
    group by
        mix_counts.school_year, mix_counts.period_type, mix_counts.period, mix_counts.phase, measures.measure,
        grouping sets ((mix_counts.school_urn), ())
),

weights as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        phase,
        sum(pupils) as pupils,
        sum(sessions_possible) as sessions_possible
    from phase_weights
    group by school_year, period_type, period, phase, grouping sets ((school_urn), ())
),

by_phase as (
    select
        mixes.*,
        rates_school_year,
        if(mixes.measure = 'percent_attendance', weights.sessions_possible, weights.pupils) as weight,
        if(mixes.measure = 'percent_attendance', 100 - area_figures.value, area_figures.value) as england_missed
    from mixes
    left join weights
        on mixes.school_urn is not distinct from weights.school_urn
        and mixes.school_year = weights.school_year
        and mixes.period_type = weights.period_type
        and mixes.period = weights.period
        and mixes.phase = weights.phase
    left join area_figures
        on mixes.phase = area_figures.phase
        and mixes.school_year = area_figures.school_year
        and mixes.period_type = area_figures.period_type
        and mixes.period = area_figures.period
        and mixes.measure = area_figures.measure
    left join rated_phases on mixes.phase = rated_phases.phase
),

standardised as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        measure,
        100.0 * (sum(pupils) - sum(rated_pupils)) / sum(pupils) as percent_unclassified,
        max(100.0 * (pupils - rated_pupils) / pupils) as most_percent_unclassified,
        count(*) > 1 as has_phases,
        if(
            count(weight * england_missed * ratio) = count(*),
            sum(weight * england_missed * ratio) / sum(weight),
            null
        ) as expected_missed,
        count(rates_school_year) = count(*) as has_rates,
        max(rates_school_year) as rates_school_year
    from by_phase
    group by school_urn, school_year, period_type, period, measure
),

reasoned as (
    select
        measured_rates.*,
        percent_unclassified,
        rates_school_year,
        weighted_benchmarks.value as england_value,
        if(measured_rates.measure = 'percent_attendance', 100 - expected_missed, expected_missed) as expected_missed,
        series,
        counted_to,
        published_on,
        case
            when weighted_benchmarks.value is null and symbol is not null then 'DfE holds England''s figure back'
            when weighted_benchmarks.value is null then 'no figure of England''s is held to set it beside'
            when has_rates and most_percent_unclassified > most_unclassified
            then 'more than ' || most_unclassified::integer || '% of pupils' || if(has_phases, ' of one phase', '')
                || ' have no place in the mix: free school meals or SEND are not recorded, or England has no rate for them'
            when not coalesce(has_rates, false) or expected_missed is null
            then 'DfE publishes no rates by free school meals and SEND to expect it by'
        end as reason
    from measured_rates
    join compared_periods
        on measured_rates.school_year = compared_periods.school_year
        and measured_rates.period_type = compared_periods.period_type
        and measured_rates.period = compared_periods.period
    cross join limits
    left join standardised
        on measured_rates.school_urn is not distinct from standardised.school_urn
        and measured_rates.school_year = standardised.school_year
        and measured_rates.period_type = standardised.period_type
        and measured_rates.period = standardised.period
        and measured_rates.measure = standardised.measure
    left join weighted_benchmarks
        on measured_rates.school_urn is not distinct from weighted_benchmarks.school_urn
        and measured_rates.school_year = weighted_benchmarks.school_year
        and measured_rates.period_type = weighted_benchmarks.period_type
        and measured_rates.period = weighted_benchmarks.period
        and measured_rates.measure = weighted_benchmarks.measure
),

expected as (
    select *, if(reason is null, expected_missed, null) as expected_value
    from reasoned
),

differing as (
    select
        *,
        value - expected_value as difference_points,
        value - expected_value
            - 100 * if(method = 'ratio over pupils', z * sqrt(variance), share - share_low) as low_points,
        value - expected_value
            + 100 * if(method = 'ratio over pupils', z * sqrt(variance), share_high - share) as high_points
    from expected
),

judged as (
    select
        school_urn,
        school_year,
        period_type,
        period,
        measure,
        pupils,
        value,
        england_value,
        expected_value,
        difference_points,
        low_points,
        high_points,
        case
            when low_points > 0 then if(is_higher_better, 'better than', 'worse than')
            when high_points < 0 then if(is_higher_better, 'worse than', 'better than')
            when high_points >= 0 then 'in line with'
        end as verdict,
        percent_unclassified,
        rates_school_year,
        if(england_value is null, null, series) as series,
        if(england_value is null, null, counted_to) as counted_to,
        if(england_value is null, null, published_on) as published_on,
        reason
    from differing
)

from judged
