-- Why frozen figures are not what they were: sessions up to the frozen day whose mark is another now than in the last load
-- before the freeze, by school and by what became of it.
--
-- A session counts once, by what stood then and what stands now, however often it was changed between. A mark of a session
-- that had none, or "-", was added late; one that has none now was deleted. Of pupils on roll, as told now, at schools of
-- the trust; the trust's rows have no school_urn. N is apart from other unauthorised absence, and late (L) from present.
-- The last three columns say by how many sessions these changes moved what was possible, attended and absent, on the basis
-- "everyone on roll". What this does not hold: pupils' records (dates on roll, year groups) that were told anew.
--
-- grain: point, school_urn, school_year, half_term, reason, from_class, to_class
-- check: sessions > 0
-- check: sessions_possible_change = sessions_attended_change + sessions_absent_change

with

frozen_points as (
    from raw.frozen_points
),

schools as (
    from raw.schools
),

mark_history as (
    from staging.mark_history
),

register_codes as (
    from rules.register_codes
),

enrolments as (
    from staging.enrolments
),

half_terms as (
    from staging.periods
    where period_type = 'half_term'
),

-- the loads since the first freeze: marks of other loads need not be read, and none where nothing was frozen
loads_since as (
    select load_number, max(as_at) as last_day
    from raw.loads join frozen_points on load_number > last_load
    group by load_number
),

in_order as (
    select
        *,
        row_number() over (
            partition by school_urn, pupil_key, session_date, session order by known_from, load_number, row_number
        ) as position
    from mark_history
),

-- the statement that replaced the last one of the history stands
standing_now as (
    select
        school_urn,
        pupil_key,
        session_date,
        session,
        max_by(superseded_by_load, position) as load_now,
        max_by(superseded_by_deleted, position) as is_deleted_now,
        max_by(superseded_by_code, position) as code_now
    from in_order
    group by school_urn, pupil_key, session_date, session
),

standing_then as (
    select
        point,
        school_urn,
        pupil_key,
        session_date,
        session,
        max_by(is_deleted, position) as is_deleted_then,
        max_by(code, position) as code_then
    from in_order join frozen_points on load_number <= last_load
    group by point, school_urn, pupil_key, session_date, session
),

restated as (
    select
        frozen_points.point,
        standing_now.school_urn,
        standing_now.pupil_key,
        standing_now.session_date,
        case when is_deleted_then then null else code_then end as code_then,
        case when is_deleted_now then null else code_now end as code_now
    from standing_now
    join frozen_points on standing_now.load_now > last_load and standing_now.session_date <= as_at
    left join standing_then
        on frozen_points.point = standing_then.point
        and standing_now.school_urn = standing_then.school_urn
        and standing_now.pupil_key = standing_then.pupil_key
        and standing_now.session_date = standing_then.session_date
        and standing_now.session = standing_then.session
),

-- marks are read by name, not through a step: a step that is used twice is held in memory, and these are all there are
told_later as (
    select marks.school_urn, marks.pupil_key, marks.session_date, marks.session, marks.code, marks.load_number
    from raw.marks as marks join loads_since on marks.load_number = loads_since.load_number
    where session_date <= last_day and not is_deleted
),

enrolled_pupils as (
    select distinct school_urn, pupil_key
    from enrolments
),

told_once_later as (
    select told_later.school_urn, told_later.session_date, told_later.code, load_number, count(*) as sessions
    from told_later
    join schools on told_later.school_urn = schools.school_urn
    left join staging.restated_sessions as restated_sessions
        on told_later.school_urn = restated_sessions.school_urn
        and told_later.pupil_key = restated_sessions.pupil_key
        and told_later.session_date = restated_sessions.session_date
        and told_later.session = restated_sessions.session
    left join enrolments
        on told_later.school_urn = enrolments.school_urn
        and told_later.pupil_key = enrolments.pupil_key
        and told_later.session_date between entered_on and left_on
    left join enrolled_pupils
        on told_later.school_urn = enrolled_pupils.school_urn and told_later.pupil_key = enrolled_pupils.pupil_key
    where restated_sessions.pupil_key is null
        and (enrolments.pupil_key is not null or enrolled_pupils.pupil_key is null)
    group by told_later.school_urn, told_later.session_date, told_later.code, load_number
),

told_again_later as (
    select restated.point, restated.school_urn, session_date, code_then, code_now, count(*) as sessions
    from restated
    join schools on restated.school_urn = schools.school_urn
    left join enrolments
        on restated.school_urn = enrolments.school_urn
        and restated.pupil_key = enrolments.pupil_key
        and session_date between entered_on and left_on
    left join enrolled_pupils
        on restated.school_urn = enrolled_pupils.school_urn and restated.pupil_key = enrolled_pupils.pupil_key
    where code_then is distinct from code_now
        and (enrolments.pupil_key is not null or enrolled_pupils.pupil_key is null)
    group by restated.point, restated.school_urn, session_date, code_then, code_now
),

changed as (
    from told_again_later
    union all
    select point, school_urn, session_date, null, code, sessions
    from told_once_later join frozen_points on load_number > last_load and session_date <= as_at
),

code_classes as (
    select
        code,
        valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to,
        case
            when category = 'no_mark' then 'no mark'
            when code = 'N' then 'N'
            when is_late_before_close then 'late'
            when is_attended and category = 'attending' then 'present'
            when is_attended then 'approved activity'
            when is_authorised then 'authorised'
            when is_unauthorised then 'unauthorised'
            else 'not counted'
        end as class,
        case when is_attended then 1 else 0 end as attended,
        case when is_authorised or is_unauthorised then 1 else 0 end as absent
    from register_codes
),

classed as (
    select
        changed.point,
        changed.school_urn,
        changed.session_date,
        coalesce(classes_then.class, case when code_then is null then 'no mark' else 'not counted' end) as from_class,
        coalesce(classes_now.class, case when code_now is null then 'no mark' else 'not counted' end) as to_class,
        sessions,
        sessions * (coalesce(classes_now.attended, 0) - coalesce(classes_then.attended, 0)) as attended_change,
        sessions * (coalesce(classes_now.absent, 0) - coalesce(classes_then.absent, 0)) as absent_change
    from changed
    left join code_classes as classes_then
        on code_then = classes_then.code and session_date between classes_then.valid_from and classes_then.valid_to
    left join code_classes as classes_now
        on code_now = classes_now.code and session_date between classes_now.valid_from and classes_now.valid_to
),

placed as (
    select
        point,
        classed.school_urn,
        school_year,
        period as half_term,
        case
            when from_class = 'no mark' then 'added late'
            when to_class = 'no mark' then 'deleted'
            when from_class = to_class then from_class || ', by another code'
            else from_class || ' became ' || to_class
        end as reason,
        from_class,
        to_class,
        sessions,
        attended_change,
        absent_change
    from classed
    left join half_terms
        on classed.school_urn = half_terms.school_urn and session_date between starts_on and ends_on
    where not (from_class = 'no mark' and to_class = 'no mark')
),

counted as (
    select
        point,
        school_urn,
        school_year,
        half_term,
        reason,
        from_class,
        to_class,
        sum(sessions)::bigint as sessions,
        sum(attended_change + absent_change)::bigint as sessions_possible_change,
        sum(attended_change)::bigint as sessions_attended_change,
        sum(absent_change)::bigint as sessions_absent_change
    from placed
    group by point, school_year, half_term, reason, from_class, to_class, grouping sets ((school_urn), ())
)

from counted
