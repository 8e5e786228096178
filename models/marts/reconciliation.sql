-- Do the figures add up? Each check with what is expected, what is found and the difference, for each school and the trust.
--
-- Checks that are binding are arithmetic: what was told is held to what is counted, and counts by pupil to counts by day.
-- If one is not met the build stops. The others count what registers leave open (expected: 0) and stop nothing. What each
-- says, and from where, is in rules.reconciliation. The trust's rows have no school_urn and are met where every school's
-- are; a school that left the trust but has marks has rows too. Whether DfE still counts as it did is asked once, of its
-- loaded files, whose percentages are held to their own counts (marts.dfe_reconciliation).
--
-- grain: school_urn, check_name
-- check: is_met or not is_binding
-- check: difference = found - expected

with

checks as (
    from rules.reconciliation
),

dfe_reconciliation as (
    from marts.dfe_reconciliation
),

schools as (
    from raw.schools
),

as_at as (
    from staging.as_at
),

day_counts as (
    from staging.day_counts
),

stretches as (
    from staging.stretches
),

school_days as (
    from staging.school_days
),

register_gaps as (
    from marts.register_gaps
),

register_codes as (
    from rules.register_codes
),

-- a statement that gives a mark, rather than takes one away, either stands or was replaced: `staging.mark_history` finds
-- those that were replaced by another way than `staging.session_marks` finds those that stand; which sessions were stated
-- more than once both take from `staging.restated_sessions`
told as (
    select school_urn, count(*) as sessions
    from raw.marks
    where not is_deleted
    group by school_urn
),

replaced as (
    select school_urn, count(*) as sessions
    from staging.mark_history
    where not is_deleted
    group by school_urn
),

standing as (
    select school_urn, sum(sessions)::bigint as sessions
    from day_counts
    group by school_urn
),

-- sessions since more than the limit's number of school days; one that was on no school day goes by the days after it
overdue_from as (
    select
        school_urn,
        applies_from,
        max(session_date) filter (days_after = limit_value::integer) as not_overdue_from
    from school_days cross join checks
    where check_name = 'reason_not_established'
    group by school_urn, applies_from
),

by_day as (
    select
        day_counts.school_urn,
        coalesce(sum(sessions) filter (is_on_roll and stretch_from is not null), 0)::bigint as on_roll,
        coalesce(sum(sessions) filter (is_on_roll and stretch_from is not null and is_possible), 0)::bigint as possible,
        coalesce(
            sum(sessions) filter (is_on_roll and stretch_from is not null and is_possible and not is_attended), 0
        )::bigint as absent,
        coalesce(sum(sessions) filter (register_codes.code is null), 0)::bigint as without_rule,
        coalesce(sum(sessions) filter (not is_on_roll and is_possible), 0)::bigint as outside_enrolment,
        coalesce(
            sum(sessions) filter (
                is_on_roll and day_counts.code = 'N'
                and day_counts.session_date >= applies_from and day_counts.session_date < not_overdue_from
            ),
            0
        )::bigint as reasons_overdue,
        coalesce(
            sum(sessions) filter (is_on_roll and category = 'no_mark' and as_at.school_year is not null), 0
        )::bigint as without_mark
    from day_counts
    left join register_codes
        on day_counts.code = register_codes.code
        and day_counts.session_date between valid_from and coalesce(valid_to, date '9999-12-31')
    left join stretches
        on day_counts.school_urn = stretches.school_urn and day_counts.session_date = stretches.session_date
    left join as_at on stretches.school_year = as_at.school_year
    left join overdue_from on day_counts.school_urn = overdue_from.school_urn
    group by day_counts.school_urn
),

stretch_sums as (
    select school_urn, sum(sessions)::bigint as on_roll
    from staging.stretch_counts
    group by school_urn
),

by_pupil as (
    select
        school_urn,
        sum(sessions_present + sessions_approved_activity + sessions_absent)::bigint as made_up,
        sum(sessions_authorised + sessions_unauthorised)::bigint as absent
    from staging.pupil_stretches
    group by school_urn
),

gaps as (
    select
        school_urn,
        count(*) filter (pupils_marked = 0) as registers_missing,
        coalesce(
            sum(pupils_without_mark - pupils_no_mark_recorded) filter (pupils_marked > 0), 0
        )::bigint as not_in_register
    from register_gaps
    group by school_urn
),

all_schools as (
    select school_urn from schools
    union
    select school_urn from told
    union
    select school_urn from standing
),

measured as (
    select
        all_schools.school_urn,
        check_name,
        case check_name
            when 'no_session_lost_or_doubled' then coalesce(told.sessions, 0) - coalesce(replaced.sessions, 0)
            when 'by_pupil_as_by_day' then coalesce(by_day.on_roll, 0)
            when 'present_activity_and_absence_are_possible' then coalesce(by_day.possible, 0)
            when 'authorised_and_unauthorised_are_absence' then coalesce(by_day.absent, 0)
            else 0
        end as expected,
        case check_name
            when 'no_session_lost_or_doubled' then coalesce(standing.sessions, 0)
            when 'by_pupil_as_by_day' then coalesce(stretch_sums.on_roll, 0)
            when 'present_activity_and_absence_are_possible' then coalesce(by_pupil.made_up, 0)
            when 'authorised_and_unauthorised_are_absence' then coalesce(by_pupil.absent, 0)
            when 'code_without_rule' then coalesce(without_rule, 0)
            when 'mark_outside_enrolment' then coalesce(outside_enrolment, 0)
            when 'reason_not_established' then coalesce(reasons_overdue, 0)
            when 'register_missing' then coalesce(registers_missing, 0)
            when 'mark_missing' then coalesce(without_mark, 0)
            when 'pupil_missing_from_register' then coalesce(not_in_register, 0)
        end as found
    from all_schools
    join checks on check_name <> 'dfe_figures_as_known'
    left join told on all_schools.school_urn = told.school_urn
    left join replaced on all_schools.school_urn = replaced.school_urn
    left join standing on all_schools.school_urn = standing.school_urn
    left join by_day on all_schools.school_urn = by_day.school_urn
    left join stretch_sums on all_schools.school_urn = stretch_sums.school_urn
    left join by_pupil on all_schools.school_urn = by_pupil.school_urn
    left join gaps on all_schools.school_urn = gaps.school_urn
),

-- one school's loss must not make up for another's gain
pooled as (
    select
        school_urn,
        check_name,
        sum(expected)::bigint as expected,
        sum(found)::bigint as found,
        bool_and(found = expected) as is_met
    from measured
    group by check_name, grouping sets ((school_urn), ())
),

of_dfe as (
    select
        null::integer as school_urn,
        'dfe_figures_as_known' as check_name,
        0::bigint as expected,
        count(*) filter (abs(our_percent - dfe_percent) >= 1e-6 or our_percent is null) as found,
        count(*) filter (abs(our_percent - dfe_percent) >= 1e-6 or our_percent is null) = 0 as is_met
    from dfe_reconciliation
),

united as (
    from pooled
    union all
    from of_dfe
),

worded as (
    select
        school_urn,
        position::integer as position,
        united.check_name,
        statement,
        counted,
        unit,
        expected,
        found,
        found - expected as difference,
        is_met,
        is_binding,
        mend
    from united join checks on united.check_name = checks.check_name
)

from worded
