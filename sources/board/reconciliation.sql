-- One row per check for the trust (school_urn null), and for each school where it finds what a register leaves open.
-- Sessions are banded: none, 1 to 7, otherwise to the nearest 5, so that no count tells of a child. A register is no child's, nor is a figure of DfE's.
select
    checks.school_urn,
    schools.school_name,
    checks.position,
    checks.check_name,
    checks.statement,
    checks.counted,
    checks.mend,
    checks.is_binding,
    checks.is_met,
    case
        when checks.unit in ('registers', 'figures') or checks.expected = 0 then format('{:,}', checks.expected)
        when checks.expected <= 7 then '1 to 7'
        else format('{:,}', (5 * round(checks.expected / 5.0))::bigint)
    end as expected,
    case
        when checks.unit in ('registers', 'figures') or checks.found = 0 then format('{:,}', checks.found)
        when checks.found <= 7 then '1 to 7'
        else format('{:,}', (5 * round(checks.found / 5.0))::bigint)
    end as found
from marts.reconciliation as checks
left join marts.schools on checks.school_urn = schools.school_urn
where checks.school_urn is null or (schools.school_urn is not null and not checks.is_binding and not checks.is_met)
