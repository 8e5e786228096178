import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

// Evidence runs SvelteKit in .evidence/template, so both folders are relative to it.
// While a site is being developed, its server reads results from here.
const KEPT = path.join(".evidence-queries", "cache");
// SvelteKit copies from here what a page fetched while it was prerendered. The results of a page's queries are known
// only once it has been rendered, so they are put there by hand.
const PUBLISHED = path.join(".svelte-kit", "output", "prerendered", "dependencies", "api");

/** @typedef {{ route_hash: string, additional_hash: string, query_name: string, prerendering: boolean }} Asker */

/** @type {Map<string, { bytes: Uint8Array, hash: string }>} */
const results = new Map();
/** @type {Map<string, Record<string, string>>} the results of each page: query name to result */
const pages = new Map();
/** @type {Set<string>} pages whose list of results is not written yet */
const unlisted = new Set();

/**
 * Runs a page's query, once per site however many pages ask it, and publishes the result for the browser to fetch.
 *
 * @param {string} sql
 * @param {Asker} asker
 * @param {(sql: string) => Uint8Array} run gives the result as an Arrow IPC stream
 * @returns {Uint8Array}
 */
export function prerenderQuery(sql, asker, run) {
  // while a site is being developed its data may change between two runs of one query
  const question = asker.prerendering ? withoutLabels(sql) : sql;
  let result = asker.prerendering ? results.get(question) : undefined;
  if (!result) {
    const bytes = run(sql);
    result = { bytes, hash: createHash("sha256").update(bytes).digest("hex").slice(0, 32) };
    if (asker.prerendering) results.set(question, result);
    put(asker, path.join("prerendered_queries", `${result.hash}.arrow`), bytes);
  }
  const page = path.join(asker.route_hash, asker.additional_hash);
  const known = pages.get(page) ?? {};
  if (known[asker.query_name] !== result.hash) {
    known[asker.query_name] = result.hash;
    pages.set(page, known);
    // a page asks all its queries without a pause: it is listed once, when it has asked the last
    if (!unlisted.has(page)) queueMicrotask(() => list(asker, page));
    unlisted.add(page);
  }
  return result.bytes;
}

/**
 * A query without what Evidence adds to it each time that a page asks it: the name it has on the page, in a comment, and
 * an alias of two random letters.
 *
 * @param {string} sql
 */
function withoutLabels(sql) {
  return sql.replace(/^---- .*\n/, "").replace(/"inputQuery-[\w-]{2}"/g, '"inputQuery"');
}

/** @param {Asker} asker @param {string} page */
function list(asker, page) {
  unlisted.delete(page);
  put(asker, path.join(page, "all-queries.json"), JSON.stringify(pages.get(page)));
}

/** @param {Asker} asker @param {string} file @param {string | Uint8Array} content */
function put(asker, file, content) {
  const target = path.join(asker.prerendering ? PUBLISHED : KEPT, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, content);
}

/** @param {string} hash @returns {Buffer} the result of a query while a site is being developed, as an Arrow IPC stream */
export function get_cache_for_hash(hash) {
  return readFileSync(path.join(KEPT, "prerendered_queries", `${hash}.arrow`));
}

/** @param {string} route @param {string} parameters @returns {string} JSON: the names of a page's queries to results */
export function get_all_page_queries(route, parameters) {
  const page = path.join(route, parameters);
  return JSON.stringify(pages.get(page) ?? {});
}
