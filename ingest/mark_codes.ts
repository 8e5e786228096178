import {
  type Arrival,
  type Arrived,
  columnOf,
  emptyVerdicts,
  holdToRules,
  schoolIn,
  schoolRules,
  type Taken,
  text,
} from "./arrival.ts";
import { quote } from "./duckdb.ts";
import type { Reading } from "./format.ts";
import { isNoCode } from "./pupil_facts.ts";
import { acceptedOf, inLake, numberRows } from "./repeats.ts";

type MarkCodeRows = Extract<Reading, { table: "mark_codes" }>;

/** `raw.mark_codes`: which mark the id of a code stands for in a school's system. Of two statements the later stands. */
export const markCodesTable = `create table raw.mark_codes (
  school_urn integer, system varchar, code_id varchar, mark varchar, load_number integer, row_number integer)`;

/** Takes in a system's list of attendance codes. Marks by ids that stand for no code of DfE's are found with the marks. */
export async function takeMarkCodes(arrival: Arrival, arrived: Arrived<MarkCodeRows>): Promise<Taken> {
  const { db, loadNumber } = arrival;
  const { sheet, reading } = arrived;
  await db.run(`
    create or replace temp table stated_rows as
    select
      ${schoolIn(arrival, arrived)} as school_urn,
      ${quote(reading.system)} as system,
      ${text(arrived, "code_id")} as code_id,
      ${text(arrived, "mark")} as mark
    from ${sheet.relation}`);
  await numberRows(arrival, sheet);
  await emptyVerdicts(db);
  await holdToRules(arrival, arrived, [
    ...schoolRules(arrival, arrived),
    {
      rule: "unknown_code",
      column: columnOf(arrived, "mark"),
      fails: `code_id is null or mark is null or (${isNoCode("mark")})`,
      expected: "the id of a code, and the mark that it stands for",
      mend: "export the list of attendance codes again",
    },
  ]);
  await db.run(`
    create or replace temp table keyed_codes as
    select *, ${loadNumber} as load_number from stated anti join set_aside using (row_number)`);
  await db.run(`
    insert into set_aside
    with
    standing as (
      select school_urn, system, code_id, arg_max(mark, load_number) as mark
      from (${inLake(arrival, "keyed_codes", "mark_codes")})
      group by all
    ),
    repeated as (
      select row_number, school_urn
      from keyed_codes
      qualify row_number() over (partition by school_urn, system, code_id, mark order by row_number) > 1
      union
      select row_number, school_urn
      from keyed_codes semi join standing using (school_urn, system, code_id, mark)
    )
    select row_number, school_urn, 'duplicate' from repeated`);
  const columns = ["school_urn", "system", "code_id", "mark"];
  return acceptedOf(arrival, { table: "mark_codes", keyed: "keyed_codes", columns });
}
