-- This school year as it went: attendance of each school and of the trust from the start of the year up to the day that each
-- edition of DfE's year to date counts to, beside England's, the region's and the local authority's as published then.
--
-- A row is an edition, not a fortnight: both lines run from the start of the year, so that late points move little. Published
-- figures are of the same phase; those of the trust and of all-through schools are weighted by their own possible sessions
-- up to that day in each phase, and of the trust each school stands beside its own region and authority. They are null
-- where DfE publishes none of one of the phases or holds one back, and they are those of that edition: DfE has revised
-- them since. Basis: as DfE publishes. The trust's rows have no school_urn. gap_points is ours less England's.
--
-- grain: school_urn, school_year, counted_to
-- check: sessions_attended <= sessions_possible
-- check: published_on > counted_to
-- check: (gap_points is null) = (england_value is null)

with

edition_sessions as (
    from staging.edition_sessions
),

benchmarks as (
    from staging.benchmarks
    where series = 'daily, year to date' and breakdown is null and measure = 'percent_attendance'
),

school_areas as (
    from staging.school_areas
),

beside as (
    select
        edition_sessions.school_urn,
        edition_sessions.school_year,
        edition_sessions.counted_to,
        edition_sessions.published_on,
        school_areas.area_type,
        sessions_possible,
        value
    from edition_sessions
    join school_areas on edition_sessions.school_urn = school_areas.school_urn
    left join benchmarks
        on school_areas.area_code = benchmarks.area_code
        and edition_sessions.phase = benchmarks.phase
        and edition_sessions.school_year = benchmarks.school_year
        and edition_sessions.counted_to = benchmarks.counted_to
        and edition_sessions.published_on = benchmarks.published_on
),

-- a comparator that lacks one of the phases would compare unlike with unlike
weighted as (
    select
        school_urn,
        school_year,
        counted_to,
        area_type,
        case when count(value) = count(*) then sum(sessions_possible * value) / sum(sessions_possible) end as value
    from beside
    group by school_year, counted_to, area_type, grouping sets ((school_urn), ())
),

published as (
    select
        school_urn,
        school_year,
        counted_to,
        max(value) filter (where area_type = 'country') as england_value,
        max(value) filter (where area_type = 'region') as region_value,
        max(value) filter (where area_type = 'local authority') as local_authority_value
    from weighted
    group by school_urn, school_year, counted_to
),

own as (
    select
        school_urn,
        school_year,
        counted_to,
        published_on,
        sum(sessions_possible)::bigint as sessions_possible,
        sum(sessions_attended)::bigint as sessions_attended
    from edition_sessions
    group by school_year, counted_to, published_on, grouping sets ((school_urn), ())
),

compared as (
    select
        own.school_urn,
        own.school_year,
        own.counted_to,
        own.published_on,
        sessions_possible,
        sessions_attended,
        100.0 * sessions_attended / sessions_possible as percent_attendance,
        england_value,
        100.0 * sessions_attended / sessions_possible - england_value as gap_points,
        region_value,
        local_authority_value
    from own
    join published
        on own.school_urn is not distinct from published.school_urn
        and own.school_year = published.school_year
        and own.counted_to = published.counted_to
)

from compared
