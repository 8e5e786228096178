import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { serveSite } from "../evidence/serve.ts";

test("a folder gives its index page and every file its type", async () => {
  const { url } = await serve({ "schools/999001/index.html": "<h1>Oak</h1>", "engine.wasm": "x", "rows.parquet": "x" });
  expect((await get(url, "schools/999001/")).body).toBe("<h1>Oak</h1>");
  expect((await get(url, "")).headers["content-type"]).toMatch(/^text\/html/);
  expect((await get(url, "schools/999001")).headers["content-type"]).toBe("text/html; charset=utf-8");
  expect((await get(url, "engine.wasm")).headers["content-type"]).toBe("application/wasm");
  expect((await get(url, "rows.parquet")).headers["content-type"]).toBe("application/vnd.apache.arrow.stream");
});

test("every file comes with headers that keep it to itself, workers included", async () => {
  const { url } = await serve({ "_app/immutable/worker.js": "1" });
  for (const file of ["", "_app/immutable/worker.js"]) {
    const { headers } = await get(url, file);
    expect(headers["content-security-policy"]).toMatch(
      /^default-src 'none'; script-src 'self' .*frame-ancestors 'none'/,
    );
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "x-robots-tag": "noindex, nofollow",
    });
  }
  expect((await get(url, "")).headers["cache-control"]).toBe("private, no-cache");
  expect((await get(url, "_app/immutable/worker.js")).headers["cache-control"]).toMatch(/immutable$/);
});

test("of the scripts within pages only those of this build may run, also after a new build", async () => {
  const { url, site } = await serve({ "index.html": '<script>start()</script><script src="/a.js"></script>' });
  const scripts = async () =>
    /script-src ([^;]*)/.exec(String((await get(url, "")).headers["content-security-policy"]))?.[1];
  // printf 'start()' | openssl dgst -sha256 -binary | base64
  expect(await scripts()).toBe("'self' 'wasm-unsafe-eval' 'sha256-DIm7WJS6ZKDYe5qFLPy+h4JFI9Bol5QmYC57mt3Fb00='");
  writeFileSync(path.join(site, "index.html"), "<p>No script at all.</p>");
  utimesSync(path.join(site, "index.html"), new Date(0), new Date(0));
  expect(await scripts()).toBe("'self' 'wasm-unsafe-eval'");
});

test("what a page carries as data is no script: it adds nothing to what may run", async () => {
  const data = '<script type="application/json" data-url="/api/meta.json">{"status":200}</script>';
  const { url } = await serve({ "index.html": data, "a/index.html": '<script type="module">start()</script>' });
  expect((await get(url, "")).headers["content-security-policy"]).toContain(
    "script-src 'self' 'wasm-unsafe-eval' 'sha256-DIm7WJS6ZKDYe5qFLPy+h4JFI9Bol5QmYC57mt3Fb00=';",
  );
});

test("a list comes as CSV", async () => {
  const { url } = await serve({ "lists/pupils.csv": "surname\r\n" });
  expect((await get(url, "lists/pupils.csv")).headers["content-type"]).toMatch(/^text\/csv/);
});

test("a hidden file is not handed out, nor what lies in a hidden folder", async () => {
  const { url } = await serve({ ".env": "hidden", "data/.git/config": "hidden" });
  for (const file of [".env", "%2eenv", "data/.git/config", "data/%2Egit/config", ".env?x=1"]) {
    const { status, body } = await get(url, file);
    expect([file, status, body]).toEqual([file, 404, "There is no such page.\n"]);
  }
  expect((await get(url, "?back=/.env")).status).toBe(200);
});

test("nothing outside the site is handed out, and nothing is taken in", async () => {
  const { url, site } = await serve({});
  writeFileSync(path.join(path.dirname(site), "secret.txt"), "secret");
  for (const file of ["../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt"]) {
    const { status, body } = await get(url, file);
    expect([file, status]).toEqual([file, 404]);
    expect(body).not.toContain("secret\n");
  }
  expect((await get(url, "", { method: "POST" })).status).toBe(405);
});

test("a name that someone else points at this machine is not answered", async () => {
  const { url } = await serve({});
  expect((await get(url, "", { host: "board.example.org" })).status).toBe(421);
  expect((await get(url, "", { host: `localhost:${new URL(url).port}` })).status).toBe(200);
});

test("a taken port is not waited for: the next free one is used, and said", async () => {
  const first = createServer();
  await new Promise<void>((resolve) => first.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void first.close());
  const address = first.address();
  const taken = typeof address === "object" && address ? address.port : 0;
  const { url, lines } = await serve({}, taken);
  expect(Number(new URL(url).port)).toBeGreaterThan(taken);
  expect(lines).toEqual([`Port ${taken} is taken; using ${new URL(url).port} instead.`]);
});

test("where no site has been built yet, the user is told how to", async () => {
  const site = path.join(os.tmpdir(), "rollbook-no-site");
  await expect(serveSite({ site, port: 4700, log: () => {} })).rejects.toThrow(
    `There is no site in ${site} yet. Build it with: rollbook site`,
  );
  const builtBy = "rollbook site champion --school 999001";
  await expect(serveSite({ site, port: 4700, log: () => {}, builtBy })).rejects.toThrow(
    `There is no site in ${site} yet. Build it with: rollbook site champion --school 999001`,
  );
});

// --- internal ---

async function serve(
  files: Record<string, string>,
  port = 4700,
): Promise<{ url: string; site: string; lines: string[] }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "rollbook-serve-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const site = path.join(folder, "site");
  for (const [name, content] of Object.entries({ "index.html": "<h1>Board</h1>", ...files })) {
    mkdirSync(path.dirname(path.join(site, name)), { recursive: true });
    writeFileSync(path.join(site, name), content);
  }
  const lines: string[] = [];
  const { url, close } = await serveSite({ site, port, log: (line) => lines.push(line) });
  onTestFinished(close);
  return { url, site, lines };
}

/** Asks for a path exactly as written: fetch would tidy it up, and would not let the host be another. */
function get(
  url: string,
  file: string,
  { method = "GET", host }: { method?: string; host?: string } = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, path: `/${file}`, method, ...(host ? { headers: { host } } : {}) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}
