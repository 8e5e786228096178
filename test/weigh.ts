/**
 * `npm run weigh -- <project>`: what the first view of the board's home page costs, of its rendered site and of one that
 * Evidence as it is installed makes from the same pages and warehouse. A table in Markdown; the median of three views.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { withChromium } from "../evidence/browser.ts";
import { dataFolders } from "../ingest/lake.ts";
import { readProject } from "../ingest/project.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { type FirstView, firstView, SLOW_LAPTOP, withCompressed } from "./first_view.ts";
import { buildStockSite } from "./stock_site.ts";

const VIEWS = 3;

const project = readProject(process.argv[2] ?? ".");
const workspace = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-stock-"));
try {
  const stock = await buildStockSite(workspace, warehouseInUse(dataFolders(project).warehouse).path);
  const columns = [await weigh(stock), await weigh(path.join(project.site, "board"))];
  const rows = Object.keys(columns[0] ?? {}).map((name) => [name, ...columns.map((column) => column[name] ?? "")]);
  const lines = [["", "Evidence as installed", "Rollbook"], ["---", "---:", "---:"], ...rows];
  console.log(`\n${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}`);
} finally {
  fs.rmSync(workspace, { recursive: true, force: true });
}

// --- internal ---

async function weigh(site: string): Promise<Record<string, string>> {
  let measured: Record<string, string> = {};
  await withCompressed(site, (url) =>
    withChromium(async (browser) => {
      const views: FirstView[] = [];
      for (let at = 0; at < VIEWS; at++) views.push(await firstView(browser, url, "/", SLOW_LAPTOP));
      const median = (of: "requests" | "kilobytes" | "seen" | "alive") =>
        views.map((view) => view[of]).sort((a, b) => a - b)[Math.floor(VIEWS / 2)] ?? 0;
      measured = {
        Requests: String(median("requests")),
        "Sent, compressed": `${median("kilobytes").toLocaleString("en-GB")} kB`,
        "The question is seen": `${(median("seen") / 1000).toFixed(1)} s`,
        "Charts are drawn, the page answers": `${(median("alive") / 1000).toFixed(1)} s`,
        "The whole site on disk": `${(bytesOf(site) / 1_000_000).toFixed(1)} MB`,
      };
    }),
  );
  return measured;
}

function bytesOf(folder: string): number {
  const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((total, { parentPath, name }) => total + fs.statSync(path.join(parentPath, name)).size, 0);
}
