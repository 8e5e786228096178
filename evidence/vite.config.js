// Evidence's Vite configuration, cut down to what the board's pages use. README.md says why each change is made.
// Vite runs in .evidence/template of the working folder that site.ts makes; this file lies at that folder's top.
import fs from "node:fs";
import path from "node:path";
// A static import, which Vite bundles: SvelteKit builds twice and needs its plugins made anew each time.
import evidence from "./.evidence/template/vite.config.js";
import { keep } from "./bundle.js";

const top = path.resolve("..", "..");
const library = fs.realpathSync(path.join(top, "node_modules", "@evidence-dev", "core-components"));

/** The file of each component of the library, by the component's name. */
const components = new Map(
  fs
    .readdirSync(path.join(library, "dist"), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".svelte") && !file.endsWith(".stories.svelte"))
    .map((file) => [path.basename(file, ".svelte"), path.join(library, "dist", file)]),
);

// shown only to people who build pages: the SQL of a query, the settings of a chart
const HIDDEN = new Set(["QueryViewer.svelte", "CodeBlock.svelte"]);

const lean = {
  name: "rollbook-lean",
  enforce: "pre",
  resolveId(source) {
    if (source === "echarts") return path.join(top, "charts.js");
    if (HIDDEN.has(path.basename(source))) return path.join(top, "nothing.svelte");
    // the library does not export the part that a layout of one's own needs
    if (source === "@evidence-dev/core-components/themes") return path.join(library, "dist", "themes", "themes.js");
    return undefined;
  },
};

/** Imports each component that a page uses from its own file, so that the rest of the library is never compiled. */
const pick = {
  name: "rollbook-pick",
  transform(code, id) {
    const picked = code.replace(/import\s*\{([^}]*)\}\s*from\s*["']@evidence-dev\/core-components["'];?/g, (_, names) =>
      names
        .split(",")
        .map((name) => name.trim())
        .filter(Boolean)
        .map((name) => {
          const [component, alias = component] = name.split(/\s+as\s+/);
          const file = components.get(component);
          if (!file) this.error(`${id}: Evidence has no component ${component}`);
          return `import ${alias} from ${JSON.stringify(file.replaceAll("\\", "/"))};`;
        })
        .join("\n"),
    );
    return picked === code ? undefined : { code: picked, map: null };
  },
};

export default {
  ...evidence,
  plugins: [lean, ...evidence.plugins, pick, keep(process.env.ROLLBOOK_BUNDLE)],
  // our package is a folder of this repository, which Vite would bundle; Node has to find its own engine from it
  ssr: { ...evidence.ssr, external: [...evidence.ssr.external, "@evidence-dev/universal-sql"] },
};
