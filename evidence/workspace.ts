import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";

/** The kinds of site: the board's, and that of one school's attendance champion. */
export type SiteKind = "board" | "champion";

/** This repository, wherever it is installed. */
export const ROOT = path.join(import.meta.dirname, "..");
/** A folder of pages for each kind of site, and the components that draw them. */
export const PAGES = path.join(ROOT, "pages");
/** What Evidence, SvelteKit and Vite read from the top of the folder they work in. */
const SETTINGS = [
  "app.html",
  "bundle.js",
  "charts.js",
  "evidence.config.yaml",
  "nothing.svelte",
  "static",
  "svelte.config.js",
  "vite.config.js",
];

/**
 * Makes the folder that Evidence works in, anew: it keeps pages and data of earlier builds, and would publish them.
 *
 * Only what belongs to this kind of site is put there: no page, source or table of the other.
 *
 * @param folder whatever is in it goes; only its owner can read it
 * @param pages a folder with the pages of each kind of site, and their components
 */
export async function makeWorkspace(folder: string, kind: SiteKind, pages: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });

  await cp(path.join(pages, kind), path.join(folder, "pages"), { recursive: true });
  await cp(path.join(pages, "components"), path.join(folder, "components"), { recursive: true });
  await cp(path.join(ROOT, "evidence", "theme"), path.join(folder, "pages"), { recursive: true });
  await cp(path.join(ROOT, "sources", kind), path.join(folder, "sources", kind), { recursive: true });
  for (const name of SETTINGS) {
    await cp(path.join(ROOT, "evidence", name), path.join(folder, name), { recursive: true });
  }

  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"), "junction");
  // Svelte's plugin for Vite learns from the dependencies which packages it has to compile
  const { dependencies } = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8"));
  const project = { name: kind, private: true, type: "module", dependencies };
  await writeFile(path.join(folder, "package.json"), JSON.stringify(project));
}

/** Has a workspace publish tables of a database in full: found there, not listed by hand, so that none is forgotten. */
export async function addSources(folder: string, kind: SiteKind, tables: string[]): Promise<void> {
  for (const table of tables) {
    await writeFile(path.join(folder, "sources", kind, `${table}.sql`), `select * from ${kind}.${table}\n`);
  }
}

/** The tables that the board's sources publish: one for each SQL file. */
export async function boardTables(): Promise<Record<string, string[]>> {
  const files = await readdir(path.join(ROOT, "sources", "board"));
  return { board: files.filter((file) => file.endsWith(".sql")).map((file) => path.basename(file, ".sql")) };
}

/**
 * The addresses of the pages of a site. A page with `[school]` in its path stands for one page of each school.
 *
 * @param pages a folder with the pages of each kind of site
 */
export async function pageAddresses(pages: string, kind: SiteKind, schools: number[]): Promise<string[]> {
  const files = await readdir(path.join(pages, kind), { recursive: true });
  return files
    .filter((file) => file.endsWith(".md"))
    .map(
      (file) =>
        `/${file
          .replaceAll(path.sep, "/")
          .replace(/(^|\/)index\.md$/, "$1")
          .replace(/\.md$/, "/")}`,
    )
    .flatMap((page) =>
      page.includes("[school]") ? schools.map((urn) => page.replace("[school]", String(urn))) : page,
    );
}
