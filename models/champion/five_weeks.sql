-- Every pupil's attendance over the last five school weeks, ranked at each school with the highest first.
--
-- Pupils on roll on the as-at date with a possible session in those weeks; they are weeks of this school year, fewer
-- while it has had fewer (marts.pupil_attendance, last_five_weeks). Equal attendance shares a place, and the next
-- place is passed over as often: after two at place 1 comes place 3. Places are by the unrounded rate.
--
-- grain: school_urn, pupil_key
-- check: place between 1 and pupils_ranked

with

pupils as (
    from champion.pupils
),

last_five_weeks as (
    from marts.pupil_attendance
    where period_type = 'last_five_weeks' and basis = 'everyone on roll'
),

periods as (
    from staging.periods
    where period_type = 'last_five_weeks'
),

ranked as (
    select
        pupils.school_urn,
        pupils.pupil_key,
        pupils.school_year,
        starts_on,
        ends_on,
        rank() over (partition by pupils.school_urn order by last_five_weeks.percent_attendance desc) as place,
        count(*) over (partition by pupils.school_urn) as pupils_ranked,
        pupils.year_group,
        pupils.registration_group,
        last_five_weeks.sessions_possible,
        last_five_weeks.sessions_attended,
        last_five_weeks.sessions_absent,
        last_five_weeks.sessions_unauthorised,
        sessions_late_before_close + sessions_late_after_close as sessions_late,
        last_five_weeks.percent_attendance,
        direction
    from pupils
    join last_five_weeks
        on pupils.school_urn = last_five_weeks.school_urn
        and pupils.pupil_key = last_five_weeks.pupil_key
        and pupils.school_year = last_five_weeks.school_year
    left join periods on pupils.school_urn = periods.school_urn and pupils.school_year = periods.school_year
)

from ranked
