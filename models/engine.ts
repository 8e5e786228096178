import type { DuckDBConnection } from "@duckdb/node-api";
import pLimit from "p-limit";
import { rows } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import type { Model } from "./model.ts";

/** What runs the models: DuckDB in this process, or a cluster that others share. */
export interface Engine {
  /** How many models it may make at once. */
  atOnce: number;
  /** The rows of a query, which is written for DuckDB. */
  rows: (sql: string) => Promise<Record<string, unknown>[]>;
  /**
   * Makes the table or view of a model.
   *
   * @returns how many rows the table has; null for a view
   */
  make: (model: Model) => Promise<number | null>;
}

/** Runs models in the warehouse itself: as many at once as there are connections to it. */
export function duckdbEngine(...connections: DuckDBConnection[]): Engine {
  const idle = [...connections];
  const turn = pLimit(connections.length);
  const run = (sql: string) =>
    turn(async () => {
      const db = idle.pop();
      if (!db) throw new Error("more queries at once than connections");
      try {
        return await rows(db, sql);
      } finally {
        idle.push(db);
      }
    });
  return {
    atOnce: connections.length,
    rows: run,
    make: async (model) => {
      const kind = model.view === null ? "table" : "view";
      try {
        const [made] = await run(`create ${kind} ${model.name} as ${model.sql}`);
        return kind === "table" ? Number(made?.Count) : null;
      } catch (error) {
        throw new RollbookError(`${model.file} does not run: ${firstLine(error)}`);
      }
    },
  };
}

/** What DuckDB says went wrong. A conversion that failed quotes the value, which may be a child's: then only its kind. */
export function firstLine(error: unknown): string {
  const line = (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
  return /^(Conversion|Invalid Input|Out of Range) Error/.test(line) ? (line.split(":")[0] ?? "") : line;
}
