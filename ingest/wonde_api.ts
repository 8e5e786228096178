import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import ky, { HTTPError, type KyInstance, TimeoutError } from "ky";
import * as z from "zod";
import { RollbookError } from "./errors.ts";

/** Wonde's address for schools in the UK. Source: https://docs.wonde.com/faqs/ ("Regional Domains"). */
export const WONDE_URL = "https://api.wonde.com/v1.0";

export interface WondeOptions {
  /** Wonde's id of the school. */
  school: string;
  /** The URN that Wonde must know the school by. */
  urn: number;
  /** Where its pages go: each fetch into a folder of its own, named by the moment that it began. */
  folder: string;
  token: string;
  /** Where the API is: https, or http on this machine. */
  url: string;
  /** Only marks and pupils on roll that changed after this ISO date or instant. Codes and leavers always come whole. */
  updatedAfter?: string;
}

export interface WondeEffects {
  log: (line: string) => void;
  now: () => Date;
  bounds?: Partial<WondeBounds>;
}

/** How long a fetch waits and how much it takes. */
export interface WondeBounds {
  /** The wait before the first new try, in milliseconds; it doubles with each. */
  backoffMs: number;
  /** How long one answer may take, its body included, in milliseconds. */
  timeoutMs: number;
  /** The longest wait that is kept to when Wonde says how long, in milliseconds. */
  longestWaitMs: number;
  /** The largest page, in bytes. */
  pageBytes: number;
}

export interface Fetched {
  /** Pages saved. */
  files: number;
  records: number;
}

/**
 * Brings one school's attendance codes, pupils, leavers and session marks from Wonde into `folder`, where the ordinary
 * ingest reads the pages like any saved file: each holds the body of one answer, byte for byte.
 *
 * All pages of a fetch come in with one rename, or none. No two fetches of one folder may run at once.
 *
 * @throws RollbookError for a token, school, answer or page that is not as it must be; no value of a page is repeated
 */
export async function fetchWonde(options: WondeOptions, effects: WondeEffects): Promise<Fetched> {
  const { folder, urn } = options;
  const began = effects.now();
  const after = options.updatedAfter === undefined ? null : changedAfter(options.updatedAfter, began);
  const last = after && lastFetched(folder);
  const source = sourceOf(options, effects);
  await holdToSchool(source, urn);

  const arriving = path.join(path.dirname(folder), `.${path.basename(folder)}-arriving`);
  const place = path.join(folder, `${began.toISOString().slice(0, 19).replaceAll(":", "")}Z`);
  if (fs.existsSync(place)) {
    throw new RollbookError(`${place} is there already: a fetch began in the same second; fetch again`);
  }
  const fetched = { files: 0, records: 0 };
  try {
    // what a run that was killed left behind is pupils' data
    onDisk(folder, () => fs.rmSync(arriving, { recursive: true, force: true }));
    onDisk(folder, () => fs.mkdirSync(arriving, { recursive: true, mode: 0o700 }));
    for (const resource of RESOURCES) {
      let records = 0;
      for await (const page of pagesOf(source, resource, after)) {
        effects.log(`${source.name}, ${resource.name}, page ${page.number}`);
        // a page without records says nothing, and nothing in it tells what it is of
        if (page.records === 0) continue;
        const file = path.join(arriving, `${resource.name}-${String(page.number).padStart(4, "0")}.json`);
        onDisk(folder, () => fs.writeFileSync(file, page.body, { mode: 0o600, flag: "wx", flush: true }));
        records += page.records;
        fetched.files += 1;
      }
      if (records === 0 && resource.isNeverEmpty && !(resource.hasUpdates && after)) {
        throw new RollbookError(
          `${source.name}, ${resource.name}: expected records, found none; check that the school shares them with this token, and that the address is that of its region (--url)`,
        );
      }
      fetched.records += records;
    }
    onDisk(folder, () => {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (fetched.files > 0) fs.renameSync(arriving, place);
      // a fetch that leaves a gap behind the one before does not stand for all that came until now
      if (!after || (last && after <= last)) noteFetch(folder, began);
    });
    return fetched;
  } finally {
    onDisk(folder, () => fs.rmSync(arriving, { recursive: true, force: true }));
  }
}

/** The moment up to which everything has been fetched into a folder, or null when not everything has been yet. */
export function lastFetched(folder: string): Date | null {
  const file = path.join(folder, NOTE);
  if (!fs.existsSync(file)) return null;
  try {
    return new Date(Note.parse(JSON.parse(fs.readFileSync(file, "utf8"))).began_at);
  } catch {
    throw new RollbookError(
      `${file}: expected the moment of the last fetch; take the file away, then everything is fetched again`,
    );
  }
}

// --- internal ---

/** The name begins with a dot, so that it is no register file. */
const NOTE = ".fetched.json";
const Note = z.strictObject({ began_at: z.iso.datetime() });

/** The most that Wonde's pages hold; its default is 50. */
const RECORDS_A_PAGE = 200;
const RETRIES = 5;
const RETRIED = [429, 500, 502, 503, 504];
const REDIRECTS = 5;
const BOUNDS: WondeBounds = {
  backoffMs: 1000,
  timeoutMs: 60_000,
  longestWaitMs: 5 * 60_000,
  pageBytes: 64 * 1024 * 1024,
};

const id = z.string().min(1);
/** An object that is not there: Wonde's PHP writes it as an empty list. */
const orNothing = <T extends z.ZodType>(type: T) =>
  z.preprocess((value) => (Array.isArray(value) && value.length === 0 ? null : value), type.nullable());

const Code = z.object({ id, code: z.string().nullable() });
const Student = z.object({
  id,
  education_details: z.object({ data: orNothing(z.object({ upn: z.string().nullish() })) }),
});
const SessionMark = z.object({
  id,
  date: z.union([z.string(), z.object({ date: z.string() })]),
  session: z.string().nullable(),
  student: id,
  attendance_code: z.string().nullable(),
});
const School = z.object({
  data: z.object({
    urn: z.union([z.string(), z.number()]).nullish(),
    region: z
      .object({ identifiers: orNothing(z.object({ urn: z.union([z.string(), z.number()]).nullish() })).optional() })
      .nullish(),
  }),
});
const Paging = z.object({ pagination: z.object({ next: z.string().nullish(), more: z.boolean().nullish() }) });

interface Resource {
  /** What its files and messages call it. */
  name: string;
  /** Its path below the school's. */
  path: string;
  include?: string;
  /** Whether Wonde tells which of its records changed. */
  hasUpdates: boolean;
  /** A school without any would be one whose data does not reach us. */
  isNeverEmpty: boolean;
  page: z.ZodType<{ data: { id: string }[]; meta?: z.infer<typeof Paging> | undefined }>;
}

const DETAILS = "education_details,extended_details";

/** In this order, so that every mark's code and pupil came before it. Source: wondeltd/php-client, `src/Endpoints`. */
const RESOURCES: readonly Resource[] = [
  {
    name: "attendance-codes",
    path: "attendance-codes/",
    hasUpdates: false,
    isNeverEmpty: true,
    page: z.object({ data: z.array(Code), meta: Paging.optional() }),
  },
  {
    name: "students",
    path: "students",
    include: DETAILS,
    hasUpdates: true,
    isNeverEmpty: true,
    page: z.object({ data: z.array(Student), meta: Paging }),
  },
  {
    name: "students-leaver",
    path: "students-leaver",
    include: DETAILS,
    hasUpdates: false,
    isNeverEmpty: false,
    page: z.object({ data: z.array(Student), meta: Paging }),
  },
  {
    name: "session",
    path: "attendance/session/",
    hasUpdates: true,
    isNeverEmpty: false,
    page: z.object({ data: z.array(SessionMark), meta: Paging }),
  },
];

/** One school at Wonde, and how it is asked. */
interface Source {
  /** What messages call it. */
  name: string;
  /** Everything of the school is here or below. */
  root: URL;
  client: KyInstance;
}

interface Page {
  number: number;
  body: Uint8Array;
  records: number;
}

function sourceOf({ school, urn, token, url }: WondeOptions, { log, bounds }: WondeEffects): Source {
  const name = `Wonde, school ${urn}`;
  if (!/^\w+$/.test(school)) {
    throw new RollbookError(
      `rollbook.yaml, school ${urn}, "wonde": expected Wonde's id of the school, letters and digits`,
    );
  }
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new RollbookError(
      "WONDE_TOKEN: expected Wonde's token, which has no spaces or line breaks; copy it again from Wonde",
    );
  }
  const root = new URL(`${baseOf(url)}/schools/${school}`);
  const { backoffMs, timeoutMs, longestWaitMs, pageBytes } = { ...BOUNDS, ...bounds };
  const client = ky.create({
    headers: { authorization: `Bearer ${token}`, accept: "application/json" },
    timeout: timeoutMs,
    retry: {
      limit: RETRIES,
      statusCodes: RETRIED,
      afterStatusCodes: [429, 503],
      maxRetryAfter: longestWaitMs,
      retryOnTimeout: true,
      delay: (attempt) => backoffMs * 2 ** (attempt - 1),
      shouldRetry: ({ error }) =>
        error instanceof RollbookError || asksToWait(error, longestWaitMs) ? false : undefined,
    },
    hooks: { beforeRetry: [({ retryCount }) => log(`${name}: no answer yet, asking again (${retryCount})`)] },
    fetch: (input, init) => answerTo(new Request(input, init), { name, root, pageBytes }),
  });
  return { name, root, client };
}

function baseOf(url: string): string {
  const base = URL.canParse(url) ? new URL(url) : null;
  const isHere = base?.protocol === "http:" && ["localhost", "127.0.0.1"].includes(base.hostname);
  if (!base || !(base.protocol === "https:" || isHere) || base.username || base.password || base.search || base.hash) {
    throw new RollbookError(
      `--url: expected an address like ${WONDE_URL}, with https and without a name, password or query`,
    );
  }
  return base.href.replace(/\/+$/, "");
}

/** Refuses a school that Wonde knows by another URN: its pupils would stand as those of ours. */
async function holdToSchool(source: Source, urn: number): Promise<void> {
  const { data } = shaped(School, await ask(source, source.root, source.name), source.name);
  const found = data.urn ?? data.region?.identifiers?.urn ?? null;
  if (found !== null && Number(found) === urn) return;
  throw new RollbookError(
    `${source.name}: wrong school: Wonde ${found === null ? "gives no URN for it" : "knows it by another URN"}; correct "wonde" or "urn" of the school in rollbook.yaml`,
  );
}

/** The pages of a resource, each asked for when the one before has been dealt with. */
async function* pagesOf(source: Source, resource: Resource, after: Date | null): AsyncGenerator<Page> {
  const seen = new Set<string>();
  let next: URL | null = firstPage(source, resource, after);
  for (let number = 1; next; number++) {
    const where = `${source.name}, ${resource.name}, page ${number}`;
    const body = await ask(source, next, where);
    const { data, meta } = shaped(resource.page, body, where);
    const ids = createHash("sha256");
    for (const record of data) ids.update(`${record.id}\n`);
    const print = ids.digest("base64");
    if (seen.has(print)) {
      throw new RollbookError(`${where}: expected new records, found those of an earlier page; fetch again later`);
    }
    seen.add(print);
    if (meta?.pagination.more && !meta.pagination.next) {
      throw new RollbookError(
        `${where}, "meta.pagination": expected the link to the next page, since there is one; fetch again later`,
      );
    }
    yield { number, body, records: data.length };
    next = meta?.pagination.next ? within(source, meta.pagination.next, next, where) : null;
  }
}

function firstPage({ root }: Source, resource: Resource, after: Date | null): URL {
  const url = new URL(`${root.href}/${resource.path}`);
  if (resource.include) url.searchParams.set("include", resource.include);
  url.searchParams.set("per_page", String(RECORDS_A_PAGE));
  if (after && resource.hasUpdates) {
    // as in Wonde's own client: 2016-06-24 00:00:00
    url.searchParams.set("updated_after", after.toISOString().slice(0, 19).replace("T", " "));
  }
  return url;
}

/** The address that a link leads to, refused when it leaves the school: the token goes with every request. */
function within({ root }: Pick<Source, "root">, link: string, from: URL, where: string): URL {
  const url = URL.canParse(link, from) ? new URL(link, from) : null;
  const isWithin =
    url?.origin === root.origin &&
    !url.username &&
    !url.password &&
    (url.pathname === root.pathname || url.pathname.startsWith(`${root.pathname}/`));
  if (url && isWithin) return url;
  throw new RollbookError(
    `${where}: expected a link to the same address and school, found one that leads elsewhere, where the token must not go; check the address of the school's region (--url)`,
  );
}

async function ask({ client }: Source, url: URL, where: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await client.get(url).arrayBuffer());
  } catch (error) {
    throw inPlainWords(error, where);
  }
}

/** One answer with its whole body, so that a body that breaks off or does not end is tried again like any failure. */
async function answerTo(
  request: Request,
  { name, root, pageBytes }: { name: string; root: URL; pageBytes: number },
): Promise<Response> {
  const { headers, signal } = request;
  let url = new URL(request.url);
  for (let hops = 0; hops <= REDIRECTS; hops++) {
    const response = await fetch(url, { headers, signal, redirect: "manual" });
    const { status } = response;
    const location = status >= 300 && status < 400 ? response.headers.get("location") : null;
    if (location === null) {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of response.body ?? []) {
        bytes += chunk.byteLength;
        if (bytes > pageBytes) {
          throw new RollbookError(`${name}: expected a page of at most ${pageBytes} bytes, found a longer one`);
        }
        chunks.push(chunk);
      }
      return new Response(bytes > 0 ? Buffer.concat(chunks) : null, { status, headers: response.headers });
    }
    await response.body?.cancel();
    url = within({ root }, location, url, name);
  }
  throw new RollbookError(`${name}: expected an answer, found only links from one address to the next (--url)`);
}

/** Whether an answer asks for a longer wait than we keep to, or for one that cannot be read. */
function asksToWait(error: unknown, longestMs: number): boolean {
  const wait = error instanceof HTTPError ? error.response.headers.get("retry-after") : null;
  if (wait === null) return false;
  const ms = /^\d+$/.test(wait) ? Number(wait) * 1000 : Date.parse(wait) - Date.now();
  return !(ms <= longestMs);
}

/** What went wrong with a request, without the request: it carries the token. */
function inPlainWords(error: unknown, where: string): unknown {
  if (error instanceof HTTPError) {
    const { status } = error.response;
    if (status === 401 || status === 403) {
      return new RollbookError(
        `${where}: the token is not accepted for this school: Wonde answered ${status}; see in Wonde that the school has approved the app, with pupils' education and extended details and attendance, and set WONDE_TOKEN to its token`,
      );
    }
    if (status === 404) {
      return new RollbookError(
        `${where}: Wonde answered that this is not there (404); check "wonde" of the school in rollbook.yaml, and the address of its region (--url)`,
      );
    }
    if (!RETRIED.includes(status)) {
      return new RollbookError(`${where}: expected a page, Wonde answered ${status}; check the address (--url)`);
    }
    return new RollbookError(`${where}: Wonde cannot answer now (${status}); fetch again later`);
  }
  if (error instanceof TimeoutError) {
    return new RollbookError(`${where}: Wonde did not answer in time, however often it was asked; fetch again later`);
  }
  if (error instanceof TypeError) {
    const code = error.cause instanceof Error && "code" in error.cause ? ` (${error.cause.code})` : "";
    return new RollbookError(
      `${where}: Wonde cannot be reached${code}; check the connection to the internet and the address (--url), then fetch again`,
    );
  }
  return error;
}

/** A body as JSON of a known shape. Names what is out of shape and never what stands there. */
function shaped<T>(type: z.ZodType<T>, body: Uint8Array, where: string): T {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new RollbookError(
      `${where}: expected JSON, found something else or only a part of it; check the address (--url) and fetch again`,
    );
  }
  const result = type.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const at = (issue?.path ?? []).map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  const expected = issue?.code === "invalid_type" ? `as ${issue.expected}` : "as Wonde documents it";
  const others = result.error.issues.length - 1;
  throw new RollbookError(
    `${where}: expected "${at.replace(/^\./, "") || "data"}" ${expected}${others > 0 ? ` (and ${others} more)` : ""}; check in Wonde that the school shares it with this token, else Wonde's format has changed`,
  );
}

function changedAfter(text: string, now: Date): Date {
  const isTime = z.union([z.iso.date(), z.iso.datetime({ offset: true })]).safeParse(text).success;
  const after = new Date(text);
  if (isTime && after <= now) return after;
  throw new RollbookError("--updated-after: expected a day or moment that has passed, like 2025-09-01");
}

function noteFetch(folder: string, began: Date): void {
  const file = path.join(folder, NOTE);
  const note: z.infer<typeof Note> = { began_at: began.toISOString() };
  fs.writeFileSync(`${file}.draft`, `${JSON.stringify(note)}\n`, { mode: 0o600, flush: true });
  fs.renameSync(`${file}.draft`, file);
}

function onDisk(folder: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
    throw new RollbookError(
      `Cannot write to ${folder}${code}: see that you have the right to write there and that the disk has room`,
    );
  }
}
