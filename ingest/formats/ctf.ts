import type { RegisterFormat } from "../format.ts";

/** The school that wrote the file, and when. */
const SOURCE = {
  la_number: ["headersourceschoollea"],
  establishment_number: ["headersourceschoolestab"],
  known_on: ["headerdatetime"],
} as const;
const UPN_OF_PUPIL = ["ctfpupildatapupilupn"] as const;

/**
 * DfE's Common Transfer File, which every system writes. It holds dated histories of free school meals and SEN, and a
 * string of marks for each school year, which may be of an earlier school. It holds no year group and no enrolment. In
 * care is known as at the file's date. Source of the layout: importers and generators of CTF 17 to 25; from CTF 24 the
 * marks of a string are parted by commas. The older element `Gender` is not read.
 */
export const ctf: RegisterFormat = {
  name: "ctf",
  title: "Common Transfer Files",
  required: ["Pupil", "UPN", "Header/DateTime", "Header/SourceSchool/LEA"],
  xml: {
    root: "CTfile",
    records: {
      Pupil: "CTFpupilData/Pupil",
      FSMinstance: "CTFpupilData/Pupil/FSMhistory/FSMinstance",
      SEN: "CTFpupilData/Pupil/SENhistory/SEN",
      LookedAfter: "CTFpupilData/Pupil/LookedAfter",
      YearData: "CTFpupilData/Pupil/Attendance/YearData",
    },
    carried: ["Header/DateTime", "Header/SourceSchool/LEA", "Header/SourceSchool/Estab", "CTFpupilData/Pupil/UPN"],
  },
  readings: [
    {
      table: "pupils",
      sheet: "Pupil",
      dates: "yyyy-mm-dd",
      fields: { ...SOURCE, upn: ["upn"], former_upn: ["basicdetailsformerupn"], sex: ["sex"], born_on: ["dob"] },
      names: {
        surname: ["basicdetailspreferredsurname", "surname"],
        forename: ["basicdetailspreferredforename", "forename"],
      },
    },
    {
      table: "statuses",
      sheet: "FSMinstance",
      dates: "yyyy-mm-dd",
      status: "fsm",
      fields: { ...SOURCE, upn: UPN_OF_PUPIL, from_on: ["fsmstartdate"], to_on: ["fsmenddate"] },
    },
    {
      table: "statuses",
      sheet: "SEN",
      dates: "yyyy-mm-dd",
      status: "sen_provision",
      fields: {
        ...SOURCE,
        upn: UPN_OF_PUPIL,
        value: ["senprovision"],
        from_on: ["startdate"],
        to_on: ["enddate"],
      },
    },
    {
      table: "statuses",
      sheet: "LookedAfter",
      dates: "yyyy-mm-dd",
      status: "looked_after",
      fields: { ...SOURCE, upn: UPN_OF_PUPIL, value: ["incare"] },
    },
    {
      table: "mark_strings",
      sheet: "YearData",
      dates: "yyyy-mm-dd",
      fields: {
        la_number: ["lea"],
        establishment_number: ["estab"],
        upn: UPN_OF_PUPIL,
        starts_on: ["attendsessionsattendancestartdate"],
        marks: ["attendsessionsattendancemarks"],
        extracted_at: SOURCE.known_on,
      },
    },
  ],
};
