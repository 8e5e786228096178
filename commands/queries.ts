import { bookkeeping } from "../ingest/bookkeeping.ts";
import { withDuckDB } from "../ingest/duckdb.ts";

/** What somebody should look at in a school's register or files: `marts.register_queries`, with the school's name. */
export interface Query {
  school_urn: number;
  school_name: string | null;
  rule: string;
  severity: string;
  meaning: string;
  why_it_matters: string;
  mend: string;
  file: string | null;
  rows: number;
  first_rows: string | null;
}

/** Every query of a warehouse, the schools in turn. */
export async function registerQueries(warehouse: string): Promise<Query[]> {
  return withDuckDB({ path: warehouse, readOnly: true }, async (_, instance) => {
    const books = bookkeeping(instance);
    const found = await books
      .selectFrom("marts.register_queries as queries")
      .leftJoin("raw.schools as schools", "schools.school_urn", "queries.school_urn")
      .select([
        "queries.school_urn",
        "school_name",
        "rule",
        "severity",
        "meaning",
        "why_it_matters",
        "mend",
        "file",
        "rows",
        "first_rows",
      ])
      .orderBy("queries.school_urn")
      .orderBy("severity")
      .orderBy("rule")
      .orderBy("load_number")
      .execute();
    await books.destroy();
    return found.map((query) => ({ ...query, rows: Number(query.rows) }));
  });
}

/** One line for a query: where, how many, what it is and how to mend it. */
export function querySentence(query: Query): string {
  const { file, school_name, severity, rows, first_rows, meaning, mend } = query;
  const label = { "set aside": "Set aside", "not counted": "Not counted" }[severity] ?? "To check";
  const what =
    file && first_rows
      ? `${file}, ${rows === 1 ? "row" : "rows"} ${first_rows}: ${meaning}`
      : `${rows.toLocaleString("en-GB")} ${meaning}`;
  return `${label}: ${school_name ?? "no school of the trust"}: ${what}; ${mend}`;
}
