/**
 * `npm run screenshots -- <project>`: pictures of the main pages of a rendered board site, as on a screen and as printed,
 * into `docs/`. Somebody has to look at them: numbers that pass tests can still read badly.
 */
import fs from "node:fs";
import path from "node:path";
import { packOf } from "../commands/pack.ts";
import { withChromium } from "../evidence/browser.ts";
import { serveSite } from "../evidence/serve.ts";
import { readProject } from "../ingest/project.ts";

/** How much of a page is shown, in pixels from its top. */
const TALLEST = 1600;
const DOCS = path.join(import.meta.dirname, "..", "docs");
/** A laptop's window, and A4 less its margins. */
const LOOKS = [
  { look: "light", media: "screen", width: 1024 },
  { look: "print", media: "print", width: 680 },
] as const;

const project = readProject(process.argv[2] ?? ".");
const [school] = project.schools;
const ofTrust = packOf(project, undefined).pages;
const ofSchool = packOf(project, school?.urn).pages.filter((page) => !ofTrust.includes(page));
const pages = [...ofTrust.filter((page) => page !== "/words/"), ...ofSchool];

fs.mkdirSync(DOCS, { recursive: true });
const server = await serveSite({ site: path.join(project.site, "board"), port: 4900, log: () => {} });
await withChromium(async (browser) => {
  for (const { look, media, width } of LOOKS) {
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: "light" });
    const page = await context.newPage();
    await page.emulateMedia({ media });
    for (const address of pages) {
      await page.goto(new URL(address, server.url).href, { waitUntil: "networkidle" });
      const name =
        address === "/"
          ? "home"
          : address
              .slice(1, -1)
              .replace(/\/\d+$/, "-of-a-school")
              .replaceAll("/", "-");
      const file = path.join(DOCS, `${name}-${look}.jpg`);
      const clip = { x: 0, y: 0, width, height: TALLEST };
      await page.screenshot({ path: file, type: "jpeg", quality: 55, fullPage: true, clip });
    }
  }
});
await server.close();
