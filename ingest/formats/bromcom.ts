import type { Reading, RegisterFormat } from "../format.ts";
import { PUPIL_NAMES } from "./pupil_rows.ts";

/**
 * Bromcom's entities as its API gives them, saved as JSON or CSV. Source of the layouts: Open Education AI's loader for
 * Bromcom, and Bromcom's notices of its changes for August 2024.
 */
const system = "bromcom";

/**
 * Attendances: one row a mark. `exportMark` is what goes to DfE; where it is not there, `mark` is read. `recordedOn` is
 * when the mark was made; who made it is not read.
 */
export const bromcomAttendances: RegisterFormat = {
  name: "bromcom_attendances",
  title: "Bromcom attendances",
  required: ["attendanceID", "studentID", "calendarName", "calendarStartDate", "exportMark"],
  readings: [attendances("exportmark")],
};
export const bromcomMarks: RegisterFormat = {
  ...bromcomAttendances,
  title: "Bromcom attendances without export marks",
  required: ["studentID", "calendarName", "calendarStartDate", "mark"],
  readings: [attendances("mark")],
};

/** AttendanceSessions: one row a pupil and school year, with the marks as one string; the school by its DfE number. */
export const bromcomSessions: RegisterFormat = {
  name: "bromcom_sessions",
  title: "Bromcom attendance sessions",
  required: ["studentID", "attendanceStartDate", "attendanceMarks"],
  readings: [
    {
      table: "mark_strings",
      system,
      fields: {
        la_number: ["lea"],
        establishment_number: ["establishmentnumber"],
        pupil_id: ["studentid"],
        starts_on: ["attendancestartdate"],
        marks: ["attendancemarks"],
      },
    },
  ],
};

/** StudentFlatView: pupils as at the day of the extract. A pupil may stand in it more than once, row for row the same. */
export const bromcomStudents: RegisterFormat = {
  name: "bromcom_students",
  title: "Bromcom students",
  required: ["student_ID", "upn", "yearGroup"],
  readings: [
    {
      table: "pupils",
      system,
      fields: {
        pupil_id: ["studentid"],
        upn: ["upn"],
        former_upn: ["formerupn"],
        year_group: ["yeargroup"],
        registration_group: ["tutorgroupname"],
        entered_on: ["enrolmentstartdate"],
        left_on: ["dateofleaving"],
        sen_provision: ["provisionname"],
        sen_need: ["senprimaryneedcode"],
        ethnicity_code: ["ethnicitycode"],
        is_fsm: ["iseligibleforfreemeal"],
        is_fsm_ever_6: ["everfsm6flag"],
        is_eal: ["ealflag"],
        is_looked_after: ["incareflag"],
      },
      names: PUPIL_NAMES,
    },
  ],
};

// --- internal ---

function attendances(mark: string): Reading {
  return {
    table: "marks",
    system,
    fields: {
      pupil_id: ["studentid"],
      session_date: ["calendarstartdate"],
      session: ["calendarname"],
      mark: [mark],
      modified: ["recordedon"],
      minutes_late: ["minute"],
    },
  };
}
