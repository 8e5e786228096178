import fs from "node:fs";
import { parse } from "csv-parse/sync";
import { quote } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { Sheet } from "./format.ts";
import type { LoadLimits } from "./load_limits.ts";

/** As much of a file as its header, and what stands above it, may take. */
const HEAD_BYTES = 65_536;
/** How many rows a report may print above its header: its title, its date, who ran it. */
const ROWS_ABOVE_HEADER = 20;

/** The first rows of a CSV file, or none when it is no text that can be read. The file is UTF-8. */
export function firstRows(file: string): string[][] {
  const head = Buffer.alloc(HEAD_BYTES);
  const handle = fs.openSync(file, "r");
  const length = fs.readSync(handle, head, 0, HEAD_BYTES, 0);
  fs.closeSync(handle);
  const rows: string[][] = [];
  try {
    parse(head.subarray(0, length), {
      bom: true,
      to: ROWS_ABOVE_HEADER,
      relax_column_count: true,
      trim: true,
      on_record: (row: string[]) => {
        rows.push(row);
        return row;
      },
    });
  } catch {
    // the rows before the one that cannot be parsed may hold the header; what is wrong with the others is found on reading
  }
  return rows;
}

/**
 * The table that a CSV file holds below its header. Nothing is guessed: comma, double quote, no escape but a doubled
 * quote, every row of full length.
 *
 * @param above how many rows stand above the header
 * @param hasQuotes whether a double quote stands anywhere in the file; one that has none is read faster
 */
export function csvSheet(
  file: string,
  columns: string[],
  above: number,
  hasQuotes: boolean,
  limits: LoadLimits,
): Sheet {
  const texts = columns.map((_, i) => `'column_${i}': 'VARCHAR'`).join(", ");
  const mark = quote(hasQuotes ? '"' : "");
  return {
    record: "row",
    first: above + 2,
    columns,
    relation: `read_csv(${quote(file)}, auto_detect = false, header = true, skip = ${above}, delim = ',', quote = ${mark}, escape = ${mark},
      strict_mode = true, null_padding = false, ignore_errors = false, max_line_size = ${limits.field_bytes},
      columns = {${texts}})`,
  };
}

/** How a column's name is compared: letters and digits only, in lower case. */
export function plainName(column: string): string {
  return column.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** DuckDB's own message quotes the row, and the row is a pupil's: only the line and the counts are taken from it. */
export function unreadable(name: string, error: unknown): RollbookError {
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
  if (/maximum line size|max_line_size/i.test(message)) {
    return new RollbookError(
      `${where}: expected no field longer than 64 KiB; a double quote may be out of place: export it again`,
    );
  }
  return new RollbookError(
    `${where}: expected comma-separated rows as in RFC 4180, every quote doubled within a field; export the file again`,
  );
}
