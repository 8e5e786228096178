import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";

/** This repository, wherever it is installed. */
const ROOT = path.join(import.meta.dirname, "..");
export const PAGES = path.join(ROOT, "pages");
/** What Evidence, SvelteKit and Vite read from the top of the folder they work in. */
const SETTINGS = [
  "app.html",
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
 * @param folder whatever is in it goes
 * @param pages a folder of pages, with their components
 */
export async function makeWorkspace(folder: string, pages: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });

  await cp(pages, path.join(folder, "pages"), { recursive: true });
  await rename(path.join(folder, "pages", "components"), path.join(folder, "components"));
  await cp(path.join(ROOT, "evidence", "theme"), path.join(folder, "pages"), { recursive: true });
  await cp(path.join(ROOT, "sources"), path.join(folder, "sources"), { recursive: true });
  for (const name of SETTINGS) {
    await cp(path.join(ROOT, "evidence", name), path.join(folder, name), { recursive: true });
  }

  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"), "junction");
  // Svelte's plugin for Vite learns from the dependencies which packages it has to compile
  const { dependencies } = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8"));
  const project = { name: "board", private: true, type: "module", dependencies };
  await writeFile(path.join(folder, "package.json"), JSON.stringify(project));
}

/** The tables that the sources publish, by source: one for each SQL file. */
export async function sourceTables(): Promise<Record<string, string[]>> {
  const tables: Record<string, string[]> = {};
  for (const source of await readdir(path.join(ROOT, "sources"))) {
    const files = await readdir(path.join(ROOT, "sources", source));
    tables[source] = files.filter((file) => file.endsWith(".sql")).map((file) => path.basename(file, ".sql"));
  }
  return tables;
}

/** The addresses of the pages in a folder. A page with `[school]` in its path stands for one page of each school. */
export async function pageAddresses(pages: string, schools: number[]): Promise<string[]> {
  const files = await readdir(pages, { recursive: true });
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
