-- One turn of raking: to each code's published share, then to the sessions in each cell.

create or replace table sample.reason_cells as
with

by_code as (
    select
        * replace (
            sessions * code_share / sum(sessions) over (partition by phase, school_year, code) as sessions)
    from sample.reason_cells
    where sessions > 0
),

by_cell as (
    select
        * replace (
            sessions * cell_sessions
                / sum(sessions) over (partition by phase, school_year, kind, level, habit) as sessions)
    from by_code
)

from by_cell;
