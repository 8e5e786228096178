-- From which check to which each pupil was in a band of a ladder, by attendance of the school year to date.
--
-- Edges are compared in whole numbers, where at least an edge is more than one less: no percentage is rounded. A spell ends
-- at the check that finds the pupil in another band; `is_latest` is true of the one that the last check of the year found.
--
-- grain: rule_number, pupil_number, first_week
-- check: met_on <= last_on

with

bands as (
    select rule_number, ladder_number, low, is_low_closed, high, is_high_closed
    from staging.policy_rules
    where shape = 'attendance band'
),

looked_at as (
    from staging.ladder_pupils
    where shape = 'attendance band'
),

-- there are few pairs of sessions possible and absent, and many weeks of pupils
pairs as (
    select distinct possible_to_date, absent_to_date, 10000 * (possible_to_date - absent_to_date) as attended
    from looked_at
),

edges as (
    select distinct low, is_low_closed, high, is_high_closed
    from bands
),

placed_pairs as (
    select possible_to_date, absent_to_date, low, is_low_closed, high, is_high_closed
    from pairs cross join edges
    where attended + if(is_low_closed, 1, 0) > low * possible_to_date
        and attended - if(is_high_closed, 1, 0) < high * possible_to_date
),

banded_pairs as (
    select rule_number, ladder_number, possible_to_date, absent_to_date
    from bands join placed_pairs using (low, is_low_closed, high, is_high_closed)
),

banded as (
    select
        looked_at.ladder_number,
        rule_number,
        pupil_number,
        school_year,
        school_week,
        last_day,
        looked_at.absent_to_date,
        lag(rule_number) over checks as rule_before,
        lead(school_week) over checks is null as is_latest
    from looked_at
    join banded_pairs
        on looked_at.ladder_number = banded_pairs.ladder_number
        and looked_at.possible_to_date = banded_pairs.possible_to_date
        and looked_at.absent_to_date = banded_pairs.absent_to_date
    window checks as (partition by looked_at.ladder_number, pupil_number, school_year order by school_week)
),

numbered as (
    select
        *,
        count(*) filter (rule_before is distinct from rule_number) over (
            partition by ladder_number, pupil_number, school_year
            order by school_week
            rows between unbounded preceding and current row
        ) as spell
    from banded
),

spells as (
    select
        rule_number,
        pupil_number,
        school_year,
        min(school_week) as first_week,
        min(last_day) as met_on,
        max(last_day) as last_on,
        max(absent_to_date) as sessions,
        bool_or(is_latest) as is_latest
    from numbered
    group by ladder_number, rule_number, pupil_number, school_year, spell
)

from spells
