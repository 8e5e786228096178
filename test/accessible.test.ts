import path from "node:path";
import type { Page } from "playwright-core";
import { describe, expect, inject, test } from "vitest";
import { findChromium } from "../evidence/browser.ts";
import { readProject } from "../ingest/project.ts";
import { PAGES } from "../pages/board/navigation.ts";
import { findBarriers, findOnPages, type Look, overflow } from "./accessible.ts";
import { withBrowser } from "./browser.ts";

const site = path.join(readProject(inject("project")).site, "board");
const LOOKS: Look[] = [
  { width: 360, colorScheme: "light" },
  { width: 360, colorScheme: "dark" },
  { width: 768, colorScheme: "light" },
  { width: 1440, colorScheme: "light" },
];

describe.skipIf(!findChromium())("for every reader (skipped where there is no Chromium)", () => {
  test("axe finds nothing in the way and no page is wider than its window, on phones, tablets and desks, light and dark", async () => {
    expect(await findBarriers(site, LOOKS)).toEqual([]);
  });

  test("at 320 px Tab reaches the skip link first and then all that can be used or scrolled, and shows where it is", async () => {
    const find = async (page: Page) => [...(await unreached(page)), ...(await overflow(page))];
    expect(await findOnPages(site, { width: 320 }, find)).toEqual([]);
  });

  test("at 1440 px headings skip no level, charts have words and numbers, and nothing moves where less motion is asked for", async () => {
    const find = async (page: Page) => [
      ...(await misheaded(page)),
      ...(await wordless(page)),
      ...(await moving(page)),
      ...(await overflow(page)),
    ];
    expect(await findOnPages(site, { width: 1440, reducedMotion: "reduce" }, find)).toEqual([]);
  });
});

describe.skipIf(!findChromium())("the way about (skipped where there is no Chromium)", () => {
  test.each([true, false])(
    "folds on a phone into a line that names the page, opens, and is folded on the next page: with JavaScript %j",
    async (javaScriptEnabled) => {
      await withBrowser(site, { viewport: { width: 360, height: 740 }, javaScriptEnabled }, async (context, url) => {
        const page = await context.newPage();
        await page.goto(new URL("/trends/", url).href, { waitUntil: "networkidle" });
        const pages = page.getByRole("navigation", { name: "Pages" });
        const links = pages.getByRole("link");
        const line = pages.getByText("Pages: Is it getting better?");
        expect([await links.count(), (await pages.boundingBox())?.height]).toEqual([0, expect.closeTo(42, -1)]);
        await line.focus();
        await page.keyboard.press("Enter");
        expect(await links.count()).toBe(PAGES.length);
        for (const one of [line, ...(await links.all())]) {
          expect((await one.boundingBox())?.height).toBeGreaterThanOrEqual(24);
        }
        await links.filter({ hasText: "Do the figures add up?" }).click();
        await pages.getByText("Pages: Do the figures add up?").waitFor();
        expect(await links.count()).toBe(0);
      });
    },
  );

  test("is all there at a desk, and not on paper", async () => {
    await withBrowser(site, { viewport: { width: 1440, height: 900 } }, async (context, url) => {
      const page = await context.newPage();
      await page.goto(url);
      expect(await page.getByRole("navigation").getByRole("link").count()).toBe(PAGES.length);
      expect(await page.getByRole("navigation").locator("summary").isVisible()).toBe(false);
      await page.emulateMedia({ media: "print" });
      expect(await page.getByRole("navigation").count()).toBe(0);
    });
  });
});

// --- internal ---

/** Goes through the whole page with Tab, opening with Enter what can be opened on the way. */
async function unreached(page: Page): Promise<string[]> {
  const faults: string[] = [];
  for (let stops = 0; ; stops += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const focused = document.activeElement as HTMLElement;
      if (focused === document.body || focused.dataset.reached !== undefined) return undefined;
      focused.dataset.reached = "";
      const { outlineStyle, outlineWidth } = getComputedStyle(focused);
      const { top, right, bottom, left } = focused.getBoundingClientRect();
      return {
        name: `${focused.tagName} “${focused.ariaLabel ?? focused.textContent?.trim()}”`,
        isSkip: focused.matches("a.skip[href='#page']"),
        isSeen: bottom > 0 && right > 0 && top < innerHeight && left < innerWidth,
        isMarked: outlineStyle !== "none" && Number.parseFloat(outlineWidth) > 0,
        isClosed: focused.matches("details:not([open]) > summary"),
      };
    });
    if (!stop) break;
    if (stops === 0 && !stop.isSkip) faults.push(`Tab comes first to ${stop.name}`);
    if (!stop.isSeen || !stop.isMarked) faults.push(`${stop.name} has the focus and does not show it`);
    if (stop.isClosed) {
      await page.keyboard.press("Enter");
      if (!(await page.evaluate(() => document.activeElement?.matches("details[open] > summary")))) {
        faults.push(`${stop.name} does not open`);
      }
    }
  }
  await page.locator(".skip").focus();
  await page.keyboard.press("Enter");
  if ((await page.evaluate(() => document.activeElement?.id)) !== "page") faults.push("the skip link does not skip");
  return [...faults, ...(await leftOut(page))];
}

/** What can be used or scrolled and was not reached, and what can be scrolled and does not say what it is. */
async function leftOut(page: Page): Promise<string[]> {
  return page.locator("body *:visible").evaluateAll((elements) =>
    (elements as HTMLElement[]).flatMap((element) => {
      const { overflowX, overflowY } = getComputedStyle(element);
      const scrolls =
        (/auto|scroll/.test(overflowX) && element.scrollWidth > element.clientWidth) ||
        (/auto|scroll/.test(overflowY) && element.scrollHeight > element.clientHeight);
      const isUsed = element.matches("a[href], button, input, select, summary, textarea, [tabindex='0']");
      const name = `${element.tagName} “${element.ariaLabel ?? element.textContent?.trim().slice(0, 60)}”`;
      return [
        ...((scrolls || isUsed) && element.dataset.reached === undefined ? [`${name} is not reached`] : []),
        ...(scrolls && !element.matches("[role=region][aria-label][tabindex='0']") ? [`${name} scrolls unnamed`] : []),
      ];
    }),
  );
}

async function misheaded(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map(({ tagName }) => Number(tagName[1]));
    const faults = levels.flatMap((level, at) => {
      const before = levels[at - 1] ?? 0;
      return level > before + 1 ? [`h${level} after ${before ? `h${before}` : "nothing"}`] : [];
    });
    const first = levels.filter((level) => level === 1).length;
    if (first !== 1) faults.push(`${first} h1`);
    const { lang } = document.documentElement;
    if (lang !== "en-GB") faults.push(`in ${lang}`);
    return faults;
  });
}

async function wordless(page: Page): Promise<string[]> {
  return page.locator(".chart-area").evaluateAll((areas) =>
    areas.flatMap((area) => {
      const figure = area.closest("figure");
      const title = figure?.querySelector("figcaption > strong")?.textContent?.trim();
      const words = figure?.querySelector("figcaption > .sr-only")?.textContent?.trim();
      const rows = figure?.querySelectorAll("details > summary + .scroll tbody tr").length;
      return title && words && rows ? [] : [`“${title}”: ${words ? "" : "no words, "}${rows} rows`];
    }),
  );
}

async function moving(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const seconds = (list: string) => Math.max(...list.split(",").map(Number.parseFloat));
    return [...document.querySelectorAll("*")].flatMap((element) => {
      const style = getComputedStyle(element);
      const moves =
        (style.animationName !== "none" && seconds(style.animationDuration) > 0.01) ||
        (style.transitionProperty !== "none" && seconds(style.transitionDuration) > 0.01);
      return moves ? [`${element.tagName} ${element.className}`] : [];
    });
  });
}
