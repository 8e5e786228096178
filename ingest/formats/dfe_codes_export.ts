import type { RegisterFormat } from "../format.ts";

/**
 * "Export attendance and absence codes" of DfE's Monitor your school attendance: one row a mark, the same for every
 * school's system. Dates are written like "Friday, 3 October 2025", sessions "Morning attendance", and schools by name,
 * which rollbook.yaml may state under `known_as`. Source of the layout: a public prototype of the tool; to be held to a
 * real file.
 */
export const dfeCodesExport: RegisterFormat = {
  name: "dfe_codes_export",
  title: "marks exported from DfE's Monitor your school attendance",
  required: ["UPN", "School Name", "Session date", "Attendance code", "Period Attendance Code"],
  readings: [
    {
      table: "marks",
      dates: "weekday, d month yyyy",
      fields: {
        school_name: ["schoolname"],
        upn: ["upn"],
        session_date: ["sessiondate"],
        session: ["periodattendancecode"],
        mark: ["attendancecode"],
      },
    },
  ],
};
