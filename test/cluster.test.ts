import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { clusterOf } from "../commands/cluster.ts";
import { dataFolders } from "../ingest/lake.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { type BuildOptions, buildWarehouse, type Cluster } from "../models/build.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { rollbook } from "./command.ts";
import { compareWarehouses, unequal } from "./equal_warehouses.ts";
import { startTrino, type TrinoCluster, whyNoCluster } from "./trino_cluster.ts";

const WORKERS = 2;
/** A model in the middle of a build. */
const HALF_WAY = "building marts.pupil_attendance";

const missing = whyNoCluster();
if (missing) console.warn(`NOT TESTED: no model was run on a cluster, since ${missing}`);

describe.skipIf(missing)(`on a cluster of a coordinator and ${WORKERS} workers`, () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-cluster-"));
  let trino: TrinoCluster;
  let sample: Project;
  let small: Project;

  beforeAll(async () => {
    sample = lakeOf(inject("project"), path.join(root, "sample"));
    const made = path.join(root, "made");
    await rollbook("sample", made, "--schools", "2", "--pupils", "150", "--years", "1");
    await rollbook("ingest", "--project", made);
    small = lakeOf(made, path.join(root, "small"));
    trino = await startTrino(root, WORKERS);
  });
  afterAll(async () => {
    await trino?.stop();
    fs.rmSync(root, { recursive: true, force: true });
  });

  test("every column of every table of the sample trust is what DuckDB makes of it, though a worker is killed half way", async () => {
    let killed = false;
    const there = await builtBy(await clusterFor(sample), sample, {}, (line) => {
      if (line !== HALF_WAY) return;
      trino.killWorker(0);
      killed = true;
    });
    const here = warehouseInUse(dataFolders(readProject(inject("project"))).warehouse).path;
    const compared = await compareWarehouses(here, there);
    console.log(
      compared
        .map(({ table, rows: [count], columns }) => `${table}: ${count} rows of ${columns.join(", ")}`)
        .join("\n"),
    );
    expect(killed).toBe(true);
    expect(unequal(compared)).toEqual([]);
    expect(compared.filter(({ rows: [count] }) => count > 0).length).toBeGreaterThan(100);
  });

  test("a build of one school year reads no other year's marks, and is what DuckDB makes of them", async () => {
    const schoolYears = ["2025/26"];
    const readForAll = counting(await clusterFor(small));
    // the marks are counted before any model is made, and there they are all there
    const stop = () => {
      throw new Error("counted");
    };
    await expect(
      builtBy(readForAll.cluster, small, {}, (line) => line.startsWith("building") && stop()),
    ).rejects.toThrow("counted");
    const readForYear = counting(await clusterFor(small));
    const there = await builtBy(readForYear.cluster, small, { schoolYears });
    expect(unequal(await compareWarehouses(await builtBy(undefined, small, { schoolYears }), there))).toEqual([]);
    const [all, year] = [readForAll.bytes(), readForYear.bytes()];
    console.log(`to count marks, the cluster read ${year} bytes of one school year, and ${all} of all`);
    expect(year).toBeGreaterThan(0);
    expect(year).toBeLessThan(0.75 * all);
  });

  test("a coordinator that is killed half way ends the build in one line, and the last warehouse stays", async () => {
    const before = warehouseInUse(dataFolders(small).warehouse).path;
    const build = builtBy(await clusterFor(small), small, {}, (line) => {
      if (line === HALF_WAY) trino.killCoordinator();
    });
    await expect(build).rejects.toThrow(/^No Trino coordinator can be reached at \S+: [^\n]+$/);
    expect(warehouseInUse(dataFolders(small).warehouse).path).toBe(before);
    expect(fs.readdirSync(dataFolders(small).work)).toEqual([]);
  });

  /** Copies what a build needs of a project to where the cluster's workers can read it. */
  function lakeOf(from: string, to: string): Project {
    const left = ["landing", "warehouse", "bundles"].map((folder) => path.join(from, "data", folder));
    fs.mkdirSync(to);
    for (const name of ["data", "policies"]) {
      fs.cpSync(path.join(from, name), path.join(to, name), {
        recursive: true,
        filter: (source) => !left.includes(source),
      });
    }
    const trinos = `trino:\n  location: local:///${path.basename(to)}/data\n`;
    fs.writeFileSync(
      path.join(to, "rollbook.yaml"),
      fs.readFileSync(path.join(from, "rollbook.yaml"), "utf8") + trinos,
    );
    return readProject(to);
  }

  async function clusterFor(project: Project): Promise<Cluster> {
    const cluster = await clusterOf(project, { engine: "trino", server: trino.url }, {});
    if (!cluster) throw new Error("no cluster");
    return cluster;
  }
});

/** Builds a warehouse and says where it is. */
async function builtBy(
  cluster: Cluster | undefined,
  project: Project,
  options: BuildOptions = {},
  log: (line: string) => void = () => {},
): Promise<string> {
  await buildWarehouse(project, { log, now: () => new Date() }, { ...options, cluster });
  return warehouseInUse(dataFolders(project).warehouse).path;
}

/** A cluster that is listened to: the bytes it read to count the marks of each load, which it does before anything else. */
function counting({ trino, location }: Cluster): { cluster: Cluster; bytes: () => number } {
  let bytes = 0;
  const rows: typeof trino.rows = async (sql) => {
    const before = trino.bytesRead();
    const found = await trino.rows(sql);
    if (/^select "load_number".*count\(\*\).*_raw"\."marks"/s.test(sql)) bytes += trino.bytesRead() - before;
    return found;
  };
  return { cluster: { location, trino: { ...trino, rows } }, bytes: () => bytes };
}
