import fs from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { constants, gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import sirv from "sirv";
import { HANGS } from "./browser.ts";

const MEGABIT = 1_000_000 / 8;
/** A mid-range laptop on a slow line. */
export const SLOW_LAPTOP = {
  line: { offline: false, latency: 40, downloadThroughput: 10 * MEGABIT, uploadThroughput: 2 * MEGABIT },
  timesSlower: 4,
};

/** What somebody waits for who was never at a site before. */
export interface FirstView {
  page: string;
  requests: number;
  kilobytes: number;
  /** Milliseconds from asking for the page until its question is seen, and until its charts are drawn and it answers. */
  seen: number;
  alive: number;
}

/** Serves a site to this machine, with every file compressed, for as long as `work` runs. */
export async function withCompressed(site: string, work: (url: string) => Promise<void>): Promise<void> {
  const compressed = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-light-"));
  try {
    fs.cpSync(site, compressed, { recursive: true });
    for (const entry of fs.readdirSync(compressed, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      if (!entry.isFile()) continue;
      fs.writeFileSync(`${file}.gz`, gzipSync(fs.readFileSync(file), { level: constants.Z_BEST_COMPRESSION }));
    }
    const server = createServer(sirv(compressed, { gzip: true }));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await new Promise((resolve) => server.close(resolve));
  } finally {
    fs.rmSync(compressed, { recursive: true, force: true });
  }
}

/** Opens a page as somebody does who was never there, on this machine as it is or as on another. */
export async function firstView(
  browser: Browser,
  url: string,
  page: string,
  machine?: typeof SLOW_LAPTOP,
): Promise<FirstView> {
  const context = await browser.newContext();
  context.setDefaultTimeout(HANGS);
  const tab = await context.newPage();
  if (machine) {
    const client = await context.newCDPSession(tab);
    await client.send("Network.enable");
    await client.send("Network.emulateNetworkConditions", machine.line);
    await client.send("Emulation.setCPUThrottlingRate", { rate: machine.timesSlower });
  }
  const answers: Promise<{ responseHeadersSize: number; responseBodySize: number }>[] = [];
  // those of workers too, which are not slowed down
  tab.on("requestfinished", (request) => answers.push(request.sizes()));
  // no function in it has a name, which tsx would have it keep by a helper that pages do not have
  await tab.addInitScript(() => {
    const watch = setInterval(() => {
      const heading = document.querySelector("main h1");
      const { left = 0, top = 0 } = heading?.getBoundingClientRect() ?? {};
      const isPainted = performance.getEntriesByName("first-contentful-paint").length > 0;
      // a screen that says that the page is loading lies above it
      const isSeen = isPainted && heading?.contains(document.elementFromPoint(left + 2, top + 2));
      const areas = [...document.querySelectorAll(".chart-area")];
      // our layout says so; a chart of the library is drawn by a page that is
      const isAlive = document.querySelector("html[data-alive], .chart-area [_echarts_instance_]") !== null;
      const isDrawn = isAlive && areas.every((area) => area.querySelector("svg path"));
      if (isSeen && !performance.getEntriesByName("seen").length) performance.mark("seen");
      if (isDrawn && !performance.getEntriesByName("alive").length) performance.mark("alive");
      if (isSeen && isDrawn) clearInterval(watch);
    }, 20);
  });
  await tab.goto(`${url}${page}`, { waitUntil: "networkidle" });
  await tab.waitForFunction(() => ["seen", "alive"].every((name) => performance.getEntriesByName(name).length > 0));
  const [seen = 0, alive = 0] = await tab.evaluate(() =>
    ["seen", "alive"].map((name) => performance.getEntriesByName(name)[0]?.startTime),
  );
  const sizes = await Promise.all(answers);
  const bytes = sizes.reduce(
    (sum, { responseHeadersSize, responseBodySize }) => sum + responseHeadersSize + responseBodySize,
    0,
  );
  await context.close();
  return {
    page,
    requests: sizes.length,
    kilobytes: Math.round(bytes / 1000),
    seen: Math.round(seen),
    alive: Math.round(alive),
  };
}
