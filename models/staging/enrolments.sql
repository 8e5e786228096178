-- When each pupil was on each school's roll, as last told.
--
-- Spells of one pupil at one school do not overlap: a later entry ends the spell before it.
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
        ) as left_on_told,
        max(known_on) as known_on
    from told
    group by school_urn, pupil_key, entered_on
),

one_after_another as (
    select
        school_urn,
        pupil_key,
        entered_on,
        least(left_on_told, coalesce(lead(entered_on) over spells - 1, left_on_told))::date as left_on,
        known_on
    from last_told
    window spells as (partition by school_urn, pupil_key order by entered_on)
)

from one_after_another
