import fs from "node:fs";
import path from "node:path";
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { Listr, type ListrTask, PRESET_TIMER } from "listr2";
import * as z from "zod";
import { championSite, championSites, renderChampionSite } from "../evidence/champion.ts";
import { readLogo } from "../evidence/logo.ts";
import { serveSite } from "../evidence/serve.ts";
import { renderSite } from "../evidence/site.ts";
import type { SiteKind } from "../evidence/workspace.ts";
import { EXIT, RollbookError } from "../ingest/errors.ts";
import { type Forgotten, forget } from "../ingest/forget.ts";
import { type IngestResult, ingest } from "../ingest/ingest.ts";
import { dataFolders } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { isProject, type Project, readProject, schoolYear } from "../ingest/project.ts";
import { buildWarehouse } from "../models/build.ts";
import { type Build, currentWarehouse, warehouseInUse } from "../models/warehouse.ts";
import { makeSample } from "../sample/sample.ts";
import { exportChampionTable, pupilKeysOf, schoolAsked, soughtIn } from "./champion.ts";
import { clusterOf, ENGINES, type EngineFlags } from "./cluster.ts";
import { explain, explanationText, type FigureRequest } from "./explain.ts";
import { EXPORT_FORMATS, type ExportFormat, exportTable } from "./export.ts";
import { fetchPages } from "./fetch.ts";
import { forgetSentence } from "./forget.ts";
import { freeze, freezeSentence, frozenSummary, listFrozen } from "./freeze.ts";
import { packOf } from "./pack.ts";
import { querySentence, registerQueries } from "./queries.ts";
import { heldSentence, ingestSentence, leftSentence, loadSummary, warehouseSummary } from "./summary.ts";

const PACKAGE = path.join(import.meta.dirname, "..", "package.json");
const DEFAULT_PORT = 3000;
/** As many as a laptop has processors for. */
const SITES_AT_A_TIME = 2;
const SAMPLE_DEFAULTS = { schools: 5, pupils: 3000, years: 3, seed: 1 };

/** Runs the command line. A failure prints one reason and leaves an exit code of `EXIT`. */
export async function main(argv: string[]): Promise<void> {
  // what is written from here on is pupils' data unless it says otherwise
  process.umask(0o077);
  try {
    await program().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.misused;
      return;
    }
    const exitCode = error instanceof RollbookError ? error.exitCode : EXIT.failed;
    if (argv.includes("--json") && error instanceof RollbookError) {
      console.log(JSON.stringify({ error: error.message, exit_code: exitCode }));
    } else console.error(error instanceof RollbookError ? error.message : error);
    process.exitCode = exitCode;
  }
}

// --- internal ---

interface FetchFlags {
  project: string;
  school?: string;
  updatedAfter?: string;
  sinceLast?: boolean;
  url?: string;
  json: boolean;
}

interface BuildFlags extends BuildStep {
  project: string;
  json: boolean;
}

/** What a build counts, and what it runs on. */
interface BuildStep extends Partial<EngineFlags> {
  knownAt?: number;
  asAt?: string;
  schoolYear?: string[];
}

/** Which site a command is about. */
interface SiteFlags {
  project: string;
  school?: number;
  /** Every school's. */
  all?: boolean;
}

type Step = (log: (line: string) => void) => Promise<void>;

function program(): Command {
  const { version, description } = JSON.parse(fs.readFileSync(PACKAGE, "utf8")) as {
    version: string;
    description: string;
  };
  const rollbook = new Command("rollbook")
    .description(description)
    .version(version)
    .showHelpAfterError()
    .exitOverride();

  rollbook
    .command("start")
    .description(
      "do everything: make a sample trust if there is no project, ingest, build, render the site and serve it",
    )
    .addOption(projectOption())
    .addOption(portOption())
    .option("--no-serve", "stop when the site is rendered")
    .action(async (options: { project: string; port: number; serve: boolean }) => start(options));

  rollbook
    .command("sample")
    .description("make an invented trust: a rollbook.yaml and register files as schools export them")
    .argument("<dir>", "the folder to make it in")
    .option("--schools <n>", "how many schools", whole, SAMPLE_DEFAULTS.schools)
    .option("--pupils <n>", "how many pupils on roll at a time", whole, SAMPLE_DEFAULTS.pupils)
    .option("--years <n>", "how many full school years before the current one", whole, SAMPLE_DEFAULTS.years)
    .option("--seed <n>", "the same seed gives the same files", whole, SAMPLE_DEFAULTS.seed)
    .action(async (dir: string, options: { schools: number; pupils: number; years: number; seed: number }) => {
      await steps([["Making the sample trust", (log) => sample(path.resolve(dir), options, log)]]);
    });

  rollbook
    .command("ingest")
    .description("take what is new in the drop folder into the lake, every file or none")
    .addOption(projectOption())
    .addOption(
      new Option(
        "--school <urn...>",
        "only the files in the folders of these schools, by URN; runs for other schools may work at the same time",
      ).argParser((urn: string, others: number[] = []) => [...others, whole(urn)]),
    )
    .option("--accept", "take in files that look partial, too", false)
    .addOption(jsonOption())
    .action(async (options: { project: string; school?: number[]; accept: boolean; json: boolean }) => {
      const { project, school: schools, accept, json } = options;
      const result = await ingestStep(project, { schools, accept, json });
      if (result.held.length > 0) process.exitCode = EXIT.held;
      if (json) console.log(JSON.stringify(result));
      else {
        if (result.loads.length > 0) console.log(loadSummary(result.loads));
        for (const held of result.held) console.log(heldSentence(held));
        if (result.left.length > 0) console.log(leftSentence(result.left));
        console.log(ingestSentence(result));
      }
    });

  rollbook
    .command("fetch")
    .description("bring the schools' pages from Wonde into the drop folder; the token is in WONDE_TOKEN")
    .addOption(projectOption())
    .option("--school <urn>", "one school only")
    .option("--updated-after <date>", "only what changed after this day or moment")
    .option("--since-last", "only what changed since the last fetch, and the day before it")
    .option("--url <url>", "where the API is, if not at its usual place")
    .addOption(jsonOption())
    .action(async (options: FetchFlags) => {
      const project = readProject(options.project);
      let fetched = { files: 0, records: 0, schools: 0 };
      await steps(
        [
          [
            "Fetching from Wonde",
            async (log) => {
              fetched = await fetchPages(project, options, { log, now: () => new Date(), env: process.env });
            },
          ],
        ],
        options.json,
      );
      console.log(
        options.json
          ? JSON.stringify(fetched)
          : `Fetched ${fetched.records.toLocaleString("en-GB")} records of ${fetched.schools} schools in ${fetched.files} files. Next: rollbook ingest`,
      );
    });

  rollbook
    .command("build")
    .description("build the warehouse from the lake and put it in use once it reads back whole")
    .addOption(projectOption())
    .option("--known-at <load>", "build what was known when that load had been made (see status)", whole)
    .option("--as-at <day>", "the last day that figures count, in place of the one in rollbook.yaml", isoDay)
    .addOption(
      new Option(
        "--school-year <year...>",
        "count the marks of these school years only; others' files are not read and no figure of theirs is made",
      ).argParser((year: string, others: string[] = []) => [...others, yearOfSchool(year)]),
    )
    .addOption(new Option("--engine <name>", "what runs the models").choices(ENGINES).default("duckdb"))
    .option("--server <url>", "where the coordinator of the Trino cluster answers")
    .addOption(jsonOption())
    .action(async ({ project, json, ...flags }: BuildFlags) => {
      const built = await buildStep(project, flags, json);
      console.log(json ? JSON.stringify(built) : warehouseSummary(built));
    });

  rollbook
    .command("site")
    .description(
      "render the board site from the warehouse, or the site of one school's attendance champion: it names pupils",
    )
    .addArgument(siteArgument())
    .addOption(schoolOption())
    .addOption(new Option("--all", "every school's champion").conflicts("school"))
    .addOption(projectOption())
    .action(async (kind: SiteKind, options: SiteFlags, command: Command) => {
      refuseSchoolOfBoard(kind, options, command);
      if (kind === "board") await siteStep(options.project);
      else if (options.all) await championsStep(options.project);
      else await championStep(options.project, options.school);
    });

  rollbook
    .command("serve")
    .description("serve a rendered site on this machine, to nobody else")
    .addArgument(siteArgument())
    .addOption(schoolOption())
    .addOption(projectOption())
    .addOption(portOption())
    .action(async (kind: SiteKind, options: SiteFlags & { port: number }, command: Command) => {
      refuseSchoolOfBoard(kind, options, command);
      if (kind === "champion") await serveChampion(options.project, options.school, options.port);
      else await serve(options.project, options.port);
    });

  rollbook
    .command("pack")
    .description("write the board pack of the trust or of one school from the rendered site: a PDF and one HTML file")
    .addOption(schoolOption())
    .option("--trust", "the trust's own pack", false)
    .option("--out <file>", "where to write it, without an ending (default: packs/<trust or URN> in the project)")
    .addOption(projectOption())
    .action(async (options: SiteFlags & { trust: boolean; out?: string }, command: Command) => {
      if (options.trust === (options.school !== undefined)) command.error("error: ask for --trust or name a --school");
      await packStep(options.project, options.school, options.out);
    });

  rollbook
    .command("export")
    .description(
      "write one table of the warehouse to a file; marts.pupil_attendance has one row a pupil, champion's tables name them: keep it safe",
    )
    .argument("<table>", "for example marts.school_attendance, or champion.tracker of one school")
    .addOption(new Option("--format <format>", "the kind of file").choices(EXPORT_FORMATS).default("csv"))
    .option("--out <file>", "where to write it (default: <table>.<format> in this folder)")
    .addOption(schoolOption())
    .addOption(projectOption())
    .action(async (table: string, options: SiteFlags & { format: ExportFormat; out?: string }, command: Command) => {
      const isChampions = table.startsWith("champion.");
      refuseSchoolOfBoard(isChampions ? "champion" : "board", options, command);
      const project = readProject(options.project);
      const { path: warehouse } = warehouseInUse(dataFolders(project).warehouse);
      const out = path.resolve(options.out ?? `${table}.${options.format}`);
      const rows = isChampions
        ? await exportChampionTable(
            { project, warehouse, urn: schoolAsked(project, options.school) },
            table,
            options.format,
            out,
          )
        : await exportTable(warehouse, table, options.format, out);
      console.log(`Wrote ${rows.toLocaleString("en-GB")} rows of ${table} to ${out}`);
    });

  rollbook
    .command("freeze")
    .description(
      "store the figures of a reporting point as the board saw them; later builds say what has changed since",
    )
    .argument("[name]", 'the reporting point, for example "Autumn 1 2026"; a name is used once')
    .option("--list", "say what was frozen, and how much of it has changed", false)
    .addOption(projectOption())
    .addOption(jsonOption())
    .action(async (name: string | undefined, options: { list: boolean; project: string; json: boolean }, command) => {
      if (options.list === (name !== undefined)) command.error("error: name a reporting point, or ask for --list");
      await freezeStep(name, options.project, options.json);
    });

  rollbook
    .command("explain")
    .description("follow one figure back: its rule with the source, every SQL file, what was counted and the files")
    .argument("<mart>", "for example school_attendance")
    .requiredOption("--measure <measure>", "for example persistent, attendance or sessions_authorised")
    .requiredOption("--period <period>", 'for example 2025/26, autumn, "autumn 1" or "to week 12"')
    .option("--school <urn>", "the school (default: the trust)", whole)
    .option("--period-type <type>", "year, term, half_term, year_to_date or last_five_weeks")
    .option("--school-year <year>", "for example 2024/25 (default: the current one, where the period is of several)")
    .option("--basis <basis>", '"everyone on roll" or "as DfE publishes" (the default)')
    .option("--breakdown <breakdown>", "phase, year_group or sex (default: all pupils), or a ladder of bands")
    .option("--group <group>", "which group of the breakdown, or which band")
    .addOption(projectOption())
    .addOption(jsonOption())
    .action(async (mart: string, options: Omit<FigureRequest, "mart"> & { project: string; json: boolean }) => {
      const { project, json, ...asked } = options;
      const warehouse = warehouseInUse(dataFolders(readProject(project)).warehouse);
      const explanation = await explain(warehouse.path, { mart, ...asked });
      console.log(json ? JSON.stringify(explanation) : explanationText(explanation));
    });

  rollbook
    .command("status")
    .description("say what was loaded, what somebody should look at, what is in the warehouse and where the site is")
    .addOption(projectOption())
    .addOption(jsonOption())
    .action(async ({ project, json }: { project: string; json: boolean }) => status(project, json));

  rollbook
    .command("forget")
    .description("take a pupil out of everything: landed files, lake, warehouses and sites; it cannot be undone")
    .argument("<upn>", "the pupil's UPN")
    .addOption(projectOption())
    .addOption(jsonOption())
    .action(async (upn: string, { project, json }: { project: string; json: boolean }) =>
      forgetStep(upn, project, json),
    );

  return rollbook;
}

async function start({
  project: dir,
  port,
  serve: stay,
}: {
  project: string;
  port: number;
  serve: boolean;
}): Promise<void> {
  if (!isProject(dir)) {
    await steps([["Making the sample trust", (log) => sample(path.resolve(dir), SAMPLE_DEFAULTS, log)]]);
  }
  const result = await ingestStep(dir);
  const warehouse = await buildStep(dir);
  await siteStep(dir);
  console.log(loadSummary(readLedger(dataFolders(readProject(dir)).ledger)));
  console.log(ingestSentence(result));
  console.log(warehouseSummary(warehouse));
  if (stay) await serve(dir, port);
  else
    console.log(
      `The board site is in ${path.join(readProject(dir).site, "board")}. Look at it with: npx rollbook serve`,
    );
}

async function sample(
  dir: string,
  options: { schools: number; pupils: number; years: number; seed: number },
  log: (line: string) => void,
): Promise<void> {
  const made = await makeSample({ dir, ...options, log });
  const [schools, pupils, marks] = [made.schools, made.pupils, made.marks].map((value) =>
    value.toLocaleString("en-GB"),
  );
  log(`${schools} schools, ${pupils} pupils, ${marks} marks in ${made.files} files`);
}

async function ingestStep(
  dir: string,
  { schools, accept = false, json = false }: { schools?: number[]; accept?: boolean; json?: boolean } = {},
): Promise<IngestResult> {
  const project = readProject(dir);
  let result: IngestResult = { loads: [], unchanged: 0, held: [], left: [] };
  await steps(
    [
      [
        "Reading the registers",
        async (log) => {
          for (const urn of schools ?? []) schoolAsked(project, urn);
          result = await ingest(project, { log, now: () => new Date() }, { accept, schools });
        },
      ],
    ],
    json,
  );
  return result;
}

async function buildStep(
  dir: string,
  { knownAt: knownAtLoad, asAt, schoolYear: schoolYears, engine = "duckdb", server }: BuildStep = {},
  json = false,
): Promise<Build> {
  const stated = readProject(dir);
  const project = { ...stated, as_at: asAt ?? stated.as_at };
  const cluster = await clusterOf(project, { engine, server }, process.env);
  let built: Build | undefined;
  await steps(
    [
      [
        "Building the warehouse",
        async (log) => {
          built = await buildWarehouse(project, { log, now: () => new Date() }, { knownAtLoad, schoolYears, cluster });
        },
      ],
    ],
    json,
  );
  if (!built) throw new Error("the build ended without a warehouse");
  return built;
}

async function siteStep(dir: string, json = false): Promise<void> {
  const project = readProject(dir);
  const folders = dataFolders(project);
  const { path: warehouse } = warehouseInUse(folders.warehouse);
  await steps(
    [
      [
        "Rendering the board site",
        async (log) => {
          const site = path.join(project.site, "board");
          const forbidden = await pupilKeysOf(warehouse);
          const logo = await readLogo(project);
          // the site is for other people to read
          process.umask(0o022);
          const workspace = path.join(folders.work, "board");
          const { bundles, audited } = folders;
          const made = await renderSite({ warehouse, workspace, bundles, audited, site, log, logo, forbidden });
          log(`${made.pages} pages in ${site}`);
        },
      ],
    ],
    json,
  );
}

/** Writes the board pack of the trust, or of a school. */
async function packStep(dir: string, school: number | undefined, out: string | undefined): Promise<void> {
  const project = readProject(dir);
  // the browser's driver takes half a second to load, and no other command wants it
  const { writePack } = await import("../evidence/pack.ts");
  await steps([
    [
      "Writing the board pack",
      async (log) => {
        // the pack is for other people to read
        process.umask(0o022);
        const pack = await writePack({
          site: path.join(project.site, "board"),
          ...packOf(project, school),
          out: path.resolve(out ?? path.join(dir, "packs", school === undefined ? "trust" : String(school))),
          log,
        });
        log(`${pack.sheets} sheets in ${pack.pdf}, and the same as one file in ${pack.html}`);
      },
    ],
  ]);
}

/** Renders the site of one school's champion, which stays readable by its owner alone. */
async function championStep(dir: string, school: number | undefined, json = false): Promise<void> {
  const project = readProject(dir);
  await steps(championSiteSteps(project, [schoolAsked(project, school)]), json);
}

/** Renders the sites of all schools' champions: the first makes the programs that the others are rendered from. */
async function championsStep(dir: string): Promise<void> {
  const project = readProject(dir);
  const urns = project.schools.map(({ urn }) => urn);
  const [first, ...others] = championSiteSteps(project, urns);
  if (first) await steps([first]);
  await steps(others, false, SITES_AT_A_TIME);
}

function championSiteSteps(project: Project, urns: readonly number[]): [title: string, run: Step][] {
  const folders = dataFolders(project);
  const { path: warehouse } = warehouseInUse(folders.warehouse);
  // looked up once for all schools, when the first is at work
  let sought: ReturnType<typeof soughtIn> | undefined;
  return urns.map((urn) => [
    `Rendering the champion's site of ${urn}`,
    async (log) => {
      sought ??= soughtIn(project, warehouse);
      const made = await renderChampionSite({
        project,
        warehouse,
        urn,
        workspace: path.join(folders.work, `champion-${urn}`),
        bundles: folders.bundles,
        log,
        ...(await sought),
      });
      log(`${made.pages} pages in ${championSite(project, urn)}: they name pupils, and only you can read them`);
    },
  ]);
}

/** Forgets a pupil, and makes again without them what was built before. */
async function forgetStep(upn: string, dir: string, json: boolean): Promise<void> {
  const project = readProject(dir);
  const hadWarehouse = fs.existsSync(path.join(dataFolders(project).warehouse, "current.json"));
  const hadSite = fs.existsSync(path.join(project.site, "board"));
  const champions = await championSites(project);
  let forgotten: Forgotten | undefined;
  await steps(
    [
      [
        "Forgetting the pupil",
        async (log) => {
          forgotten = await forget(project, upn, { log, now: () => new Date() });
        },
      ],
    ],
    json,
  );
  if (!forgotten) throw new Error("forgetting ended without a result");
  if (!json) console.log(forgetSentence(forgotten));
  if (hadWarehouse) await buildStep(dir, {}, json);
  for (const urn of champions.filter((urn) => project.schools.some((school) => school.urn === urn))) {
    if (hadWarehouse) await championStep(dir, urn, json);
  }
  // last: it lets others read what is written from then on
  if (hadWarehouse && hadSite) await siteStep(dir, json);
  if (json) console.log(JSON.stringify(forgotten));
}

/** Freezes the figures in use under a name, or without one lists what was frozen. */
async function freezeStep(name: string | undefined, dir: string, json: boolean): Promise<void> {
  const project = readProject(dir);
  if (name === undefined) {
    const points = await listFrozen(project);
    console.log(json ? JSON.stringify({ points }) : frozenSummary(points));
    return;
  }
  const frozen = await freeze(project, name, () => new Date());
  console.log(json ? JSON.stringify(frozen) : freezeSentence(frozen));
}

async function serve(dir: string, port: number): Promise<void> {
  const { url } = await serveSite({ site: path.join(readProject(dir).site, "board"), port, log: console.log });
  console.log(`The board site is at ${url} (Ctrl+C stops it)`);
}

async function serveChampion(dir: string, school: number | undefined, port: number): Promise<void> {
  const project = readProject(dir);
  const urn = schoolAsked(project, school);
  const builtBy = `rollbook site champion --school ${urn}`;
  const { url } = await serveSite({ site: championSite(project, urn), port, log: console.log, builtBy });
  console.log(`The champion's site of ${urn} is at ${url}, for this machine alone (Ctrl+C stops it)`);
}

async function status(dir: string, json: boolean): Promise<void> {
  const project = readProject(dir);
  const folders = dataFolders(project);
  const loads = readLedger(folders.ledger);
  const warehouse = currentWarehouse(folders.warehouse);
  const queries = warehouse ? await registerQueries(warehouse.path) : [];
  const board = path.join(project.site, "board");
  const site = fs.existsSync(board) ? board : null;
  const champions = (await championSites(project)).map((urn) => championSite(project, urn));
  if (json) {
    const built = { warehouse: warehouse?.path ?? null, site, champions };
    console.log(JSON.stringify({ trust: project.trust, loads, queries, ...built }));
    return;
  }
  console.log(`${project.trust}: ${project.schools.length} schools`);
  console.log(loads.length > 0 ? loadSummary(loads) : "Nothing has been loaded yet.");
  for (const query of queries) console.log(querySentence(query));
  console.log(
    warehouse ? `${warehouseSummary(warehouse)}\nWarehouse: ${warehouse.path}` : "No warehouse has been built yet.",
  );
  console.log(site ? `Board site: ${site}` : "No board site has been rendered yet.");
  for (const champion of champions) console.log(`Champion's site, which names pupils: ${champion}`);
}

/** Runs named steps, so many at a time, with their progress and how long each took, or for a machine without a word. */
async function steps(named: [title: string, run: Step][], isSilent = false, atATime = 1): Promise<void> {
  if (isSilent) {
    for (const [, run] of named) await run(() => {});
    return;
  }
  let failure: unknown;
  const tasks = named.map(
    ([title, run]): ListrTask => ({
      title,
      task: (_, task) =>
        run((line) => {
          task.output = line;
        }).catch((error: unknown) => {
          failure = error;
          // the reason is printed once, by main
          throw new Error("");
        }),
      rendererOptions: { persistentOutput: true, timer: PRESET_TIMER },
      fallbackRendererOptions: { timer: PRESET_TIMER },
    }),
  );
  try {
    await new Listr(tasks, { concurrent: atATime }).run();
  } catch (error) {
    throw failure ?? error;
  }
}

function jsonOption(): Option {
  return new Option("--json", "print one JSON object in place of tables and progress").default(false);
}

function projectOption(): Option {
  return new Option("--project <dir>", "the folder that holds rollbook.yaml").default(".", "this folder");
}

function siteArgument(): Argument {
  return new Argument("[site]", "which site").choices(["board", "champion"]).default("board");
}

function schoolOption(): Option {
  return new Option("--school <urn>", "the school, by its URN").argParser(whole);
}

function refuseSchoolOfBoard(kind: SiteKind, { school, all }: SiteFlags, command: Command): void {
  if (kind === "board" && school !== undefined) command.error("error: --school is for the champion of a school");
  if (kind === "board" && all) command.error("error: --all is for the champions of all schools");
}

function portOption(): Option {
  return new Option("--port <n>", "the port to serve on; the next free one if it is taken")
    .argParser(portNumber)
    .default(DEFAULT_PORT);
}

function portNumber(text: string): number {
  const port = whole(text);
  if (port < 1024 || port > 65_535) throw new InvalidArgumentError("Expected a port from 1024 to 65535.");
  return port;
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}

function yearOfSchool(value: string): string {
  if (!schoolYear.safeParse(value).success) throw new InvalidArgumentError("Expected a school year like 2025/26.");
  return value;
}

function isoDay(value: string): string {
  if (!z.iso.date().safeParse(value).success) {
    throw new InvalidArgumentError("Expected a day like 2026-02-13.");
  }
  return value;
}
