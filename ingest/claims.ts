import fs from "node:fs";
import path from "node:path";

/**
 * What ingest workers of different schools have each taken for themselves: empty files, made in a single step that only
 * one can do. A claim outlives its worker, so that what was given out is not given again to one that started before: only
 * a run that is alone may remove claims (`sweepLeftovers`).
 */

/**
 * Claims the next load number, which is nobody else's.
 *
 * @param last the last number of the ledger, or the last that the same run claimed
 */
export function claimNumber(claims: string, last: number): number {
  fs.mkdirSync(claims, { recursive: true, mode: 0o700 });
  for (let number = last + 1; ; number++) if (claim(path.join(claims, String(number)))) return number;
}

/**
 * Claims a file's bytes for a school, so that the same bytes are not loaded from the folders of two schools at once.
 *
 * @returns whether no other school has claimed them. Two that claim at the same moment may both be refused
 */
export function claimBytes(claims: string, sha256: string, urn: number): boolean {
  const folder = path.join(claims, sha256);
  const own = path.join(folder, String(urn));
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  claim(own);
  if (fs.readdirSync(folder).length === 1) return true;
  fs.rmSync(own);
  return false;
}

// --- internal ---

/** Makes an empty file, and gives whether it was not there. */
function claim(file: string): boolean {
  try {
    fs.closeSync(fs.openSync(file, "wx", 0o600));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}
