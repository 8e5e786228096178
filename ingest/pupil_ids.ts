import type { Arrival, Arrived, Taken } from "./arrival.ts";
import { keyTexts, prefixOf } from "./pupil_keys.ts";
import { inLake } from "./repeats.ts";

/**
 * `raw.pupil_ids`: under which other keys a pupil's rows may stand. `kind` is 'system id' for the id that a school's
 * system gives, 'former UPN' for one that a pupils file names as such, and 'seen' for a system's id that came without a
 * UPN; then `pupil_key` is null.
 */
export const pupilIdsTable = `create table raw.pupil_ids (
  school_urn integer, id_key varchar, pupil_key varchar, kind varchar, known_on date,
  load_number integer, row_number integer)`;

/**
 * What the rows of `keyed_pupils` say of pupils' ids, without what the lake says already. Only an explicit id or former
 * UPN joins pupils; names and dates of birth never do. A former UPN that is none, or is the pupil's own, says nothing.
 */
export async function pupilIdsPart(arrival: Arrival, arrived: Arrived): Promise<Taken["parts"][number]> {
  const { db, secret, loadNumber } = arrival;
  const query = `
    select system_id from keyed_pupils where system_id is not null
    union
    select former_upn from keyed_pupils where former_upn is not null`;
  await keyTexts(db, { table: "id_keys", query, secret, ids: prefixOf(arrived) });
  await db.run(`
    create or replace temp table told_ids as
    with
    named as (
      select school_urn, system_id as id, if(is_upn, 'system id', 'seen') as kind, * exclude (school_urn)
      from keyed_pupils
      where system_id is not null
      union all by name
      select school_urn, former_upn as id, 'former UPN' as kind, * exclude (school_urn)
      from keyed_pupils
      where former_upn is not null and is_upn
    )
    select
      school_urn,
      id_keys.pupil_key as id_key,
      if(kind = 'seen', null, named.pupil_key) as pupil_key,
      kind,
      max(known_on) as known_on,
      ${loadNumber}::integer as load_number,
      min(row_number)::integer as row_number
    from named join id_keys on named.id = id_keys.pupil
    where kind = 'seen' or (id_keys.pupil_key <> named.pupil_key and (kind = 'system id' or id_keys.is_upn))
    group by all`);
  await db.run(`
    create or replace temp table new_ids as
    with known as (
      select
        school_urn,
        id_key,
        kind,
        arg_max(coalesce(pupil_key, ''), {'known_on': known_on, 'load_number': load_number}) as pupil_key
      from (${inLake(arrival, "told_ids", "pupil_ids")})
      group by all
    )
    select told_ids.*
    from told_ids
    anti join known
      on told_ids.school_urn = known.school_urn
      and told_ids.id_key = known.id_key
      and told_ids.kind = known.kind
      and coalesce(told_ids.pupil_key, '') = known.pupil_key`);
  return { table: "pupil_ids", from: "new_ids", partitions: ["school_urn"] };
}
