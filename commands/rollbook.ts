import fs from "node:fs";
import path from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { Listr, type ListrTask, PRESET_TIMER } from "listr2";
import { serveSite } from "../evidence/serve.ts";
import { renderSite } from "../evidence/site.ts";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { type IngestResult, ingest } from "../ingest/ingest.ts";
import { dataFolders } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { isProject, readProject } from "../ingest/project.ts";
import { buildWarehouse } from "../models/build.ts";
import { type Build, currentWarehouse, warehouseInUse } from "../models/warehouse.ts";
import { makeSample } from "../sample/sample.ts";
import { EXPORT_FORMATS, type ExportFormat, exportTable } from "./export.ts";
import { quarantinedRows } from "./quarantine.ts";
import { ingestSentence, loadSummary, warehouseSummary } from "./summary.ts";

const PACKAGE = path.join(import.meta.dirname, "..", "package.json");
const DEFAULT_PORT = 3000;
const SAMPLE_DEFAULTS = { schools: 5, pupils: 3000, years: 3, seed: 1 };

/** Runs the command line. A failure prints one reason and leaves exit code 1. */
export async function main(argv: string[]): Promise<void> {
  // what is written from here on is pupils' data unless it says otherwise
  process.umask(0o077);
  try {
    await program().parseAsync(argv);
  } catch (error) {
    console.error(error instanceof RollbookError ? error.message : error);
    process.exitCode = 1;
  }
}

// --- internal ---

type Step = (log: (line: string) => void) => Promise<void>;

function program(): Command {
  const { version, description } = JSON.parse(fs.readFileSync(PACKAGE, "utf8")) as {
    version: string;
    description: string;
  };
  const rollbook = new Command("rollbook").description(description).version(version).showHelpAfterError();

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
    .action(async ({ project }: { project: string }) => {
      const result = await ingestStep(project);
      if (result.loads.length > 0) console.log(loadSummary(result.loads));
      console.log(ingestSentence(result));
    });

  rollbook
    .command("build")
    .description("build the warehouse from the lake and put it in use once it reads back whole")
    .addOption(projectOption())
    .action(async ({ project }: { project: string }) => console.log(warehouseSummary(await buildStep(project))));

  rollbook
    .command("site")
    .description("render the board site from the warehouse")
    .addOption(projectOption())
    .action(async ({ project }: { project: string }) => siteStep(project));

  rollbook
    .command("serve")
    .description("serve the rendered site on this machine")
    .addOption(projectOption())
    .addOption(portOption())
    .action(async ({ project, port }: { project: string; port: number }) => serve(project, port));

  rollbook
    .command("export")
    .description("write one table of the warehouse to a file; marts.pupil_attendance has one row a pupil: keep it safe")
    .argument("<table>", "for example marts.school_attendance")
    .addOption(new Option("--format <format>", "the kind of file").choices(EXPORT_FORMATS).default("csv"))
    .option("--out <file>", "where to write it (default: <table>.<format> in this folder)")
    .addOption(projectOption())
    .action(async (table: string, options: { format: ExportFormat; out?: string; project: string }) => {
      const warehouse = warehouseInUse(dataFolders(readProject(options.project)).warehouse);
      const out = path.resolve(options.out ?? `${table}.${options.format}`);
      const rows = await exportTable(warehouse.path, table, options.format, out);
      console.log(`Wrote ${rows.toLocaleString("en-GB")} rows of ${table} to ${out}`);
    });

  rollbook
    .command("status")
    .description("say what was loaded, what is in the warehouse and where the site is")
    .addOption(projectOption())
    .action(async ({ project }: { project: string }) => status(project));

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

async function ingestStep(dir: string): Promise<IngestResult> {
  const project = readProject(dir);
  let result: IngestResult = { loads: [], unchanged: 0 };
  await steps([
    [
      "Reading the registers",
      async (log) => {
        result = await ingest(project, { log, now: () => new Date() });
      },
    ],
  ]);
  return result;
}

async function buildStep(dir: string): Promise<Build> {
  const project = readProject(dir);
  let built: Build | undefined;
  await steps([
    [
      "Building the warehouse",
      async (log) => {
        built = await buildWarehouse(project, { log, now: () => new Date() });
      },
    ],
  ]);
  if (!built) throw new Error("the build ended without a warehouse");
  return built;
}

async function siteStep(dir: string): Promise<void> {
  const project = readProject(dir);
  const folders = dataFolders(project);
  const { path: warehouse } = warehouseInUse(folders.warehouse);
  await steps([
    [
      "Rendering the board site",
      async (log) => {
        const site = path.join(project.site, "board");
        const forbidden = await pupilKeysOf(warehouse);
        // the site is for other people to read
        process.umask(0o022);
        const made = await renderSite({ warehouse, workspace: path.join(folders.work, "board"), site, log, forbidden });
        log(`${made.pages} pages in ${site}`);
      },
    ],
  ]);
}

async function pupilKeysOf(warehouse: string): Promise<string[]> {
  const keys = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
    rows(db, "select distinct pupil_key from raw.marks union select distinct pupil_key from raw.pupils"),
  );
  return keys.map((row) => String(row.pupil_key));
}

async function serve(dir: string, port: number): Promise<void> {
  const { url } = await serveSite({ site: path.join(readProject(dir).site, "board"), port, log: console.log });
  console.log(`The board site is at ${url} (Ctrl+C stops it)`);
}

async function status(dir: string): Promise<void> {
  const project = readProject(dir);
  const folders = dataFolders(project);
  const loads = readLedger(folders.ledger);
  console.log(`${project.trust}: ${project.schools.length} schools`);
  console.log(loads.length > 0 ? loadSummary(loads) : "Nothing has been loaded yet.");
  const warehouse = currentWarehouse(folders.warehouse);
  if (warehouse) for (const line of await quarantinedRows(warehouse.path)) console.log(line);
  console.log(
    warehouse ? `${warehouseSummary(warehouse)}\nWarehouse: ${warehouse.path}` : "No warehouse has been built yet.",
  );
  const site = path.join(project.site, "board");
  console.log(fs.existsSync(site) ? `Board site: ${site}` : "No board site has been rendered yet.");
}

/** Runs named steps one after another, with their progress and how long each took. */
async function steps(named: [title: string, run: Step][]): Promise<void> {
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
    await new Listr(tasks, { concurrent: false }).run();
  } catch (error) {
    throw failure ?? error;
  }
}

function projectOption(): Option {
  return new Option("--project <dir>", "the folder that holds rollbook.yaml").default(".", "this folder");
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
