import fs from "node:fs";
import path from "node:path";
import * as z from "zod";
import { RollbookError } from "./errors.ts";

const Forgotten = z.array(z.strictObject({ pupil_key: z.string(), forgotten_at: z.iso.datetime() }));

/** The keys of pupils who were forgotten, whose rows are never taken in again. A key cannot be turned into a UPN. */
export function forgottenPupils(data: string): ReadonlySet<string> {
  return new Set(readForgotten(data).map(({ pupil_key }) => pupil_key));
}

/** Adds pupils to those who were forgotten. */
export function rememberForgotten(data: string, keys: string[], now: Date): void {
  const known = readForgotten(data);
  const added = keys
    .filter((key) => !known.some(({ pupil_key }) => pupil_key === key))
    .map((pupil_key) => ({ pupil_key, forgotten_at: now.toISOString() }));
  const file = fileOf(data);
  fs.writeFileSync(`${file}.draft`, `${JSON.stringify([...known, ...added], null, 1)}\n`, { mode: 0o600 });
  fs.renameSync(`${file}.draft`, file);
}

// --- internal ---

function fileOf(data: string): string {
  return path.join(data, "forgotten.json");
}

function readForgotten(data: string): z.infer<typeof Forgotten> {
  const file = fileOf(data);
  if (!fs.existsSync(file)) return [];
  try {
    return Forgotten.parse(JSON.parse(fs.readFileSync(file, "utf8")));
  } catch {
    throw new RollbookError(
      `${file} cannot be read: bring it back from a backup. Without it, pupils who were forgotten would come back with the next file`,
    );
  }
}
