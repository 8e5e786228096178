import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import os from "node:os";
import path from "node:path";
import getPort from "get-port";

/** A web server of this machine, as a stranger runs it: from a folder of its own, on a port of its own. */
export interface WebServer {
  name: string;
  /** Where it is, if this machine has it. */
  program: string | undefined;
  /** The file in the hosting folder that is for it. */
  hostFile: string;
  /** The block for a site that anybody may read. */
  block: (site: string, hosting: string, port: number) => string;
  /** Its arguments, given a folder of its own with the block in it. */
  start: (folder: string, block: string) => string[];
}

export const NGINX: WebServer = {
  name: "nginx",
  program: findProgram("nginx"),
  hostFile: "nginx.conf",
  block: (site, hosting, port) =>
    `server { listen 127.0.0.1:${port}; root ${site}; include ${path.join(hosting, "nginx.conf")}; }`,
  start: (folder, block) => {
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((kind) => `${kind}_temp_path ${path.join(folder, kind)};`)
      .join(" ");
    const config = path.join(folder, "main.conf");
    const pid = path.join(folder, "pid");
    writeFileSync(
      config,
      `daemon off; master_process off; pid ${pid};\nevents { }\nhttp { access_log off; ${temporary}\n${block}\n}\n`,
    );
    return ["-p", folder, "-e", path.join(folder, "errors"), "-c", config];
  },
};

export const CADDY: WebServer = {
  name: "Caddy",
  program: findProgram("caddy"),
  hostFile: "caddy.conf",
  block: (site, hosting, port) =>
    `http://127.0.0.1:${port} {\n\troot * ${site}\n\timport ${path.join(hosting, "caddy.conf")}\n}`,
  start: (folder, block) => {
    const config = path.join(folder, "Caddyfile");
    writeFileSync(config, `{\n\tadmin off\n\tauto_https off\n}\n${block}\n`);
    return ["run", "--config", config, "--adapter", "caddyfile"];
  },
};

/** How long a server may take to start on a busy machine. */
const STARTS_MS = 60_000;

/** An answer to a request. */
export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: Buffer;
}

/** Starts a web server with a block for one site; it is stopped, and its folder goes, with what is given back. */
export async function startServer(
  server: WebServer,
  block: (port: number) => string,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "rollbook-web-"));
  const port = await getPort({ host: "127.0.0.1" });
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const child = spawn(server.program ?? server.name, server.start(folder, block(port)), {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => {
    said += text;
  });
  const stop = async () => {
    await stopProcess(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}/`;
  const latest = Date.now() + STARTS_MS;
  try {
    while (!(await answers(url))) {
      if (child.exitCode !== null || Date.now() > latest) throw new Error(`${server.name} did not start: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/** Asks for a path exactly as written: fetch would tidy it up. */
export function ask(
  url: string,
  file: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path: file, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.on("error", reject);
    sent.end();
  });
}

// --- internal ---

/** Debian keeps servers in /usr/sbin, which only an administrator's PATH has. */
function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(path.delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

async function answers(url: string): Promise<boolean> {
  return ask(url, "/").then(
    () => true,
    () => false,
  );
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await gone;
}
