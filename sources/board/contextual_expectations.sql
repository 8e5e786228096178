-- One row per school (null: the trust), reporting point and measure: what England's rates would give with its mix,
-- as far as it may be shown; models/board decides which and rounds.
select * from board.contextual_expectations
