import { chmod } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { type PupilName, readNames } from "../ingest/names.ts";
import type { Project } from "../ingest/project.ts";

/** The table that an extract has besides those of the warehouse: a row that says how many of its pupils have no known name. */
const NAMES_TABLE = "names";

export interface ExtractOptions {
  project: Project;
  /** The DuckDB file with the champion's tables; it is only read. */
  warehouse: string;
  /** The school, by its URN. */
  urn: number;
  /**
   * The DuckDB file to make, in a folder that only its owner can read; there is none yet. It is not called champion: DuckDB
   * would take `champion.pupils` for a table of the file.
   */
  file: string;
}

/** What one school's champion may see, by name: it is pupils' data. */
export interface Extract {
  /** The tables in its schema `champion`, in alphabetical order. */
  tables: string[];
  /** Those of them that have rows of pupils. */
  ofPupils: string[];
  /** Its pupils as they are named in it. */
  pupils: Person[];
  /** The classes (registration groups) that it names. */
  classes: string[];
}

/** A pupil as pages and lists name them; a part that is not known is empty. */
export interface Person {
  surname: string;
  forename: string;
}

/**
 * Makes a DuckDB file with one school's rows of every table in the warehouse's schema `champion`, and nothing else.
 *
 * In place of the school's URN and the pupil's key each table has `pupil` (a number from 1, in the order of surnames and
 * forenames, the same in all tables of this extract and another in the next), `surname` and `forename`. A pupil of whom no
 * name is known has the surname "Pupil 17", and the table `champion.names` counts them (`pupils`, `pupils_without_name`).
 * Every pupil of any table is numbered, also one who is not in `champion.pupils`.
 *
 * @throws {RollbookError} where a table does not say whose its rows are
 */
export async function makeExtract({ project, warehouse, urn, file }: ExtractOptions): Promise<Extract> {
  const { columns, pupils } = await withDuckDB({ path: warehouse, readOnly: true }, async (db) => {
    const columns = await columnsOf(db);
    holdToSchool(columns);
    return { columns, pupils: numbered(await keysOf(db, columns, urn), await readNames(db, project, urn)) };
  });
  const classes = await withDuckDB({}, async (db) => {
    await db.run(`attach ${quote(warehouse)} as warehouse (read_only)`);
    await db.run(`attach ${quote(file)} as extract (storage_version 'v1.5.0')`);
    await db.run("create schema extract.champion");
    await writePupils(db, pupils);
    for (const [table, names] of columns) await db.run(copyOf(table, names, urn));
    await db.run(`
      create table extract.champion.${NAMES_TABLE} as
      select count(*)::integer as pupils, (count(*) filter (not is_named))::integer as pupils_without_name
      from numbered`);
    const classes = await classesIn(db, columns);
    await db.run("detach extract");
    return classes;
  });
  await chmod(file, 0o600);
  return {
    tables: [...columns.keys(), NAMES_TABLE].sort(),
    ofPupils: Array.from(columns).flatMap(([table, names]) => (names.includes(PUPIL) ? table : [])),
    pupils: pupils.map(({ surname, forename }) => ({ surname, forename })),
    classes,
  };
}

// --- internal ---

const SCHOOL = "school_urn";
const PUPIL = "pupil_key";
const CLASS = "registration_group";

interface Numbered extends Person {
  pupil_key: string;
  pupil: number;
  is_named: boolean;
}

/** The columns of each table of the champion's, in their order. */
async function columnsOf(db: DuckDBConnection): Promise<Map<string, string[]>> {
  const found = await rows(
    db,
    `select table_name, column_name
    from information_schema.columns
    where table_schema = 'champion'
    order by table_name, ordinal_position`,
  );
  const columns = new Map<string, string[]>();
  for (const { table_name, column_name } of found) {
    columns.set(String(table_name), [...(columns.get(String(table_name)) ?? []), String(column_name)]);
  }
  return columns;
}

function holdToSchool(columns: Map<string, string[]>): void {
  if (columns.size === 0) {
    throw new RollbookError('The warehouse has no table for a champion: build it again with "rollbook build"');
  }
  const own = [NAMES_TABLE, "pupil", "surname", "forename"];
  for (const [table, names] of columns) {
    if (!names.includes(SCHOOL)) {
      throw new RollbookError(`champion.${table} has no column ${SCHOOL}: nobody can say whose its rows are. Add it`);
    }
    const taken = [table === NAMES_TABLE ? table : undefined, ...names].find((name) => name && own.includes(name));
    if (taken) {
      throw new RollbookError(`champion.${table} may not have the name ${taken}: the extract of a school makes it`);
    }
  }
}

async function keysOf(db: DuckDBConnection, columns: Map<string, string[]>, urn: number): Promise<string[]> {
  const ofPupils = Array.from(columns).filter(([, names]) => names.includes(PUPIL));
  if (ofPupils.length === 0) return [];
  const found = await rows(
    db,
    ofPupils.map(([table]) => `select ${PUPIL} from champion.${table} where ${SCHOOL} = ${urn}`).join(" union "),
  );
  return found.flatMap(({ pupil_key }) => (pupil_key === null ? [] : String(pupil_key)));
}

/** The pupils in the order of their names, those without one last. */
function numbered(keys: string[], names: PupilName[]): Numbered[] {
  const known = new Map(names.map((name) => [name.pupil_key, name]));
  const { compare } = new Intl.Collator("en-GB");
  return keys
    .map((pupil_key) => {
      const { surname, forename } = known.get(pupil_key) ?? { surname: null, forename: null };
      const is_named = surname !== null || forename !== null;
      return { pupil_key, is_named, surname: surname ?? "", forename: forename ?? "" };
    })
    .sort(
      (a, b) =>
        Number(b.is_named) - Number(a.is_named) ||
        compare(a.surname || a.forename, b.surname || b.forename) ||
        compare(a.forename, b.forename) ||
        (a.pupil_key < b.pupil_key ? -1 : 1),
    )
    .map((pupil, at) => ({ ...pupil, pupil: at + 1, surname: pupil.is_named ? pupil.surname : `Pupil ${at + 1}` }));
}

/** The pupils and their numbers, in memory: neither a file nor what is left of one may hold both key and name. */
async function writePupils(db: DuckDBConnection, pupils: Numbered[]): Promise<void> {
  await db.run(
    "create temp table numbered (pupil_key varchar, pupil integer, surname varchar, forename varchar, is_named boolean)",
  );
  const appender = await db.createAppender("numbered", "main", "temp");
  for (const { pupil_key, pupil, surname, forename, is_named } of pupils) {
    appender.appendVarchar(pupil_key);
    appender.appendInteger(pupil);
    appender.appendVarchar(surname);
    appender.appendVarchar(forename);
    appender.appendBoolean(is_named);
    appender.endRow();
  }
  appender.closeSync();
}

function copyOf(table: string, names: string[], urn: number): string {
  const selected = names
    .filter((name) => name !== SCHOOL)
    .map((name) => (name === PUPIL ? "numbered.pupil, numbered.surname, numbered.forename" : `stored."${name}"`));
  return `
    create table extract.champion.${table} as
    select ${selected.join(", ")}
    from warehouse.champion.${table} as stored
    ${names.includes(PUPIL) ? `left join numbered on stored.${PUPIL} = numbered.pupil_key` : ""}
    where stored.${SCHOOL} = ${urn}
    order by all`;
}

async function classesIn(db: DuckDBConnection, columns: Map<string, string[]>): Promise<string[]> {
  const tables = Array.from(columns).filter(([, names]) => names.includes(CLASS));
  if (tables.length === 0) return [];
  const found = await rows(
    db,
    tables.map(([table]) => `select ${CLASS} from extract.champion.${table}`).join(" union "),
  );
  return found.flatMap((row) => (row[CLASS] === null ? [] : String(row[CLASS])));
}
