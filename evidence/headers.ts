import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Where files lie whose names change whenever what is in them does. */
export const IMMUTABLE = "/_app/immutable/";
/** What is said where there is no page, and to who wants more than a page. */
export const NO_PAGE = "There is no such page.";
export const PAGES_ONLY = "This server only hands out pages.";

/** What each kind of file of a site is, by the end of its name. All of them may be compressed. */
export const TYPES: Record<string, string> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  svg: "image/svg+xml",
  png: "image/png",
  txt: "text/plain; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  wasm: "application/wasm",
  arrow: "application/vnd.apache.arrow.stream",
  // named so by Evidence, Arrow in truth
  parquet: "application/vnd.apache.arrow.stream",
};

/** The headers of every file of a site, whoever serves it. */
export function commonHeaders(policy: string): Record<string, string> {
  return {
    "content-security-policy": policy,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex, nofollow",
  };
}

/** How long a file may be kept by the reader's own browser; others may keep none. */
export function cacheControl(pathname: string): string {
  return pathname.startsWith(IMMUTABLE) ? "private, max-age=31536000, immutable" : "private, no-cache";
}

/** The headers of one file of the site, by its address; an address without an ending is a page. */
export function headers(pathname: string, policy: string): Record<string, string> {
  const type = TYPES[path.posix.extname(pathname).slice(1) || "html"];
  return {
    ...commonHeaders(policy),
    "cache-control": cacheControl(pathname),
    ...(type ? { "content-type": type } : {}),
  };
}

/** The headers of an answer without a file. */
export function refusalHeaders(): Record<string, string> {
  return {
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  };
}

/** The content security policy of a built site: of scripts in its pages only those that were built in may run. */
export function sitePolicy(site: string): string {
  return policyFor(inlineScripts(site));
}

/** Everything from this server and nothing from elsewhere; of scripts in the pages only those that were built in. */
export function policyFor(scripts: string[]): string {
  const hashes = [
    ...new Set(scripts.map((script) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`)),
  ];
  return [
    "default-src 'none'",
    `script-src 'self' 'wasm-unsafe-eval' ${hashes.sort().join(" ")}`.trimEnd(),
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "object-src 'none'",
  ].join("; ");
}

/** The text of every script that stands in a page of the site itself. Data in a page is no script, and needs no leave to run. */
export function inlineScripts(site: string): string[] {
  return readdirSync(site, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".html"))
    .flatMap((file) =>
      Array.from(
        readFileSync(path.join(site, file), "utf8").matchAll(/<script(?![^>]*\ssrc=)([^>]*)>([\s\S]*?)<\/script>/g),
        ([, attributes = "", script = ""]) => (DATA.test(attributes) ? [] : script),
      ).flat(),
    );
}

/** Whether an address leads to a file or folder that systems hide, or out of the site; the folders' own names have no such dot. */
export function isHidden(pathname: string): boolean {
  return /\/(?:\.|%2e)/i.test(pathname);
}

// --- internal ---

const DATA = /\stype="application\/json"/;
