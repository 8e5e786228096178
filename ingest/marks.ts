import { findFields, rivals } from "./csv.ts";
import { quote, rows } from "./duckdb.ts";
import {
  type Arrival,
  DATES_MEND,
  dateExample,
  dateIn,
  field,
  type RegisterFormat,
  refuseBadRows,
  rulesOfEveryRegister,
} from "./format.ts";
import type { Project } from "./project.ts";
import { keyPupils } from "./pupil_keys.ts";

/**
 * Where mark rows come from, by what their exporters call each column.
 * The first of each is the Open Education AI supplier contract; the others are seen in exports of common systems.
 */
const NAMES = {
  school_urn: ["schoolurn", "urn", "uniquereferencenumber"],
  upn: ["upn", "uniquepupilnumber"],
  session_date: ["sessiondate", "date", "markdate", "attendancedate"],
  session: ["session", "sessionname", "ampm"],
  mark: ["mark", "attendancemark", "attendancecode", "rawmark", "code"],
  modified: ["modified", "modifiedat", "updatedat", "lastupdated"],
  is_deleted: ["isdeleted", "deleted"],
} as const;
const REQUIRED = {
  SchoolURN: "school_urn",
  UPN: "upn",
  SessionDate: "session_date",
  Session: "session",
  Mark: "mark",
} as const;

/** How a time of change is written, beside each way of writing dates: by systems, and by a spreadsheet that saved it. */
const ISO_TIMES = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%gZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"];
const TIMES = {
  "yyyy-mm-dd": ISO_TIMES,
  "dd/mm/yyyy": ["%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", ...ISO_TIMES],
} as const;

/** `raw.marks`: every mark as it came, one row for each time that a source stated it. */
export const marksTable = `create table raw.marks (
  school_urn integer, pupil_key varchar, session_date date, session varchar, code varchar,
  known_at timestamp, is_deleted boolean, load_number integer, row_number integer)`;

/** Mark rows: pupil, date, AM or PM, code. Source of the layout: Open Education AI's contract with suppliers. */
export const marks: RegisterFormat = {
  table: "marks",
  title: "marks",
  required: Object.keys(REQUIRED),
  partitions: ["school_year", "school_urn"],
  lacks(columns) {
    const found = findFields(columns, NAMES);
    return Object.entries(REQUIRED).flatMap(([name, needed]) => (found[needed] === undefined ? [name] : []));
  },
  rivals: (columns) => rivals(columns, NAMES),
  async load(arrival) {
    await readRows(arrival);
    await refuseBadRows(arrival, rules(arrival));
    await keyPupils(arrival.db, arrival.secret);
    await setAside(arrival);
    await accept(arrival);
  },
};

// --- internal ---

async function readRows({ db, columns, project }: Arrival): Promise<void> {
  const at = findFields(columns, NAMES);
  await db.run(`
    create or replace temp table arrived_rows as
    select
      row_number,
      ${field(at.school_urn)} as urn_text,
      try_cast(${field(at.school_urn)} as integer) as school_urn,
      upper(${field(at.upn)}) as upn,
      ${dateIn(field(at.session_date), project.dates)} as session_date,
      upper(${field(at.session)}) as session,
      -- a blank or a double dash is the same as a dash: no mark was recorded
      coalesce(nullif(upper(${field(at.mark)}), '--'), '-') as code,
      ${field(at.modified)} as modified_text,
      try_strptime(${field(at.modified)}, [${TIMES[project.dates].map(quote).join(", ")}]) as modified,
      lower(coalesce(${field(at.is_deleted)}, 'false')) as deleted_text,
    from arrived`);
}

function rules({ columns, project }: Arrival) {
  const at = findFields(columns, NAMES);
  const column = (name: keyof typeof NAMES) => columns[at[name] ?? -1] ?? name;
  return [
    ...rulesOfEveryRegister(project, { school_urn: column("school_urn"), upn: column("upn") }),
    {
      column: column("session_date"),
      fails: "session_date is null",
      expected: `${dateExample(project.dates)} that is in the calendar`,
      mend: DATES_MEND,
    },
    {
      column: column("session_date"),
      fails: `session_date is not null and not (${project.calendars
        .map(({ school_year }) => `session_date between ${schoolYearEdges(school_year)}`)
        .join(" or ")})`,
      expected: "a date in a school year that rollbook.yaml has a calendar for",
      mend: "add the year's calendar there, or check the date",
    },
    {
      column: column("session"),
      fails: "session is null or session not in ('AM', 'PM')",
      expected: "AM or PM",
      mend: "export session marks, not lesson marks",
    },
    {
      column: column("mark"),
      fails: "code not in (select code from register_codes)",
      expected: "a register code that DfE lists",
      mend: "look the mark up in models/rules/register_codes.csv and correct it in the register",
    },
    {
      column: column("modified"),
      fails: "modified_text is not null and modified is null",
      expected: "a time like 2025-09-01T09:02:11Z",
      mend: "export the file again from the school's system, or take the column out",
    },
    {
      column: column("is_deleted"),
      fails: "deleted_text not in ('true', 'false')",
      expected: "true or false",
      mend: "export the file again",
    },
  ];
}

/**
 * Sorts out the rows that are not to be loaded: a code that was not in force that day, marks of one session that
 * contradict each other and carry the same time, and rows that repeat what is known.
 */
async function setAside({ db, before, columns }: Arrival): Promise<void> {
  // where a file times only what was changed, a mark without a time is the one that was entered first, on its day
  const isTimed = findFields(columns, NAMES).modified !== undefined;
  await db.run(`
    create or replace temp table keyed_rows as
    select
      row_number,
      arrived_rows.school_urn,
      pupil_key,
      session_date,
      session,
      arrived_rows.code,
      ${isTimed ? "coalesce(modified, session_date::timestamp)" : "modified"} as modified,
      deleted_text = 'true' as is_deleted,
      valid_from is null as is_out_of_force,
      ${schoolYearOf("session_date")} as school_year,
    from arrived_rows
    join pupil_keys using (upn)
    left join register_codes
      on arrived_rows.code = register_codes.code
      and session_date between valid_from and coalesce(valid_to, date '9999-12-31')`);
  const touched = await rows(db, "select distinct school_year, school_urn from keyed_rows");
  const folders = touched.map(({ school_year, school_urn }) => `/school_year=${school_year}/school_urn=${school_urn}/`);
  const known = before.filter((file) => folders.some((folder) => file.replaceAll("\\", "/").includes(folder)));
  await db.run(`
    create or replace temp table set_aside as
    with
    known (school_urn, pupil_key, session_date, session, code, known_at, is_deleted, load_number) as (
      ${
        known.length === 0
          ? "select * from (values (null, null, null, null, null, null, null, null)) limit 0"
          : `select school_urn, pupil_key, session_date, session, code, known_at, is_deleted, load_number
      from read_parquet([${known.map(quote).join(", ")}], hive_partitioning = true)`
      }
    ),
    known_sessions as (
      select
        school_urn, pupil_key, session_date, session,
        array_agg(distinct {'code': code, 'known_at': known_at, 'is_deleted': is_deleted}) as states,
        max_by(
          {'code': code, 'is_deleted': is_deleted},
          {'known_at': known_at, 'load_number': load_number}
        ) as latest,
      from known
      semi join keyed_rows using (school_urn, pupil_key, session_date, session)
      group by all
    ),
    repeated_sessions as (
      select school_urn, pupil_key, session_date, session
      from keyed_rows
      group by all
      having count(*) > 1
    ),
    compared as (
      select
        *,
        row_number() over statement as statement_number,
        count(distinct (code, is_deleted)) over moment as answers,
      from keyed_rows semi join repeated_sessions using (school_urn, pupil_key, session_date, session)
      window
        statement as (partition by school_urn, pupil_key, session_date, session, modified, code, is_deleted order by row_number),
        moment as (partition by school_urn, pupil_key, session_date, session, modified)
    ),
    reasons as (
      select row_number, school_urn, 1 as weight, 'code_not_in_force' as rule
      from keyed_rows
      where is_out_of_force
      union all
      select row_number, school_urn, 2, 'conflicting_marks'
      from compared
      where answers > 1
      union all
      select row_number, school_urn, 3, 'duplicate'
      from compared
      where statement_number > 1
      union all
      select row_number, school_urn, 3, 'duplicate'
      from keyed_rows join known_sessions using (school_urn, pupil_key, session_date, session)
      where list_contains(states, {'code': code, 'known_at': modified, 'is_deleted': is_deleted})
        or (modified is null and latest = {'code': code, 'is_deleted': is_deleted})
    )
    select row_number, school_urn, min_by(rule, weight) as rule
    from reasons
    group by row_number, school_urn`);
}

async function accept({ db, loadNumber, loadedAt }: Arrival): Promise<void> {
  await db.run(`
    create or replace temp table accepted as
    select
      school_urn,
      pupil_key,
      session_date,
      session,
      code,
      coalesce(modified, timestamp ${quote(loadedAt)}) as known_at,
      is_deleted,
      ${loadNumber} as load_number,
      row_number::integer as row_number,
      school_year,
    from keyed_rows anti join set_aside using (row_number)`);
}

/** The first and last day of a school year, which runs from 1 August: the first term beginning after July opens it. */
function schoolYearEdges(schoolYear: Project["calendars"][number]["school_year"]): string {
  const start = Number(schoolYear.slice(0, 4));
  return `date '${start}-08-01' and date '${start + 1}-07-31'`;
}

/** SQL for the school year of a date, as a folder name may spell it: 2025-26. */
function schoolYearOf(date: string): string {
  const start = `(year(${date}) - if(month(${date}) < 8, 1, 0))`;
  return `${start} || '-' || right((${start} + 1)::varchar, 2)`;
}
