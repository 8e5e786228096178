// The engine while a site is built: the same DuckDB as in the browser, in Node, answering at once.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { createDuckDB, NODE_RUNTIME, VoidLogger } from "@duckdb/duckdb-wasm/dist/duckdb-node-blocking";
import { tableFromIPC } from "apache-arrow";
import { prerenderQuery } from "./prerendered.js";
import { arrowTableToJSON } from "./rows.js";
import { identifier, SETTINGS, searchPath, sourceTables } from "./session.js";

export { arrowTableToJSON, tableFromIPC };

/** @type {Promise<any> | undefined} */
let starting;
/** @type {any} */
let connection;

/** Starts the engine, once. */
export async function initDB() {
  starting ??= start();
  await starting;
}

async function start() {
  const folder = path.dirname(createRequire(import.meta.url).resolve("@duckdb/duckdb-wasm"));
  const bundle = (kind) => ({
    mainModule: path.join(folder, `duckdb-${kind}.wasm`),
    mainWorker: path.join(folder, `duckdb-node-${kind}.worker.cjs`),
  });
  const db = await createDuckDB({ mvp: bundle("mvp"), eh: bundle("eh") }, new VoidLogger(), NODE_RUNTIME);
  await db.instantiate();
  db.open({});
  connection = db.connect();
  for (const setting of SETTINGS) connection.query(setting);
}

/**
 * Loads the tables that `evidence sources` wrote, each anew.
 *
 * @param {Record<string, string[]>} manifest
 */
export async function setParquetURLs(manifest) {
  await initDB();
  for (const { source, table, path: file } of sourceTables(manifest)) {
    const bytes = await readFile(file);
    connection.query(`create schema if not exists ${identifier(source)}`);
    connection.query(`drop table if exists ${identifier(source)}.${identifier(table)}`);
    connection.insertArrowFromIPCStream(bytes, { schema: source, name: table, create: true });
  }
}

/** @param {string[]} schemas where a table without a schema's name is looked for */
export async function updateSearchPath(schemas) {
  await initDB();
  connection.query(searchPath(schemas));
}

/**
 * Runs a query and gives its rows at once: while a page is rendered nothing can be awaited.
 *
 * @param {string} sql
 * @param {import("./prerendered.js").Asker} [asker] the page that asks, whose result is to be published
 * @returns {Record<string, unknown>[]}
 */
export function query(sql, asker) {
  const run = (text) => connection.useUnsafe((bindings, id) => bindings.runQuery(id, text));
  return arrowTableToJSON(tableFromIPC(asker ? prerenderQuery(sql, asker, run) : run(sql)));
}
