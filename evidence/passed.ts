import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import type { Known } from "./shown.ts";
import { ROOT } from "./workspace.ts";

/**
 * A fingerprint of all that the search for small groups goes by at one moment: another one as soon as a figure, a pupil's
 * combination of statuses or the limit is another. It is a hash, from which nothing of a pupil can be told.
 */
export function fingerprint(
  { point, families, schools, counts, shown, ruledOut }: Known,
  minimumPupils: number,
): string {
  const hash = createHash("sha256");
  add(hash, [point, families, schools, counts, shown, ruledOut, minimumPupils]);
  return hash.digest("hex");
}

/**
 * The fingerprints of moments at which nothing was found, as the last audit left them; none if the program that audits is
 * another one since, or they cannot be read.
 */
export async function readPassed(file: string): Promise<Set<string>> {
  const text = await readFile(file, "utf8").catch(() => "{}");
  const kept = Kept.safeParse(parsed(text));
  return new Set(kept.success && kept.data.program === (await program()) ? kept.data.passed : []);
}

/** Keeps fingerprints for the next audit, in place of those of before. */
export async function writePassed(file: string, passed: string[]): Promise<void> {
  await writeFile(file, JSON.stringify({ program: await program(), passed }), { mode: 0o600 });
}

// --- internal ---

const Kept = z.object({ program: z.string(), passed: z.array(z.string()) });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A hash of everything that an audit is done with. */
async function program(): Promise<string> {
  const hash = createHash("sha256").update(process.version);
  const files = (await readdir(import.meta.dirname)).filter((file) => file.endsWith(".ts")).sort();
  for (const file of files) add(hash, [file, await readFile(path.join(import.meta.dirname, file), "utf8")]);
  add(hash, await readFile(path.join(ROOT, "package-lock.json"), "utf8"));
  return hash.digest("hex");
}

/** Adds a value with its kind and length, so that no two values are added alike. */
function add(hash: ReturnType<typeof createHash>, value: unknown): void {
  if (value instanceof Uint8Array || value instanceof Float64Array) {
    hash.update(`${value.constructor.name} ${value.length}:`);
    hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else if (Array.isArray(value) || value instanceof Map || value instanceof Set) {
    const items = Array.from<unknown>(value);
    hash.update(`${value.constructor.name} ${items.length}:`);
    for (const item of items) add(hash, item);
  } else if (typeof value === "object" && value !== null) {
    add(hash, Object.entries(value));
  } else {
    // JSON writes an endless number as null
    const text = typeof value === "string" ? value : String(value);
    hash.update(`${typeof value} ${text.length}:`).update(text);
  }
}
