import type { DuckDBConnection } from "@duckdb/node-api";
import type { Arrival, Arrived, Taken } from "./arrival.ts";
import { plainName } from "./csv.ts";
import { quote, rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { Names, PupilNames, Reading, Sheet } from "./format.ts";
import { dataFolders } from "./lake.ts";
import { readLedger } from "./ledger.ts";
import type { Project } from "./project.ts";
import { inLake } from "./repeats.ts";

/** The lake's table of pupils' names. It is none of those that a warehouse is built from. */
export const NAMES_TABLE = "names";

/** A pupil's name as their school knows it. Of a pupil with one name, as some have, the other is null. */
export interface PupilName {
  school_urn: number;
  /** The key that the warehouse has for the pupil. */
  pupil_key: string;
  surname: string | null;
  forename: string | null;
}

/**
 * The names that schools gave their pupils, each pupil's newest of each school. They stand in the lake's table `names`
 * (school_urn, pupil_key, surname, forename, known_on, load_number, row_number), which no warehouse reads; other schools'
 * are not opened.
 *
 * @param db the warehouse: its `raw.identities` says which pupil a former UPN or a system's id stands for
 */
export async function readNames(db: DuckDBConnection, project: Project, ...urns: number[]): Promise<PupilName[]> {
  const { ledger, lake } = dataFolders(project);
  const folders = urns.map((urn) => `/school_urn=${urn}/`);
  const parts = readLedger(ledger).flatMap((load) =>
    load.parts.filter(({ table, file }) => table === NAMES_TABLE && folders.some((folder) => file.includes(folder))),
  );
  if (parts.length === 0) return [];
  const files = parts.map(({ file }) => quote(`${lake}/${file}`)).join(", ");
  const stored = `read_parquet([${files}], hive_partitioning = true)`;
  const [found] = await rows(db, `select count(*)::integer as names from ${stored}`).catch(() => []);
  if (Number(found?.names) !== parts.reduce((sum, part) => sum + part.rows, 0)) {
    throw new RollbookError(
      `The lake does not hold the names of pupils of school ${urns.join(", ")} that the ledger says: bring the data folder back from a backup`,
    );
  }
  const newest = await rows(
    db,
    `select school_urn, coalesce(identities.pupil_key, stored.pupil_key) as pupil_key, surname, forename
    from ${stored} as stored left join raw.identities as identities on stored.pupil_key = identities.id_key
    ${newestOf("school_urn, coalesce(identities.pupil_key, stored.pupil_key)")}
    order by pupil_key`,
  );
  const text = (value: unknown) => (value === null ? null : String(value));
  return newest.map(({ school_urn, pupil_key, surname, forename }) => ({
    school_urn: Number(school_urn),
    pupil_key: String(pupil_key),
    surname: text(surname),
    forename: text(forename),
  }));
}

/** SQL of the columns `surname` and `forename` of a sheet's rows, null where a row gives none. */
export function nameColumns({ sheet, reading }: Arrived<PupilRows>): string {
  const spelt = (part: keyof PupilNames) => `${nameIn(sheet, reading.names?.[part] ?? [])} as ${part}`;
  return `${spelt("surname")}, ${spelt("forename")}`;
}

/**
 * What the rows of `keyed_pupils` that are not set aside so far say of pupils' names, as the part of the lake that holds
 * them: without what is older than the name that the lake has, or the same. Where rows of one pupil and day give
 * different names, nobody can tell which is right, and none is taken.
 */
export async function namesPart(arrival: Arrival, arrived: Arrived<PupilRows>): Promise<Taken["parts"]> {
  const { db, loadNumber } = arrival;
  if (!hasNames(arrived)) return [];
  await db.run(`
    create or replace temp table told_names as
    select
      school_urn,
      pupil_key,
      min(surname) as surname,
      min(forename) as forename,
      known_on,
      ${loadNumber}::integer as load_number,
      min(row_number)::integer as row_number
    from keyed_pupils anti join set_aside using (row_number)
    where surname is not null or forename is not null
    group by school_urn, pupil_key, known_on
    having count(distinct (coalesce(surname, ''), coalesce(forename, ''))) = 1`);
  await db.run(`
    create or replace temp table new_names as
    with known as (
      select school_urn, pupil_key, surname, forename, known_on
      from (${inLake(arrival, "told_names", NAMES_TABLE)})
      ${newestOf("school_urn, pupil_key")}
    )
    select told.*
    from told_names as told left join known using (school_urn, pupil_key)
    where
      known.pupil_key is null
      or told.known_on > known.known_on
      or (
        told.known_on = known.known_on
        and (told.surname is distinct from known.surname or told.forename is distinct from known.forename)
      )`);
  return [{ table: NAMES_TABLE, from: "new_names", partitions: ["school_urn"] }];
}

// --- internal ---

type PupilRows = Extract<Reading, { table: "pupils" }>;

/** What is longer stands in a column that is not its own. */
const LONGEST_NAME = 100;
/** What parts words: spaces, tabs, ends of lines and paragraphs. */
const SPACES = "[\\s\\p{Z}]+";
/** What shows nothing or turns text around: control characters and marks of direction. Joiners belong to their letters. */
const UNSEEN = [
  "\\x{00}-\\x{08}",
  "\\x{0B}",
  "\\x{0E}-\\x{1F}",
  "\\x{7F}-\\x{9F}",
  "\\x{AD}",
  "\\x{061C}",
  "\\x{180E}",
  "\\x{200B}",
  "\\x{200E}-\\x{200F}",
  "\\x{202A}-\\x{202E}",
  "\\x{2060}-\\x{206F}",
  "\\x{FEFF}",
  "\\x{FFF9}-\\x{FFFB}",
  "\\x{E0000}-\\x{E007F}",
].join("");

/** SQL that leaves the newest row of each pupil. */
function newestOf(pupil: string): string {
  return `qualify row_number() over (partition by ${pupil} order by known_on desc, load_number desc, row_number desc) = 1`;
}

/** The columns that hold a part of a name, in the order in which they count. One that stands twice could be anybody's. */
function positionsOf(sheet: Sheet, names: Names): number[] {
  const plain = sheet.columns.map(plainName);
  return names.flatMap((name) => {
    const at = plain.indexOf(name);
    return at >= 0 && at === plain.lastIndexOf(name) ? [at] : [];
  });
}

function hasNames({ sheet, reading }: Arrived<PupilRows>): boolean {
  const { surname = [], forename = [] } = reading.names ?? {};
  return [surname, forename].some((names) => positionsOf(sheet, names).length > 0);
}

function nameIn(sheet: Sheet, names: Names): string {
  const spelt = positionsOf(sheet, names).map((at) => cleaned(`column_${at}`));
  return spelt.length === 0 ? "cast(null as varchar)" : `coalesce(${spelt.join(", ")})`;
}

/** SQL of a name as it is kept; null when the text is none, or is a UPN or an address that stands in a name's place. */
function cleaned(column: string): string {
  const seen = `regexp_replace(${column}, '[${UNSEEN}]', '', 'g')`;
  const name = `nfc_normalize(trim(regexp_replace(${seen}, '${SPACES}', ' ', 'g')))`;
  return `case
      when ${name} = '' or length(${name}) > ${LONGEST_NAME} then null
      when contains(${name}, '@') or regexp_matches(upper(${name}), '[A-Z][0-9]{11}') then null
      else ${name}
    end`;
}
