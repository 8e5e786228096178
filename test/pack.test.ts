import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { getDocument } from "pdfjs-dist/legacy/build/pdf.mjs";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { packOf } from "../commands/pack.ts";
import { findChromium, withChromium } from "../evidence/browser.ts";
import { placeLogo } from "../evidence/logo.ts";
import { writePack } from "../evidence/pack.ts";
import { dataFolders } from "../ingest/lake.ts";
import { readProject } from "../ingest/project.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { rollbook } from "./command.ts";
import { figuresOfWarehouse, readFigure } from "./figures.ts";

const project = readProject(inject("project"));
const { path: warehouse } = warehouseInUse(dataFolders(project).warehouse);
const [school] = project.schools;
const URN = school?.urn ?? 0;
/** A4 less the margins of 15 mm, in CSS pixels. */
const PAPER = 680;

const PACKS = [
  { words: ["--trust"], ...packOf(project, undefined), name: "trust" },
  { words: ["--school", String(URN)], ...packOf(project, URN), name: String(URN) },
];

describe.skipIf(!findChromium())("a board pack (skipped where there is no Chromium)", () => {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-pack-"));
  afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

  describe.each(PACKS)("of $whose", ({ words, whose, pages, name }) => {
    const file = (ending: string) => path.join(scratch, `${name}.${ending}`);
    let printed: Printed;
    let headings: string[] = [];
    beforeAll(async () => {
      const out = path.join(scratch, name);
      const { code, stderr } = await rollbook("pack", ...words, "--out", out, "--project", project.dir);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      printed = await readPdf(file("pdf"));
      headings = pages.map((address) => headingOf(path.join(project.site, "board", address, "index.html")));
    });

    test("has its pages of the site in order, each on the sheet that the contents say", () => {
      expect(printed.outline.map(({ title }) => title)).toEqual(["Attendance board pack", ...headings]);
      const [contents = ""] = printed.sheets;
      for (const { title, sheet } of printed.outline.slice(1)) {
        expect(contents).toContain(`${squeezed(title)}${sheet}`);
        expect(printed.sheets[sheet - 1]).toContain(squeezed(title));
      }
    });

    test("says on every sheet whose it is, as at which day, and which sheet of how many it is", () => {
      const of = printed.sheets.length;
      for (const [i, text] of printed.sheets.entries()) {
        expect(text).toContain(squeezed(`${whose}. As at 20 March 2026 Page ${i + 1} of ${of}`));
      }
    });

    test("is tagged for screen readers, in British English, with headings, lists and tables with their headers", () => {
      expect(printed.isTagged).toBe(true);
      expect(printed.language).toBe("en-GB");
      expect(printed.title).toBe(`Attendance board pack – ${whose}`);
      for (const role of ["H1", "H2", "P", "L", "LI", "Table", "TR", "TH", "TD", "Link"]) {
        expect(printed.roles).toContain(role);
      }
    });

    test("has every figure of its pages, which are the warehouse's, in the file and on paper", async () => {
      const expected = await figuresOfWarehouse(warehouse);
      const { figures, blocks } = await readHtml(file("html"));
      expect(figures.length).toBeGreaterThan(20);
      for (const { name, text } of figures) expect([name, readFigure(text)]).toEqual([name, expected.get(name)]);
      const footer = squeezed(`${whose}. As at 20 March 2026 Page`);
      const paper = printed.sheets.map((sheet) => sheet.slice(0, sheet.lastIndexOf(footer))).join("");
      let at = 0;
      for (const block of blocks) {
        const found = paper.indexOf(squeezed(block), at);
        expect({ block, isOnPaper: found >= at }).toEqual({ block, isOnPaper: true });
        at = found;
      }
    });

    test("is cut nowhere on paper, and no table, figure or sentence is wider than it", async () => {
      const { widest } = await readHtml(file("html"));
      expect(widest).toBeLessThanOrEqual(PAPER);
    });

    test("is one file that asks for nothing, runs nothing, draws every chart and fits a phone", async () => {
      const { requests, charts, drawn, scripts, overflow, ids } = await readHtml(file("html"));
      expect(requests).toEqual([pathToFileURL(file("html")).href]);
      expect(scripts).toBe(0);
      expect(drawn).toBe(charts);
      expect(charts).toBeGreaterThan(0);
      expect(overflow).toBeLessThanOrEqual(0);
      expect(new Set(ids).size).toBe(ids.length);
      expect(fs.statSync(file("html")).size).toBeLessThan(1_000_000);
    });
  });

  test("has the trust's logo on its first sheet, within the file itself", async () => {
    const site = path.join(scratch, "site");
    fs.cpSync(path.join(project.site, "board"), site, { recursive: true });
    const bytes = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 1"><rect width="3" height="1"/></svg>',
    );
    await placeLogo(site, { file: "logo.svg", bytes, width: 168, height: 56, alt: project.trust });
    const out = path.join(scratch, "with-logo");
    await writePack({ site, pages: ["/words/"], whose: project.trust, out, log: () => {} });
    const image = `<img class="logo" src="data:image/svg+xml;base64,${bytes.toString("base64")}" width="168" height="56" alt="${project.trust}">`;
    expect(fs.readFileSync(`${out}.html`, "utf8").split(image)).toHaveLength(2);
    const { sheets, roles } = await readPdf(`${out}.pdf`);
    expect(sheets[0]).toMatch(new RegExp(`^${squeezed(project.trust)}`));
    expect(roles).toContain("Figure");
  });

  test("is refused for a school that the trust does not have, and before there is a site", async () => {
    const stranger = await rollbook("pack", "--school", "100000", "--project", project.dir);
    expect(stranger).toMatchObject({ code: 1, stderr: expect.stringMatching(/^The trust has no school with the URN/) });
    fs.copyFileSync(path.join(project.dir, "rollbook.yaml"), path.join(scratch, "rollbook.yaml"));
    fs.cpSync(path.join(project.dir, "policies"), path.join(scratch, "policies"), { recursive: true });
    const early = await rollbook("pack", "--trust", "--project", scratch);
    expect(early).toMatchObject({ code: 1, stderr: expect.stringMatching(/Build it with: rollbook site/) });
  });

  test.each([[[]], [["--trust", "--school", String(URN)]]])("is of the trust or of a school: not %j", async (words) => {
    expect(await rollbook("pack", ...words, "--project", project.dir)).toMatchObject({ code: 2 });
  });
});

// --- internal ---

interface Printed {
  /** The text of each sheet, without blanks. */
  sheets: string[];
  outline: { title: string; sheet: number }[];
  isTagged: boolean;
  roles: Set<string>;
  language: string;
  title: string;
}

interface StructNode {
  role?: string;
  children?: StructNode[];
}

async function readPdf(file: string): Promise<Printed> {
  const task = getDocument({ data: new Uint8Array(fs.readFileSync(file)), verbosity: 0 });
  const pdf = await task.promise;
  const sheets: string[] = [];
  const roles = new Set<string>();
  const collect = (node: StructNode | null) => {
    if (node?.role) roles.add(node.role);
    for (const child of node?.children ?? []) collect(child);
  };
  for (let number = 1; number <= pdf.numPages; number++) {
    const page = await pdf.getPage(number);
    const { items } = await page.getTextContent();
    sheets.push(squeezed(items.map((item) => ("str" in item ? item.str : "")).join("")));
    collect((await page.getStructTree()) as StructNode | null);
  }
  const outline: Printed["outline"] = [];
  for (const { title, dest } of (await pdf.getOutline()) ?? []) {
    const explicit = typeof dest === "string" ? await pdf.getDestination(dest) : dest;
    outline.push({ title, sheet: (await pdf.getPageIndex(explicit?.[0])) + 1 });
  }
  const marks = (await pdf.getMarkInfo()) as { Marked?: boolean } | null;
  const { info } = (await pdf.getMetadata()) as { info: { Language?: string; Title?: string } };
  await task.destroy();
  return {
    sheets,
    outline,
    isTagged: marks?.Marked === true,
    roles,
    language: info.Language ?? "",
    title: info.Title ?? "",
  };
}

/** Opens the file as a reader without a server and without JavaScript does, on a phone and as it is printed. */
async function readHtml(file: string) {
  return withChromium(async (browser) => {
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    const onPhone = await page.evaluate(() => ({
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      scripts: document.scripts.length,
      charts: document.querySelectorAll(".chart-area").length,
      drawn: [...document.querySelectorAll(".chart-area")].filter((area) => area.querySelector("svg path")).length,
      ids: [...document.querySelectorAll("[id]")].map(({ id }) => id),
      figures: [...document.querySelectorAll("[data-figure]")].map((element) => ({
        name: element.getAttribute("data-figure") ?? "",
        text: element.textContent ?? "",
      })),
    }));
    await page.emulateMedia({ media: "print" });
    await page.setViewportSize({ width: PAPER, height: 1000 });
    const onPaper = await page.evaluate(() => {
      const visible = [...document.querySelectorAll<HTMLElement>("main *")].filter((one) => one.checkVisibility());
      const blocks = [...document.querySelectorAll("[data-figure]")]
        .filter((element) => element.checkVisibility())
        .map((element) => element.closest("p, li, td, th, dd")?.textContent ?? "");
      return { widest: Math.max(...visible.map((one) => one.getBoundingClientRect().right)), blocks };
    });
    return { requests, ...onPhone, ...onPaper };
  });
}

function headingOf(file: string): string {
  const [, heading = ""] = /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(fs.readFileSync(file, "utf8")) ?? [];
  return heading.replace(/<[^>]*>/g, "").trim();
}

function squeezed(text: string): string {
  return text.replace(/\s+/g, "");
}
