import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import os from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { findChromium, withChromium } from "../evidence/browser.ts";
import { headers, policyFor, sitePolicy, TYPES } from "../evidence/headers.ts";
import { hostFiles, writeHosting } from "../evidence/hosting.ts";
import { hostingFolder, recoverSite, replaceSite } from "../evidence/placement.ts";
import { serveSite } from "../evidence/serve.ts";
import { faultsOn } from "./browser.ts";
import { type Answer, ask, CADDY, NGINX, startServer, type WebServer } from "./web_servers.ts";

/** Every kind of file of a site, with a page that starts as a real one does: by a script within it. */
const START = `
  Promise.all([
    import("/_app/immutable/entry/start.js"),
    fetch("/api/prerendered_queries/abc.arrow").then((answer) => answer.arrayBuffer()),
    fetch("/data/board/schools.parquet").then((answer) => answer.arrayBuffer()),
  ]).then(([entry, ...rows]) => entry.start(rows.map((row) => row.byteLength)));
`;
const ENTRY = `export function start(bytes) {
  const worker = new Worker("/_app/immutable/assets/worker.js");
  worker.onmessage = ({ data }) => { document.documentElement.dataset.alive = [...bytes, data].join(" "); };
}`;
const SITE: Record<string, string> = {
  "index.html": `<!doctype html><html lang="en-GB"><head><title>Where do we stand?</title>
    <link rel="icon" href="/icon.svg" type="image/svg+xml" /><link rel="stylesheet" href="/_app/immutable/assets/0.css" />
    </head><body><h1 style="margin: 0">Where do we stand?</h1><p>${"Pupils attended. ".repeat(60)}</p>
    <script type="application/json" data-url="/api/meta.json">{"status":200}</script><script>${START}</script></body></html>`,
  "schools/999001/index.html": "<h1>Oak</h1><script>document.title = 'Oak'</script>",
  "_app/immutable/entry/start.js": ENTRY,
  "_app/immutable/assets/worker.js": "postMessage('worker')",
  "_app/immutable/assets/0.css": "h1 { color: black }",
  "_app/immutable/assets/engine.wasm": "\0asm",
  "_app/version.json": '{"version":"1"}',
  "api/prerendered_queries/abc.arrow": "a".repeat(4000),
  "data/board/schools.parquet": "p".repeat(4000),
  "lists/pupils.csv": "surname\r\n",
  "icon.svg": '<svg xmlns="http://www.w3.org/2000/svg"></svg>',
  "robots.txt": "User-agent: *\nDisallow: /\n",
  "notes.unknown": "no kind of file that a site has",
};
/** What lies in the folder by mistake. */
const HIDDEN = [".env", "data/.git/config", "_app/immutable/.env"];
const PATHS = ["/", "/schools/999001/", ...Object.keys(SITE).map((file) => `/${file}`)].filter(
  (file) => file !== "/notes.unknown",
);
/** What each server says of itself and of the connection. */
const OF_THE_SERVER = ["date", "connection", "keep-alive", "transfer-encoding", "content-length", "etag"];
/** What a server may add: that parts can be asked for, and that an answer may come packed. */
const MAY_BE_ADDED = ["accept-ranges", "vary"];

describe.each([NGINX, CADDY])("$name", (server) => {
  const missing = server.program ? "" : ` (skipped: there is no ${server.name} on this machine; .ci/run installs it)`;
  describe.skipIf(missing !== "")(`with the file made for it${missing}`, () => {
    let folder = "";
    let site = "";
    let ours = { url: "", close: async () => {} };
    let theirs = { url: "", stop: async () => {} };
    beforeAll(async () => {
      folder = mkdtempSync(path.join(os.tmpdir(), "rollbook-hosting-"));
      site = path.join(folder, "board");
      await makeSite(site);
      ours = await serveSite({ site, port: 4710, log: () => {} });
      theirs = await startServer(server, (port) => server.block(site, hostingFolder(site), port));
    });
    afterAll(async () => {
      await theirs.stop();
      await ours.close();
      rmSync(folder, { recursive: true, force: true });
    });

    test.each([
      ["a page", "/"],
      ["a page by its file", "/index.html"],
      ["a page with something to find", "/?school=999001"],
      ["a school's page", "/schools/999001/"],
      ["a school's page without the last slash", "/schools/999001"],
      ["a program that never changes", "/_app/immutable/entry/start.js"],
      ["a style that never changes", "/_app/immutable/assets/0.css"],
      ["the engine", "/_app/immutable/assets/engine.wasm"],
      ["a file beside them that does", "/_app/version.json"],
      ["the answer to a query", "/api/prerendered_queries/abc.arrow"],
      ["a table", "/data/board/schools.parquet"],
      ["a list", "/lists/pupils.csv"],
      ["an icon", "/icon.svg"],
      ["robots.txt", "/robots.txt"],
      ["a page that is missing", "/schools/999002/"],
      ["a program that is missing", "/_app/immutable/entry/other.js"],
      ["a folder without a page", "/data/"],
      ["a folder of programs", "/_app/immutable/"],
      ["the address of a refusal", "/rollbook-no-page"],
      ["a hidden file", "/.env"],
      ["a hidden file in disguise", "/%2eenv"],
      ["a hidden file among programs", "/_app/immutable/.env"],
      ["a hidden folder", "/data/.git/config"],
      ["a path that climbs", "/../secret.txt"],
      ["a path that climbs in disguise", "/%2e%2e/secret.txt"],
      ["a path that climbs from within", "/schools/../../secret.txt"],
      ["a path that climbs by an encoded slash", "/..%2fsecret.txt"],
    ])("%s is answered as rollbook serve answers it", async (_, file) => {
      for (const method of ["GET", "HEAD"]) {
        expectSame(await ask(theirs.url, file, { method }), await ask(ours.url, file, { method }));
      }
    });

    test.each(["POST", "PUT", "DELETE", "OPTIONS"])("nothing is taken in by %s", async (method) => {
      const answer = await ask(theirs.url, "/", { method });
      expectSame(answer, await ask(ours.url, "/", { method }));
      expect(answer.status).toBe(405);
    });

    test("the policy is the site's, to the letter, on everything", async () => {
      const policy = sitePolicy(site);
      expect(policy.match(/'sha256-/g)).toHaveLength(2);
      for (const file of PATHS) {
        const answer = await ask(theirs.url, file);
        expect([file, answer.headers["content-security-policy"]]).toEqual([file, policy]);
      }
    });

    test("what is not packed now has its own words, and what is large comes packed to who can read it", async () => {
      const packed = { headers: { "accept-encoding": "gzip" } };
      for (const file of ["/api/prerendered_queries/abc.arrow", "/data/board/schools.parquet", "/"]) {
        const answer = await ask(theirs.url, file, packed);
        const plain = await ask(ours.url, file);
        expect([file, answer.headers["content-encoding"], answer.headers.vary]).toEqual([
          file,
          "gzip",
          "Accept-Encoding",
        ]);
        expect(gunzipSync(answer.body).equals(plain.body)).toBe(true);
        const { "content-encoding": _, ...rest } = answer.headers;
        expectSame({ ...answer, headers: rest, body: plain.body }, plain);
      }
      expect((await ask(theirs.url, "/robots.txt", packed)).headers["content-encoding"]).toBeUndefined();
    });

    test("what has not changed is not sent again", async () => {
      const { headers: first } = await ask(theirs.url, "/");
      const again = await ask(theirs.url, "/", { headers: { "if-none-match": String(first.etag) } });
      expect([again.status, again.body.length]).toEqual([304, 0]);
      expect(again.headers["content-security-policy"]).toBe(sitePolicy(site));
    });

    test("neither name nor version of the server is said", async () => {
      for (const file of ["/", "/no-such-page"]) {
        expect(String((await ask(theirs.url, file)).headers.server ?? "")).not.toMatch(/\d|caddy/i);
      }
    });

    test("as HOSTING.md has it, nobody reads anything without sign-in, nor from outside the group", async () => {
      const signIn = await startSignIn();
      const guarded = await startServer(server, (port) => documentedBlock(server, site, port, signIn.port));
      try {
        for (const file of [...PATHS, "/no-such-page", "/data/"]) {
          const out = await ask(guarded.url, file);
          const { pathname, search } = new URL(String(out.headers.location), guarded.url);
          expect([file, out.status, pathname + search]).toEqual([file, 302, `/oauth2/start?rd=${file}`]);
          const other = await ask(guarded.url, file, { headers: { cookie: "who=other" } });
          expect([file, other.status]).toEqual([file, 403]);
          const held = SITE[file.slice(1)] ?? SITE[`${file.slice(1)}index.html`] ?? "Where do we stand?";
          for (const { body } of [out, other]) expect(body.toString()).not.toContain(held);
          expectSame(await ask(guarded.url, file, { headers: { cookie: "who=member" } }), await ask(ours.url, file));
        }
        const start = await ask(guarded.url, "/oauth2/start");
        expect([start.status, start.body.toString()]).toEqual([200, "sign in"]);
        // the sign-in's own pages have forms, which the site's policy would stop
        expect(start.headers["content-security-policy"]).toBeUndefined();
        for (const file of ["/.env", "/../secret.txt", "/oauth2/../index.html", "/oauth2/%2e%2e/index.html"]) {
          expect((await ask(guarded.url, file)).body.toString()).not.toMatch(/secret|Where do we stand/);
        }
      } finally {
        await guarded.stop();
        await signIn.close();
      }
    });
  });
});

const browserNeeds = [findChromium() ? [] : ["Chromium"], NGINX.program ? [] : ["nginx"]].flat();
const unmet = browserNeeds.length > 0 ? ` (skipped: there is no ${browserNeeds.join(" and no ")} on this machine)` : "";
test.skipIf(unmet !== "")(
  `in a browser a page from nginx starts without a complaint, and no other script does${unmet}`,
  async () => {
    const site = path.join(temporaryFolder(), "board");
    await makeSite(site);
    // put in after the policy was made
    mkdirSync(path.join(site, "planted"));
    writeFileSync(
      path.join(site, "planted/index.html"),
      '<title>as it was</title><link rel="icon" href="/icon.svg" /><script>document.title = "ran"</script>',
    );
    const { url, stop } = await startServer(NGINX, (port) => NGINX.block(site, hostingFolder(site), port));
    onTestFinished(stop);
    await withChromium(async (browser) => {
      const page = await browser.newPage();
      const faults = faultsOn(page, url);
      await page.goto(url, { waitUntil: "networkidle" });
      await page.waitForSelector("html[data-alive]", { state: "attached", timeout: 30_000 });
      expect(await page.getAttribute("html", "data-alive")).toBe("4000 4000 worker");
      expect(faults).toEqual([]);

      const planted = await browser.newPage();
      const complaints = faultsOn(planted, url);
      await planted.goto(new URL("/planted/", url).href, { waitUntil: "networkidle" });
      expect(await planted.title()).toBe("as it was");
      expect(complaints).toEqual([expect.stringMatching(/inline script.*Content Security Policy/)]);
    });
  },
);

describe("for Azure Static Web Apps", () => {
  const RouteHeaders = z.record(z.string().regex(/^[a-z-]+$/), z.string().min(1));
  /** As documented; what is not known there would be passed over in silence. */
  const Config = z.strictObject({
    auth: z.strictObject({
      identityProviders: z.strictObject({
        azureActiveDirectory: z.strictObject({
          registration: z.strictObject({
            openIdIssuer: z.url(),
            clientIdSettingName: z.string(),
            clientSecretSettingName: z.string(),
          }),
        }),
      }),
    }),
    routes: z.array(
      z.strictObject({
        // a wildcard may stand at the end alone
        route: z.string().regex(/^\/[^*]*\*?$/),
        allowedRoles: z.array(z.string().regex(/^\w+$/)).optional(),
        headers: RouteHeaders.optional(),
        statusCode: z.literal(404).optional(),
      }),
    ),
    responseOverrides: z.strictObject({
      401: z.strictObject({ redirect: z.string(), statusCode: z.literal(302) }),
      404: z.strictObject({ rewrite: z.string() }),
    }),
    globalHeaders: RouteHeaders,
    mimeTypes: z.record(z.string().regex(/^\.\w+$/), z.string()),
  });
  const policy = policyFor(["start()"]);
  const text = textOf("azure-static-web-apps/staticwebapp.config.json", policy);
  const config = Config.parse(JSON.parse(text));

  test("every file has the headers and type that rollbook serve sends", () => {
    for (const file of PATHS) {
      // the first route that matches is the only one
      const route = config.routes.find(({ route }) =>
        route.endsWith("*") ? file.startsWith(route.slice(0, -1)) : file === route,
      );
      const type = config.mimeTypes[path.posix.extname(file)] ?? config.mimeTypes[".html"];
      expect([file, { ...config.globalHeaders, ...route?.headers, "content-type": type }]).toEqual([
        file,
        headers(file, policy),
      ]);
    }
  });

  test("it is closed until somebody says whose sign-in: no route is for anybody who is merely signed in", () => {
    const open = config.routes.filter(({ statusCode }) => statusCode !== 404);
    expect(open.map(({ allowedRoles }) => allowedRoles)).toEqual([["board"], ["board"]]);
    expect(config.routes.at(-1)?.route).toBe("/*");
    expect(config.auth.identityProviders.azureActiveDirectory.registration.openIdIssuer).toContain("/TENANT_ID/");
  });

  test("HOSTING.md's own words open it to the group's tenant and to nobody else", () => {
    const [, first = "", second = ""] = /sed -i 's\/TENANT_ID\/(.*?)\/; s\/(.*?)'/.exec(documentation()) ?? [];
    expect([first, second]).toEqual(["<your tenant id>", '"board"/"authenticated"/']);
    // one a line, as sed replaces without "g"
    expect(text.split("\n").filter((line) => /"board".*"board"|TENANT_ID.*TENANT_ID/.test(line))).toEqual([]);
  });

  test("it is as large as Azure takes it, or it is not made", async () => {
    expect(Buffer.byteLength(text)).toBeLessThan(20_480);
    expect(await madeWith(scripts(400))).toEqual(["caddy.conf"]);
  });
});

describe("for Cloudflare Pages", () => {
  const policy = policyFor(["start()"]);

  test("every file has the headers and type that rollbook serve sends, and other hosts' pages may read none", () => {
    // what Pages sends of its own accord
    const own = {
      "access-control-allow-origin": "*",
      "cache-control": "public, max-age=0, must-revalidate",
      "referrer-policy": "strict-origin-when-cross-origin",
      "x-content-type-options": "nosniff",
    };
    const rules = cloudflareRules(textOf("cloudflare-pages/_headers", policy));
    for (const file of PATHS) {
      const type = path.posix.extname(file) === ".html" || file.endsWith("/") ? TYPES.html : "application/octet-stream";
      expect([file, cloudflareHeaders(rules, file, { ...own, "content-type": type ?? "" })]).toEqual([
        file,
        headers(file, policy),
      ]);
    }
  });

  test("there are no more rules and no longer lines than Cloudflare takes", () => {
    const text = textOf("cloudflare-pages/_headers", policyFor(scripts(28)));
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(2000);
    expect(cloudflareRules(text).length).toBeLessThanOrEqual(100);
    // one * in an address, and no header twice in a rule
    for (const { address, set } of cloudflareRules(text)) {
      expect(address.split("*")).toHaveLength(2);
      expect(new Set(set.map(([name]) => name)).size).toBe(set.length);
    }
  });

  test("with a longer policy it is not made, and that is said; there is never a weaker one", async () => {
    const lines: string[] = [];
    const made = await madeWith(scripts(40), lines);
    expect(made).toEqual([
      "azure-static-web-apps",
      "azure-static-web-apps/404.html",
      "azure-static-web-apps/staticwebapp.config.json",
      "caddy.conf",
      "nginx.conf",
    ]);
    expect(lines).toEqual([
      expect.stringMatching(
        /^cloudflare-pages\/_headers was left out: Cloudflare takes lines of up to 2000 characters/,
      ),
      expect.stringMatching(/^cloudflare-pages\/404.html was left out/),
    ]);
  });
});

describe("the hosting folder", () => {
  test("a champion's site has nothing for hosts on the internet", () => {
    expect(hostFiles("", true).map(({ file }) => file)).toEqual(["nginx.conf", "caddy.conf"]);
    expect(hostFiles("", false).map(({ file }) => file)).toEqual([
      "nginx.conf",
      "caddy.conf",
      "azure-static-web-apps/staticwebapp.config.json",
      "azure-static-web-apps/404.html",
      "cloudflare-pages/_headers",
      "cloudflare-pages/404.html",
    ]);
  });

  test("it lies beside the site and not in it, readable as it was made, and what the last one had is gone", async () => {
    const folder = temporaryFolder();
    const site = path.join(folder, "site", "board");
    for (const version of ["1", "2"]) {
      const built = draft(folder, version);
      if (version === "1") writeFileSync(path.join(built.hosting, "of-the-first"), "");
      chmodSync(built.hosting, 0o700);
      await replaceSite(built, site);
    }
    expect(readdirSync(path.join(folder, "site")).sort()).toEqual(["board", "board.hosting"]);
    expect(readdirSync(site)).toEqual(["index.html"]);
    expect(readdirSync(hostingFolder(site))).toEqual(["nginx.conf"]);
    expect(versions(site)).toEqual(["2", "2"]);
    expect(statSync(hostingFolder(site)).mode & 0o777).toBe(0o700);
  });

  test.each([
    ["after the last hosting folder was taken away", ["board.hosting"], []],
    ["after both were", ["board.hosting", "board"], []],
    ["after the new hosting folder was put in place", ["board.hosting", "board"], ["board.hosting"]],
  ])("stopped %s, the last site and its own folder come back", async (_, taken, put) => {
    const folder = temporaryFolder();
    const site = path.join(folder, "site", "board");
    await replaceSite(draft(folder, "1"), site);
    for (const name of taken) renameSync(path.join(folder, "site", name), path.join(folder, "site", `${name}.last`));
    for (const name of put) {
      mkdirSync(path.join(folder, "site", name));
      writeFileSync(path.join(folder, "site", name, "nginx.conf"), "2");
    }
    await recoverSite(site);
    expect(versions(site)).toEqual(["1", "1"]);
    await replaceSite(draft(folder, "3"), site);
    expect(readdirSync(path.join(folder, "site")).sort()).toEqual(["board", "board.hosting"]);
    expect(versions(site)).toEqual(["3", "3"]);
  });

  test("a site from before there were such folders comes back without one", async () => {
    const folder = temporaryFolder();
    const site = path.join(folder, "site", "board");
    mkdirSync(`${site}.last`, { recursive: true });
    writeFileSync(path.join(`${site}.last`, "index.html"), "0");
    mkdirSync(hostingFolder(site));
    await recoverSite(site);
    expect(readdirSync(path.join(folder, "site"))).toEqual(["board"]);
  });
});

// --- internal ---

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "rollbook-hosting-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes the small site, its hosting folder and what must not be found: hidden files, and one outside. */
async function makeSite(site: string): Promise<void> {
  const hidden = Object.fromEntries([...HIDDEN, "../secret.txt"].map((file) => [file, "secret\n"]));
  for (const [name, content] of Object.entries({ ...SITE, ...hidden })) {
    mkdirSync(path.dirname(path.join(site, name)), { recursive: true });
    writeFileSync(path.join(site, name), content);
  }
  await writeHosting(site, hostingFolder(site), { isPrivate: false, log: (line) => expect.unreachable(line) });
}

/** Holds one answer to another: status, words and every header but what each server says of itself. */
function expectSame(theirs: Answer, ours: Answer): void {
  const kept = ({ headers: named }: Answer, left: string[]) =>
    Object.fromEntries(Object.entries(named).filter(([name]) => !left.includes(name)));
  expect({
    status: theirs.status,
    headers: kept(theirs, [...OF_THE_SERVER, ...MAY_BE_ADDED, "server"]),
    body: theirs.body.toString(),
  }).toEqual({ status: ours.status, headers: kept(ours, OF_THE_SERVER), body: ours.body.toString() });
  expect(theirs.body.toString()).not.toContain("secret");
}

function documentation(): string {
  return readFileSync(path.join(import.meta.dirname, "..", "evidence", "HOSTING.md"), "utf8");
}

/** The block that HOSTING.md shows for a server, on this machine: without TLS, at these ports and folders. */
function documentedBlock(server: WebServer, site: string, port: number, signIn: number): string {
  const fence = server === NGINX ? "nginx" : "caddyfile";
  const [, shown = ""] = new RegExp(`\`\`\`${fence}\\n([\\s\\S]*?)\`\`\``).exec(documentation()) ?? [];
  const block = shown
    .replace("listen 443 ssl;", `listen 127.0.0.1:${port};`)
    .replace(/^ +ssl_.*\n/gm, "")
    .replace(/^board\.example\.org \{/, `http://127.0.0.1:${port} {`)
    .replaceAll("/srv/board.hosting", hostingFolder(site))
    .replaceAll("/srv/board", site)
    .replaceAll("127.0.0.1:4180", `127.0.0.1:${signIn}`);
  expect(block).toContain(server.hostFile);
  return block;
}

/** What stands in for oauth2-proxy: it knows a member of the group by a cookie, and somebody else by another. */
async function startSignIn(): Promise<{ port: number; close: () => Promise<void> }> {
  const signIn = createServer((request, response) => {
    const known = { "who=member": 202, "who=other": 403 }[request.headers.cookie ?? ""] ?? 401;
    response.statusCode = request.url?.startsWith("/oauth2/auth") ? known : 200;
    response.end(request.url?.startsWith("/oauth2/start") ? "sign in" : "");
  });
  await new Promise<void>((resolve) => signIn.listen(0, "127.0.0.1", resolve));
  const address = signIn.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    close: () =>
      new Promise((resolve) => {
        signIn.close(() => resolve());
        signIn.closeAllConnections();
      }),
  };
}

function textOf(file: string, policy: string): string {
  const found = hostFiles(policy, false).find((made) => made.file === file);
  if (!found) throw new Error(`no ${file} is made`);
  return found.text;
}

function scripts(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `start(${at})`);
}

/** Which files are made for a site of one page with these scripts. */
async function madeWith(inPage: string[], lines: string[] = []): Promise<string[]> {
  const site = path.join(temporaryFolder(), "board");
  mkdirSync(site);
  writeFileSync(path.join(site, "index.html"), inPage.map((script) => `<script>${script}</script>`).join(""));
  await writeHosting(site, hostingFolder(site), { isPrivate: false, log: (line) => lines.push(line) });
  return readdirSync(hostingFolder(site), { recursive: true, encoding: "utf8" }).sort();
}

interface CloudflareRule {
  address: string;
  unset: string[];
  set: [name: string, value: string][];
}

/** Reads a `_headers` file as Cloudflare documents it. */
function cloudflareRules(text: string): CloudflareRule[] {
  const rules: CloudflareRule[] = [];
  for (const line of text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))) {
    const rule = rules.at(-1);
    if (line.startsWith("/")) rules.push({ address: line, unset: [], set: [] });
    else if (line.startsWith("  ! ")) rule?.unset.push(line.slice(4));
    else {
      const [, name = "", value = ""] = /^ {2}([a-z-]+): (.+)$/.exec(line) ?? [];
      rule?.set.push([name, value]);
    }
  }
  return rules;
}

/** The headers that Cloudflare sends: rule by rule, taking away first, and joining what two rules say of the same. */
function cloudflareHeaders(rules: CloudflareRule[], file: string, own: Record<string, string>): Record<string, string> {
  const sent = new Map(Object.entries(own));
  const said = new Set<string>();
  for (const { address, unset, set } of rules) {
    const [before = "", after = ""] = address.split("*");
    if (!file.startsWith(before) || !file.endsWith(after)) continue;
    for (const name of unset) sent.delete(name);
    for (const [name, value] of set) {
      sent.set(name, said.has(name) && sent.has(name) ? `${sent.get(name)}, ${value}` : value);
      said.add(name);
    }
  }
  return Object.fromEntries(sent);
}

/** Makes a site of one page and its hosting folder, both of which say their version. */
function draft(folder: string, version: string): { site: string; hosting: string } {
  const built = { site: path.join(folder, `${version}.site`), hosting: path.join(folder, `${version}.hosting`) };
  mkdirSync(built.site);
  writeFileSync(path.join(built.site, "index.html"), version);
  mkdirSync(built.hosting);
  writeFileSync(path.join(built.hosting, "nginx.conf"), version);
  return built;
}

function versions(site: string): string[] {
  return [path.join(site, "index.html"), path.join(hostingFolder(site), "nginx.conf")].map((file) =>
    existsSync(file) ? readFileSync(file, "utf8") : "none",
  );
}
