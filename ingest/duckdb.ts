import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";

/** Memory that one DuckDB may use before it spills to `spillTo`. A trust's laptop has other work to do. */
const MEMORY_LIMIT = "1300MB";

export interface OpenOptions {
  /** A database file; without it, a database in memory. */
  path?: string;
  readOnly?: boolean;
  /** Where DuckDB may spill. The folder is the caller's to make and to empty: spilled rows are pupils' rows. */
  spillTo?: string;
}

/**
 * Opens a DuckDB for the time that `work` runs and closes it whatever happens.
 *
 * No other module opens one: two openers of one file lose data. No extension is ever fetched, and a database file is
 * written in a format that refuses another file's write-ahead log.
 */
export async function withDuckDB<T>(
  options: OpenOptions,
  work: (db: DuckDBConnection, instance: DuckDBInstance) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(options.path ?? ":memory:", {
    access_mode: options.readOnly ? "READ_ONLY" : "AUTOMATIC",
    autoload_known_extensions: "false",
    autoinstall_known_extensions: "false",
    memory_limit: MEMORY_LIMIT,
    storage_compatibility_version: "v1.5.0",
    ...(options.spillTo ? { temp_directory: options.spillTo } : {}),
  });
  try {
    const db = await instance.connect();
    try {
      return await work(db, instance);
    } finally {
      db.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

/** A text as an SQL literal. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The rows of a query as plain values: numbers, texts, booleans and null; dates as ISO text. */
export async function rows(db: DuckDBConnection, sql: string): Promise<Record<string, unknown>[]> {
  const reader = await db.runAndReadAll(sql);
  return reader.getRowObjectsJson().map((row) => ({ ...row }));
}
