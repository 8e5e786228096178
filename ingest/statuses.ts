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
import { quote } from "./duckdb.ts";
import type { Reading } from "./format.ts";
import { flagIn, isNoCode, knownOnIn, NO_CODE, senProvisionIn } from "./pupil_facts.ts";
import { doubtPupils, keyPupils, pupilIn, pupilRules } from "./pupil_keys.ts";
import { acceptedOf, numberRows, setAsideRepeats } from "./repeats.ts";

type StatusRows = Extract<Reading, { table: "statuses" }>;

/**
 * `raw.pupil_statuses`: what was so of a pupil from when to when. `value` is 'true' or 'false', or a code or name.
 * Without `from_on` it was so on the day `known_on`; without `to_on` it goes on. Statuses that no figure needs have the
 * name 'not_used' and no value.
 */
export const statusesTable = `create table raw.pupil_statuses (
  school_urn integer, pupil_key varchar, status varchar, value varchar,
  from_on date, to_on date, known_on date, load_number integer, row_number integer)`;

/** Statuses whose value is a code or a name; that of the others is true or false. */
const CODED = ["sen_provision", "sen_need", "ethnicity", "year_group", "registration_group"];
const IS_CODED = `status in (${CODED.map(quote).join(", ")})`;
const DATES = ["from_on", "to_on", "known_on"] as const;
const TOLD = ["school_urn", "pupil_key", "status", "value", ...DATES];

/**
 * Takes in statuses with their dates, one row a spell. A reading's list of statuses may say by "*" what every name is
 * that it does not list; without that, such a name is a fault of the row.
 */
export async function takeStatuses(arrival: Arrival, arrived: Arrived<StatusRows>): Promise<Taken> {
  const { db } = arrival;
  await stateRows(arrival, arrived);
  await emptyVerdicts(db);
  await keyPupils(arrival, arrived);
  await holdToRules(arrival, arrived, await rules(arrival, arrived));
  await db.run(`
    create or replace temp table keyed_statuses as
    select stated.*, pupil_key
    from stated join pupil_keys using (pupil)
    anti join set_aside using (row_number)`);
  await setAsideRepeats(arrival, "keyed_statuses", "pupil_statuses", TOLD);
  await doubtPupils(arrival, arrived);
  return acceptedOf(arrival, { table: "pupil_statuses", keyed: "keyed_statuses", columns: TOLD });
}

// --- internal ---

async function stateRows(arrival: Arrival, arrived: Arrived<StatusRows>): Promise<void> {
  const { sheet, dates } = arrived;
  const spelt = has(arrived, "value") ? text(arrived, "value") : "cast(null as varchar)";
  await arrival.db.run(`
    create or replace temp table stated_rows as
    with read_rows as (
      select
        ${schoolIn(arrival, arrived)} as school_urn,
        ${pupilIn(arrival, arrived)} as pupil,
        ${statusIn(arrived)} as status,
        ${spelt} as value_text,
        ${dateIn(asItCame(arrived, "from_on"), dates)} as from_on,
        ${text(arrived, "from_on")} as from_on_text,
        ${dateIn(asItCame(arrived, "to_on"), dates)} as to_on,
        ${text(arrived, "to_on")} as to_on_text,
        ${knownOnIn(arrived, arrival.loadedAt)} as known_on,
        ${text(arrived, "known_on")} as known_on_text
      from ${sheet.relation}
    )
    select
      *,
      case
        when status = 'not_used' then null
        when status = 'sen_provision' then ${senProvisionIn("value_text")}
        when ${IS_CODED} then value_text
        when value_text is null then 'true'
        else (${flagIn("value_text")})::varchar
      end as value
    from read_rows`);
  await numberRows(arrival, sheet);
}

async function rules(arrival: Arrival, arrived: Arrived<StatusRows>): Promise<RowRule[]> {
  const column = (field: string) => columnOf(arrived, field);
  return [
    ...(await pupilRules(arrival, arrived)),
    ...schoolRules(arrival, arrived),
    {
      rule: "unknown_status",
      column: column(has(arrived, "status") ? "status" : "value"),
      fails: `status is null or (${IS_CODED} and value is null)`,
      expected: "a status that Rollbook knows",
      mend: "see the README for their names, or take the row out if no report needs it",
    },
    {
      rule: "not_true_or_false",
      column: column("value"),
      fails: `not ${IS_CODED} and status <> 'not_used' and value is null`,
      expected: "true or false, yes or no",
      mend: "export the file again",
    },
    {
      rule: "not_a_code_or_group",
      column: column("value"),
      fails: `${IS_CODED} and (${isNoCode("value")})`,
      ...NO_CODE,
    },
    ...DATES.filter((name) => has(arrived, name)).map((name) => ({
      rule: "not_a_date",
      column: column(name),
      fails: `${name}_text is not null and ${name} is null`,
      expected: `${dateExample(arrived.dates)} that is in the calendar, or nothing`,
      mend: DATES_MEND,
    })),
    {
      rule: "left_before_entry",
      column: column("to_on"),
      fails: "to_on < from_on",
      expected: "a last day on or after the first",
      mend: "correct the dates of the status in the school's system",
      neverRefuses: true,
    },
  ];
}

/** SQL of the status that a row tells of, null when its name is not known. */
function statusIn(arrived: Arrived<StatusRows>): string {
  const { status } = arrived.reading;
  if (typeof status === "string") return quote(status);
  const { "*": others, ...named } = status;
  const spelt = text(arrived, "status");
  const cases = Object.entries(named).map(([name, known]) => `when ${quote(name)} then ${quote(known)}`);
  const rest = others ? `if(${spelt} is null, null, ${quote(others)})` : "null";
  return `case regexp_replace(lower(${spelt}), '[^a-z0-9]', '', 'g') ${cases.join(" ")} else ${rest} end`;
}
