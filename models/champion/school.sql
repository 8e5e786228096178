-- What a champion's pages say of themselves: whose they are, the day that they count up to, the newest day with a mark of a
-- session that was possible, and which policy they go by, none if the school has not stated one.
--
-- grain: school_urn

with

schools as (
    from marts.schools
),

as_at as (
    from staging.as_at
),

day_counts as (
    from staging.day_counts
),

policies as (
    select school_urn, policy
    from raw.policies
    where edition = 'current'
),

possible_codes as (
    select distinct code
    from rules.register_codes
    where is_possible
),

newest as (
    select school_urn, max(session_date) as newest_session
    from day_counts
    semi join possible_codes using (code)
    cross join as_at
    where is_on_roll and session_date <= as_at
    group by school_urn
),

described as (
    select
        schools.school_urn,
        schools.school_name,
        schools.phase,
        as_at.as_at,
        as_at.school_year,
        newest.newest_session,
        policies.policy
    from schools
    cross join as_at
    left join newest on schools.school_urn = newest.school_urn
    left join policies on schools.school_urn = policies.school_urn
)

from described
