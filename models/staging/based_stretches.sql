-- Which stretches of days of each enrolment count on each basis: all of them for "everyone on roll", and "as DfE publishes"
-- those of pupils that DfE counts, without the second half of the summer term of 15-year-olds.
--
-- grain: school_urn, pupil_key, stretch_from, is_as_dfe_publishes
-- view: twice as many rows as there are stretches of pupils; two models read it, each once

with

pupil_stretches as (
    from staging.pupil_stretches
),

period_stretches as (
    from staging.period_stretches
),

dfe_population as (
    from staging.dfe_population
),

half_term_6 as (
    select school_urn, stretch_from
    from period_stretches
    where period_type = 'half_term' and period = 'summer 2'
),

school_years as (
    select school_urn, stretch_from, school_year
    from period_stretches
    where period_type = 'year'
),

judged as (
    select
        pupil_stretches.*,
        school_years.school_year,
        is_compulsory_age,
        coalesce(counts_for_dfe, true) as counts_for_dfe,
        coalesce(leaves_out_half_term_6, false) and half_term_6.stretch_from is not null as is_year_11_half_term_6
    from pupil_stretches
    join school_years
        on pupil_stretches.school_urn = school_years.school_urn
        and pupil_stretches.stretch_from = school_years.stretch_from
    left join dfe_population
        on pupil_stretches.school_urn = dfe_population.school_urn
        and pupil_stretches.pupil_key = dfe_population.pupil_key
        and school_years.school_year = dfe_population.school_year
    left join half_term_6
        on pupil_stretches.school_urn = half_term_6.school_urn
        and pupil_stretches.stretch_from = half_term_6.stretch_from
),

based as (
    select *, false as is_as_dfe_publishes
    from judged
    union all
    select *, true
    from judged
    where counts_for_dfe and not is_year_11_half_term_6
)

from based
