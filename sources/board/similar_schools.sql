-- One row per school and full school year of which somebody typed DfE's list of similar schools: their medians, and where the
-- school stands among them. Its own figures are those of three_year_trends.
select
    school_urn,
    school_year,
    similar_schools,
    round(percent_attendance_median, 1) as percent_attendance_median,
    round(percent_persistent_median, 1) as percent_persistent_median,
    rank_attendance,
    round(percentile_attendance) as percentile_attendance,
    rank_persistent,
    round(percentile_persistent) as percentile_persistent,
    why_no_rank
from marts.similar_schools
