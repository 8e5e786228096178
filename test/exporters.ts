/**
 * One invented register, written as each system would export it. Only the published layouts were read to write this, not
 * the code that reads them, so that writer and reader cannot share a mistake.
 */

/** One session mark of one pupil at one school, with a code as DfE lists them. */
export interface RegisterMark {
  urn: number;
  upn: string;
  /** ISO date. */
  date: string;
  session: "AM" | "PM";
  code: string;
}

/** One enrolment of a pupil. Of a pupil at two schools there are two, with one UPN and two ids. */
export interface RegisterPupil {
  urn: number;
  upn: string;
  /** The id in the school's own system, which another school's system may give to another pupil. */
  misId: number;
  /** National Curriculum year, as a number or R. */
  yearGroup: string;
  enteredOn: string;
  leftOn: string | null;
  fsm: boolean;
  sen: "N" | "K" | "E";
  surname: string;
  forename: string;
  bornOn: string;
  sex: "F" | "M";
  registrationGroup: string;
}

export interface Register {
  pupils: RegisterPupil[];
  marks: RegisterMark[];
  /** ISO date of the export, on or after the last mark. */
  extractedOn: string;
}

export interface Layout {
  name: string;
  /** Packed mark strings have room for one character a session. */
  holdsTwoCharacterCodes: boolean;
  dates: "yyyy-mm-dd" | "dd/mm/yyyy";
  /** The files by their path below the drop folder. */
  files(pupils: RegisterPupil[], marks: RegisterMark[], extractedOn: string): Record<string, string | Buffer>;
}

/** The two schools by every name that a system gives them. */
export const SCHOOLS = [
  { urn: 999001, name: "Oak Primary", lea: "825", estab: "4001", applicationId: "school-999001" },
  { urn: 999002, name: "Elm Secondary", lea: "825", estab: "4002", applicationId: "school-999002" },
] as const;

/** What begins every name, address and comment in the files. None of these may get past the landed files. */
export const CANARY = "ZZCANARY";

export const LAYOUTS: readonly Layout[] = [
  rowLayout("supplier contract, CSV", supplierContract),
  { ...rowLayout("CSV with headings and dates of its own", genericRows), dates: "dd/mm/yyyy" },
  rowLayout("Arbor BI connector, CSV", arborTables),
  rowLayout("Bromcom Attendances, JSON", (...register) => bromcomAttendances(register, "json")),
  rowLayout("Bromcom Attendances, CSV", (...register) => bromcomAttendances(register, "csv")),
  rowLayout("Bromcom AttendanceSessions with commas, JSON", (...register) => bromcomSessions(register, ",", "json")),
  rowLayout("Bromcom AttendanceSessions with commas, CSV", (...register) => bromcomSessions(register, ",", "csv")),
  packedLayout("Bromcom AttendanceSessions packed, JSON", (...register) => bromcomSessions(register, "", "json")),
  packedLayout("Bromcom AttendanceSessions packed, CSV", (...register) => bromcomSessions(register, "", "csv")),
  rowLayout("Wonde pages", wondePages),
  rowLayout("Xporter AttendanceForDateRange, CSV", (...register) => xporterMarks(register, "csv")),
  rowLayout("Xporter AttendanceForDateRange, JSON", (...register) => xporterMarks(register, "json")),
  packedLayout("Xporter Students.Marks, CSV", (...register) => xporterMarkStrings(register, "csv")),
  packedLayout("Xporter Students.Marks, JSON", (...register) => xporterMarkStrings(register, "json")),
  rowLayout("SIMS report, XML", simsXml),
  rowLayout("SIMS report, CSV", simsCsv),
  rowLayout("Common Transfer File 25", (...register) => commonTransferFiles(register, "25.0")),
  packedLayout("Common Transfer File before 2024", (...register) => commonTransferFiles(register, "23.0")),
  rowLayout("DfE's export of attendance and absence codes", dfeExport),
];

/**
 * Two registers of six pupils at two schools: one from before the codes of August 2024, one since. Both span two school
 * years, weekends and a month's end, and hold a joiner, a leaver, a pupil at both schools, a closed day, marks that
 * nobody made and sessions that nobody stated.
 */
export const REGISTERS: Readonly<Record<"before August 2024" | "since August 2024", Register>> = {
  "before August 2024": inventRegister({
    spans: [
      ["2023-07-12", "2023-07-17"],
      ["2024-06-19", "2024-07-05"],
    ],
    closedOn: "2024-06-28",
    joinsOn: "2024-06-24",
    leavesOn: "2024-07-02",
    codes: "L I M J Y U N O - C H B D E G P R S T V W X".split(" "),
  }),
  "since August 2024": inventRegister({
    spans: [
      ["2025-07-16", "2025-07-21"],
      ["2025-09-24", "2025-10-10"],
    ],
    closedOn: "2025-10-03",
    joinsOn: "2025-09-29",
    leavesOn: "2025-10-07",
    codes: "L I M C1 J1 Y1 U N O - C C2 B D E G K P Q R S T V W X Y2 Y3 Y4 Y5 Y6 Y7".split(" "),
  }),
};

/** The register as it would be if every code had one character: two-character codes become a code of their class. */
export function withOneCharacterCodes(register: Register): Register {
  const marks = register.marks.map((mark) => {
    const [letter = "", number] = mark.code;
    return number === undefined ? mark : { ...mark, code: letter === "C" ? "C" : letter === "J" ? "M" : "Q" };
  });
  return { ...register, marks };
}

/** A UPN of an invented pupil with its check letter: weights 2 to 13, modulo 23. */
export function upnOf(twelve: string): string {
  const sum = [...twelve].reduce((total, digit, i) => total + Number(digit) * (i + 2), 0);
  return `${"ABCDEFGHJKLMNPQRTUVWXYZ"[sum % 23]}${twelve}`;
}

// --- internal ---

type Files = Layout["files"];
type RegisterParts = Parameters<Files>;
type Cell = string | number | boolean | null;
type Row = Record<string, Cell>;
type Encoding = "csv" | "json";
type SchoolName = (typeof SCHOOLS)[number];

function rowLayout(name: string, files: Files): Layout {
  return { name, holdsTwoCharacterCodes: true, dates: "yyyy-mm-dd", files };
}

function packedLayout(name: string, files: Files): Layout {
  return { ...rowLayout(name, files), holdsTwoCharacterCodes: false };
}

// the register

function inventRegister(invention: {
  spans: [string, string][];
  closedOn: string;
  joinsOn: string;
  leavesOn: string;
  codes: string[];
}): Register {
  const { spans, closedOn, joinsOn, leavesOn, codes } = invention;
  const secondYear = spans[1]?.[0] ?? "";
  const of = (
    serial: number,
    pupil: Omit<RegisterPupil, "surname" | "forename" | "bornOn" | "upn">,
  ): RegisterPupil => ({
    ...pupil,
    upn: upnOf(`8254001190${String(serial).padStart(2, "0")}`),
    surname: `${CANARY}SURNAME${serial}`,
    forename: `${CANARY}FORENAME${serial}`,
    bornOn: `${2019 - (Number(pupil.yearGroup) || 0)}-0${serial}-1${serial}`,
  });
  const oak = { urn: 999001, enteredOn: "2021-09-06", leftOn: null, registrationGroup: "Ash" };
  const elm = { urn: 999002, enteredOn: "2022-09-05", leftOn: null, registrationGroup: "9B" };
  const pupils = [
    of(1, { ...oak, misId: 70031, yearGroup: "5", fsm: true, sen: "K", sex: "F" }),
    of(2, { ...oak, misId: 70032, yearGroup: "R", fsm: false, sen: "N", sex: "M" }),
    of(3, { ...oak, misId: 70033, yearGroup: "6", fsm: false, sen: "E", sex: "F", enteredOn: joinsOn }),
    of(4, { ...oak, misId: 70034, yearGroup: "6", fsm: true, sen: "N", sex: "M", leftOn: leavesOn }),
    of(5, { ...elm, misId: 70031, yearGroup: "9", fsm: false, sen: "N", sex: "F" }),
    of(6, { ...elm, misId: 70041, yearGroup: "10", fsm: true, sen: "K", sex: "M" }),
    // the first pupil is at the other school as well
    of(1, { ...elm, misId: 70042, yearGroup: "5", fsm: true, sen: "K", sex: "F", enteredOn: secondYear }),
  ];
  const days = spans.flatMap(([from, to]) => daysBetween(from, to)).filter((day) => !isWeekend(day));
  const marks = pupils.flatMap((pupil, p) =>
    days
      .filter((day) => day >= pupil.enteredOn && day <= (pupil.leftOn ?? day))
      .flatMap((date, d) =>
        (["AM", "PM"] as const).flatMap((session, s): RegisterMark[] => {
          const turn = p * 29 + d * 2 + s;
          const present = session === "AM" ? "/" : "\\";
          const code =
            date === closedOn ? "#" : turn % 3 === 0 ? (codes[(turn / 3) % codes.length] ?? present) : present;
          const isUnstated = turn % 23 === 7;
          return isUnstated ? [] : [{ urn: pupil.urn, upn: pupil.upn, date, session, code }];
        }),
      ),
  );
  return { pupils, marks, extractedOn: spans.at(-1)?.[1] ?? "" };
}

function daysBetween(from: string, to: string): string[] {
  const days = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += 86_400_000)
    days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

function isWeekend(day: string): boolean {
  return [0, 6].includes(new Date(day).getUTCDay());
}

/** The year in which the school year of a day begins. */
function startYear(day: string): number {
  return Number(day.slice(0, 4)) - (day.slice(5) < "08-01" ? 1 : 0);
}

function schoolYear(day: string): string {
  return `${startYear(day)}/${startYear(day) + 1}`;
}

function schoolOf(urn: number): SchoolName {
  const school = SCHOOLS.find((candidate) => candidate.urn === urn);
  if (school === undefined) throw new Error(`no invented school has the URN ${urn}`);
  return school;
}

function pupilOf(pupils: RegisterPupil[], mark: RegisterMark): RegisterPupil {
  const pupil = pupils.find(({ urn, upn }) => urn === mark.urn && upn === mark.upn);
  if (pupil === undefined) throw new Error("a mark is of no invented pupil");
  return pupil;
}

/** The part of a register that each school's own system holds. */
function bySchool(pupils: RegisterPupil[], marks: RegisterMark[]) {
  return SCHOOLS.map((school) => ({
    school,
    pupils: pupils.filter(({ urn }) => urn === school.urn),
    marks: marks.filter(({ urn }) => urn === school.urn),
  })).filter((part) => part.pupils.length > 0);
}

/** The lateness of a mark in minutes, where it is one that has any. */
function minutesLate({ code }: RegisterMark): number | null {
  return { L: 12, U: 75 }[code] ?? null;
}

// mark strings

interface MarkString {
  pupil: RegisterPupil;
  /** The year in which the school year begins. */
  year: number;
  startsOn: string;
  endsOn: string;
  /** AM and PM of every day from the first to the last. */
  codes: string[];
}

/** One string for each pupil and school year of a school, from the first day that anybody has a mark to the last. */
function markStrings(pupils: RegisterPupil[], marks: RegisterMark[]): MarkString[] {
  const years = [...new Set(marks.map(({ date }) => startYear(date)))].sort();
  return years.flatMap((year) => {
    const dates = marks
      .map(({ date }) => date)
      .filter((date) => startYear(date) === year)
      .sort();
    const [startsOn = "", endsOn = ""] = [dates[0], dates.at(-1)];
    const days = daysBetween(startsOn, endsOn);
    return pupils
      .filter(({ upn }) => marks.some((mark) => mark.upn === upn && startYear(mark.date) === year))
      .map((pupil) => ({ pupil, year, startsOn, endsOn, codes: days.flatMap((day) => codesOf(day, pupil, marks)) }));
  });
}

function codesOf(day: string, pupil: RegisterPupil, marks: RegisterMark[]): string[] {
  return ["AM", "PM"].map((session) => {
    const mark = marks.find((each) => each.upn === pupil.upn && each.date === day && each.session === session);
    return mark?.code ?? (isWeekend(day) ? "#" : "-");
  });
}

function packed(codes: string[], separator: "" | ","): string {
  const wide = codes.find((code) => code.length > 1);
  if (separator === "" && wide) throw new Error(`a packed mark string cannot hold ${wide}`);
  return codes.join(separator);
}

function counts(codes: string[]) {
  const of = (list: string) => codes.filter((code) => list.split(" ").includes(code)).length;
  const attended = of("/ \\ L B J K P V W");
  const authorised = of("C C1 C2 E F H I J1 M R S T");
  const unauthorised = of("G N O U");
  return { possible: attended + authorised + unauthorised, attended, authorised, unauthorised };
}

// texts

/** A CSV file with CRLF, quoted only where it must be. A row names its cells; those it does not name are empty. */
function csv(header: string, rows: Row[]): string {
  const columns = header.split(",");
  const lines = rows.map((row) => {
    const stray = Object.keys(row).find((name) => !columns.includes(name));
    if (stray) throw new Error(`the layout has no column ${stray}`);
    return columns.map((column) => csvCell(row[column] ?? null)).join(",");
  });
  return [header, ...lines, ""].join("\r\n");
}

function csvCell(cell: Cell): string {
  const text = cell === null ? "" : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The rows with every column of the header, in its order, as JSON has them: null where a row does not name a cell. */
function jsonRows(header: string, rows: Row[]): Row[] {
  return rows.map((row) => Object.fromEntries(header.split(",").map((column) => [column, row[column] ?? null])));
}

function element(name: string, ...content: (string | number)[]): string {
  return `<${name}>${content.join("")}</${name}>`;
}

function xmlText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function ddmmyyyy(day: string): string {
  return day.split("-").reverse().join("/");
}

// the supplier contract, and a file with other headings

function supplierContract(pupils: RegisterPupil[], marks: RegisterMark[], extractedOn: string): Record<string, string> {
  const header = "Id,SchoolURN,UPN,PupilId,SessionDate,Session,Mark,Modified,IsDeleted";
  const rows = marks.map(
    (mark, i): Row => ({
      Id: `AS-${8841273 + i}`,
      SchoolURN: mark.urn,
      UPN: mark.upn,
      PupilId: `PUP-${pupilOf(pupils, mark).misId}`,
      SessionDate: mark.date,
      Session: mark.session,
      Mark: mark.code,
      Modified: `${mark.date}T${mark.session === "AM" ? "09" : "13"}:02:11Z`,
      IsDeleted: false,
    }),
  );
  // a mark that was made for a pupil who had left, and taken back
  const withdrawn = marks.flatMap((mark, i) => {
    const { leftOn } = pupilOf(pupils, mark);
    const [, nextDay = ""] = daysBetween(mark.date, extractedOn).filter((day) => !isWeekend(day));
    return leftOn === mark.date
      ? [{ ...rows[i], Id: `AS-${i}`, SessionDate: nextDay, Mark: "N", IsDeleted: true }]
      : [];
  });
  return { "trust/attendance-sessions.csv": csv(header, [...rows, ...withdrawn]) };
}

function genericRows(_: RegisterPupil[], marks: RegisterMark[]): Record<string, string> {
  const header = "Code,am/pm,Unique Pupil Number,Date,School URN";
  const rows = marks.map((mark) => ({
    Code: mark.code,
    "am/pm": mark.session.toLowerCase(),
    "Unique Pupil Number": mark.upn,
    Date: ddmmyyyy(mark.date),
    "School URN": mark.urn,
  }));
  return { "all schools.csv": `\uFEFF${csv(header, rows)}` };
}

// Arbor

const ARBOR_MARKS =
  "ATTENDANCE_ROLL_CALL_RECORD_ID,ATTENDANCE_ROLL_CALL_RECORD_UNIQUE_ID,STUDENT_UNIQUE_ID,STUDENT_ID,APPLICATION_ID," +
  "ATTENDANCE_ROLL_CALL_ID,ATTENDANCE_ROLL_CALL_UNIQUE_ID,RAW_MARK,MARK_CODE,MINUTES_LATE,PERIOD,DATE,ACADEMIC_YEAR_NAME," +
  "IS_PRESENT,IS_AUTHORIZED_ABSENT,IS_UNAUTHORIZED_ABSENT,IS_POSSIBLE_ATTENDANCE,ACADEMIC_YEAR_UNIQUE_ID,ACADEMIC_YEAR_ID";
const ARBOR_STUDENTS =
  "STUDENT_UNIQUE_ID,STUDENT_ID,APPLICATION_ID,UPN,LEGAL_FIRST_NAME,LEGAL_LAST_NAME,PREFERRED_FIRST_NAME," +
  "PREFERRED_LAST_NAME,DATE_OF_BIRTH,IS_CURRENT,GENDER,SEX,ETHNICITY,RELIGION,NATIVE_LANGUAGE_CODES,NATIVE_LANGUAGE_NAMES," +
  "EMAIL_ADDRESS,NATIONALITIES,CURRENT_YEAR_GROUP,CURRENT_SEN_STATUS,CURRENT_REGISTRATION_GROUP,CHILD_PROTECTION,GIFTED," +
  "GIFTED_TALENTED,HAS_MEDICAL_CONDITION,IN_CARE,IN_YEAR_ADMISSION,OUT_OF_AGE_GROUP_COHORT,SEN,TALENTED,EAL," +
  "COMPULSORY_SCHOOL_AGE,EVER_6_FSM,EARLY_YEARS_PUPIL_PREMIUM_RECIPIENT,EVER_6_SERVICE_CHILD,FSM,MOBILE_Y10_Y11," +
  "MOBILE_Y5_Y6,PUPIL_PREMIUM,PUPIL_PREMIUM_RECIPIENT,SERVICE_CHILD,TRAVELLER,DISADVANTAGED,ETHNICITY_CATEGORY," +
  "ETHNICITY_CATEGORY_NAME,CURRENT_CURRICULUM_GRADE_NAME,ADDRESS,POSTCODE";
/** The flags of Arbor's students that an invented pupil never has. */
const ARBOR_UNSET =
  "CHILD_PROTECTION,GIFTED,GIFTED_TALENTED,HAS_MEDICAL_CONDITION,IN_CARE,IN_YEAR_ADMISSION,OUT_OF_AGE_GROUP_COHORT," +
  "TALENTED,EAL,EARLY_YEARS_PUPIL_PREMIUM_RECIPIENT,EVER_6_SERVICE_CHILD,MOBILE_Y10_Y11,MOBILE_Y5_Y6,SERVICE_CHILD,TRAVELLER";
const ARBOR_ENROLMENTS =
  "STUDENT_UNIQUE_ID,APPLICATION_ID,STUDENT_ID,START_DATE,END_DATE,CURRENTLY_ON_ROLL,UNENROLMENT_REASON_CODE";

function arborTables(pupils: RegisterPupil[], marks: RegisterMark[]): Record<string, string> {
  const flag = (value: boolean) => (value ? "TRUE" : "FALSE");
  const student = (pupil: RegisterPupil) => {
    const { applicationId } = schoolOf(pupil.urn);
    return {
      STUDENT_UNIQUE_ID: `${applicationId}_${pupil.misId}`,
      STUDENT_ID: pupil.misId,
      APPLICATION_ID: applicationId,
    };
  };
  const markRows = marks.map((mark, i): Row => {
    const { possible, attended, authorised, unauthorised } = counts([mark.code]);
    const { applicationId } = schoolOf(mark.urn);
    const rollCall = mark.session === "AM" ? 1 : 2;
    return {
      ...student(pupilOf(pupils, mark)),
      ATTENDANCE_ROLL_CALL_RECORD_ID: 884127 + i,
      ATTENDANCE_ROLL_CALL_RECORD_UNIQUE_ID: `${applicationId}_${884127 + i}`,
      ATTENDANCE_ROLL_CALL_ID: rollCall,
      ATTENDANCE_ROLL_CALL_UNIQUE_ID: `${applicationId}_${rollCall}`,
      RAW_MARK: mark.code === "-" ? null : mark.code,
      MARK_CODE: arborWord(mark.code),
      MINUTES_LATE: minutesLate(mark),
      PERIOD: mark.session === "AM" ? "MORNING" : "AFTERNOON",
      DATE: mark.date,
      ACADEMIC_YEAR_NAME: schoolYear(mark.date),
      IS_PRESENT: flag(attended > 0),
      IS_AUTHORIZED_ABSENT: flag(authorised > 0),
      IS_UNAUTHORIZED_ABSENT: flag(unauthorised > 0),
      IS_POSSIBLE_ATTENDANCE: flag(possible > 0),
      ACADEMIC_YEAR_UNIQUE_ID: `${applicationId}_${startYear(mark.date) - 2012}`,
      ACADEMIC_YEAR_ID: startYear(mark.date) - 2012,
    };
  });
  const studentRows = pupils.map(
    (pupil): Row => ({
      ...Object.fromEntries(ARBOR_UNSET.split(",").map((name) => [name, flag(false)])),
      ...student(pupil),
      UPN: pupil.upn,
      LEGAL_FIRST_NAME: pupil.forename,
      LEGAL_LAST_NAME: pupil.surname,
      PREFERRED_FIRST_NAME: pupil.forename,
      PREFERRED_LAST_NAME: pupil.surname,
      DATE_OF_BIRTH: pupil.bornOn,
      IS_CURRENT: flag(pupil.leftOn === null),
      GENDER: pupil.sex === "F" ? "Female" : "Male",
      SEX: pupil.sex === "F" ? "Female" : "Male",
      EMAIL_ADDRESS: `${CANARY}@example.org`,
      CURRENT_YEAR_GROUP: yearName(pupil, " "),
      CURRENT_SEN_STATUS: pupil.sen,
      CURRENT_REGISTRATION_GROUP: pupil.registrationGroup,
      SEN: flag(pupil.sen !== "N"),
      COMPULSORY_SCHOOL_AGE: flag(pupil.yearGroup !== "R"),
      EVER_6_FSM: flag(pupil.fsm),
      FSM: flag(pupil.fsm),
      PUPIL_PREMIUM: flag(pupil.fsm),
      PUPIL_PREMIUM_RECIPIENT: flag(pupil.fsm),
      DISADVANTAGED: flag(pupil.fsm),
      CURRENT_CURRICULUM_GRADE_NAME: yearName(pupil, " "),
      ADDRESS: `1 ${CANARY} Road, Anytown`,
      POSTCODE: `${CANARY}1`,
    }),
  );
  const enrolmentRows = pupils.map(
    (pupil): Row => ({
      ...student(pupil),
      START_DATE: pupil.enteredOn,
      END_DATE: pupil.leftOn,
      CURRENTLY_ON_ROLL: flag(pupil.leftOn === null),
    }),
  );
  return {
    "arbor/ROLL_CALL_ATTENDANCE.csv": csv(ARBOR_MARKS, markRows),
    "arbor/STUDENTS.csv": csv(ARBOR_STUDENTS, studentRows),
    "arbor/STUDENT_SCHOOL_ENROLMENTS.csv": csv(ARBOR_ENROLMENTS, enrolmentRows),
  };
}

/** Arbor's own word for a code. Three are published; the rest only need to be no letter that DfE lists. */
function arborWord(code: string): string {
  const published: Record<string, string> = {
    "/": "PRESENT",
    "\\": "PRESENT",
    L: "LATE",
    U: "LATE_AFTER_REGISTER_CLOSES",
  };
  return published[code] ?? (code === "-" ? "" : "OTHER_MARK");
}

function yearName({ yearGroup }: RegisterPupil, gap: string): string {
  return yearGroup === "R" ? "Reception" : `Year${gap}${yearGroup}`;
}

// Bromcom

const BROMCOM_ATTENDANCES =
  "attendanceID,studentID,calendarID,calendarModelID,calendarName,calendarStartDate,calendarEndDate,collectionID,mark," +
  "markSubcode,exportMark,markMeaningName,markMeaningDescription,minute,attendanceComment,attendanceCommentInstant," +
  "locationID,recordedBy,recordedOn";
const BROMCOM_SESSIONS =
  "studentID,year,lea,leaDescription,establishmentNumber,schoolName,attendanceStartDate,attendanceMarks,possible,attended," +
  "authorised,unauthorised";
const BROMCOM_STUDENTS =
  "student_ID,upn,firstName,lastName,dateOfBirth,gender,yearGroup,tutorGroupName,houseName,fsmIsActive," +
  "isEligibleForFreeMeal,fsmStartDate,everFSM6Flag,premiumPupilFlag,isDeprivationPupilPremium,isLookedAfterPremium," +
  "isAdoptedFromCarePremium,isServiceChildPremium,disadvantagedStudentsFlag,inCareFlag,careTypeName,caringAuthority," +
  "carePlan,senPrimaryNeedCode,senPrimaryNeedDescription,senNeedList,provisionName,provisionDescription," +
  "provisionStartDate,provisionEndDate,ealFlag,ethnicityCode,ethnicityDescription,firstLanguage,enrolmentStateName," +
  "enrolmentStartDate,enrolmentEndDate,dateOfLeaving,destinationSchool,travelModeDescription,studentMainPostCode," +
  "studentSiblingList,possiblesAttendanceCountAMPM,presentEACountAMPM,authorisedAttendanceCountAMPM," +
  "unauthorisedAttendanceCountAMPM,lateAttendanceCountAMPM,totalMinutesLateAMPM," +
  "educationalActivityAttendanceCountAMPM,numberOfExcludedSessions,qualificationHours";

function bromcomFile(name: string, header: string, rows: Row[], encoding: Encoding): Record<string, string> {
  return { [`${name}.${encoding}`]: encoding === "csv" ? csv(header, rows) : JSON.stringify(jsonRows(header, rows)) };
}

function bromcomAttendances([pupils, marks]: RegisterParts, encoding: Encoding): Record<string, string> {
  const files = bySchool(pupils, marks).map((part) => {
    const rows = part.marks.map((mark, i): Row => {
      const isMorning = mark.session === "AM";
      return {
        attendanceID: 8841273 + i,
        studentID: pupilOf(pupils, mark).misId,
        calendarID: 512 + (isMorning ? 0 : 1),
        calendarModelID: 3,
        calendarName: mark.session,
        calendarStartDate: `${mark.date}T${isMorning ? "08:45" : "13:10"}:00`,
        calendarEndDate: `${mark.date}T${isMorning ? "09:00" : "13:20"}:00`,
        collectionID: 77,
        mark: mark.code,
        exportMark: mark.code,
        markMeaningName: counts([mark.code]).attended > 0 ? "Present" : "Other",
        minute: minutesLate(mark),
        attendanceComment: mark.code === "L" ? `${CANARY}COMMENT, late` : null,
        recordedBy: 44,
        recordedOn: `${mark.date}T${isMorning ? "08:58" : "13:18"}:12`,
      };
    });
    return {
      ...bromcomFile(`${part.school.urn}/Attendances`, BROMCOM_ATTENDANCES, rows, encoding),
      ...bromcomStudents(part.school, part.pupils, encoding),
    };
  });
  return Object.assign({}, ...files);
}

function bromcomSessions(
  [pupils, marks]: RegisterParts,
  separator: "" | ",",
  encoding: Encoding,
): Record<string, string> {
  const parts = bySchool(pupils, marks);
  const rows = parts.flatMap(({ school, ...part }) =>
    markStrings(part.pupils, part.marks).map(
      ({ pupil, year, startsOn, codes }): Row => ({
        studentID: pupil.misId,
        year,
        lea: school.lea,
        leaDescription: "Example LA",
        establishmentNumber: school.estab,
        schoolName: school.name,
        attendanceStartDate: `${startsOn}T00:00:00`,
        attendanceMarks: packed(codes, separator),
        ...counts(codes),
      }),
    ),
  );
  return Object.assign(
    bromcomFile("AttendanceSessions", BROMCOM_SESSIONS, rows, encoding),
    ...parts.map(({ school, pupils: own }) => bromcomStudents(school, own, encoding)),
  );
}

/** `StudentFlatView`, in which a pupil with two sets of qualification hours stands twice. */
function bromcomStudents(school: SchoolName, pupils: RegisterPupil[], encoding: Encoding): Record<string, string> {
  const rows = pupils.map(
    (pupil): Row => ({
      student_ID: pupil.misId,
      upn: pupil.upn,
      firstName: pupil.forename,
      lastName: pupil.surname,
      dateOfBirth: `${pupil.bornOn}T00:00:00`,
      gender: pupil.sex,
      yearGroup: yearName(pupil, " "),
      tutorGroupName: pupil.registrationGroup,
      fsmIsActive: pupil.fsm,
      isEligibleForFreeMeal: pupil.fsm,
      everFSM6Flag: pupil.fsm,
      premiumPupilFlag: pupil.fsm,
      disadvantagedStudentsFlag: pupil.fsm,
      inCareFlag: false,
      provisionName: pupil.sen,
      ealFlag: false,
      enrolmentStateName: pupil.leftOn === null ? "Current" : "Leaver",
      enrolmentStartDate: `${pupil.enteredOn}T00:00:00`,
      enrolmentEndDate: pupil.leftOn === null ? null : `${pupil.leftOn}T00:00:00`,
      dateOfLeaving: pupil.leftOn === null ? null : `${pupil.leftOn}T00:00:00`,
      studentMainPostCode: `${CANARY}1`,
      qualificationHours: 540,
    }),
  );
  const again = rows.slice(0, 1).map((row) => ({ ...row, qualificationHours: 600 }));
  return bromcomFile(`${school.urn}/StudentFlatView`, BROMCOM_STUDENTS, [...rows, ...again], encoding);
}

// Wonde

const WONDE_PAGE_SIZES: Readonly<Record<string, number>> = { session: 40, students: 2, "attendance-codes": 20 };

function wondePages(pupils: RegisterPupil[], marks: RegisterMark[], extractedOn: string): Record<string, string> {
  const files = bySchool(pupils, marks).flatMap((part) => {
    const { urn } = part.school;
    const id = (prefix: string, number: number) => `A${prefix}${urn}${number}`;
    const codes = [...new Set(part.marks.map(({ code }) => code))].sort();
    const codeId = (code: string) => id("555", 100 + codes.indexOf(code));
    const date = (day: string, timezone: string) => ({ date: `${day} 00:00:00.000000`, timezone_type: 3, timezone });
    const records = {
      "attendance-codes": codes.map((code) => ({
        id: codeId(code),
        code,
        description: `What ${code} stands for`,
        type: counts([code]).attended > 0 ? "PRESENT" : "ABSENT",
      })),
      session: part.marks.map((mark, i) => ({
        id: id("293", 10_000 + i),
        date: date(mark.date, "UTC"),
        session: mark.session,
        student: id("174", pupilOf(pupils, mark).misId),
        attendance_code: codeId(mark.code),
        comment: mark.code === "L" ? `${CANARY}COMMENT` : null,
        employee: "A88120391",
      })),
      students: part.pupils.filter(({ leftOn }) => leftOn === null).map(student),
      "students-leaver": part.pupils.filter(({ leftOn }) => leftOn !== null).map(student),
    };
    function student(pupil: RegisterPupil) {
      const local = (day: string) => date(day, "Europe/London");
      return {
        id: id("174", pupil.misId),
        upi: `8d444684b7aa79bc${urn}${pupil.misId}`,
        mis_id: String(pupil.misId),
        initials: CANARY,
        title: null,
        surname: pupil.surname,
        forename: pupil.forename,
        middle_names: `${CANARY}MIDDLE`,
        legal_surname: pupil.surname,
        legal_forename: pupil.forename,
        gender: pupil.sex === "F" ? "FEMALE" : "MALE",
        gender_identity: null,
        date_of_birth: local(pupil.bornOn),
        restored_at: null,
        created_at: date("2022-11-01", "UTC"),
        updated_at: date(extractedOn, "UTC"),
        education_details: {
          data: {
            upn: pupil.upn,
            former_upn: null,
            local_upn: null,
            learner_number: null,
            admission_number: `00${pupil.misId}`,
            admission_date: local(pupil.enteredOn),
            leaving_date: pupil.leftOn === null ? null : local(pupil.leftOn),
            current_nc_year: pupil.yearGroup,
            part_time: false,
            part_time_rate: null,
          },
        },
        extended_details: {
          data: {
            free_school_meals: pupil.fsm,
            free_school_meals_6: pupil.fsm,
            premium_pupil_indicator: pupil.fsm,
            sen_status: pupil.sen,
            in_lea_care: false,
            ever_in_care: null,
            child_in_need: null,
            child_protection_plan: null,
            ethnicity_code: null,
            english_as_additional_language: false,
          },
        },
      };
    }
    return Object.entries(records).flatMap(([resource, all]) => wondeFiles(urn, resource, all, extractedOn));
  });
  return Object.fromEntries(files);
}

/** One file for each page of a resource, as it came over HTTP. A resource without records has none. */
function wondeFiles(urn: number, resource: string, records: object[], extractedOn: string): [string, string][] {
  const size = WONDE_PAGE_SIZES[resource] ?? 50;
  const pages = Math.ceil(records.length / size);
  return Array.from({ length: pages }, (_, i) => {
    const link = (page: number) => `https://api.wonde.example/v1.0/schools/A${urn}/${resource}?page=${page}`;
    const isLast = i + 1 === pages;
    const pagination = {
      next: isLast ? null : link(i + 2),
      previous: i === 0 ? null : link(i),
      more: !isLast,
      per_page: size,
      current_page: i + 1,
    };
    const page = { data: records.slice(i * size, (i + 1) * size), meta: { pagination } };
    const number = String(i + 1).padStart(4, "0");
    return [`${urn}/wonde/${extractedOn}T171530Z-${resource}-${number}.json`, JSON.stringify(page)];
  });
}

// Xporter

const XPORTER_MARKS = "Id,Date,StudentId,Mark,Type,Session";
const XPORTER_STUDENTS =
  "Id,ExternalId,Forename,Surname,Gender,RegGroupId,RegGroup,YearGroupId,YearGroup,HouseGroup,AdmissionNo,DateOfBirth," +
  "EntryDate,LeavingDate,Destination,ReasonForLeaving,EnrolmentStatus,Boarder,SENProvision,EAL,EthnicityCode,Ethnicity," +
  "FirstLanguageCode,EnglishProficiencyLevel,ModeOfTravel,IsTraveller,FsmEligible,FsmEndDate,FSMEver6,PupilPremium," +
  "Gifted,InLeaCare,LeaCareAuthority,EverInCare,ServiceChild,IsYoungCarer,UPN,FormerUPN,PostCode,StudentSiblingIds," +
  "LastUpdated,RowHash";
const XPORTER_ATTENDANCE =
  "AttStatsStartDate,AttStatsEndDate,NumPossMarks,NumPresMarks,NumAEAMarks,NumAuthAbsMarks,NumUnauthAbsMarks," +
  "NumMissMarks,NumLateMarks,NumLateBeforeRegMarks,AttMarksStartDate,AttMarksEndDate,Marks";

function xporterFile(
  urn: number,
  name: string,
  set: string,
  header: string,
  rows: Row[],
  encoding: Encoding,
): Record<string, string> {
  const text = encoding === "csv" ? csv(header, rows) : JSON.stringify({ [set]: jsonRows(header, rows) });
  return { [`${urn}/${name}.${encoding}`]: text };
}

function xporterMarks([pupils, marks, extractedOn]: RegisterParts, encoding: Encoding): Record<string, string> {
  const files = bySchool(pupils, marks).map((part) => {
    const { urn } = part.school;
    const rows = part.marks.map((mark): Row => {
      const { misId } = pupilOf(pupils, mark);
      return {
        Id: `${misId}.${mark.date}.${mark.session}`,
        Date: mark.date,
        StudentId: misId,
        Mark: mark.code,
        Type: "S",
        Session: mark.session,
      };
    });
    const students = part.pupils.map((pupil) => xporterStudent(pupil, extractedOn));
    return {
      ...xporterFile(urn, "AttendanceForDateRange", "AttendMarks", XPORTER_MARKS, rows, encoding),
      ...xporterFile(urn, "Students", "Students", XPORTER_STUDENTS, students, encoding),
    };
  });
  return Object.assign({}, ...files);
}

/** `Students` with the attendance block, as extracted for one school year and for the next. */
function xporterMarkStrings([pupils, marks, extractedOn]: RegisterParts, encoding: Encoding): Record<string, string> {
  const header = `${XPORTER_STUDENTS},${XPORTER_ATTENDANCE}`;
  const files = bySchool(pupils, marks).flatMap((part) => {
    const strings = markStrings(part.pupils, part.marks);
    return [...new Set(strings.map(({ year }) => year))].map((year) => {
      const rows = strings
        .filter((string) => string.year === year)
        .map(({ pupil, startsOn, endsOn, codes }): Row => {
          const { possible, attended, authorised, unauthorised } = counts(codes);
          const number = (list: string) => codes.filter((code) => list.split(" ").includes(code)).length;
          return {
            ...xporterStudent(pupil, extractedOn),
            AttStatsStartDate: startsOn,
            AttStatsEndDate: endsOn,
            NumPossMarks: possible,
            NumPresMarks: attended,
            NumAEAMarks: number("B J K P V W"),
            NumAuthAbsMarks: authorised,
            NumUnauthAbsMarks: unauthorised,
            NumMissMarks: number("-"),
            NumLateMarks: number("L U"),
            NumLateBeforeRegMarks: number("L"),
            AttMarksStartDate: startsOn,
            AttMarksEndDate: endsOn,
            Marks: packed(codes, ""),
          };
        });
      return xporterFile(part.school.urn, `Students-${year}`, "Students", header, rows, encoding);
    });
  });
  return Object.assign({}, ...files);
}

function xporterStudent(pupil: RegisterPupil, extractedOn: string): Row {
  return {
    Id: pupil.misId,
    Forename: pupil.forename,
    Surname: pupil.surname,
    Gender: pupil.sex,
    RegGroupId: 12,
    RegGroup: pupil.registrationGroup,
    YearGroupId: 34,
    YearGroup: yearName(pupil, "  "),
    AdmissionNo: `00${pupil.misId}`,
    DateOfBirth: pupil.bornOn,
    EntryDate: pupil.enteredOn,
    LeavingDate: pupil.leftOn,
    EnrolmentStatus: "C",
    Boarder: "N",
    SENProvision: pupil.sen,
    EAL: false,
    IsTraveller: false,
    FsmEligible: pupil.fsm,
    FSMEver6: pupil.fsm,
    PupilPremium: pupil.fsm,
    Gifted: false,
    InLeaCare: false,
    EverInCare: false,
    ServiceChild: false,
    IsYoungCarer: false,
    UPN: pupil.upn,
    PostCode: `${CANARY}1`,
    LastUpdated: `${extractedOn}T17:15:30`,
    RowHash: "0x5A5A",
  };
}

// SIMS

const SIMS_COLUMNS = "primary_id,UPN,Surname,Forename,Year,Reg,Mark date,Session,Mark";

function simsRows(pupils: RegisterPupil[], marks: RegisterMark[]): Row[] {
  return marks.map((mark) => {
    const pupil = pupilOf(pupils, mark);
    return {
      primary_id: pupil.misId,
      UPN: pupil.upn,
      Surname: pupil.surname,
      Forename: pupil.forename,
      Year: yearName(pupil, "  "),
      Reg: pupil.registrationGroup,
      "Mark date": `${mark.date}T00:00:00`,
      Session: mark.session,
      Mark: mark.code,
    };
  });
}

function simsXml(pupils: RegisterPupil[], marks: RegisterMark[]): Record<string, string> {
  const files = bySchool(pupils, marks).map((part) => {
    const records = simsRows(part.pupils, part.marks).map((row) =>
      element(
        "Record",
        ...Object.entries(row).map(([name, value]) => element(name.replaceAll(" ", "_x0020_"), xmlText(String(value)))),
      ),
    );
    return [`${part.school.urn}/session marks.xml`, element("SuperStarReport", ...records)];
  });
  return Object.fromEntries(files);
}

function simsCsv(pupils: RegisterPupil[], marks: RegisterMark[]): Record<string, string> {
  const files = bySchool(pupils, marks).map((part) => [
    `${part.school.urn}/session marks.csv`,
    csv(SIMS_COLUMNS, simsRows(part.pupils, part.marks)),
  ]);
  return Object.fromEntries(files);
}

// Common Transfer File

/** CTF 25 tells of `Sex` and has commas between its marks; before CTF 24 there were none, and it was `Gender`. */
function commonTransferFiles([pupils, marks, extractedOn]: RegisterParts, version: "23.0" | "25.0") {
  const isPacked = version === "23.0";
  const files = bySchool(pupils, marks).map((part): [string, string] => {
    const { lea, estab, name } = part.school;
    const place = element("LEA", lea) + element("Estab", estab) + element("SchoolName", name);
    const header = element(
      "Header",
      element("DocumentName", "Common Transfer File"),
      element("CTFversion", version),
      element("DateTime", `${extractedOn}T17:15:30`),
      element("DocumentQualifier", "full"),
      element("SupplierID", "EXAMPLE"),
      element("SourceSchool", place, element("AcademicYear", startYear(extractedOn))),
      element("DestSchool", element("LEA", lea), element("Estab", "LLLL")),
    );
    const strings = markStrings(part.pupils, part.marks);
    const records = part.pupils.map((pupil) => {
      const years = strings.filter((string) => string.pupil === pupil);
      return element(
        "Pupil",
        element("UPN", pupil.upn),
        element("Surname", xmlText(pupil.surname)),
        element("Forename", xmlText(pupil.forename)),
        element("DOB", pupil.bornOn),
        element(isPacked ? "Gender" : "Sex", pupil.sex),
        pupil.fsm
          ? element(
              "FSMhistory",
              element("FSMreviewDate", "2027-03-31"),
              element("FSMinstance", element("FSMstartDate", pupil.enteredOn), element("UKcountry", "ENG")),
            )
          : "",
        pupil.sen === "N"
          ? ""
          : element(
              "SENhistory",
              element("SEN", element("StartDate", pupil.enteredOn), element("SENprovision", pupil.sen)),
            ),
        element("Email", `${CANARY}@example.org`),
        element(
          "Attendance",
          ...years.map(({ year, startsOn, codes }) => {
            const { possible, authorised, attended, unauthorised } = counts(codes);
            return element(
              "YearData",
              element("Year", year),
              place,
              element("SessionsPossible", possible),
              element("SessionsAuthorised", authorised),
              element("SessionsAttended", attended),
              element("SessionsUnauthorised", unauthorised),
              element(
                "AttendSessions",
                element("AttendanceStartDate", startsOn),
                element("AttendanceMarks", packed(codes, isPacked ? "" : ",")),
              ),
            );
          }),
        ),
      );
    });
    const text = `<?xml version="1.0" encoding="UTF-8"?>\n${element("CTfile", header, element("CTFpupilData", ...records))}\n`;
    return [`${lea}${estab}_CTF_${lea}LLLL_001.xml`, text];
  });
  return Object.fromEntries(files);
}

// DfE

const WEEKDAYS = "Sunday,Monday,Tuesday,Wednesday,Thursday,Friday,Saturday".split(",");
const MONTHS = "January,February,March,April,May,June,July,August,September,October,November,December".split(",");

/** What DfE's "Monitor your school attendance" lets a person export, of every school that the person may see. */
function dfeExport(pupils: RegisterPupil[], marks: RegisterMark[]): Record<string, string> {
  const header = "Full Name,UPN,School Name,Session date,Attendance code,Period Attendance Code";
  const rows = marks.map((mark): Row => {
    const { surname, forename } = pupilOf(pupils, mark);
    return {
      "Full Name": `${surname}, ${forename}`,
      UPN: mark.upn,
      "School Name": schoolOf(mark.urn).name,
      "Session date": longDate(mark.date),
      "Attendance code": mark.code === "-" ? "--" : mark.code,
      "Period Attendance Code": mark.session === "AM" ? "Morning attendance" : "Afternoon attendance",
    };
  });
  return { "attendance and absence codes.csv": csv(header, rows) };
}

function longDate(day: string): string {
  const date = new Date(day);
  const month = MONTHS[date.getUTCMonth()];
  return `${WEEKDAYS[date.getUTCDay()]}, ${date.getUTCDate()} ${month} ${date.getUTCFullYear()}`;
}
