import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { findIdentifiers, type Wanted } from "./scanner.ts";

export interface Expected {
  /** The address of every page, such as `/` or `/schools/999001/`. */
  pages: string[];
  /** The tables that may be published, by source: `{ board: ["schools", ...] }`. */
  tables: Record<string, string[]>;
  /** What Evidence printed. */
  log: string;
  /** Names, UPNs and other identifiers that no file may hold. */
  forbidden: Wanted;
  /** Names that pages give, of which one may look like a value that is missing: Infinity is a name. */
  names?: string[];
}

/**
 * Everything that is wrong with a built site; nothing if it may be published.
 *
 * Evidence ends with success although a query failed or a column is misspelt, so its exit code is not enough.
 * A fault names a page or file and never quotes what stands there.
 */
export async function findFaults(site: string, expected: Expected): Promise<string[]> {
  const files = (await readdir(site, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(site, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"));
  return [
    ...faultsInLog(expected.log),
    ...faultsInPageList(files, expected.pages),
    ...(
      await Promise.all(
        files.filter((file) => file.endsWith(".html")).map((file) => faultsInPage(site, file, expected.names ?? [])),
      )
    ).flat(),
    ...(await faultsInData(site, files, expected.tables)),
    ...(await findIdentifiers(site, expected.forbidden)).map(
      ({ file, count }) => `${file} identifies pupils in ${count} ${count === 1 ? "place" : "places"}`,
    ),
  ];
}

// --- internal ---

function faultsInLog(log: string): string[] {
  const lines = log.split("\n").filter((line) => /Error in |\[ERROR\]|\[FATAL\]/.test(line));
  return lines.length > 0 ? [`Evidence reported ${lines.length} ${lines.length === 1 ? "error" : "errors"}`] : [];
}

function faultsInPageList(files: string[], pages: string[]): string[] {
  const wanted = new Set(pages.map((page) => `${page.slice(1)}index.html`));
  const built = new Set(files.filter((file) => file.endsWith(".html")));
  return [
    ...[...wanted].filter((file) => !built.has(file)).map((file) => `the page ${file} is missing`),
    ...[...built].filter((file) => !wanted.has(file)).map((file) => `the page ${file} should not be there`),
  ];
}

const MISSING = /\b(undefined|NaN|null|Infinity|Invalid Date)\b|\[object /;

async function faultsInPage(site: string, file: string, names: string[]): Promise<string[]> {
  const html = await readFile(path.join(site, file), "utf8");
  const text = names
    .filter((name) => MISSING.test(name))
    .reduce(
      (rest, name) => rest.replaceAll(name, " "),
      html.replace(/<(script|style)[\s\S]*?<\/\1>/g, " ").replace(/<[^>]*>/g, " "),
    );
  const faults: [boolean, string][] = [
    [!/<h1[^>]*>[^<]*\S/.test(html), "has no question as its heading"],
    [!/<title>[^<]*\S[^<]*<\/title>/.test(html) || /<title>Evidence<\/title>/.test(html), "has no title of its own"],
    [!html.includes("data-figure="), "has no figure"],
    [html.includes("border-negative"), "shows an error box"],
    [MISSING.test(text), "shows a number or text that is missing"],
    [/\s(?:src|href|action)="(?:https?:)?\/\//.test(html), "points to another host"],
  ];
  return faults.filter(([wrong]) => wrong).map(([, fault]) => `the page ${file} ${fault}`);
}

async function faultsInData(site: string, files: string[], tables: Record<string, string[]>): Promise<string[]> {
  const manifest: unknown = JSON.parse(await readFile(path.join(site, "data", "manifest.json"), "utf8"));
  const listed = renderedFiles(manifest);
  const wanted = Object.entries(tables).flatMap(([source, names]) => names.map((name) => `${source}/${name}`));
  const published = listed
    .map((file) => file.replace(/^static\/data\//, "").split("/"))
    .map(([source, name]) => `${source}/${name}`);

  const allowed = new Set([
    "data/manifest.json",
    ...listed.map((file) => file.replace(/^static\//, "")),
    ...wanted.map((table) => `data/${table}/${path.posix.basename(table)}.schema.json`),
  ]);
  return [
    ...wanted.filter((table) => !published.includes(table)).map((table) => `the table ${table} is missing`),
    ...published.filter((table) => !wanted.includes(table)).map((table) => `the table ${table} may not be published`),
    ...files
      .filter((file) => file.startsWith("data/") && !allowed.has(file))
      .map((file) => `the file ${file} may not be published`),
  ];
}

function renderedFiles(manifest: unknown): string[] {
  if (typeof manifest !== "object" || manifest === null || !("renderedFiles" in manifest)) return [];
  return Object.values(manifest.renderedFiles ?? {})
    .flat()
    .map(String);
}
