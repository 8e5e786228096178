import { sql } from "kysely";
import { bookkeeping } from "../ingest/bookkeeping.ts";
import { withDuckDB } from "../ingest/duckdb.ts";

/** Rows of one file that are named; more are counted. */
const ROWS_NAMED = 10;

/** What was set aside in a warehouse, a line for each file and rule: which rows, what is wrong, and how to mend it. */
export async function quarantinedRows(warehouse: string): Promise<string[]> {
  return withDuckDB({ path: warehouse, readOnly: true }, async (_, instance) => {
    const books = bookkeeping(instance);
    const found = await books
      .selectFrom("raw.quarantine")
      .innerJoin("raw.loads", "raw.loads.load_number", "raw.quarantine.load_number")
      .innerJoin("rules.quarantine_rules", "rules.quarantine_rules.rule", "raw.quarantine.rule")
      .select(["file", "meaning", "mend", sql<number[]>`array_agg(row_number order by row_number)`.as("row_numbers")])
      .groupBy(["file", "meaning", "mend"])
      .orderBy("file")
      .orderBy("meaning")
      .execute();
    await books.destroy();
    return found.map(({ file, meaning, mend, row_numbers: rows }) => {
      const named = rows.slice(0, ROWS_NAMED).join(", ");
      const more = rows.length > ROWS_NAMED ? ` and ${rows.length - ROWS_NAMED} more` : "";
      return `Quarantined: ${file}, ${rows.length === 1 ? "row" : "rows"} ${named}${more}: ${meaning}; ${mend}`;
    });
  });
}
