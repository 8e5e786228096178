import fs from "node:fs";
import path from "node:path";
import { withDuckDB } from "./duckdb.ts";
import { EXIT, RollbookError } from "./errors.ts";

/**
 * Does the work if no other run is at work on the same data; otherwise says who is.
 *
 * The lock is the system's own, on a database file that holds nothing: it ends with the process that holds it, however
 * that ends, so that no lock is ever left behind.
 */
export async function alone<T>(data: string, work: () => Promise<T>): Promise<T> {
  fs.mkdirSync(data, { recursive: true, mode: 0o700 });
  const file = path.join(data, "lock.duckdb");
  try {
    return await holding(file, data, work);
  } catch (error) {
    if (!(error instanceof DamagedLock)) throw error;
    // a full disk can cut the file short when it is made: whoever finds it so holds it, and may make it anew
    fs.rmSync(file, { force: true });
    return await holding(file, data, work);
  }
}

// --- internal ---

class DamagedLock extends Error {}

async function holding<T>(file: string, data: string, work: () => Promise<T>): Promise<T> {
  let isHeld = false;
  try {
    return await withDuckDB({ path: file }, () => {
      isHeld = true;
      return work();
    });
  } catch (error) {
    if (isHeld || !(error instanceof Error)) throw error;
    const holder = error.message.match(/PID (\d+)/)?.[1];
    if (holder) {
      throw new RollbookError(
        `Another run is at work on ${data} (process ${holder}): wait until it has ended, then try again. Nothing was changed.`,
        EXIT.busy,
      );
    }
    throw /Could not read enough bytes|not a valid DuckDB/.test(error.message) ? new DamagedLock() : error;
  }
}
