import fs from "node:fs";
import path from "node:path";
import { withDuckDB } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";

/**
 * Does the work if no other run is at work on the same data; otherwise says who is.
 *
 * The lock is the system's own, on a database file that holds nothing: it ends with the process that holds it, however
 * that ends, so that no lock is ever left behind.
 */
export async function alone<T>(data: string, work: () => Promise<T>): Promise<T> {
  fs.mkdirSync(data, { recursive: true, mode: 0o700 });
  let isHeld = false;
  try {
    return await withDuckDB({ path: path.join(data, "lock.duckdb") }, () => {
      isHeld = true;
      return work();
    });
  } catch (error) {
    if (isHeld || !(error instanceof Error)) throw error;
    const holder = error.message.match(/PID (\d+)/)?.[1];
    if (!holder) throw error;
    throw new RollbookError(
      `Another run is at work on ${data} (process ${holder}): wait until it has ended, then try again. Nothing was changed.`,
    );
  }
}
