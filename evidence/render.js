// Renders a site from the programs that an earlier build kept (bundle.js), without Evidence's command, Vite or anything else
// that makes programs: node render.js <kept programs>, in .evidence/template of a workspace whose tables are there already.
// README.md says what Evidence does in its place while the programs are made, which this has to equal.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";

// DuckDB's 34 MB are compiled once and plainly: to compile them better takes longer than it saves, also for 158 pages.
// A Node that does not know the flag goes on without it
setFlagsFromString("--liftoff-only");

const [, , kept = ""] = process.argv;
const top = path.resolve("..", "..");
/** Where SvelteKit reads and puts what a site is made of. */
const OUTPUT = path.resolve(".svelte-kit", "output");
const PRERENDER = path.join("node_modules", "@sveltejs", "kit", "src", "core", "postbuild", "prerender.js");

await cp(path.join(top, "svelte.config.js"), "svelte.config.js");
await cp(path.join(top, "static"), "static", { recursive: true });
await copyPages(path.join(top, "pages"), path.join("src", "pages"));
await cp(kept, OUTPUT, { recursive: true });
await cp("static", path.join(OUTPUT, "client"), { recursive: true });
await prerender();
const site = path.join(top, "build");
await rename(path.join(OUTPUT, "client"), site);
for (const part of ["dependencies", "pages"]) {
  const rendered = path.join(OUTPUT, "prerendered", part);
  if (existsSync(rendered)) await cp(rendered, site, { recursive: true });
}
await nameTables(path.join(site, "data"));

/** The pages as they were written, where the site's own routes read which queries they ask and how they hang together. */
async function copyPages(from, to) {
  for (const file of await readdir(from, { recursive: true })) {
    if (!file.endsWith(".md")) continue;
    const route = file.replace(/(^|[\\/])index\.md$|\.md$/, "$1/+page.md");
    await cp(path.join(from, file), path.join(to, route));
  }
}

async function prerender() {
  const { default: prerenderPages } = await import(pathToFileURL(path.join(top, PRERENDER)).href);
  await prerenderPages({
    out: OUTPUT,
    manifest_path: path.join(OUTPUT, "server", "manifest-full.js"),
    // every page is among the entries of svelte.config.js, which are rendered if any page may be
    metadata: { nodes: [], routes: new Map([["/", { prerender: true }]]) },
    verbose: false,
    env: {},
  });
}

/** Puts each table into a folder named by what is in it, so that no browser takes an old one for it. */
async function nameTables(data) {
  const file = path.join(data, "manifest.json");
  const manifest = JSON.parse(await readFile(file, "utf8"));
  for (const tables of Object.values(manifest.renderedFiles)) {
    for (const [at, table] of tables.entries()) {
      const [source, name, base] = table.split("/").slice(-3);
      const bytes = await readFile(path.join(data, source, name, base));
      const hash = createHash("md5").update(bytes).digest("hex");
      await mkdir(path.join(data, source, name, hash));
      await rename(path.join(data, source, name, base), path.join(data, source, name, hash, base));
      tables[at] = table.replace(`${source}/${name}/${base}`, `${source}/${name}/${hash}/${base}`);
    }
  }
  await writeFile(file, `${JSON.stringify(manifest)}\n`);
}
