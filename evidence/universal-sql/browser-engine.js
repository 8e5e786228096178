// The engine in the reader's browser. Pages come with the results of their queries, so most readers never need it:
// whatever the layout asks for at the start is remembered, and DuckDB is fetched and started by the first query
// that was not answered when the site was built.
import { tableFromIPC } from "apache-arrow";
import { arrowTableToJSON } from "./rows.js";
import { identifier, SETTINGS, searchPath, sourceTables } from "./session.js";

export { arrowTableToJSON, tableFromIPC };

/** @type {{ source: string, table: string, url: string }[]} */
let tables = [];
/** @type {string[]} */
let schemas = [];
/** @type {Promise<any> | undefined} */
let engine;
/** @type {Promise<any> | undefined} */
let ready;

/** Does nothing yet. */
export async function initDB() {}

/**
 * Remembers where the source tables are. They are loaded, again if need be, before the next query runs.
 *
 * @param {Record<string, string[]>} manifest
 * @param {{ append?: boolean, addBasePath?: (path: string) => string }} [options]
 */
export async function setParquetURLs(manifest, { append = false, addBasePath = (path) => path } = {}) {
  const given = sourceTables(manifest).map(({ source, table, path }) => ({
    source,
    table,
    // what lies in static/ while the site is built is served from its root
    url: addBasePath(`/${path.replace(/^\/?(static\/)?/, "")}`),
  }));
  const replaced = new Set(given.map(({ source, table }) => `${source}.${table}`));
  tables = [...(append ? tables.filter(({ source, table }) => !replaced.has(`${source}.${table}`)) : []), ...given];
  ready = undefined;
}

/** @param {string[]} names where a table without a schema's name is looked for */
export async function updateSearchPath(names) {
  schemas = names;
  ready = undefined;
}

/**
 * Runs a query that was not answered when the site was built.
 *
 * @param {string} sql
 * @returns {Promise<Record<string, unknown>[]>}
 */
export async function query(sql) {
  ready ??= load();
  const connection = await ready;
  return arrowTableToJSON(await connection.query(sql));
}

async function load() {
  engine ??= start();
  const connection = await engine;
  const contents = await Promise.all(tables.map(({ url }) => fetchBytes(url)));
  for (const [at, { source, table }] of tables.entries()) {
    await connection.query(`create schema if not exists ${identifier(source)}`);
    await connection.query(`drop table if exists ${identifier(source)}.${identifier(table)}`);
    await connection.insertArrowFromIPCStream(contents[at], { schema: source, name: table, create: true });
  }
  if (schemas.length) await connection.query(searchPath(schemas));
  return connection;
}

async function start() {
  const [{ AsyncDuckDB, VoidLogger }, { default: wasm }, { default: script }] = await Promise.all([
    import("@duckdb/duckdb-wasm"),
    import("@duckdb/duckdb-wasm/dist/duckdb-eh.wasm?url"),
    import("@duckdb/duckdb-wasm/dist/duckdb-browser-eh.worker.js?url"),
  ]);
  const db = new AsyncDuckDB(new VoidLogger(), new Worker(script));
  await db.instantiate(new URL(wasm, location.href).href);
  await db.open({});
  const connection = await db.connect();
  for (const setting of SETTINGS) await connection.query(setting);
  return connection;
}

async function fetchBytes(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The table at ${url} could not be read (${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}
