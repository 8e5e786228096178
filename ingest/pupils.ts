import {
  type Arrival,
  type Arrived,
  asItCame,
  columnOf,
  DATES_MEND,
  dateExample,
  dateIn,
  emptyVerdicts,
  has,
  holdToRules,
  type RowRule,
  schoolIn,
  schoolRules,
  type Taken,
  text,
} from "./arrival.ts";
import { PUPIL_DATES, PUPIL_FLAGS, PUPIL_TEXTS, type Reading } from "./format.ts";
import { nameColumns, namesPart } from "./names.ts";
import {
  flagIn,
  isNoCode,
  isUngraded,
  isUnknown,
  knownOnIn,
  NO_CODE,
  senProvisionIn,
  sexIn,
  yearGroupIn,
} from "./pupil_facts.ts";
import { pupilIdsPart } from "./pupil_ids.ts";
import { doubtPupils, keyPupils, pupilIn, pupilRules, systemIdIn } from "./pupil_keys.ts";
import { acceptedOf, numberRows, setAsideRepeats } from "./repeats.ts";

type PupilRows = Extract<Reading, { table: "pupils" }>;

/**
 * `raw.pupils`: what a school said of a pupil's enrolment and status on the day of an extract. No UPN, and no names: they
 * are a table of the lake that no warehouse reads (`names.ts`).
 */
export const pupilsTable = `create table raw.pupils (
  school_urn integer, pupil_key varchar, year_group varchar,
  entered_on date, left_on date, born_on date, known_on date,
  ${PUPIL_TEXTS.map((name) => `${name} varchar`).join(", ")},
  ${PUPIL_FLAGS.map((flag) => `${flag} boolean`).join(", ")},
  load_number integer, row_number integer)`;

/** What a row of one enrolment and day is about. */
const ENROLMENT = ["school_urn", "pupil_key", "entered_on", "known_on"];
/** What it tells. */
const TOLD = ["year_group", "left_on", "born_on", ...PUPIL_TEXTS, ...PUPIL_FLAGS];

/**
 * Takes in pupils' characteristics as at an extract, one row an enrolment. Columns that a source does not have, and
 * fields that it leaves empty, are null: nothing is said of them.
 */
export async function takePupils(arrival: Arrival, arrived: Arrived<PupilRows>): Promise<Taken> {
  const { db } = arrival;
  await stateRows(arrival, arrived);
  await emptyVerdicts(db);
  await keyPupils(arrival, arrived);
  await holdToRules(arrival, arrived, await rules(arrival, arrived));
  await db.run(`
    create or replace temp table keyed_pupils as
    select stated.*, pupil_key, is_upn
    from stated join pupil_keys using (pupil)
    anti join set_aside using (row_number)`);
  const ids = await pupilIdsPart(arrival, arrived);
  await setAsideContradictions(arrival);
  // before repeats are set aside: a row that has nothing else to say may tell a new name
  const names = await namesPart(arrival, arrived);
  await setAsideRepeats(arrival, "keyed_pupils", "pupils", [...ENROLMENT, ...TOLD]);
  await doubtPupils(arrival, arrived);
  if (has(arrived, "entered_on")) await doubtEntries(arrival);
  const accepted = await acceptedOf(arrival, {
    table: "pupils",
    keyed: "keyed_pupils",
    columns: [...ENROLMENT, ...TOLD],
  });
  return { ...accepted, parts: [...accepted.parts, ids, ...names] };
}

// --- internal ---

async function stateRows(arrival: Arrival, arrived: Arrived<PupilRows>): Promise<void> {
  const { sheet, dates } = arrived;
  const known = { sen_provision: senProvisionIn, sex: sexIn } as Record<string, (spelt: string) => string>;
  const facts = [
    `${yearGroupIn(text(arrived, "year_group"))} as year_group`,
    `${text(arrived, "year_group")} as year_group_text`,
    ...PUPIL_DATES.flatMap((name) => [
      `${name === "known_on" ? knownOnIn(arrived, arrival.loadedAt) : dateIn(asItCame(arrived, name), dates)} as ${name}`,
      `${text(arrived, name)} as ${name}_text`,
    ]),
    ...PUPIL_FLAGS.flatMap((name) => [
      `${flagIn(text(arrived, name))} as ${name}`,
      `${text(arrived, name)} as ${name}_text`,
    ]),
    ...PUPIL_TEXTS.map((name) => `${(known[name] ?? String)(`nfc_normalize(${text(arrived, name)})`)} as ${name}`),
  ];
  await arrival.db.run(`
    create or replace temp table stated_rows as
    select
      ${schoolIn(arrival, arrived)} as school_urn,
      ${pupilIn(arrival, arrived)} as pupil,
      ${systemIdIn(arrival, arrived)} as system_id,
      ${text(arrived, "former_upn")} as former_upn,
      ${nameColumns(arrived)},
      ${facts.join(",\n      ")}
    from ${sheet.relation}`);
  await numberRows(arrival, sheet);
}

async function rules(arrival: Arrival, arrived: Arrived<PupilRows>): Promise<RowRule[]> {
  const column = (field: string) => columnOf(arrived, field);
  const given = <Name extends string>(names: readonly Name[]) => names.filter((name) => has(arrived, name));
  return [
    ...(await pupilRules(arrival, arrived)),
    ...schoolRules(arrival, arrived),
    {
      rule: "not_a_year_group",
      column: column("year_group"),
      fails: `year_group_text is not null and year_group is null and not (${isUngraded("year_group_text")})`,
      expected: "a National Curriculum year: N, R or 1 to 14",
      mend: "export the pupils' curriculum year",
    },
    ...given(PUPIL_DATES).map((name) => ({
      rule: "not_a_date",
      column: column(name),
      fails: `${name}_text is not null and ${name} is null`,
      expected: `${dateExample(arrived.dates)} that is in the calendar${name === "entered_on" ? "" : ", or nothing"}`,
      mend: DATES_MEND,
    })),
    {
      rule: "entered_before_birth",
      column: column("born_on"),
      fails: "entered_on < born_on",
      expected: "a day of birth before the day of entry",
      mend: "correct the dates in the register",
    },
    {
      rule: "left_before_entry",
      column: column("left_on"),
      fails: "left_on < entered_on",
      expected: "a day on or after the day of entry",
      mend: "correct the dates of enrolment in the register",
    },
    ...given(PUPIL_TEXTS).map((name) => ({
      rule: "not_a_code_or_group",
      column: column(name),
      fails: isNoCode(name),
      ...NO_CODE,
    })),
    ...given(PUPIL_FLAGS).map((name) => ({
      rule: "not_true_or_false",
      column: column(name),
      fails: `${name}_text is not null and ${name} is null and not (${isUnknown(`${name}_text`)})`,
      expected: "true or false, yes or no",
      mend: "export the file again",
    })),
  ];
}

/** Rows that contradict each other about one enrolment and day: nobody can tell which is right. */
async function setAsideContradictions({ db }: Arrival): Promise<void> {
  await db.run(`
    insert into set_aside
    select row_number, school_urn, 'conflicting_pupil_rows'
    from keyed_pupils
    qualify count(distinct (${TOLD.join(", ")})) over (partition by ${ENROLMENT.join(", ")}) > 1`);
}

/** An enrolment without a first day is no enrolment, though what else the row says holds. */
async function doubtEntries({ db }: Arrival): Promise<void> {
  await db.run(`
    insert into doubted
    select row_number, school_urn, 'not_a_date'
    from keyed_pupils anti join set_aside using (row_number)
    where entered_on is null`);
}
