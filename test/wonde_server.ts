import { once } from "node:events";
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import { onTestFinished } from "vitest";

export const WONDE_TOKEN = "token-that-nobody-may-see";
export const WONDE_SCHOOL = "A999001";

export type WondeRecord = Record<string, unknown>;

/** What a school holds, as Wonde documents it. */
export interface WondeData {
  urn: number | string | null;
  codes: WondeRecord[];
  students: WondeRecord[];
  leavers: WondeRecord[];
  marks: WondeRecord[];
}

/** One way for the server to fail. */
export interface Fault {
  /** The resource that it strikes, by its path below the school: "" is the school itself. */
  on?: string;
  /** The page that it strikes; 1 unless said. */
  page?: number;
  /** How often it strikes; always unless said. */
  times?: number;
  status?: number;
  headers?: Record<string, string>;
  /** This text instead of the page. */
  body?: string;
  /** The page with this done to it. */
  change?: (page: WondePage) => void;
  /** How long the answer stops half-way, in milliseconds. */
  slowMs?: number;
  /** The connection breaks: before the answer, or half-way through its body. */
  breaks?: "before" | "within";
}

export interface WondePage {
  data: WondeRecord[];
  meta: { pagination: WondeRecord };
}

export interface Asked {
  school: string;
  /** The path below the school's, without the slashes at its ends. */
  resource: string;
  query: Record<string, string>;
  authorization: string | undefined;
  at: number;
}

export interface WondeServer {
  /** The base address, as `--url` takes it. */
  url: string;
  /** Every request, in the order of arrival. */
  asked: Asked[];
  /** Every body that was sent with status 200, by resource and page: "students 1". */
  sent: Map<string, Buffer>;
}

/**
 * Speaks Wonde's API on this machine until the test ends: a bearer token, `include`, `updated_after`, and pages that
 * link to the next. Pages hold two records, however many are asked for.
 */
export async function wondeServer(
  options: {
    schools?: Record<string, Partial<WondeData>>;
    faults?: Fault[];
    gzip?: boolean;
    onAsk?: (asked: Asked) => void;
  } = {},
): Promise<WondeServer> {
  const { schools = { [WONDE_SCHOOL]: {} }, faults = [], gzip = false, onAsk } = options;
  const asked: Asked[] = [];
  const sent = new Map<string, Buffer>();
  const left = new Map(faults.map((fault) => [fault, fault.times ?? Number.POSITIVE_INFINITY]));
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", base());
    const [, version, , school = "", ...rest] = url.pathname.split("/");
    const resource = rest.join("/").replace(/\/$/, "");
    const query = Object.fromEntries(url.searchParams);
    const { authorization } = request.headers;
    const now = { school, resource, query, authorization, at: Date.now() };
    asked.push(now);
    onAsk?.(now);
    const page = Number(query.page ?? 1);
    const fault = faults.find(
      (candidate) =>
        (candidate.on ?? "students") === resource && (candidate.page ?? 1) === page && (left.get(candidate) ?? 0) > 0,
    );
    if (fault) left.set(fault, (left.get(fault) ?? 0) - 1);
    const answer = (status: number, content: string) => {
      const body = gzip ? gzipSync(content) : Buffer.from(content);
      response.writeHead(status, {
        "content-type": "application/json",
        "content-length": String(body.length),
        ...(gzip && { "content-encoding": "gzip" }),
        ...fault?.headers,
      });
      if (fault?.breaks === "within") {
        response.write(body.subarray(0, body.length / 2), () => response.destroy());
        return;
      }
      if (status === 200) sent.set(`${resource} ${page}`, Buffer.from(content));
      if (!fault?.slowMs) return void response.end(body);
      response.write(body.subarray(0, body.length / 2));
      setTimeout(() => response.end(body.subarray(body.length / 2)), fault.slowMs).unref();
    };

    if (fault?.breaks === "before") return void request.socket.destroy();
    if (fault?.status) return answer(fault.status, '{"error":"CANARY"}');
    if (fault?.body !== undefined) return answer(200, fault.body);
    if (authorization !== `Bearer ${WONDE_TOKEN}`) return answer(401, '{"error":"invalid_token"}');
    const held = schools[school];
    const records = held && recordsOf({ ...DATA, ...held }, resource, query);
    if (version !== "v1.0" || !held || !records) return answer(404, '{"error":"not found"}');
    if (!Array.isArray(records)) return answer(200, JSON.stringify({ data: records, meta: {} }));

    const next = new URL(url);
    next.searchParams.set("page", String(page + 1));
    const more = records.length > page * 2;
    const made: WondePage = {
      data: structuredClone(records.slice((page - 1) * 2, page * 2)),
      meta: {
        pagination: { next: more ? next.href : null, previous: null, more, per_page: 2, current_page: page },
      },
    };
    fault?.change?.(made);
    // not as JSON.stringify would write it again, so that a page that was not kept byte for byte shows
    answer(200, `${JSON.stringify(made, null, 1).replaceAll("/", "\\/")}\n`);
  });
  const base = () => {
    const address = server.address();
    return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `${base()}/v1.0`, asked, sent };
}

/** A pupil with the details that were asked for. `updated_at` is the day that `updated_after` is held against. */
export function student(at: number, updated = "2026-01-05"): WondeRecord {
  return {
    id: `A10${at}`,
    upi: `upi${at}`,
    mis_id: String(at),
    forename: "Pupil",
    surname: `Invented-${at}`,
    gender: "FEMALE",
    date_of_birth: moment("2014-02-11"),
    updated_at: moment(updated),
    education_details: {
      data: {
        upn: `A${String(82_599_990_000 + at).padStart(11, "0")}7`,
        current_nc_year: "7",
        admission_date: moment("2025-09-01"),
        leaving_date: null,
      },
    },
    extended_details: { data: { free_school_meals: true, sen_status: "K", child_in_need: null } },
  };
}

/** A session mark; its day is also the day that it was last changed. */
export function sessionMark(at: number, day = "2026-01-05"): WondeRecord {
  return {
    id: `A30${at}`,
    date: moment(day),
    session: at % 2 ? "AM" : "PM",
    student: `A10${at}`,
    attendance_code: "A201",
    comment: "zoë’s bus was late",
    employee: "A401",
  };
}

// --- internal ---

const DATA: WondeData = {
  urn: "999001",
  codes: [
    { id: "A201", code: "/", description: "Present (AM)", type: "PRESENT" },
    { id: "A202", code: "\\", description: "Present (PM)", type: "PRESENT" },
    { id: "A203", code: "N", description: "No reason yet", type: "UNAUTHORISED_ABSENCE" },
  ],
  students: [student(1), student(2), student(3, "2026-03-02")],
  leavers: [student(4)],
  marks: [
    sessionMark(1),
    sessionMark(2),
    sessionMark(1, "2026-03-02"),
    sessionMark(2, "2026-03-02"),
    sessionMark(3),
  ].map((mark, i) => ({ ...mark, id: `A30${i}` })),
};

/** A date as PHP writes it. */
function moment(day: string): { date: string; timezone_type: number; timezone: string } {
  return { date: `${day} 00:00:00.000000`, timezone_type: 3, timezone: "UTC" };
}

/** The records of a resource, or the school's own, or nothing where there is no such resource. */
function recordsOf(
  data: WondeData,
  resource: string,
  { include = "", updated_after: after = "" }: Record<string, string>,
): WondeRecord[] | WondeRecord | null {
  const included = include.split(",");
  const changed = (records: WondeRecord[], field: string) =>
    records.filter((record) => (record[field] as { date: string }).date > after);
  const detailed = (records: WondeRecord[]) =>
    changed(records, "updated_at").map((record) =>
      Object.fromEntries(
        Object.entries(record).filter(([name]) => !name.endsWith("_details") || included.includes(name)),
      ),
    );
  switch (resource) {
    case "":
      return { id: WONDE_SCHOOL, name: "Oak", urn: data.urn, region: { domain: "api.wonde.com" } };
    case "attendance-codes":
      return data.codes;
    case "students":
      return detailed(data.students);
    case "students-leaver":
      return detailed(data.leavers);
    case "attendance/session":
      return changed(data.marks, "date");
    default:
      return null;
  }
}
