import ky, { HTTPError, TimeoutError } from "ky";
import * as z from "zod";
import { RollbookError } from "../../ingest/errors.ts";

/** The oldest Trino that the models have run on. */
const OLDEST_VERSION = 476;
/** How long a server that has just been started may take to be ready, in milliseconds. */
const STARTING_MS = 120_000;
/** Errors whose message quotes no value of a row: what the query is, or what became of the cluster. */
const TELLABLE =
  /SYNTAX|NOT_FOUND|MISMATCH|NOT_SUPPORTED|AMBIGUOUS|MISSING|EXCEEDED|LIMIT|TABLE|SCHEMA|CATALOG|NODE|REMOTE|SERVER|RESOURCES|PERMISSION|DENIED|FILESYSTEM|CANNOT_OPEN|WRITER|TOO_MANY/;

const Info = z.object({ nodeVersion: z.object({ version: z.string() }), starting: z.boolean() });
const Page = z.object({
  nextUri: z.string().optional(),
  columns: z.array(z.object({ name: z.string() })).optional(),
  data: z.array(z.array(z.unknown())).optional(),
  stats: z.object({ physicalInputBytes: z.number().default(0) }),
  error: z.object({ message: z.string(), errorName: z.string() }).optional(),
});

export interface TrinoOptions {
  /** Where the coordinator answers. A password goes over https only, or to this machine. */
  url: string;
  /** The catalog that the lake is in. */
  catalog: string;
  user: string;
  password?: string | undefined;
}

/** A coordinator that answers. */
export interface Trino {
  /**
   * Runs a statement to its end.
   *
   * @returns its rows, as JSON tells them: dates and times as text
   * @throws {StatementFailed}
   */
  rows: (sql: string) => Promise<Record<string, unknown>[]>;
  /** Bytes of files that all statements so far have read. */
  bytesRead: () => number;
}

/** A statement that the cluster could not run. Its message never quotes a row's value. */
export class StatementFailed extends Error {
  override name = "StatementFailed";
}

/**
 * Greets the coordinator of a cluster and waits until it is ready.
 *
 * @throws {RollbookError} when it cannot be reached, refuses the user, or is too old
 */
export async function connectTrino(options: TrinoOptions): Promise<Trino> {
  const { url, catalog, user, password } = options;
  const address = URL.canParse(url) ? new URL(url) : null;
  if (!address || !/^https?:$/.test(address.protocol)) {
    throw new RollbookError(
      "--server: expected the address of a Trino coordinator, like https://trino.example.org:8443",
    );
  }
  if (password !== undefined && address.protocol === "http:" && !/^(localhost|127\.|\[::1\])/.test(address.host)) {
    throw new RollbookError(
      "--server: expected https, since a password is set; it would go over the network to be read",
    );
  }
  const http = ky.create({
    headers: {
      "X-Trino-User": user,
      "X-Trino-Source": "rollbook",
      "X-Trino-Catalog": catalog,
      "X-Trino-Time-Zone": "UTC",
      ...(password === undefined
        ? {}
        : { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` }),
    },
    // the protocol asks for it: what cannot be answered now is asked again
    retry: { limit: 8, methods: ["get", "post"], statusCodes: [502, 503, 504], backoffLimit: 3000 },
    timeout: 60_000,
  });
  await waitUntilReady(address, http);
  let bytes = 0;
  return {
    bytesRead: () => bytes,
    rows: async (sql) => {
      const found: Record<string, unknown>[] = [];
      const answers = { columns: [] as string[] };
      let page = await answer(http.post(new URL("/v1/statement", address), { body: sql }), address);
      for (;;) {
        if (page.error) throw new StatementFailed(tellable(page.error));
        answers.columns = page.columns?.map(({ name }) => name) ?? answers.columns;
        for (const row of page.data ?? []) {
          found.push(Object.fromEntries(answers.columns.map((name, i) => [name, row[i]])));
        }
        if (!page.nextUri) break;
        page = await answer(http.get(page.nextUri), address);
      }
      bytes += page.stats.physicalInputBytes;
      return found;
    },
  };
}

// --- internal ---

async function waitUntilReady(address: URL, http: typeof ky): Promise<void> {
  const deadline = performance.now() + STARTING_MS;
  for (;;) {
    const greeting = http.get(new URL("/v1/info", address), { retry: { limit: 2 } });
    const info = Info.safeParse(await answerOf(greeting, address));
    if (!info.success) {
      throw new RollbookError(
        `${address.origin} answers, but not as Trino does: expected the address of its coordinator`,
      );
    }
    const { nodeVersion, starting } = info.data;
    if (Number.parseInt(nodeVersion.version, 10) < OLDEST_VERSION) {
      throw new RollbookError(
        `${address.origin} runs Trino ${nodeVersion.version}: expected ${OLDEST_VERSION} or newer, which the models have run on`,
      );
    }
    if (!starting) return;
    if (performance.now() > deadline) throw new RollbookError(`${address.origin} is still starting: try again later`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function answer(request: ReturnType<typeof ky.get>, address: URL): Promise<z.infer<typeof Page>> {
  return Page.parse(await answerOf(request, address));
}

async function answerOf(request: ReturnType<typeof ky.get>, { origin }: URL): Promise<unknown> {
  try {
    return await request.json();
  } catch (error) {
    if (error instanceof HTTPError && [401, 403].includes(error.response.status)) {
      throw new RollbookError(
        `${origin} refuses the user: set ROLLBOOK_TRINO_USER and ROLLBOOK_TRINO_PASSWORD to what it knows`,
      );
    }
    if (error instanceof HTTPError) {
      throw new RollbookError(
        `${origin} answers with the status ${error.response.status}: expected a Trino coordinator`,
      );
    }
    if (error instanceof SyntaxError) return null;
    if (!(error instanceof TypeError || error instanceof TimeoutError)) throw error;
    throw new RollbookError(
      `No Trino coordinator can be reached at ${origin}: see that it runs, and that its certificate is one this machine trusts (NODE_EXTRA_CA_CERTS names others)`,
    );
  }
}

function tellable({ message, errorName }: { message: string; errorName: string }): string {
  return TELLABLE.test(errorName) ? (message.split("\n")[0] ?? errorName) : errorName;
}
