import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { type FetchOptions, fetchPages } from "../commands/fetch.ts";
import { RollbookError } from "../ingest/errors.ts";
import type { Project } from "../ingest/project.ts";
import { type Fetched, fetchWonde, lastFetched, type WondeEffects, type WondeOptions } from "../ingest/wonde_api.ts";
import { makeProject } from "./project.ts";
import {
  type Fault,
  sessionMark,
  student,
  WONDE_SCHOOL,
  WONDE_TOKEN,
  type WondePage,
  type WondeServer,
  wondeServer,
} from "./wonde_server.ts";

const NOW = "2026-03-20T05:15:30.250Z";
const BOUNDS = { backoffMs: 2, timeoutMs: 5000, longestWaitMs: 2000, pageBytes: 100_000 };
const WHOLE = [
  "2026-03-20T051530Z/attendance-codes-0001.json",
  "2026-03-20T051530Z/attendance-codes-0002.json",
  "2026-03-20T051530Z/session-0001.json",
  "2026-03-20T051530Z/session-0002.json",
  "2026-03-20T051530Z/session-0003.json",
  "2026-03-20T051530Z/students-0001.json",
  "2026-03-20T051530Z/students-0002.json",
  "2026-03-20T051530Z/students-leaver-0001.json",
];

test("a school comes whole: codes, pupils, leavers and marks, every page of each", async () => {
  const server = await wondeServer();
  const drop = dropFolder();
  expect(await fetched(server, drop)).toEqual({ files: 8, records: 12 });
  expect(filesIn(drop)).toEqual(WHOLE);
  expect(server.asked.map(({ resource, query }) => [resource, query.page ?? "1"].join(" "))).toEqual([
    " 1",
    "attendance-codes 1",
    "attendance-codes 2",
    "students 1",
    "students 2",
    "students-leaver 1",
    "attendance/session 1",
    "attendance/session 2",
    "attendance/session 3",
  ]);
  expect(new Set(server.asked.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${WONDE_TOKEN}`]));
});

test.each([{ gzip: false }, { gzip: true }])("pages are kept byte for byte (%j)", async ({ gzip }) => {
  const server = await wondeServer({ gzip });
  const drop = dropFolder();
  await fetched(server, drop);
  for (const file of filesIn(drop)) {
    const [, name, number] = /\/(.+)-0*(\d+)\.json$/.exec(file) ?? [];
    const sent = server.sent.get(`${name === "session" ? "attendance/session" : name} ${number}`);
    expect(fs.readFileSync(path.join(drop, file)).equals(sent ?? Buffer.alloc(0)), file).toBe(true);
  }
});

test("what was fetched is readable by its owner only, and the token is nowhere in it", async () => {
  const drop = dropFolder();
  await fetched(await wondeServer(), drop);
  const entries = fs.readdirSync(path.dirname(drop), { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const file = path.join(entry.parentPath, entry.name);
    expect([entry.name, fs.statSync(file).mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
    if (entry.isFile()) expect(fs.readFileSync(file, "utf8")).not.toContain(WONDE_TOKEN);
  }
});

test("one page is on the disk before the next is asked for, and none is in the drop folder before the last", async () => {
  const drop = dropFolder();
  const arrived: number[] = [];
  const server = await wondeServer({
    onAsk: () => {
      const arriving = path.join(path.dirname(drop), ".wonde-arriving");
      arrived.push(fs.existsSync(arriving) ? fs.readdirSync(arriving).length : 0);
      expect(fs.existsSync(drop)).toBe(false);
    },
  });
  await fetched(server, drop);
  expect(arrived).toEqual([0, 0, 1, 2, 3, 4, 5, 6, 7]);
});

test("only pupils on roll and marks are asked for by change; codes and leavers come whole", async () => {
  const server = await wondeServer();
  const drop = dropFolder();
  expect(await fetched(server, drop, { updatedAfter: "2026-03-01T12:30:00+00:00" })).toEqual({ files: 5, records: 7 });
  expect(asks(server)).toEqual({
    "": {},
    "attendance-codes": { per_page: "200" },
    students: {
      include: "education_details,extended_details",
      per_page: "200",
      updated_after: "2026-03-01 12:30:00",
    },
    "students-leaver": { include: "education_details,extended_details", per_page: "200" },
    "attendance/session": { per_page: "200", updated_after: "2026-03-01 12:30:00" },
  });
});

test("a page without records is not kept, and a fetch in which nothing changed is no failure", async () => {
  const server = await wondeServer({ schools: { [WONDE_SCHOOL]: { leavers: [] } } });
  const drop = dropFolder();
  expect(await fetched(server, drop, { updatedAfter: "2026-03-10" })).toEqual({ files: 2, records: 3 });
  expect(filesIn(drop)).toEqual(WHOLE.slice(0, 2));
});

test("a pupil without education details, which PHP writes as an empty list, is no failure", async () => {
  const bare = { ...student(5), education_details: { data: [] }, extended_details: { data: [] } };
  const server = await wondeServer({ schools: { [WONDE_SCHOOL]: { leavers: [bare] } } });
  expect(await fetched(server, dropFolder())).toEqual({ files: 8, records: 12 });
});

test.each<[string, Fault]>([
  ["Wonde answers 503 twice", { status: 503, times: 2 }],
  ["Wonde answers 500", { status: 500, times: 1 }],
  ["Wonde answers 502", { status: 502, times: 1 }],
  ["Wonde answers 504", { on: "attendance/session", page: 2, status: 504, times: 1 }],
  ["the connection breaks", { breaks: "before", times: 1 }],
  ["the connection breaks within a page", { on: "attendance/session", page: 3, breaks: "within", times: 1 }],
  ["an answer does not come in time", { slowMs: 3000, times: 1 }],
  ["the address has moved within Wonde", { on: "", status: 301, headers: { location: `${WONDE_SCHOOL}/` }, times: 1 }],
])("the school comes whole although %s", async (_, fault) => {
  const drop = dropFolder();
  const bounds = { ...BOUNDS, timeoutMs: fault.slowMs ? 200 : 5000 };
  expect(await fetched(await wondeServer({ faults: [fault] }), drop, {}, { bounds })).toMatchObject({ files: 8 });
  expect(filesIn(drop)).toEqual(WHOLE);
});

test("Wonde is asked again no sooner than it says", async () => {
  const server = await wondeServer({ faults: [{ status: 429, headers: { "retry-after": "1" }, times: 1 }] });
  await fetched(server, dropFolder());
  const [first, second] = server.asked.filter(({ resource }) => resource === "students").map(({ at }) => at);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(990);
});

test.each<[string, Fault, RegExp, { asked?: number }?]>([
  [
    "a token that is not accepted",
    { on: "", status: 401 },
    /^Wonde, school 999001: the token is not accepted for this school: Wonde answered 401; /,
    { asked: 1 },
  ],
  [
    "a resource that the school does not share",
    { on: "attendance/session", status: 403 },
    /^Wonde, school 999001, session, page 1: the token is not accepted for this school: Wonde answered 403; /,
  ],
  ["a school that is not there", { on: "", status: 404 }, /not there \(404\); check "wonde"/, { asked: 1 }],
  ["an answer of another kind", { status: 422 }, /students, page 1: expected a page, Wonde answered 422; /],
  ["a server that stays down", { on: "", status: 503 }, /cannot answer now \(503\); fetch again later$/, { asked: 6 }],
  [
    "a wait that is too long",
    { on: "", status: 429, headers: { "retry-after": "86400" } },
    /cannot answer now \(429\)/,
    { asked: 1 },
  ],
  [
    "a wait that cannot be read",
    { on: "", status: 429, headers: { "retry-after": "soon" } },
    /cannot answer now \(429\)/,
    { asked: 1 },
  ],
  ["connections that break", { on: "", breaks: "before" }, /cannot be reached \(UND_ERR_SOCKET\); /, { asked: 6 }],
  ["answers that never come in time", { on: "", slowMs: 3000 }, /did not answer in time/, { asked: 6 }],
  ["a page that is no JSON", { body: "<html>CANARY</html>" }, /students, page 1: expected JSON, found something else/],
  ["a page that breaks off", { body: '{"data":[{"id":"CANARY"' }, /students, page 1: expected JSON/],
  ["a page of another shape", { body: '{"pupils":["CANARY"]}' }, /students, page 1: expected "data" as array/],
  ["a page that is too large", { body: " ".repeat(100_001) }, /page of at most 100000 bytes/],
  [
    "a record without its id",
    { change: ({ data }) => delete data[1]?.id },
    /students, page 1: expected "data\[1\]\.id" as string; /,
  ],
  [
    "pupils without the details that were asked for",
    { on: "students-leaver", change: ({ data }) => delete data[0]?.education_details },
    /students-leaver, page 1: expected "data\[0\]\.education_details" as object; check in Wonde that the school shares/,
  ],
  [
    "a mark whose day is out of shape",
    { on: "attendance/session", page: 3, change: ({ data }) => Object.assign(data[0] ?? {}, { date: ["CANARY"] }) },
    /session, page 3: expected "data\[0\]\.date" as Wonde documents it; /,
  ],
  ["a page without paging", { change: without("pagination") }, /expected "meta\.pagination" as object/],
  [
    "more pages without a link to them",
    { change: paging({ next: null, more: true }) },
    /page 1, "meta\.pagination": expected the link to the next page/,
  ],
  ["a link that is none", { change: paging({ next: "http://" }) }, /found one that leads elsewhere/],
  [
    "a page that comes again",
    { page: 2, change: ({ data }) => data.splice(0, 2, student(1), student(2)) },
    /earlier page/,
  ],
  [
    "pages that go round in a circle",
    { on: "attendance/session", page: 3, change: paging({ next: "?page=1", more: true }) },
    /session, page 4: expected new records, found those of an earlier page/,
  ],
  ["redirects without end", { on: "", status: 302, headers: { location: "#" } }, /found only links from one address/],
])("%s is refused in plain words, and nothing comes in", async (_, fault, reason, { asked } = {}) => {
  const server = await wondeServer({ faults: [fault] });
  const drop = dropFolder();
  const bounds = { ...BOUNDS, timeoutMs: fault.slowMs ? 50 : 5000 };
  const refusal = await refused(fetched(server, drop, {}, { bounds }));
  expect(refusal).toMatch(reason);
  expect(refusal).not.toContain("CANARY");
  if (asked) expect(server.asked).toHaveLength(asked);
  expect(fs.readdirSync(path.dirname(drop))).toEqual([]);
});

test.each<[string, (other: string) => Fault]>([
  ["next page", (other) => ({ change: paging({ next: `${other}/schools/${WONDE_SCHOOL}/students?page=2` }) })],
  ["redirect", (other) => ({ status: 302, headers: { location: `${other}/schools/${WONDE_SCHOOL}/students` } })],
])("a %s at another address is refused, and the token is not sent there", async (_, fault) => {
  const other = await wondeServer();
  const server = await wondeServer({ faults: [fault(other.url)] });
  expect(await refused(fetched(server, dropFolder()))).toMatch(/found one that leads elsewhere, where the token must/);
  expect(other.asked).toEqual([]);
});

test("a next page of another school is refused", async () => {
  const elsewhere = "/v1.0/schools/A999002/students?page=2";
  const schools = { [WONDE_SCHOOL]: {}, A999002: { urn: 999002 } };
  const server = await wondeServer({ schools, faults: [{ change: paging({ next: elsewhere }) }] });
  expect(await refused(fetched(server, dropFolder()))).toMatch(/a link to the same address and school/);
  expect(server.asked.map(({ school }) => school)).not.toContain("A999002");
});

test.each([
  ["by another URN", "999002", "Wonde knows it by another URN"],
  ["without a URN", null, "Wonde gives no URN for it"],
])("a school that Wonde knows %s is the wrong one: none of its pupils is asked for", async (_, urn, reason) => {
  const server = await wondeServer({ schools: { [WONDE_SCHOOL]: { urn } } });
  expect(await refused(fetched(server, dropFolder()))).toBe(
    `Wonde, school 999001: wrong school: ${reason}; correct "wonde" or "urn" of the school in rollbook.yaml`,
  );
  expect(server.asked).toHaveLength(1);
});

test.each([
  ["codes", { codes: [] }, /attendance-codes: expected records, found none; /],
  ["pupils", { students: [] }, /students: expected records, found none; /],
])("a school without any %s is one that shares nothing", async (_, data, reason) => {
  const drop = dropFolder();
  const server = await wondeServer({ schools: { [WONDE_SCHOOL]: data } });
  expect(await refused(fetched(server, drop))).toMatch(reason);
  expect(fs.readdirSync(path.dirname(drop))).toEqual([]);
});

test.each<[string, Partial<WondeOptions>, RegExp]>([
  ["plain http elsewhere", { url: "http://wonde.example/v1.0" }, /^--url: expected an address like https:/],
  ["a host that only begins like this machine's", { url: "http://localhost.example/v1.0" }, /^--url: /],
  ["another protocol", { url: "ftp://wonde.example/v1.0" }, /^--url: /],
  ["a password in the address", { url: "https://me:CANARY@wonde.example/v1.0" }, /^--url: /],
  ["a query in the address", { url: "https://wonde.example/v1.0?key=CANARY" }, /^--url: /],
  ["no address", { url: "CANARY" }, /^--url: /],
  ["a token with a line break", { token: "CANARY\nCANARY" }, /^WONDE_TOKEN: expected Wonde's token, which has no/],
  ["an id that is a path", { school: "../CANARY" }, /^rollbook\.yaml, school 999001, "wonde": /],
  ["a day that is none", { updatedAfter: "CANARY" }, /^--updated-after: /],
  ["a day that does not exist", { updatedAfter: "2026-02-30" }, /^--updated-after: /],
  ["a day to come", { updatedAfter: "2026-03-21" }, /^--updated-after: expected a day or moment that has passed/],
])("%s is refused before anything is asked", async (_, options, reason) => {
  const server = await wondeServer();
  const refusal = await refused(fetched(server, dropFolder(), options));
  expect(refusal).toMatch(reason);
  expect(refusal).not.toContain("CANARY");
  expect(server.asked).toEqual([]);
});

test("an address where nobody listens is said in plain words", async () => {
  const refusal = await refused(fetched({ url: "http://127.0.0.1:1/v1.0" }, dropFolder()));
  expect(refusal).toMatch(/^Wonde, school 999001: Wonde cannot be reached/);
});

test("fetches do not overwrite one another, and two of the same second are not mixed", async () => {
  const server = await wondeServer();
  const drop = dropFolder();
  await fetched(server, drop);
  expect(await refused(fetched(server, drop))).toMatch(/is there already: a fetch began in the same second/);
  await fetched(server, drop, {}, { now: () => new Date("2026-03-20T05:15:31Z") });
  expect(filesIn(drop)).toEqual([...WHOLE, ...WHOLE.map((file) => file.replace("051530Z", "051531Z"))]);
});

test("a drop folder that cannot be written to is said in plain words", async () => {
  const drop = dropFolder();
  fs.writeFileSync(drop, "a file, not a folder");
  expect(await refused(fetched(await wondeServer(), path.join(drop, "wonde")))).toMatch(/^Cannot write to .*wonde \(E/);
});

test("a fetch since the last takes up a day before that one began", async () => {
  const server = await wondeServer();
  const project = projectOfWonde();
  const since = (now: string) => run(project, server, { sinceLast: true }, now);
  await since("2026-03-02T05:00:00Z");
  expect(asks(server).students).not.toHaveProperty("updated_after");
  await since("2026-03-03T05:00:00Z");
  expect(asks(server).students).toMatchObject({ updated_after: "2026-03-01 05:00:00" });
  expect(asks(server)["attendance/session"]).toMatchObject({ updated_after: "2026-03-01 05:00:00" });
});

test.each<[string, Partial<WondeOptions>, Fault[], string | null]>([
  ["a whole fetch", {}, [], NOW],
  ["a fetch of what changed since before the last", { updatedAfter: "2026-03-01" }, [], NOW],
  ["a fetch that leaves days out", { updatedAfter: "2026-03-15" }, [], "2026-03-02T05:00:00.000Z"],
  ["a fetch that failed", {}, [{ on: "attendance/session", status: 403 }], "2026-03-02T05:00:00.000Z"],
])("what is known to have come is right after %s", async (_, options, faults, moment) => {
  const drop = dropFolder();
  await fetched(await wondeServer(), drop, {}, { now: () => new Date("2026-03-02T05:00:00Z") });
  await fetched(await wondeServer({ faults }), drop, options).catch(() => {});
  expect(lastFetched(drop)?.toISOString()).toBe(moment);
});

test("where everything has never come, a fetch of changes does not stand for everything", async () => {
  const drop = dropFolder();
  await fetched(await wondeServer(), drop, { updatedAfter: "2026-03-01" });
  expect(lastFetched(drop)).toBeNull();
});

test("a note of the last fetch that cannot be read is not passed over", async () => {
  const project = projectOfWonde();
  const folder = path.join(project.registers, "999001", "wonde");
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, ".fetched.json"), '{"began_at":"yesterday"}');
  const server = await wondeServer();
  expect(await refused(run(project, server, { sinceLast: true }))).toMatch(
    /expected the moment of the last fetch; take/,
  );
  expect(await run(project, server, {})).toMatchObject({ schools: 1 });
});

test("every school with a Wonde id comes into a folder of its own", async () => {
  const server = await wondeServer({ schools: TWO });
  const project = projectOfWonde({ 999001: WONDE_SCHOOL, 999002: "A999002" });
  expect(await run(project, server, {})).toEqual({ files: 16, records: 24, schools: 2 });
  for (const urn of ["999001", "999002"]) {
    expect(filesIn(path.join(project.registers, urn, "wonde"))).toEqual(WHOLE);
  }
});

test.each(["999002", "A999002"])("one school can be fetched by itself, known by %s", async (school) => {
  const server = await wondeServer({ schools: TWO });
  const project = projectOfWonde({ 999001: WONDE_SCHOOL, 999002: "A999002" });
  expect(await run(project, server, { school })).toMatchObject({ schools: 1 });
  expect(new Set(server.asked.map((asked) => asked.school))).toEqual(new Set(["A999002"]));
});

test("a school that cannot come does not keep the others from coming, and is not passed over", async () => {
  const server = await wondeServer({ schools: { A999002: { urn: 999002 } } });
  const project = projectOfWonde({ 999001: WONDE_SCHOOL, 999002: "A999002" });
  expect(await refused(run(project, server, {}))).toMatch(/^Wonde, school 999001: .*\(404\).*\nOf 2 schools 1 came\.$/);
  expect(fs.readdirSync(project.registers)).toEqual(["999002"]);
});

test("while a fetch is at work another is refused; what it leaves when it is killed goes with the next", async () => {
  const server = await wondeServer({ faults: [{ on: "attendance/session", page: 2, slowMs: 60_000, times: 1 }] });
  const project = projectOfWonde();
  const first = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", FETCH], {
    cwd: path.join(import.meta.dirname, ".."),
    env: { ...process.env, WONDE_TOKEN, PROJECT: JSON.stringify(project), URL_OF_WONDE: server.url },
    stdio: "ignore",
  });
  onTestFinished(() => void first.kill("SIGKILL"));
  await vi.waitUntil(() => server.asked.length === 8, { timeout: 30_000 });
  expect(await refused(run(project, server, {}))).toMatch(`(process ${first.pid}): wait until it has ended`);
  expect(server.asked).toHaveLength(8);

  const ended = once(first, "exit");
  first.kill("SIGKILL");
  await ended;
  const school = path.join(project.registers, "999001");
  expect(fs.readdirSync(path.join(school, ".wonde-arriving"))).toHaveLength(6);
  expect(fs.readdirSync(school)).toEqual([".wonde-arriving"]);
  expect(await run(project, server, {})).toMatchObject({ files: 8 });
  expect(filesIn(path.join(school, "wonde"))).toEqual(WHOLE);
  expect(fs.readdirSync(school)).toEqual(["wonde"]);
});

test.each<[string, Partial<Record<number, string>>, FetchOptions, NodeJS.ProcessEnv, string]>([
  [
    "without a token",
    { 999001: WONDE_SCHOOL },
    {},
    {},
    "WONDE_TOKEN: expected the token that Wonde gave you; set it in the environment",
  ],
  [
    "without a school that Wonde knows",
    {},
    {},
    { WONDE_TOKEN },
    'rollbook.yaml: expected Wonde\'s id of a school to fetch, found none; add it to the school as "wonde"',
  ],
  [
    "of a school that is not there",
    { 999001: WONDE_SCHOOL },
    { school: "999002" },
    { WONDE_TOKEN },
    '--school: expected the URN of a school with "wonde" in rollbook.yaml: 999001',
  ],
  [
    "by two ways at once",
    { 999001: WONDE_SCHOOL },
    { sinceLast: true, updatedAfter: "2026-03-01" },
    { WONDE_TOKEN },
    "--updated-after, --since-last: expected one of them; leave one out",
  ],
  [
    "by a wrong address",
    { 999001: WONDE_SCHOOL, 999002: "A999002" },
    { url: "http://wonde.example" },
    { WONDE_TOKEN },
    "--url: expected an address like https://api.wonde.com/v1.0, with https and without a name, password or query\nNothing was fetched.",
  ],
])("a fetch %s says what to do", async (_, ids, options, env, reason) => {
  const effects = { log: () => {}, now: () => new Date(NOW), env, bounds: BOUNDS };
  expect(await refused(fetchPages(projectOfWonde(ids), options, effects))).toBe(reason);
});

// the token and the pages reach no log line
test("what is logged names schools, resources and pages, and nothing else", async () => {
  const lines: string[] = [];
  const server = await wondeServer({ faults: [{ status: 503, times: 1 }] });
  await fetched(server, dropFolder(), {}, { log: (line) => lines.push(line) });
  expect(lines).toContain("Wonde, school 999001: no answer yet, asking again (1)");
  expect(lines).toContain("Wonde, school 999001, session, page 3");
  expect(lines.filter((line) => !/^Wonde, school 999001[,:] [a-z ,-]+\(?\d\)?$/.test(line))).toEqual([]);
});

// --- internal ---

/** A fetch in a process of its own. */
const FETCH = `
  import { fetchPages } from "./commands/fetch.ts";
  const { env } = process;
  const effects = { log: () => {}, now: () => new Date("${NOW}"), env };
  await fetchPages(JSON.parse(env.PROJECT), { url: env.URL_OF_WONDE }, effects);`;

const TWO = {
  [WONDE_SCHOOL]: {},
  A999002: { urn: 999002, marks: Array.from({ length: 5 }, (_, i) => sessionMark(i)) },
};

function dropFolder(): string {
  const folder = path.join(makeProject({}).registers, "999001", "wonde");
  fs.mkdirSync(path.dirname(folder), { recursive: true, mode: 0o700 });
  return folder;
}

function projectOfWonde(ids: Partial<Record<number, string>> = { 999001: WONDE_SCHOOL }): Project {
  const project = makeProject({});
  return { ...project, schools: project.schools.map((school) => ({ ...school, wonde: ids[school.urn] })) };
}

function fetched(
  { url }: Pick<WondeServer, "url">,
  folder: string,
  options: Partial<WondeOptions> = {},
  effects: Partial<WondeEffects> = {},
): Promise<Fetched> {
  return fetchWonde(
    { school: WONDE_SCHOOL, urn: 999001, folder, token: WONDE_TOKEN, url, ...options },
    { log: () => {}, now: () => new Date(NOW), bounds: BOUNDS, ...effects },
  );
}

function run(project: Project, { url }: WondeServer, options: FetchOptions, now = NOW) {
  const effects = {
    log: () => {},
    now: () => new Date(now),
    env: { WONDE_TOKEN: ` ${WONDE_TOKEN}\n` },
    bounds: BOUNDS,
  };
  return fetchPages(project, { url, ...options }, effects);
}

/** Why something was refused. The token is in no refusal. */
async function refused(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => new Error("it was not refused"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RollbookError)) throw error;
  expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(WONDE_TOKEN);
  return error.message;
}

function filesIn(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.json$/.test(name) && !path.basename(name).startsWith("."))
    .sort();
}

/** What each resource was asked with, on its first page of the last fetch. */
function asks(server: WondeServer): Record<string, Record<string, string>> {
  return Object.fromEntries(
    server.asked.filter(({ query }) => !query.page).map(({ resource, query }) => [resource, query]),
  );
}

function paging(pagination: Record<string, unknown>): (page: WondePage) => void {
  return (page) => Object.assign(page.meta.pagination, pagination);
}

function without(part: "pagination"): (page: WondePage) => void {
  return ({ meta }) => Reflect.deleteProperty(meta, part);
}
