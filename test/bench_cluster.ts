/**
 * `npm run bench:cluster -- <project>…`: builds the warehouse of each ingested project by DuckDB and on a cluster of a
 * coordinator and two workers on this machine, and compares them in every column. A table in Markdown, a line a lake.
 *
 * `--times 1,2,4,8` takes each project's lake so many times over, each copy with schools and pupils of its own;
 * `--engine duckdb` or `--engine trino` builds by that one alone, and compares nothing.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { ENGINES } from "../commands/cluster.ts";
import { dataFolders } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { buildWarehouse, type Cluster } from "../models/build.ts";
import { connectTrino } from "../models/trino/server.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { enlargedProject } from "./enlarged_lake.ts";
import { compareWarehouses, unequal } from "./equal_warehouses.ts";
import { startTrino, whyNoCluster } from "./trino_cluster.ts";

const WORKERS = 2;
const MACHINE = ["-Xmx4G"];
const HEADS = ["Marks", "DuckDB", `Trino, ${WORKERS} workers`, "Read by the cluster", "Bytes a mark", "Tables equal"];

interface Made {
  /** The warehouse file. */
  file: string;
  seconds: number;
  /** Bytes of files that a cluster read. */
  read: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { times: { type: "string", default: "1" }, engine: { type: "string" } },
});
const lakes = values.times.split(",").map(Number);
if (!lakes.every((times) => Number.isInteger(times) && times > 0))
  throw new Error("--times: expected numbers like 1,2,4");
if (values.engine && !ENGINES.some((engine) => engine === values.engine))
  throw new Error(`--engine: expected ${ENGINES.join(" or ")}`);
const missing = values.engine === "duckdb" ? null : whyNoCluster();
if (missing) throw new Error(`No cluster can be started: ${missing}`);
for (const cells of [HEADS, HEADS.map(() => "---:")]) print(cells);
for (const dir of positionals) for (const times of lakes) await measure(dir, times);

// --- internal ---

async function measure(dir: string, times: number): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-lake-"));
  try {
    const project = times === 1 ? readProject(dir) : await enlargedProject(path.join(folder, "lake"), dir, times);
    const here = values.engine === "trino" ? null : await made(project);
    const there = values.engine === "duckdb" ? null : await madeByCluster(project);
    const compared = here && there ? await compareWarehouses(here.file, there.file) : null;
    for (const { table, different } of unequal(compared ?? []))
      console.log(`not equal: ${table} ${JSON.stringify(different)}`);
    const marks = marksOf(project);
    print([
      marks.toLocaleString("en-GB"),
      here ? `${here.seconds.toFixed(0)} s` : "",
      there ? `${there.seconds.toFixed(0)} s` : "",
      there ? `${(there.read / 1_000_000).toLocaleString("en-GB", { maximumFractionDigits: 0 })} MB` : "",
      there ? (there.read / marks).toFixed(1) : "",
      compared ? `${compared.length - unequal(compared).length} of ${compared.length}` : "",
    ]);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function print(cells: string[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

async function madeByCluster(project: Project): Promise<Made> {
  const started = await startTrino(project.data, WORKERS, MACHINE);
  try {
    const trino = await connectTrino({ url: started.url, catalog: "lake", user: "rollbook" });
    return { ...(await made(project, { trino, location: "local:///" })), read: trino.bytesRead() };
  } finally {
    await started.stop();
  }
}

async function made(project: Project, cluster?: Cluster): Promise<Made> {
  const log = (line: string) => console.error(`${new Date().toISOString()} ${line}`);
  const began = performance.now();
  await buildWarehouse(project, { log, now: () => new Date() }, { cluster });
  const seconds = (performance.now() - began) / 1000;
  return { file: warehouseInUse(dataFolders(project).warehouse).path, seconds, read: 0 };
}

function marksOf(project: Project): number {
  const parts = readLedger(dataFolders(project).ledger).flatMap((load) => load.parts);
  return parts.filter(({ table }) => table === "marks").reduce((sum, { rows }) => sum + rows, 0);
}
