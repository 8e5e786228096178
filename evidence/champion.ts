import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { readNames } from "../ingest/names.ts";
import type { Project } from "../ingest/project.ts";
import { type Extract, makeExtract } from "./extract.ts";
import { findFaults } from "./gate.ts";
import { codeMeanings, writeList } from "./lists.ts";
import { readLogo } from "./logo.ts";
import type { Wanted } from "./scanner.ts";
import { publish, type Rendered } from "./site.ts";
import { type Everybody, everybodyAt, findStrangers } from "./strangers.ts";
import { addSources, makeWorkspace, PAGES, pageAddresses } from "./workspace.ts";

export interface ChampionOptions {
  project: Project;
  /** The DuckDB file with the champion's tables; it is only read. */
  warehouse: string;
  /** The school, by its URN. */
  urn: number;
  /** A folder for Evidence to work in. It is emptied first; of what is in it only the log stays. */
  workspace: string;
  /** A folder in which the programs of sites are kept from one build to the next. */
  bundles: string;
  log: (line: string) => void;
  /** A folder of pages to build instead of the project's own: one of each kind of site, and their components. */
  pages?: string;
  /** The keys of all pupils and other identifiers that no file of the site may hold. */
  forbidden: Wanted;
  /** Whoever is at the schools of the trust ({@link readEverybody}). */
  everybody: Everybody;
}

/** The folder of one school's champion's site. */
export function championSite({ site }: Pick<Project, "site">, urn: number): string {
  return path.join(site, `champion-${urn}`);
}

/** The schools whose champion has a site, by URN. */
export async function championSites({ site }: Pick<Project, "site">): Promise<number[]> {
  const names = existsSync(site) ? await readdir(site) : [];
  return names.flatMap((name) => (/^champion-\d{6}$/.test(name) ? Number(name.slice(9)) : [])).sort();
}

/**
 * Builds the site of one school's attendance champion and puts it in place of the last one, if nothing is wrong with it.
 *
 * It names pupils: the site and everything that it is made from can be read by the owner alone, and what Evidence worked
 * on goes when it is done. Every table with pupils is also a file in `lists`. Before the site is put in place every byte
 * of it is searched for pupils and names of the trust's other schools, for keys and for UPNs. Takes about a minute and needs
 * no network.
 *
 * @throws {RollbookError} naming the step that failed and where the full log is
 */
export async function renderChampionSite(options: ChampionOptions): Promise<Rendered> {
  const { project, warehouse, urn, workspace, bundles, log } = options;
  const source = options.pages ?? PAGES;
  if (!project.schools.some((school) => school.urn === urn)) {
    throw new RollbookError(`No school of the trust has the URN ${urn}`);
  }
  const logo = await readLogo(project);
  try {
    await makeWorkspace(workspace, "champion", source);
    log("Taking out what is of this school");
    const database = path.join(workspace, "extract.duckdb");
    const extract = await makeExtract({ project, warehouse, urn, file: database });
    await addSources(workspace, "champion", extract.tables);
    await writeLists(database, extract, warehouse, path.join(workspace, "static", "lists"));
    const pages = await pageAddresses(source, "champion", []);
    const faultsIn = async (built: string, said: string) => {
      log("Checking every page and file");
      return championFaults(built, said, { ...options, pages, extract });
    };
    const site = championSite(project, urn);
    const name = "champion's site";
    return await publish({
      kind: "champion",
      name,
      database,
      workspace,
      bundles,
      site,
      pages,
      logo,
      log,
      faultsIn,
      isPrivate: true,
    });
  } finally {
    await keepLogOnly(workspace);
  }
}

/**
 * Everything that is wrong with a built champion's site; nothing if it may be put in place. A fault names a page or file and
 * never quotes what stands there.
 *
 * @param built the folder with its pages
 * @param said what Evidence printed
 */
export async function championFaults(
  built: string,
  said: string,
  {
    project,
    urn,
    forbidden,
    everybody,
    pages,
    extract,
  }: Pick<ChampionOptions, "project" | "urn" | "forbidden" | "everybody"> & {
    /** The addresses of all its pages. */
    pages: string[];
    extract: Extract;
  },
): Promise<string[]> {
  const { tables, pupils, classes } = extract;
  const names = pupils.flatMap(({ surname, forename }) => [surname, forename]);
  const faults = await findFaults(built, { pages, tables: { champion: tables }, log: said, forbidden, names });
  const own = project.schools.flatMap((school) => (school.urn === urn ? school.name : []));
  const found = await findStrangers(built, everybody, { urn, pupils, words: [project.trust, ...own, ...classes] });
  return [
    ...faults,
    ...found.map(({ file, count }) => `${file} tells of other schools in ${count} ${count === 1 ? "place" : "places"}`),
  ];
}

/** The trust's schools, and all pupils of whom a name is known at these and any others whose registers were ever read. */
export async function readEverybody(project: Project, warehouse: string): Promise<Everybody> {
  const pupils = await withDuckDB({ path: warehouse, readOnly: true }, async (db) => {
    const read = await rows(db, "select distinct school_urn from raw.pupils where school_urn is not null");
    const urns = new Set([
      ...project.schools.map(({ urn }) => urn),
      ...read.map(({ school_urn }) => Number(school_urn)),
    ]);
    return await readNames(db, project, ...urns);
  });
  return everybodyAt(
    project.schools,
    pupils.map(({ school_urn, surname, forename }) => ({
      school_urn,
      surname: surname ?? "",
      forename: forename ?? "",
    })),
  );
}

// --- internal ---

/** Lists lie where Evidence takes files from as they are, before pages are built: a page that leads to none is an error. */
async function writeLists(database: string, { ofPupils }: Extract, warehouse: string, folder: string): Promise<void> {
  const codes = await codeMeanings(warehouse);
  await mkdir(folder, { recursive: true });
  for (const table of ofPupils) {
    await writeList(database, `champion.${table}`, path.join(folder, `${table}.csv`), codes);
  }
}

async function keepLogOnly(workspace: string): Promise<void> {
  if (!existsSync(workspace)) return;
  for (const name of await readdir(workspace)) {
    if (name !== "evidence.log") await rm(path.join(workspace, name), { recursive: true, force: true });
  }
}
