-- The days within half terms on which no session was held: closed and INSET days as rollbook.yaml states them, or else
-- derived from the school's registers (`is_derived`): weekdays of a derived half term on which it was not open.
--
-- What kind of day a derived one was (a bank holiday, INSET, snow) registers do not say: its kind is null.
--
-- grain: school_urn, closed_on

with

stated as (
    select school_urn, school_year, closed_on, kind, false as is_derived
    from raw.closed_days
),

derived_half_terms as (
    from staging.half_terms
    where is_derived
),

open_days as (
    from staging.open_days
),

days as (
    select
        school_urn,
        school_year,
        unnest(generate_series(starts_on, ends_on, interval 1 day))::date as session_date
    from derived_half_terms
),

derived as (
    select
        days.school_urn,
        days.school_year,
        days.session_date as closed_on,
        cast(null as varchar) as kind,
        true as is_derived
    from days
    left join open_days on days.school_urn = open_days.school_urn and days.session_date = open_days.session_date
    where open_days.session_date is null and isodow(days.session_date) <= 5
),

closed_days as (
    from stated
    union all
    from derived
)

from closed_days
