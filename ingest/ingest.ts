import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { readRules } from "../models/rules.ts";
import type { Arrival, Coverage, Taken } from "./arrival.ts";
import { claimBytes, claimNumber } from "./claims.ts";
import { dropFolder, filesOfSchools, type RegisterFile } from "./drop_folder.ts";
import { quote, rows, withDuckDB } from "./duckdb.ts";
import { diskFull, RollbookError } from "./errors.ts";
import { strikeForgotten } from "./forget.ts";
import { forgottenPupils } from "./forgotten.ts";
import { dataFolders, partsOf, sweepLeftovers, writeParts } from "./lake.ts";
import { commitRun, type Load, readLedger } from "./ledger.ts";
import { readLoadLimits } from "./load_limits.ts";
import { alone, beside } from "./lock.ts";
import { type OpenedFile, openRegister } from "./open_register.ts";
import { looksPartial, sharesPupils } from "./partial.ts";
import { type Project, schoolYearsOf } from "./project.ts";
import { checkOf, hasPupilSecret, pupilSecret } from "./pupil_keys.ts";
import { readSeen, writeSeen } from "./seen.ts";
import { land } from "./text.ts";

export interface IngestEffects {
  log: (line: string) => void;
  now: () => Date;
}

export interface IngestOptions {
  /** Take in files that look partial, too. */
  accept?: boolean;
  /**
   * Take in only what lies in the folders of these schools, by URN, as a worker beside those of other schools. What is not
   * of these schools alone is left for a run without this.
   */
  schools?: number[];
}

/** A file that was not taken in, since it has far fewer rows than the last one that told of the same. */
export interface HeldFile {
  file: string;
  rows: number;
  rows_before: number;
}

export interface IngestResult {
  /** The files that this run loaded. */
  loads: Load[];
  /** How many files of the drop folder were loaded by an earlier run. */
  unchanged: number;
  held: HeldFile[];
  /** New files that a worker saw and left, since they are not of its schools alone, by name. */
  left: string[];
}

/**
 * Takes what is new in the drop folder into the lake: every file, or none when any cannot be used. A file that looks
 * partial is left for a person to decide on.
 *
 * The same bytes are never loaded twice, and nothing that was loaded is ever changed.
 */
export async function ingest(
  project: Project,
  effects: IngestEffects,
  options: IngestOptions = {},
): Promise<IngestResult> {
  const drop = dropFolder(project);
  const schools = options.schools && [...new Set(options.schools)].sort((a, b) => a - b);
  const own = schools ? filesOfSchools(drop, schools, project.registers) : drop;
  const { data } = project;
  const folders = dataFolders(project);
  makeWritable(data);
  const secret = {
    isMade: () => hasPupilSecret(data),
    make: () => void pupilSecret(data, readLedger(folders.ledger).at(-1)?.key_check),
  };
  const locked = (work: () => Promise<IngestResult>) =>
    schools ? beside(data, schools, secret, work) : alone(data, work);
  try {
    return await locked(async () => {
      const loaded = readLedger(folders.ledger);
      if (!schools) sweepLeftovers(folders, loaded);
      const staging = path.join(folders.work, "ingest", ...(schools ? [String(schools[0])] : []));
      fs.rmSync(staging, { recursive: true, force: true });
      fs.mkdirSync(staging, { recursive: true, mode: 0o700 });
      try {
        return await takeIn({ project, drop, own, schools, loaded, staging, effects, options });
      } finally {
        fs.rmSync(staging, { recursive: true, force: true });
      }
    });
  } catch (error) {
    throw diskFull(error, project.data, "Nothing was loaded") ?? error;
  }
}

// --- internal ---

interface Run {
  project: Project;
  drop: RegisterFile[];
  /** The files that are this run's to take in. */
  own: RegisterFile[];
  /** The schools that a worker is for; a run without them is alone. */
  schools: number[] | undefined;
  loaded: Load[];
  staging: string;
  effects: IngestEffects;
  options: IngestOptions;
}

type Fresh = OpenedFile & { sha256: string; landing: string };

async function takeIn({ project, drop, own, schools, loaded, staging, effects, options }: Run): Promise<IngestResult> {
  const { log } = effects;
  const folders = dataFolders(project);
  const limits = readLoadLimits();
  const seen = readSeen(folders, schools);
  const isKnown = knownFiles(loaded);
  const isUnchanged = ({ name, stamp }: RegisterFile) =>
    seen[name]?.stamp === stamp && isKnown(name, seen[name].sha256, fresh);

  const refusals: string[] = [];
  const fresh: Fresh[] = [];
  const left: string[] = schools
    ? drop.filter((file) => file.folderUrn === null && !isUnchanged(file)).map(({ name }) => name)
    : [];
  let unchanged = 0;
  for (const file of own) {
    if (isUnchanged(file)) {
      unchanged++;
      continue;
    }
    log(`opening ${file.name}`);
    const landing = path.join(staging, `${fresh.length}.landing`);
    try {
      // read from a copy, so that what is loaded is what was hashed and is kept
      const landed = await land(file.path, landing, file.name, limits);
      seen[file.name] = { stamp: file.stamp, sha256: landed.sha256 };
      const isNew = !isKnown(file.name, landed.sha256, fresh);
      const opened = isNew && (await openRegister({ file, landed, landing, staging: `${landing}.open`, limits }));
      if (!opened) unchanged++;
      else if (schools && !isOurs(opened, landed.sha256, folders.claims)) {
        left.push(file.name);
        fs.rmSync(`${landing}.open`, { recursive: true, force: true });
      } else fresh.push({ ...opened, sha256: landed.sha256, landing });
    } catch (error) {
      refusals.push(messageOf(error));
    }
  }
  const run: Load[] = [];
  const held: HeldFile[] = [];
  if (fresh.length > 0) {
    await withDuckDB({ spillTo: path.join(staging, "spill") }, async (db) => {
      await prepare(db, project, effects.now().toISOString());
      const secret = pupilSecret(project.data, loaded.at(-1)?.key_check);
      const forgotten = forgottenPupils(project.data);
      // what says what marks mean comes before the marks
      const order = ({ format }: Fresh) => (format.readings.some(({ table }) => table === "mark_codes") ? 0 : 1);
      let last = loaded.at(-1)?.load_number ?? 0;
      let unused: number | null = null;
      for (const file of fresh.toSorted((a, b) => order(a) - order(b))) {
        log(`reading ${file.name}`);
        const loadNumber: number = unused ?? (schools ? claimNumber(folders.claims, last) : last + 1);
        last = loadNumber;
        unused = loadNumber;
        const before = (table: string) => [
          ...partsOf(table, loaded, folders.lake),
          ...partsOf(table, run, path.join(staging, "lake")),
        ];
        const arrival = { db, project, limits, secret, forgotten, loadNumber, before };
        try {
          const load = await loadFile(file, { ...arrival, loadedAt: effects.now().toISOString() }, staging);
          const last = file.isPage ? null : looksPartial(load, [...loaded, ...run], limits);
          const told = (load: Counted, root: string) =>
            ["marks", "pupils"].flatMap((table) => partsOf(table, [load], root));
          const isPartial =
            last !== null &&
            !options.accept &&
            (await sharesPupils(
              db,
              told(load, path.join(staging, "lake")),
              told(last, run.includes(last) ? path.join(staging, "lake") : folders.lake),
            ));
          if (isPartial) {
            held.push({ file: file.name, rows: load.rows_read, rows_before: last.rows_read });
            fs.rmSync(file.landing);
          } else {
            const rows_forgotten = await strikeForgotten(project, file, staging);
            const { sha256, encoding } = file;
            run.push({ ...load, rows_forgotten, sha256, encoding, key_check: checkOf(secret) });
            unused = null;
          }
        } catch (error) {
          refusals.push(messageOf(error));
        }
      }
    });
  }
  if (refusals.length > 0) throw new RollbookError([...refusals, "Nothing was loaded."].join("\n"));
  if (run.length > 0) publish(project, staging, fresh, run);
  for (const { file } of held) delete seen[file];
  writeSeen(folders, schools, seen, own, effects.now());
  return { loads: run, unchanged, held, left };
}

/** Whether a worker may take in a file of its schools' folders: it is a school's own, and no other worker has its bytes. */
function isOurs({ format, folderUrn }: OpenedFile, sha256: string, claims: string): boolean {
  return !format.isNational && folderUrn !== null && claimBytes(claims, sha256, folderUrn);
}

/** Moves what was made into its place. The ledger's entry comes last: without it nothing was loaded. */
function publish(project: Project, staging: string, fresh: Fresh[], run: Load[]): void {
  const folders = dataFolders(project);
  fs.mkdirSync(folders.landing, { recursive: true, mode: 0o700 });
  for (const { landing, sha256 } of fresh) {
    if (run.some((load) => load.sha256 === sha256)) fs.renameSync(landing, path.join(folders.landing, sha256));
  }
  for (const { file } of run.flatMap((load) => load.parts)) {
    const target = path.join(folders.lake, file);
    fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
    fs.renameSync(path.join(staging, "lake", file), target);
  }
  commitRun(folders.ledger, run);
}

/** Makes the rules that rows are held to, and lists of the names that may stand in them: quick to look up, small to hold. */
async function prepare(db: DuckDBConnection, project: Project, on: string): Promise<void> {
  await readRules(db, "temp", ["register_codes", "dfe_columns"]);
  const codes = await rows(db, "select distinct code from register_codes order by code");
  const lists = {
    session_name: ["AM", "PM"],
    register_code: codes.map(({ code }) => String(code)),
    school_year_name: schoolYearsOf(project, on).map((year) => year.replace("/", "-")),
  };
  for (const [name, values] of Object.entries(lists)) {
    await db.run(`create type ${name} as enum (${values.map(quote).join(", ")})`);
  }
  await db.run(`
    create temp table trust_schools as
    select unnest([${project.schools.map(({ urn }) => urn).join(", ")}]) as school_urn`);
}

type Counted = Omit<Load, "sha256" | "encoding" | "key_check">;

/** Takes every sheet of a file in and holds the counts to each other: no row may be lost between reading and writing. */
async function loadFile(file: Fresh, known: Omit<Arrival, "name" | "folderUrn">, staging: string): Promise<Counted> {
  const { db, loadNumber, loadedAt } = known;
  const arrival: Arrival = { ...known, name: file.name, folderUrn: file.folderUrn };
  const lake = path.join(staging, "lake");
  const parts: Load["parts"] = [];
  const total = { read: 0, accepted: 0, quarantined: 0, duplicate: 0 };
  const coverages: Coverage[] = [];
  let part = 0;
  const write = async (made: Taken["parts"][number]) => {
    const label = `load-${String(loadNumber).padStart(8, "0")}-${part++}`;
    const written = await writeParts(db, { ...made, folder: lake, label });
    parts.push(...written);
    return written.reduce((sum, { rows }) => sum + rows, 0);
  };
  for (const take of file.takes) {
    const taken: Taken = await take(arrival);
    const [aside] = await rows(
      db,
      `select
        count(*) filter (where rule <> 'duplicate')::integer as quarantined,
        count(*) filter (where rule = 'duplicate')::integer as duplicate
      from set_aside`,
    );
    const quarantined = Number(aside?.quarantined);
    const duplicate = Number(aside?.duplicate);
    let accepted = 0;
    for (const [i, made] of taken.parts.entries()) {
      const written = await write(made);
      if (i === 0) accepted = taken.accepted ?? written;
    }
    if (accepted + quarantined + duplicate !== taken.read) {
      throw new Error(
        `${file.name}: ${accepted} accepted, ${quarantined} quarantined and ${duplicate} duplicate rows are not the ${taken.read} read`,
      );
    }
    for (const [table, from, where] of [
      ["quarantine", "set_aside", "rule <> 'duplicate'"],
      ["doubts", "doubted", "true"],
    ] as const) {
      const noted = `(select coalesce(school_urn, 0) as school_urn, rule, ${loadNumber} as load_number, row_number::integer as row_number from ${from} where ${where})`;
      const [some] = await rows(db, `select count(*)::integer as rows from ${noted}`);
      if (Number(some?.rows) > 0) await write({ table, from: noted, partitions: ["school_urn"] });
    }
    total.read += taken.read;
    total.accepted += accepted;
    total.quarantined += quarantined;
    total.duplicate += duplicate;
    coverages.push(taken.coverage);
  }
  if (total.read === 0) {
    throw new RollbookError(`${file.name}: expected rows below the header, found none; export the file again`);
  }
  if (total.read > known.limits.file_rows) {
    throw new RollbookError(`${file.name}: expected at most ${known.limits.file_rows} rows; export it in parts`);
  }
  return {
    load_number: loadNumber,
    file: file.name,
    format: file.format.name,
    loaded_at: loadedAt,
    ...together(coverages),
    rows_read: total.read,
    rows_accepted: total.accepted,
    rows_quarantined: total.quarantined,
    rows_duplicate: total.duplicate,
    parts,
    rows_forgotten: 0,
  };
}

function together(coverages: Coverage[]): Coverage {
  const sorted = (of: (coverage: Coverage) => string | null) =>
    coverages
      .map(of)
      .filter((value) => value !== null)
      .sort();
  return {
    schools: [...new Set(coverages.flatMap((coverage) => coverage.schools))].sort((a, b) => a - b),
    first_day: sorted((coverage) => coverage.first_day)[0] ?? null,
    last_day: sorted((coverage) => coverage.last_day).at(-1) ?? null,
    first_change: sorted((coverage) => coverage.first_change)[0] ?? null,
    last_change: sorted((coverage) => coverage.last_change).at(-1) ?? null,
  };
}

/** The reason why a file was refused; what is no refusal but a fault of ours is thrown on. */
function messageOf(error: unknown): string {
  if (!(error instanceof RollbookError)) throw error;
  return error.message;
}

function makeWritable(folder: string): void {
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    fs.accessSync(folder, fs.constants.W_OK);
    const probe = path.join(folder, `.writable-${process.pid}`);
    fs.writeFileSync(probe, "");
    fs.rmSync(probe);
  } catch (error) {
    const full = diskFull(error, folder, "Nothing was loaded");
    if (full) throw full;
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
