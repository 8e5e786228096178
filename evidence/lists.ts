import { writeFile } from "node:fs/promises";
import { stringify } from "csv-stringify/sync";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";

/** What each code of the register means, by code. */
export type CodeMeanings = ReadonlyMap<string, string>;

/**
 * What each code of the register means now, or meant last.
 *
 * @param warehouse the DuckDB file; it is only read
 */
export async function codeMeanings(warehouse: string): Promise<CodeMeanings> {
  const found = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
    rows(db, "select code, arg_max(meaning, valid_from) as meaning from rules.register_codes group by code"),
  );
  return new Map(found.map(({ code, meaning }) => [String(code), String(meaning)]));
}

/**
 * Writes a table of an extract as a CSV file that a spreadsheet opens without running anything in it.
 *
 * UTF-8 with a byte order mark, lines end in CR LF, texts stand in quotes. A text that a spreadsheet would take for a
 * formula (it begins with = + - @, a tab or an end of line, spaces before it or not) begins with an apostrophe instead;
 * numbers are numbers, negative ones too, unrounded. Days are yyyy-mm-dd, true and false are yes and no, what is not known
 * is empty. A code of the register (a column `code`, or one that ends so) stands behind its meaning, in brackets: "-" alone
 * would look like a formula, and "/" says nothing to who gets a letter.
 *
 * @param extract the DuckDB file; it is only read
 * @param table schema and name: `champion.tracker`
 * @param file where to write it; only its owner can read it
 * @returns how many rows were written, in the order of the table's columns
 */
export async function writeList(extract: string, table: string, file: string, codes: CodeMeanings): Promise<number> {
  const { columns, found } = await withDuckDB({ path: extract, readOnly: true }, async (db) => {
    const described = await rows(
      db,
      `select column_name, data_type
      from information_schema.columns
      where table_schema || '.' || table_name = ${quote(table)}
      order by ordinal_position`,
    );
    const columns = described.map(({ column_name, data_type }) => ({
      name: String(column_name),
      isNumber: NUMBER.test(String(data_type)),
    }));
    return { columns, found: await rows(db, `from ${table} order by all`) };
  });
  const lines = found.map((row) =>
    columns.map(({ name, isNumber }) => {
      const value = row[name];
      if (value === null || value === undefined) return null;
      if (isNumber) return number(String(value));
      if (typeof value === "boolean") return value ? "yes" : "no";
      const text = Array.isArray(value) ? value.join("; ") : String(value);
      return /(^|_)code$/.test(name) && codes.has(text) ? `${codes.get(text)} (${text})` : text;
    }),
  );
  const csv = stringify(lines, {
    header: true,
    columns: columns.map(({ name }) => name),
    bom: true,
    record_delimiter: "windows",
    quoted_string: true,
    escape_formulas: true,
    cast: { string: (text) => (HIDDEN_FORMULA.test(text) ? `'${text}` : text) },
  });
  await writeFile(file, csv, { mode: 0o600 });
  return lines.length;
}

// --- internal ---

const NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL)/;
/** A formula behind what shows nothing, which the CSV writer does not look for: it sees to the others. */
const HIDDEN_FORMULA = /^[\s\p{Cf}]+[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^\n/u;

/** A number as itself; one too large for a number as a whole number without loss. */
function number(text: string): number | bigint {
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(Number(text)) ? BigInt(text) : Number(text);
}
