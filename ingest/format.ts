import type { Arrival, Taken } from "./arrival.ts";
import { plainName } from "./csv.ts";
import type { XmlLayout } from "./xml.ts";

/**
 * A table of texts that a register file opens as: the file itself when it is CSV, or each kind of record in XML or JSON.
 */
export interface Sheet {
  /** What a record is called in messages: "row" in a table, otherwise the record's own name. Formats ask for it by name. */
  record: string;
  /** The number that messages give the first record: in a CSV file as a spreadsheet shows it, below the header. */
  first: number;
  /** The column names as the source spells them. */
  columns: string[];
  /** SQL relation of the records in file order, every field a text: column_0, column_1 and so on. */
  relation: string;
}

/** How dates are written in a file. `declared` is what rollbook.yaml says, or what the whole file proves. */
export type DateStyle = "declared" | "yyyy-mm-dd" | "weekday, d month yyyy";

/** The plain names (letters and digits, lower case) that a field goes by; the first is what messages call it by default. */
export type Names = readonly string[];
/** Which columns hold a pupil's name. Of several that a row fills, the first that is listed counts: what they are called. */
export type PupilNames = { surname: Names; forename: Names };
/** Which columns hold which fields. */
export type Fields<Field extends string = string> = Partial<Record<Field, Names>>;

/** How a record names its school. Without any of these, the folder that the file lies in names it by URN. */
export type SchoolField = "school_urn" | "school_id" | "la_number" | "establishment_number" | "school_name";
/** How a record names its pupil: by UPN, or by the id that the school's system gives, which needs `system`. */
export type PupilField = "upn" | "pupil_id";

/** What one sheet of a file says, and where it goes: each kind is taken in by the module of that name. */
export type Reading =
  | { table: "marks"; sheet?: string; system?: string; dates?: DateStyle; fields: Fields<MarkField> }
  | { table: "mark_strings"; sheet?: string; system?: string; dates?: DateStyle; fields: Fields<MarkStringField> }
  | {
      table: "pupils";
      sheet?: string;
      system?: string;
      dates?: DateStyle;
      fields: Fields<PupilsField>;
      names?: PupilNames;
    }
  | {
      table: "statuses";
      sheet?: string;
      system?: string;
      dates?: DateStyle;
      fields: Fields<StatusField>;
      /** The status that every record tells of; or which one each value of the field `status` is (plain names). */
      status: Status | Readonly<Record<string, Status>>;
    }
  | { table: "enrolments"; sheet?: string; system?: string; dates?: DateStyle; fields: Fields<EnrolmentField> }
  | { table: "mark_codes"; sheet?: string; system: string; fields: Fields<"code_id" | "mark" | SchoolField> }
  | { table: "establishments"; sheet?: string; fields: Fields<EstablishmentField> };

export type MarkRows = Extract<Reading, { table: "marks" }>;
export type MarkStrings = Extract<Reading, { table: "mark_strings" }>;

export type MarkField =
  | SchoolField
  | PupilField
  | "session_date"
  | "session"
  | "mark"
  /** A mark by the id of its code: `mark_codes` of the same system and school say which mark that is. */
  | "mark_code_id"
  | "minutes_late"
  /** When this mark was changed last. */
  | "modified"
  /** When the file was taken, the same in every row: a mark without a time of its own is as known then. */
  | "extracted_at"
  | "is_deleted"
  | "reason"
  | "changed_by"
  | "changed_by_position"
  | "covers_from"
  | "covers_to";
/** Session marks of one pupil from a day on, AM and PM of every day, packed or with commas between. */
export type MarkStringField = SchoolField | PupilField | "starts_on" | "marks" | "extracted_at";
export type StatusField = SchoolField | PupilField | "status" | "value" | "from_on" | "to_on" | "known_on";
export type EnrolmentField = SchoolField | PupilField | "entered_on" | "left_on" | "known_on";
export type EstablishmentField =
  | "school_urn"
  | "school_name"
  | "phase"
  | "la_number"
  | "establishment_number"
  | "la_name"
  | "la_code"
  | "region"
  | "trust_name"
  | "opened_on"
  | "closed_on";

/** Statuses that are told with dates. Values: `true` or `false`, or a code or name for the last six. */
export const STATUSES = [
  "fsm",
  "fsm_ever_6",
  "child_in_need",
  "child_protection",
  "looked_after",
  "previously_looked_after",
  "previously_known_to_social_care",
  "eal",
  "young_carer",
  "medical",
  "service_child",
  "pupil_premium",
  "sen_provision",
  "sen_need",
  "ethnicity",
  "year_group",
  "registration_group",
] as const;
export type Status = (typeof STATUSES)[number] | "not_used";

/** Facts of a pupil's row that an extract states as they were that day. */
export const PUPIL_FLAGS = [
  "is_fsm",
  "is_fsm_ever_6",
  "is_eal",
  "is_looked_after",
  "was_looked_after",
  "is_child_in_need",
  "is_child_protection",
  "is_young_carer",
  "is_medical",
] as const;
export const PUPIL_TEXTS = ["registration_group", "sex", "sen_provision", "sen_need", "ethnicity_code"] as const;
export const PUPIL_DATES = ["entered_on", "left_on", "born_on", "known_on"] as const;
export type PupilsField =
  | SchoolField
  | "upn"
  | "pupil_id"
  | "former_upn"
  | "year_group"
  | (typeof PUPIL_FLAGS)[number]
  | (typeof PUPIL_TEXTS)[number]
  | (typeof PUPIL_DATES)[number];

/**
 * A kind of register file, recognised by what is in it and never by its name.
 *
 * Of the formats whose columns a file has, it is of the one that asks for most.
 */
export interface RegisterFormat {
  /** What the ledger calls it: the name of its file here. */
  name: string;
  /** What a person calls such files, in the plural. */
  title: string;
  /** The columns that tell it, as its documentation spells them, or the record of XML that does. */
  required: readonly string[];
  /** Where the records are, for XML. */
  xml?: XmlLayout;
  readings: readonly Reading[];
  /** The names that its columns go by, where there are no readings. */
  fields?: Fields;
  /** It is of all schools, or of none: a worker of one school leaves it alone, whichever folder it lies in. */
  isNational?: boolean;
  /** Takes the sheet in by itself, where it is not a register of pupils; then there are no readings. */
  take?: (arrival: Arrival, sheet: Sheet) => Promise<Taken>;
}

/** Which of its required columns a sheet lacks: none when it is of this format. Other names of a field count. */
export function lacks(format: RegisterFormat, columns: readonly string[]): string[] {
  const plain = new Set(columns.map(plainName));
  const readings = [...format.readings, { fields: format.fields ?? {} }];
  const known = readings.flatMap((reading) => Object.values(reading.fields as Record<string, Names>));
  return format.required.filter((name) => {
    const others = known.filter((names) => names.includes(plainName(name))).flat();
    return ![plainName(name), ...others].some((candidate) => plain.has(candidate));
  });
}
