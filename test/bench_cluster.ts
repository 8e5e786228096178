/**
 * `npm run bench:cluster -- <project>…`: builds the warehouse of each ingested project by DuckDB and on a cluster of a
 * coordinator and two workers on this machine, and compares them in every column. A table in Markdown, a line a project.
 */
import { dataFolders } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { buildWarehouse, type Cluster } from "../models/build.ts";
import { connectTrino } from "../models/trino/server.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { compareWarehouses, unequal } from "./equal_warehouses.ts";
import { startTrino, whyNoCluster } from "./trino_cluster.ts";

const WORKERS = 2;
const MACHINE = ["-Xmx4G"];

const missing = whyNoCluster();
if (missing) throw new Error(`No cluster can be started: ${missing}`);

const lines: string[][] = [];
for (const dir of process.argv.slice(2)) {
  const project = readProject(dir);
  const marks = marksOf(project);
  const here = await timed(() => build(project));
  const started = await startTrino(project.data, WORKERS, MACHINE);
  try {
    const trino = await connectTrino({ url: started.url, catalog: "lake", user: "rollbook" });
    const there = await timed(() => build(project, { trino, location: "local:///" }));
    const compared = await compareWarehouses(here.made, there.made);
    for (const { table, different } of unequal(compared))
      console.log(`not equal: ${table} ${JSON.stringify(different)}`);
    lines.push([
      marks.toLocaleString("en-GB"),
      `${here.seconds.toFixed(0)} s`,
      `${there.seconds.toFixed(0)} s`,
      `${(trino.bytesRead() / 1_000_000).toLocaleString("en-GB", { maximumFractionDigits: 0 })} MB`,
      (trino.bytesRead() / marks).toFixed(1),
      `${compared.length - unequal(compared).length} of ${compared.length}`,
    ]);
  } finally {
    await started.stop();
  }
}
const heads = ["Marks", "DuckDB", `Trino, ${WORKERS} workers`, "Read by the cluster", "Bytes a mark", "Tables equal"];
for (const cells of [heads, heads.map(() => "---:"), ...lines]) console.log(`| ${cells.join(" | ")} |`);

// --- internal ---

/** Builds a warehouse and says where it is. */
async function build(project: Project, cluster?: Cluster): Promise<string> {
  const log = (line: string) => console.error(`${new Date().toISOString()} ${line}`);
  await buildWarehouse(project, { log, now: () => new Date() }, { cluster });
  return warehouseInUse(dataFolders(project).warehouse).path;
}

async function timed<T>(work: () => Promise<T>): Promise<{ made: T; seconds: number }> {
  const began = performance.now();
  const made = await work();
  return { made, seconds: (performance.now() - began) / 1000 };
}

function marksOf(project: Project): number {
  const parts = readLedger(dataFolders(project).ledger).flatMap((load) => load.parts);
  return parts.filter(({ table }) => table === "marks").reduce((sum, { rows }) => sum + rows, 0);
}
