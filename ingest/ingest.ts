import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { readRules } from "../models/rules.ts";
import { holdToLines, readCsv, readHeader } from "./csv.ts";
import { dfeFigures } from "./dfe_figures.ts";
import { rows, withDuckDB } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { RegisterFormat } from "./format.ts";
import { dataFolders, partsOf, writeParts } from "./lake.ts";
import { commitRun, type Load, readLedger } from "./ledger.ts";
import { alone } from "./lock.ts";
import { marks } from "./marks.ts";
import type { Project } from "./project.ts";
import { checkOf, pupilSecret } from "./pupil_keys.ts";
import { pupils } from "./pupils.ts";

/** Every kind of file that is read. A file is of the first kind whose columns it has. */
const FORMATS: readonly RegisterFormat[] = [marks, pupils, dfeFigures];

export interface IngestEffects {
  log: (line: string) => void;
  now: () => Date;
}

export interface IngestResult {
  /** The files that this run loaded. */
  loads: Load[];
  /** How many files of the drop folder were loaded by an earlier run. */
  unchanged: number;
}

/**
 * Takes what is new in the drop folder into the lake: every file, or none when any cannot be used.
 *
 * The same bytes are never loaded twice, and nothing that was loaded is ever changed.
 */
export async function ingest(project: Project, effects: IngestEffects): Promise<IngestResult> {
  const names = registerFiles(project.registers);
  makeWritable(project.data);
  return alone(project.data, () => takeIn(project, names, effects));
}

// --- internal ---

async function takeIn(project: Project, names: string[], { log, now }: IngestEffects): Promise<IngestResult> {
  const folders = dataFolders(project);
  const loaded = readLedger(folders.ledger);

  const staging = path.join(folders.work, "ingest");
  fs.rmSync(staging, { recursive: true, force: true });
  fs.mkdirSync(staging, { recursive: true, mode: 0o700 });
  try {
    const fresh: { name: string; file: string; sha256: string }[] = [];
    const isKnown = knownFiles(loaded);
    for (const name of names) {
      const file = path.join(project.registers, name);
      if (isKnown(name, await hash(file), fresh)) continue;
      // read from a copy, so that what is loaded is what was hashed and is kept
      const copy = path.join(staging, `${fresh.length}.landing`);
      const sha256 = await land(file, copy);
      if (!isKnown(name, sha256, fresh)) fresh.push({ name, file: copy, sha256 });
    }
    const unchanged = names.length - fresh.length;
    if (fresh.length === 0) return { loads: [], unchanged };

    const loads = await withDuckDB({ spillTo: path.join(staging, "spill") }, async (db) => {
      await readRules(db, "temp", ["register_codes", "dfe_columns"]);
      const secret = pupilSecret(project.data, loaded.at(-1)?.key_check);
      const run: Load[] = [];
      const refusals: string[] = [];
      for (const { name, file, sha256 } of fresh) {
        log(`reading ${name}`);
        const loadNumber = loaded.length + run.length + 1;
        const before = (table: string) => [
          ...partsOf(table, loaded, folders.lake),
          ...partsOf(table, run, path.join(staging, "lake")),
        ];
        try {
          const load = await loadFile(db, { name, file, loadNumber, project, secret, before, staging, now });
          run.push({ ...load, sha256, key_check: checkOf(secret) });
        } catch (error) {
          if (!(error instanceof RollbookError)) throw error;
          refusals.push(error.message);
        }
      }
      if (refusals.length > 0) throw new RollbookError([...refusals, "Nothing was loaded."].join("\n"));
      return run;
    });
    fs.mkdirSync(folders.landing, { recursive: true, mode: 0o700 });
    for (const { file, sha256 } of fresh) fs.renameSync(file, path.join(folders.landing, sha256));
    for (const { file } of loads.flatMap((load) => load.parts)) {
      const target = path.join(folders.lake, file);
      fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
      fs.renameSync(path.join(staging, "lake", file), target);
    }
    commitRun(folders.ledger, loads);
    return { loads, unchanged };
  } finally {
    fs.rmSync(staging, { recursive: true, force: true });
  }
}

/** The files of the drop folder, by path within it. What begins with a dot or with ~$ is a program's own. */
function registerFiles(folder: string): string[] {
  const names = fs.existsSync(folder)
    ? fs.readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
        const name = path.relative(folder, path.join(entry.parentPath, entry.name));
        const isFile = entry.isFile() || (entry.isSymbolicLink() && fs.statSync(path.join(folder, name)).isFile());
        return isFile && !/(^|[\\/])(\.|~\$)/.test(name) ? [name.replaceAll("\\", "/")] : [];
      })
    : [];
  if (names.length === 0) {
    throw new RollbookError(
      `No register files in ${folder}: put the schools' CSV exports there, or name another folder as "registers" in rollbook.yaml`,
    );
  }
  return names.sort();
}

function makeWritable(folder: string): void {
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    fs.accessSync(folder, fs.constants.W_OK);
    const probe = path.join(folder, `.writable-${process.pid}`);
    fs.writeFileSync(probe, "");
    fs.rmSync(probe);
  } catch {
    throw new RollbookError(
      `Cannot write to ${folder}: give yourself the right to write there, or name another folder as "data" in rollbook.yaml`,
    );
  }
}

/**
 * Whether a file of this name and these bytes says nothing new. The same bytes do when the file has held others since:
 * then the register was put back to what it was.
 */
function knownFiles(loaded: Load[]): (name: string, sha256: string, fresh: { sha256: string }[]) => boolean {
  const seen = new Set(loaded.map((load) => load.sha256));
  const lastOf = new Map(loaded.map((load) => [load.file, load.sha256]));
  return (name, sha256, fresh) =>
    (seen.has(sha256) && (lastOf.get(name) ?? sha256) === sha256) || fresh.some((file) => file.sha256 === sha256);
}

async function hash(file: string): Promise<string> {
  const sha256 = createHash("sha256");
  await pipeline(fs.createReadStream(file, { highWaterMark: 1 << 20 }), sha256);
  return sha256.digest("hex");
}

/** Copies a register file and gives the SHA-256 of the copy. */
async function land(file: string, copy: string): Promise<string> {
  await fs.promises.copyFile(file, copy, fs.constants.COPYFILE_FICLONE);
  await fs.promises.chmod(copy, 0o600);
  return hash(copy);
}

function recognise(name: string, columns: string[] | null): RegisterFormat {
  const format = columns && FORMATS.find((candidate) => candidate.lacks(columns).length === 0);
  if (format) return format;
  // what stands in the first row is not repeated: without a header it is a pupil's
  const nearest = FORMATS.map((candidate) => ({ candidate, lacks: candidate.lacks(columns ?? []) }))
    .filter(({ candidate, lacks }) => lacks.length * 2 <= candidate.required.length)
    .sort((a, b) => a.lacks.length - b.lacks.length)[0];
  if (nearest) {
    throw new RollbookError(
      `${name}, row 1: expected the columns of ${nearest.candidate.title}, but ${nearest.lacks.join(", ")} is not there; export the file with it`,
    );
  }
  const kinds = FORMATS.map(({ title, required }) => `${title} (${required.join(", ")})`).join(", ");
  throw new RollbookError(
    `${name}, row 1: expected a CSV header with the columns of one of: ${kinds}; export the file as CSV with its header, or take it out of the drop folder`,
  );
}

interface FileToLoad {
  name: string;
  file: string;
  loadNumber: number;
  project: Project;
  secret: Buffer;
  before: (table: string) => string[];
  staging: string;
  now: () => Date;
}

async function loadFile(db: DuckDBConnection, options: FileToLoad): Promise<Omit<Load, "sha256" | "key_check">> {
  const { name, file, loadNumber, project, secret, staging } = options;
  const columns = readHeader(file);
  const format = recognise(name, columns);
  for (const claimants of format.rivals(columns ?? [])) {
    throw new RollbookError(
      `${name}, row 1: expected one column to choose from, found ${claimants.join(" and ")}; export the file with the one that counts`,
    );
  }
  const loadedAt = options.now().toISOString();
  await readCsv(db, file, name, columns ?? []);
  await holdToLines(db, file, name, columns ?? []);
  await format.load({
    db,
    project,
    name,
    columns: columns ?? [],
    loadNumber,
    loadedAt,
    secret,
    before: options.before(format.table),
  });
  const [counts] = await rows(
    db,
    `select
      (select count(*) from arrived)::integer as read,
      (select count(distinct row_number) from accepted)::integer as accepted,
      (select count(*) from set_aside where rule <> 'duplicate')::integer as quarantined,
      (select count(*) from set_aside where rule = 'duplicate')::integer as duplicate`,
  );
  const [read, accepted, quarantined, duplicate] = Object.values(counts ?? {}).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  if (read === 0) throw new RollbookError(`${name}: expected rows below the header, found none; export the file again`);
  if (accepted + quarantined + duplicate !== read) {
    throw new Error(
      `${name}: ${accepted} accepted, ${quarantined} quarantined and ${duplicate} duplicate rows are not the ${read} read`,
    );
  }
  const lake = path.join(staging, "lake");
  const parts: Load["parts"] = [];
  if (accepted > 0) {
    const { table, partitions } = format;
    const written = await writeParts(db, { folder: lake, table, partitions, loadNumber });
    parts.push(...written.map((part) => ({ table, file: part })));
  }
  if (quarantined > 0) {
    await db.run(`
      create or replace temp table accepted as
      select school_urn, rule, ${loadNumber} as load_number, row_number::integer as row_number
      from set_aside where rule <> 'duplicate'`);
    const table = "quarantine";
    const written = await writeParts(db, { folder: lake, table, partitions: ["school_urn"], loadNumber });
    parts.push(...written.map((part) => ({ table, file: part })));
  }
  return {
    load_number: loadNumber,
    file: name,
    format: format.table,
    loaded_at: loadedAt,
    rows_read: read,
    rows_accepted: accepted,
    rows_quarantined: quarantined,
    rows_duplicate: duplicate,
    parts,
  };
}
