import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { readModels } from "../models/model.ts";

/** How far two rates may lie apart, as a share of them, which are worked out in another order. */
const NEARLY = 1e-12;

/** What two warehouses hold of one table of the models. */
export interface Compared {
  table: string;
  columns: string[];
  rows: [number, number];
  /** Rows of the same grain in both. */
  matched: number;
  /** Columns that are not the same in every row, and in how many. */
  different: Record<string, number>;
}

/** Compares every column of every table of two warehouses: numbers with a fraction to 1e-12, everything else exactly. */
export async function compareWarehouses(one: string, other: string): Promise<Compared[]> {
  return withDuckDB({}, async (db) => {
    await db.run(`attach ${quote(one)} as one (read_only); attach ${quote(other)} as other (read_only)`);
    const compared: Compared[] = [];
    for (const { name, grain } of readModels().filter(({ view }) => view === null)) {
      const columns = await rows(
        db,
        `select column_name as name, data_type as type
        from duckdb_columns()
        where database_name = 'one' and schema_name || '.' || table_name = ${quote(name)}
        order by column_index`,
      );
      const different = columns.map(({ name: column, type }) => {
        const [a, b] = [`a."${column}"`, `b."${column}"`];
        const near = type === "DOUBLE" ? ` or abs(${a} - ${b}) <= ${NEARLY} * greatest(1, abs(${a}))` : "";
        return `count(*) filter ((${a} is not distinct from ${b}${near}) is not true)::integer as "${column}"`;
      });
      const [counts] = await rows(
        db,
        `select (select count(*)::integer from one.${name}) as a, (select count(*)::integer from other.${name}) as b`,
      );
      const [{ "same grain": matched, ...found } = {}] = await rows(
        db,
        `select count(*)::integer as "same grain", ${different.join(", ")}
        from one.${name} as a
        join other.${name} as b on ${grain.map((column) => `a."${column}" is not distinct from b."${column}"`).join(" and ")}`,
      );
      compared.push({
        table: name,
        columns: columns.map((column) => String(column.name)),
        rows: [Number(counts?.a), Number(counts?.b)],
        matched: Number(matched),
        different: Object.fromEntries(
          Object.entries(found).flatMap(([column, count]) => (Number(count) > 0 ? [[column, Number(count)]] : [])),
        ),
      });
    }
    return compared;
  });
}

/** The tables that two warehouses do not have in common to the last row and column. */
export function unequal(compared: readonly Compared[]): Compared[] {
  return compared.filter(
    ({ rows: [one, other], matched, different }) =>
      one !== other || one !== matched || Object.keys(different).length > 0,
  );
}
