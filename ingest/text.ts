import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import fs from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import iconv from "iconv-lite";
import { RollbookError } from "./errors.ts";

/** A register file as it was landed: what its bytes are, before anything is made of what they say. */
export interface LandedText {
  /** Of the bytes as they came, in hexadecimal. */
  sha256: string;
  bytes: number;
  /** UTF-8, UTF-16LE, UTF-16BE or Windows-1252; of XML in another encoding, the name that its declaration gives. */
  encoding: string;
  lineEnding: "LF" | "CRLF" | "CR" | "mixed" | "none";
  hasQuotes: boolean;
  /** The first empty line that is followed by a line that is not, counted from 1. Line breaks in quotes count too. */
  firstEmptyLine: number | null;
  /** Lines up to the last that is not empty. Line breaks in quotes count too. */
  lines: number;
}

/**
 * Copies a register file and looks at every byte of it on the way, so that the copy holds what was looked at.
 *
 * The encoding is told by the byte order mark, by the NULs of UTF-16, by being valid UTF-8, or by an XML declaration;
 * what is left is Windows-1252. A file that is no text, is larger than `limits.file_bytes` or changes meanwhile is refused.
 *
 * @param name how messages name the file
 */
export async function land(
  source: string,
  copy: string,
  name: string,
  limits: { file_bytes: number },
): Promise<LandedText> {
  const from = await openSource(source, name);
  try {
    const to = await fs.promises.open(copy, "w", 0o600);
    try {
      // a file that stood there before kept its own mode
      await to.chmod(0o600);
      return await landOpened(from, to, copy, name, limits);
    } catch (error) {
      await fs.promises.rm(copy, { force: true });
      throw error;
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

/**
 * Gives a landed file as UTF-8 with one kind of line ending: the copy itself where it is that already, a byte order mark
 * in front or not, and otherwise `out`, which is written in a stream.
 *
 * Where line endings are mixed every record of a CSV file is given a line feed, and those within quotes stay as they are,
 * so that lines stay as many. XML and JSON need none of that.
 *
 * @returns the path of the text
 */
export async function asUtf8(landed: LandedText, copy: string, out: string): Promise<string> {
  const isMixed = landed.lineEnding === "mixed" && !(await holdsMarkup(copy, landed.encoding));
  if (landed.encoding === "UTF-8" && !isMixed) return copy;
  await pipeline(
    fs.createReadStream(copy, { highWaterMark: PIECE_BYTES }),
    async function* (pieces: AsyncIterable<Buffer>) {
      const decoder = decoderOf(landed.encoding);
      const mend = isMixed ? newLineFeeds() : (text: string) => text;
      for await (const piece of pieces) yield mend(decoder.write(piece));
      yield decoder.end();
    },
    fs.createWriteStream(out, { mode: 0o600 }),
  );
  return out;
}

// --- internal ---

/** Large enough to cost few calls, small enough to stay in the processor's cache while it is hashed and looked at. */
const PIECE_BYTES = 1_048_576;
/** As much of a file as tells its encoding. */
const HEAD_BYTES = 65_536;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;
/** In place of the quote that closes a field: one that follows makes it a doubled one, and the field goes on. */
const CLOSED = -1;
const DELETE = 0x7f;

const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF16LE_MARK = Buffer.from([0xff, 0xfe]);
const UTF16BE_MARK = Buffer.from([0xfe, 0xff]);

/** What files that are often taken for text begin with. */
const NOT_TEXT: readonly { start: Buffer; kind: string }[] = [
  { start: Buffer.from("PK\x03\x04"), kind: "a spreadsheet or zip file" },
  { start: Buffer.from([0xd0, 0xcf, 0x11, 0xe0]), kind: "an old spreadsheet" },
  { start: Buffer.from([0x1f, 0x8b]), kind: "a gzip file" },
  { start: Buffer.from("%PDF"), kind: "a PDF" },
];

/** Encodings of one byte a character: of the names that iconv knows, some are no encodings of text. */
const XML_ENCODINGS = /^(iso-8859-\d{1,2}|windows-125\d|cp\d{3,4}|ibm\d{3}|macintosh|us-ascii)$/i;
/** Software that writes Windows-1252 often declares these, whose characters are among its own. */
const WITHIN_WINDOWS_1252 = /^(iso-8859-1|windows-1252|cp1252|us-ascii)$/i;

async function openSource(source: string, name: string): Promise<FileHandle> {
  try {
    return await fs.promises.open(source, "r");
  } catch {
    throw new RollbookError(
      `${name}: cannot be read: close the program that has it open, give yourself the right to read it, and try again`,
    );
  }
}

async function landOpened(
  from: FileHandle,
  to: FileHandle,
  copy: string,
  name: string,
  limits: { file_bytes: number },
): Promise<LandedText> {
  const before = await from.stat({ bigint: true });
  if (before.size > limits.file_bytes) {
    throw new RollbookError(
      `${name}: expected at most ${mebibytes(limits.file_bytes)} MiB, found ${mebibytes(Number(before.size))} MiB; export it in several files, or raise file_bytes in models/rules/load_limits.csv`,
    );
  }
  const sha256 = createHash("sha256");
  const look = newLook();
  const utf8 = newUtf8Check();
  let bytes = 0;
  let head: Buffer = Buffer.alloc(0);
  let marked: string | null = null;
  let utf16: Decoder | null = null;
  for await (const piece of copyInPieces(from, to)) {
    sha256.update(piece);
    if (bytes === 0) {
      refuseOtherKinds(piece, name);
      head = Buffer.from(piece.subarray(0, HEAD_BYTES));
      marked = markedEncoding(head) ?? unmarkedUtf16(head);
      if (marked === "UTF-8") look.lineStart = UTF8_MARK.length;
      else if (marked) utf16 = decoderOf(marked);
    }
    bytes += piece.length;
    if (utf16) lookAtDecoded(look, utf16.write(piece), name);
    else {
      lookAt(look, piece, name);
      if (utf8.isValid) utf8.add(piece);
    }
  }
  if (utf16) lookAtDecoded(look, utf16.end(), name);
  const after = await from.stat({ bigint: true });
  if (after.size !== before.size || after.mtimeNs !== before.mtimeNs || BigInt(bytes) !== before.size) {
    throw new RollbookError(`${name}: is still being written: try again when the export has ended`);
  }
  if (utf16 && bytes % 2 === 1) throw undecodable(name, "UTF-16");
  const isUtf8Text = !utf16 && utf8.end();
  if (marked === "UTF-8" && !isUtf8Text) throw undecodable(name, "UTF-8");
  const encoding = marked ?? (isUtf8Text ? "UTF-8" : (declaredEncoding(head) ?? "Windows-1252"));
  if (!marked && !isUtf8Text) await holdToEncoding(copy, encoding, name);
  return { sha256: sha256.digest("hex"), bytes, encoding, ...endLook(look) };
}

/**
 * Reads a file in pieces and writes each to the copy while the caller looks at it and the next is read.
 * A piece is the caller's until it asks for the next.
 */
async function* copyInPieces(from: FileHandle, to: FileHandle): AsyncGenerator<Buffer> {
  const buffers = [0, 1, 2].map(() => Buffer.from(new ArrayBuffer(PIECE_BYTES))) as [Buffer, Buffer, Buffer];
  const writes: Promise<void>[] = [];
  const read = async (buffer: Buffer) => buffer.subarray(0, (await from.read(buffer, 0, PIECE_BYTES, null)).bytesRead);
  let [current, next, last] = buffers;
  let position = 0;
  let reading = read(current);
  try {
    for (;;) {
      const piece = await reading;
      if (piece.length === 0) break;
      // two writes may be under way: the third buffer is free again when the older has ended
      if (writes.length === 2) await writes.shift();
      reading = read(next);
      const writing = writeAll(to, piece, position);
      // whoever awaits it hears of a failure; until then it must not count as unhandled
      writing.catch(() => {});
      writes.push(writing);
      yield piece;
      position += piece.length;
      [current, next, last] = [next, last, current];
    }
    await Promise.all(writes);
  } finally {
    await Promise.allSettled([reading, ...writes]);
  }
}

async function writeAll(to: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await to.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

function refuseOtherKinds(head: Buffer, name: string): void {
  const found = NOT_TEXT.find(({ start }) => head.subarray(0, start.length).equals(start));
  if (!found) return;
  throw new RollbookError(
    `${name}: expected text (CSV, XML or JSON), found ${found.kind}; save it as CSV UTF-8 and put that in its place`,
  );
}

/** The encoding that a byte order mark states. */
function markedEncoding(head: Buffer): string | null {
  if (head.subarray(0, 3).equals(UTF8_MARK)) return "UTF-8";
  if (head.subarray(0, 2).equals(UTF16LE_MARK)) return "UTF-16LE";
  if (head.subarray(0, 2).equals(UTF16BE_MARK)) return "UTF-16BE";
  return null;
}

/** UTF-16 without a mark: of most of its pairs of bytes one is NUL, and nearly always the same one. */
function unmarkedUtf16(head: Buffer): string | null {
  const nuls: [even: number, odd: number] = [0, 0];
  for (let at = head.indexOf(0); at >= 0; at = head.indexOf(0, at + 1)) nuls[(at % 2) as 0 | 1]++;
  const [even, odd] = nuls;
  const most = head.length / 4;
  if (odd > most && even < odd / 10) return "UTF-16LE";
  if (even > most && odd < even / 10) return "UTF-16BE";
  return null;
}

/** The encoding that an XML declaration names, where it is one of those that bytes alone do not tell. */
function declaredEncoding(head: Buffer): string | null {
  const declared = head.toString("latin1").match(/^\s*<\?xml\s[^>]*\bencoding\s*=\s*["']([\w.-]+)["']/)?.[1];
  if (!declared || !XML_ENCODINGS.test(declared) || WITHIN_WINDOWS_1252.test(declared)) return null;
  return iconv.encodingExists(declared) ? declared : null;
}

interface Decoder {
  write(bytes: Buffer): string;
  end(): string;
}

/** Decodes text that comes in pieces, without its byte order mark. A character may lie across the edge of two pieces. */
function decoderOf(encoding: string): Decoder {
  const isBigEndian = encoding === "UTF-16BE";
  // iconv-lite's own decoder of UTF-16BE tears a pair of surrogates that lies across two pieces
  const decoder = iconv.getDecoder(isBigEndian ? "UTF-16LE" : encoding);
  let rest: Buffer = Buffer.alloc(0);
  return {
    write(bytes) {
      if (!isBigEndian) return decoder.write(bytes);
      const whole = Buffer.concat([rest, bytes]);
      const even = whole.length - (whole.length % 2);
      rest = whole.subarray(even);
      return decoder.write(whole.subarray(0, even).swap16());
    },
    end: () => decoder.end() ?? "",
  };
}

/** What has been seen of a text so far. Positions are counted from the start of the piece that comes next. */
interface Look {
  /** Lines that ended up to the last that was not empty, and the empty ones since. */
  lines: number;
  empty: number;
  firstEmpty: number | null;
  lineStart: number;
  lastCr: number;
  lf: number;
  cr: number;
  crlf: number;
  hasQuotes: boolean;
}

function newLook(): Look {
  return {
    lines: 0,
    empty: 0,
    firstEmpty: null,
    lineStart: 0,
    lastCr: -2,
    lf: 0,
    cr: 0,
    crlf: 0,
    hasQuotes: false,
  };
}

function lookAtDecoded(look: Look, text: string, name: string): void {
  if (/\p{Surrogate}/u.test(text)) throw undecodable(name, "UTF-16");
  lookAt(look, Buffer.from(text), name);
}

/**
 * Looks at every byte of a piece. Registers are gigabytes, and nearly all of their bytes are no control characters:
 * four words of four bytes are passed over at once unless a byte in them is below 0x20.
 */
function lookAt(look: Look, piece: Buffer, name: string): void {
  look.hasQuotes ||= piece.includes(QUOTE);
  const deleteAt = piece.indexOf(DELETE);
  const bytes = deleteAt < 0 ? piece : piece.subarray(0, deleteAt);
  // words lie at every fourth byte of memory; pieces that do not, which are short, are looked at byte by byte
  const count = bytes.byteOffset % 4 === 0 ? (bytes.length >> 4) << 2 : 0;
  const words = count > 0 ? new Int32Array(bytes.buffer, bytes.byteOffset, count) : new Int32Array();
  for (let i = 0; i < count; i += 4) {
    const a = low(words, i);
    const b = low(words, i + 1);
    const c = low(words, i + 2);
    const d = low(words, i + 3);
    if ((a | b | c | d) === 0) continue;
    if (a !== 0) seeBytes(look, bytes, i * 4, i * 4 + 4, name);
    if (b !== 0) seeBytes(look, bytes, i * 4 + 4, i * 4 + 8, name);
    if (c !== 0) seeBytes(look, bytes, i * 4 + 8, i * 4 + 12, name);
    if (d !== 0) seeBytes(look, bytes, i * 4 + 12, i * 4 + 16, name);
  }
  seeBytes(look, bytes, count * 4, bytes.length, name);
  if (deleteAt >= 0) see(look, DELETE, deleteAt, name);
  look.lineStart -= piece.length;
  // no further back than it matters, so that it stays a small number
  look.lastCr = Math.max(look.lastCr - piece.length, -2);
}

/** Not 0 when one of the word's four bytes is below 0x20. */
function low(words: Int32Array, at: number): number {
  const word = words[at] as number;
  return (word - 0x20202020) & ~word & 0x80808080;
}

function seeBytes(look: Look, bytes: Buffer, from: number, to: number, name: string): void {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte < 0x20) see(look, byte, at, name);
  }
}

function see(look: Look, byte: number, at: number, name: string): void {
  if (byte === LF) {
    look.lf++;
    if (look.lastCr === at - 1) {
      look.crlf++;
      look.lineStart = at + 1;
    } else endLine(look, at);
  } else if (byte === CR) {
    look.cr++;
    look.lastCr = at;
    endLine(look, at);
  } else if (byte !== TAB) {
    throw new RollbookError(
      `${name}, line ${look.lines + look.empty + 1}: expected text without control characters; the file may be damaged or of another kind: export it again`,
    );
  }
}

function endLine(look: Look, at: number): void {
  if (look.lineStart === at) look.empty++;
  else {
    if (look.empty > 0) look.firstEmpty ??= look.lines + 1;
    look.lines += look.empty + 1;
    look.empty = 0;
  }
  look.lineStart = at + 1;
}

function endLook(look: Look): Pick<LandedText, "lineEnding" | "hasQuotes" | "firstEmptyLine" | "lines"> {
  if (look.lineStart < 0) endLine(look, 0);
  const kinds = (
    [
      ["CRLF", look.crlf],
      ["LF", look.lf - look.crlf],
      ["CR", look.cr - look.crlf],
    ] as const
  ).filter(([, times]) => times > 0);
  return {
    lineEnding: kinds.length > 1 ? "mixed" : (kinds[0]?.[0] ?? "none"),
    hasQuotes: look.hasQuotes,
    firstEmptyLine: look.firstEmpty,
    lines: look.lines,
  };
}

/** Whether text that comes in pieces is valid UTF-8: a character may lie across the edge of two. */
function newUtf8Check(): { isValid: boolean; add(piece: Buffer): void; end(): boolean } {
  let rest: Buffer = Buffer.alloc(0);
  return {
    isValid: true,
    add(piece) {
      const whole = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
      const end = whole.length - incomplete(whole);
      // a copy, since the piece is only lent
      rest = Buffer.from(whole.subarray(end));
      this.isValid &&= isUtf8(whole.subarray(0, end));
    },
    end() {
      return this.isValid && rest.length === 0;
    },
  };
}

/** How many bytes at the end begin a character of UTF-8 that is longer than they are. */
function incomplete(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
}

/** Refuses bytes that an encoding of one byte a character does not define. */
async function holdToEncoding(copy: string, encoding: string, name: string): Promise<void> {
  const isDefined = Array.from({ length: 256 }, (_, byte) => iconv.decode(Buffer.from([byte]), encoding) !== "\ufffd");
  let line = 1;
  let last = 0;
  const pieces: AsyncIterable<Buffer> = fs.createReadStream(copy, { highWaterMark: PIECE_BYTES });
  for await (const piece of pieces) {
    for (const byte of piece) {
      if (!isDefined[byte]) throw undecodable(`${name}, line ${line}`, encoding);
      if (byte === CR || (byte === LF && last !== CR)) line++;
      last = byte;
    }
  }
}

function undecodable(where: string, encoding: string): RollbookError {
  return new RollbookError(
    `${where}: expected ${encoding === "Windows-1252" ? "UTF-8 or Windows-1252" : encoding} text throughout; the file may be damaged or cut short: export it again, as CSV UTF-8 where there is a choice`,
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toLocaleString("en-GB", { maximumFractionDigits: 1 });
}

/** Whether a file is XML or JSON, by the first character that is no space. */
async function holdsMarkup(copy: string, encoding: string): Promise<boolean> {
  const handle = await fs.promises.open(copy, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return /^\s*[<{[]/.test(decoderOf(encoding).write(buffer.subarray(0, bytesRead)));
  } finally {
    await handle.close();
  }
}

/**
 * Ends every record of a CSV text that comes in pieces with a line feed. As in RFC 4180, a quote opens a field only at
 * its start and a doubled quote is text; line endings within quotes are the field's own.
 */
function newLineFeeds(): (text: string) => string {
  let isQuoted = false;
  let last: number = LF;
  return (text) => {
    let mended = "";
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const character = text.charCodeAt(at);
      if (isQuoted) {
        if (character !== QUOTE) continue;
        isQuoted = false;
        last = CLOSED;
        continue;
      }
      if (character === QUOTE) isQuoted = last === COMMA || last === LF || last === CR || last === CLOSED;
      else if (character === CR) {
        mended += `${text.slice(from, at)}\n`;
        from = at + 1;
      } else if (character === LF && last === CR) from = at + 1;
      last = character;
    }
    return mended + text.slice(from);
  };
}
