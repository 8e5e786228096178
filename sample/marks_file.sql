-- One school's marks in one school year, as the supplier contract of Open Education AI lays them out.

create or replace view sample.marks_file as
select
    'AS-' || (mis_id * 2000 + (getvariable('school_year') - 2022) * 400 + session_no) as Id,
    getvariable('urn') as SchoolURN,
    upn as UPN,
    mis_id as PupilId,
    held_on as SessionDate,
    session as Session,
    first_mark as Mark,
    modified as Modified,
    false as IsDeleted
from sample.register
join (select enrolment_no, upn from sample.enrolments join sample.pupils using (pupil_no)) using (enrolment_no)
order by session_no, mis_id;
