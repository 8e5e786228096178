// The programs of a site are the same for any data, and take most of the time that a build takes. A build that makes them
// keeps them, and later ones render their pages from them (render.js).
import { cp, rename, rm } from "node:fs/promises";
import path from "node:path";

/** Where SvelteKit puts what it makes, and where Evidence takes the site from; as everything here, in .evidence/template. */
const OUTPUT = path.join(".svelte-kit", "output");
const SITE = "build";

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
