import fs from "node:fs";
import type { DuckDBConnection } from "@duckdb/node-api";
import { parse } from "csv-parse/sync";
import { quote, rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";

/** As much of a file as its header may take. */
const HEADER_BYTES = 65_536;
/** The longest row that is read: 64 KiB a field is more than any register has. */
const ROW_BYTES = 1_048_576;
const LF = 10;
const CR = 13;

/** The column names of a CSV file as they stand in its first row, or null when it is no text that can be read. */
export function readHeader(file: string): string[] | null {
  const head = Buffer.alloc(HEADER_BYTES);
  const handle = fs.openSync(file, "r");
  const length = fs.readSync(handle, head, 0, HEADER_BYTES, 0);
  fs.closeSync(handle);
  const text = head.subarray(0, length).toString("utf8");
  if (text.includes("\0")) return null;
  try {
    const [header] = parse(text, { bom: true, to: 1, relax_column_count: true, trim: true }) as string[][];
    return header ?? null;
  } catch {
    return null;
  }
}

/**
 * Reads a CSV file into the temporary table `arrived`, every field as text, with `row_number` as a spreadsheet shows it:
 * the header is row 1. Nothing is guessed: comma, double quote, no escape but a doubled quote, every row of full length.
 */
export async function readCsv(db: DuckDBConnection, file: string, name: string, columns: string[]): Promise<void> {
  const texts = columns.map((_, i) => `'column_${i}': 'VARCHAR'`).join(", ");
  try {
    await db.run(`
      create or replace temp table arrived as
      select row_number() over () + 1 as row_number, *
      from read_csv(${quote(file)}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
        strict_mode = true, null_padding = false, ignore_errors = false, max_line_size = ${ROW_BYTES},
        columns = {${texts}})`);
  } catch (error) {
    throw unreadable(name, error);
  }
}

/**
 * Holds the rows in `arrived` to the lines of the file, one each. A quote that is out of place can swallow whole rows
 * into one field, and an empty line would put every row number after it out of step with the spreadsheet's.
 */
export async function holdToLines(db: DuckDBConnection, file: string, name: string, columns: string[]): Promise<void> {
  const [read] = await rows(db, "select count(*)::integer as rows from arrived");
  const { lines, firstEmpty } = await countLines(file);
  if (lines === Number(read?.rows) + 1 && firstEmpty === null) return;
  const broken = columns.map((_, i) => `regexp_matches(column_${i}, '[\\n\\r]')`).join(" or ");
  const [swallowed] = await rows(db, `select min(row_number)::integer as row from arrived where ${broken}`);
  if (swallowed?.row) {
    throw new RollbookError(
      `${name}, row ${swallowed.row}: expected no line break within a field; a double quote may be out of place there: correct it and export the file again`,
    );
  }
  throw new RollbookError(
    `${name}, row ${firstEmpty ?? lines}: expected no empty line between the rows; take it out and save the file again`,
  );
}

/** How a column's name is compared: letters and digits only, in lower case. */
export function plainName(column: string): string {
  return column.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** The plain names that each field of a format goes by in exports. */
export type FieldNames<Field extends string> = Record<Field, readonly string[]>;

/**
 * Finds which column of a file holds each field of a format.
 *
 * @returns the position of each field that is there; of two columns that could hold a field, the first
 */
export function findFields<Field extends string>(
  columns: string[],
  names: FieldNames<Field>,
): Partial<Record<Field, number>> {
  const plain = columns.map(plainName);
  const found: Partial<Record<Field, number>> = {};
  for (const field of Object.keys(names) as Field[]) {
    const at = plain.findIndex((column) => names[field].includes(column));
    if (at >= 0) found[field] = at;
  }
  return found;
}

/** Columns of which more than one could hold the same field, so that a choice between them would be a guess. */
export function rivals(columns: string[], names: FieldNames<string>): string[][] {
  return Object.values(names)
    .map((known) => columns.filter((column) => known.includes(plainName(column))))
    .filter((claimants) => claimants.length > 1);
}

// --- internal ---

/** The lines of a text file up to the last that is not empty, and where the first empty one stands before that. */
async function countLines(file: string): Promise<{ lines: number; firstEmpty: number | null }> {
  let lines = 0;
  let firstEmpty: number | null = null;
  let empty = 0;
  let length = 0;
  let last = 0;
  const end = () => {
    if (length === 0) empty++;
    else {
      if (empty > 0) firstEmpty ??= lines + 1;
      lines += empty + 1;
      empty = 0;
    }
    length = 0;
  };
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    for (const byte of chunk) {
      if (byte === LF && last === CR) {
        // the second half of one line ending
      } else if (byte === LF || byte === CR) end();
      else length++;
      last = byte;
    }
  }
  if (length > 0) end();
  return { lines, firstEmpty };
}

/** DuckDB's own message quotes the row, and the row is a pupil's: only the line and the counts are taken from it. */
function unreadable(name: string, error: unknown): RollbookError {
  const message = error instanceof Error ? error.message : "";
  const row = message.match(/CSV Error on Line: (\d+)/)?.[1];
  const where = row ? `${name}, row ${row}` : name;
  const counts = message.match(/Expected Number of Columns: (\d+) Found: (\d+)/);
  if (counts) {
    return new RollbookError(
      `${where}: expected ${counts[1]} columns as in the header, found ${counts[2]}; the file may be cut short or saved by hand: export it again`,
    );
  }
  if (/unterminated quote/i.test(message)) {
    return new RollbookError(
      `${where}: expected every quoted field to end with a double quote; the file may be cut short: export it again`,
    );
  }
  if (/utf-8|unicode/i.test(message)) {
    return new RollbookError(`${where}: expected UTF-8 text; save the file as "CSV UTF-8" or export it again`);
  }
  return new RollbookError(
    `${where}: expected comma-separated rows with one kind of line ending (RFC 4180); export the file again`,
  );
}
