import {
  type Arrival,
  type Arrived,
  columnOf,
  coverageWithoutDays,
  DATES_MEND,
  emptyVerdicts,
  holdToRules,
  type Taken,
  text,
} from "./arrival.ts";
import { rows } from "./duckdb.ts";
import type { Reading } from "./format.ts";
import { inLake, numberRows, rowsStated } from "./repeats.ts";

type EstablishmentRows = Extract<Reading, { table: "establishments" }>;

const TEXTS = [
  "school_name",
  "phase",
  "la_number",
  "establishment_number",
  "la_name",
  "la_code",
  "region",
  "trust_name",
] as const;
const DATES = ["opened_on", "closed_on"] as const;
const TOLD = ["school_urn", ...TEXTS, ...DATES].join(", ");

/** `raw.establishments`: schools of England as DfE's register of them says, open and closed. Public data. */
export const establishmentsTable = `create table raw.establishments (
  school_urn integer, ${TEXTS.map((name) => `${name} varchar`).join(", ")},
  ${DATES.map((name) => `${name} date`).join(", ")}, load_number integer, row_number integer)`;

/**
 * Takes in the register of schools, all of it. Its dates are written day first, with slashes or dashes, whatever
 * rollbook.yaml says of the school's own files.
 */
export async function takeEstablishments(arrival: Arrival, arrived: Arrived<EstablishmentRows>): Promise<Taken> {
  const { db, project, loadNumber } = arrival;
  const { sheet } = arrived;
  await db.run(`
    create or replace temp table stated_rows as
    select
      case when regexp_full_match(${text(arrived, "school_urn")}, '[1-9]\\d{5}')
        then ${text(arrived, "school_urn")}::integer end as school_urn,
      ${TEXTS.map((name) => `${text(arrived, name)} as ${name}`).join(", ")},
      ${DATES.map(
        (name) =>
          `try_strptime(${text(arrived, name)}, ['%d-%m-%Y', '%d/%m/%Y', '%Y-%m-%d'])::date as ${name}, ${text(arrived, name)} as ${name}_text`,
      ).join(", ")}
    from ${sheet.relation}`);
  await numberRows(arrival, sheet);
  await emptyVerdicts(db);
  await holdToRules(arrival, arrived, [
    {
      rule: "not_a_urn",
      column: columnOf(arrived, "school_urn"),
      fails: "school_urn is null",
      expected: "a URN: six digits",
      mend: "download the file again",
      refusesFile: true,
    },
    ...DATES.map((name) => ({
      rule: "not_a_date",
      column: columnOf(arrived, name),
      fails: `${name}_text is not null and ${name} is null`,
      expected: "a date like 01-09-2025, or nothing",
      mend: DATES_MEND,
    })),
  ]);
  await db.run(`
    create or replace temp table keyed_establishments as
    select ${TOLD}, ${loadNumber} as load_number, row_number::integer as row_number
    from stated anti join set_aside using (row_number)`);
  await db.run(`
    insert into set_aside
    with
    standing as (
      from (${inLake(arrival, "keyed_establishments", "establishments")})
      qualify load_number = max(load_number) over (partition by school_urn)
    ),
    repeated as (
      select row_number, school_urn
      from keyed_establishments
      qualify row_number() over (partition by ${TOLD} order by row_number) > 1
      union
      select keyed.row_number, keyed.school_urn
      from keyed_establishments as keyed semi join standing as known
        on ${TOLD.split(", ")
          .map((name) => `keyed.${name} is not distinct from known.${name}`)
          .join(" and ")}
    )
    select row_number, school_urn, 'duplicate' from repeated`);
  await db.run(`
    create or replace temp view accepted_establishments as
    from keyed_establishments anti join set_aside using (row_number)`);
  const own = await rows(
    db,
    `select distinct school_urn from stated where school_urn in (${project.schools.map(({ urn }) => urn).join(", ")})`,
  );
  return {
    read: await rowsStated(arrival),
    parts: [{ table: "establishments", from: "accepted_establishments", partitions: [] }],
    coverage: coverageWithoutDays(own.map(({ school_urn }) => Number(school_urn))),
  };
}
