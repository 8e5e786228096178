-- Every rule that each school is run by: those of its own policy, as it is and as it was before it last changed, and the
-- national duties, which are the same for all.
--
-- threshold is in school days for "consecutive days" and "unresolved" and in sessions for "cumulative" and "rolling".
-- codes are register codes with spaces between; years are year groups, null for everyone. Edges of attendance are in
-- hundredths of a per cent. is_compulsory_age is true of a duty that stands for pupils of compulsory school age only.
-- rule_number stands for the rule at the school, ladder_number for the ladder or track that it is part of, code_set for
-- a list of codes: text is slow to join and sort millions of rows by.
--
-- grain: school_urn, edition, rule
-- check: shape in ('consecutive days', 'cumulative', 'rolling', 'unresolved', 'attendance band', 'stage')
-- check: edition in ('current', 'before')

with

own as (
    select * exclude (position), position + 100 as position
    from raw.policy_rules
),

schools as (
    from raw.schools
),

national_duties as (
    from rules.national_duties
),

national as (
    select
        school_urn,
        'current' as edition,
        rule,
        'national' as kind,
        shape,
        says,
        action,
        lead,
        codes,
        right_after_codes,
        concat_ws(' ', shape, codes, right_after_codes) as pathway,
        threshold::integer as threshold,
        window_weeks::integer as window_weeks,
        '08-01' as opens_on,
        '07-31' as closes_on,
        false as is_per_half_term,
        is_compulsory_age,
        source,
        position::integer as position
    from schools cross join national_duties
),

united as (
    select *, false as is_compulsory_age, cast(null as varchar) as source
    from own
    union all by name
    from national
),

code_lists as (
    select codes, row_number() over (order by codes)::integer as code_set
    from (
        select codes
        from united
        union
        select right_after_codes
        from united
    )
    where codes is not null
),

numbered as (
    select
        united.*,
        code_lists.code_set,
        right_after.code_set as right_after_code_set,
        kind = 'national' as is_national,
        row_number() over (order by school_urn, edition, rule)::integer as rule_number,
        (dense_rank() over (order by school_urn, edition, ladder))::integer as ladder_number
    from united
    left join code_lists on united.codes = code_lists.codes
    left join code_lists as right_after on united.right_after_codes = right_after.codes
)

from numbered
