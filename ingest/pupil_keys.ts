import { createHmac, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { type Arrival, type Arrived, asItCame, columnOf, has, type RowRule, schoolIn, text } from "./arrival.ts";
import { quote, rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";

/** Twelve letters and digits, 71 bits, tell all of England's pupils apart, and are as long as DuckDB holds in place. */
const KEY_LENGTH = 12;
const SECRET_BYTES = 32;
const UPN = /^[A-Z]\d{11}[0-9A-Z]$/;
/** The letters of UPNs, each at its value: those that look like a digit are not among them. */
const CHECK_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ";

/**
 * The secret that turns a UPN into a pupil key, made on the first run and readable by its owner only.
 *
 * It stays outside the lake: a plain hash of a UPN is found again in a second, a keyed one is not.
 *
 * @param keyCheck what the ledger knows the secret by, if anything was loaded with it
 */
export function pupilSecret(data: string, keyCheck?: string): Buffer {
  const file = secretFile(data);
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

/** Whether the secret was made. Runs that are at work at once make it alone: two of them would make two. */
export function hasPupilSecret(data: string): boolean {
  return fs.existsSync(secretFile(data));
}

/** What the ledger keeps to know the secret by. It tells nothing of the secret. */
export function checkOf(secret: Buffer): string {
  return pupilKey("the check of the pupil key", secret);
}

/** The key that stands for a pupil everywhere after ingest: HMAC-SHA-256 of the UPN, or of a system's id as `systemIdIn` writes it. */
export function pupilKey(upn: string, secret: Buffer): string {
  return createHmac("sha256", secret).update(upn).digest("base64url").replace(/[-_]/g, "").slice(0, KEY_LENGTH);
}

/** A UPN as it is keyed: in upper case, without any white space. */
export function plainUpn(text: string): string {
  return text.replace(/\s+/g, "").toUpperCase();
}

/** Whether a plain text has the form of a UPN: a letter, eleven digits, and a digit or, in a temporary one, a letter. */
export function isUpn(text: string): boolean {
  return UPN.test(text);
}

/**
 * Whether the first letter of a UPN is the one that its other characters ask for: each one's value times its position,
 * 2 to 13, added up, modulo 23. The last letter of a temporary UPN has the value that it would have as a check letter.
 */
export function hasCheckLetter(upn: string): boolean {
  const values = [...upn.slice(1)].map((character) =>
    /\d/.test(character) ? Number(character) : CHECK_LETTERS.indexOf(character),
  );
  const sum = values.reduce((total, value, i) => total + value * (i + 2), 0);
  return !values.includes(-1) && CHECK_LETTERS[sum % CHECK_LETTERS.length] === upn[0];
}

/**
 * SQL of the text that a row names its pupil by, null when it names none: the UPN as it came, or, where there is none,
 * the id that the school's system gives.
 */
export function pupilIn(arrival: Arrival, arrived: Arrived): string {
  if (!isById(arrived)) return asItCame(arrived, "upn");
  return `coalesce(${text(arrived, "upn")}, ${systemIdIn(arrival, arrived)})`;
}

/** SQL of the id that the school's system gives a pupil, told apart from those of other systems and schools; or null. */
export function systemIdIn(arrival: Arrival, arrived: Arrived): string {
  if (!isById(arrived)) return "cast(null as varchar)";
  const school = `coalesce((${schoolIn(arrival, arrived)})::varchar, '')`;
  return `${quote(prefixOf(arrived))} || ${school} || ':' || ${text(arrived, "pupil_id")}`;
}

/**
 * Makes the temporary table `pupil_keys` (pupil, pupil_key, is_upn, is_temporary, has_check_letter, is_system_id) with
 * every text that `stated_rows`, or the table that is named, names a pupil by in its column `pupil`. UPNs that differ in case or spaces have one key.
 */
export async function keyPupils({ db, secret }: Arrival, arrived: Arrived, from = "stated_rows"): Promise<void> {
  const query = `select distinct pupil from ${from} where pupil is not null`;
  await keyTexts(db, { table: "pupil_keys", query, secret, ids: isById(arrived) ? prefixOf(arrived) : undefined });
}

/**
 * Makes a temporary table like `pupil_keys` of the texts that a query of one column finds.
 *
 * @param ids what the ids of a school's system begin with; they are keyed as they stand
 */
export async function keyTexts(
  db: DuckDBConnection,
  { table, query, secret, ids }: { table: string; query: string; secret: Buffer; ids: string | undefined },
): Promise<void> {
  await db.run(`create or replace temp table ${table} (
    pupil varchar, pupil_key varchar, is_upn boolean, is_temporary boolean, has_check_letter boolean,
    is_system_id boolean)`);
  const found = await db.runAndReadAll(query);
  const appender = await db.createAppender(table, null, "temp");
  for (const value of found.getColumns()[0] ?? []) {
    const spelt = String(value);
    const isSystemId = ids !== undefined && spelt.startsWith(ids);
    const plain = isSystemId ? spelt : plainUpn(spelt);
    const formed = !isSystemId && isUpn(plain);
    appender.appendVarchar(spelt);
    appender.appendVarchar(pupilKey(plain, secret));
    appender.appendBoolean(formed);
    appender.appendBoolean(formed && /[A-Z]$/.test(plain));
    appender.appendBoolean(formed && hasCheckLetter(plain));
    appender.appendBoolean(isSystemId);
    appender.endRow();
  }
  appender.closeSync();
}

/** What the ids that a sheet's system gives begin with, once `systemIdIn` has written them. */
export function prefixOf({ reading }: Arrived): string {
  return `${"system" in reading ? reading.system : ""}:`;
}

/** The rules that every row about a pupil keeps: it names one, by a UPN or a system's id, and not one who was forgotten. */
export async function pupilRules({ db, forgotten }: Arrival, arrived: Arrived): Promise<RowRule[]> {
  const column = columnOf(arrived, has(arrived, "upn") ? "upn" : "pupil_id");
  const expected = has(arrived, "upn")
    ? "a UPN: a letter, eleven digits, and a digit or letter"
    : "the id that the school's system gives the pupil";
  const mend = has(arrived, "upn")
    ? "export the file with pupils' UPNs and without totals"
    : "export the file again, without totals";
  // there are few pupils, however many rows: what is wrong with one is looked for among them
  const among = async (condition: string) => {
    const [found] = await rows(db, `select count(*)::integer as pupils from pupil_keys where ${condition}`);
    return Number(found?.pupils) > 0 ? `pupil in (select pupil from pupil_keys where ${condition})` : "false";
  };
  return [
    {
      rule: "missing_pupil",
      column,
      fails: `pupil is null or ${await among("trim(pupil) = ''")}`,
      expected,
      mend,
    },
    ...(has(arrived, "upn")
      ? [
          {
            rule: "not_a_upn",
            column,
            fails: await among("not is_upn and not is_system_id and trim(pupil) <> ''"),
            expected,
            mend,
          },
        ]
      : []),
    ...(forgotten.size > 0
      ? [
          {
            rule: "forgotten_pupil",
            column,
            fails: await among(`pupil_key in (${[...forgotten].map(quote).join(", ")})`),
            expected: "a pupil who was not forgotten",
            mend: "take the pupil's rows out",
            neverRefuses: true,
          },
        ]
      : []),
  ];
}

/**
 * Notes in `doubted` the first row of each pupil whose UPN somebody should look at: one whose check letter does not fit,
 * which even printed examples of systems have, or a temporary one. Their rows count.
 */
export async function doubtPupils({ db }: Arrival, arrived: Arrived): Promise<void> {
  if (!has(arrived, "upn")) return;
  const doubtful = "is_upn and (is_temporary or not has_check_letter)";
  const [found] = await rows(db, `select count(*)::integer as pupils from pupil_keys where ${doubtful}`);
  if (Number(found?.pupils) === 0) return;
  await db.run(`
    insert into doubted
    with
    doubts as (
      select pupil, pupil_key, 'upn_check_letter' as rule from pupil_keys where is_upn and not has_check_letter
      union all
      select pupil, pupil_key, 'temporary_upn' from pupil_keys where is_upn and is_temporary
    )
    select min(row_number), arg_min(school_urn, row_number), rule
    from stated
    join doubts using (pupil)
    anti join set_aside using (row_number)
    group by pupil_key, rule`);
}

// --- internal ---

function secretFile(data: string): string {
  return path.join(data, "pupil-key");
}

function isById(arrived: Arrived): boolean {
  return "system" in arrived.reading && arrived.reading.system !== undefined && has(arrived, "pupil_id");
}
