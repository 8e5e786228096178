-- When each pupil was on each school's roll, as last told.
--
-- grain: school_urn, pupil_key, entered_on
-- check: entered_on <= left_on

with

told as (
    from raw.pupils
),

last_told as (
    select
        school_urn,
        pupil_key,
        entered_on,
        -- the latest word is on roll where it gives no day of leaving: max_by would pass over a null
        max_by(
            coalesce(left_on, date '9999-12-31'),
            {'known_on': known_on, 'load_number': load_number}
        ) as left_on,
        max(known_on) as known_on
    from told
    group by school_urn, pupil_key, entered_on
)

from last_told
