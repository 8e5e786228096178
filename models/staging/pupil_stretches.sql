-- How much school each enrolment was due, had and missed in each stretch of days: what every figure of pupils adds up.
--
-- A code counts as it did on the day (J was attended until 18 August 2024 and is absent, as J1, since). Sessions of codes
-- that are not possible (D, X, Q, Y, Z, # and marks that are missing) are in none of the counts but `sessions_not_counted`.
--
-- grain: school_urn, pupil_key, stretch_from
-- check: sessions_attended + sessions_absent = sessions_possible
-- check: sessions_present + sessions_approved_activity = sessions_attended
-- check: sessions_authorised + sessions_unauthorised = sessions_absent

with

stretch_counts as (
    from staging.stretch_counts
),

register_codes as (
    from rules.register_codes
),

explained as (
    select stretch_counts.*, register_codes.* exclude (code)
    from stretch_counts
    left join register_codes
        on stretch_counts.code = register_codes.code
        and stretch_from between valid_from and coalesce(valid_to, date '9999-12-31')
),

counted as (
    select
        school_urn,
        pupil_key,
        stretch_from,
        coalesce(sum(sessions) filter (is_possible), 0)::bigint as sessions_possible,
        coalesce(sum(sessions) filter (is_attended), 0)::bigint as sessions_attended,
        coalesce(sum(sessions) filter (is_attended and category = 'attending'), 0)::bigint as sessions_present,
        coalesce(sum(sessions) filter (is_attended and category <> 'attending'), 0)::bigint as sessions_approved_activity,
        coalesce(sum(sessions) filter (is_authorised or is_unauthorised), 0)::bigint as sessions_absent,
        coalesce(sum(sessions) filter (is_authorised), 0)::bigint as sessions_authorised,
        coalesce(sum(sessions) filter (is_unauthorised), 0)::bigint as sessions_unauthorised,
        coalesce(sum(sessions) filter (is_late_before_close), 0)::bigint as sessions_late_before_close,
        coalesce(sum(sessions) filter (is_late_after_close), 0)::bigint as sessions_late_after_close,
        coalesce(sum(sessions) filter (not coalesce(is_possible, false)), 0)::bigint as sessions_not_counted
    from explained
    group by school_urn, pupil_key, stretch_from
)

from counted
