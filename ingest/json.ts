import fs from "node:fs";
import path from "node:path";
import { quote } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { Sheet } from "./format.ts";

/**
 * Opens a page that was saved from a system's API as one sheet, whose records are called "record".
 *
 * The records are the list at the top, at `data`, or the only list beside other properties. Nested objects become columns
 * with dots (`region.code`); a wrapper `data` adds no name, a date object is its date, and lists within a record are left
 * out. Where two properties come to the same column the first stands. Empty text is null.
 *
 * @param file UTF-8 text
 * @param name how messages name the file
 * @param folder where the records are written for DuckDB to read
 * @returns no sheet when the page has no records
 */
export async function openJson(file: string, name: string, folder: string): Promise<Sheet[]> {
  const records = recordsOf(await readPage(file, name), name);
  const writer = openRecords(path.join(folder, `${path.basename(file)}.ndjson`), "record", name);
  try {
    for (const [i, record] of records.entries()) {
      const where = `${name}, record ${i + 1}`;
      if (!isObject(record)) {
        throw new RollbookError(
          `${where}: expected an object with named fields; save the page again as the system sends it`,
        );
      }
      const fields = new Map<string, string | null>();
      flatten(record, "", fields, where, 1);
      writer.add(fields);
    }
    const sheet = writer.sheet();
    return sheet ? [sheet] : [];
  } finally {
    writer.close();
  }
}

/** Records on their way to DuckDB: each a line of NDJSON with the fields that it has. */
export interface RecordWriter {
  add(fields: ReadonlyMap<string, string | null>): void;
  /**
   * Everything that was added, as a sheet: columns in the order in which they first came, but those in `last` at the end.
   * Null when there is none. Nothing can be added afterwards.
   */
  sheet(last?: readonly string[]): Sheet | null;
  close(): void;
}

/**
 * Writes records into a file that DuckDB reads as a sheet.
 *
 * @param record what a record is called in messages
 * @param name how messages name the register file
 */
export function openRecords(file: string, record: string, name: string): RecordWriter {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const handle = fs.openSync(file, "w", 0o600);
  // a field's key in the file is its number: names are as long as their source makes them
  const numbers = new Map<string, number>();
  let count = 0;
  let lines = "";
  let isOpen = true;
  const flush = () => {
    fs.writeFileSync(handle, lines);
    lines = "";
  };
  const close = () => {
    if (isOpen) fs.closeSync(handle);
    isOpen = false;
  };
  return {
    add(fields) {
      count++;
      const texts: string[] = [];
      let length = 0;
      for (const [column, text] of fields) {
        if (!numbers.has(column)) numbers.set(column, numbers.size);
        if (text === null) continue;
        length += text.length;
        texts.push(`"${numbers.get(column)}":${JSON.stringify(text)}`);
      }
      if (length > RECORD_CHARACTERS || numbers.size > MOST_COLUMNS) {
        throw new RollbookError(
          `${name}, ${record} ${count}: expected at most 1 MiB of text in a record and ${MOST_COLUMNS} columns; export the file again`,
        );
      }
      lines += `{${texts.join()}}\n`;
      if (lines.length > RECORD_CHARACTERS) flush();
    },
    sheet(last = []) {
      flush();
      close();
      if (numbers.size === 0) return null;
      const inOrder = [...numbers].sort(([a], [b]) => Number(last.includes(a)) - Number(last.includes(b)));
      const keys = [...numbers.values()].map((number) => `'${number}': 'VARCHAR'`).join(", ");
      const columns = inOrder.map(([, number], i) => `"${number}" as column_${i}`).join(", ");
      return {
        record,
        first: 1,
        columns: inOrder.map(([column]) => column),
        relation: `(select ${columns} from read_ndjson(${quote(file)}, records = true, columns = {${keys}}))`,
      };
    },
    close,
  };
}

// --- internal ---

/** A page is held in memory whole. */
const PAGE_BYTES = 268_435_456;
/** The longest field that is read: 64 KiB is more than any register has. */
const FIELD_CHARACTERS = 65_536;
const RECORD_CHARACTERS = 1_048_576;
const MOST_COLUMNS = 1000;
const MOST_DEPTH = 50;

/** Everything below a space but tab, line feed and carriage return; and delete. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

const SURROGATE = /[\ud800-\udfff]/;

type Json = Record<string, unknown>;

async function readPage(file: string, name: string): Promise<unknown> {
  const { size } = await fs.promises.stat(file);
  if (size > PAGE_BYTES) {
    throw new RollbookError(`${name}: expected at most 256 MB of JSON in one file; save it as several pages`);
  }
  const text = await fs.promises.readFile(file, "utf8");
  try {
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    // the parser's own message quotes the text, and the text is pupils'
    throw new RollbookError(
      `${name}: expected well-formed JSON; the file may be cut short: save the page again as the system sends it`,
    );
  }
}

function recordsOf(page: unknown, name: string): unknown[] {
  if (Array.isArray(page)) return page;
  if (isObject(page)) {
    if (Array.isArray(page.data)) return page.data;
    const [list, ...others] = Object.values(page).filter((value) => Array.isArray(value));
    if (list && others.length === 0) return list;
  }
  throw new RollbookError(
    `${name}: expected one list of records, at the top or as "data"; save the page again as the system sends it`,
  );
}

function flatten(object: Json, prefix: string, fields: Map<string, string | null>, where: string, depth: number): void {
  if (depth > MOST_DEPTH) {
    throw new RollbookError(`${where}: expected at most ${MOST_DEPTH} objects within one another; save the page again`);
  }
  for (const [key, value] of Object.entries(object)) {
    const column = `${prefix}${key}`;
    const plain = isDateObject(value) ? value.date : value;
    if (Array.isArray(plain)) continue;
    if (isObject(plain)) flatten(plain, key === "data" ? prefix : `${column}.`, fields, where, depth + 1);
    else if (!fields.has(column)) fields.set(column, textOf(plain, where));
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A moment as PHP writes it: `{"date": "2026-10-05 00:00:00.000000", "timezone_type": 3, "timezone": "UTC"}`. */
function isDateObject(value: unknown): value is { date: string | null } {
  return (
    isObject(value) &&
    (typeof value.date === "string" || value.date === null) &&
    ("timezone_type" in value || "timezone" in value)
  );
}

function textOf(value: unknown, where: string): string | null {
  if (value === null || value === "") return null;
  if (typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    throw new RollbookError(
      `${where}: expected no number of more than 15 digits, since its last digits would be lost; have the system send it as text`,
    );
  }
  const text = String(value);
  if (text.length > FIELD_CHARACTERS) {
    throw new RollbookError(`${where}: expected no text longer than 64 KiB; save the page again without it`);
  }
  if (CONTROL.test(text)) {
    throw new RollbookError(
      `${where}: expected text without control characters; correct it in the system and save the page again`,
    );
  }
  // half of a pair of surrogates is no character
  return SURROGATE.test(text) ? text.replace(/\p{Surrogate}/gu, "\ufffd") : text;
}
