import type { Fields, PupilNames, PupilsField, RegisterFormat } from "../format.ts";

/** What exporters call the columns of pupil rows. The first of each is Groupcall Xporter's `school.Students`. */
export const PUPIL_ROW_FIELDS = {
  school_urn: ["schoolurn", "urn", "uniquereferencenumber"],
  upn: ["upn", "uniquepupilnumber"],
  former_upn: ["formerupn", "previousupn"],
  year_group: ["yeargroup", "currentyeargroup", "currentncyear", "ncyear", "year"],
  entered_on: ["entrydate", "admissiondate", "dateofadmission"],
  left_on: ["leavingdate", "dateofleaving"],
  registration_group: [
    "reggroup",
    "reg",
    "registrationgroup",
    "currentregistrationgroup",
    "registrationform",
    "tutorgroupname",
  ],
  sex: ["gender", "sex"],
  born_on: ["dateofbirth", "dob"],
  sen_provision: ["senprovision", "senstatus"],
  sen_need: ["senneed", "senprimaryneed", "primarysentype", "senprimaryneedcode"],
  ethnicity_code: ["ethnicitycode"],
  is_fsm: ["fsmeligible", "freeschoolmeals", "fsm"],
  is_fsm_ever_6: ["fsmever6", "freeschoolmeals6", "ever6fsm"],
  is_eal: ["eal", "englishasadditionallanguage"],
  is_looked_after: ["inleacare", "inlacare", "incare", "lookedafterchild"],
  was_looked_after: ["everincare", "previouslylookedafterchild", "previouslylookedafter"],
  is_child_in_need: ["childinneed"],
  is_child_protection: ["childprotectionplan"],
  is_young_carer: ["isyoungcarer", "youngcarer"],
  is_medical: ["longtermmedical", "longtermmedicalcondition"],
  known_on: ["lastupdated", "extractedon"],
} satisfies Fields<PupilsField>;

/** What exporters call the columns of a pupil's name: by what the pupil is called, where that is given, then the legal one. */
export const PUPIL_NAMES: PupilNames = {
  surname: [
    "preferredsurname",
    "chosensurname",
    "preferredlastname",
    "chosenlastname",
    "surname",
    "lastname",
    "familyname",
    "legalsurname",
    "legallastname",
  ],
  forename: [
    "preferredforename",
    "chosenforename",
    "preferredfirstname",
    "chosenfirstname",
    "chosenname",
    "forename",
    "firstname",
    "givenname",
    "legalforename",
    "legalfirstname",
  ],
};

/**
 * Pupils' characteristics as at an extract, one row an enrolment. The school comes by its URN in each row, or by the
 * folder's name. Source of the layout: Xporter on Demand's `school.Students`, with the spellings of other exports.
 */
export const pupilRows: RegisterFormat = {
  name: "pupil_rows",
  title: "pupils",
  required: ["UPN", "YearGroup", "EntryDate"],
  readings: [{ table: "pupils", fields: PUPIL_ROW_FIELDS, names: PUPIL_NAMES }],
};
