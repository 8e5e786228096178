-- The sessions that rules count, numbered one after another for each pupil and list of codes.
--
-- A code_set stands for what a rule counts, such as "G N O U": sessions are numbered once for all rules that count the same.
--
-- grain: pupil_number, code_set, number

with

absences_and_lates as (
    from staging.absences_and_lates
),

counted_codes as (
    select distinct school_urn, code_set, unnest(string_split(codes, ' ')) as code
    from staging.policy_rules
    where code_set is not null and shape <> 'consecutive days'
),

numbered as (
    select
        absences_and_lates.school_urn,
        pupil_number,
        code_set,
        (row_number() over (partition by pupil_number, code_set order by session_date, session))::integer as number,
        session_date,
        session,
        school_year,
        school_week
    from absences_and_lates
    join counted_codes
        on absences_and_lates.school_urn = counted_codes.school_urn and absences_and_lates.code = counted_codes.code
)

from numbered
