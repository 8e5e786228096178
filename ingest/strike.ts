import fs from "node:fs";
import { pipeline } from "node:stream/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { SaxesParser } from "saxes";
import { type Arrival, type Arrived, has, text } from "./arrival.ts";
import { csvSheet, firstRows, unreadable } from "./csv.ts";
import { quote, rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { RegisterFormat, Sheet } from "./format.ts";
import { FORMATS } from "./formats.ts";
import { openJson } from "./json.ts";
import { readLoadLimits } from "./load_limits.ts";
import { formatOf, syntaxOf } from "./open_register.ts";
import type { Project } from "./project.ts";
import { plainUpn, pupilKey, systemIdIn } from "./pupil_keys.ts";
import { asUtf8, type LandedText, land } from "./text.ts";
import { xmlRoot } from "./xml.ts";

/** SQL pattern of a UPN as it may stand anywhere in a text. */
export const UPN_IN_SQL = "(?i)[A-Z][\\s\\p{Z}]*(?:\\d[\\s\\p{Z}]*){11}[0-9A-Z]";

/** The pupils to take out, by key. */
export interface Erasure {
  keys: ReadonlySet<string>;
  secret: Buffer;
  /** The keys that were come upon. */
  found: Set<string>;
  /** The UPNs that were come upon, plain. */
  upns: Set<string>;
  isForgotten(upn: string): boolean;
  hasKey(key: string): boolean;
}

export function newErasure(keys: ReadonlySet<string>, secret: Buffer): Erasure {
  const known = new Map<string, boolean>();
  return {
    keys,
    secret,
    found: new Set(),
    upns: new Set(),
    hasKey(key) {
      if (keys.has(key)) this.found.add(key);
      return keys.has(key);
    },
    isForgotten(upn) {
      const plain = plainUpn(upn);
      const before = known.get(plain);
      if (before !== undefined) return before;
      const isOne = this.hasKey(pupilKey(plain, secret));
      if (isOne) this.upns.add(plain);
      known.set(plain, isOne);
      return isOne;
    },
  };
}

/** A landed file without some of its records. */
export interface Struck {
  /** The copy without the records. */
  draft: string;
  records: number;
}

export interface Striking {
  landing: string;
  name: string;
  folderUrn: number | null;
  db: DuckDBConnection;
  project: Project;
  erasure: Erasure;
  /** A path that is free for what striking makes. */
  staging: string;
}

/**
 * Makes a copy of a landed file without the records of the pupils: those that name one as their pupil, and all that hold
 * one's UPN anywhere.
 *
 * @returns null when the file does not tell of them
 */
export async function strike(striking: Striking): Promise<Struck | null> {
  const { landing, staging, erasure } = striking;
  const name = withoutForgotten(striking.name, erasure);
  const [copy, decoded, draft] = [`${staging}.copy`, `${staging}.txt`, `${staging}.struck`];
  const opened = `${staging}.open`;
  try {
    const landed = await land(landing, copy, name, { file_bytes: Number.POSITIVE_INFINITY });
    const readable = await asUtf8(landed, copy, decoded);
    fs.mkdirSync(opened, { recursive: true, mode: 0o700 });
    const parts: StrikingText = { ...striking, name, readable, landed, draft, staging: opened };
    const records = await { XML: strikeXml, JSON: strikeJson, CSV: strikeCsv }[syntaxOf(readable)](parts);
    if (records === null) {
      fs.rmSync(draft, { force: true });
      return null;
    }
    flush(draft);
    return { draft, records };
  } finally {
    for (const file of [copy, decoded, opened]) fs.rmSync(file, { recursive: true, force: true });
  }
}

/** Whether a text names one of the pupils by UPN. */
export function mentions(text: string, erasure: Erasure): boolean {
  if (text.length < UPN_LENGTH) return false;
  return (text.match(UPN_IN_TEXT) ?? []).some((upn) => erasure.isForgotten(upn));
}

/** A text without the UPNs of the pupils. */
export function withoutForgotten(text: string, erasure: Erasure): string {
  return text.replace(UPN_IN_TEXT, (upn) => (erasure.isForgotten(upn) ? "" : upn));
}

/** SQL of a list of texts. */
export function listOf(texts: string[]): string {
  return `[${texts.map(quote).join(", ")}]::varchar[]`;
}

/** Sees to it that a file is on the disk before anything counts on it. */
export function flush(file: string): void {
  const handle = fs.openSync(file, "r+");
  fs.fsyncSync(handle);
  fs.closeSync(handle);
}

// --- internal ---

/** A UPN as it may stand anywhere in a text. */
const UPN_IN_TEXT = /[A-Z]\s*(?:\d\s*){11}[0-9A-Z]/gi;
const UPN_LENGTH = 13;

const PIECE_BYTES = 1_048_576;
const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;
/** In place of the quote that closes a field: one that follows makes it a doubled one, and the field goes on. */
const CLOSED = -1;
const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

interface StrikingText extends Striking {
  /** The file as UTF-8. */
  readable: string;
  landed: LandedText;
  draft: string;
}

/** Writes the draft without the pupils' records; gives how many there were, or null when there is nothing to strike. */
async function strikeCsv(parts: StrikingText): Promise<number | null> {
  const { readable, name, draft, erasure } = parts;
  const head = firstRows(readable);
  const above = head.findIndex((columns) => formatOf(columns) !== null);
  const columns = head[above];
  const format = columns && formatOf(columns);
  if (!columns || !format) throw notRecognised(name);
  const sheet = csvSheet(readable, columns, above, true, readLoadLimits());
  const found = await recordsIn(parts, sheet, format).catch((error: unknown) => {
    throw error instanceof Error && /CSV Error/.test(error.message) ? unreadable(name, error) : error;
  });
  const struck = new Set(found.records.map((record) => record + above + 1));
  for (const [i, row] of head.slice(0, above).entries()) {
    if (row.some((cell) => mentions(cell, erasure))) struck.add(i);
  }
  if (struck.size === 0) return null;
  const rowsRead = await copyWithout(readable, draft, struck);
  if (rowsRead !== found.read + above + 1) {
    throw new Error(`${name}: ${rowsRead} rows of text are not the ${found.read} read below row ${above + 1}`);
  }
  return found.records.length;
}

async function strikeJson(parts: StrikingText): Promise<number | null> {
  const { readable, name, draft, staging, erasure } = parts;
  const before = (await fs.promises.readFile(readable, "utf8")).replace(/^\ufeff/, "");
  const page = parsed(before, name);
  const records = recordsOf(page);
  const [sheet] = await openJson(readable, name, staging);
  const format = sheet && formatOf(sheet.columns);
  const struck = new Set(sheet && format ? (await recordsIn(parts, sheet, format)).records : []);
  for (const [i, record] of records.entries()) {
    if (holds(record, erasure)) struck.add(i);
  }
  if (struck.size === 0 && withoutForgotten(before, erasure) === before) return null;
  let kept = 0;
  for (const [i, record] of records.entries()) {
    if (!struck.has(i)) records[kept++] = record;
  }
  records.length = kept;
  fs.writeFileSync(draft, withoutForgotten(JSON.stringify(page), erasure), { mode: 0o600 });
  return struck.size;
}

/** An XML format that names pupils by a system's id is none of ours: a pupil's record is one that holds the UPN. */
async function strikeXml({ readable, name, draft, erasure, landed }: StrikingText): Promise<number | null> {
  const root = xmlRoot(readable);
  const layouts = FORMATS.flatMap(({ xml }) => (xml && xml.root === root ? [xml] : []));
  if (layouts.length === 0) throw notRecognised(name);
  const places = new Set(layouts.flatMap(({ records }) => Object.values(records)));
  const stack: string[] = [];
  let record: { depth: number; start: number; isForgotten: boolean } | null = null;
  let held = "";
  let heldFrom = 0;
  let cuts: [from: number, to: number][] = [];
  let records = 0;
  let isChanged = false;
  const parser = new SaxesParser({ defaultXMLVersion: "1.0", forceXMLVersion: true });
  const read = (text: string) => {
    if (record && mentions(text, erasure)) record.isForgotten = true;
  };
  parser.on("error", () => {
    throw new RollbookError(
      `${name}: expected well-formed XML in its landed copy; bring data/landing back from a backup`,
    );
  });
  parser.on("opentag", ({ name, attributes }) => {
    stack.push(name.slice(name.indexOf(":") + 1));
    if (!record && places.has(stack.slice(1).join("/"))) {
      // no attribute can hold the character that begins a tag
      const start = heldFrom + held.lastIndexOf("<", parser.position - heldFrom - 1);
      record = { depth: stack.length, start, isForgotten: false };
    }
    for (const value of Object.values(attributes)) read(String(value));
  });
  for (const event of ["text", "cdata", "comment"] as const) parser.on(event, read);
  parser.on("processinginstruction", ({ body }) => read(body));
  parser.on("closetag", () => {
    if (record?.depth === stack.length) {
      if (record.isForgotten) {
        cuts.push([record.start, parser.position]);
        records++;
      }
      record = null;
    }
    stack.pop();
  });
  /** What comes before a place that is not within a tag or a record. */
  const release = (end: number) => {
    let from = heldFrom;
    let kept = "";
    for (const [start, stop] of cuts) {
      kept += held.slice(from - heldFrom, start - heldFrom);
      from = stop;
    }
    const before = kept + held.slice(from - heldFrom, end - heldFrom);
    const after = withoutForgotten(before, erasure);
    isChanged ||= cuts.length > 0 || after !== before;
    held = held.slice(end - heldFrom);
    heldFrom = end;
    cuts = [];
    return after;
  };
  await pipeline(
    fs.createReadStream(readable, { encoding: "utf8", highWaterMark: PIECE_BYTES }),
    async function* (pieces: AsyncIterable<string>) {
      let isFirst = true;
      for await (const piece of pieces) {
        held += piece;
        parser.write(piece);
        const lastTag = heldFrom + Math.max(held.lastIndexOf("<"), 0);
        const end = Math.max(Math.min(record?.start ?? lastTag, lastTag), cuts.at(-1)?.[1] ?? heldFrom);
        const text = release(end);
        yield isFirst && landed.encoding !== "UTF-8" ? declaredUtf8(text) : text;
        isFirst &&= text === "";
      }
      parser.close();
      yield release(heldFrom + held.length);
    },
    fs.createWriteStream(draft, { mode: 0o600 }),
  );
  return isChanged ? records : null;
}

function declaredUtf8(text: string): string {
  return text.replace(/^(\ufeff?\s*<\?xml\s[^>]*\bencoding\s*=\s*["'])[\w.-]+/, "$1UTF-8");
}

/** The records of a sheet that are about the pupils or hold their UPNs, counted from 0, and how many it has. */
async function recordsIn(
  { db, project, erasure, name, folderUrn }: StrikingText,
  sheet: Sheet,
  format: RegisterFormat,
): Promise<{ records: number[]; read: number }> {
  const arrival: Arrival = {
    db,
    project,
    name,
    folderUrn,
    loadNumber: 0,
    loadedAt: "",
    secret: erasure.secret,
    limits: readLoadLimits(),
    forgotten: erasure.keys,
    before: () => [],
  };
  const ids = format.readings.flatMap((reading) => {
    const arrived: Arrived = { sheet, reading, dates: "yyyy-mm-dd" };
    if (!("system" in reading) || !has(arrived, "pupil_id")) return [];
    // an id that was given on to another stands beside that pupil's UPN
    const upn = `upper(regexp_replace(coalesce(${text(arrived, "upn")}, ''), '[\\s\\p{Z}]', '', 'g'))`;
    return [`if(regexp_full_match(${upn}, '[A-Z]\\d{11}[0-9A-Z]'), null, ${systemIdIn(arrival, arrived)})`];
  });
  const upns = sheet.columns.map(
    (_, i) => `if(length(column_${i}) >= ${UPN_LENGTH}, regexp_extract_all(column_${i}, ${quote(UPN_IN_SQL)}), [])`,
  );
  await db.run(`create or replace temp table named_pupils as
    select flatten([${upns.join(", ")}])::varchar[] as upns, [${ids.join(", ")}]::varchar[] as ids
    from ${sheet.relation}`);
  const distinct = async (column: string) => {
    const found = await db.runAndReadAll(`select distinct unnest(${column}) from named_pupils`);
    return (found.getColumns()[0] ?? []).filter((value) => value !== null).map(String);
  };
  const hitUpns = (await distinct("upns")).filter((upn) => erasure.isForgotten(upn));
  const hitIds = (await distinct("ids")).filter((id) => erasure.hasKey(pupilKey(id, erasure.secret)));
  const records = await db.runAndReadAll(
    `select rowid from named_pupils
    where list_has_any(upns, ${listOf(hitUpns)}) or list_has_any(ids, ${listOf(hitIds)})
    order by rowid`,
  );
  const [count] = await rows(db, "select count(*)::integer as read from named_pupils");
  await db.run("drop table named_pupils");
  return { records: (records.getColumns()[0] ?? []).map(Number), read: Number(count?.read) };
}

/**
 * Copies a CSV file byte for byte but for some of its rows. As in RFC 4180, a quote opens a field only at its start.
 *
 * @param struck the rows to leave out, counted from 0; the header is one, and what stands above it
 * @returns how many rows there are, up to the last that is not empty
 */
async function copyWithout(source: string, target: string, struck: ReadonlySet<number>): Promise<number> {
  let row = 0;
  let rowsRead = 0;
  let isQuoted = false;
  let isEmpty = true;
  let isAfterCr = false;
  let last: number = LF;
  await pipeline(
    fs.createReadStream(source, { highWaterMark: PIECE_BYTES }),
    async function* (pieces: AsyncIterable<Buffer>) {
      let isFirst = true;
      for await (const piece of pieces) {
        const kept: Buffer[] = [];
        let from = 0;
        const keepTo = (end: number) => {
          if (!struck.has(row)) kept.push(piece.subarray(from, end));
          from = end;
        };
        const endRow = (end: number) => {
          keepTo(end);
          row++;
          if (!isEmpty) rowsRead = row;
          isEmpty = true;
        };
        if (isFirst && piece.subarray(0, UTF8_MARK.length).equals(UTF8_MARK)) {
          kept.push(UTF8_MARK);
          from = UTF8_MARK.length;
        }
        isFirst = false;
        for (let at = from; at < piece.length; at++) {
          const byte = piece[at] as number;
          if (isAfterCr) {
            isAfterCr = false;
            endRow(byte === LF ? at + 1 : at);
            last = LF;
            if (byte === LF) continue;
          }
          if (isQuoted) {
            if (byte !== QUOTE) continue;
            isQuoted = false;
            last = CLOSED;
            continue;
          }
          if (byte === LF) endRow(at + 1);
          else if (byte === CR) isAfterCr = true;
          else {
            isEmpty = false;
            if (byte === QUOTE) isQuoted = last === COMMA || last === LF || last === CLOSED;
          }
          last = byte;
        }
        keepTo(piece.length);
        yield Buffer.concat(kept);
      }
    },
    fs.createWriteStream(target, { mode: 0o600 }),
  );
  return isEmpty ? rowsRead : row + 1;
}

/** The parser's own message quotes the text. */
function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RollbookError(
      `${name}: expected well-formed JSON in its landed copy; bring data/landing back from a backup`,
    );
  }
}

/** The list of records of a page that was loaded. */
function recordsOf(page: unknown): unknown[] {
  if (Array.isArray(page)) return page;
  if (typeof page !== "object" || page === null) return [];
  const { data } = page as { data?: unknown };
  return Array.isArray(data) ? data : (Object.values(page).find((value) => Array.isArray(value)) ?? []);
}

/** Whether any text within a value of JSON names one of the pupils by UPN. */
function holds(value: unknown, erasure: Erasure): boolean {
  if (typeof value === "string") return mentions(value, erasure);
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, inner]) => mentions(key, erasure) || holds(inner, erasure));
}

function notRecognised(name: string): RollbookError {
  return new RollbookError(
    `${name}: its landed copy is of no kind that Rollbook reads any more: use the version that it was loaded with. Nothing was changed`,
  );
}
