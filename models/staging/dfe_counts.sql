-- DfE's own counts of sessions by register code, from its year-to-date files, so that our rules can be run on them.
--
-- The newest edition of each year's file. A code that DfE has dropped still counts as it did (J in 2024/25 and later).
--
-- grain: time_period, area_code, phase, code

with

dfe_figures as (
    from raw.dfe_figures
),

dfe_columns as (
    from rules.dfe_columns
    where kind = 'code'
),

register_codes as (
    from rules.register_codes
),

newest as (
    select *
    from dfe_figures
    qualify load_number = max(load_number) over (partition by time_period)
),

coded as (
    select time_period, geographic_level, area_code, phase, code, value::bigint as sessions
    from newest join dfe_columns using (column_name)
    where value is not null
),

dated as (
    select
        coded.*,
        max(valid_from) filter (
            valid_from <= make_date(left(time_period, 4)::integer, 9, 1)
        ) as code_from
    from coded join register_codes using (code)
    group by all
)

from dated
