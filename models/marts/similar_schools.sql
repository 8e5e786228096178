-- Where each school stands among the similar schools that DfE's report names to it, in full school years.
--
-- The list and its figures are as somebody typed them from the report: of the lists of a school and year the one that
-- was loaded last counts, whole. Their figures are of full years: a year to date is never set beside them, so that
-- until a school's year is over its own figures, ranks and percentiles are null and `why_no_rank` says so. Basis of the
-- school's own: as DfE publishes, unrounded; for comparing they are rounded half up as the list is: to one decimal, or
-- to two where any figure of the list has two.
-- Rank: 1 and one more for each similar school that is better (more attendance, less persistent absence), so that
-- schools that tie share the better rank. Percentile: of the similar schools, the share that are worse and half of
-- those that tie, times 100; the school itself is not among them. A list without persistent absence has no rank of it.
--
-- grain: school_urn, school_year
-- check: similar_schools > 0 and similar_schools_with_persistent <= similar_schools
-- check: rank_attendance is null or rank_attendance between 1 and similar_schools + 1
-- check: rank_persistent is null or rank_persistent between 1 and similar_schools_with_persistent + 1
-- check: (percentile_attendance is null) = (rank_attendance is null)
-- check: (percentile_persistent is null) = (rank_persistent is null)
-- check: (rank_attendance is null) = (why_no_rank is not null)

with

as_at as (
    from staging.as_at
),

schools as (
    from raw.schools
),

periods as (
    from staging.periods
    where period_type = 'year'
),

school_attendance as (
    from marts.school_attendance
    where basis = 'as DfE publishes' and breakdown = 'all' and period_type = 'year'
),

told as (
    select
        stated.school_urn,
        school_year,
        percent_attendance,
        percent_persistent,
        load_number,
        max(load_number) over (partition by stated.school_urn, school_year) as newest_load
    from raw.similar_schools as stated
    join schools on stated.school_urn = schools.school_urn
),

-- in hundredths of a per cent
listed as (
    select
        school_urn,
        school_year,
        cast(100 * percent_attendance as bigint) as attendance,
        cast(100 * percent_persistent as bigint) as persistent
    from told
    where load_number = newest_load
),

lists as (
    select
        school_urn,
        school_year,
        count(*) as similar_schools,
        count(persistent) as with_persistent,
        case when max(mod(attendance, 10)) > 0 then 1 else 10 end as attendance_step,
        case when max(mod(persistent, 10)) > 0 then 1 else 10 end as persistent_step
    from listed
    group by school_urn, school_year
),

numbered as (
    select
        *,
        row_number() over (partition by school_urn, school_year order by attendance) as attendance_place,
        row_number() over (partition by school_urn, school_year order by persistent nulls last) as persistent_place
    from listed
),

-- the one in the middle, or the mean of the two in the middle
medians as (
    select
        numbered.school_urn,
        numbered.school_year,
        avg(attendance) filter (where 2 * attendance_place between similar_schools and similar_schools + 2) / 100.0
            as percent_attendance_median,
        avg(persistent) filter (where 2 * persistent_place between with_persistent and with_persistent + 2) / 100.0
            as percent_persistent_median
    from numbered
    join lists on numbered.school_urn = lists.school_urn and numbered.school_year = lists.school_year
    group by numbered.school_urn, numbered.school_year
),

own as (
    select
        lists.*,
        coalesce(is_complete, lists.school_year < as_at.school_year) as is_year_over,
        percent_attendance,
        percent_persistent,
        sessions_attended,
        sessions_possible,
        pupils_persistent,
        pupils
    from lists
    cross join as_at
    left join periods on lists.school_urn = periods.school_urn and lists.school_year = periods.school_year
    left join school_attendance
        on lists.school_urn = school_attendance.school_urn
        and lists.school_year = school_attendance.school_year
        and is_complete
),

-- rounded half up, in whole numbers: twice what is rounded and one step more, less what is over
doubled as (
    select
        *,
        20000 * sessions_attended + attendance_step * sessions_possible as attendance_above,
        2 * attendance_step * sessions_possible as attendance_divisor,
        20000 * pupils_persistent + persistent_step * pupils as persistent_above,
        2 * persistent_step * pupils as persistent_divisor
    from own
),

rounded as (
    select
        *,
        attendance_step
        * cast((attendance_above - mod(attendance_above, attendance_divisor)) / attendance_divisor as bigint)
            as attendance,
        persistent_step
        * cast((persistent_above - mod(persistent_above, persistent_divisor)) / persistent_divisor as bigint)
            as persistent
    from doubled
),

compared as (
    select
        rounded.school_urn,
        rounded.school_year,
        count(*) filter (where listed.attendance > rounded.attendance) as attendance_better,
        count(*) filter (where listed.attendance = rounded.attendance) as attendance_tied,
        count(*) filter (where listed.persistent < rounded.persistent) as persistent_better,
        count(*) filter (where listed.persistent = rounded.persistent) as persistent_tied
    from rounded
    join listed on rounded.school_urn = listed.school_urn and rounded.school_year = listed.school_year
    group by rounded.school_urn, rounded.school_year
),

ranked as (
    select
        rounded.school_urn,
        rounded.school_year,
        similar_schools,
        with_persistent as similar_schools_with_persistent,
        percent_attendance_median,
        percent_persistent_median,
        percent_attendance,
        percent_persistent,
        case when attendance is not null then 1 + attendance_better end as rank_attendance,
        case
            when attendance is not null
                then 100.0 * (2 * (similar_schools - attendance_better) - attendance_tied) / (2 * similar_schools)
        end as percentile_attendance,
        case when persistent is not null and with_persistent > 0 then 1 + persistent_better end as rank_persistent,
        case
            when persistent is not null and with_persistent > 0
                then 100.0 * (2 * (with_persistent - persistent_better) - persistent_tied) / (2 * with_persistent)
        end as percentile_persistent,
        case
            when attendance is not null then null
            when is_year_over then 'no figures of the year'
            else 'the year is not over, and similar schools'' figures are of full years'
        end as why_no_rank
    from rounded
    join medians on rounded.school_urn = medians.school_urn and rounded.school_year = medians.school_year
    join compared on rounded.school_urn = compared.school_urn and rounded.school_year = compared.school_year
)

from ranked
