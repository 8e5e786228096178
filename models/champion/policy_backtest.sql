-- What each rule would have caught at the school in each school year: see `marts.policy_backtest`.
--
-- grain: school_urn, school_year, rule

with

stated as (
    select *
    from marts.policy_backtest
)

from stated
