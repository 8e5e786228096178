import path from "node:path";
import { tableFromIPC } from "apache-arrow";
import { parse } from "csv-parse/sync";
import type { Person } from "./extract.ts";
import { countWords, type Owner, searchedFiles, type Wanted, wordIndex } from "./scanner.ts";

/** Everybody at the schools of a trust, ready to be sought: made once, however many of their sites are searched. */
export interface Everybody {
  names: Wanted;
  /** Names as two cells. */
  pairs: ReadonlyMap<string, Owner>;
  schools: { urn: number; name: string }[];
}

/** Whose site it is, and whom and what it may name: a stranger of the same name is not told apart. */
export interface Own {
  urn: number;
  pupils: Person[];
  /** The names of the school and its trust, and others that its pages give. */
  words: string[];
}

/**
 * Makes ready to be sought who is at which school.
 *
 * @param pupils one with a single name is not sought: half the words of a page are somebody's
 */
export function everybodyAt(
  schools: { urn: number; name: string }[],
  pupils: Iterable<Person & { school_urn: number }>,
): Everybody {
  const names = new Map<string, Owner>();
  const pairs = new Map<string, Owner>();
  const note = (words: Map<string, Owner>, word: string, owner: number) =>
    words.set(word, (words.get(word) ?? owner) === owner && words.get(word) !== null ? owner : null);
  for (const { school_urn, ...person } of pupils) {
    if (!isWhole(person)) continue;
    for (const word of inProse(person)) note(names, word, school_urn);
    note(pairs, pairOf(person), school_urn);
  }
  return { names: wordIndex(names, "apart"), pairs, schools };
}

/**
 * Looks for pupils of other schools in every byte of every file of one school's site.
 *
 * A full name is found as "Forename Surname", "Surname, Forename" and "Surname Forename", in UTF-8, in UTF-16, and as HTML
 * and JSON write it, except as part of the name of one of the school's own pupils ("Ali Khan" in "Mohammed Ali Khan") or of
 * what else the site may name ("Thomas More" in "St Thomas More Trust");
 * and as two cells side by side, either way round, in CSV, Arrow, JSON and the text of pages. The name and the URN of another
 * school are sought in those four kinds of file alone: programs are full of numbers of six digits.
 *
 * @returns the files in which something was found, with the number of places; never what was found
 */
export async function findStrangers(
  site: string,
  { names, pairs, schools }: Everybody,
  own: Own,
): Promise<{ file: string; count: number }[]> {
  const known = own.pupils.filter(isWhole);
  const others = wordIndex(
    schools.filter(({ urn }) => urn !== own.urn).flatMap(({ urn, name }) => [String(urn), name]),
    "apart",
  );
  const ownNames = wordIndex([...known.flatMap(inProse), ...own.words], "apart");
  const ownWords = wordIndex(
    [...own.words, ...own.pupils.flatMap(({ surname, forename }) => [surname, forename]), ...known.flatMap(inProse)],
    "apart",
  );
  const ownPairs = new Set(known.map(pairOf));
  const isStrange = (pair: string) => pairs.has(pair) && pairs.get(pair) !== own.urn;

  const found: { file: string; count: number }[] = [];
  for await (const { file, bytes } of searchedFiles(site)) {
    const cells = cellsOf(file, bytes);
    const text = Buffer.from(cells.map((row) => row.join("\n")).join("\n"));
    let count = Math.max(...[bytes, text].map((searched) => countWords(searched, names, ownNames, own.urn)));
    count += countPairs(cells, isStrange, ownPairs);
    if (cells.length > 0) count += Math.max(...[bytes, text].map((searched) => countWords(searched, others, ownWords)));
    if (count > 0) found.push({ file, count });
  }
  return found;
}

// --- internal ---

function isWhole({ surname, forename }: Person): boolean {
  return surname !== "" && forename !== "";
}

function inProse({ surname, forename }: Person): string[] {
  return [`${forename} ${surname}`, `${surname}, ${forename}`, `${surname} ${forename}`];
}

/** A name as two cells; either way round it is the same. */
function pairOf({ surname, forename }: Person): string {
  return [plain(surname), plain(forename)].sort().join("\n");
}

/** A cell without the apostrophe that keeps a spreadsheet from running it. */
function plain(cell: string): string {
  return cell.trim().replace(/^'/, "");
}

function countPairs(cells: string[][], isStrange: (pair: string) => boolean, ownPairs: Set<string>): number {
  let count = 0;
  for (const row of cells) {
    for (let at = 1; at < row.length; at++) {
      const pair = pairOf({ surname: row[at - 1] ?? "", forename: row[at] ?? "" });
      // the next cell is beside a forename by chance: a class may be called like a family
      if (ownPairs.has(pair)) at++;
      else if (isStrange(pair)) count++;
    }
  }
  return count;
}

/** The texts of a file, row by row; nothing of a file that is no data. Evidence names the sources' Arrow files .parquet. */
function cellsOf(name: string, bytes: Buffer): string[][] {
  const kind = path.extname(name);
  if (kind === ".csv") return parse(bytes, { bom: true, relax_column_count: true });
  if (kind === ".arrow" || kind === ".parquet") return arrowRows(bytes);
  if (kind === ".json") return jsonRows(JSON.parse(bytes.toString()));
  return kind === ".html" ? htmlRows(bytes.toString()) : [];
}

function arrowRows(bytes: Buffer): string[][] {
  const table = tableFromIPC(bytes);
  const columns = table.schema.fields.map((_, at) => table.getChildAt(at));
  return Array.from({ length: table.numRows }, (_, row) =>
    columns.flatMap((column) => {
      const value: unknown = column?.get(row);
      return typeof value === "string" ? value : [];
    }),
  );
}

/** The texts of every object and list, each a row. */
function jsonRows(value: unknown): string[][] {
  if (typeof value === "string") return [[value]];
  if (typeof value !== "object" || value === null) return [];
  const parts: unknown[] = Object.values(value);
  const texts = parts.filter((part) => typeof part === "string");
  return [texts, ...parts.filter((part) => typeof part !== "string").flatMap(jsonRows)];
}

/** The texts between tags; a row ends where a row, an entry of a list or a paragraph does. */
function htmlRows(html: string): string[][] {
  const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: " " };
  return html
    .replace(/<style[\s\S]*?<\/style>/g, "")
    .split(/<\/(?:tr|li|p|h[1-6]|div|section|dl|table)>/)
    .map((row) =>
      row
        .split(/<[^>]*>/)
        .map((text) => text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (_, entity) => ENTITIES[entity] ?? "").trim())
        .filter((text) => text !== ""),
    );
}
