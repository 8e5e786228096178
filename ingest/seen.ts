import fs from "node:fs";
import path from "node:path";
import * as z from "zod";
import type { RegisterFile } from "./drop_folder.ts";

const Seen = z.record(z.string(), z.strictObject({ stamp: z.string(), sha256: z.string().length(64) }));

/** What each file of the drop folder was when it was last read: its stamp and the SHA-256 of its bytes. */
export type Seen = z.infer<typeof Seen>;

interface Places {
  /** The file of a run that is alone. */
  seen: string;
  /** The folder of the files of workers, one for each school, which a run that is alone puts together. */
  seenBySchool: string;
}

/** A file changed so shortly before it was read may change again within one tick of the clock. */
const TICK_MS = 2_000;

/**
 * Reads what was seen; a file that is damaged or missing only means that every file is read again.
 *
 * @param schools those that a worker is for; undefined for a run that is alone
 */
export function readSeen({ seen, seenBySchool }: Places, schools: readonly number[] | undefined): Seen {
  const all = () => (fs.existsSync(seenBySchool) ? fs.readdirSync(seenBySchool) : []);
  const later = schools ? schools.map(nameOf) : all();
  return Object.assign({}, ...[seen, ...later.map((name) => path.join(seenBySchool, name))].map(read));
}

/**
 * Remembers the files of the drop folder as they are now, but those that changed only just now. Where it cannot, they are
 * read again the next time: what was loaded stays loaded.
 *
 * @param drop the files that this run took in, or had taken in before
 */
export function writeSeen(
  { seen: file, seenBySchool }: Places,
  schools: readonly number[] | undefined,
  seen: Seen,
  drop: RegisterFile[],
  now: Date,
): void {
  if (!schools) {
    write(file, seen, drop, now);
    fs.rmSync(seenBySchool, { recursive: true, force: true });
  }
  for (const urn of schools ?? []) {
    const files = drop.filter(({ folderUrn }) => folderUrn === urn);
    write(path.join(seenBySchool, nameOf(urn)), seen, files, now);
  }
}

// --- internal ---

function nameOf(urn: number): string {
  return `${urn}.json`;
}

function read(file: string): Seen {
  try {
    return Seen.parse(JSON.parse(fs.readFileSync(file, "utf8")));
  } catch {
    return {};
  }
}

function write(file: string, seen: Seen, drop: RegisterFile[], now: Date): void {
  const settled = drop.filter(({ path }) => {
    const stats = fs.statSync(path, { throwIfNoEntry: false });
    return stats !== undefined && now.getTime() - Math.max(stats.mtimeMs, stats.ctimeMs) > TICK_MS;
  });
  const kept = Object.fromEntries(
    settled.flatMap(({ name }) => {
      const entry = seen[name];
      return entry ? [[name, entry]] : [];
    }),
  );
  if (fs.existsSync(file) && fs.readFileSync(file, "utf8") === JSON.stringify(kept)) return;
  const draft = `${file}.draft`;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    fs.writeFileSync(draft, JSON.stringify(kept), { mode: 0o600 });
    fs.renameSync(draft, file);
  } catch {
    fs.rmSync(draft, { force: true });
  }
}
