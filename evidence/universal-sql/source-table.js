import { mkdir, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { Bool, Float64, Table, TimestampMillisecond, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";

const ARROW_TYPES = {
  number: () => new Float64(),
  string: () => new Utf8(),
  date: () => new TimestampMillisecond(),
  boolean: () => new Bool(),
};

/**
 * Writes the result of one source query as an Arrow IPC stream and returns the number of its rows.
 *
 * Evidence chooses the file name, which ends in `.parquet`; the content is Arrow, because reading Parquet in the
 * browser needs an extension that DuckDB-Wasm fetches from its makers' server.
 * A table with no rows and a column with nothing but nulls keep their types.
 *
 * @param {{ name: string, evidenceType: "number" | "string" | "date" | "boolean" }[]} columns
 * @param {any} data rows, batches of rows, or a (possibly asynchronous) generator of batches
 * @param {string} _scratch unused: there is nothing to merge
 * @param {string} folder
 * @param {string} file
 * @param {number} [batchSize] rows to hold as JavaScript objects at once
 * @returns {Promise<number>}
 */
export async function buildMultipartParquet(columns, data, _scratch, folder, file, batchSize = 1_000_000) {
  const chunks = columns.map(() => []);
  let held = [];
  let count = 0;
  const flush = () => {
    for (const [at, column] of columns.entries()) chunks[at].push(vector(column, held));
    count += held.length;
    held = [];
  };
  for await (const batch of await batches(data)) {
    for (const row of batch) {
      held.push(row);
      if (held.length >= batchSize) flush();
    }
  }
  if (held.length || !count) flush();
  const table = new Table(
    Object.fromEntries(columns.map(({ name }, at) => [name, chunks[at][0].concat(...chunks[at].slice(1))])),
  );

  await mkdir(folder, { recursive: true });
  const target = path.join(folder, file);
  await writeFile(`${target}.new`, tableToIPC(table, "stream"));
  await rename(`${target}.new`, target);
  return count;
}

async function batches(data) {
  const given = await (typeof data === "function" ? data() : data);
  return Array.isArray(given) && !Array.isArray(given[0]) ? [given] : given;
}

function vector(column, rows) {
  const values = rows.map((row) => cell(row[column.name], column));
  return vectorFromArray(values, arrowType(column));
}

function arrowType({ name, evidenceType }) {
  const type = ARROW_TYPES[evidenceType];
  if (!type) throw new Error(`Column "${name}" has a type that no page can show: ${evidenceType}`);
  return type();
}

function cell(value, { name, evidenceType }) {
  if (value === null || value === undefined) return null;
  if (evidenceType === "number") {
    const number = Number(value);
    if (typeof value === "bigint" && !Number.isSafeInteger(number)) {
      throw new Error(`Column "${name}" holds a whole number too large to show exactly: cast it to varchar`);
    }
    return number;
  }
  if (evidenceType === "string" && typeof value !== "string") {
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  return value;
}
