-- The same layout again, sent in the evening of the as-at day: marks that changed since, with a later Modified.
--
-- The first school also sends again a few rows that did not change. Four sessions of the second school arrive with two
-- marks and nothing to choose between them.

create or replace view sample.amendments_file as
with

changed as (
    select *, mark as amended_mark, getvariable('as_at') + time '15:40'
        + to_seconds(floor(5400 * uniform('amended', enrolment_no, session_no))::bigint) as amended_at
    from sample.register
    where mark <> first_mark
),

sent_again as (
    select *, first_mark as amended_mark, modified as amended_at
    from sample.register
    where getvariable('school_no') = 1 and mark = first_mark
    order by uniform('sent again', enrolment_no, session_no)
    limit 25
),

disputed as (
    select *
    from changed
    where getvariable('school_no') = least(2, (select count(*) from sample.schools)) and mark in ('I', 'O')
    order by uniform('disputed', enrolment_no, session_no)
    limit 4
),

conflicts as (
    select * replace (if(mark = 'I', 'O', 'I') as amended_mark)
    from disputed
),

together as (
    from changed
    union all from sent_again
    union all from conflicts
)

select
    'AS-' || (mis_id * 2000 + (getvariable('school_year') - 2022) * 400 + session_no) as Id,
    getvariable('urn') as SchoolURN,
    upn as UPN,
    mis_id as PupilId,
    held_on as SessionDate,
    session as Session,
    amended_mark as Mark,
    amended_at as Modified,
    false as IsDeleted
from together
join (select enrolment_no, upn from sample.enrolments join sample.pupils using (pupil_no)) using (enrolment_no)
order by session_no, mis_id, amended_mark;
