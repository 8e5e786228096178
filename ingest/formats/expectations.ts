import { EXPECTATION_FIELDS, takeExpectations } from "../expectations.ts";
import type { RegisterFormat } from "../format.ts";

/**
 * What attendance or absence a school is expected to reach in a school year, typed from paper: DfE's attendance baseline
 * improvement expectation, which no file holds, and targets of the school's or the trust's own. One row an expectation:
 * `URN, School year, Kind, Measure, Percent, Stated on, Source`. Without a URN the target is the trust's. Source of the
 * layout: ours.
 */
export const expectations: RegisterFormat = {
  name: "expectations",
  title: "expectations and targets",
  required: ["URN", "School year", "Kind", "Measure", "Percent", "Stated on"],
  readings: [],
  fields: EXPECTATION_FIELDS,
  take: takeExpectations,
};
