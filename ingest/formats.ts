import { dfeYearToDate } from "./dfe_figures.ts";
import type { RegisterFormat } from "./format.ts";
import {
  arborEnrolments,
  arborRollCall,
  arborSenStatuses,
  arborSenStatusesByCode,
  arborStudents,
  arborTags,
} from "./formats/arbor.ts";
import { bromcomAttendances, bromcomMarks, bromcomSessions, bromcomStudents } from "./formats/bromcom.ts";
import { ctf } from "./formats/ctf.ts";
import { dfeCodesExport } from "./formats/dfe_codes_export.ts";
import { expectations } from "./formats/expectations.ts";
import { gias } from "./formats/gias.ts";
import { interventions } from "./formats/interventions.ts";
import { markRows } from "./formats/mark_rows.ts";
import { pupilRows } from "./formats/pupil_rows.ts";
import { schoolFlags } from "./formats/school_flags.ts";
import { similarSchools } from "./formats/similar_schools.ts";
import { simsMarks, simsPupils } from "./formats/sims.ts";
import { wondeCodes, wondeSessions, wondeStudents } from "./formats/wonde.ts";
import { xporterMarks, xporterSen, xporterStudents, xporterStudentsWithMarks } from "./formats/xporter.ts";

/** Every kind of register file that is read. Of those that a file could be, it is the one that asks for most columns. */
export const FORMATS: readonly RegisterFormat[] = [
  markRows,
  pupilRows,
  schoolFlags,
  simsMarks,
  simsPupils,
  arborRollCall,
  arborStudents,
  arborTags,
  arborSenStatuses,
  arborSenStatusesByCode,
  arborEnrolments,
  bromcomAttendances,
  bromcomMarks,
  bromcomSessions,
  bromcomStudents,
  wondeCodes,
  wondeSessions,
  wondeStudents,
  xporterMarks,
  xporterStudents,
  xporterStudentsWithMarks,
  xporterSen,
  ctf,
  dfeCodesExport,
  dfeYearToDate,
  gias,
  expectations,
  similarSchools,
  interventions,
];
