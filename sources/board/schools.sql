-- One row per school.
select school_urn, school_name, phase, local_authority
from marts.schools
