import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { tableFromIPC, tableToIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { auditSite, unauditedTables } from "../evidence/audit_site.ts";
import { findChromium } from "../evidence/browser.ts";
import { findFaults } from "../evidence/gate.ts";
import { sitePolicy, TYPES } from "../evidence/headers.ts";
import { type Logo, placeLogo, readLogo } from "../evidence/logo.ts";
import { hostingFolder } from "../evidence/placement.ts";
import { findIdentifiers, wordIndex } from "../evidence/scanner.ts";
import { renderSite } from "../evidence/site.ts";
import { boardTables, PAGES, pageAddresses } from "../evidence/workspace.ts";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { dataFolders } from "../ingest/lake.ts";
import { readProject } from "../ingest/project.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { faultsOn, type Visit, visitSite, withBrowser } from "./browser.ts";
import { figuresOfWarehouse, readFigure } from "./figures.ts";

const project = readProject(inject("project"));
const site = path.join(project.site, "board");
const { path: warehouse } = warehouseInUse(dataFolders(project).warehouse);
const [{ school_year: schoolYear = "" } = {}] = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
  rows(db, "select school_year from marts.trust"),
);
const urns = project.schools.map((school) => school.urn);

describe.skipIf(!findChromium())("in a browser (skipped where there is no Chromium)", () => {
  let visits: Visit[] = [];
  beforeAll(async () => {
    visits = await visitSite(site);
  });

  test("there is a page for each question and each school, and no other", async () => {
    expect(visits.map((visit) => visit.address)).toEqual((await pageAddresses(PAGES, "board", urns)).sort());
    const headings = new Map(visits.map((visit) => [visit.address, visit.heading]));
    expect(headings.get("/")).toBe("Where do we stand?");
    expect(headings.get("/trends/")).toBe("Is it getting better?");
    expect(headings.get("/compare/")).toBe("Compared with whom?");
    expect(headings.get("/weeks/")).toBe("How does our year run beside England’s?");
    expect(headings.get("/visits/")).toBe("Which school needs a visit?");
    expect(headings.get("/checks/")).toBe("Do the figures add up?");
    expect(headings.get("/left-behind/")).toBe("Who is being left behind?");
    for (const { urn, name } of project.schools) {
      expect(headings.get(`/left-behind/${urn}/`)).toBe(`Who is being left behind at ${name}?`);
      expect(headings.get(`/schools/${urn}/`)).toBe(`How is attendance at ${name}?`);
      expect(headings.get(`/compare/${urn}/`)).toBe(`With whom is ${name} compared?`);
    }
  });

  test("every page asks no other host, meets no error, and is titled with its question", () => {
    expect(visits.flatMap(({ address, faults }) => faults.map((fault) => `${address}: ${fault}`))).toEqual([]);
    expect(visits.map((visit) => visit.title)).toEqual(visits.map(({ heading }) => `${heading} – ${project.trust}`));
  });

  test("every chart is drawn", async () => {
    const charts = visits.map(({ address, charts: { expected, drawn } }) => ({ address, expected, drawn }));
    for (const { expected, drawn } of charts) expect(drawn).toBe(expected);
    const found = new Map(charts.map(({ address, expected }) => [address, expected]));
    const usual = ["/", "/checks/", "/weeks/", "/trends/", ...urns.map((urn) => `/schools/${urn}/`)];
    expect(usual.map((address) => found.get(address))).toEqual([1, 0, 1, 6, ...urns.map(() => 2)]);
    const ofGroups = ["/left-behind/", ...urns.map((urn) => `/left-behind/${urn}/`)];
    expect(ofGroups.map((address) => found.get(address))).toEqual(await groupCharts());
    const compared = ["/compare/", ...urns.map((urn) => `/compare/${urn}/`)];
    expect(compared.map((address) => found.get(address))).toEqual(await comparedCharts());
    expect(found.get("/visits/")).toBe(await funnels());
  });

  test("every page says to which day DfE's figures count, and when and where DfE published them", async () => {
    const [edition] = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
      rows(
        db,
        `select
          strftime(benchmarks_counted_to, '%-d %B %Y') as counted_to,
          strftime(benchmarks_published_on, '%-d %B %Y') as published_on
        from marts.trust`,
      ),
    );
    const said = `DfE’s figures count to ${edition?.counted_to} (“Pupil attendance in schools”, published ${edition?.published_on}).`;
    const words = (address: string) =>
      readFileSync(path.join(site, address, "index.html"), "utf8")
        .replace(/<[^>]*>/g, "")
        .replace(/\s+/g, " ");
    expect(visits.map(({ address }) => address).filter((address) => !words(address).includes(said))).toEqual([]);
  });

  test("no page fetches the query engine: every query was answered when the site was built", () => {
    const requests = visits.flatMap((visit) => visit.requests);
    expect(requests.filter((file) => /duckdb|\.wasm|\.parquet/.test(file))).toEqual([]);
    expect(requests.filter((file) => file.endsWith(".arrow")).length).toBeGreaterThan(0);
  });

  test("every figure on every page is the warehouse's, rounded", async () => {
    const expected = await figuresOfWarehouse(warehouse);
    const shown = visits.flatMap((visit) => visit.figures);
    expect(shown.length).toBeGreaterThan(200);
    for (const { name, text } of shown) expect([name, readFigure(text)]).toEqual([name, expected.get(name)]);
    // a figure that has gone from all pages would otherwise go unnoticed
    const names = new Set(shown.map(({ name }) => name));
    const unseen = [...expected.keys()].filter((name) => isShown(name, String(schoolYear)) && !names.has(name));
    expect(unseen).toEqual([]);
  });

  test("without JavaScript the sentences and tables say the same", async () => {
    const plain = await visitSite(site, { javaScriptEnabled: false });
    expect(plain.map(({ address, heading, figures }) => ({ address, heading, figures }))).toEqual(
      visits.map(({ address, heading, figures }) => ({ address, heading, figures })),
    );
  });

  test("the trust's logo is drawn at the top, as wide as it was said to be before it came, and stays while pages change", async () => {
    const copy = mkdtempSync(path.join(os.tmpdir(), "rollbook-logo-"));
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
    cpSync(site, copy, { recursive: true });
    await placeLogo(copy, await logoOf(copy));
    await withBrowser(copy, { viewport: { width: 360, height: 740 } }, async (context, url) => {
      const page = await context.newPage();
      const faults = faultsOn(page, url);
      await page.goto(url, { waitUntil: "networkidle" });
      const image = page.getByRole("banner").getByRole("img", { name: project.trust, exact: true });
      const look = () =>
        image.evaluate((found: HTMLImageElement) => [found.complete, found.naturalWidth > 0, found.offsetHeight]);
      expect(await look()).toEqual([true, true, 56]);
      await page.getByRole("main").getByRole("link", { name: project.schools[0]?.name }).first().click();
      await page.waitForURL(/schools/);
      expect(await look()).toEqual([true, true, 56]);
      expect(faults).toEqual([]);
    });
  });

  test("numbers that are opened under a chart move no chart beside it", async () => {
    await withBrowser(site, { viewport: { width: 1440, height: 900 } }, async (context, url) => {
      const page = await context.newPage();
      await page.goto(new URL("/trends/", url).href, { waitUntil: "networkidle" });
      const beside = page.locator(".side-by-side").first().locator("figure");
      const tops = () =>
        beside.locator(".chart-area").evaluateAll((all) => all.map((one) => (one as HTMLElement).offsetTop));
      const before = await tops();
      await beside.first().getByText("The numbers in this chart").click();
      expect(await beside.first().getByRole("table").isVisible()).toBe(true);
      expect([await tops(), new Set(before).size]).toEqual([before, 1]);
    });
  });

  test("a query that was not answered when the site was built starts the engine, from this host alone", async () => {
    await withBrowser(site, { javaScriptEnabled: true }, async (context, url) => {
      const page = await context.newPage();
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      await page.goto(url, { waitUntil: "networkidle" });
      const found = await page.evaluate(async () => {
        const { value } =
          (globalThis as unknown as Record<symbol, { value: EvidenceQuery }>)[Symbol.for("q_schools")] ?? {};
        const special = value?.where("phase = 'Special'");
        await special?.fetch();
        return special?.map((school) => [school.school_name, school.england_value]);
      });
      const school = project.schools.find(({ phase }) => phase === "Special");
      expect(found).toEqual([
        [school?.name, (await figuresOfWarehouse(warehouse)).get(`${school?.urn}|now|england_value`)],
      ]);
      expect(asked.some((request) => request.endsWith(".wasm"))).toBe(true);
      expect(asked.filter((request) => !request.startsWith(url))).toEqual([]);
    });
  });
});

test("beside the site lies what web servers and hosts need, with the policy of its own pages, and a type for every file", () => {
  const hosting = hostingFolder(site);
  const made = ["azure-static-web-apps", "caddy.conf", "cloudflare-pages", "nginx.conf"];
  expect(readdirSync(hosting).sort()).toEqual(made);
  for (const file of ["caddy.conf", "nginx.conf"]) {
    expect(readFileSync(path.join(hosting, file), "utf8")).toContain(`"${sitePolicy(site)}"`);
  }
  const files = readdirSync(site, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const endings = new Set(files.map(({ name }) => path.extname(name).slice(1)));
  expect([...endings].filter((ending) => !(ending in TYPES))).toEqual([]);
});

describe("the gate", () => {
  let scratch = "";
  beforeAll(() => {
    scratch = mkdtempSync(path.join(os.tmpdir(), "rollbook-gate-"));
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test("passes the site as it was built", async () => {
    expect(await faults(site)).toEqual([]);
  });

  test("finds nothing of a champion's site in the board's: no page, table, list or word leads there", async () => {
    expect(listing(site).filter((file) => /champion|lists/.test(file))).toEqual([]);
    expect(await findIdentifiers(site, ["champion", "Champion", "lists/"])).toEqual([]);
  });

  test("finds no small group that the site as it was built gives away, within half a minute of one processor", async () => {
    const { faults, statistics } = await auditSite(site, warehouse, () => process.cpuUsage().user / 1000);
    expect(faults).toEqual([]);
    expect(statistics.groups).toBeGreaterThan(500);
    expect(statistics.milliseconds).toBeLessThan(30_000);
  });

  test("finds a table that is shipped and that nobody has listed", async () => {
    const copy = copyOfSite();
    const manifest = path.join(copy, "data", "manifest.json");
    const [, schools = ""] =
      /"static\/(data\/board\/[^"]*\/schools\.parquet)"/.exec(readFileSync(manifest, "utf8")) ?? [];
    cpSync(path.join(copy, schools), path.join(copy, path.dirname(schools), "pupils.parquet"));
    plant(manifest, '"board":[', `"board":["static/${path.dirname(schools)}/pupils.parquet",`);
    const { faults } = await auditSite(copy, warehouse, () => performance.now());
    expect(faults).toEqual([
      expect.stringMatching(/^unlisted table: board\.pupils is not in models\/board\/columns\.csv/),
    ]);
  });

  test("finds a table that is not the one that was audited", async () => {
    const copy = copyOfSite();
    expect(await unauditedTables(copy, site)).toEqual([]);
    const [, schools = ""] =
      /"static\/(data\/board\/[^"]*\/schools\.parquet)"/.exec(
        readFileSync(path.join(copy, "data", "manifest.json"), "utf8"),
      ) ?? [];
    const table = tableFromIPC(readFileSync(path.join(copy, schools)));
    writeFileSync(path.join(copy, schools), tableToIPC(table.slice(1), "stream"));
    expect(await unauditedTables(copy, site)).toEqual(["the table schools is not the one that was audited"]);
  });

  test("refuses a broken query and a misspelt column, which Evidence builds without complaint, and keeps the last site", async () => {
    const pages = path.join(scratch, "pages");
    cpSync(PAGES, pages, { recursive: true });
    plant(
      path.join(pages, "board", "schools", "[school].md"),
      "from board.attendance_bands where",
      "from board.no_such_table where",
    );
    plant(path.join(pages, "board", "index.md"), "<Standing rows={q_now}/>", "<p>{q_trust[0].trust_nmae}</p>");
    const last = path.join(scratch, "site");
    cpSync(site, last, { recursive: true });

    const workspace = path.join(scratch, "workspace");
    const bundles = path.join(scratch, "bundles");
    const rendering = renderSite({ warehouse, workspace, bundles, site: last, pages, log: () => {} });
    await expect(rendering).rejects.toThrow(
      /^The board site was not published: .* The last site is as it was\. Full log: /,
    );

    const log = readFileSync(path.join(workspace, "evidence.log"), "utf8");
    const reasons = log.slice(log.indexOf("Not published, because:"));
    expect(reasons).toMatch(/^- Evidence reported \d+ errors?$/m);
    expect(reasons).toMatch(/^- the page index\.html shows a number or text that is missing$/m);
    expect(listing(last)).toEqual(listing(site));
    expect(readdirSync(bundles)).toEqual([]);
  });

  test("a site made from the programs that the last build kept is the same, byte for byte, but for its tables' order and a logo that came since", async () => {
    const { bundles } = dataFolders(project);
    const kept = readdirSync(bundles);
    const again = path.join(scratch, "again");
    const workspace = path.join(scratch, "again-work");
    const logo = await logoOf(scratch);
    await renderSite({ warehouse, workspace, bundles, site: again, logo, log: () => {} });
    expect(readdirSync(bundles)).toEqual(kept);
    expect(readFileSync(path.join(again, logo.file))).toEqual(logo.bytes);
    rmSync(path.join(again, logo.file));
    // rows that no query puts in order come as they will, and files are named by what is in them
    const unhashed = (text: string) => text.replace(/\b[0-9a-f]{32}\b/g, "…");
    const results = (file: string) => /^api\/prerendered_queries\//.test(file);
    const all = (folder: string) => listing(folder).filter((file) => !results(file));
    expect(all(again).map(unhashed).sort()).toEqual(all(site).map(unhashed).sort());
    const manifest = (folder: string) => readFileSync(path.join(folder, "data", "manifest.json"), "utf8");
    expect(unhashed(manifest(again))).toBe(unhashed(manifest(site)));
    for (const folder of [site, again]) {
      const tables = all(folder).filter((file) => file.endsWith(".parquet"));
      const hashes = tables.map((file) =>
        createHash("md5")
          .update(readFileSync(path.join(folder, file)))
          .digest("hex"),
      );
      expect(tables.map((file) => path.basename(path.dirname(file)))).toEqual(hashes);
      expect(publishedResults(folder)).toEqual(askedResults(folder));
    }
    const named = (folder: string) => listing(folder).filter((file) => !/^(api|data)\//.test(file));
    expect(named(again)).toEqual(named(site));
    const bytes = (folder: string, file: string) => readFileSync(path.join(folder, file));
    const files = named(site).filter((file) => statSync(path.join(site, file)).isFile());
    for (const file of files.filter((name) => name.endsWith(".html"))) {
      plant(path.join(again, file), headerOf(bytes(again, file).toString()), "");
    }
    // SvelteKit states when it made the programs: these were made once
    expect(files).toContain("_app/version.json");
    expect(files.filter((file) => !bytes(again, file).equals(bytes(site, file)))).toEqual([]);
  });

  test("refuses a table that is not among the sources, whether the manifest names it or not", async () => {
    const copy = copyOfSite();
    writeFileSync(path.join(copy, "data", "board", "pupils.parquet"), "");
    expect(await faults(copy)).toEqual(["the file data/board/pupils.parquet may not be published"]);

    const manifest = path.join(copy, "data", "manifest.json");
    plant(manifest, '"board":[', '"board":["static/data/board/pupils/x/pupils.parquet",');
    expect(await faults(copy)).toContain("the table board/pupils may not be published");
  });

  test("refuses a pupil's identifier, wherever it stands, and does not repeat it", async () => {
    const copy = copyOfSite();
    plant(path.join(copy, "trends", "index.html"), "</main>", "<!-- Ellisabeth Thorncroft-Vane --></main>");
    writeFileSync(path.join(copy, "api", "note.json"), '{"upn":"A825999924017"}');
    const found = await faults(copy, ["Ellisabeth Thorncroft-Vane"]);
    expect(found.sort()).toEqual([
      "api/note.json identifies pupils in 1 place",
      "trends/index.html identifies pupils in 1 place",
    ]);
  });

  test("refuses a missing page, a page too many, an error box, a request to another host and a page without figures", async () => {
    const copy = copyOfSite();
    rmSync(path.join(copy, "schools", String(urns[0])), { recursive: true });
    cpSync(path.join(copy, "trends"), path.join(copy, "draft"), { recursive: true });
    plant(
      path.join(copy, "index.html"),
      "<h1>",
      '<img src="https://example.org/x.png"><div class="border-negative/50"></div><h1>',
    );
    const bare = path.join(copy, "trends", "index.html");
    writeFileSync(bare, readFileSync(bare, "utf8").replaceAll("data-figure=", "data-number="));
    expect((await faults(copy)).sort()).toEqual([
      "the page draft/index.html should not be there",
      "the page index.html points to another host",
      "the page index.html shows an error box",
      `the page schools/${urns[0]}/index.html is missing`,
      "the page trends/index.html has no figure",
    ]);
  });

  const copyOfSite = (): string => {
    const copy = mkdtempSync(path.join(scratch, "copy-"));
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
    cpSync(site, copy, { recursive: true });
    return copy;
  };
});

// --- internal ---

/** A logo of the trust, drawn into a folder. */
async function logoOf(dir: string): Promise<Logo> {
  const drawn = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 10"><rect width="30" height="10"/></svg>';
  writeFileSync(path.join(dir, "drawn.svg"), drawn);
  const logo = await readLogo({ dir, trust: project.trust, logo: "drawn.svg" });
  rmSync(path.join(dir, "drawn.svg"));
  if (!logo) throw new Error("a logo that is named is read");
  return logo;
}

/** What a logo adds to a page. */
function headerOf(html: string): string {
  return /\s*<header>.*<\/header>/.exec(html)?.[0] ?? "no header";
}

interface EvidenceQuery {
  where(condition: string): EvidenceQuery;
  fetch(): Promise<unknown>;
  map<T>(each: (row: Record<string, unknown>) => T): T[];
}

/** Whether some page has to show a figure: those of schools in earlier years stand only in some charts. */
function isShown(name: string, schoolYear: string): boolean {
  if (/^\w+\|(now|checks)\||^\d+\|bands\||^rows_/.test(name)) return true;
  const [school, period, year] = name.split("|");
  if (/^dfe\||\|(funnel|weeks)\|/.test(name)) return true;
  if (period === "compare") return true;
  if (period === "groups") return /\|(pupils|percent_attendance|others_percent_attendance|gap_points)$/.test(name);
  const shown = school === "trust" || (period === "year_to_date" && year === schoolYear);
  return shown && /\|(value|change_points|england_value|england_gap)$/.test(name);
}

async function faults(folder: string, forbidden: string[] = []): Promise<string[]> {
  return findFaults(folder, {
    pages: await pageAddresses(PAGES, "board", urns),
    tables: await boardTables(),
    log: "",
    forbidden: wordIndex(forbidden),
  });
}

/** Puts a fault into a file; the place must be there. */
function plant(file: string, place: string, fault: string): void {
  const text = readFileSync(file, "utf8");
  expect(text).toContain(place);
  writeFileSync(
    file,
    text.replace(place, () => fault),
  );
}

function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
}

/** The results of queries that are in a site, and those that its pages ask. */
function publishedResults(folder: string): string[] {
  return readdirSync(path.join(folder, "api", "prerendered_queries")).sort();
}

function askedResults(folder: string): string[] {
  const lists = listing(folder).filter((file) => file.endsWith("all-queries.json"));
  const asked = lists.flatMap((file) => Object.values(JSON.parse(readFileSync(path.join(folder, file), "utf8"))));
  return [...new Set(asked.map((hash) => `${hash}.arrow`))].sort();
}

/** How many charts of groups the pages of the trust and of each school have, by what may be shown. */
async function groupCharts(): Promise<number[]> {
  const found = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
    rows(
      db,
      `select
        school_urn,
        bool_or(is_current and is_watched and is_beyond_chance and gap_points < 0)::integer
          + bool_or(
            period_type = 'year' and is_watched
            and england_percent_persistent is not null and percent_persistent is not null
          )::integer
          + (school_urn in (select coalesce(school_urn, 0) from board.cohort_intersections where is_current))::integer as charts
      from (select * replace (coalesce(school_urn, 0) as school_urn) from board.cohort_gaps)
      group by school_urn
      order by school_urn`,
    ),
  );
  return found.map(({ charts }) => Number(charts));
}

/** How many charts of comparisons the pages of the trust and of each school have, by what may be shown. */
async function comparedCharts(): Promise<number[]> {
  const found = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
    rows(
      db,
      `select
        school_urn,
        bool_or(period_type = 'year_to_date' and measure = 'percent_attendance' and comparator_value is not null)::integer
          + (school_urn in (select coalesce(school_urn, 0) from marts.band_comparisons where england_school_year is not null))::integer
          + (school_urn in (
            select coalesce(groups.school_urn, 0)
            from board.cohort_gaps as groups
            join marts.year_group_comparisons as england
              on groups.school_urn is not distinct from england.school_urn and groups.school_year = england.school_year
              and groups.cohort = england.year_group and groups.period_type = 'year' and groups.breakdown = 'year_group'
            where england.england_school_year is not null and groups.percent_persistent is not null
          ))::integer as charts
      from (select * replace (coalesce(school_urn, 0) as school_urn) from marts.benchmark_comparisons)
      group by school_urn
      order by school_urn`,
    ),
  );
  return found.map(({ charts }) => Number(charts));
}

/** How many measures have a funnel. */
async function funnels(): Promise<number> {
  const [found] = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
    rows(
      db,
      `select count(distinct measure) as charts
      from marts.funnel semi join marts.funnel_limits using (phase, school_year, period_type, measure)
      join marts.trust using (school_year)
      where period_type = 'year_to_date'`,
    ),
  );
  return Number(found?.charts);
}
