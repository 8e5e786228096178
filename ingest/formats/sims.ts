import type { RegisterFormat } from "../format.ts";
import type { XmlLayout } from "../xml.ts";
import { MARK_ROW_FIELDS } from "./mark_rows.ts";
import { PUPIL_NAMES, PUPIL_ROW_FIELDS } from "./pupil_rows.ts";

/**
 * What SIMS's report runner writes: `<SuperStarReport><Record>…</Record></SuperStarReport>`, with one element for each
 * column that the report's author chose. So the columns are found by the same names as in a CSV of the same report.
 */
const xml: XmlLayout = { root: "SuperStarReport", records: { Record: "Record" }, carried: [] };

/** A SIMS report of session marks, saved as XML. */
export const simsMarks: RegisterFormat = {
  name: "sims_marks",
  title: "marks from a SIMS report",
  required: ["Record", "UPN", "Mark date", "Session", "Mark"],
  xml,
  readings: [{ table: "marks", fields: MARK_ROW_FIELDS }],
};

/** A SIMS report of pupils, saved as XML. */
export const simsPupils: RegisterFormat = {
  name: "sims_pupils",
  title: "pupils from a SIMS report",
  required: ["Record", "UPN", "Year"],
  xml,
  readings: [{ table: "pupils", fields: PUPIL_ROW_FIELDS, names: PUPIL_NAMES }],
};
