import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  Bool,
  type DataType,
  DateDay,
  Field,
  Float64,
  Int32,
  Int64,
  type RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Table,
  TimestampMillisecond,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { bookkeeping } from "../ingest/bookkeeping.ts";
import { quote, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";

export const EXPORT_FORMATS = ["csv", "parquet", "arrow"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/**
 * Writes one table of a warehouse to a file, rows in the order of their columns.
 *
 * @param table schema and name: `marts.pupil_attendance`
 * @returns how many rows were written
 */
export async function exportTable(
  warehouse: string,
  table: string,
  format: ExportFormat,
  out: string,
): Promise<number> {
  return withDuckDB({ path: warehouse, readOnly: true }, async (db, instance) => {
    const books = bookkeeping(instance);
    const columns = await books
      .selectFrom("information_schema.columns")
      .select(["table_schema", "table_name", "column_name", "data_type"])
      .orderBy("ordinal_position")
      .execute();
    await books.destroy();
    const named = columns.map((column) => ({ ...column, table: `${column.table_schema}.${column.table_name}` }));
    const wanted = named.filter((column) => column.table === table);
    if (wanted.length === 0) {
      const marts = [...new Set(named.map((column) => column.table))]
        .filter((name) => name.startsWith("marts."))
        .sort();
      throw new RollbookError(`The warehouse has no table of that name. It has: ${marts.join(", ")}`);
    }
    const query = `from ${table} order by all`;
    refuseNoPlace(out);
    if (format === "arrow") return writeArrow(db, query, wanted, out);
    await db.run(`copy (${query}) to ${quote(out)} (${format === "csv" ? "format csv, header" : "format parquet"})`);
    const reader = await db.runAndReadAll(`select count(*)::integer as rows from ${table}`);
    return Number(reader.getRowsJson()[0]?.[0]);
  });
}

/** Throws unless a file can be made there. */
export function refuseNoPlace(out: string): void {
  if (!fs.existsSync(path.dirname(out)) || fs.statSync(out, { throwIfNoEntry: false })?.isDirectory()) {
    throw new RollbookError(`Cannot write to ${out}: name a file in a folder that is there`);
  }
}

// --- internal ---

interface Column {
  column_name: string;
  data_type: string;
}

/** Writes an Arrow IPC file, one record batch for each chunk that DuckDB hands over, so that no table is held whole. */
async function writeArrow(db: DuckDBConnection, query: string, columns: Column[], out: string): Promise<number> {
  const fields = columns.map(({ column_name, data_type }) => new Field(column_name, arrowType(data_type), true));
  const schema = new Schema(fields);
  const writer = new RecordBatchFileWriter();
  writer.reset(undefined, schema);
  let written = 0;
  const result = await db.stream(query);
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    const values = chunk.getColumns();
    const batch = recordBatch(fields, values);
    writer.write(batch);
    written += chunk.rowCount;
  }
  writer.finish();
  await fs.promises.writeFile(out, await writer.toUint8Array());
  return written;
}

function recordBatch(fields: Field[], values: readonly (readonly unknown[])[]): RecordBatch {
  const vectors = fields.map((field, i) => [
    field.name,
    vectorFromArray((values[i] ?? []).map(arrowValue), field.type),
  ]);
  const [batch] = new Table(new Schema(fields), Object.fromEntries(vectors)).batches;
  if (!batch) throw new Error("a chunk of rows made no record batch");
  return batch;
}

function arrowType(duckdbType: string): DataType {
  const types: Record<string, DataType> = {
    BOOLEAN: new Bool(),
    INTEGER: new Int32(),
    BIGINT: new Int64(),
    DOUBLE: new Float64(),
    VARCHAR: new Utf8(),
    DATE: new DateDay(),
    TIMESTAMP: new TimestampMillisecond(),
  };
  const type = types[duckdbType];
  if (!type)
    throw new RollbookError(
      `Columns of type ${duckdbType} cannot be written as Arrow: export the table as csv or parquet`,
    );
  return type;
}

/** DuckDB's own wrappers of days and instants, as the numbers that Arrow's vectors take. */
function arrowValue(value: unknown): unknown {
  if (value !== null && typeof value === "object") {
    if ("days" in value) return new Date(Number(value.days) * 86_400_000);
    if ("micros" in value) return new Date(Number(value.micros) / 1000);
  }
  return value;
}
