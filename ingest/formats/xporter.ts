import type { Reading, RegisterFormat } from "../format.ts";
import { PUPIL_NAMES, PUPIL_ROW_FIELDS } from "./pupil_rows.ts";

/**
 * Groupcall's Xporter on Demand, which reads SIMS and most other systems; its answers saved as JSON or CSV in a folder
 * named by the school's URN. Source of the layouts: Groupcall's documentation of its endpoints.
 */
const system = "xporter";

/** `school.AttendanceForDateRange` and `school.AttendanceForDate`: one row a mark, the pupil by the student's id. */
export const xporterMarks: RegisterFormat = {
  name: "xporter_marks",
  title: "Xporter attendance",
  required: ["Date", "StudentId", "Mark", "Type", "Session"],
  readings: [
    {
      table: "marks",
      system,
      fields: {
        pupil_id: ["studentid"],
        session_date: ["date"],
        session: ["session"],
        mark: ["mark"],
        minutes_late: ["minslate"],
        modified: ["lastupdated"],
      },
    },
  ],
};

const pupils: Reading = {
  table: "pupils",
  system,
  fields: { ...PUPIL_ROW_FIELDS, pupil_id: ["id"], registration_group: ["reggroup"], year_group: ["yeargroup"] },
  names: PUPIL_NAMES,
};

/** `school.Students`: pupils as at the day of the extract. */
export const xporterStudents: RegisterFormat = {
  name: "xporter_students",
  title: "Xporter students",
  required: ["Id", "UPN", "YearGroup", "RegGroup", "EntryDate"],
  readings: [pupils],
};

/** `school.Students` with its block of attendance: each pupil's marks as one string, two for every day, weekends too. */
export const xporterStudentsWithMarks: RegisterFormat = {
  name: "xporter_students_with_marks",
  title: "Xporter students with marks",
  required: ["Id", "UPN", "YearGroup", "RegGroup", "EntryDate", "AttMarksStartDate", "Marks"],
  readings: [
    pupils,
    {
      table: "mark_strings",
      system,
      fields: {
        school_urn: PUPIL_ROW_FIELDS.school_urn,
        pupil_id: ["id"],
        upn: ["upn"],
        starts_on: ["attmarksstartdate"],
        marks: ["marks"],
      },
    },
  ],
};

/** `school.SEN`: one row an SEN provision and the days that a pupil had it. */
export const xporterSen: RegisterFormat = {
  name: "xporter_sen",
  title: "Xporter SEN provisions",
  required: ["StudentId", "SENProvisionCode", "SENProvisionStartDate", "SENProvisionEndDate"],
  readings: [
    {
      table: "statuses",
      system,
      status: "sen_provision",
      fields: {
        pupil_id: ["studentid"],
        value: ["senprovisioncode"],
        from_on: ["senprovisionstartdate"],
        to_on: ["senprovisionenddate"],
      },
    },
  ],
};
