import fs from "node:fs";
import path from "node:path";
import type { BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { withChromium } from "../evidence/browser.ts";
import { serveSite } from "../evidence/serve.ts";

/** What has not come by then will not: a busy machine draws a page in many seconds. */
export const HANGS = 300_000;

/** What a reader finds on one page. */
export interface Visit {
  address: string;
  title: string;
  heading: string;
  /** Each figure on the page: the name it is found under, and what is written there. */
  figures: { name: string; text: string }[];
  /** How many charts the page has, and how many of them are drawn. */
  charts: { expected: number; drawn: number };
  /** The path of every request. */
  requests: string[];
  /** Requests to other hosts, failed requests, errors. */
  faults: string[];
}

/** Serves a site and opens it in a browser, for as long as `work` runs. */
export async function withBrowser<T>(
  site: string,
  options: BrowserContextOptions,
  work: (context: BrowserContext, url: string) => Promise<T>,
): Promise<T> {
  const server = await serveSite({ site, port: 4600, log: () => {} });
  try {
    return await withChromium(async (browser) => {
      const context = await browser.newContext(options);
      context.setDefaultTimeout(HANGS);
      return work(context, server.url);
    });
  } finally {
    await server.close();
  }
}

/** Opens every page of a site in a browser that has not been there before. */
export async function visitSite(site: string, options = { javaScriptEnabled: true }): Promise<Visit[]> {
  return onEachPage(site, options, (page, url, address) => visit(page, url, address, options.javaScriptEnabled));
}

/** Does something with a new tab for each page of a site, one after the other. */
export async function onEachPage<T>(
  site: string,
  options: BrowserContextOptions,
  work: (page: Page, url: string, address: string) => Promise<T>,
): Promise<T[]> {
  return withBrowser(site, options, async (context, url) => {
    const results: T[] = [];
    for (const address of pagesOf(site)) {
      const page = await context.newPage();
      results.push(await work(page, url, address));
      await page.close();
    }
    return results;
  });
}

/** Requests to other hosts, failed requests, and everything that a page complains of from now on; it grows. */
export function faultsOn(page: Page, url: string): string[] {
  const faults: string[] = [];
  page.on("request", (request) => {
    const target = new URL(request.url());
    // what a page carries within itself is no request
    if (target.protocol !== "data:" && target.origin !== new URL(url).origin) faults.push(`asked ${target.origin}`);
  });
  page.on("requestfailed", (request) => faults.push(`got no answer to ${new URL(request.url()).pathname}`));
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`got ${response.status()} for ${new URL(response.url()).pathname}`);
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
  return faults;
}

// --- internal ---

function pagesOf(site: string): string[] {
  return fs
    .readdirSync(site, { recursive: true, encoding: "utf8" })
    .filter((file) => path.basename(file) === "index.html")
    .map((file) => `/${file.replaceAll(path.sep, "/").replace(/index\.html$/, "")}`)
    .sort();
}

async function visit(page: Page, url: string, address: string, alive: boolean): Promise<Visit> {
  const faults = faultsOn(page, url);
  const requests: string[] = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));

  await page.goto(new URL(address, url).href, { waitUntil: "networkidle" });
  if (alive) await page.waitForSelector("html[data-alive]", { state: "attached" });

  const areas = await page.locator(".chart-area").all();
  const drawn = await Promise.all(areas.map((area) => area.locator("svg path").count()));
  return {
    address,
    title: await page.title(),
    heading: (await page.locator("h1").allTextContents()).join(" / "),
    figures: await page
      .locator("[data-figure]")
      .evaluateAll((found) =>
        found.map((element) => ({ name: element.getAttribute("data-figure") ?? "", text: element.textContent ?? "" })),
      ),
    charts: { expected: areas.length, drawn: drawn.filter((paths) => paths > 0).length },
    requests,
    faults,
  };
}
