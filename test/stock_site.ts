import { execFileSync } from "node:child_process";
import { mkdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { makeWorkspace, PAGES, ROOT } from "../evidence/workspace.ts";

const EVIDENCE = path.join(ROOT, "node_modules", "@evidence-dev", "evidence", "cli.js");
/** What Evidence reads of ours; without them it takes its own. */
const OURS = ["app.html", "bundle.js", "charts.js", "nothing.svelte", "static", "svelte.config.js"];
const OUR_THEME = ["+error.svelte", "+layout.svelte", "site.css"];

/**
 * One thing is not as Evidence has it. Its own package for queries reads Parquet, for which DuckDB fetches an extension from
 * its makers, as the site is built and again in the browser; ours, which carries Arrow, stands in its place. So that it
 * starts DuckDB on every page, as Evidence's does, its first step is put back.
 */
const VITE = `import evidence from "./.evidence/template/vite.config.js";
const eager = {
  name: "eager",
  enforce: "pre",
  transform: (code, id) =>
    id.endsWith("browser-engine.js")
      ? code.replace("async function initDB() {}", "async function initDB() { await (engine ??= start()); }")
      : undefined,
};
export default {
  ...evidence,
  plugins: [eager, ...evidence.plugins],
  ssr: { ...evidence.ssr, external: [...evidence.ssr.external, "@evidence-dev/universal-sql"] },
};
`;

/**
 * Builds the board's pages from the same warehouse with Evidence as it is installed: its own template, layout and settings,
 * none of `evidence/`.
 *
 * @returns the folder of the site
 */
export async function buildStockSite(workspace: string, warehouse: string): Promise<string> {
  await makeWorkspace(workspace, "board", PAGES);
  for (const name of OURS) rmSync(path.join(workspace, name), { recursive: true });
  for (const name of OUR_THEME) rmSync(path.join(workspace, "pages", name));
  writeFileSync(path.join(workspace, "vite.config.js"), VITE);
  const sources = path.join(workspace, "sources", "board");
  mkdirSync(path.join(workspace, "static"));
  const env = {
    ...process.env,
    NODE_ENV: "production",
    NODE_OPTIONS: "--max-old-space-size=4096",
    SEND_ANONYMOUS_USAGE_STATS: "no",
    EVIDENCE_SOURCE__board__filename: path.relative(realpathSync(sources), realpathSync(warehouse)),
  };
  for (const args of [["sources"], ["build", "--config=../../vite.config.js"]]) {
    execFileSync(process.execPath, [EVIDENCE, ...args], {
      cwd: workspace,
      env,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  return path.join(workspace, "build");
}
