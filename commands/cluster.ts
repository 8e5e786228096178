import { EXIT, RollbookError } from "../ingest/errors.ts";
import type { Project } from "../ingest/project.ts";
import type { Cluster } from "../models/build.ts";
import { connectTrino } from "../models/trino/server.ts";

export const ENGINES = ["duckdb", "trino"] as const;

/** What `rollbook build` is told about what runs the models. */
export interface EngineFlags {
  engine: (typeof ENGINES)[number];
  /** The address of a cluster's coordinator. */
  server?: string;
}

/**
 * The cluster that a build is to run on, once it answers. Undefined for DuckDB, in this process.
 *
 * @param env `ROLLBOOK_TRINO_USER` and `ROLLBOOK_TRINO_PASSWORD` say who asks
 * @throws {RollbookError} when something is not said that is needed, or the cluster does not answer as Trino does
 */
export async function clusterOf(
  { trino }: Pick<Project, "trino">,
  { engine, server }: EngineFlags,
  env: NodeJS.ProcessEnv,
): Promise<Cluster | undefined> {
  if (engine === "duckdb") {
    if (server !== undefined) throw new RollbookError("--server: expected --engine trino beside it", EXIT.misused);
    return undefined;
  }
  if (server === undefined) {
    throw new RollbookError(
      "--engine trino: expected --server with the address of its coordinator, like https://trino.example.org:8443",
      EXIT.misused,
    );
  }
  if (!trino) {
    throw new RollbookError(
      "rollbook.yaml says nothing of a cluster: expected trino: with the location by which its workers reach the data folder",
    );
  }
  const { catalog, location } = trino;
  const { ROLLBOOK_TRINO_USER: user = "rollbook", ROLLBOOK_TRINO_PASSWORD: password } = env;
  return { location, trino: await connectTrino({ url: server, catalog, user, password }) };
}
