import type { RegisterFormat } from "../format.ts";
import { INTERVENTION_FIELDS, takeInterventions } from "../interventions.ts";

/**
 * What a school does for a pupil's attendance, kept by hand. One row a pupil and plan:
 * `SchoolURN, UPN, Plan, Started on, Review on, Outcome`. The last two may be empty or missing, and so may the URN in a
 * school's folder. A file has the whole list of each school and plan that it tells of: a corrected one replaces it.
 * Source of the layout: ours.
 */
export const interventions: RegisterFormat = {
  name: "interventions",
  title: "lists of interventions",
  required: ["UPN", "Plan", "Started on"],
  readings: [],
  fields: INTERVENTION_FIELDS,
  take: takeInterventions,
};
