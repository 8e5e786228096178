import fs from "node:fs";
import path from "node:path";
import { SaxesParser } from "saxes";
import { RollbookError } from "./errors.ts";
import type { Sheet } from "./format.ts";
import { openRecords, type RecordWriter } from "./json.ts";

/** Where the records of an XML format are. Paths go from the root, without it: `CTFpupilData/Pupil`. */
export interface XmlLayout {
  /** The name of the root element. */
  root: string;
  /** The path of the element that holds each kind of record, by what the record is called. Records may hold others. */
  records: Readonly<Record<string, string>>;
  /**
   * Elements whose text is given to records that they do not lie in: a `Header/SourceSchool/LEA` to every record, a
   * `CTFpupilData/Pupil/UPN` to all that lies in the same pupil. One that is not inside a record has to come before it.
   */
  carried: readonly string[];
}

/** The name of a file's root element, without prefix, or null when the file is not XML. */
export function xmlRoot(file: string): string | null {
  const head = Buffer.alloc(HEAD_BYTES);
  const handle = fs.openSync(file, "r");
  const length = fs.readSync(handle, head, 0, HEAD_BYTES, 0);
  fs.closeSync(handle);
  const text = head.subarray(0, length).toString("utf8");
  if (!/^\ufeff?\s*</.test(text)) return null;
  let root: string | null = null;
  const parser = new SaxesParser();
  // what is wrong with the file is said when it is opened
  parser.on("error", () => {});
  parser.on("opentag", ({ name }) => {
    root ??= plainElement(name);
  });
  parser.write(text);
  return root;
}

/**
 * Opens an XML file as one sheet for each kind of record that it holds, in a stream.
 *
 * Columns are the elements that hold text, by their path within the record (`BasicDetails/FormerUPN`), then those that
 * are carried, by their path from the root. What lies in a record within the record is that one's alone. Of an element
 * that a record repeats the first counts; of one that is carried there may be no two. Prefixes are dropped and escapes in
 * names decoded (`Mark_x0020_date`); attributes are not read; an element without text is null.
 *
 * @param file UTF-8 text
 * @param name how messages name the file
 * @param folder where the records are written for DuckDB to read
 */
export async function openXml(file: string, name: string, layout: XmlLayout, folder: string): Promise<Sheet[]> {
  const writers = new Map<string, RecordWriter>();
  const write = ({ kind, fields }: OpenRecord) => {
    const target = path.join(folder, `${path.basename(file)}.${kind}.ndjson`);
    const writer = writers.get(kind) ?? openRecords(target, kind, name);
    writers.set(kind, writer);
    writer.add(fields);
  };
  const reader = newReader(name, layout, write);
  try {
    const chunks: AsyncIterable<string> = fs.createReadStream(file, { encoding: "utf8" });
    for await (const chunk of chunks) reader.read(chunk);
    reader.end();
    return Object.keys(layout.records).flatMap((kind) => writers.get(kind)?.sheet(layout.carried) ?? []);
  } finally {
    for (const writer of writers.values()) writer.close();
  }
}

// --- internal ---

/** As much of a file as its root element must begin in. */
const HEAD_BYTES = 65_536;
/** The longest text that is read: 64 KiB is more than any register has. */
const TEXT_CHARACTERS = 65_536;
/** The longest stretch of a file that may be one text, tag or comment, however its text is written. */
const MARKUP_CHARACTERS = 1_048_576;
/** The longest stretch of a file that may be one outermost record, with all within it: it is held in memory. */
const BATCH_CHARACTERS = 16_777_216;
const MOST_DEPTH = 50;

interface OpenElement {
  /** From the root, without it. */
  path: string;
  text: string;
  hasChildren: boolean;
  /** The record that it is or lies in, the innermost. */
  record: OpenRecord | null;
  isRecord: boolean;
  /** Null when nothing that is carried lies below it. */
  scope: Scope | null;
}

/** An element that a record and what it carries both lie in. */
interface Scope {
  /** The texts to carry that stand anywhere below it, by path; `AMBIGUOUS` when there are different ones. */
  found: Map<string, string | null | typeof AMBIGUOUS>;
  /** What records that were written already had from it. */
  given: Map<string, string | null>;
}

interface OpenRecord {
  kind: string;
  path: string;
  fields: Map<string, string | null>;
  /** For each path that it carries, the innermost element that both lie in. */
  scopes: Map<string, Scope>;
}

const AMBIGUOUS = Symbol("ambiguous");

function newReader(name: string, layout: XmlLayout, write: (record: OpenRecord) => void) {
  const kinds = new Map(Object.entries(layout.records).map(([kind, at]) => [at, kind]));
  const isCarried = new Set(layout.carried);
  const isAbove = (at: string, below: string) => at === "" || below.startsWith(`${at}/`);
  const stack: OpenElement[] = [];
  /** The outermost record that is open, and all within it, in the order in which they begin. */
  let batch: OpenRecord[] = [];
  let batchLength = 0;
  let sinceEvent = 0;

  const parser = new SaxesParser({ defaultXMLVersion: "1.0", forceXMLVersion: true });
  const refusal = (expected: string) => new RollbookError(`${name}, line ${parser.line}: ${expected}`);

  // the parser's own message may quote the text
  parser.on("error", () => {
    throw refusal("expected well-formed XML; the file may be cut short: export it again");
  });
  parser.on("doctype", () => {
    throw refusal("expected no DOCTYPE; registers are exported without one: export the file again");
  });
  parser.on("comment", () => {
    sinceEvent = 0;
  });
  parser.on("processinginstruction", () => {
    sinceEvent = 0;
  });

  parser.on("opentag", (tag) => {
    sinceEvent = 0;
    if (stack.length === MOST_DEPTH) throw refusal(`expected at most ${MOST_DEPTH} elements within one another`);
    const element = plainElement(tag.name);
    const parent = stack.at(-1);
    if (!parent && element !== layout.root) throw refusal(`expected <${layout.root}> as the outermost element`);
    const at = parent?.path ? `${parent.path}/${element}` : parent ? element : "";
    const kind = parent && kinds.get(at);
    const record = kind ? newRecord(kind, at) : (parent?.record ?? null);
    stack.push({
      path: at,
      text: "",
      hasChildren: false,
      record,
      isRecord: kind !== undefined,
      scope: layout.carried.some((from) => isAbove(at, from)) ? { found: new Map(), given: new Map() } : null,
    });
    if (parent) parent.hasChildren = true;
    if (kind && record) batch.push(record);
  });

  const addText = (text: string) => {
    sinceEvent = 0;
    const element = stack.at(-1);
    // between elements there are only spaces
    if (!element || element.hasChildren) return;
    element.text += text;
    if (element.text.length > TEXT_CHARACTERS) throw tooLong();
  };
  parser.on("text", addText);
  parser.on("cdata", addText);

  parser.on("closetag", () => {
    sinceEvent = 0;
    const element = stack.pop();
    if (!element) return;
    if (!element.hasChildren && !element.isRecord) {
      const text = element.text.trim() === "" ? null : element.text;
      const { record } = element;
      const column = record && element.path.slice(record.path.length + 1);
      if (record && column && !record.fields.has(column)) record.fields.set(column, text);
      if (isCarried.has(element.path)) carry(element.path, text);
    }
    if (element.isRecord && !stack.at(-1)?.record) {
      for (const record of batch) {
        giveCarried(record);
        write(record);
      }
      batch = [];
      batchLength = 0;
    }
  });

  function newRecord(kind: string, at: string): OpenRecord {
    const scopes = new Map<string, Scope>();
    for (const from of layout.carried) {
      // what lies in the record is a field of it
      if (isAbove(at, from)) continue;
      const scope = stack.findLast((element) => isAbove(element.path, from))?.scope;
      if (scope) scopes.set(from, scope);
    }
    return { kind, path: at, fields: new Map(), scopes };
  }

  function carry(from: string, text: string | null): void {
    for (const { scope } of stack) {
      if (!scope) continue;
      const known = scope.found.get(from);
      scope.found.set(from, known === undefined || known === text ? text : AMBIGUOUS);
      if (scope.given.has(from) && scope.given.get(from) !== text) throw notOne(from);
    }
  }

  function giveCarried(record: OpenRecord): void {
    for (const [from, { found, given }] of record.scopes) {
      const text = found.get(from) ?? null;
      if (text === AMBIGUOUS) throw notOne(from);
      record.fields.set(from, text);
      given.set(from, text);
    }
  }

  const notOne = (from: string) =>
    refusal(`expected one <${from}>, above the records that it is for; export the file again`);
  const tooLong = () => refusal("expected no text longer than 64 KiB; export the file again without it");

  return {
    read(chunk: string): void {
      sinceEvent += chunk.length;
      parser.write(chunk);
      if (sinceEvent > MARKUP_CHARACTERS) throw tooLong();
      if (batch.length > 0) batchLength += chunk.length;
      if (batchLength > BATCH_CHARACTERS) throw refusal("expected no record longer than 16 MiB; export the file again");
    },
    end(): void {
      parser.close();
    },
  };
}

/** An element's name without its prefix, and with the characters that `_x0020_` and its like stand for. */
function plainElement(name: string): string {
  const local = name.slice(name.indexOf(":") + 1);
  if (!local.includes("_x")) return local;
  return local.replace(/_x([0-9a-fA-F]{4})_/g, (written, code: string) => {
    const character = String.fromCharCode(Number.parseInt(code, 16));
    return /[\p{Cc}\p{Cs}]/u.test(character) ? written : character;
  });
}
