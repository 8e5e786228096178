import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { ROOT, type SiteKind } from "./workspace.ts";

/** What a workspace holds that the programs of a site do not depend on. */
const DATA = ["sources", "static", "extract.duckdb", "evidence.log", ".evidence", "node_modules"];
/** What they are made of besides the workspace. */
const CODE = ["package-lock.json", "evidence/universal-sql"];

/**
 * The folder in which the programs of a site are kept from one build to the next (`bundle.js`): another one as soon as a
 * page, a component, a setting or a dependency is changed. Those of before go.
 *
 * They are the same for any data, so they hold nothing of a pupil or a school.
 *
 * @param folder where programs are kept, of every kind of site
 * @param workspace as `makeWorkspace` made it
 */
export async function keptBundle(folder: string, workspace: string, kind: SiteKind): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(workspace)).sort()) {
    if (!DATA.includes(name)) await add(hash, workspace, name);
  }
  for (const name of CODE) await add(hash, ROOT, name);
  hash.update(process.version);
  const kept = `${kind}-${hash.digest("hex").slice(0, 16)}`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    if (name.startsWith(`${kind}-`) && !name.startsWith(kept)) await rm(path.join(folder, name), { recursive: true });
  }
  return path.join(folder, kept);
}

// --- internal ---

/** Adds the names and bytes of a file, or of all files below a folder. */
async function add(hash: ReturnType<typeof createHash>, base: string, name: string): Promise<void> {
  const entries = await readdir(path.join(base, name), { withFileTypes: true }).catch(() => null);
  if (entries) {
    for (const entry of entries.map(({ name }) => name).sort()) await add(hash, base, path.join(name, entry));
  } else {
    const bytes = await readFile(path.join(base, name));
    hash.update(`${name.replaceAll(path.sep, "/")}\0${bytes.length}\0`).update(bytes);
  }
}
