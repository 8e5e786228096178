-- What each rule would have caught in each school year: how many pupils, how many of those who ended it persistently absent
-- it found, how long before they were, and how many it missed.
--
-- The policy as it is now, on the registers of every year. Pupils are those with a possible session in the year whom the
-- rule is for; persistent is 10% or more of the own possible sessions missed by the end of the year (or so far). A pupil
-- became persistent in the first school week from whose end on that was so at every week's end; weeks_before is the median
-- number of school weeks from the day the rule was met to then, among those whom it found, negative where it came later.
-- in_time are those found in a week before. A rule that catches everyone misses nobody: read caught beside missed.
--
-- grain: school_urn, school_year, rule
-- check: persistent_caught + persistent_missed = persistent
-- check: persistent_in_time <= persistent_caught and persistent_caught <= caught
-- check: caught <= pupils

with

policy_rules as (
    select
        school_urn, rule_number, rule, kind, shape, says, stage, years, is_national, is_compulsory_age, position
    from staging.policy_rules
    where edition = 'current' and (kind <> 'band' or action is not null)
),

policy_met as (
    from staging.policy_met
    where edition = 'current'
),

pupil_weeks as (
    from staging.pupil_weeks
),

school_weeks as (
    from staging.school_weeks
),

thresholds as (
    select max(missed_from_percent) as persistent_from
    from rules.absence_thresholds
    where measure = 'persistent'
),

as_at as (
    from staging.as_at
),

-- a week that ends in August is of neither year's count
weeks as (
    select
        pupil_number,
        school_year,
        school_week,
        absent_to_date * 100 >= possible_to_date * persistent_from as is_persistent
    from pupil_weeks cross join thresholds
),

ends as (
    select
        pupil_number,
        school_year,
        max_by(is_persistent, school_week) as is_persistent,
        coalesce(max(school_week) filter (not is_persistent), 0) as last_well_week
    from weeks
    group by pupil_number, school_year
),

became as (
    select ends.pupil_number, ends.school_year, ends.is_persistent, min(weeks.school_week) as became_week
    from ends
    left join weeks
        on ends.pupil_number = weeks.pupil_number
        and ends.school_year = weeks.school_year
        and last_well_week < weeks.school_week
    group by ends.pupil_number, ends.school_year, ends.is_persistent
),

pupils as (
    select
        pupil_numbers.school_urn,
        pupil_numbers.pupil_key,
        became.school_year,
        became.is_persistent,
        became_week,
        ' ' || year_group || ' ' as year_group,
        dfe_population.is_compulsory_age
    from became
    join staging.pupil_numbers as pupil_numbers on became.pupil_number = pupil_numbers.pupil_number
    left join staging.pupil_years as pupil_years
        on pupil_numbers.school_urn = pupil_years.school_urn
        and pupil_numbers.pupil_key = pupil_years.pupil_key
        and became.school_year = pupil_years.school_year
    left join staging.dfe_population as dfe_population
        on pupil_numbers.school_urn = dfe_population.school_urn
        and pupil_numbers.pupil_key = dfe_population.pupil_key
        and became.school_year = dfe_population.school_year
),

met as (
    select
        policy_met.school_urn,
        rule,
        pupil_key,
        policy_met.school_year,
        min(school_week) as met_week
    from policy_met
    join school_weeks
        on policy_met.school_urn = school_weeks.school_urn
        and date_trunc('week', met_on)::date = school_weeks.week_from
    group by policy_met.school_urn, rule, pupil_key, policy_met.school_year
),

judged as (
    select
        pupils.school_urn,
        pupils.school_year,
        rule_number,
        pupils.is_persistent,
        met_week is not null as is_caught,
        became_week - met_week as weeks_before
    from pupils
    join policy_rules on pupils.school_urn = policy_rules.school_urn
    left join met
        on pupils.school_urn = met.school_urn
        and pupils.pupil_key = met.pupil_key
        and pupils.school_year = met.school_year
        and policy_rules.rule = met.rule
    where (years is null or coalesce(contains(' ' || years || ' ', year_group), false))
        and (not policy_rules.is_compulsory_age or coalesce(pupils.is_compulsory_age, true))
),

counted as (
    select
        school_urn,
        school_year,
        rule_number,
        count(*)::bigint as pupils,
        count(*) filter (is_caught)::bigint as caught,
        count(*) filter (is_persistent)::bigint as persistent,
        count(*) filter (is_persistent and is_caught)::bigint as persistent_caught,
        count(*) filter (is_persistent and weeks_before > 0)::bigint as persistent_in_time,
        count(*) filter (is_persistent and not is_caught)::bigint as persistent_missed,
        median(weeks_before) filter (is_persistent) as weeks_before
    from judged
    group by school_urn, school_year, rule_number
),

named as (
    select
        counted.school_urn,
        counted.school_year,
        rule,
        kind,
        says,
        pupils,
        caught,
        persistent,
        persistent_caught,
        persistent_in_time,
        persistent_missed,
        weeks_before,
        is_national,
        counted.school_year < as_at.school_year as is_complete,
        position
    from counted
    join policy_rules on counted.rule_number = policy_rules.rule_number
    cross join as_at
)

from named
