import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { appendFile, chmod, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import path from "node:path";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { auditSite, unauditedTables } from "./audit_site.ts";
import { keptBundle } from "./bundles.ts";
import { findFaults } from "./gate.ts";
import { writeHosting } from "./hosting.ts";
import { type Logo, placeLogo } from "./logo.ts";
import { recoverSite, replaceSite } from "./placement.ts";
import { wordIndex } from "./scanner.ts";
import { boardTables, makeWorkspace, PAGES, pageAddresses, type SiteKind } from "./workspace.ts";

const EVIDENCE = path.join(import.meta.dirname, "..", "node_modules", "@evidence-dev", "evidence", "cli.js");
/** Does for kept programs what Evidence does with those that it makes. */
const RENDER = path.join(import.meta.dirname, "render.js");
/** Where, in a workspace, Evidence works: with what is published as it is, the tables among it. */
const TEMPLATE = path.join(".evidence", "template");

export interface RenderOptions {
  /** The DuckDB file with the marts; it is only read. */
  warehouse: string;
  /** A folder for Evidence to work in. It is emptied first, and keeps the log. */
  workspace: string;
  /** A folder in which the programs of sites are kept from one build to the next. */
  bundles: string;
  /** The file that says what passed the audit the last time ({@link auditSite}); without it everything is audited. */
  audited?: string;
  /** The folder that the site is put into, once it has passed the gate. */
  site: string;
  log: (line: string) => void;
  /** Stands on every page. */
  logo?: Logo | undefined;
  /** A folder of pages to build instead of the project's own: one of each kind of site, and their components. */
  pages?: string;
  /** Names, UPNs and other identifiers that no file of the site may hold. */
  forbidden?: Iterable<string>;
}

/** How large a site came out: its pages, and the bytes of all its files. */
export interface Rendered {
  pages: number;
  bytes: number;
}

/**
 * Builds the board site from a warehouse and puts it in place of the last one, if nothing is wrong with it.
 *
 * Takes about a minute, or a quarter of that while pages and code are what they were; needs no network. The last site stays as it is until then, and for good if the new one fails.
 *
 * @throws {RollbookError} naming the step that failed and where the full log is
 */
export async function renderSite(options: RenderOptions): Promise<Rendered> {
  const { warehouse, workspace, bundles, site, log } = options;
  const source = options.pages ?? PAGES;
  await refuseSmallSchools(warehouse);
  const pages = await pageAddresses(source, "board", await schoolUrns(warehouse));
  await makeWorkspace(workspace, "board", source);
  const faultsInTables = async (tables: string) => {
    log("Looking for small groups that the figures give away");
    return (await auditSite(tables, warehouse, () => performance.now(), options.audited)).faults;
  };
  const faultsIn = async (built: string, said: string, tables: string) => {
    log("Checking every page and file");
    const faults = await findFaults(built, {
      pages,
      tables: await boardTables(),
      log: said,
      forbidden: wordIndex(options.forbidden ?? []),
    });
    return [...faults, ...(await unauditedTables(built, tables))];
  };
  return publish({
    kind: "board",
    name: "board site",
    database: warehouse,
    workspace,
    bundles,
    site,
    pages,
    logo: options.logo,
    log,
    faultsInTables,
    faultsIn,
  });
}

/** A site to build, and what it is held to before it is put in place. */
export interface Publication {
  kind: SiteKind;
  /** What messages call it: `board site`. */
  name: string;
  /** The DuckDB file that the sources read. */
  database: string;
  /** A folder that {@link makeWorkspace} made; it keeps the log. */
  workspace: string;
  /** A folder in which the programs of sites are kept from one build to the next. */
  bundles: string;
  /** The folder that the site is put into; what web servers need to know of it goes into one beside it. */
  site: string;
  /** The addresses of all its pages. */
  pages: string[];
  /** Stands on every page. */
  logo: Logo | undefined;
  log: (line: string) => void;
  /** Everything that is wrong with the tables that pages are made from, given the folder that has them in `data`. */
  faultsInTables?: (tables: string) => Promise<string[]>;
  /** Everything else that is wrong with the built site, given its folder, what Evidence printed, and those tables. */
  faultsIn: (built: string, said: string, tables: string) => Promise<string[]>;
  /** Whether only its owner may read the site. */
  isPrivate?: boolean;
}

/**
 * Builds a site and puts it in place of the last one, if nothing is wrong with it, together with what web servers need to
 * know of it. Tables are looked at while the pages are made from them.
 *
 * @throws {RollbookError} naming the step that failed and where the full log is
 */
export async function publish(publication: Publication): Promise<Rendered> {
  const { kind, name, workspace, site, pages, log, isPrivate = false } = publication;
  await recoverSite(site);
  const logFile = path.join(workspace, "evidence.log");
  const bundle = path.resolve(await keptBundle(publication.bundles, workspace, kind));
  const built = path.join(workspace, "build");
  const tables = path.join(workspace, TEMPLATE, "static");
  const env = await environment(publication, bundle);
  const begin = (step: string, program: string[], folder = workspace): Promise<void> => {
    log(step);
    return startNode(program, { cwd: folder, env, logFile }).then((code) => {
      if (code === 0) return;
      throw new RollbookError(
        `The ${name} was not built: "${step}" failed. The last site is as it was. Full log: ${logFile}`,
      );
    });
  };

  try {
    await begin(`Reading the tables for the ${kind}`, [EVIDENCE, "sources", "--strict"]);
    const making = existsSync(bundle)
      ? begin("Building the pages", [RENDER, bundle], path.join(workspace, TEMPLATE))
      : begin("Building the pages", [EVIDENCE, "build:strict", `--config=${path.join("..", "..", "vite.config.js")}`]);
    // neither is left at work when the other one fails
    const [made, looked] = await Promise.allSettled([making, publication.faultsInTables?.(tables) ?? []]);
    if (made.status === "rejected") throw made.reason;
    if (looked.status === "rejected") throw looked.reason;
    if (publication.logo) await placeLogo(built, publication.logo);
    const faults = [...(await publication.faultsIn(built, await readFile(logFile, "utf8"), tables)), ...looked.value];
    if (faults.length > 0) {
      await appendFile(logFile, `\nNot published, because:\n${faults.map((fault) => `- ${fault}\n`).join("")}`);
      const more = faults.length > 1 ? `, and ${faults.length - 1} more` : "";
      throw new RollbookError(
        `The ${name} was not published: ${faults[0]}${more}. The last site is as it was. Full log: ${logFile}`,
      );
    }
  } catch (error) {
    // what is wrong may have been said when the programs were made, and would not be said again
    await rm(bundle, { recursive: true, force: true });
    throw error;
  }

  log("Putting the new site in place");
  const hosting = path.join(workspace, "hosting");
  await writeHosting(built, hosting, { isPrivate, log });
  if (isPrivate) for (const folder of [built, hosting]) await makePrivate(folder);
  await replaceSite({ site: built, hosting }, site);
  return { pages: pages.length, bytes: await size(site) };
}

// --- internal ---

/**
 * Until breakdowns can be withheld one by one, a school so small that its rates tell of single pupils stops the site:
 * leaving out its page alone would not help, since the trust less the other schools is that school.
 */
async function refuseSmallSchools(warehouse: string): Promise<void> {
  const small = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
    rows(
      db,
      `select distinct school_name, minimum_pupils
      from marts.school_attendance
      join marts.schools using (school_urn)
      cross join rules.disclosure
      where
        rule = 'a school on the board site'
        and period_type in ('year', 'year_to_date', 'to_half_term')
        and breakdown = 'all'
        and pupils < minimum_pupils
      order by all`,
    ),
  );
  const [school] = small;
  if (school) {
    throw new RollbookError(
      `${school.school_name} had fewer than ${school.minimum_pupils} pupils in a year that the board site shows, so its figures could be traced to single children and no site is made. Take the school out of rollbook.yaml`,
    );
  }
}

async function schoolUrns(warehouse: string): Promise<number[]> {
  if (!existsSync(warehouse)) {
    throw new RollbookError(`There is no warehouse at ${warehouse}. Build it with: rollbook build`);
  }
  const schools = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
    rows(db, "select school_urn from marts.schools order by school_urn"),
  );
  return schools.map(({ school_urn }) => Number(school_urn));
}

/**
 * Starts a program of Node, which writes to the log. It is under way when this returns, however busy this process is then.
 *
 * @returns its exit code, once it has ended
 */
function startNode(
  program: string[],
  { cwd, env, logFile }: { cwd: string; env: NodeJS.ProcessEnv; logFile: string },
): Promise<number | null> {
  const output = openSync(logFile, "a");
  try {
    const child = spawn(process.execPath, program, { cwd, env, stdio: ["ignore", output, output] });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", resolve);
    });
  } finally {
    closeSync(output);
  }
}

/** The caller's environment without what would change the site, and with nothing that would reach for a network. */
async function environment(
  { kind, database, workspace, pages }: Publication,
  bundle: string,
): Promise<NodeJS.ProcessEnv> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(EVIDENCE_|VITE|NODE_OPTIONS$)/i.test(name));
  return {
    ...Object.fromEntries(kept),
    // Evidence joins this to the folder of the source, as the system names it once links are followed
    [`EVIDENCE_SOURCE__${kind}__filename`]: path.relative(
      await realpath(path.join(workspace, "sources", kind)),
      await realpath(database),
    ),
    EVIDENCE_STRICT_MODE: "true",
    NODE_ENV: "production",
    NODE_OPTIONS: "--max-old-space-size=4096",
    ROLLBOOK_BUNDLE: bundle,
    ROLLBOOK_PAGES: JSON.stringify(pages),
    SEND_ANONYMOUS_USAGE_STATS: "no",
    npm_config_offline: "true",
    npm_config_update_notifier: "false",
  };
}

/** Leaves a folder and all that is in it to its owner alone. */
async function makePrivate(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await chmod(path.join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
  }
}

async function size(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(path.join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
