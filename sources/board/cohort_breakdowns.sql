-- One row per question about groups: what of it is shown, or why it is not.
select * from board.cohort_breakdowns
