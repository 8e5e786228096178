import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { settle } from "../models/identities.ts";
import { quote, rows, withDuckDB } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import { forgottenPupils, rememberForgotten } from "./forgotten.ts";
import { dataFolders, partsOf, sweepLeftovers } from "./lake.ts";
import { type Load, readLedger, rewriteRuns } from "./ledger.ts";
import { alone } from "./lock.ts";
import type { Project } from "./project.ts";
import { isUpn, plainUpn, pupilKey, pupilSecret } from "./pupil_keys.ts";
import {
  type Erasure,
  flush,
  listOf,
  mentions,
  newErasure,
  type Struck,
  strike,
  UPN_IN_SQL,
  withoutForgotten,
} from "./strike.ts";

export interface ForgetEffects {
  log: (line: string) => void;
  now: () => Date;
}

/** The tables of the lake whose rows are about pupils, with the columns that hold a pupil's key. */
export const PUPIL_TABLES: Readonly<Record<string, readonly string[]>> = {
  pupil_ids: ["id_key", "pupil_key"],
  marks: ["pupil_key"],
  pupils: ["pupil_key"],
  pupil_statuses: ["pupil_key"],
  enrolments: ["pupil_key"],
  interventions: ["pupil_key"],
  names: ["pupil_key"],
};

/** What was taken out, and what is not ours to take. */
export interface Forgotten {
  /** Landed files that records were struck out of. */
  files: number;
  /** Records struck out of them. */
  records: number;
  /** Rows taken out of the lake. */
  rows: number;
  /** Files of the drop folder that still hold the pupil's UPN, or cannot be read; UPNs in their names are left out. */
  stillInDropFolder: string[];
}

/**
 * Takes a pupil out of the landed files, the lake, every warehouse and every site, under every id and former UPN that the
 * lake knows. Rows that come later are set aside. What was built is removed: building and rendering again is the caller's.
 *
 * A run that was stopped at any moment leaves a lake that can be read, and the next one finishes its work. Pupils who were
 * forgotten before are looked for once more.
 *
 * @param upn as anybody may write it
 */
export async function forget(project: Project, upn: string, effects: ForgetEffects): Promise<Forgotten> {
  const plain = plainUpn(upn);
  if (!isUpn(plain)) {
    throw new RollbookError(
      "Expected the UPN of the pupil to forget: a letter, eleven digits, and a digit or letter. Nothing was changed",
    );
  }
  return alone(project.data, async () => {
    const work = path.join(dataFolders(project).work, "forget");
    fs.rmSync(work, { recursive: true, force: true });
    fs.mkdirSync(work, { recursive: true, mode: 0o700 });
    try {
      return await forgetAlone(project, plain, work, effects);
    } finally {
      fs.rmSync(work, { recursive: true, force: true });
    }
  });
}

/**
 * Strikes the records of pupils who were forgotten out of a file that was only just landed, before it is kept.
 *
 * @param file where its landed copy is, and what the drop folder calls it
 * @param staging a folder for what is needed meanwhile
 * @returns how many records were struck
 */
export async function strikeForgotten(
  project: Project,
  file: { landing: string; name: string; folderUrn: number | null },
  staging: string,
): Promise<number> {
  const keys = forgottenPupils(project.data);
  if (keys.size === 0) return 0;
  const erasure = newErasure(keys, pupilSecret(project.data));
  return withDuckDB({ spillTo: path.join(staging, "forget.spill") }, async (db) => {
    const struck = await strike({ ...file, db, project, erasure, staging: `${file.landing}.forget` });
    if (!struck) return 0;
    fs.renameSync(struck.draft, file.landing);
    return struck.records;
  });
}

// --- internal ---

const PIECE_BYTES = 1_048_576;
const UPN_LENGTH = 13;

type Folders = ReturnType<typeof dataFolders>;

/** The board's site and the champion's of each school, and what web servers know of them: in use, being rendered, and the last. */
const SITES = /^(board|champion-\d{6})(\.hosting)?(\.next|\.last)?$/;
/** Columns of free text, in which a row about one pupil may name another. */
const FREE_TEXTS: readonly string[] = ["reason", "changed_by", "changed_by_position"];

async function forgetAlone(
  project: Project,
  upn: string,
  work: string,
  { log, now }: ForgetEffects,
): Promise<Forgotten> {
  const folders = dataFolders(project);
  const loads = readLedger(folders.ledger);
  if (loads.length === 0) throw neverLoaded();
  const secret = pupilSecret(project.data, loads.at(-1)?.key_check);
  finishStrikes(folders.landing, loads);
  const remembered = forgottenPupils(project.data);
  const { erasure, rewritten, drafts } = await withDuckDB({ spillTo: path.join(work, "spill") }, async (db) => {
    const own = await keysOf(db, pupilKey(upn, secret), partsOf("pupil_ids", loads, folders.lake));
    // whom a run that was stopped left behind is remembered, though the lake may no longer say by which ids
    const erasure = newErasure(new Set([...remembered, ...own]), secret);
    log("looking for the pupil in the lake");
    const parts = await findParts(db, loads, folders.lake, erasure);
    const drafts = await draftStruck({ db, project, loads, erasure, folders, work, log });
    if (!own.some((key) => remembered.has(key) || erasure.found.has(key))) throw neverLoaded();
    holdToLanding(parts, drafts, loads, folders);
    // from here on no row of the pupil is let in, whatever happens
    rememberForgotten(project.data, own, now());
    log("writing the lake without the pupil");
    const rewritten = new Map<string, Load["parts"][number] | null>();
    for (const part of parts) rewritten.set(part.file, await rewritePart(db, part, folders.lake, erasure));
    return { erasure, rewritten, drafts };
  });
  const struck = [...drafts].map(([sha256, { draft, records }]) => {
    const before = loads.findLast((load) => load.sha256 === sha256)?.rows_forgotten ?? 0;
    fs.renameSync(draft, path.join(folders.landing, `${sha256}.${before + records}.struck`));
    return records;
  });
  log("noting it in the ledger");
  rewriteRuns(folders.ledger, (load) => {
    const { records = 0 } = drafts.get(load.sha256) ?? {};
    const parts = load.parts.flatMap((part) => rewritten.get(part.file) ?? (rewritten.has(part.file) ? [] : [part]));
    const file = withoutForgotten(load.file, erasure);
    return { ...load, file, parts, rows_forgotten: load.rows_forgotten + records };
  });
  const told = readLedger(folders.ledger);
  log("removing what held the pupil");
  log("putting the struck files in place");
  finishStrikes(folders.landing, told);
  sweepLeftovers(folders, told);
  log("removing warehouses and sites");
  removeBuilt(project, folders, erasure);
  log("looking through the drop folder");
  const before = loads.reduce((sum, load) => sum + rowsIn(load), 0);
  return {
    files: struck.length,
    records: struck.reduce((sum, records) => sum + records, 0),
    rows: before - told.reduce((sum, load) => sum + rowsIn(load), 0),
    stillInDropFolder: await filesWith(project.registers, new Set([upn, ...erasure.upns]), erasure),
  };
}

function neverLoaded(): RollbookError {
  return new RollbookError(
    'No pupil with that UPN was ever loaded, and nothing was changed: compare it with the register; "rollbook status" lists what was loaded',
  );
}

function rowsIn({ parts }: Load): number {
  return parts.reduce((sum, part) => sum + part.rows, 0);
}

/** Every key that stands for the same pupil in the end, by what the lake says of ids and former UPNs. */
async function keysOf(db: DuckDBConnection, key: string, parts: string[]): Promise<string[]> {
  if (parts.length === 0) return [key];
  const claims = await rows(
    db,
    `select id_key, pupil_key, kind
    from read_parquet([${parts.map(quote).join(", ")}], hive_partitioning = true, union_by_name = true)
    where pupil_key is not null and pupil_key <> id_key
    group by all
    order by max(known_on), max(load_number)`,
  );
  const settled = settle(
    claims.map(({ id_key, pupil_key, kind }) => ({
      id_key: String(id_key),
      pupil_key: String(pupil_key),
      kind: String(kind),
    })),
  );
  const end = settled.get(key) ?? key;
  return [end, ...[...settled].flatMap(([id, pupil]) => (pupil === end ? [id] : []))];
}

// the lake

interface PartWithPupil {
  table: string;
  /** Relative to the lake. */
  file: string;
  /** Whether any of the pupil's rows came with a record of the landed file; a mark that was withdrawn did not. */
  isFromRecord: boolean;
}

/** The Parquet files that hold rows of the pupils, or name one of them in a free text. */
async function findParts(
  db: DuckDBConnection,
  loads: Load[],
  lake: string,
  erasure: Erasure,
): Promise<PartWithPupil[]> {
  const found: PartWithPupil[] = [];
  for (const [table, keyColumns] of Object.entries(PUPIL_TABLES)) {
    const files = partsOf(table, loads, lake);
    if (files.length === 0) continue;
    const relation = `read_parquet([${files.map(quote).join(", ")}], hive_partitioning = false, union_by_name = true, filename = true)`;
    for (const column of keyColumns) {
      const keys = await rows(
        db,
        `select distinct ${column} as key from ${relation} where ${isOneOf(column, erasure)}`,
      );
      for (const { key } of keys) erasure.hasKey(String(key));
    }
    const mentions: string[] = [];
    for (const column of await freeTextsOf(db, relation)) {
      mentions.push(await mentionsIn(db, column, relation, erasure));
    }
    const isOwn = keyColumns.map((column) => isOneOf(column, erasure)).join(" or ");
    const parts = await rows(
      db,
      `select filename, coalesce(bool_or((${isOwn}) and row_number is not null), false) as is_from_record
      from ${relation}
      where ${[isOwn, ...mentions].join(" or ")}
      group by filename
      order by filename`,
    );
    for (const { filename, is_from_record } of parts) {
      const file = path.relative(lake, String(filename)).replaceAll("\\", "/");
      found.push({ table, file, isFromRecord: is_from_record === true });
    }
  }
  return found;
}

/**
 * Writes a part without the pupils beside the one that is there.
 *
 * @returns the new part, or null when no row is left
 */
async function rewritePart(
  db: DuckDBConnection,
  { table, file }: PartWithPupil,
  lake: string,
  erasure: Erasure,
): Promise<Load["parts"][number] | null> {
  const relation = `read_parquet(${quote(path.join(lake, file))}, hive_partitioning = false)`;
  const emptied: string[] = [];
  for (const column of await freeTextsOf(db, relation)) {
    emptied.push(`if(${await mentionsIn(db, column, relation, erasure)}, null, ${column}) as ${column}`);
  }
  const isOwn = (PUPIL_TABLES[table] ?? []).map((column) => isOneOf(column, erasure)).join(" or ");
  // a name that no other part has: those of a run that was stopped are in no ledger and are written over
  const [, stem = file, revision = "0"] = file.match(/^(.*?)(?:\.r(\d+))?\.parquet$/) ?? [];
  const next = `${stem}.r${Number(revision) + 1}.parquet`;
  const target = path.join(lake, next);
  const [written] = await rows(
    db,
    `copy (
      select * ${emptied.length > 0 ? `replace (${emptied.join(", ")})` : ""}
      from ${relation}
      where not (${isOwn})
    ) to ${quote(target)} (format parquet, compression zstd)`,
  );
  const left = Number(written?.Count);
  if (left === 0) {
    fs.rmSync(target);
    return null;
  }
  fs.chmodSync(target, 0o600);
  flush(target);
  return { table, file: next, rows: left };
}

function isOneOf(column: string, { keys }: Erasure): string {
  return `coalesce(${column}, '') in (${[...keys].map(quote).join(", ")})`;
}

async function freeTextsOf(db: DuckDBConnection, relation: string): Promise<string[]> {
  const columns = await rows(db, `select column_name from (describe select * from ${relation})`);
  return columns.map(({ column_name }) => String(column_name)).filter((name) => FREE_TEXTS.includes(name));
}

/** SQL that is true where a text names one of the pupils by UPN. */
async function mentionsIn(db: DuckDBConnection, column: string, relation: string, erasure: Erasure): Promise<string> {
  const upns = `regexp_extract_all(${column}, ${quote(UPN_IN_SQL)})`;
  const found = await rows(db, `select distinct unnest(${upns}) as upn from ${relation}`);
  const forgotten = found.map(({ upn }) => String(upn)).filter((upn) => erasure.isForgotten(upn));
  return forgotten.length > 0 ? `coalesce(list_has_any(${upns}, ${listOf(forgotten)}), false)` : "false";
}

// landed files

/** Makes a struck copy of every landed file that tells of the pupils, by SHA-256. Nothing is changed yet. */
async function draftStruck({
  db,
  project,
  loads,
  erasure,
  folders,
  work,
  log,
}: {
  db: DuckDBConnection;
  project: Project;
  loads: Load[];
  erasure: Erasure;
  folders: Folders;
  work: string;
  log: (line: string) => void;
}): Promise<Map<string, Struck>> {
  const drafts = new Map<string, Struck>();
  const landed = [...new Map(loads.map((load) => [load.sha256, load])).values()];
  for (const [i, { sha256, file: name }] of landed.entries()) {
    const landing = path.join(folders.landing, sha256);
    if (!fs.existsSync(landing)) continue;
    log(`looking through landed file ${i + 1} of ${landed.length}`);
    const urns = project.schools.map(({ urn }) => String(urn));
    const folder = name.split("/").find((part) => urns.includes(part));
    const folderUrn = folder === undefined ? null : Number(folder);
    const staging = path.join(work, String(i));
    const struck = await strike({ landing, name, folderUrn, db, project, erasure, staging });
    if (struck) drafts.set(sha256, struck);
  }
  return drafts;
}

/** What the lake says of a pupil came from a record: if that is not found, what is struck is not all that there is. */
function holdToLanding(parts: PartWithPupil[], drafts: Map<string, Struck>, loads: Load[], folders: Folders): void {
  const told = new Set(parts.filter(({ isFromRecord }) => isFromRecord).map(({ file }) => file));
  for (const { parts, sha256, load_number } of loads) {
    const isTold = parts.some(({ file }) => told.has(file));
    if (!isTold || drafts.has(sha256) || !fs.existsSync(path.join(folders.landing, sha256))) continue;
    throw new RollbookError(
      `The records of load ${load_number} that tell of the pupil are not found in its landed file: state every school in rollbook.yaml as it was when the file was loaded, and try again. Nothing was changed`,
    );
  }
}

/**
 * Puts struck copies in place of the landed files that the ledger counts them for. Their names say how many records the
 * ledger has struck then; one that the ledger does not know of is left from a run that was stopped before it.
 */
function finishStrikes(landing: string, loads: Load[]): void {
  if (!fs.existsSync(landing)) return;
  for (const name of fs.readdirSync(landing)) {
    const [, sha256, total] = name.match(/^([0-9a-f]{64})\.(\d+)\.struck$/) ?? [];
    if (sha256 === undefined) continue;
    const file = path.join(landing, name);
    const load = loads.findLast((load) => load.sha256 === sha256);
    if (load?.rows_forgotten === Number(total)) fs.renameSync(file, path.join(landing, sha256));
    else fs.rmSync(file);
  }
}

// what was made of it

function removeBuilt({ site }: Project, { warehouse, work, seen, seenBySchool }: Folders, erasure: Erasure): void {
  // without its pointer no build is in use, whichever of them are still there
  fs.rmSync(path.join(warehouse, "current.json"), { force: true });
  fs.rmSync(warehouse, { recursive: true, force: true });
  for (const name of fs.existsSync(work) ? fs.readdirSync(work) : []) {
    // the lock of a fetch, which holds nothing, may be in use
    if (name !== "fetch") fs.rmSync(path.join(work, name), { recursive: true, force: true });
  }
  // the folder may hold what is not ours
  for (const name of fs.existsSync(site) ? fs.readdirSync(site) : []) {
    if (SITES.test(name)) fs.rmSync(path.join(site, name), { recursive: true, force: true });
  }
  // names of files, one of which may be the UPN: it is made again
  fs.rmSync(seenBySchool, { recursive: true, force: true });
  if (fs.existsSync(seen) && mentions(fs.readFileSync(seen, "utf8"), erasure)) fs.rmSync(seen);
}

/** The files below a folder that hold one of the UPNs, in any case and with any spaces, in UTF-8 or UTF-16. */
async function filesWith(folder: string, upns: ReadonlySet<string>, erasure: Erasure): Promise<string[]> {
  if (!fs.existsSync(folder)) return [];
  const found: string[] = [];
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(folder, file).replaceAll("\\", "/");
    if (entry.isDirectory()) continue;
    if (mentions(name, erasure) || (await mayHold(file, upns))) found.push(withoutForgotten(name, erasure));
  }
  return found.sort();
}

async function mayHold(file: string, upns: ReadonlySet<string>): Promise<boolean> {
  let tail = "";
  try {
    const pieces: AsyncIterable<Buffer> = fs.createReadStream(file, { highWaterMark: PIECE_BYTES });
    for await (const piece of pieces) {
      // without its NULs, UTF-16 of plain letters is the same bytes
      const plain =
        tail +
        piece
          .toString("latin1")
          .replace(/[\0\s]+/g, "")
          .toUpperCase();
      if ([...upns].some((upn) => plain.includes(upn))) return true;
      tail = plain.slice(1 - UPN_LENGTH);
    }
    return false;
  } catch {
    return true;
  }
}
