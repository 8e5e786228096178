import fs from "node:fs";
import * as z from "zod";
import type { RegisterFile } from "./drop_folder.ts";

const Seen = z.record(z.string(), z.strictObject({ stamp: z.string(), sha256: z.string().length(64) }));

/** What each file of the drop folder was when it was last read: its stamp and the SHA-256 of its bytes. */
export type Seen = z.infer<typeof Seen>;

/** A file changed so shortly before it was read may change again within one tick of the clock. */
const TICK_MS = 2_000;

/** Reads what was seen; a file that is damaged or missing only means that every file is read again. */
export function readSeen(file: string): Seen {
  try {
    return Seen.parse(JSON.parse(fs.readFileSync(file, "utf8")));
  } catch {
    return {};
  }
}

/**
 * Remembers the files that are in the drop folder now, but those that changed only just now. Where it cannot, they are
 * read again the next time: what was loaded stays loaded.
 */
export function writeSeen(file: string, seen: Seen, drop: RegisterFile[], now: Date): void {
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
    fs.writeFileSync(draft, JSON.stringify(kept), { mode: 0o600 });
    fs.renameSync(draft, file);
  } catch {
    fs.rmSync(draft, { force: true });
  }
}
