-- The schools of the trust.
--
-- grain: school_urn

select school_urn, school_name, phase, local_authority, region
from raw.schools
