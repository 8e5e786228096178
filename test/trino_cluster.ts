import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import getPort from "get-port";
import { connectTrino } from "../models/trino/server.ts";

/** The Trino that the models are held to. */
const VERSION = "476";
/** The oldest Java that it runs on. */
const OLDEST_JAVA = 24;
/** Its parts that a lake of Parquet files needs. The others are most of its size and of the time that it takes to start. */
const PLUGINS = ["exchange-filesystem", "hive", "memory", "spooling-filesystem"];
const KEPT = path.join(import.meta.dirname, "..", "node_modules", ".cache", `trino-${VERSION}`);
const JAVAS = "/usr/lib/jvm";
/** How long a node may take to start on a busy machine. */
const STARTS_MS = 300_000;
/** How a node runs for some minutes: in little memory, compiled by what is done sooner. */
const SHORT_LIVED = ["-Xmx2G", "-XX:TieredStopAtLevel=1", "-XX:+UseParallelGC"];

/** A coordinator that does no work of its own and its workers, all on this machine and reached by nobody else. */
export interface TrinoCluster {
  url: string;
  /** Ends a worker as a machine that fails does: at once. */
  killWorker: (which: number) => void;
  killCoordinator: () => void;
  stop: () => Promise<void>;
}

/** Why no cluster can be started here, or null. Brings the server where it is not yet here. */
export function whyNoCluster(): string | null {
  if (!findJava()) return `there is no Java ${OLDEST_JAVA} or newer in JAVA_HOME or ${JAVAS}`;
  try {
    bringTrino();
    return null;
  } catch (error) {
    return `Maven did not bring Trino ${VERSION}: ${error instanceof Error ? error.message.split("\n")[0] : error}`;
  }
}

/**
 * Starts a cluster for a data folder, of which it knows nothing but its files.
 *
 * A task whose worker is lost is done again by another: what workers hand to each other lies on disk meanwhile.
 *
 * @param machine what Java is told of the machine that each node has
 */
export async function startTrino(
  data: string,
  workers: number,
  machine: readonly string[] = SHORT_LIVED,
): Promise<TrinoCluster> {
  const home = bringTrino();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-trino-"));
  const port = await getPort();
  const url = `http://127.0.0.1:${port}`;
  const nodes: ChildProcess[] = [];
  const stop = async () => {
    for (const node of nodes) node.kill("SIGKILL");
    await Promise.all(
      nodes.map((node) => node.exitCode ?? node.signalCode ?? new Promise((end) => node.once("exit", end))),
    );
    fs.rmSync(folder, { recursive: true, force: true });
  };
  try {
    nodes.push(startNode(home, { folder: path.join(folder, "coordinator"), data, port, url, machine }));
    for (let at = 0; at < workers; at++) {
      nodes.push(
        startNode(home, { folder: path.join(folder, `worker-${at}`), data, port: await getPort(), url, machine }),
      );
    }
    await untilReady(url, workers);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    killWorker: (which) => nodes[which + 1]?.kill("SIGKILL"),
    killCoordinator: () => nodes[0]?.kill("SIGKILL"),
    stop,
  };
}

// --- internal ---

function findJava(): string | undefined {
  const installed = fs.existsSync(JAVAS) ? fs.readdirSync(JAVAS).map((name) => path.join(JAVAS, name)) : [];
  return [process.env.JAVA_HOME ?? "", ...installed].find((java) => {
    const release = path.join(java, "release");
    if (!java || !fs.existsSync(release)) return false;
    return Number(/^JAVA_VERSION="(\d+)/m.exec(fs.readFileSync(release, "utf8"))?.[1]) >= OLDEST_JAVA;
  });
}

/** Brings the server by Maven, once, and keeps what of it is needed. */
function bringTrino(): string {
  if (fs.existsSync(KEPT)) return KEPT;
  fs.mkdirSync(path.dirname(KEPT), { recursive: true });
  const draft = fs.mkdtempSync(`${KEPT}.`);
  try {
    const artifact = `io.trino:trino-server:${VERSION}:tar.gz`;
    const repository = `-Dmaven.repo.local=${path.join(draft, "maven")}`;
    execFileSync("mvn", ["-B", "-q", "dependency:get", repository, `-Dartifact=${artifact}`, "-Dtransitive=false"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const file = path.join(draft, "maven/io/trino/trino-server", VERSION, `trino-server-${VERSION}.tar.gz`);
    execFileSync("tar", ["-xzf", file, "-C", draft]);
    const home = path.join(draft, `trino-server-${VERSION}`);
    for (const plugin of fs.readdirSync(path.join(home, "plugin"))) {
      if (!PLUGINS.includes(plugin)) fs.rmSync(path.join(home, "plugin", plugin), { recursive: true });
    }
    fs.renameSync(home, KEPT);
  } finally {
    fs.rmSync(draft, { recursive: true, force: true });
  }
  return KEPT;
}

interface Node {
  folder: string;
  data: string;
  port: number;
  /** The coordinator's address. */
  url: string;
  machine: readonly string[];
}

function startNode(home: string, { folder, data, port, url, machine }: Node): ChildProcess {
  const isCoordinator = url.endsWith(`:${port}`);
  const etc = path.join(folder, "etc");
  const exchange = path.join(path.dirname(folder), "exchange");
  const files: Record<string, string[]> = {
    "node.properties": [
      "node.environment=rollbook",
      `node.id=${path.basename(folder)}`,
      `node.data-dir=${path.join(folder, "var")}`,
      "node.internal-address=127.0.0.1",
      "node.bind-ip=127.0.0.1",
    ],
    "jvm.config": [
      "-server",
      ...machine,
      "-XX:+ExitOnOutOfMemoryError",
      "-Djdk.attach.allowAttachSelf=true",
      "--sun-misc-unsafe-memory-access=allow",
      "--enable-native-access=ALL-UNNAMED",
    ],
    "config.properties": [
      `coordinator=${isCoordinator}`,
      ...(isCoordinator ? ["node-scheduler.include-coordinator=false"] : []),
      `http-server.http.port=${port}`,
      `discovery.uri=${url}`,
      "catalog.management=static",
      "retry-policy=TASK",
      // as many parts as a small cluster has hands for, where 50 are usual
      "fault-tolerant-execution-min-partition-count=2",
      "fault-tolerant-execution-min-partition-count-for-write=2",
      "fault-tolerant-execution-max-partition-count=4",
      "fault-tolerant-execution-task-memory=256MB",
    ],
    "exchange-manager.properties": ["exchange-manager.name=filesystem", `exchange.base-directories=${exchange}`],
    "log.properties": ["io.trino=WARN"],
    "catalog/lake.properties": [
      "connector.name=hive",
      "hive.metastore=file",
      "hive.metastore.catalog.dir=local:///metastore",
      "hive.metastore.disable-location-checks=true",
      "fs.native-local.enabled=true",
      `local.location=${data}`,
      "hive.non-managed-table-writes-enabled=true",
      "hive.storage-format=PARQUET",
      "hive.parquet.use-column-names=true",
      "hive.timestamp-precision=MICROSECONDS",
    ],
  };
  for (const [name, lines] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(etc, name)), { recursive: true });
    fs.writeFileSync(path.join(etc, name), `${lines.join("\n")}\n`);
  }
  fs.mkdirSync(exchange, { recursive: true });
  const java = findJava() ?? "";
  return spawn(path.join(home, "bin", "launcher"), ["run", "--etc-dir", etc], {
    stdio: "ignore",
    env: { ...process.env, JAVA_HOME: java, PATH: `${path.join(java, "bin")}:${process.env.PATH}` },
  });
}

async function untilReady(url: string, workers: number): Promise<void> {
  const deadline = performance.now() + STARTS_MS;
  for (;;) {
    const active = await connectTrino({ url, catalog: "lake", user: "rollbook" })
      .then((trino) => trino.rows("select count(*) as nodes from system.runtime.nodes where state = 'active'"))
      .then(([found]) => Number(found?.nodes))
      .catch(() => 0);
    if (active > workers) return;
    if (performance.now() > deadline) throw new Error(`of ${workers + 1} nodes of the cluster ${active} started`);
    await setTimeout(500);
  }
}
