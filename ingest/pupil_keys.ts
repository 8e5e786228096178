import { createHmac, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { rows } from "./duckdb.ts";

/** Twelve letters and digits, 71 bits, tell all of England's pupils apart, and are as long as DuckDB holds in place. */
const KEY_LENGTH = 12;

/**
 * The secret that turns a UPN into a pupil key, made on the first run and readable by its owner only.
 *
 * It stays outside the lake: a plain hash of a UPN is found again in a second, a keyed one is not.
 */
export function pupilSecret(data: string): Buffer {
  const file = path.join(data, "pupil-key");
  if (!fs.existsSync(file)) {
    fs.mkdirSync(data, { recursive: true, mode: 0o700 });
    fs.writeFileSync(file, randomBytes(32), { mode: 0o600, flag: "wx" });
  }
  return fs.readFileSync(file);
}

/** The key that stands for a pupil everywhere after ingest: HMAC-SHA-256 of the UPN. */
export function pupilKey(upn: string, secret: Buffer): string {
  return createHmac("sha256", secret).update(upn).digest("base64url").replace(/[-_]/g, "").slice(0, KEY_LENGTH);
}

/** Makes the temporary table `pupil_keys` (upn, pupil_key) for every UPN in the table `arrived_rows`. */
export async function keyPupils(db: DuckDBConnection, secret: Buffer): Promise<void> {
  await db.run("create or replace temp table pupil_keys (upn varchar, pupil_key varchar)");
  const appender = await db.createAppender("pupil_keys", null, "temp");
  for (const { upn } of await rows(db, "select distinct upn from arrived_rows where upn is not null")) {
    appender.appendVarchar(String(upn));
    appender.appendVarchar(pupilKey(String(upn), secret));
    appender.endRow();
  }
  appender.closeSync();
}
