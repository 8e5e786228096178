import type { RegisterFormat } from "../format.ts";

/**
 * Pages of Wonde's API, saved as they came in a folder named by the school's URN. Nested names are joined with dots, and
 * Wonde's `data` wrappers left out. Source of the layouts: Wonde's PHP client and Open Education AI's loader for Wonde.
 */
const system = "wonde";

/** `/schools/{id}/attendance-codes/`: which mark the id of a code stands for. Session marks come by these ids. */
export const wondeCodes: RegisterFormat = {
  name: "wonde_codes",
  title: "Wonde attendance codes",
  required: ["id", "code", "description", "type"],
  readings: [{ table: "mark_codes", system, fields: { code_id: ["id"], mark: ["code"] } }],
};

/** `/schools/{id}/attendance/session/`: one record a mark. */
export const wondeSessions: RegisterFormat = {
  name: "wonde_sessions",
  title: "Wonde session marks",
  required: ["id", "date", "session", "student", "attendance_code"],
  readings: [
    {
      table: "marks",
      system,
      fields: {
        pupil_id: ["student"],
        session_date: ["date"],
        session: ["session"],
        mark_code_id: ["attendancecode"],
        minutes_late: ["minuteslate"],
        modified: ["updatedat"],
      },
    },
  ],
};

/** `/schools/{id}/students` and `/students-leaver` with `include=education_details,extended_details`. */
export const wondeStudents: RegisterFormat = {
  name: "wonde_students",
  title: "Wonde students",
  required: ["id", "upi", "mis_id", "education_details.upn"],
  readings: [
    {
      table: "pupils",
      system,
      fields: {
        pupil_id: ["id"],
        upn: ["educationdetailsupn"],
        former_upn: ["educationdetailsformerupn"],
        year_group: ["educationdetailscurrentncyear"],
        entered_on: ["educationdetailsadmissiondate"],
        left_on: ["educationdetailsleavingdate"],
        sex: ["gender"],
        born_on: ["dateofbirth"],
        sen_provision: ["extendeddetailssenstatus"],
        ethnicity_code: ["extendeddetailsethnicitycode"],
        is_fsm: ["extendeddetailsfreeschoolmeals"],
        is_fsm_ever_6: ["extendeddetailsfreeschoolmeals6"],
        is_eal: ["extendeddetailsenglishasadditionallanguage"],
        is_looked_after: ["extendeddetailsinleacare"],
        was_looked_after: ["extendeddetailseverincare"],
        is_child_in_need: ["extendeddetailschildinneed"],
        is_child_protection: ["extendeddetailschildprotectionplan"],
      },
      names: { surname: ["surname", "legalsurname"], forename: ["forename", "legalforename"] },
    },
  ],
};
