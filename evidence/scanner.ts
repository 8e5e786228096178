import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { DataType, tableFromIPC } from "apache-arrow";

/** The letters of a UPN; its first letter is what the other characters add up to, modulo their number. */
const UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ";
const UPN = /(?<![0-9A-Za-z])[A-HJ-NP-RT-Z]\d{11}[\dA-HJ-NP-RT-Z](?![0-9A-Za-z])/g;
/** The query engine as its package has it, made before any pupil was known: most of a site's bytes. */
const ENGINE = path.join(import.meta.dirname, "..", "node_modules", "@duckdb", "duckdb-wasm", "dist", "duckdb-eh.wasm");
/** Shorter words are sought only where no letter or digit stands beside them: they occur inside others by chance. */
const LONG = 8;

/**
 * Looks for identifiers of pupils in every byte of every file in a folder.
 *
 * Finds each of `words` (names, UPNs, ids; of 3 bytes or more, case as given) in UTF-8, in UTF-16, and as HTML and
 * JSON write it, and besides them anything that has the form of a UPN with the right check letter. Arrow files are also
 * read cell by cell, because in their bytes one text follows another without a gap.
 *
 * @returns the files in which something was found, with the number of places; never what was found
 */
export async function findIdentifiers(
  dir: string,
  words: Iterable<string> | Wanted,
): Promise<{ file: string; count: number }[]> {
  const wanted = Symbol.iterator in words ? wordIndex(words) : words;
  const found: { file: string; count: number }[] = [];
  for await (const { file, bytes } of searchedFiles(dir)) {
    const places = Math.max(
      ...[bytes, ...cells(file, bytes)].map((text) => countWords(text, wanted) + countUpns(text)),
    );
    if (places > 0) found.push({ file, count: places });
  }
  return found;
}

/** Every file of a folder with its bytes, but for the query engine where it is byte for byte that of its package. */
export async function* searchedFiles(dir: string): AsyncGenerator<{ file: string; bytes: Buffer }> {
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = path.join(entry.parentPath, entry.name);
    const bytes = await readFile(full);
    if (entry.name.endsWith(".wasm") && bytes.equals(await readFile(ENGINE))) continue;
    yield { file: path.relative(dir, full).replaceAll(path.sep, "/"), bytes };
  }
}

/** Words that {@link countWords} looks for. */
export interface Wanted {
  /** Whether any pattern begins with these three bytes: a set of 2^24 bits. */
  begins: Uint8Array;
  /** How long the patterns are that begin with these three bytes. */
  lengths: Map<number, Set<number>>;
  /** The patterns, a character for each byte. */
  patterns: Map<string, Pattern>;
}

interface Pattern {
  bytes: Buffer;
  /** How many bytes one character takes, if a letter or digit beside the pattern rules it out. */
  apart: 0 | 1 | 2;
  owner: Owner;
}

/** Whose alone a word is, as a number; null: more than one's, or nobody's in particular. */
export type Owner = number | null;

/**
 * Makes an index of words to look for, in every way in which a file may write them.
 *
 * @param words what to look for, and where it is a map, whose each is
 * @param stand whether a letter or digit beside a word rules it out: beside short ones, or beside all (`apart`)
 */
export function wordIndex(
  words: Iterable<string> | ReadonlyMap<string, Owner>,
  stand: "anywhere" | "apart" = "anywhere",
): Wanted {
  const wanted: Wanted = { begins: new Uint8Array(1 << 21), lengths: new Map(), patterns: new Map() };
  const owned = words instanceof Map ? words : new Map(Array.from(words as Iterable<string>, (word) => [word, null]));
  for (const pattern of Array.from(owned).flatMap(([word, owner]) => written(word, stand === "apart", owner))) {
    const { bytes } = pattern;
    // so short a word stands by chance in every program
    if (bytes.length < 3) continue;
    const key = bytes.readUIntBE(0, 3);
    wanted.begins[key >> 3] = (wanted.begins[key >> 3] ?? 0) | (1 << (key & 7));
    const lengths = wanted.lengths.get(key);
    if (lengths) lengths.add(bytes.length);
    else wanted.lengths.set(key, new Set([bytes.length]));
    const text = bytes.toString("latin1");
    const { owner = pattern.owner } = wanted.patterns.get(text) ?? {};
    wanted.patterns.set(text, { ...pattern, owner: owner === pattern.owner ? owner : null });
  }
  return wanted;
}

/**
 * How often words stand in a text, other than within one of those that may stand there.
 *
 * @param except whose own words do not count
 */
export function countWords(bytes: Buffer, wanted: Wanted, allowed?: Wanted, except?: number): number {
  const found = places(bytes, wanted, except);
  if (!allowed || found.length === 0) return found.length;
  const own = places(bytes, allowed);
  // in the order of their ends: those that a found one may lie within do not end before it
  let first = 0;
  return found.filter(({ start, end }) => {
    while ((own[first]?.end ?? Number.POSITIVE_INFINITY) < end) first++;
    for (let at = first; at < own.length && (own[at]?.end ?? 0) <= end + LONGEST; at++) {
      const place = own[at];
      if (place && place.start <= start && end <= place.end) return false;
    }
    return true;
  }).length;
}

// --- internal ---

/** No word that may stand in a text goes on for more bytes behind one that may not. */
const LONGEST = 1000;

/** Every way in which a file may write a word. */
function written(word: string, alwaysApart: boolean, owner: Owner): Pattern[] {
  const isApart = alwaysApart || word.length < LONG;
  const wide = Buffer.from(word, "utf16le");
  const entities = word.replaceAll("&", "&amp;").replaceAll("'", "&#39;").replaceAll('"', "&quot;");
  const texts = new Set([
    word,
    entities,
    // a text between tags keeps its quotes
    word.replaceAll("&", "&amp;").replaceAll("<", "&lt;"),
    JSON.stringify(word).slice(1, -1),
    word.replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`),
  ]);
  return [
    ...Array.from(texts, (text): Pattern => ({ bytes: Buffer.from(text), apart: isApart ? 1 : 0, owner })),
    { bytes: wide, apart: isApart ? 2 : 0, owner },
    { bytes: Buffer.from(wide).swap16(), apart: isApart ? 2 : 0, owner },
  ];
}

/** Where words stand in a text, in the order of their ends. */
function places(
  bytes: Buffer,
  { begins, lengths, patterns }: Wanted,
  except?: number,
): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  let key = 0;
  for (let at = 0; at < bytes.length; at++) {
    key = ((key << 8) | (bytes[at] ?? 0)) & 0xffffff;
    if (at < 2 || ((begins[key >> 3] ?? 0) & (1 << (key & 7))) === 0) continue;
    const start = at - 2;
    for (const length of lengths.get(key) ?? []) {
      const end = start + length;
      const pattern = patterns.get(bytes.toString("latin1", start, end));
      if (pattern && pattern.owner !== (except ?? Number.NaN) && standsApart(bytes, start, end, pattern.apart))
        found.push({ start, end });
    }
  }
  return found.sort((a, b) => a.end - b.end);
}

function standsApart(bytes: Buffer, start: number, end: number, apart: number): boolean {
  return !hasLetter(bytes, start - apart, start) && !hasLetter(bytes, end, end + apart);
}

/** Whether one of these bytes is a letter or digit. A character of two bytes has one such byte and a zero. */
function hasLetter(bytes: Buffer, from: number, to: number): boolean {
  return bytes.subarray(Math.max(from, 0), to).some((byte) => /[0-9A-Za-z]/.test(String.fromCharCode(byte)));
}

function countUpns(bytes: Buffer): number {
  const narrow = bytes.toString("latin1");
  // UTF-16 is the same text with a zero beside every character
  const texts = narrow.includes("\0") ? [narrow, narrow.replaceAll("\0", "")] : [narrow];
  return Math.max(...texts.map((text) => (text.match(UPN) ?? []).filter(hasCheckLetter).length));
}

/** Whether the first letter of a text that has the form of a UPN is what the rest of it adds up to. */
function hasCheckLetter(text: string): boolean {
  const sum = Array.from(text.slice(1)).reduce((total, character, at) => {
    const value = /\d/.test(character) ? Number(character) : UPN_LETTERS.indexOf(character);
    return total + value * (at + 2);
  }, 0);
  return UPN_LETTERS[sum % UPN_LETTERS.length] === text[0];
}

/** All texts in the cells of an Arrow file, one a line. Evidence names the sources' Arrow files .parquet. */
function cells(name: string, bytes: Buffer): Buffer[] {
  if (!/\.(arrow|parquet)$/.test(name)) return [];
  const table = tableFromIPC(bytes);
  const texts = table.schema.fields.flatMap(({ type }, at) => {
    const held: DataType = DataType.isDictionary(type) ? type.dictionary : type;
    return DataType.isUtf8(held) || DataType.isLargeUtf8(held) ? [...(table.getChildAt(at) ?? [])] : [];
  });
  return [Buffer.from(texts.join("\n"))];
}
