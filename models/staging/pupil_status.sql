-- What was so of each pupil at each school from when to when: free school meals, SEN, year group and other statuses.
--
-- Spells that a source dates are believed before extracts, which say only how things stood on their day: what one tells
-- holds from that day until another tells otherwise, and nothing is said of the time before the first.
-- Of dated spells the newest source is believed from the first that it gives; earlier ones come from older sources.
-- A code or name ends when the next begins; spells of a flag that overlap are one. What goes on ends on 9999-12-31.
--
-- grain: school_urn, pupil_key, status, from_on
-- check: from_on <= to_on
-- check: value is not null

with

statuses as (
    from raw.pupil_statuses
    where status <> 'not_used' and value is not null
),

pupils as (
    select
        school_urn,
        pupil_key,
        known_on,
        entered_on,
        load_number,
        row_number,
        year_group,
        registration_group,
        sen_provision,
        sen_need,
        ethnicity_code as ethnicity,
        is_eal::varchar as eal,
        is_fsm::varchar as fsm,
        is_fsm_ever_6::varchar as fsm_ever_6,
        is_looked_after::varchar as looked_after,
        was_looked_after::varchar as previously_looked_after,
        is_child_in_need::varchar as child_in_need,
        is_child_protection::varchar as child_protection,
        is_young_carer::varchar as young_carer,
        is_medical::varchar as medical
    from raw.pupils
),

dated as (
    select
        school_urn,
        pupil_key,
        status,
        status not in ('sen_provision', 'sen_need', 'ethnicity', 'year_group', 'registration_group') as is_flag,
        value,
        from_on,
        coalesce(to_on, date '9999-12-31') as to_on,
        known_on,
        load_number,
        row_number,
        max(known_on) over (partition by school_urn, pupil_key, status) as newest_on
    from statuses
    where from_on is not null
),

believed as (
    from dated
    qualify known_on = newest_on
        or from_on < min(from_on) filter (known_on = newest_on) over (partition by school_urn, pupil_key, status)
),

last_told as (
    from believed
    qualify row_number() over (
        partition by school_urn, pupil_key, status, from_on
        -- a flag may begin on two grounds at once: the longer one says how long it holds
        order by known_on desc, load_number desc, if(is_flag, to_on, null) desc, row_number desc
    ) = 1
),

compared as (
    select *, not is_flag or value is distinct from lag(value) over spells as begins_run
    from last_told
    window spells as (partition by school_urn, pupil_key, status order by from_on)
),

in_runs as (
    select *, count(*) filter (begins_run) over spells as run
    from compared
    window spells as (partition by school_urn, pupil_key, status order by from_on)
),

measured as (
    select
        *,
        from_on > max(to_on) over (
            partition by school_urn, pupil_key, status, run
            order by from_on rows between unbounded preceding and 1 preceding
        ) as is_apart
    from in_runs
),

in_stretches as (
    select *, count(*) filter (is_apart) over stretches as stretch
    from measured
    window stretches as (partition by school_urn, pupil_key, status, run order by from_on)
),

merged as (
    select
        school_urn,
        pupil_key,
        status,
        value,
        min(from_on) as from_on,
        max(to_on) as to_on,
        max(known_on) as known_on
    from in_stretches
    group by school_urn, pupil_key, status, value, run, stretch
),

dated_spells as (
    select
        school_urn,
        pupil_key,
        status,
        value,
        from_on,
        least(to_on, coalesce(lead(from_on) over spells - interval 1 day, to_on))::date as to_on,
        'dated' as basis,
        known_on
    from merged
    window spells as (partition by school_urn, pupil_key, status order by from_on)
),

-- what is not told is left out
told_in_columns as (
    unpivot pupils
    on columns(* exclude (school_urn, pupil_key, known_on, entered_on, load_number, row_number))
    into name status value value
),

told as (
    from told_in_columns
    union all by name
    -- a status without its first day is known of the day that it was told
    select school_urn, pupil_key, known_on, null as entered_on, load_number, row_number, status, value
    from statuses
    where from_on is null and (to_on is null or known_on <= to_on)
),

told_of_the_day as (
    select told.*
    from told anti join dated using (school_urn, pupil_key, status)
    qualify row_number() over (
        partition by school_urn, pupil_key, status, known_on
        order by entered_on desc nulls last, load_number desc, row_number desc
    ) = 1
),

compared_by_day as (
    select
        *,
        value is distinct from lag(value) over days as begins_spell,
        lag(known_on) over days as told_before_on,
        max(known_on) over (partition by school_urn, pupil_key, status) as last_told_on
    from told_of_the_day
    window days as (partition by school_urn, pupil_key, status order by known_on)
),

extract_spells as (
    select
        school_urn,
        pupil_key,
        status,
        value,
        known_on as from_on,
        coalesce(lead(known_on) over spells - interval 1 day, date '9999-12-31')::date as to_on,
        'as at extract' as basis,
        coalesce(lead(told_before_on) over spells, last_told_on) as known_on
    from compared_by_day
    where begins_spell
    window spells as (partition by school_urn, pupil_key, status order by known_on)
),

united as (
    from dated_spells
    union all
    from extract_spells
)

from united
