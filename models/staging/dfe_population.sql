-- Which pupils DfE's published figures count in each school year, by age and by when they came.
--
-- DfE counts pupils aged 5 to 15 on 31 August, without those who first came in the second half of the summer term, and
-- leaves out what 15-year-olds have in that half term. Age is by date of birth, or by year group where none is known; a
-- pupil of whom neither is known is counted.
--
-- grain: school_urn, pupil_key, school_year
-- check: counts_for_dfe is not null and leaves_out_half_term_6 is not null

with

pupil_years as (
    from staging.pupil_years
),

enrolments as (
    from staging.enrolments
),

half_terms as (
    from staging.half_terms
    where half_term = 'summer 2'
),

limits as (
    select
        max(value::integer) filter (rule = 'youngest_age') as youngest_age,
        max(value::integer) filter (rule = 'oldest_age') as oldest_age,
        max(value::integer) filter (rule = 'left_out_half_term_age') as left_out_age
    from rules.dfe_population
),

aged as (
    select
        school_urn,
        pupil_key,
        school_year,
        left(school_year, 4)::integer as starts_in,
        coalesce(
            left(school_year, 4)::integer - year(born_on) - if(month(born_on) > 8, 1, 0),
            case year_group when 'N' then 3 when 'R' then 4 else year_group::integer + 4 end
        ) as age_at_start
    from pupil_years
),

first_came as (
    select aged.school_urn, aged.pupil_key, aged.school_year, min(entered_on) as first_entered_on
    from aged
    join enrolments
        on aged.school_urn = enrolments.school_urn
        and aged.pupil_key = enrolments.pupil_key
        and entered_on <= make_date(starts_in + 1, 7, 31)
        and left_on >= make_date(starts_in, 8, 1)
    group by aged.school_urn, aged.pupil_key, aged.school_year
),

judged as (
    select
        aged.school_urn,
        aged.pupil_key,
        aged.school_year,
        age_at_start,
        age_at_start between youngest_age and oldest_age as is_compulsory_age,
        coalesce(first_entered_on >= half_terms.starts_on, false) as came_in_half_term_6,
        coalesce(age_at_start = left_out_age, false) as leaves_out_half_term_6
    from aged
    cross join limits
    left join first_came
        on aged.school_urn = first_came.school_urn
        and aged.pupil_key = first_came.pupil_key
        and aged.school_year = first_came.school_year
    left join half_terms
        on aged.school_urn = half_terms.school_urn and aged.school_year = half_terms.school_year
),

counted as (
    select *, coalesce(is_compulsory_age, true) and not came_in_half_term_6 as counts_for_dfe
    from judged
)

from counted
