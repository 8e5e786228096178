-- One row per pupil: what does not change.
create table sample.pupils as
with

first_enrolments as (
    select *
    from sample.enrolments
    where enrolment_no = pupil_no
),

-- pupils who did not start school in the trust have their UPN from one of forty schools elsewhere
first_schools as (
    select
        *,
        if(occupant = 1 and phase <> 'Secondary', school_no, -1 - floor(40 * uniform('elsewhere', pupil_no, 0)))::integer
            as first_school_no
    from first_enrolments
),

serials as (
    select
        *,
        row_number() over (partition by first_school_no, cohort order by pupil_no) - 1 as issued_before
    from first_schools
),

-- a number serves 999 pupils a year; 9000 and above is used by no real school
numbered as (
    select
        *,
        8999 + dense_rank() over (order by first_school_no, issued_before // 999) as establishment,
        printf('383%04d%02d%03d', establishment, cohort % 100, issued_before % 999 + 1) as digits
    from serials
),

-- the letter is chosen by the digits, weighted 2 to 13
lettered as (
    select
        *,
        list_sum(list_transform(range(1, 13), lambda place: (place + 1) * digits[place]::integer)) % 23 as letter_no,
        'ABCDEFGHJKLMNPQRTUVWXYZ'[letter_no::integer + 1] || digits as upn
    from numbered
),

drawn as (
    select
        pupil_no,
        cohort,
        upn,
        if(uniform('sex', pupil_no, 0) < 0.49, 'F', 'M') as sex,
        floor(uniform('forename', pupil_no, 0) * (select count(*) / 2 from sample.forenames)) as forename_no,
        floor(uniform('surname', pupil_no, 0) * (select count(*) from sample.surnames)) as surname_no,
        uniform('ethnicity', pupil_no, 0) as ethnicity_draw
    from lettered
),

-- invented shares, in the manner of a northern city

ethnicities as (
    select code, upper, first_language_other
    from (values
        ('WBRI', 0.670, 0.01), ('WOTH', 0.740, 0.75), ('WIRT', 0.743, 0.02), ('WROM', 0.748, 0.80),
        ('APKN', 0.815, 0.60), ('AIND', 0.840, 0.55), ('ABAN', 0.855, 0.70), ('AOTH', 0.875, 0.65),
        ('BAFR', 0.910, 0.60), ('BCRB', 0.918, 0.03), ('MWBC', 0.935, 0.02), ('MWAS', 0.953, 0.12),
        ('MOTH', 0.970, 0.15), ('CHNE', 0.976, 0.65), ('OOTH', 0.992, 0.70), ('NOBT', 1.000, 0.15)
    ) shares (code, upper, first_language_other)
)

select
    pupil_no,
    upn,
    drawn.sex,
    forenames.name as forename,
    surnames.name as surname,
    make_date(cohort - 5, 9, 1) + floor(365 * uniform('birthday', pupil_no, 0))::integer as date_of_birth,
    ethnicities.code as ethnicity,
    uniform('language', pupil_no, 0) < first_language_other as has_eal,
    ethnicity in ('APKN', 'ABAN')
        or (ethnicity in ('AOTH', 'BAFR', 'OOTH') and uniform('observes', pupil_no, 0) < 0.4) as keeps_eid,
    normal('absence', pupil_no, 0) as absence_z,
    normal('lateness', pupil_no, 0) as lateness_z
from drawn
asof join ethnicities on ethnicity_draw < upper
join sample.forenames on forenames.sex = drawn.sex and forenames.name_no = forename_no
join sample.surnames on surnames.name_no = surname_no;
