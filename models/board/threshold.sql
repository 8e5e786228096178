-- How many pupils a group must have for a board to see it, and how many's sessions it must have: rules.disclosure, and what
-- rollbook.yaml asks for where that is more.
--
-- grain: minimum_pupils

with

disclosure as (
    from rules.disclosure
),

project as (
    from raw.project
),

raised as (
    select
        greatest(
            max(minimum_pupils) filter (rule = 'a group on the board site'),
            coalesce((select max(minimum_pupils) from project), 0)
        ) as minimum_pupils,
        max(minimum_pupils) filter (rule = 'the sessions of a group') as minimum_in_sessions
    from disclosure
)

from raised
