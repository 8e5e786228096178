import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { parse } from "csv-parse/sync";
import { quote } from "../ingest/duckdb.ts";

/** Where the numbers and codes that people argue about live, each with its source. */
export const RULES_FOLDER = path.join(import.meta.dirname, "rules");

/** The rules there are: one CSV file is one table. */
export function ruleNames(): string[] {
  return fs
    .readdirSync(RULES_FOLDER)
    .filter((name) => name.endsWith(".csv"))
    .map((name) => path.basename(name, ".csv"))
    .sort();
}

/**
 * Makes the table of each rule in a schema. A column's name says its type: `is_` true or false, `_from`, `_to` and `_on`
 * a day (`_from_percent` and `minimum_` a whole number), `percent_` a number; everything else is text.
 */
export async function readRules(db: DuckDBConnection, schema: string, names = ruleNames()): Promise<void> {
  for (const name of names) {
    const file = path.join(RULES_FOLDER, `${name}.csv`);
    const [header = []] = parse(fs.readFileSync(file), { to: 1 }) as string[][];
    const types = header.map((column) => `${quote(column)}: ${quote(typeOf(column))}`).join(", ");
    await db.run(`
      create ${schema === "temp" ? "temp " : ""}table ${schema === "temp" ? "" : `${schema}.`}${name} as
      from read_csv(${quote(file)}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
        strict_mode = true, dateformat = '%Y-%m-%d', columns = {${types}})`);
  }
}

// --- internal ---

function typeOf(column: string): string {
  if (column.startsWith("is_")) return "BOOLEAN";
  if (column.endsWith("_from_percent") || column.startsWith("minimum_")) return "INTEGER";
  if (column.startsWith("percent_")) return "DOUBLE";
  if (/_(from|to|on)$/.test(column)) return "DATE";
  return "VARCHAR";
}
