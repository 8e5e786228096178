-- Who moved between the bands of absence from one reporting point to the next, at each school and in the trust.
--
-- A point is what a board sees there: each pupil's school year so far. "since the half term before" compares the year
-- up to the end of one half term with the year up to the end of the next (one under way: as far as it has come);
-- "since the year before" compares a year to date with the last one up to the same week. The unit is the enrolment: a
-- pupil who changed school joins one and stays in the count of the other, and the trust's rows (without school_urn) add
-- up its schools. As everyone who was on roll in the year counts in it (DfE), nobody leaves within a year: who has gone
-- keeps the band that the sessions up to then made. "not on roll" is no possible session in that year up to the point.
--
-- Movements that nobody made have no row, but every band has one for who stayed, if only 0. from_band_pupils are all
-- pupils of the row's first band as they were counted at from_point, to_band_pupils those of its second at to_point;
-- from_band_left and to_band_entered are how many of them went or came in between. So for every band, exactly:
-- pupils at to_point = pupils at from_point + entered - left.
--
-- grain: school_urn, basis, ladder, from_school_year, from_point, to_school_year, to_point, from_band, to_band
-- check: from_band is not null and to_band is not null
-- check: not (from_band = 'not on roll' and to_band = 'not on roll')
-- check: pupils > 0 or (is_same_band and pupils = 0)
-- check: not is_same_band or from_band_pupils - from_band_left = pupils
-- check: not is_same_band or to_band_pupils - to_band_entered = pupils
-- check: is_same_band = (direction = 'same')
-- check: direction in ('worse', 'better', 'same', 'joined', 'left')

with

pupil_attendance as (
    from marts.pupil_attendance
),

absence_bands as (
    from rules.absence_bands
),

-- the half terms that anyone has sessions in; their names sort as they follow each other
half_terms as (
    select
        school_year,
        period,
        row_number() over (partition by school_year order by period) as position
    from (select distinct school_year, period from pupil_attendance where period_type = 'half_term')
),

-- per cent missed, rounded down to a whole one: edges are whole numbers, so this crosses none
years_to_date as (
    select
        school_urn,
        pupil_key,
        basis,
        school_year,
        period,
        ((100 * sessions_absent - (100 * sessions_absent) % sessions_possible) / sessions_possible)::integer
            as missed_percent
    from pupil_attendance
    where period_type = 'year_to_date'
),

dated_years as (
    select distinct school_year, period, left(school_year, 4)::integer as starts_in
    from years_to_date
),

-- every point with the one before it, which the first has not
points as (
    select
        'since the half term before' as comparison,
        position,
        school_year as from_school_year,
        'to ' || lag(period) over (partition by school_year order by position) as from_point,
        school_year as to_school_year,
        'to ' || period as to_point
    from half_terms
    union all
    select 'since the year before', 0, earlier.school_year, earlier.period, later.school_year, later.period
    from dated_years as later
    left join dated_years as earlier on later.starts_in - 1 = earlier.starts_in
),

numbered as (
    select *, row_number() over (order by to_school_year, position) as number
    from points
),

reporting_points as (
    select numbered.*, point_before.number as number_before
    from numbered
    left join numbered as point_before
        on numbered.comparison = point_before.comparison
        and numbered.from_school_year = point_before.to_school_year
        and numbered.from_point = point_before.to_point
),

so_far as (
    select
        school_urn,
        basis,
        pupil_attendance.school_year,
        sum(case when position <= 1 then sessions_possible end)::bigint as possible_1,
        sum(case when position <= 1 then sessions_absent end)::bigint as absent_1,
        sum(case when position <= 2 then sessions_possible end)::bigint as possible_2,
        sum(case when position <= 2 then sessions_absent end)::bigint as absent_2,
        sum(case when position <= 3 then sessions_possible end)::bigint as possible_3,
        sum(case when position <= 3 then sessions_absent end)::bigint as absent_3,
        sum(case when position <= 4 then sessions_possible end)::bigint as possible_4,
        sum(case when position <= 4 then sessions_absent end)::bigint as absent_4,
        sum(case when position <= 5 then sessions_possible end)::bigint as possible_5,
        sum(case when position <= 5 then sessions_absent end)::bigint as absent_5,
        sum(case when position <= 6 then sessions_possible end)::bigint as possible_6,
        sum(case when position <= 6 then sessions_absent end)::bigint as absent_6
    from pupil_attendance
    join half_terms
        on pupil_attendance.school_year = half_terms.school_year and pupil_attendance.period = half_terms.period
    where period_type = 'half_term'
    group by school_urn, pupil_key, basis, pupil_attendance.school_year
),

missed_so_far as (
    select
        school_urn,
        basis,
        school_year,
        ((100 * absent_1 - (100 * absent_1) % possible_1) / possible_1)::integer as percent_1,
        ((100 * absent_2 - (100 * absent_2) % possible_2) / possible_2)::integer as percent_2,
        ((100 * absent_3 - (100 * absent_3) % possible_3) / possible_3)::integer as percent_3,
        ((100 * absent_4 - (100 * absent_4) % possible_4) / possible_4)::integer as percent_4,
        ((100 * absent_5 - (100 * absent_5) % possible_5) / possible_5)::integer as percent_5,
        ((100 * absent_6 - (100 * absent_6) % possible_6) / possible_6)::integer as percent_6
    from so_far
),

half_terms_apart as (
    select
        school_urn,
        basis,
        number,
        case position
            when 2 then percent_1
            when 3 then percent_2
            when 4 then percent_3
            when 5 then percent_4
            when 6 then percent_5
        end as from_percent,
        case position
            when 1 then percent_1
            when 2 then percent_2
            when 3 then percent_3
            when 4 then percent_4
            when 5 then percent_5
            when 6 then percent_6
        end as to_percent
    from missed_so_far
    join reporting_points on school_year = to_school_year and position > 0
),

year_before as (
    select school_urn, pupil_key, basis, number, missed_percent
    from years_to_date
    join reporting_points on school_year = from_school_year and position = 0
),

year_after as (
    select school_urn, pupil_key, basis, number, missed_percent
    from years_to_date
    join reporting_points on school_year = to_school_year and position = 0
),

years_apart as (
    select
        coalesce(year_after.school_urn, year_before.school_urn) as school_urn,
        coalesce(year_after.basis, year_before.basis) as basis,
        coalesce(year_after.number, year_before.number) as number,
        year_before.missed_percent as from_percent,
        year_after.missed_percent as to_percent
    from year_after
    full join year_before
        on year_after.school_urn = year_before.school_urn
        and year_after.pupil_key = year_before.pupil_key
        and year_after.basis = year_before.basis
        and year_after.number = year_before.number
),

compared as (
    select *
    from half_terms_apart
    union all
    select *
    from years_apart
),

-- the highest edge of any ladder at or under each per cent: pupils between the same edges move as one. -1 is under the
-- first edge, where no ladder should leave room
percents as (
    select missed_percent, coalesce(max(missed_from_percent), -1) as edge
    from (select unnest(generate_series(0, 100)) as missed_percent)
    left join absence_bands on missed_percent >= missed_from_percent
    group by missed_percent
),

moves as (
    select school_urn, basis, number, from_percents.edge as from_edge, to_percents.edge as to_edge, count(*) as pupils
    from compared
    left join percents as from_percents on from_percent = from_percents.missed_percent
    left join percents as to_percents on to_percent = to_percents.missed_percent
    where from_percent is not null or to_percent is not null
    group by school_urn, basis, number, from_percents.edge, to_percents.edge
),

ladders as (
    select distinct ladder
    from absence_bands
),

steps as (
    select ladders.ladder, edge, coalesce(max(missed_from_percent), -1) as band_edge
    from (select distinct edge from percents)
    cross join ladders
    left join absence_bands on ladders.ladder = absence_bands.ladder and edge >= missed_from_percent
    group by ladders.ladder, edge
),

moved as (
    select
        school_urn,
        basis,
        ladders.ladder,
        number,
        from_step.band_edge as from_edge,
        to_step.band_edge as to_edge,
        sum(pupils)::bigint as pupils
    from moves
    cross join ladders
    left join steps as from_step on ladders.ladder = from_step.ladder and from_edge = from_step.edge
    left join steps as to_step on ladders.ladder = to_step.ladder and to_edge = to_step.edge
    group by
        basis, ladders.ladder, number, from_step.band_edge, to_step.band_edge, grouping sets ((school_urn), ())
),

left_behind as (
    select
        school_urn,
        basis,
        ladder,
        number,
        from_edge,
        coalesce(sum(pupils) filter (from_edge is distinct from to_edge), 0)::bigint as from_band_left
    from moved
    where from_edge is not null
    group by school_urn, basis, ladder, number, from_edge
),

-- all pupils of a band at a point: those who stayed and those who entered
arrived as (
    select
        school_urn,
        basis,
        ladder,
        number,
        to_edge,
        sum(pupils)::bigint as pupils,
        coalesce(sum(pupils) filter (from_edge is distinct from to_edge), 0)::bigint as to_band_entered
    from moved
    where to_edge is not null
    group by school_urn, basis, ladder, number, to_edge
),

-- every band keeps a row for who stayed, also where nobody did
listed as (
    select school_urn, basis, ladder, number, from_edge, to_edge, sum(pupils) as pupils
    from (
        select *
        from moved
        union all
        select reported.*, missed_from_percent, missed_from_percent, 0
        from (select distinct school_urn, basis, ladder, number from moved) as reported
        join absence_bands on reported.ladder = absence_bands.ladder
    )
    group by school_urn, basis, ladder, number, from_edge, to_edge
),

named as (
    select
        listed.school_urn,
        listed.basis,
        listed.ladder,
        comparison,
        from_school_year,
        from_point,
        to_school_year,
        to_point,
        if(listed.from_edge is null, 'not on roll', from_bands.band) as from_band,
        if(listed.to_edge is null, 'not on roll', to_bands.band) as to_band,
        listed.pupils::bigint as pupils,
        listed.from_edge is not distinct from listed.to_edge as is_same_band,
        case
            when listed.from_edge is null then 'joined'
            when listed.to_edge is null then 'left'
            when listed.to_edge > listed.from_edge then 'worse'
            when listed.to_edge < listed.from_edge then 'better'
            else 'same'
        end as direction,
        if(listed.from_edge is null, null, coalesce(arrived_before.pupils, 0)) as from_band_pupils,
        if(listed.from_edge is null, null, coalesce(from_band_left, 0)) as from_band_left,
        if(listed.to_edge is null, null, coalesce(arrived.pupils, 0)) as to_band_pupils,
        if(listed.to_edge is null, null, coalesce(arrived.to_band_entered, 0)) as to_band_entered
    from listed
    join reporting_points on listed.number = reporting_points.number and from_point is not null
    left join absence_bands as from_bands
        on listed.ladder = from_bands.ladder and listed.from_edge = from_bands.missed_from_percent
    left join absence_bands as to_bands
        on listed.ladder = to_bands.ladder and listed.to_edge = to_bands.missed_from_percent
    left join arrived as arrived_before
        on listed.school_urn is not distinct from arrived_before.school_urn
        and listed.basis = arrived_before.basis
        and listed.ladder = arrived_before.ladder
        and number_before = arrived_before.number
        and listed.from_edge = arrived_before.to_edge
    left join left_behind
        on listed.school_urn is not distinct from left_behind.school_urn
        and listed.basis = left_behind.basis
        and listed.ladder = left_behind.ladder
        and listed.number = left_behind.number
        and listed.from_edge = left_behind.from_edge
    left join arrived
        on listed.school_urn is not distinct from arrived.school_urn
        and listed.basis = arrived.basis
        and listed.ladder = arrived.ladder
        and listed.number = arrived.number
        and listed.to_edge = arrived.to_edge
)

from named
