-- A number for each pupil at each school that marks are known of: text is slow to join and sort millions of rows by.
--
-- grain: pupil_number

with

pupils as (
    select distinct school_urn, pupil_key
    from raw.marks
),

numbered as (
    select school_urn, pupil_key, row_number() over (order by school_urn, pupil_key)::integer as pupil_number
    from pupils
)

from numbered
