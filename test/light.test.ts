import fs from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { findChromium, withChromium } from "../evidence/browser.ts";
import { readProject } from "../ingest/project.ts";
import { type FirstView, firstView, withCompressed } from "./first_view.ts";

const project = readProject(inject("project"));
const site = path.join(project.site, "board");
/** The pages of one school stand for those of the others, which are made of the same programs. */
const [, ...otherSchools] = project.schools.map(({ urn }) => String(urn));
/** What a page may weigh before a reader has touched anything, compressed. */
const MOST_BYTES = 500_000;

describe.skipIf(!findChromium())("the first view of each kind of page (skipped where there is no Chromium)", () => {
  const views: FirstView[] = [];
  beforeAll(async () => {
    const pages = fs
      .readdirSync(site, { recursive: true, encoding: "utf8" })
      .filter((name) => path.basename(name) === "index.html")
      .map((name) => `/${path.dirname(name).replaceAll(path.sep, "/")}/`)
      .filter((page) => !otherSchools.some((urn) => page.includes(urn)));
    await withCompressed(site, (url) =>
      withChromium(async (browser) => {
        for (const page of pages.sort()) views.push(await firstView(browser, url, page.replace("/./", "/")));
      }),
    );
    console.table(views);
  });

  test("weighs less than half a megabyte, compressed, and has no query engine in it", () => {
    expect(views.length).toBeGreaterThan(10);
    expect(views.filter(({ kilobytes }) => kilobytes * 1000 > MOST_BYTES)).toEqual([]);
  });
});
