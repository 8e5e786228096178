// The programs of a site are the same for any data, and take most of the time that a build takes. A build that makes them
// keeps them; a build that finds them renders its pages from them. README.md says how SvelteKit is made to do so.
import { existsSync } from "node:fs";
import { cp, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";

/** Where SvelteKit puts what it makes, and where Evidence takes the site from; as everything here, in .evidence/template. */
const OUTPUT = path.join(".svelte-kit", "output");
const SITE = "build";
/** Files of every site as they are: with the tables, so none of them is a program. */
const STATIC = "static";
const LONGEST_WAIT_MS = 60_000;

/** A plugin of a build that makes the programs: keeps them in a folder once the site is made. */
export function keep(folder) {
  let isLast = false;
  return {
    name: "rollbook-keep",
    configResolved: ({ build }) => {
      // SvelteKit builds twice, and what it makes for the server ends last
      isLast = Boolean(build.ssr);
    },
    closeBundle: {
      sequential: true,
      order: "post",
      async handler() {
        if (!isLast) return;
        const draft = `${folder}.${process.pid}`;
        await cp(path.join(OUTPUT, "server"), path.join(draft, "server"), { recursive: true });
        // the site's own programs, and nothing of its static files: a champion's name pupils
        await cp(path.join(SITE, "_app"), path.join(draft, "client", "_app"), { recursive: true });
        // another build may have kept the same programs meanwhile
        await rename(draft, folder).catch(() => rm(draft, { recursive: true }));
      },
    },
  };
}

/** The Vite configuration of a build that has no programs to make: the site is rendered from those that were kept. */
export function rendering(folder, top) {
  return {
    logLevel: "silent",
    build: { copyPublicDir: false, write: false, rollupOptions: { input: "rollbook:nothing" } },
    plugins: [
      {
        name: "rollbook-render",
        resolveId: (source) => (source === "rollbook:nothing" ? source : undefined),
        load: (id) => (id === "rollbook:nothing" ? "" : undefined),
        closeBundle: () => render(folder, top),
      },
    ],
  };
}

async function render(folder, top) {
  await inPlace(path.join(top, STATIC), STATIC);
  await inPlace(path.join(top, "pages"), path.join("src", "pages"), (file) =>
    file.replace(/(^|[\\/])index\.md$|\.md$/, "$1/+page.md"),
  );
  await cp(folder, OUTPUT, { recursive: true });
  await cp(STATIC, path.join(OUTPUT, "client"), { recursive: true });
  const postbuild = path.join(top, "node_modules", "@sveltejs", "kit", "src", "core", "postbuild");
  const { default: prerender } = await import(pathToFileURL(path.join(postbuild, "prerender.js")).href);
  const out = path.resolve(OUTPUT);
  await prerender({
    out,
    manifest_path: path.join(out, "server", "manifest-full.js"),
    // every page is among the entries of svelte.config.js, which are rendered if any page may be
    metadata: { nodes: [], routes: new Map([["/", { prerender: true }]]) },
    verbose: false,
    env: {},
  });
  for (const part of ["client", "prerendered/dependencies", "prerendered/pages"]) {
    if (existsSync(path.join(OUTPUT, part))) await cp(path.join(OUTPUT, part), SITE, { recursive: true });
  }
}

/** Evidence copies files to where they are read while the build begins: waits until all are there, in full. */
async function inPlace(from, to, renamed = (file) => file) {
  const latest = Date.now() + LONGEST_WAIT_MS;
  const entries = await readdir(from, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((entry) => entry.isFile())) {
    const file = path.join(entry.parentPath, entry.name);
    const copy = path.join(to, renamed(path.relative(from, file)));
    const { size } = await stat(file);
    while ((await stat(copy).catch(() => null))?.size !== size) {
      if (Date.now() > latest) throw new Error(`Evidence did not copy ${copy}`);
      await setTimeout(20);
    }
  }
}
