-- Within which figures a school of so many pupils would be if it differed from its comparator by chance alone: about 95 of
-- 100 such schools within the inner limits, 998 of 1,000 within the outer ones (rules.funnel).
--
-- Persistent and severe absence are counts of pupils: the limits are those of the binomial distribution, exact, with the
-- interpolation of Spiegelhalter (Statistics in Medicine 24, 2005, appendix): (r - a) / n, where r is the smallest count
-- with F(r) >= p and a = (F(r) - p) / (F(r) - F(r - 1)), so that the curves run smoothly from size to size. F comes from the
-- ratio of each count's probability to that of the one below it, (n - k + 1) / k * p / (1 - p), over all counts within 8
-- standard deviations and 10 pupils of the expected one: what lies beyond is less than one in 10^11. Pupils come whole, so
-- of small schools somewhat more or fewer than 95 of 100 are within; the upper limit is less than a pupil below the exact one.
-- Attendance is a rate of sessions, but the sessions of one pupil say little more than the pupil does: comparator + or -
-- z * sqrt(variance between pupils / pupils) (staging.funnel_cases). With that variance the limits are an approximation,
-- poorest for the smallest schools. No limit is below 0 or above 100.
--
-- grain: phase, school_year, period_type, period, measure, comparator, pupils
-- check: low_95 is null or low_99_8 <= low_95 and low_95 <= high_95 and high_95 <= high_99_8
-- check: low_99_8 is null or low_99_8 >= 0 and high_99_8 <= 100

with

funnel_cases as (
    from staging.funnel_cases
),

funnel as (
    select
        max(cast(z_value as double)) filter (where percent_inside = 95) as z_95,
        max(cast(z_value as double)) filter (where percent_inside = 99.8) as z_99_8,
        max(cast(tail_probability as double)) filter (where percent_inside = 95) as tail_95,
        max(cast(tail_probability as double)) filter (where percent_inside = 99.8) as tail_99_8
    from rules.funnel
),

-- many cases have the same limits: one binomial distribution for each size and share
binomials as (
    select distinct
        pupils,
        comparator,
        comparator / 100 as share,
        8 * sqrt(pupils * comparator / 100 * (1 - comparator / 100)) + 10 as reach
    from funnel_cases
    where method = 'difference of two proportions' and comparator > 0 and comparator < 100
),

counts as (
    select
        pupils,
        comparator,
        share,
        unnest(generate_series(
            cast(greatest(0, floor(pupils * share - reach)) as bigint),
            cast(least(pupils, ceil(pupils * share + reach)) as bigint)
        )) as counted
    from binomials
),

stepped as (
    select
        pupils,
        comparator,
        counted,
        case
            when counted = min(counted) over (partition by pupils, comparator) then 0
            else ln((pupils - counted + 1.0) / counted * share / (1 - share))
        end as step
    from counts
),

-- up to a factor, as a logarithm
logged as (
    select pupils, comparator, counted, sum(step) over upwards as logarithm
    from stepped
    window upwards as (partition by pupils, comparator order by counted)
),

weighed as (
    select
        pupils,
        comparator,
        counted,
        exp(logarithm - max(logarithm) over (partition by pupils, comparator)) as weight
    from logged
),

cumulated as (
    select
        pupils,
        comparator,
        counted,
        weight / sum(weight) over (partition by pupils, comparator) as mass,
        sum(weight) over (partition by pupils, comparator order by counted)
            / sum(weight) over (partition by pupils, comparator) as up_to_here
    from weighed
),

with_one_below as (
    select
        *,
        coalesce(lag(up_to_here) over (partition by pupils, comparator order by counted), 0) as up_to_below
    from cumulated
),

binomial_limits as (
    select
        pupils,
        comparator,
        max(counted - (up_to_here - tail_95) / (up_to_here - up_to_below))
            filter (where up_to_here >= tail_95 and up_to_below < tail_95) as from_95,
        max(counted - (up_to_here - (1 - tail_95)) / (up_to_here - up_to_below))
            filter (where up_to_here >= 1 - tail_95 and up_to_below < 1 - tail_95) as to_95,
        max(counted - (up_to_here - tail_99_8) / (up_to_here - up_to_below))
            filter (where up_to_here >= tail_99_8 and up_to_below < tail_99_8) as from_99_8,
        max(counted - (up_to_here - (1 - tail_99_8)) / (up_to_here - up_to_below))
            filter (where up_to_here >= 1 - tail_99_8 and up_to_below < 1 - tail_99_8) as to_99_8
    from with_one_below cross join funnel
    group by pupils, comparator
),

limits as (
    select
        funnel_cases.phase,
        funnel_cases.school_year,
        funnel_cases.period_type,
        funnel_cases.period,
        funnel_cases.measure,
        funnel_cases.comparator,
        funnel_cases.pupils,
        is_drawn,
        case
            when method = 'ratio over pupils'
            then funnel_cases.comparator - 100 * z_95 * sqrt(variance_per_pupil / funnel_cases.pupils)
            else 100 * from_95 / funnel_cases.pupils
        end as low_95,
        case
            when method = 'ratio over pupils'
            then funnel_cases.comparator + 100 * z_95 * sqrt(variance_per_pupil / funnel_cases.pupils)
            else 100 * to_95 / funnel_cases.pupils
        end as high_95,
        case
            when method = 'ratio over pupils'
            then funnel_cases.comparator - 100 * z_99_8 * sqrt(variance_per_pupil / funnel_cases.pupils)
            else 100 * from_99_8 / funnel_cases.pupils
        end as low_99_8,
        case
            when method = 'ratio over pupils'
            then funnel_cases.comparator + 100 * z_99_8 * sqrt(variance_per_pupil / funnel_cases.pupils)
            else 100 * to_99_8 / funnel_cases.pupils
        end as high_99_8
    from funnel_cases
    cross join funnel
    left join binomial_limits
        on funnel_cases.pupils = binomial_limits.pupils and funnel_cases.comparator = binomial_limits.comparator
),

-- nothing is attended by fewer than none or by more than all
held as (
    select
        phase,
        school_year,
        period_type,
        period,
        measure,
        comparator,
        pupils,
        is_drawn,
        case when low_95 < 0 then 0 when low_95 > 100 then 100 else low_95 end as low_95,
        case when high_95 < 0 then 0 when high_95 > 100 then 100 else high_95 end as high_95,
        case when low_99_8 < 0 then 0 when low_99_8 > 100 then 100 else low_99_8 end as low_99_8,
        case when high_99_8 < 0 then 0 when high_99_8 > 100 then 100 else high_99_8 end as high_99_8
    from limits
)

from held
