import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withDuckDB } from "./duckdb.ts";
import { EXIT, RollbookError } from "./errors.ts";

/**
 * Does the work if no other run is at work on the same data; otherwise says who is.
 *
 * The lock is the system's own, on a database file that holds nothing: it ends with the process that holds it, however
 * that ends, so that no lock is ever left behind.
 */
export async function alone<T>(data: string, work: () => Promise<T>): Promise<T> {
  try {
    return await exclusively(lockOf(data), work);
  } catch (error) {
    throw busy(error, data);
  }
}

/** What every run on a data folder shares, which the first one makes alone. */
interface Shared {
  isMade: () => boolean;
  make: () => void;
}

/**
 * Does the work on some schools if no other run is at work on any of them or on the data as a whole; otherwise says who
 * is. Runs that are at work on other schools go on beside it.
 *
 * @param schools by URN; their locks are taken in this order
 */
export async function beside<T>(
  data: string,
  schools: readonly number[],
  shared: Shared,
  work: () => Promise<T>,
): Promise<T> {
  const file = lockOf(data);
  const onSchools = schools.reduceRight((inner, urn) => () => ofSchool(data, urn, inner), work);
  let isUnready = false;
  for (let waits = 0; ; waits++) {
    try {
      if (isUnready || !fs.existsSync(file) || !shared.isMade()) {
        await exclusively(file, async () => shared.make());
      }
      return await holding(file, onSchools, { isShared: true });
    } catch (error) {
      isUnready = error instanceof Unready;
      // another that is about to work beside this one may just be making what all share
      if (waits === MOST_WAITS || !(isUnready || error instanceof Held)) throw busy(error, data);
      await sleep(WAIT_MS);
    }
  }
}

// --- internal ---

const WAIT_MS = 50;
const MOST_WAITS = 40;

/** Another process holds the lock. */
class Held extends Error {
  readonly holder: string;

  constructor(holder: string) {
    super(`held by process ${holder}`);
    this.holder = holder;
  }
}

/** The lock is no whole file: it is just being made, or a full disk cut it short when it was. */
class Unready extends Error {}

function lockOf(data: string): string {
  return path.join(data, "lock.duckdb");
}

async function ofSchool<T>(data: string, urn: number, work: () => Promise<T>): Promise<T> {
  try {
    return await exclusively(path.join(data, "locks", `${urn}.duckdb`), work);
  } catch (error) {
    throw busy(error, `the school ${urn} in ${data}`);
  }
}

function busy(error: unknown, what: string): unknown {
  if (!(error instanceof Held)) return error;
  return new RollbookError(
    `Another run is at work on ${what} (process ${error.holder}): wait until it has ended, then try again. Nothing was changed.`,
    EXIT.busy,
  );
}

async function exclusively<T>(file: string, work: () => Promise<T>): Promise<T> {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  for (let tries = 1; ; tries++) {
    try {
      return await holding(file, work, { isShared: false });
    } catch (error) {
      if (!(error instanceof Unready) || tries === 3) throw error;
      // one that stays unready was cut short: whoever finds it so holds it, and may make it anew
      if (tries === 2) fs.rmSync(file, { force: true });
      else await sleep(WAIT_MS);
    }
  }
}

/** Does the work while it holds a lock: alone, or together with others that share it. */
async function holding<T>(file: string, work: () => Promise<T>, { isShared }: { isShared: boolean }): Promise<T> {
  let isHeld = false;
  try {
    return await withDuckDB({ path: file, readOnly: isShared }, () => {
      isHeld = true;
      return work();
    });
  } catch (error) {
    if (isHeld || !(error instanceof Error)) throw error;
    const holder = error.message.match(/PID (\d+)/)?.[1];
    if (holder) throw new Held(holder);
    const isUnready = /Could not read enough bytes|not a valid DuckDB|database does not exist/.test(error.message);
    throw isUnready ? new Unready(error.message) : error;
  }
}
