-- One row per cell where free school meals, SEND and a social worker meet, as far as it may be shown.
select * from board.cohort_intersections
