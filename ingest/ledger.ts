import fs from "node:fs";
import path from "node:path";
import * as z from "zod";
import { RollbookError } from "./errors.ts";

const count = z.int().nonnegative();

const Load = z.strictObject({
  /**
   * It stands in the load's rows and in the names of its files, so that it is given before the file is read. Of one school,
   * and of what a run that was alone loaded, a later load has a higher number. Of loads that workers made of different
   * schools at once, one with a lower number may have come later; nothing is built or frozen meanwhile, so that nothing
   * comes later before the last load that a warehouse knows. Numbers of runs that were stopped may be missing.
   */
  load_number: z.int().positive(),
  /** SHA-256 of the file's bytes: the same bytes are never loaded twice. */
  sha256: z.string().length(64),
  /** The file's path within the drop folder, as it was when it arrived. */
  file: z.string(),
  format: z.string(),
  /** How its bytes were read: anything but UTF-8 is worth a look when a name comes out wrong. */
  encoding: z.string(),
  loaded_at: z.iso.datetime(),
  /** What it tells of: schools by URN, first and last day, first and last time of change. */
  schools: z.array(z.int()),
  first_day: z.iso.date().nullable(),
  last_day: z.iso.date().nullable(),
  first_change: z.string().nullable(),
  last_change: z.string().nullable(),
  /** Statements: the file's rows, and each mark of a mark string. */
  rows_read: count,
  rows_accepted: count,
  rows_quarantined: count,
  rows_duplicate: count,
  /** What the secret of the pupil keys is known by: rows keyed with another would not meet. */
  key_check: z.string(),
  /** What the load put into the lake: table, Parquet file relative to the lake, and its rows. */
  parts: z.array(z.strictObject({ table: z.string(), file: z.string(), rows: count })),
  /** Records that were struck out of the landed file and of the lake afterwards, since a pupil was forgotten. */
  rows_forgotten: count.default(0),
});

/** One file that was loaded. Accepted, quarantined and duplicate rows together are the rows read, always. */
export type Load = z.infer<typeof Load>;

/**
 * Every load there has been, in the order of their numbers.
 *
 * The ledger is a folder with one file a run. A run counts when its file is there; Parquet files that no run names
 * were left by a crash and are never read.
 */
export function readLedger(folder: string): Load[] {
  if (!fs.existsSync(folder)) return [];
  const runs = fs.readdirSync(folder).filter((name) => name.endsWith(".json"));
  const loads = runs.flatMap((name) => readRun(path.join(folder, name)));
  return loads.sort((a, b) => a.load_number - b.load_number);
}

function readRun(file: string): Load[] {
  try {
    return z.array(Load).parse(JSON.parse(fs.readFileSync(file, "utf8")));
  } catch {
    throw new RollbookError(
      `${file} cannot be read: bring it back from a backup. Without it, what it loaded cannot be accounted for`,
    );
  }
}

/** Writes one run into the ledger in a single step: after a crash it is there whole or not at all. */
export function commitRun(folder: string, loads: Load[]): void {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const first = Math.min(...loads.map((load) => load.load_number));
  const file = path.join(folder, `${String(first).padStart(8, "0")}.json`);
  const draft = `${file}.draft`;
  const handle = fs.openSync(draft, "w", 0o600);
  fs.writeSync(handle, `${JSON.stringify(z.array(Load).parse(loads), null, 1)}\n`);
  fs.fsyncSync(handle);
  fs.closeSync(handle);
  fs.renameSync(draft, file);
}

/**
 * Writes anew every run of which a load is changed, each in a single step.
 *
 * @param change gives a load as it is to be, with the number that it has
 */
export function rewriteRuns(folder: string, change: (load: Load) => Load): void {
  for (const name of fs.readdirSync(folder).filter((file) => file.endsWith(".json"))) {
    const before = readRun(path.join(folder, name));
    const after = before.map(change);
    if (JSON.stringify(after) !== JSON.stringify(before)) commitRun(folder, after);
  }
}
