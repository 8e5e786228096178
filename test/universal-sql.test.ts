import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";

type Row = Record<string, unknown>;
interface Sources {
  buildMultipartParquet(
    columns: Column[],
    data: unknown,
    scratch: string,
    folder: string,
    file: string,
    batchSize?: number,
  ): Promise<number>;
  get_all_page_queries(route: string, parameters: string): string;
  get_cache_for_hash(hash: string): Uint8Array;
}
interface Engine {
  initDB(): Promise<void>;
  setParquetURLs(manifest: Record<string, string[]>): Promise<void>;
  updateSearchPath(schemas: string[]): Promise<void>;
  query(sql: string, asker?: Record<string, unknown>): Row[] & { _evidenceColumnTypes: Row[] };
  tableFromIPC(bytes: Uint8Array): unknown;
  arrowTableToJSON(table: unknown): Row[];
}
interface Column {
  name: string;
  evidenceType: "number" | "string" | "date" | "boolean";
}

const ROOT = path.join(import.meta.dirname, "..");
const PACKAGES = path.join(ROOT, "node_modules", "@evidence-dev");
const OURS = path.join(ROOT, "evidence", "universal-sql");
const PUBLISHED = path.join(".svelte-kit", "output", "prerendered", "dependencies", "api");
const load = async <Module>(file: string): Promise<Module> => import(pathToFileURL(path.join(OURS, file)).href);

/** The versions that evidence/ was written against. */
const VERSIONS: Record<string, string> = {
  "@duckdb/duckdb-wasm": "1.32.0",
  "@evidence-dev/component-utilities": "4.0.13",
  "@evidence-dev/core-components": "5.4.2",
  "@evidence-dev/db-commons": "1.1.1",
  "@evidence-dev/duckdb": "2.0.1",
  "@evidence-dev/evidence": "40.1.8",
  "@evidence-dev/preprocess": "6.0.7",
  "@evidence-dev/sdk": "4.0.2",
  "@sveltejs/kit": "2.8.4",
  "apache-arrow": "17.0.0",
};

describe("after an upgrade of Evidence (if one of these fails: evidence/README.md says what to check)", () => {
  test("the versions are those that our changes were written against", () => {
    const installed = Object.keys(VERSIONS).map((name) => [name, version(path.join(ROOT, "node_modules", name))]);
    expect(Object.fromEntries(installed)).toEqual(VERSIONS);
  });

  test("every package that runs SQL gets ours", () => {
    for (const name of readdirSync(PACKAGES)) {
      expect([name, existsSync(path.join(PACKAGES, name, "node_modules", "@evidence-dev", "universal-sql"))]).toEqual([
        name,
        false,
      ]);
    }
    expect(version(path.join(PACKAGES, "universal-sql"))).toBe(version(OURS));
    expect(readFileSync(path.join(PACKAGES, "universal-sql", "package.json"), "utf8")).toContain("Rollbook's own");
  });

  test("ours exports every name that they import", async () => {
    const exported: Record<string, string[][]> = {
      "": [Object.keys(await load<object>("index.js"))],
      "/client-duckdb": [
        Object.keys(await load<object>("build-engine.js")),
        Object.keys(await load<object>("browser-engine.js")),
      ],
    };
    const imports = importsOfUniversalSql();
    expect(imports.length).toBeGreaterThan(5);
    for (const { file, entry, names } of imports) {
      expect([file, Object.keys(exported)]).toEqual([file, expect.arrayContaining([entry])]);
      for (const names_exported of exported[entry] ?? []) {
        expect([file, names_exported]).toEqual([file, expect.arrayContaining(names)]);
      }
    }
  });

  test("what we leave out of Evidence's template and library is there to be left out", () => {
    const template = path.join(PACKAGES, "evidence", "template");
    const left = /const UNUSED = \[([^\]]*)\]/.exec(
      readFileSync(path.join(ROOT, "evidence", "svelte.config.js"), "utf8"),
    )?.[1];
    const files = [...(left ?? "").matchAll(/"([^"]+)"/g)].map(([, file = ""]) => path.join(template, file));
    expect(files.length).toBeGreaterThan(5);
    const library = path.join(PACKAGES, "core-components", "dist");
    files.push(path.join(library, "unsorted", "ui", "QueryViewer.svelte"), path.join(library, "themes", "themes.js"));
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
  });
});

describe("from a source query to a page", () => {
  const columns: Column[] = [
    { name: "count", evidenceType: "number" },
    { name: "day", evidenceType: "date" },
    { name: "open", evidenceType: "boolean" },
    { name: "school", evidenceType: "string" },
  ];
  const full = { count: 12.5, day: new Date("2026-03-20"), open: true, school: "Zoë’s" };
  const empty = { count: null, day: null, open: null, school: null };
  let sources: Sources;
  let engine: Engine;

  beforeAll(async () => {
    sources = await load<Sources>("index.js");
    engine = await load<Engine>("build-engine.js");
    await engine.initDB();
  });

  /** Writes a table as `evidence sources` does and reads it back as a page does. */
  const roundTrip = async (
    data: unknown,
    kinds = columns,
    batchSize?: number,
  ): Promise<ReturnType<Engine["query"]>> => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "rollbook-source-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    await sources.buildMultipartParquet(kinds, data, folder, folder, "marks.parquet", batchSize);
    await engine.setParquetURLs({ board: [path.join(folder, "marks.parquet")] });
    await engine.updateSearchPath(["board"]);
    return engine.query("select * from marks");
  };

  test("values keep their kind and nulls stay null, in date columns too", async () => {
    expect(await roundTrip([full, empty])).toEqual([full, empty]);
  });

  test("columns of nothing but nulls keep their kind", async () => {
    const rows = await roundTrip([empty]);
    expect(rows).toEqual([empty]);
    expect(rows._evidenceColumnTypes.map(({ evidenceType }) => evidenceType)).toEqual([
      "number",
      "date",
      "boolean",
      "string",
    ]);
  });

  test("a table without rows is a table", async () => {
    expect(await roundTrip([])).toEqual([]);
    expect(engine.query("select count(*) as n, max(day) as last from marks")).toEqual([{ n: 0, last: null }]);
  });

  test("rows may come in batches, and more of them than are held at once", async () => {
    const batches = async function* () {
      yield [full, empty];
      yield [full];
    };
    expect(await roundTrip(batches(), columns, 2)).toEqual([full, empty, full]);
    expect(await roundTrip([[full], [empty]])).toEqual([full, empty]);
  });

  test("whole numbers arrive as numbers, and one too large to be exact stops the build", async () => {
    const kinds: Column[] = [{ name: "n", evidenceType: "number" }];
    expect(await roundTrip([{ n: 4_040_305n }], kinds)).toEqual([{ n: 4_040_305 }]);
    await expect(roundTrip([{ n: 2n ** 60n }], kinds)).rejects.toThrow('Column "n" holds a whole number too large');
  });

  test("results of every type that a page may ask for are plain values", () => {
    const [row] = engine.query(`
      select 7::bigint as big, 3::hugeint as huge, -1.25::decimal(5, 2) as exact, true as yes,
        date '2026-03-20' as day, timestamp '2026-03-20 09:00:00' as moment, null::date as never,
        [1, 2] as whole, [0.5::double, null] as parts, [count(*)] as counts, [date '2026-03-20'] as days,
        {'n': 1::bigint, 'on': date '2026-03-20'} as pair, map {'a': 1} as named, null::integer[] as none`);
    expect(row).toEqual({
      big: 7,
      huge: 3,
      exact: -1.25,
      yes: true,
      day: new Date("2026-03-20"),
      moment: new Date("2026-03-20T09:00:00Z"),
      never: null,
      whole: [1, 2],
      parts: [0.5, null],
      counts: [1],
      days: [new Date("2026-03-20")],
      pair: { n: 1, on: new Date("2026-03-20") },
      named: { a: 1 },
      none: null,
    });
  });

  test("the result of a prerendered query is published for the page that asked, once for all pages", async () => {
    workElsewhere();
    const ask = (additional_hash: string) =>
      engine.query("select 1 as one", { route_hash: "r", additional_hash, query_name: "q", prerendering: true });
    expect([ask("a"), ask("b")]).toEqual([[{ one: 1 }], [{ one: 1 }]]);
    await Promise.resolve();

    const { q } = JSON.parse(readFileSync(path.join(PUBLISHED, "r", "b", "all-queries.json"), "utf8"));
    expect(JSON.parse(sources.get_all_page_queries("r", "a"))).toEqual({ q });
    const results = path.join(PUBLISHED, "prerendered_queries");
    expect(readdirSync(results)).toEqual([`${q}.arrow`]);
    const bytes = readFileSync(path.join(results, `${q}.arrow`));
    expect(engine.arrowTableToJSON(engine.tableFromIPC(bytes))).toEqual([{ one: 1 }]);
  });

  test("a query that Evidence labels anew each time that a page asks it is run once, and a page's results are listed together", async () => {
    workElsewhere();
    // as in @evidence-dev/sdk/src/usql/query/Query.js
    const labelled = (name: string, alias: string, of = "random() as one") =>
      `---- Data ${name} 1rf0hrp\nSELECT *\nFROM (select ${of}) AS "inputQuery-${alias}"\n`;
    const ask = (query_name: string, sql: string) =>
      engine.query(sql, { route_hash: "once", additional_hash: "a", query_name, prerendering: true });
    const first = ask("q", labelled("q", "x_"));
    expect(ask("again", labelled("again", "-7"))).toEqual(first);
    expect(ask("other", labelled("other", "x_", "random() as two"))).not.toEqual(first);
    const listed = path.join(PUBLISHED, "once", "a", "all-queries.json");
    expect(existsSync(listed)).toBe(false);
    await Promise.resolve();
    const { q, again, other } = JSON.parse(readFileSync(listed, "utf8"));
    expect(again).toBe(q);
    expect(other).not.toBe(q);
  });

  test("while a site is developed a result is kept for its server, and every query is run again", async () => {
    workElsewhere();
    const ask = () =>
      engine.query("select random() as one", {
        route_hash: "dev",
        additional_hash: "a",
        query_name: "q",
        prerendering: false,
      });
    expect(ask()).not.toEqual(ask());
    const { q = "" } = JSON.parse(sources.get_all_page_queries("dev", "a"));
    expect(engine.arrowTableToJSON(engine.tableFromIPC(sources.get_cache_for_hash(q)))).toHaveLength(1);
    expect(existsSync(PUBLISHED)).toBe(false);
  });

  test("nothing is fetched to answer a query: an extension that is not built in is refused", () => {
    expect(() => engine.query("select * from read_parquet('x.parquet')")).toThrow("parquet extension");
  });
});

// --- internal ---

/** Moves into an empty folder until the test is over: published results lie where SvelteKit is run. */
function workElsewhere(): void {
  const folder = mkdtempSync(path.join(os.tmpdir(), "rollbook-page-"));
  const before = process.cwd();
  process.chdir(folder);
  onTestFinished(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true, force: true });
  });
}

function version(folder: string): string {
  return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")).version;
}

/** Each import of universal-sql in Evidence's packages, with the names it asks for. */
function importsOfUniversalSql(): { file: string; entry: string; names: string[] }[] {
  const sources = readdirSync(PACKAGES)
    .filter((name) => name !== "universal-sql")
    .flatMap((name) =>
      readdirSync(path.join(PACKAGES, name), { recursive: true, encoding: "utf8" }).map((file) =>
        path.join(name, file),
      ),
    )
    .filter((file) => /(?<!\.d)\.(js|cjs|mjs|ts|svelte)$/.test(file) && statSync(path.join(PACKAGES, file)).isFile());
  return sources.flatMap((file) => {
    const code = readFileSync(path.join(PACKAGES, file), "utf8");
    const asked = code.matchAll(/(?:from|import\(|require\()\s*["']@evidence-dev\/universal-sql[^"']*["']/g);
    const named = code.matchAll(
      /(?:import|export)\s*\{([^}]*)\}\s*from\s*["']@evidence-dev\/universal-sql([^"']*)["']/g,
    );
    const imports = Array.from(named, ([, names = "", entry = ""]) => ({ file, entry, names: namesIn(names) }));
    // an import of another form would escape the check
    expect([file, imports.length]).toEqual([file, [...asked].length]);
    return imports;
  });
}

function namesIn(list: string): string[] {
  return list
    .split(",")
    .map((name) => name.trim().split(/\s+as\s+/)[0] ?? "")
    .filter(Boolean);
}
