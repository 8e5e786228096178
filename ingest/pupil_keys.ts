import { createHmac, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";

/** Twelve letters and digits, 71 bits, tell all of England's pupils apart, and are as long as DuckDB holds in place. */
const KEY_LENGTH = 12;
const SECRET_BYTES = 32;

/**
 * The secret that turns a UPN into a pupil key, made on the first run and readable by its owner only.
 *
 * It stays outside the lake: a plain hash of a UPN is found again in a second, a keyed one is not.
 *
 * @param keyCheck what the ledger knows the secret by, if anything was loaded with it
 */
export function pupilSecret(data: string, keyCheck?: string): Buffer {
  const file = path.join(data, "pupil-key");
  if (!fs.existsSync(file) && keyCheck === undefined) {
    fs.mkdirSync(data, { recursive: true, mode: 0o700 });
    fs.writeFileSync(`${file}.draft`, randomBytes(SECRET_BYTES), { mode: 0o600 });
    fs.renameSync(`${file}.draft`, file);
  }
  const secret = fs.existsSync(file) ? fs.readFileSync(file) : Buffer.alloc(0);
  if (secret.length !== SECRET_BYTES || (keyCheck !== undefined && checkOf(secret) !== keyCheck)) {
    throw new RollbookError(
      `${file} is not the key that this data was loaded with, and with another every pupil would count twice. Bring it back from a backup, or take the data folder away and ingest all files again`,
    );
  }
  return secret;
}

/** What the ledger keeps to know the secret by. It tells nothing of the secret. */
export function checkOf(secret: Buffer): string {
  return pupilKey("the check of the pupil key", secret);
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
