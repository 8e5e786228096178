import type { RegisterFormat } from "../format.ts";
import { SIMILAR_SCHOOL_FIELDS, takeSimilarSchools } from "../similar_schools.ts";

/**
 * The similar schools that DfE's report names to a school, typed from it, with their figures of a full school year. One
 * row a similar school: `URN, School year, Similar school, Similar URN, Attendance percent, Persistent absence percent`.
 * A file has the whole list of each school and year that it tells of. Source of the layout: ours.
 */
export const similarSchools: RegisterFormat = {
  name: "similar_schools",
  title: "lists of similar schools",
  required: ["URN", "School year", "Similar school", "Attendance percent"],
  readings: [],
  fields: SIMILAR_SCHOOL_FIELDS,
  take: takeSimilarSchools,
};
