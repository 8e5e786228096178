// What `evidence sources` and the site's own routes import; queries run through "./client-duckdb".
export { get_all_page_queries, get_cache_for_hash } from "./prerendered.js";
export { buildMultipartParquet } from "./source-table.js";
