import {
  type Arrival,
  type Arrived,
  asItCame,
  dateIn,
  emptyVerdicts,
  has,
  holdToRules,
  schoolIn,
  type Taken,
  text,
  timeIn,
} from "./arrival.ts";
import { quote, rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { MarkRows, MarkStrings } from "./format.ts";
import {
  BLOCK,
  coverageOf,
  SESSION_KEY,
  SLOT,
  schoolYearIn,
  schoolYearSlices,
  scopesOf,
  setAsideKnown,
  withdrawAbsent,
} from "./known_marks.ts";
import { markRules } from "./mark_rules.ts";
import { doubtPupils, keyPupils, pupilIn } from "./pupil_keys.ts";

/** `raw.marks`: every mark as it came, one row for each time that a source stated it. */
export const marksTable = `create table raw.marks (
  school_urn integer, pupil_key varchar, session_date date, session varchar, code varchar,
  known_at timestamp, is_deleted boolean, minutes_late integer,
  reason varchar, changed_by varchar, changed_by_position varchar, load_number integer, row_number integer)`;

/** How exports name the halves of a school day. */
const SESSION_WORDS = {
  AM: ["MORNING", "MORNING SESSION", "MORNING ATTENDANCE"],
  PM: ["AFTERNOON", "AFTERNOON SESSION", "AFTERNOON ATTENDANCE"],
} as const;
/** Who changed a mark and why: kept where the source gives it, as the regulations ask of an amended entry. */
const AMENDMENT = ["reason", "changed_by", "changed_by_position"] as const;

/** Takes in mark rows: pupil, date, AM or PM, code. */
export async function takeMarks(arrival: Arrival, arrived: Arrived<MarkRows>): Promise<Taken> {
  await stateRows(arrival, arrived);
  return takeStated(arrival, arrived, "session_date");
}

/**
 * Takes in mark strings: one pupil's marks from a day on, morning and afternoon of every day, weekends too. From August
 * 2024 they are parted by commas, since some codes have two characters; before that every character is a mark.
 */
export async function takeMarkStrings(arrival: Arrival, arrived: Arrived<MarkStrings>): Promise<Taken> {
  await unpackStrings(arrival, arrived);
  return takeStated(arrival, arrived, "starts_on");
}

// --- internal ---

async function stateRows(arrival: Arrival, arrived: Arrived<MarkRows>): Promise<void> {
  const { db } = arrival;
  const { sheet, dates } = arrived;
  const session = asItCame(arrived, "session");
  const optional = [
    ...(has(arrived, "minutes_late") ? [`${minutesIn(asItCame(arrived, "minutes_late"))} as minutes_late`] : []),
    ...AMENDMENT.flatMap((field) => (has(arrived, field) ? [`${text(arrived, field)} as ${field}`] : [])),
    ...(has(arrived, "extracted_at") ? [`${timeIn(asItCame(arrived, "extracted_at"), dates)} as extracted_at`] : []),
    ...["covers_from", "covers_to"].flatMap((field) =>
      has(arrived, field) ? [`${dateIn(asItCame(arrived, field), dates)} as ${field}`] : [],
    ),
  ];
  await db.run(`
    create or replace temp table stated_rows as
    select
      ${schoolIn(arrival, arrived)} as school_urn,
      ${pupilIn(arrival, arrived)} as pupil,
      ${dateIn(asItCame(arrived, "session_date"), dates)} as session_date,
      case
        when ${session} = 'AM' then 'AM'::session_name
        when ${session} = 'PM' then 'PM'::session_name
        when upper(trim(${session})) in ('AM', ${SESSION_WORDS.AM.map(quote).join(", ")}) then 'AM'::session_name
        when upper(trim(${session})) in ('PM', ${SESSION_WORDS.PM.map(quote).join(", ")}) then 'PM'::session_name
      end as session,
      ${has(arrived, "mark_code_id") ? await codeById(arrival, arrived) : codeIn(asItCame(arrived, "mark"))} as code,
      ${timeIn(asItCame(arrived, "modified"), dates)} as modified,
      ${flagIn(asItCame(arrived, "is_deleted"))} as is_deleted,
      ${optional.join(",\n      ")}
    from ${sheet.relation}`);
  await db.run(
    `create or replace temp view stated as
    select rowid + ${sheet.first} as row_number, row_number as record_number, * from stated_rows`,
  );
}

async function unpackStrings(arrival: Arrival, arrived: Arrived<MarkStrings>): Promise<void> {
  const { db } = arrival;
  const { sheet, dates } = arrived;
  await db.run(`create or replace temp table string_rows as select * from ${sheet.relation}`);
  await db.run(`
    create or replace temp table stated_rows as
    with
    strings as (
      select
        rowid + ${sheet.first} as record_number,
        ${schoolIn(arrival, arrived)} as school_urn,
        ${pupilIn(arrival, arrived)} as pupil,
        ${dateIn(asItCame(arrived, "starts_on"), dates)} as starts_on,
        ${asItCame(arrived, "marks")} as marks,
        ${timeIn(asItCame(arrived, "extracted_at"), dates)} as extracted_at,
      from string_rows
    ),
    parted as (
      select
        *,
        if(contains(marks, ','), string_split(marks, ','), string_split(marks, '')) as codes,
        -- a code of two characters would move every mark behind it by half a day
        not contains(marks, ',') and regexp_matches(marks, '[0-9]') as is_torn
      from strings
      where trim(marks) <> ''
    ),
    placed as (
      select *, unnest(codes) as mark, unnest(range(len(codes))) as place
      from parted
    )
    select
      record_number,
      school_urn,
      pupil,
      starts_on + (place // 2)::integer as session_date,
      if(place % 2 = 0, 'AM', 'PM')::session_name as session,
      if(is_torn, null, ${codeIn("mark")}) as code,
      cast(null as timestamp) as modified,
      false as is_deleted,
      extracted_at,
    from placed`);
  // a string makes many statements: each is told apart by its place, and named by its record
  await db.run("create or replace temp view stated as select rowid as row_number, * from stated_rows");
}

/** Sorts out what is stated in `stated` and leaves `accepted_marks`. */
async function takeStated(
  arrival: Arrival,
  arrived: Arrived<MarkRows | MarkStrings>,
  dateField: string,
): Promise<Taken> {
  const { db } = arrival;
  await emptyVerdicts(db);
  await blockSessions(arrival);
  await keyPupils(arrival, arrived, "blocks");
  await spellPupilsAlike(arrival);
  await holdToRules(arrival, arrived, await markRules(arrival, arrived, dateField), "record_number");
  await doubtPupils(arrival, arrived);
  await keyRows(arrival, arrived);
  await setAsideRepeats(arrival);
  await keyRows(arrival, arrived);
  const scopes = await scopesOf(arrival);
  await setAsideKnown(arrival, scopes);
  await keyRows(arrival, arrived);
  // columns that the file has not are left out of the lake: they cost, and read back as null
  const told = ["minutes_late", ...AMENDMENT].filter((field) => has(arrived, field));
  await db.run(`
    create or replace temp view accepted_marks as
    select
      ${[SESSION_KEY, "code", "known_at", "is_deleted", ...told].join(", ")},
      ${arrival.loadNumber} as load_number,
      record_number::integer as row_number,
      ${schoolYearIn(arrival)} as school_year,
    from keyed_rows`);
  const from = arrived.reading.table === "marks" ? "accepted_marks" : await nameRecords(arrival);
  const parts: Taken["parts"] = [
    { table: "marks", from, partitions: ["school_year", "school_urn"], slices: schoolYearSlices(scopes) },
  ];
  if (has(arrived, "covers_from") && has(arrived, "covers_to")) {
    await withdrawAbsent(arrival, arrived);
    parts.push({ table: "marks", from: "withdrawn_marks", partitions: ["school_year", "school_urn"] });
  }
  if (!has(arrived, "upn")) {
    await noteSystemIds(arrival);
    parts.push({ table: "pupil_ids", from: "seen_ids", partitions: ["school_urn"] });
  }
  const [count] = await rows(db, "select count(*)::integer as read from stated_rows");
  return { read: Number(count?.read), parts, coverage: await coverageOf(arrival, arrived, scopes) };
}

/** The sessions that are told of, by school, pupil and block of days: small enough to ask again, however many rows. */
async function blockSessions({ db }: Arrival): Promise<void> {
  await db.run(`
    create or replace temp table blocks as
    select
      school_urn,
      pupil,
      if(session_date between date '2000-01-01' and date '2999-12-31', ${BLOCK}, null) as block,
      count(*) as statements,
      bit_or(if(session_date between date '2000-01-01' and date '2999-12-31', ${SLOT}, null)) as slots
    from stated_rows
    group by all`);
}

/** One pupil, one spelling: a UPN that a file writes in two ways would hide that a session is told twice. */
async function spellPupilsAlike(arrival: Arrival): Promise<void> {
  const { db } = arrival;
  const [found] = await rows(
    db,
    "select count(*)::integer - count(distinct pupil_key)::integer as others from pupil_keys",
  );
  if (Number(found?.others) === 0) return;
  await db.run(`
    update stated_rows
    set pupil = alike.pupil
    from pupil_keys join (select pupil_key, min(pupil) as pupil from pupil_keys group by all) as alike using (pupil_key)
    where stated_rows.pupil = pupil_keys.pupil and stated_rows.pupil <> alike.pupil`);
  await blockSessions(arrival);
}

/** The rows that are not set aside, with pupils by key and the time at which each became known. */
async function keyRows({ db, loadedAt }: Arrival, arrived: Arrived<MarkRows | MarkStrings>): Promise<void> {
  const known = (await db.runAndReadAll("select column_name from (describe stated_rows)")).getColumns()[0] ?? [];
  const present = new Set(known.map(String));
  const optional = (name: string, type: string) => (present.has(name) ? name : `cast(null as ${type})`);
  const fileTime = `coalesce(${optional("extracted_at", "timestamp")}, timestamp ${quote(loadedAt)})`;
  const [aside] = await rows(db, "select count(*)::integer as rows from set_aside");
  await db.run(`
    create or replace temp view keyed_rows as
    select
      row_number, record_number, stated.school_urn, pupil_key, session_date, session, code,
      ${
        // where a file times only what was changed, a mark without a time is the one that was entered first, on its day
        has(arrived, "modified")
          ? "coalesce(modified, session_date::timestamp) as known_at, true as is_timed"
          : `${fileTime} as known_at, false as is_timed`
      },
      is_deleted,
      ${optional("minutes_late", "integer")} as minutes_late,
      ${AMENDMENT.map((name) => `${optional(name, "varchar")} as ${name}`).join(", ")},
      ${["covers_from", "covers_to"].map((name) => `${optional(name, "date")} as ${name}`).join(", ")},
      ${BLOCK} as block,
      ${SLOT} as slot,
    from stated
    join pupil_keys using (pupil)
    ${Number(aside?.rows) > 0 ? "where row_number not in (select row_number from set_aside)" : ""}`);
}

/** Within the file: a statement made twice is a duplicate; different marks of one session and moment contradict. */
async function setAsideRepeats(arrival: Arrival): Promise<void> {
  const { db } = arrival;
  await db.run(`
    create or replace temp table repeated_blocks as
    select school_urn, pupil_key, block
    from blocks join pupil_keys using (pupil)
    where block is not null and bit_count(slots) <> statements`);
  const [found] = await rows(db, "select count(*)::integer as blocks from repeated_blocks");
  if (Number(found?.blocks) === 0) return;
  await db.run(
    `insert into set_aside
    with
    repeated_sessions as (
      select ${SESSION_KEY}
      from keyed_rows semi join repeated_blocks using (school_urn, pupil_key, block)
      group by all
      having count(*) > 1
    ),
    compared as (
      select
        row_number,
        school_urn,
        row_number() over statement as statement_number,
        count(distinct (code, is_deleted)) over moment as answers,
      from keyed_rows semi join repeated_sessions using (${SESSION_KEY})
      window
        statement as (partition by ${SESSION_KEY}, known_at, code, is_deleted order by row_number),
        moment as (partition by ${SESSION_KEY}, known_at)
    )
    select row_number, school_urn, if(answers > 1, 'conflicting_marks', 'duplicate') as rule
    from compared
    where answers > 1 or statement_number > 1`,
  );
}

/** Every id of the school's system that marks came by, so that those without a UPN can be asked for. */
async function noteSystemIds({ db, loadNumber, loadedAt }: Arrival): Promise<void> {
  await db.run(`
    create or replace temp table seen_ids as
    select
      school_urn, pupil_key as id_key, cast(null as varchar) as pupil_key, 'seen' as kind,
      date ${quote(loadedAt.slice(0, 10))} as known_on, ${loadNumber} as load_number,
      min(record_number)::integer as row_number
    from keyed_rows
    group by all`);
}

/** What was set aside or doubted of a mark string is named by its record, once it is settled which marks are accepted. */
async function nameRecords({ db }: Arrival): Promise<string> {
  await db.run("create or replace temp table accepted_string_marks as from accepted_marks");
  for (const verdicts of ["set_aside", "doubted"]) {
    await db.run(`create or replace temp table by_statement as from ${verdicts}`);
    await db.run(`create or replace temp table ${verdicts} as
      select record_number as row_number, by_statement.school_urn, rule
      from by_statement join stated using (row_number)`);
  }
  return "accepted_string_marks";
}

/** SQL of a register code as DfE writes it; a blank or a double dash is a dash: no mark was recorded. */
function codeIn(mark: string): string {
  // nearly every mark is one of the first two
  return `case
        when ${mark} = '/' then '/'::register_code
        when ${mark} = '\\' then '\\'::register_code
        when ${mark} is null or trim(${mark}) in ('', '--') then '-'::register_code
        else try_cast(upper(trim(${mark})) as register_code)
      end`;
}

/** SQL of the register code that a system's code id stands for, as its list of codes says. */
async function codeById(arrival: Arrival, arrived: Arrived<MarkRows>): Promise<string> {
  const files = arrival.before("mark_codes");
  const { system = "" } = arrived.reading;
  const codes =
    files.length === 0
      ? []
      : await rows(
          arrival.db,
          `select code_id, arg_max(mark, load_number) as mark
          from read_parquet([${files.map(quote).join(", ")}], hive_partitioning = true)
          where system = ${quote(system)} ${arrival.folderUrn === null ? "" : `and school_urn = ${arrival.folderUrn}`}
          group by code_id`,
        );
  if (codes.length === 0) {
    throw new RollbookError(
      `${arrival.name}: expected the school's attendance codes beside it, since marks come by the ids of codes; save the page of attendance codes too`,
    );
  }
  const cases = codes.map(({ code_id, mark }) => `when ${quote(String(code_id))} then ${codeIn(quote(String(mark)))}`);
  return `case ${text(arrived, "mark_code_id")} ${cases.join(" ")} end`;
}

/** SQL of whole minutes, null when there are none, -1 when they cannot be read. */
function minutesIn(spelt: string): string {
  return `case when trim(${spelt}) <> '' then coalesce(try_cast(try_cast(${spelt} as double) as integer), -1) end`;
}

/** SQL of true or false, false when nothing is said, null when it cannot be read. */
function flagIn(spelt: string): string {
  return `case
        when ${spelt} = 'false' then false
        when ${spelt} is null or trim(${spelt}) = '' then false
        else try_cast(trim(${spelt}) as boolean)
      end`;
}
