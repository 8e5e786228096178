import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import getPort from "get-port";
import { expect, onTestFinished, test } from "vitest";
import { clusterOf } from "../commands/cluster.ts";
import { connectTrino } from "../models/trino/server.ts";

const trino = { catalog: "lake", location: "local:///" };

/** Answers as some other server would, until the test ends. */
async function answering(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const connected = (url: string, password?: string) =>
  connectTrino({ url, catalog: "lake", user: "rollbook", password });

test("nobody at the address", async () => {
  await expect(connected(`http://127.0.0.1:${await getPort()}`)).rejects.toThrow(
    /^No Trino coordinator can be reached at http:\/\/127.0.0.1:\d+: see that it runs/,
  );
}, 300_000);

test("a server that is no Trino", async () => {
  const url = await answering((_, response) => response.end("<html></html>"));
  await expect(connected(url)).rejects.toThrow(/answers, but not as Trino does/);
});

test("a Trino that is too old", async () => {
  const info = { nodeVersion: { version: "475" }, starting: false };
  const url = await answering((_, response) => response.end(JSON.stringify(info)));
  await expect(connected(url)).rejects.toThrow(/runs Trino 475: expected 476 or newer/);
});

test("a user whom the server does not know", async () => {
  const url = await answering((_, response) => response.writeHead(401).end());
  await expect(connected(url)).rejects.toThrow(/refuses the user: set ROLLBOOK_TRINO_USER and ROLLBOOK_TRINO_PASSWORD/);
});

test("a password goes over no network unencrypted", async () => {
  await expect(connected("http://trino.example.org:8080", "secret")).rejects.toThrow(/expected https/);
  await expect(connected("trino.example.org")).rejects.toThrow(/expected the address of a Trino coordinator/);
});

test("what the server says of a query is told when it is of the query, and no value is", async () => {
  const error = (errorName: string, message: string) => ({ stats: {}, error: { errorName, message } });
  let told = error("TABLE_NOT_FOUND", "line 1:15: Table 'lake.x' does not exist");
  const url = await answering((request, response) => {
    const info = { nodeVersion: { version: "476" }, starting: false };
    response.end(JSON.stringify(request.url === "/v1/info" ? info : told));
  });
  const { rows } = await connected(url);
  await expect(rows("select 1")).rejects.toThrow("line 1:15: Table 'lake.x' does not exist");
  told = error("INVALID_CAST_ARGUMENT", "Cannot cast 'Canary Child' to DATE");
  await expect(rows("select 1")).rejects.toThrow(/^INVALID_CAST_ARGUMENT$/);
});

test("what is not said of a cluster is asked for", async () => {
  await expect(clusterOf({ trino }, { engine: "trino" }, {})).rejects.toThrow("--engine trino: expected --server");
  await expect(clusterOf({}, { engine: "trino", server: "http://localhost:1" }, {})).rejects.toThrow(
    "rollbook.yaml says nothing of a cluster",
  );
  await expect(clusterOf({ trino }, { engine: "duckdb", server: "http://localhost:1" }, {})).rejects.toThrow(
    "--server: expected --engine trino beside it",
  );
  expect(await clusterOf({ trino }, { engine: "duckdb" }, {})).toBeUndefined();
});
