import { findFields, rivals } from "./csv.ts";
import { quote } from "./duckdb.ts";
import {
  type Arrival,
  DATES_MEND,
  dateExample,
  dateIn,
  field,
  type RegisterFormat,
  type RowRule,
  refuseBadRows,
  rulesOfEveryRegister,
} from "./format.ts";
import { keyPupils } from "./pupil_keys.ts";

/** What exporters call each column. The first of each is Groupcall Xporter's `school.Students`. */
const NAMES = {
  school_urn: ["schoolurn", "urn", "uniquereferencenumber"],
  upn: ["upn", "uniquepupilnumber"],
  year_group: ["yeargroup", "currentyeargroup", "currentncyear", "year"],
  entered_on: ["entrydate", "admissiondate", "dateofadmission"],
  left_on: ["leavingdate", "dateofleaving"],
  registration_group: [
    "reggroup",
    "registrationgroup",
    "currentregistrationgroup",
    "registrationform",
    "tutorgroupname",
  ],
  sex: ["gender", "sex"],
  born_on: ["dateofbirth", "dob"],
  sen_provision: ["senprovision", "senstatus"],
  ethnicity_code: ["ethnicitycode"],
  is_fsm: ["fsmeligible", "freeschoolmeals", "fsm"],
  is_fsm_ever_6: ["fsmever6", "freeschoolmeals6", "ever6fsm"],
  is_eal: ["eal", "englishasadditionallanguage"],
  is_looked_after: ["inleacare", "inlacare", "incare", "lookedafterchild"],
  was_looked_after: ["everincare"],
  is_child_in_need: ["childinneed"],
  is_child_protection: ["childprotectionplan"],
  is_young_carer: ["isyoungcarer", "youngcarer"],
  known_on: ["lastupdated", "extractedon"],
} as const;
type Field = keyof typeof NAMES;

const REQUIRED = { SchoolURN: "school_urn", UPN: "upn", YearGroup: "year_group", EntryDate: "entered_on" } as const;
const DATES = ["entered_on", "left_on", "born_on", "known_on"] as const;
const FLAGS = [
  "is_fsm",
  "is_fsm_ever_6",
  "is_eal",
  "is_looked_after",
  "was_looked_after",
  "is_child_in_need",
  "is_child_protection",
  "is_young_carer",
] as const;
/** Texts that are kept are codes and names of groups: what is longer stands in a column that is not its own. */
const LONGEST_TEXT = 40;
const TEXTS = ["registration_group", "sex", "sen_provision", "ethnicity_code"] as const;

/** `raw.pupils`: what a school said of a pupil's enrolment and status on the day of an extract. No names, no UPN. */
export const pupilsTable = `create table raw.pupils (
  school_urn integer, pupil_key varchar, year_group varchar,
  entered_on date, left_on date, born_on date, known_on date,
  registration_group varchar, sex varchar, sen_provision varchar, ethnicity_code varchar,
  ${FLAGS.map((flag) => `${flag} boolean`).join(", ")},
  load_number integer, row_number integer)`;

/** Pupils' characteristics, one row an enrolment. Source of the layout: Xporter on Demand's `school.Students`. */
export const pupils: RegisterFormat = {
  table: "pupils",
  title: "pupils",
  required: Object.keys(REQUIRED),
  partitions: ["school_urn"],
  lacks(columns) {
    const found = findFields(columns, NAMES);
    return Object.entries(REQUIRED).flatMap(([name, needed]) => (found[needed] === undefined ? [name] : []));
  },
  rivals: (columns) => rivals(columns, NAMES),
  async load(arrival) {
    await readRows(arrival);
    await refuseBadRows(arrival, rules(arrival));
    await keyPupils(arrival.db, arrival.secret);
    await sortOut(arrival);
  },
};

// --- internal ---

async function readRows({ db, columns, project, loadedAt }: Arrival): Promise<void> {
  const at = findFields(columns, NAMES);
  const dates = DATES.map(
    (name) => `${dateIn(field(at[name]), project.dates)} as ${name}, ${field(at[name])} as ${name}_text`,
  );
  const flags = FLAGS.map((name) => `${flagIn(field(at[name]))} as ${name}, ${field(at[name])} as ${name}_text`);
  const texts = TEXTS.map((name) => `${field(at[name])} as ${name}`);
  await db.run(`
    create or replace temp table arrived_rows as
    select
      row_number,
      ${field(at.school_urn)} as urn_text,
      try_cast(${field(at.school_urn)} as integer) as school_urn,
      upper(${field(at.upn)}) as upn,
      ${yearGroupIn(field(at.year_group))} as year_group,
      ${[...dates, ...flags, ...texts].join(",\n      ")},
    from arrived`);
  // a row that does not say when it was taken tells of the day it came
  await db.run(`update arrived_rows set known_on = date ${quote(loadedAt.slice(0, 10))} where known_on_text is null`);
}

function rules({ columns, project }: Arrival): RowRule[] {
  const at = findFields(columns, NAMES);
  const column = (name: Field) => columns[at[name] ?? -1] ?? name;
  return [
    ...rulesOfEveryRegister(project, { school_urn: column("school_urn"), upn: column("upn") }),
    {
      column: column("year_group"),
      fails: "year_group is null",
      expected: "a National Curriculum year: N, R or 1 to 14",
      mend: "export the pupils' curriculum year",
    },
    {
      column: column("entered_on"),
      fails: "entered_on is null",
      expected: `${dateExample(project.dates)} that is in the calendar`,
      mend: DATES_MEND,
    },
    ...DATES.filter((name) => name !== "entered_on").map((name) => ({
      column: column(name),
      fails: `${name}_text is not null and ${name} is null`,
      expected: `${dateExample(project.dates)} that is in the calendar, or nothing`,
      mend: DATES_MEND,
    })),
    {
      column: column("left_on"),
      fails: "left_on < entered_on",
      expected: "a day on or after the day of entry",
      mend: "correct the dates of enrolment in the register",
    },
    ...TEXTS.map((name) => ({
      column: column(name),
      fails: `length(${name}) > ${LONGEST_TEXT} or contains(${name}, '@') or regexp_matches(upper(${name}), '[A-Z][0-9]{11}')`,
      expected: "a short code or name of a group",
      mend: "check that the columns stand below their headings, and export the file again",
    })),
    ...FLAGS.map((name) => ({
      column: column(name),
      fails: `${name}_text is not null and ${name} is null`,
      expected: "true or false, yes or no",
      mend: "export the file again",
    })),
  ];
}

/** A row that repeats another is a duplicate; rows that contradict each other about one enrolment and day are set aside. */
async function sortOut({ db, before, loadNumber }: Arrival): Promise<void> {
  const enrolment = "school_urn, pupil_key, entered_on, known_on";
  const told = ["year_group", "left_on", "born_on", ...TEXTS, ...FLAGS].join(", ");
  const known =
    before.length === 0
      ? "select * from accepted limit 0"
      : `select * from read_parquet([${before.map(quote).join(", ")}], hive_partitioning = true)`;
  await db.run(`
    create or replace temp table accepted as
    select school_urn, pupil_key, entered_on, known_on, ${told}, ${loadNumber} as load_number, row_number::integer as row_number
    from arrived_rows join pupil_keys using (upn)`);
  await db.run(`
    create or replace temp table set_aside as
    with
    known as (${known}),
    repeated as (
      select row_number
      from accepted
      qualify row_number() over (partition by ${enrolment}, ${told} order by row_number) > 1
    ),
    known_already as (
      select accepted.row_number
      from accepted
      semi join known
        on ${`${enrolment}, ${told}`
          .split(", ")
          .map((name) => `accepted.${name} is not distinct from known.${name}`)
          .join(" and ")}
    ),
    contradictory as (
      select row_number
      from accepted
      qualify count(distinct (${told})) over (partition by ${enrolment}) > 1
    )
    select
      row_number,
      school_urn,
      if(row_number in (from contradictory), 'conflicting_pupil_rows', 'duplicate') as rule,
    from accepted
    where row_number in (from repeated union all from known_already union all from contradictory)`);
  await db.run("delete from accepted where row_number in (select row_number from set_aside)");
}

/** SQL for a National Curriculum year: N, R, 1 to 14; null when the text is none. */
function yearGroupIn(text: string): string {
  const plain = `regexp_replace(lower(${text}), '^(year|yr|y)\\s*', '')`;
  return `case
        when regexp_full_match(${plain}, '0*([1-9]|1[0-4])') then ltrim(${plain}, '0')
        when ${plain} in ('r', 'reception', '0') then 'R'
        when regexp_full_match(${plain}, 'n[12]?|nursery.*') then 'N'
      end`;
}

function flagIn(text: string): string {
  return `case
        when lower(${text}) in ('true', 't', 'yes', 'y', '1') then true
        when lower(${text}) in ('false', 'f', 'no', 'n', '0') then false
      end`;
}
