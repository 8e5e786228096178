import { settleIdentities } from "../models/identities.ts";
import {
  type Arrival,
  type Arrived,
  asItCame,
  type Coverage,
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
  timeIn,
  UNREADABLE_TIME,
} from "./arrival.ts";
import { quote, rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { Reading } from "./format.ts";
import { doubtPupils, keyPupils, pupilIn, pupilRules } from "./pupil_keys.ts";

type MarkRows = Extract<Reading, { table: "marks" }>;
type MarkStrings = Extract<Reading, { table: "mark_strings" }>;

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
const LONGEST_DELAY_MINUTES = 600;
/** Days and halves of days that fit into one 64-bit word, so that a repeated session shows without sorting. */
const DAYS_IN_A_BLOCK = 31;
const BLOCK = `(session_date - date '2000-01-01') // ${DAYS_IN_A_BLOCK}`;
const SLOT = `1::ubigint << (((session_date - date '2000-01-01') % ${DAYS_IN_A_BLOCK}) * 2 + (session = 'PM'::session_name)::integer)`;
const SESSION_KEY = "school_urn, pupil_key, session_date, session";

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
  await holdToRules(arrival, arrived, await rules(arrival, arrived, dateField), "record_number");
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
  const parts: Taken["parts"] = [{ table: "marks", from, partitions: ["school_year", "school_urn"] }];
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

async function rules(
  arrival: Arrival,
  arrived: Arrived<MarkRows | MarkStrings>,
  dateField: string,
): Promise<RowRule[]> {
  const { project, loadedAt } = arrival;
  const column = (field: string) => columnOf(arrived, field);
  const isString = arrived.reading.table === "mark_strings";
  // a pupil's file may bring years and schools before this trust's
  const elsewhere = isString ? { refusesFile: false, neverRefuses: true } : {};
  const wrongDay = await wrongDays(arrival);
  return [
    ...(await pupilRules(arrival, arrived)),
    ...schoolRules(arrival, arrived).map((rule) => ({ ...rule, ...elsewhere })),
    {
      rule: "not_a_date",
      column: column(dateField),
      fails: "session_date is null",
      expected: `${dateExample(arrived.dates)} that is in the calendar`,
      mend: DATES_MEND,
    },
    {
      rule: "school_year_without_calendar",
      column: column(dateField),
      fails: `session_date is not null and not (${project.calendars
        .map(({ school_year }) => `session_date between ${schoolYearEdges(school_year)}`)
        .join(" or ")})`,
      expected: "a date in a school year that rollbook.yaml has a calendar for",
      mend: "add the year's calendar there, or check the date",
      refusesFile: true,
      ...elsewhere,
    },
    {
      rule: "not_a_session",
      column: column("session"),
      fails: "session is null",
      expected: "AM or PM",
      mend: "export session marks, not lesson marks",
    },
    {
      rule: "not_a_time",
      column: column("modified"),
      fails: `modified = ${UNREADABLE_TIME}`,
      expected: "a time like 2025-09-01T09:02:11Z",
      mend: "export the file again from the school's system, or take the column out",
    },
    ...(has(arrived, "modified")
      ? [
          {
            rule: "changed_in_future",
            column: column("modified"),
            fails: `modified > timestamp ${quote(loadedAt)} + interval 1 day and modified <> ${UNREADABLE_TIME}`,
            expected: "a time of change that has been",
            mend: "look at the clock of the school's system, and export the file again",
          },
        ]
      : []),
    ...(has(arrived, "extracted_at")
      ? [
          {
            rule: "not_a_time",
            column: column("extracted_at"),
            fails: `extracted_at is null or extracted_at = ${UNREADABLE_TIME} or extracted_at > timestamp ${quote(loadedAt)} + interval 1 day`,
            expected: "a time like 2025-09-01T09:02:11Z in every row: when the file was taken",
            mend: "export the file again from the school's system, or take the column out",
          },
        ]
      : []),
    ...(["covers_from", "covers_to"] as const).flatMap((field) =>
      has(arrived, field)
        ? [
            {
              rule: "not_a_date",
              column: column(field),
              fails: `${field} is null`,
              expected: `${dateExample(arrived.dates)} in every row: the first and last day that the file is whole for`,
              mend: "correct the dates, or take the column out",
            },
          ]
        : [],
    ),
    {
      rule: "not_true_or_false",
      column: column("is_deleted"),
      fails: "is_deleted is null",
      expected: "true or false",
      mend: "export the file again",
    },
    ...(has(arrived, "minutes_late")
      ? [
          {
            rule: "not_minutes",
            column: column("minutes_late"),
            fails: `minutes_late not between 0 and ${LONGEST_DELAY_MINUTES}`,
            expected: `whole minutes, 0 to ${LONGEST_DELAY_MINUTES}`,
            mend: "correct the minutes in the register",
          },
        ]
      : []),
    {
      rule: "unknown_code",
      column: column(has(arrived, "mark_code_id") ? "mark_code_id" : isString ? "marks" : "mark"),
      fails: "code is null",
      expected: "a register code that DfE lists",
      mend: "look the mark up in models/rules/register_codes.csv and correct it in the register",
    },
    {
      rule: "code_not_in_force",
      column: column("mark"),
      fails: wrongDay("code_not_in_force"),
      expected: "a code that was in force on that day",
      mend: "correct the mark in the register",
      neverRefuses: true,
    },
    {
      rule: "mark_on_weekend",
      column: column(dateField),
      fails: wrongDay("mark_on_weekend"),
      expected: "a school day",
      mend: "correct the date in the register, or look whether the file writes the day first",
    },
    {
      rule: "mark_in_future",
      column: column(dateField),
      fails: wrongDay("mark_in_future"),
      expected: "a day that has been",
      mend: "correct the date in the register",
      neverRefuses: true,
    },
  ];
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

/**
 * Finds which codes stand on days that they cannot be of, and makes the temporary table `wrong_days` of them.
 *
 * @returns for each rule the SQL that is true of a row that breaks it. There are few codes and days, however many rows.
 */
async function wrongDays({ db, loadedAt }: Arrival): Promise<(rule: string) => string> {
  await db.run(`
    create or replace temp table wrong_days as
    with
    told as (
      select distinct code::varchar as code, session_date
      from stated_rows
      where not is_deleted and code is not null and session_date is not null
    ),
    judged as (
      select
        told.code,
        session_date,
        bool_or(session_date between valid_from and coalesce(valid_to, date '9999-12-31')) as is_in_force,
        bool_or(is_possible) as is_possible,
        bool_or(is_entered_ahead) as is_entered_ahead
      from told join register_codes on told.code = register_codes.code
      group by all
    )
    select
      code::register_code as code,
      session_date,
      case
        when not is_in_force then 'code_not_in_force'
        when isodow(session_date) > 5 and is_possible then 'mark_on_weekend'
        when session_date > date ${quote(loadedAt.slice(0, 10))} and not is_entered_ahead then 'mark_in_future'
      end as rule
    from judged
    where rule is not null`);
  const broken = (await rows(db, "select distinct rule from wrong_days")).map(({ rule }) => rule);
  return (rule) =>
    broken.includes(rule)
      ? `not is_deleted and (code, session_date) in (select (code, session_date) from wrong_days where rule = ${quote(rule)})`
      : "false";
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

interface Scope {
  school_urn: number;
  school_year: string;
  first_day: string;
  last_day: string;
  first_change: string | null;
  last_change: string | null;
}

/** The schools and school years that the rows are of, with the first and last day of each school. */
async function scopesOf({ db, project }: Arrival): Promise<Scope[]> {
  const years = project.calendars.map(
    ({ school_year }) => `('${school_year.replace("/", "-")}', ${schoolYearEdges(school_year).replace(" and ", ", ")})`,
  );
  const scopes = await rows(
    db,
    `with
    school_years (school_year, opens_on, ends_on) as (
      values ${years.join(", ")}
    ),
    schools as (
      select
        school_urn,
        min(session_date) as first_day,
        max(session_date) as last_day,
        min(modified) as first_change,
        max(modified) as last_change
      from stated_rows
      where session_date between date '2000-01-01' and date '2999-12-31' and school_urn is not null
      group by school_urn
    )
    select
      school_urn,
      school_year,
      first_day::varchar as first_day,
      last_day::varchar as last_day,
      first_change::varchar as first_change,
      last_change::varchar as last_change
    from schools join school_years on first_day <= ends_on and last_day >= opens_on
    order by school_urn, school_year`,
  );
  return scopes as unknown as Scope[];
}

/** What the lake says already is a duplicate: the same statement, or, where rows carry no time, what stands at the time. */
async function setAsideKnown(arrival: Arrival, scopes: Scope[]): Promise<void> {
  const { db } = arrival;
  for (const { school_urn, school_year, first_day, last_day } of scopes) {
    const known = knownMarks(arrival, school_urn, school_year);
    if (!known) continue;
    const ofScope = `school_urn = ${school_urn} and session_date between date '${first_day}' and date '${last_day}'`;
    await db.run(`
      create or replace temp table known_blocks as
      with
      known as (
        select pupil_key, ${BLOCK} as block, bit_or(${SLOT}) as slots
        from ${known}
        where ${ofScope}
        group by all
      ),
      arrived as (
        select pupil_key, block, bit_or(slot) as slots
        from keyed_rows
        where ${ofScope}
        group by all
      )
      select pupil_key, block
      from known join arrived using (pupil_key, block)
      where known.slots & arrived.slots <> 0`);
    const [found] = await rows(db, "select count(*)::integer as blocks from known_blocks");
    if (Number(found?.blocks) === 0) continue;
    await db.run(
      `insert into set_aside
      with
      arrived as (
        select *
        from keyed_rows semi join known_blocks using (pupil_key, block)
        where ${ofScope}
      ),
      known as (
        select pupil_key, session_date, session, code, is_deleted, known_at, load_number
        from (select *, ${BLOCK} as block from ${known} where ${ofScope}) semi join known_blocks using (pupil_key, block)
      ),
      compared as (
        select
          arrived.row_number,
          bool_or(
            known.known_at = arrived.known_at and known.code = arrived.code and known.is_deleted = arrived.is_deleted
          ) as is_told,
          max_by(
            {'code': known.code, 'is_deleted': known.is_deleted},
            {'known_at': known.known_at, 'load_number': known.load_number}
          ) filter (known.known_at <= arrived.known_at) as standing,
          any_value(arrived.code) as code,
          any_value(arrived.is_deleted) as is_deleted,
          any_value(arrived.is_timed) as is_timed
        from arrived join known using (pupil_key, session_date, session)
        group by arrived.row_number
      )
      select row_number, ${school_urn} as school_urn, 'duplicate' as rule
      from compared
      where if(is_timed, is_told, standing = {'code': code, 'is_deleted': is_deleted})`,
    );
  }
}

/**
 * Marks that the lake has and a file that declares its coverage does not: the register no longer holds them. Only a file
 * that says from when to when it is whole can take a mark away by leaving it out.
 */
async function withdrawAbsent(arrival: Arrival, arrived: Arrived<MarkRows | MarkStrings>): Promise<void> {
  const { db, project } = arrival;
  await db.run(`
    create or replace temp table withdrawn_marks as
    select * exclude (row_number), cast(null as integer) as row_number from accepted_marks limit 0`);
  const covered = await rows(
    db,
    `select
      school_urn,
      min(covers_from)::varchar as covers_from,
      max(covers_to)::varchar as covers_to,
      ${has(arrived, "extracted_at") ? "max(extracted_at)" : `timestamp ${quote(arrival.loadedAt)}`}::varchar as known_at
    from stated
    where row_number not in (select row_number from set_aside where rule <> 'duplicate')
    group by school_urn`,
  );
  await settleIdentities(db, lakeTable(arrival, "pupil_ids"));
  const told = `
    select distinct s.school_urn, coalesce(identities.pupil_key, pupil_keys.pupil_key) as pupil, session_date, session
    from stated as s join pupil_keys using (pupil) left join identities on pupil_keys.pupil_key = identities.id_key`;
  for (const { school_urn, covers_from, covers_to, known_at } of covered) {
    for (const school_year of project.calendars.map((calendar) => calendar.school_year.replace("/", "-"))) {
      const known = knownMarks(arrival, Number(school_urn), school_year);
      if (!known) continue;
      await db.run(`
        insert into withdrawn_marks by name
        with standing as (
          select
            ${SESSION_KEY},
            max_by(
              {'code': code, 'is_deleted': is_deleted},
              {'known_at': known_at, 'load_number': load_number}
            ) as mark
          from ${known}
          where session_date between date '${covers_from}' and date '${covers_to}' and known_at <= timestamp '${known_at}'
          group by all
        )
        select
          standing.school_urn, standing.pupil_key, standing.session_date, standing.session, mark.code as code,
          timestamp '${known_at}' as known_at, true as is_deleted, ${arrival.loadNumber} as load_number,
          '${school_year}' as school_year
        from standing
        left join identities on standing.pupil_key = identities.id_key
        anti join (${told}) as told
          on standing.school_urn = told.school_urn
          and coalesce(identities.pupil_key, standing.pupil_key) = told.pupil
          and standing.session_date = told.session_date
          and standing.session = told.session
        where not mark.is_deleted`);
    }
  }
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

/** What the lake holds of a table as an SQL relation, or null when that is nothing. */
function lakeTable(arrival: Arrival, table: string): string | null {
  const files = arrival.before(table);
  return files.length === 0 ? null : `read_parquet([${files.map(quote).join(", ")}], hive_partitioning = true)`;
}

/** The lake's marks of a school and school year as an SQL relation, or null when it has none. */
function knownMarks(arrival: Arrival, schoolUrn: number, schoolYear: string): string | null {
  const folder = `/school_year=${schoolYear}/school_urn=${schoolUrn}/`;
  const files = arrival.before("marks").filter((file) => file.replaceAll("\\", "/").includes(folder));
  return files.length === 0 ? null : `read_parquet([${files.map(quote).join(", ")}], hive_partitioning = true)`;
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

/** The first and last day of a school year, which runs from 1 August: the first term beginning after July opens it. */
function schoolYearEdges(schoolYear: string): string {
  const start = Number(schoolYear.slice(0, 4));
  return `date '${start}-08-01' and date '${start + 1}-07-31'`;
}

/** SQL for the school year of `session_date`, as a folder name may spell it: 2025-26. */
function schoolYearIn({ project }: Arrival): string {
  const years = project.calendars.map(
    ({ school_year }) =>
      `when session_date between ${schoolYearEdges(school_year)} then ${quote(school_year.replace("/", "-"))}::school_year_name`,
  );
  return `case ${years.join(" ")} end`;
}

/** Of a file that declares from when to when it is whole, that is its coverage, and nothing in it is a mere change. */
async function coverageOf({ db }: Arrival, arrived: Arrived, scopes: Scope[]): Promise<Coverage> {
  const told = coverageTold(scopes);
  if (!has(arrived, "covers_from") || !has(arrived, "covers_to")) return told;
  const [declared] = await rows(
    db,
    "select min(covers_from)::varchar as first_day, max(covers_to)::varchar as last_day from stated_rows",
  );
  return {
    ...told,
    first_day: declared?.first_day ? String(declared.first_day) : told.first_day,
    last_day: declared?.last_day ? String(declared.last_day) : told.last_day,
    first_change: null,
  };
}

function coverageTold(scopes: Scope[]): Coverage {
  const least = (of: (scope: Scope) => string | null) =>
    scopes
      .map(of)
      .filter((value) => value !== null)
      .sort()[0] ?? null;
  const most = (of: (scope: Scope) => string | null) =>
    scopes
      .map(of)
      .filter((value) => value !== null)
      .sort()
      .at(-1) ?? null;
  return {
    schools: [...new Set(scopes.map((scope) => Number(scope.school_urn)))],
    first_day: least((scope) => scope.first_day),
    last_day: most((scope) => scope.last_day),
    first_change: least((scope) => scope.first_change),
    last_change: most((scope) => scope.last_change),
  };
}
