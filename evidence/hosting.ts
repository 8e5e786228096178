import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import {
  cacheControl,
  commonHeaders,
  IMMUTABLE,
  NO_PAGE,
  PAGES_ONLY,
  refusalHeaders,
  sitePolicy,
  TYPES,
} from "./headers.ts";

/** What one web server or host is told of a site, so that it sends what `rollbook serve` sends. */
export interface HostFile {
  /** Where it lies in the hosting folder: `cloudflare-pages/_headers`. */
  file: string;
  text: string;
  /** Why the host would refuse it, if it would. */
  tooLong?: string;
}

/**
 * Writes what web servers and hosts need to know of a built site into a folder of its own. A file that its host would
 * refuse is left out, and `log` says why.
 *
 * @param isPrivate whether the site names pupils: then there is nothing for hosts on the internet
 */
export async function writeHosting(
  site: string,
  folder: string,
  { isPrivate, log }: { isPrivate: boolean; log: (line: string) => void },
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const { file, text, tooLong } of hostFiles(sitePolicy(site), isPrivate)) {
    if (tooLong) {
      log(`${file} was left out: ${tooLong}`);
      continue;
    }
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), text);
  }
}

/** Everything that {@link writeHosting} writes for a site with this content security policy. */
export function hostFiles(policy: string, isPrivate: boolean): HostFile[] {
  const servers = [nginx(policy), caddy(policy)];
  return isPrivate ? servers : [...servers, ...azure(policy), ...cloudflare(policy)];
}

// --- internal ---

const MADE_WITH =
  "Made with the site beside it and for that site alone: put both in place together. See evidence/HOSTING.md.";
/** Below this many bytes packing costs more than it saves. */
const WORTH_PACKING = 1024;
/** nginx reads no longer word; Azure takes no larger file; Cloudflare no longer line and no more rules. */
const NGINX_WORD = 4095;
const AZURE_BYTES = 20_480;
const CLOUDFLARE_LINE = 2000;
const CLOUDFLARE_RULES = 100;

const MISSING_PAGE = `<!doctype html>
<html lang="en-GB">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="robots" content="noindex, nofollow" />
    <title>There is no such page</title>
  </head>
  <body>
    <h1>There is no such page</h1>
    <p><a href="/">Go to the first page</a></p>
  </body>
</html>
`;

/** The headers of a page and of what never changes, without the type: that goes by the ending. */
function bothKinds(policy: string): { pages: [string, string][]; immutable: [string, string][] } {
  const at = (pathname: string) =>
    Object.entries({ ...commonHeaders(policy), "cache-control": cacheControl(pathname) });
  return { pages: at("/"), immutable: at(IMMUTABLE) };
}

/** Each type with the endings that have it. */
function endingsByType(): [type: string, endings: string[]][] {
  const types = [...new Set(Object.values(TYPES))];
  return types.map((type) => [type, Object.keys(TYPES).filter((ending) => TYPES[ending] === type)]);
}

/** Directives for a server block, all within locations: they change nothing for sign-in that stands beside them. */
function nginx(policy: string): HostFile {
  const { pages, immutable } = bothKinds(policy);
  const add = (named: [string, string][], indent: string) =>
    named.map(([name, value]) => `${indent}add_header ${name} "${value}" always;`).join("\n");
  const { "content-type": refusalType = "", ...refusal } = refusalHeaders();
  const refuse = (at: string, status: number, said: string) => `location = ${at} {
    internal;
    server_tokens off;
    default_type "${refusalType}";
${add(Object.entries(refusal), "    ")}
    return ${status} "${said}\\n";
}`;
  const text = `# ${MADE_WITH}
# To be included in the server block of the site, which says where its root is and who may read it.
location / {
    try_files $uri $uri/index.html =404;
    server_tokens off;
    types {
${endingsByType()
  .map(([type, endings]) => `        "${type}" ${endings.join(" ")};`)
  .join("\n")}
    }
    default_type application/octet-stream;
    gzip on;
    gzip_vary on;
    gzip_min_length ${WORTH_PACKING};
    gzip_types ${endingsByType()
      .map(([type]) => `"${type}"`)
      .join(" ")};
${add(pages, "    ")}
    location ${IMMUTABLE} {
        try_files $uri =404;
${add(immutable, "        ")}
    }
    location ~ /\\. {
        return 404;
    }
}
error_page 400 404 =404 /rollbook-no-page;
error_page 405 =405 /rollbook-pages-only;
${refuse("/rollbook-no-page", 404, NO_PAGE)}
${refuse("/rollbook-pages-only", 405, PAGES_ONLY)}
`;
  const long = policy.length + 2 > NGINX_WORD;
  return {
    file: "nginx.conf",
    text,
    ...(long ? { tooLong: `nginx reads words of up to ${NGINX_WORD} characters, and the policy is longer` } : {}),
  };
}

/** Directives for a site block, in a route of their own: they come after sign-in, in the order in which they stand. */
function caddy(policy: string): HostFile {
  const { pages, immutable } = bothKinds(policy);
  const set = (named: [string, string][], indent: string) =>
    named.map(([name, value]) => `${indent}${name} "${value}"`).join("\n");
  const refuse = (matcher: string, status: number, said: string) => `	handle ${matcher} {
		header {
${set(Object.entries(refusalHeaders()), "			")}
		}
		respond "${said}
" ${status}
	}`;
  const text = `# ${MADE_WITH}
# To be imported in the site block of the site, which says where its root is and who may read it.
route {
	header -Server
	@other not method GET HEAD
${refuse("@other", 405, PAGES_ONLY)}
	@hidden path_regexp /\\.
${refuse("@hidden", 404, NO_PAGE)}
	@missing not file {path} {path}/index.html
${refuse("@missing", 404, NO_PAGE)}
	try_files {path} {path}/index.html
	header {
${set(pages, "		")}
	}
	@immutable path ${IMMUTABLE}*
	header @immutable {
${set(
  immutable.filter(([name]) => name === "cache-control"),
  "		",
)}
	}
${endingsByType()
  .map(([type, endings], at) => {
    const matcher = `@type${at}`;
    return `	${matcher} path ${endings.map((ending) => `*.${ending}`).join(" ")}\n	header ${matcher} content-type "${type}"`;
  })
  .join("\n")}
	encode zstd gzip {
		minimum_length ${WORTH_PACKING}
		match {
${endingsByType()
  .map(([type]) => `			header content-type "${type}"`)
  .join("\n")}
		}
	}
	file_server
}
`;
  return { file: "caddy.conf", text };
}

/** Closed until somebody says whose sign-in and which group: nobody has the role, and the tenant is none. */
function azure(policy: string): HostFile[] {
  const allowedRoles = ["board"];
  const config = {
    auth: {
      identityProviders: {
        azureActiveDirectory: {
          registration: {
            openIdIssuer: "https://login.microsoftonline.com/TENANT_ID/v2.0",
            clientIdSettingName: "AZURE_CLIENT_ID",
            clientSecretSettingName: "AZURE_CLIENT_SECRET",
          },
        },
      },
    },
    routes: [
      { route: "/.auth/login/github", statusCode: 404 },
      { route: `${IMMUTABLE}*`, allowedRoles, headers: { "cache-control": cacheControl(IMMUTABLE) } },
      { route: "/*", allowedRoles },
    ],
    responseOverrides: {
      401: { redirect: "/.auth/login/aad", statusCode: 302 },
      404: { rewrite: "/404.html" },
    },
    globalHeaders: Object.fromEntries(bothKinds(policy).pages),
    mimeTypes: Object.fromEntries(Object.entries(TYPES).map(([ending, type]) => [`.${ending}`, type])),
  };
  const text = `${JSON.stringify(config, null, 2)}\n`;
  const long = Buffer.byteLength(text) > AZURE_BYTES;
  const tooLong = long
    ? { tooLong: `Azure takes files of up to ${AZURE_BYTES} bytes, and the policy makes it longer` }
    : {};
  return [
    { file: "azure-static-web-apps/staticwebapp.config.json", text, ...tooLong },
    { file: "azure-static-web-apps/404.html", text: MISSING_PAGE, ...tooLong },
  ];
}

/** Without its own page for what is missing, Cloudflare would send the first page in its place. */
function cloudflare(policy: string): HostFile[] {
  // of two rules that say the same header both would be sent, so the second takes the first one's away
  const instead = ([name, value]: [string, string]) => `  ! ${name}\n  ${name}: ${value}`;
  const immutable = bothKinds(policy).immutable.filter(([name]) => name === "cache-control");
  const types = Object.entries(TYPES).filter(([ending]) => ending !== "html");
  const rules = [
    `/*\n  ! access-control-allow-origin\n${bothKinds(policy)
      .pages.map(([name, value]) => `  ${name}: ${value}`)
      .join("\n")}`,
    `${IMMUTABLE}*\n${immutable.map(instead).join("\n")}`,
    ...types.map(([ending, type]) => `/*.${ending}\n${instead(["content-type", type])}`),
  ];
  const text = `# ${MADE_WITH}\n${rules.join("\n")}\n`;
  const longest = Math.max(...text.split("\n").map((line) => line.length));
  const long = longest > CLOUDFLARE_LINE || rules.length > CLOUDFLARE_RULES;
  const tooLong = long
    ? { tooLong: `Cloudflare takes lines of up to ${CLOUDFLARE_LINE} characters, and the policy has ${longest}` }
    : {};
  return [
    { file: "cloudflare-pages/_headers", text, ...tooLong },
    { file: "cloudflare-pages/404.html", text: MISSING_PAGE, ...tooLong },
  ];
}
