import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";

const ROOT = path.join(import.meta.dirname, "..");
const lock = JSON.parse(fs.readFileSync(path.join(ROOT, "package-lock.json"), "utf8")) as {
  packages: Record<
    string,
    { version?: string; resolved?: string; link?: boolean; optionalDependencies?: Record<string, string> }
  >;
};
const installed = Object.entries(lock.packages).map(([place, { version }]) => ({
  name: place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length),
  version,
}));

test("there is one native DuckDB in the tree, and it is not the deprecated package", () => {
  const versions = installed.filter(({ name }) => name === "@duckdb/node-bindings").map(({ version }) => version);
  expect(versions).toHaveLength(1);
  expect(installed.filter(({ name }) => name === "duckdb" || name === "duckdb-async")).toEqual([]);
});

test("codemirror is the one that Evidence builds with", () => {
  expect(installed.filter(({ name }) => name === "codemirror")).toEqual([{ name: "codemirror", version: "6.0.2" }]);
});

test("the lock file names no host that a package came from", () => {
  const resolved = Object.values(lock.packages).flatMap(({ resolved, link }) => (resolved && !link ? [resolved] : []));
  expect(resolved).toEqual([]);
});

// a lock file made where some of these could not be fetched leaves them out, and then other systems cannot install
test("the lock file holds the builds of native packages for other systems too, each with its version", () => {
  const vague = Object.entries(lock.packages).filter(([place, { version, link }]) => place !== "" && !version && !link);
  expect(vague.map(([place]) => place)).toEqual([]);
  const names = new Set(installed.map(({ name }) => name));
  const wanted = Object.values(lock.packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies),
  );
  expect(wanted.length).toBeGreaterThan(50);
  expect(wanted.filter((name) => !names.has(name))).toEqual([]);
});

test("one module opens DuckDB: two openers of one file lose data", () => {
  const openers = sources().filter((file) =>
    fs.readFileSync(path.join(ROOT, file), "utf8").includes("DuckDBInstance.create("),
  );
  expect(openers).toEqual(["ingest/duckdb.ts"]);
});

test("every package of the stack does work in the product's own code", () => {
  const code = sources()
    .map((file) => fs.readFileSync(path.join(ROOT, file), "utf8"))
    .join("\n");
  for (const name of [
    "@duckdb/node-api",
    "kysely",
    "apache-arrow",
    "zod",
    "commander",
    "listr2",
    "yaml",
    "csv-parse/sync",
  ]) {
    expect(code, name).toContain(`from "${name}"`);
  }
});

test("an extension that is not there is not fetched", async () => {
  await expect(withDuckDB({}, (db) => rows(db, "select * from st_read('x')"))).rejects.toThrow();
  const [setting] = await withDuckDB({}, (db) =>
    rows(
      db,
      "select current_setting('autoinstall_known_extensions') as install, current_setting('autoload_known_extensions') as load",
    ),
  );
  expect(setting).toEqual({ install: false, load: false });
});

// --- internal ---

/** The product's own TypeScript, without its tests. */
function sources(): string[] {
  return ["commands", "evidence", "ingest", "models", "sample"].flatMap((folder) =>
    fs
      .readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => `${folder}/${file}`),
  );
}
