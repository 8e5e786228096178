import axe from "axe-core";
import type { BrowserContextOptions, Page } from "playwright-core";
import { onEachPage } from "./browser.ts";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const HEIGHT = 800;

/** How a reader looks at a page. */
export interface Look {
  width: number;
  colorScheme: "light" | "dark";
}

/** What stands in a reader's way on each page of a site with everything opened: what axe finds, and a page wider than the window. */
export async function findBarriers(site: string, looks: Look[]): Promise<string[]> {
  return findOnPages(site, { width: looks[0]?.width ?? 0 }, async (page) => {
    await page.locator("details").evaluateAll((all) => {
      for (const details of all) details.setAttribute("open", "");
    });
    // axe measures no contrast on a gradient
    await page.addStyleTag({ content: ".scroll { background: none !important; }" });
    await page.evaluate(axe.source);
    const found: string[] = [];
    for (const { width, colorScheme } of looks) {
      await page.setViewportSize({ width, height: HEIGHT });
      await page.emulateMedia({ colorScheme });
      const barriers = [...(await violations(page)), ...(await overflow(page))];
      found.push(...barriers.map((barrier) => `${width} px, ${colorScheme}: ${barrier}`));
    }
    return found;
  });
}

/** Finds something on each page of a site, once it is alive and its charts are drawn; says on which page. */
export async function findOnPages(
  site: string,
  { width, ...options }: { width: number } & BrowserContextOptions,
  find: (page: Page) => Promise<string[]>,
): Promise<string[]> {
  const viewport = { width, height: HEIGHT };
  const found = await onEachPage(site, { ...options, viewport }, async (page, url, address) => {
    await page.goto(new URL(address, url).href);
    await page.waitForFunction(
      () =>
        document.documentElement.dataset.alive !== undefined &&
        [...document.querySelectorAll(".chart-area")].every((area) => area.querySelector("svg path")),
    );
    return (await find(page)).map((what) => `${address}: ${what}`);
  });
  return found.flat();
}

/** A page wider than its window. */
export async function overflow(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    return [`${scrollWidth} px wide`];
  });
}

// --- internal ---

async function violations(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate(
    (tags) => (globalThis as unknown as { axe: typeof axe }).axe.run({ runOnly: tags }),
    TAGS,
  );
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(
      ({ target, any: [reason] }) => `${id} (${impact}) at ${target.join(" ")}${reason ? `: ${reason.message}` : ""}`,
    ),
  );
}
