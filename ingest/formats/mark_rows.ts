import type { Fields, MarkField, RegisterFormat } from "../format.ts";

/**
 * What exporters call the columns of mark rows. The first of each is Open Education AI's contract with suppliers; the
 * others are seen in reports of SIMS and in Assembly's `attendances`. What a teacher wrote beside a mark is not read.
 */
export const MARK_ROW_FIELDS = {
  school_urn: ["schoolurn", "urn", "uniquereferencenumber"],
  upn: ["upn", "uniquepupilnumber"],
  session_date: ["sessiondate", "date", "markdate", "attendancedate"],
  session: ["session", "sessionname", "ampm"],
  mark: ["mark", "attendancemark", "attendancecode", "rawmark", "code"],
  modified: ["modified", "modifiedat", "updatedat", "lastupdated"],
  is_deleted: ["isdeleted", "deleted"],
  minutes_late: ["minuteslate", "minslate"],
  reason: ["reason", "reasonforchange", "amendmentreason"],
  changed_by: ["changedby", "amendedby"],
  changed_by_position: ["position", "changedbyposition", "amendedbyposition"],
  covers_from: ["coversfrom"],
  covers_to: ["coversto"],
  extracted_at: ["extractedat", "extractedon"],
} satisfies Fields<MarkField>;

/**
 * Mark rows: pupil by UPN, date, AM or PM, code. The school comes by its URN in each row, or by the folder's name.
 *
 * Source of the layout: Open Education AI's contract with suppliers, `Id, SchoolURN, UPN, PupilId, SessionDate, Session,
 * Mark, Modified, IsDeleted`. Ours besides: `ExtractedAt`, when the file was taken; `CoversFrom` and `CoversTo`, the days
 * for which the file is whole, so that a mark that it leaves out is gone; `Reason`, `ChangedBy` and `Position`, which the
 * regulations ask of an amended entry.
 */
export const markRows: RegisterFormat = {
  name: "mark_rows",
  title: "marks",
  required: ["UPN", "SessionDate", "Session", "Mark"],
  readings: [{ table: "marks", fields: MARK_ROW_FIELDS }],
};
