-- One row per group of pupils that may be shown; models/board decides which and rounds.
select * from board.cohort_gaps
