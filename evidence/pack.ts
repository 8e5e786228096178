import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { getDocument } from "pdfjs-dist/legacy/build/pdf.mjs";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { RollbookError } from "../ingest/errors.ts";
import { withChromium } from "./browser.ts";
import { escaped } from "./html.ts";
import { serveSite } from "./serve.ts";

/** A4 less its margins, in CSS pixels: charts are drawn as wide as they are printed. */
const PAPER_WIDTH = 680;
const PORT = 4700;
/** A slow laptop draws a page in seconds. */
const LONGEST_WAIT_MS = 120_000;
const PACK_STYLES = path.join(import.meta.dirname, "pack.css");

export interface PackOptions {
  /** The folder of a rendered board site. */
  site: string;
  /** The addresses of its pages that make up the pack, in order. */
  pages: string[];
  /** Whose pack it is: the trust, or the school and its trust. */
  whose: string;
  /** The file to write, without its ending: `.html` and `.pdf` are written. */
  out: string;
  log: (line: string) => void;
}

export interface Pack {
  pdf: string;
  html: string;
  /** How many sheets the PDF has. */
  sheets: number;
}

interface PackDocument {
  whose: string;
  sections: Section[];
  styles: string;
}

/** A page of the site as it stands in the pack. */
interface Section {
  id: string;
  heading: string;
  html: string;
  /** The page's last lines: the as-at date and how good the data is. They are the same on every page. */
  footer: string;
  /** The trust's logo, if it has one, on every page the same: its picture is in its address. */
  logo: string;
  /** Every style rule that the page loads. */
  styles: string[];
}

/**
 * Writes pages of the board site as one document: an HTML file that needs nothing else, and a tagged PDF with contents and
 * page numbers.
 *
 * Each page is opened in a browser, and what is there once its charts are drawn goes into the pack: its figures are those of
 * the site that the gate and the auditor passed.
 *
 * @throws {RollbookError} if there is no site or no browser, or a page does not draw its charts
 */
export async function writePack({ site, pages, whose, out, log }: PackOptions): Promise<Pack> {
  const server = await serveSite({ site, port: PORT, log: () => {} });
  try {
    return await withChromium(async (browser) => {
      const context = await browser.newContext({
        viewport: { width: PAPER_WIDTH, height: 1000 },
        colorScheme: "light",
        reducedMotion: "reduce",
      });
      context.setDefaultTimeout(LONGEST_WAIT_MS);
      const sections: Section[] = [];
      for (const address of pages) {
        log(`reading ${address}`);
        sections.push(await readPage(context, new URL(address, server.url), pages));
      }
      const rules = new Set(sections.flatMap((section) => section.styles));
      const styles = [...rules, await readFile(PACK_STYLES, "utf8")].join("\n");
      log("printing");
      const document = { whose, sections, styles };
      const { bytes, sheets } = await print(browser, document);
      const [pdf, html] = [`${out}.pdf`, `${out}.html`];
      await mkdir(path.dirname(out), { recursive: true });
      await writeWhole(pdf, bytes);
      await writeWhole(html, htmlOf(document));
      return { pdf, html, sheets };
    });
  } finally {
    await server.close();
  }
}

// --- internal ---

/** Opens a page and takes out what is on it, for a document in which every page has ids and links of its own. */
async function readPage(context: BrowserContext, url: URL, pages: string[]): Promise<Section> {
  const page = await context.newPage();
  try {
    await page.goto(url.href, { waitUntil: "networkidle" });
    await page
      .waitForFunction(
        () =>
          "alive" in document.documentElement.dataset &&
          [...document.querySelectorAll(".chart-area")].every((area) => area.querySelector("svg path")),
      )
      .catch(() => {
        throw new RollbookError(
          `The page ${url.pathname} does not draw its charts. Build the site again: rollbook site`,
        );
      });
    const ids = Object.fromEntries(pages.map((address) => [address, idOf(address)]));
    return { id: idOf(url.pathname), ...(await page.evaluate(takeOut, { ids, id: idOf(url.pathname) })) };
  } finally {
    await page.close();
  }
}

function idOf(address: string): string {
  return `page${address.replaceAll("/", "-").replace(/-$/, "")}`;
}

/** Runs in the page. */
async function takeOut({ ids, id }: { ids: Record<string, string>; id: string }) {
  const main = document.querySelector("main") ?? document.body;
  for (const element of main.querySelectorAll("script, button, select, input, label")) element.remove();
  // a paragraph that is nothing but a link leads about the site
  for (const paragraph of main.querySelectorAll("p")) {
    const [only, ...others] = paragraph.children;
    if (only?.tagName === "A" && others.length === 0 && only.textContent === paragraph.textContent) paragraph.remove();
  }
  // what the library draws is as wide as the page was; what we draw ourselves is as wide as its place
  for (const area of main.querySelectorAll(".chart-area")) {
    const svg = area.querySelector("[_echarts_instance_] svg");
    if (!svg) continue;
    if (!svg.hasAttribute("viewBox")) {
      svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
    }
    svg.removeAttribute("style");
    area.replaceChildren(svg);
  }
  for (const link of main.querySelectorAll("a")) {
    const target = new URL(link.href, location.href);
    const to = ids[target.pathname];
    if (target.origin === location.origin && to)
      link.setAttribute("href", `#${target.hash ? `${to}-${target.hash.slice(1)}` : to}`);
    else link.replaceWith(...link.childNodes);
  }
  for (const element of main.querySelectorAll("[id]")) element.id = `${id}-${element.id}`;
  for (const element of main.querySelectorAll("*")) {
    for (const { name, value } of [...element.attributes]) {
      if (/^(for|aria-(labelledby|describedby|controls))$/.test(name)) {
        element.setAttribute(
          name,
          value.replace(/\S+/g, (one) => `${id}-${one}`),
        );
      } else if (value.includes("url(#")) element.setAttribute(name, value.replaceAll("url(#", `url(#${id}-`));
      else if (/^(xlink:)?href$/.test(name) && element.closest("svg") && value.startsWith("#")) {
        element.setAttribute(name, `#${id}-${value.slice(1)}`);
      }
    }
  }
  // what a heading stands above is not closed on paper
  for (const details of main.querySelectorAll<HTMLDetailsElement>("h2 + details")) details.open = true;
  const footer = main.querySelector("footer.as-at");
  footer?.remove();
  const logo = document.querySelector<HTMLImageElement>("img.logo");
  if (logo) {
    const picture = await (await fetch(logo.src)).blob();
    logo.src = await new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(String(reader.result));
      reader.readAsDataURL(picture);
    });
  }
  return {
    heading: main.querySelector("h1")?.textContent?.trim() ?? "",
    html: main.innerHTML,
    footer: footer?.innerHTML ?? "",
    logo: logo?.outerHTML ?? "",
    styles: [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)),
  };
}

/**
 * The pack as one HTML document.
 *
 * @param sheets the sheet on which each section begins, for the contents of a printed pack
 */
function htmlOf({ whose, sections, styles }: PackDocument, sheets?: number[]): string {
  const title = `Attendance board pack – ${whose}`;
  const contents = sections.map(({ id, heading }, i) => {
    const sheet = sheets ? `<span>${sheets[i] ?? ""}</span>` : "";
    return `<li><a href="#${id}">${escaped(heading)}</a>${sheet}</li>`;
  });
  return `<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escaped(title)}</title>
<style>
${styles}
</style>
</head>
<body>
<main>
<section>
${sections[0]?.logo ?? ""}
<p class="whose">${escaped(whose)}</p>
<h1>Attendance board pack</h1>
<div class="as-at">${sections[0]?.footer ?? ""}</div>
<h2>Contents</h2>
<ol class="contents">
${contents.join("\n")}
</ol>
</section>
${sections.map(({ id, html }) => `<section class="pack-page" id="${id}">\n${html}\n</section>`).join("\n")}
</main>
</body>
</html>
`;
}

/** Prints twice: only when a document is laid out is it known on which sheet each of its sections begins. */
async function print(browser: Browser, document: PackDocument): Promise<{ bytes: Buffer; sheets: number }> {
  const page = await browser.newPage();
  const draft = await printed(
    page,
    document,
    document.sections.map(() => 0),
  );
  const { begins } = await layoutOf(draft);
  const bytes = await printed(page, document, begins);
  const layout = await layoutOf(bytes);
  if (begins.length !== document.sections.length || layout.begins.join() !== begins.join()) {
    throw new Error("the contents of the pack do not lead to its sections");
  }
  return { bytes, sheets: layout.sheets };
}

async function printed(page: Page, document: PackDocument, sheets: number[]): Promise<Buffer> {
  await page.setContent(htmlOf(document, sheets), { waitUntil: "load" });
  const asAt = await page.locator(".as-at strong").first().textContent();
  return page.pdf({
    format: "A4",
    printBackground: true,
    margin: { top: "15mm", bottom: "18mm", left: "15mm", right: "15mm" },
    tagged: true,
    outline: true,
    displayHeaderFooter: true,
    headerTemplate: "<span></span>",
    footerTemplate: `<div style="width: 100%; padding: 0 15mm; display: flex; justify-content: space-between; font: 8pt sans-serif">
      <span>${escaped(document.whose)}. As at ${asAt}</span>
      <span>Page <span class="pageNumber"></span> of <span class="totalPages"></span></span>
    </div>`,
  });
}

/** How many sheets a PDF has, and on which of them each section begins: those that its outline names after the title. */
async function layoutOf(pdf: Buffer): Promise<{ sheets: number; begins: number[] }> {
  const task = getDocument({ data: new Uint8Array(pdf), verbosity: 0 });
  try {
    const document = await task.promise;
    const [, ...sections] = (await document.getOutline()) ?? [];
    const begins: number[] = [];
    for (const { dest } of sections) {
      const explicit = typeof dest === "string" ? await document.getDestination(dest) : dest;
      begins.push((await document.getPageIndex(explicit?.[0])) + 1);
    }
    return { sheets: document.numPages, begins };
  } finally {
    await task.destroy();
  }
}

/** Writes a file so that its reader finds it whole or as it was. */
async function writeWhole(file: string, content: string | Buffer): Promise<void> {
  await writeFile(`${file}.draft`, content, { mode: 0o644 });
  await rename(`${file}.draft`, file);
}
