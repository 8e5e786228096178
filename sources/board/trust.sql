-- One row: whose figures these are, up to when, and what became of the register rows behind them.
select
    trust_name,
    as_at,
    school_year,
    period_label,
    newest_session,
    rows_read,
    rows_accepted,
    rows_quarantined,
    rows_duplicate,
    benchmarks_counted_to,
    benchmarks_published_on,
    benchmarks_days_old,
    are_benchmarks_old
from marts.trust
