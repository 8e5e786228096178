-- The areas that each school stands beside: England, its region and its local authority.
--
-- grain: school_urn, area_type
-- check: area_type in ('country', 'region', 'local authority')

with

schools as (
    from raw.schools
),

united as (
    select school_urn, 'country' as area_type, 'E92000001' as area_code
    from schools
    union all
    select school_urn, 'region', region_code
    from schools
    union all
    select school_urn, 'local authority', la_code
    from schools
)

from united
