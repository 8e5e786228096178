import {
  type Arrival,
  type Arrived,
  asItCame,
  columnOf,
  DATES_MEND,
  dateExample,
  dateIn,
  emptyVerdicts,
  holdToRules,
  type RowRule,
  schoolIn,
  schoolRules,
  type Taken,
  text,
} from "./arrival.ts";
import type { Reading } from "./format.ts";
import { knownOnIn } from "./pupil_facts.ts";
import { doubtPupils, keyPupils, pupilIn, pupilRules } from "./pupil_keys.ts";
import { acceptedOf, numberRows, setAsideRepeats } from "./repeats.ts";

type EnrolmentRows = Extract<Reading, { table: "enrolments" }>;

/** `raw.enrolments`: when a pupil was on a school's roll, first and last day, from sources that hold it apart. */
export const enrolmentsTable = `create table raw.enrolments (
  school_urn integer, pupil_key varchar, entered_on date, left_on date, known_on date,
  load_number integer, row_number integer)`;

const TOLD = ["school_urn", "pupil_key", "entered_on", "left_on", "known_on"];

/** Takes in enrolments, one row a stay on the roll; without a last day it goes on. */
export async function takeEnrolments(arrival: Arrival, arrived: Arrived<EnrolmentRows>): Promise<Taken> {
  const { db } = arrival;
  await stateRows(arrival, arrived);
  await emptyVerdicts(db);
  await keyPupils(arrival, arrived);
  await holdToRules(arrival, arrived, await rules(arrival, arrived));
  await db.run(`
    create or replace temp table keyed_enrolments as
    select stated.*, pupil_key
    from stated join pupil_keys using (pupil)
    anti join set_aside using (row_number)`);
  await setAsideRepeats(arrival, "keyed_enrolments", "enrolments", TOLD);
  await doubtPupils(arrival, arrived);
  return acceptedOf(arrival, { table: "enrolments", keyed: "keyed_enrolments", columns: TOLD });
}

// --- internal ---

async function stateRows(arrival: Arrival, arrived: Arrived<EnrolmentRows>): Promise<void> {
  const { sheet, dates } = arrived;
  await arrival.db.run(`
    create or replace temp table stated_rows as
    select
      ${schoolIn(arrival, arrived)} as school_urn,
      ${pupilIn(arrival, arrived)} as pupil,
      ${dateIn(asItCame(arrived, "entered_on"), dates)} as entered_on,
      ${dateIn(asItCame(arrived, "left_on"), dates)} as left_on,
      ${text(arrived, "left_on")} as left_on_text,
      ${knownOnIn(arrived, arrival.loadedAt)} as known_on
    from ${sheet.relation}`);
  await numberRows(arrival, sheet);
}

async function rules(arrival: Arrival, arrived: Arrived<EnrolmentRows>): Promise<RowRule[]> {
  const column = (field: string) => columnOf(arrived, field);
  const date = (field: string, fails: string, orNothing: string) => ({
    rule: "not_a_date",
    column: column(field),
    fails,
    expected: `${dateExample(arrived.dates)} that is in the calendar${orNothing}`,
    mend: DATES_MEND,
  });
  return [
    ...(await pupilRules(arrival, arrived)),
    ...schoolRules(arrival, arrived),
    date("entered_on", "entered_on is null", ""),
    date("left_on", "left_on_text is not null and left_on is null", ", or nothing"),
    date("known_on", "known_on is null", ", or nothing"),
    {
      rule: "left_before_entry",
      column: column("left_on"),
      fails: "left_on < entered_on",
      expected: "a day on or after the day of entry",
      mend: "correct the dates of enrolment in the school's system",
      neverRefuses: true,
    },
  ];
}
