-- One school's own list of flags with their dates, as it stood on the as-at day.

create or replace view sample.flags_file as
select
    getvariable('urn') as SchoolURN,
    upn as UPN,
    flag as Flag,
    from_on as "From",
    to_on as "To"
from sample.flags
join sample.enrolments using (enrolment_no)
join sample.pupils using (pupil_no)
where school_no = getvariable('school_no')
order by flag, from_on, upn;
