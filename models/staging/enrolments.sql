-- When each pupil was on each school's roll, as last told.
--
-- The newest extract that names a pupil is believed for all spells from the first that it gives; spells before that one
-- come from earlier extracts and end before it begins. Sources that hold enrolments apart are extracts like any other;
-- an extract that does not say when a pupil entered tells of no spell.
--
-- grain: school_urn, pupil_key, entered_on
-- check: entered_on <= left_on

with

stated as (
    select school_urn, pupil_key, entered_on, left_on, known_on, load_number, row_number
    from raw.pupils
    where entered_on is not null
    union all by name
    from raw.enrolments
),

told as (
    select * replace (coalesce(left_on, date '9999-12-31') as left_on)
    from stated
),

newest as (
    select school_urn, pupil_key, max(known_on) as known_on
    from told
    group by all
),

first_of_newest as (
    select school_urn, pupil_key, min(entered_on) as first_entered_on
    from told semi join newest using (school_urn, pupil_key, known_on)
    group by all
),

believed as (
    select told.*
    from told
    join newest on told.school_urn = newest.school_urn and told.pupil_key = newest.pupil_key
    join first_of_newest on told.school_urn = first_of_newest.school_urn and told.pupil_key = first_of_newest.pupil_key
    where told.known_on = newest.known_on or told.entered_on < first_entered_on
),

last_told as (
    select
        school_urn,
        pupil_key,
        entered_on,
        max_by(left_on, {'known_on': known_on, 'load_number': load_number, 'row_number': row_number}) as left_on_told,
        max(known_on) as known_on
    from believed
    group by all
),

one_after_another as (
    select
        school_urn,
        pupil_key,
        entered_on,
        least(left_on_told, coalesce(lead(entered_on) over spells - interval 1 day, left_on_told))::date as left_on,
        known_on
    from last_told
    window spells as (partition by school_urn, pupil_key order by entered_on)
)

from one_after_another
