import fs from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { constants, gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import sirv from "sirv";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { findChromium, withChromium } from "../evidence/browser.ts";
import { readProject } from "../ingest/project.ts";
import { HANGS } from "./browser.ts";

const project = readProject(inject("project"));
const site = path.join(project.site, "board");
/** The pages of one school stand for those of the others, which are made of the same programs. */
const [, ...otherSchools] = project.schools.map(({ urn }) => String(urn));
/** What a page may weigh before a reader has touched anything, compressed. */
const MOST_BYTES = 500_000;
const MEGABIT = 1_000_000 / 8;
/** A mid-range laptop on a slow line. */
const LINE = { offline: false, latency: 40, downloadThroughput: 10 * MEGABIT, uploadThroughput: 2 * MEGABIT };
const SLOWER = 4;

interface FirstView {
  page: string;
  requests: number;
  kilobytes: number;
  /** Milliseconds from asking for the page until its words are seen, and until its charts are drawn and it answers. */
  seen: number;
  alive: number;
}

describe.skipIf(!findChromium())("the first view of each kind of page (skipped where there is no Chromium)", () => {
  const compressed = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-light-"));
  const views: FirstView[] = [];
  beforeAll(async () => {
    fs.cpSync(site, compressed, { recursive: true });
    const files = fs.readdirSync(compressed, { recursive: true, encoding: "utf8" });
    for (const file of files.map((name) => path.join(compressed, name))) {
      if (!fs.statSync(file).isFile()) continue;
      fs.writeFileSync(`${file}.gz`, gzipSync(fs.readFileSync(file), { level: constants.Z_BEST_COMPRESSION }));
    }
    const server = createServer(sirv(compressed, { gzip: true }));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pages = files
      .filter((name) => path.basename(name) === "index.html")
      .map((name) => `/${path.dirname(name).replaceAll(path.sep, "/")}/`)
      .filter((page) => !otherSchools.some((urn) => page.includes(urn)));
    await withChromium(async (browser) => {
      for (const page of pages.sort()) views.push(await firstView(browser, url, page.replace("/./", "/")));
    });
    await new Promise((resolve) => server.close(resolve));
    console.table(views);
  });
  afterAll(() => fs.rmSync(compressed, { recursive: true, force: true }));

  test("weighs less than half a megabyte, compressed, and has no query engine in it", () => {
    expect(views.length).toBeGreaterThan(10);
    expect(views.filter(({ kilobytes }) => kilobytes * 1000 > MOST_BYTES)).toEqual([]);
  });
});

// --- internal ---

/** Opens a page as somebody does who was never there, on a slow line and processor. */
async function firstView(browser: Browser, url: string, page: string): Promise<FirstView> {
  const context = await browser.newContext();
  context.setDefaultTimeout(HANGS);
  const tab = await context.newPage();
  const client = await context.newCDPSession(tab);
  await client.send("Network.enable");
  await client.send("Network.emulateNetworkConditions", LINE);
  await client.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  let [requests, bytes] = [0, 0];
  client.on("Network.loadingFinished", ({ encodedDataLength }) => {
    requests++;
    bytes += encodedDataLength;
  });
  await tab.addInitScript(() => {
    const look = () => {
      const areas = [...document.querySelectorAll(".chart-area")];
      const isAlive = document.documentElement?.dataset.alive !== undefined;
      if (isAlive && areas.every((area) => area.querySelector("svg path"))) performance.mark("drawn");
      else requestAnimationFrame(look);
    };
    look();
  });
  await tab.goto(`${url}${page}`, { waitUntil: "networkidle" });
  await tab.waitForFunction(() => performance.getEntriesByName("drawn").length > 0);
  const [seen = 0, alive = 0] = await tab.evaluate(() =>
    ["first-contentful-paint", "drawn"].map((name) => performance.getEntriesByName(name)[0]?.startTime),
  );
  await context.close();
  return { page, requests, kilobytes: Math.round(bytes / 1000), seen: Math.round(seen), alive: Math.round(alive) };
}
