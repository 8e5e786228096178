import { existsSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import path from "node:path";
import getPort, { portNumbers } from "get-port";
import sirv from "sirv";
import { RollbookError } from "../ingest/errors.ts";
import { headers, isHidden, NO_PAGE, PAGES_ONLY, refusalHeaders, sitePolicy } from "./headers.ts";

/** Only this machine can reach the server. */
const HOST = "127.0.0.1";
/** How many ports after the one asked for are tried. */
const PORTS_TRIED = 20;

export interface ServeOptions {
  /** The folder of a built site. */
  site: string;
  port: number;
  log: (line: string) => void;
  /** The command that builds the site, for who has none yet; `rollbook site` unless given. */
  builtBy?: string;
}

/**
 * Serves a built site to this machine alone, until it is closed.
 *
 * The site may be built anew meanwhile. If the port is taken the next free one is used and `log` says so.
 *
 * @throws {RollbookError} if there is no site, or no port
 */
export async function serveSite({
  site,
  port,
  log,
  builtBy = "rollbook site",
}: ServeOptions): Promise<{ url: string; close(): Promise<void> }> {
  if (!existsSync(path.join(site, "index.html"))) {
    throw new RollbookError(`There is no site in ${site} yet. Build it with: ${builtBy}`);
  }
  const last = Math.min(port + PORTS_TRIED, 65_535);
  const free = await getPort({ host: HOST, port: portNumbers(port, last) });
  if (free < port || free > last) {
    throw new RollbookError(`Every port from ${port} to ${last} is taken. Choose another one.`);
  }
  if (free !== port) log(`Port ${port} is taken; using ${free} instead.`);

  const policy = contentPolicy(site);
  // "dev" makes sirv look into the folder at every request, because a new site may have taken its place
  const files = sirv(site, {
    dev: true,
    etag: true,
    setHeaders: (response, pathname) => {
      for (const [name, value] of Object.entries(headers(pathname, policy()))) response.setHeader(name, value);
    },
  });
  const server = createServer((request, response) => answer(request, response, files, free));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(free, HOST, resolve);
  });
  return {
    url: `http://localhost:${free}/`,
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  files: ReturnType<typeof sirv>,
  port: number,
): void {
  // a page elsewhere that points its own host name at this machine must not read the site
  if (request.headers.host !== `${HOST}:${port}` && request.headers.host !== `localhost:${port}`) {
    refuse(response, 421, "This server answers to its own address only.");
  } else if (request.method !== "GET" && request.method !== "HEAD") {
    refuse(response, 405, PAGES_ONLY);
  } else if (isHidden(request.url?.split("?")[0] ?? "")) {
    refuse(response, 404, NO_PAGE);
  } else {
    files(request, response, () => refuse(response, 404, NO_PAGE));
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, refusalHeaders());
  response.end(`${message}\n`);
}

/** Gives the site's content security policy, worked out again when the site has been built anew. */
function contentPolicy(site: string): () => string {
  let built = Number.NaN;
  let policy = "";
  return () => {
    const now = statSync(path.join(site, "index.html")).mtimeMs;
    if (now !== built) {
      policy = sitePolicy(site);
      built = now;
    }
    return policy;
  };
}
