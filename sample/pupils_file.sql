-- One school's pupils in one school year, as Groupcall's Xporter lays students out: everyone on roll in the year, with
-- what the school knew at its end. The current year's extract is of the as-at day.

create or replace view sample.pupils_file as
with

extract_day as (
    select least(getvariable('as_at'), make_date(getvariable('school_year') + 1, 7, 31)) as taken_on
)

select
    getvariable('urn') as SchoolURN,
    mis_id as Id,
    surname as Surname,
    forename as Forename,
    sex as Gender,
    date_of_birth as DateOfBirth,
    upn as UPN,
    null as FormerUPN,
    if(year_group = 0, 'R', year_group::varchar) as YearGroup,
    class as RegGroup,
    entry_date as EntryDate,
    if(leaving_date <= taken_on, leaving_date, null) as LeavingDate,
    if(enrolment_no in (
        select enrolment_no from sample.arrangements where code = 'D' and school_year = getvariable('school_year')
    ), 'M', 'C') as EnrolmentStatus,
    sen as SENProvision,
    sen_need as SENNeed,
    has_eal as EAL,
    ethnicity as EthnicityCode,
    is_fsm as FsmEligible,
    is_fsm_ever_6 as FSMEver6,
    coalesce(care = 'looked after', false) as InLeaCare,
    was_in_care as EverInCare,
    coalesce(care = 'in need', false) as ChildInNeed,
    coalesce(care = 'protected', false) as ChildProtectionPlan,
    is_young_carer as IsYoungCarer,
    taken_on as LastUpdated
from sample.enrolment_years
join sample.pupils using (pupil_no)
cross join extract_day
where school_no = getvariable('school_no') and school_year = getvariable('school_year')
order by surname, forename, mis_id;
