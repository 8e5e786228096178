import type { Reading, RegisterFormat, Status } from "../format.ts";

/**
 * Arbor's BI Connector: the views of its English schema, saved as CSV with their own column names. Schools come by
 * APPLICATION_ID, which rollbook.yaml states under `known_as`, and pupils by STUDENT_UNIQUE_ID; STUDENTS says whose UPN
 * that is. Source of the layout: the data model in Arbor's own Power BI template.
 */
const system = "arbor";
const OF_PUPIL = { school_id: ["applicationid"], pupil_id: ["studentuniqueid"] } as const;
const SPELL = { from_on: ["startdate"], to_on: ["enddate"] } as const;

/** ROLL_CALL_ATTENDANCE. RAW_MARK is DfE's letter; MARK_CODE is Arbor's word for it. */
export const arborRollCall: RegisterFormat = {
  name: "arbor_roll_call",
  title: "Arbor roll call attendance",
  required: ["STUDENT_UNIQUE_ID", "APPLICATION_ID", "RAW_MARK", "PERIOD", "DATE"],
  readings: [
    {
      table: "marks",
      system,
      fields: {
        ...OF_PUPIL,
        session_date: ["date"],
        session: ["period"],
        mark: ["rawmark"],
        minutes_late: ["minuteslate"],
      },
    },
  ],
};

/**
 * STUDENTS, as at the day of the extract. ETHNICITY is a name whose spelling is not documented, and HAS_MEDICAL_CONDITION
 * is any condition, not a long-term one: neither is read.
 */
export const arborStudents: RegisterFormat = {
  name: "arbor_students",
  title: "Arbor students",
  required: ["STUDENT_UNIQUE_ID", "APPLICATION_ID", "UPN", "CURRENT_YEAR_GROUP"],
  readings: [
    {
      table: "pupils",
      system,
      fields: {
        ...OF_PUPIL,
        upn: ["upn"],
        former_upn: ["formerupn"],
        year_group: ["currentyeargroup"],
        registration_group: ["currentregistrationgroup"],
        sex: ["sex"],
        born_on: ["dateofbirth"],
        sen_provision: ["currentsenstatus"],
        is_fsm: ["fsm"],
        is_fsm_ever_6: ["ever6fsm"],
        is_eal: ["eal"],
        is_looked_after: ["incare"],
        is_child_protection: ["childprotection"],
      },
      names: {
        surname: ["preferredlastname", "legallastname"],
        forename: ["preferredfirstname", "legalfirstname"],
      },
    },
  ],
};

/** What Arbor's tags are called, as its columns of the same facts; trusts add tags of their own, which no figure needs. */
const TAGS: Record<string, Status> = {
  fsm: "fsm",
  freeschoolmeals: "fsm",
  ever6fsm: "fsm_ever_6",
  eal: "eal",
  incare: "looked_after",
  lookedafter: "looked_after",
  childprotection: "child_protection",
  childprotectionplan: "child_protection",
  childinneed: "child_in_need",
  youngcarer: "young_carer",
  servicechild: "service_child",
  pupilpremium: "pupil_premium",
  pupilpremiumrecipient: "pupil_premium",
  "*": "not_used",
};

/** STUDENT_TAGS_HISTORY: one row a tag and the days that a student had it. */
export const arborTags: RegisterFormat = {
  name: "arbor_tags",
  title: "Arbor student tags",
  required: ["STUDENT_UNIQUE_ID", "TAG_IDENTIFIER", "START_DATE", "END_DATE"],
  readings: [{ table: "statuses", system, status: TAGS, fields: { ...OF_PUPIL, status: ["tagidentifier"], ...SPELL } }],
};

/**
 * STUDENT_SEN_STATUS_ASSIGNMENT: one row an SEN status and the days that a student had it. The export code is DfE's N, K
 * or E; without that column the status's own code is read.
 */
export const arborSenStatuses: RegisterFormat = {
  name: "arbor_sen_statuses",
  title: "Arbor SEN statuses",
  required: ["STUDENT_UNIQUE_ID", "SEN_STATUS_CODE", "SEN_STATUS_EXPORT_CODE", "START_DATE"],
  readings: [senStatuses("senstatusexportcode")],
};
export const arborSenStatusesByCode: RegisterFormat = {
  ...arborSenStatuses,
  title: "Arbor SEN statuses without export codes",
  required: ["STUDENT_UNIQUE_ID", "SEN_STATUS_CODE", "START_DATE"],
  readings: [senStatuses("senstatuscode")],
};

/** STUDENT_SCHOOL_ENROLMENTS: one row a stay on a school's roll. */
export const arborEnrolments: RegisterFormat = {
  name: "arbor_enrolments",
  title: "Arbor school enrolments",
  required: ["STUDENT_UNIQUE_ID", "START_DATE", "END_DATE", "CURRENTLY_ON_ROLL"],
  readings: [{ table: "enrolments", system, fields: { ...OF_PUPIL, entered_on: SPELL.from_on, left_on: SPELL.to_on } }],
};

// --- internal ---

function senStatuses(code: string): Reading {
  return { table: "statuses", system, status: "sen_provision", fields: { ...OF_PUPIL, value: [code], ...SPELL } };
}
