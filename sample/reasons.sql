-- Why each spell was missed: how many sessions of each kind of absence go to each code.
--
-- What kind of spell it is, how much the pupil misses and what the pupil's absence is mostly about make a code more or
-- less likely: the weights below, which are ours. raking.sql then scales the table in turn to each code's published
-- share and to the sessions in each cell, until both hold; exceptions.sql reads the codes off.

create table sample.reason_cells as
with

cells as (
    select phase, school_year, kind, level, habit, sum(sessions) as sessions
    from sample.absences
    group by all
),

by_kind as (
    from (values
        --     morning afternoon day  days  block long
        ('I',  0.6,    0.9,      1.0, 1.3,  0.25, 1.0),
        ('M',  4.0,    4.0,      0.5, 0.02, 0.0,  0.0),
        ('G',  0.02,   0.1,      0.4, 0.6,  9.0,  0.3),
        ('H',  0.02,   0.1,      0.4, 0.6,  9.0,  0.3),
        ('O',  1.0,    1.3,      1.0, 0.7,  0.4,  1.0),
        ('N',  1.0,    1.3,      1.0, 0.7,  0.4,  0.5),
        ('U',  9.0,    0.3,      0.0, 0.0,  0.0,  0.0),
        ('E',  0.0,    0.3,      0.7, 1.0,  0.2,  0.2),
        ('C',  1.0,    1.0,      1.0, 0.5,  0.3,  0.3),
        ('C1', 0.5,    0.5,      1.0, 1.0,  0.2,  0.2),
        ('T',  0.0,    0.0,      0.3, 1.0,  2.0,  2.0)
    ) weights (code, morning, afternoon, day, days, holiday_block, long)
),

by_level as (
    from (values
        --     under 5% under 10% under 50% severe
        ('I',  [1.0,    0.9,      0.6,      0.25]),
        ('M',  [1.0,    1.0,      0.8,      0.3]),
        ('G',  [1.2,    1.2,      0.6,      0.1]),
        ('H',  [1.2,    1.2,      0.6,      0.1]),
        ('O',  [0.3,    0.6,      1.5,      4.0]),
        ('N',  [0.5,    0.7,      1.3,      2.0]),
        ('U',  [0.5,    1.0,      1.5,      0.7]),
        ('E',  [0.1,    0.5,      1.5,      1.0]),
        ('C',  [0.6,    1.0,      1.0,      1.5]),
        ('C1', [1.0,    1.0,      0.5,      0.1]),
        ('T',  [1.0,    1.0,      1.0,      1.0])
    ) weights (code, weights)
),

by_habit as (
    from (values
        ('suspended', 'E', 20.0), ('suspended', 'O', 1.5), ('late', 'U', 8.0), ('unexplained', 'O', 4.0),
        ('unexplained', 'N', 4.0), ('holidays', 'G', 6.0), ('holidays', 'H', 6.0), ('travelling', 'T', 200.0),
        ('ill', 'I', 1.5), ('ill', 'M', 2.0)
    ) weights (habit, code, weight)
),

-- what schools leave unresolved turns into O after five days, but for a few that were overlooked
published as (
    select
        phase,
        school_year,
        case when code = 'N' then unnest(['N', 'O']) else code end as reason,
        case when code = 'N' then unnest([0.02, 0.98]) else 1 end * share as share
    from sample.code_mix
    where code in (select code from by_kind)
),

shares as (
    select phase, school_year, reason as code, sum(share) as share
    from published
    group by all
)

select
    cells.phase,
    cells.school_year,
    cells.kind,
    cells.level,
    cells.habit,
    code,
    cells.sessions::double as cell_sessions,
    shares.share as code_share,
    cells.sessions * shares.share
        * case kind
            when 'morning' then morning when 'afternoon' then afternoon when 'day' then day
            when 'days' then days when 'holiday block' then holiday_block else long
        end
        * by_level.weights[level]
        * case when code = 'T' and habit <> 'travelling' then 0 else coalesce(by_habit.weight, 1) end as sessions
from cells
join shares using (phase, school_year)
join by_kind using (code)
join by_level using (code)
left join by_habit using (habit, code);
