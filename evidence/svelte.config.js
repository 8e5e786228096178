// Evidence merges this into its own SvelteKit configuration, with .evidence/template as the working folder.
// README.md says why each change is made.
import fs from "node:fs";
import path from "node:path";

const UNUSED = [
  "src/pages/explore",
  "src/pages/settings",
  "src/pages/api/settings.json",
  "src/pages/manifest.webmanifest",
  "src/pages/fix-tprotocol-service-worker.js",
  "src/fix-tprotocol-service-worker.js",
  "static/apple-touch-icon.png",
  "static/favicon.ico",
  "static/icon-192.png",
  "static/icon-512.png",
];

if (process.env.EVIDENCE_IS_BUILDING === "true") {
  for (const route of UNUSED) fs.rmSync(route, { recursive: true, force: true });
  fs.copyFileSync(path.resolve("..", "..", "app.html"), path.join("src", "app.html"));
}

const config = {
  preprocess: [
    {
      // the vendor's title and its cards for social networks; pages say their own title
      markup: ({ content, filename }) =>
        filename?.endsWith("+page.md")
          ? { code: content.replace(/<svelte:head>[\s\S]*?<\/svelte:head>/, "") }
          : undefined,
    },
  ],
  kit: {
    prerender: { entries: ["*", ...JSON.parse(process.env.ROLLBOOK_PAGES ?? "[]")] },
    csp: {
      mode: "hash",
      directives: {
        "default-src": ["none"],
        "script-src": ["self", "wasm-unsafe-eval"],
        "style-src": ["self", "unsafe-inline"],
        "img-src": ["self", "data:"],
        "font-src": ["self"],
        "connect-src": ["self"],
        "worker-src": ["self"],
        "base-uri": ["none"],
        "form-action": ["none"],
        "object-src": ["none"],
      },
    },
  },
};

// Evidence deletes `preprocess` from what it is given and merges the rest, key by key. SvelteKit loads its configuration
// several times but Node hands out this module only once, so the second time nothing would be left to take.
export default new Proxy(config, { deleteProperty: () => true, ownKeys: () => ["kit"] });
