import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { quote } from "../ingest/duckdb.ts";
import { type Model, readModels } from "../models/model.ts";

/** Puts rows into raw tables, by the names of their columns. Tables that stay empty may have any or none. */
export async function insertRaw(db: DuckDBConnection, tables: Record<string, object[]>): Promise<void> {
  await insertRows(db, Object.fromEntries(Object.entries(tables).map(([table, given]) => [`raw.${table}`, given])));
}

/** The same for tables of any schema, by their full names. */
export async function insertRows(db: DuckDBConnection, tables: Record<string, object[]>): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-raw-"));
  try {
    for (const [table, given] of Object.entries(tables)) {
      if (given.length === 0) continue;
      const file = path.join(folder, `${table}.json`);
      fs.writeFileSync(file, given.map((row) => JSON.stringify(row)).join("\n"));
      const columns = Object.keys(given[0] ?? {}).map((column) => `${quote(column)}: 'varchar'`);
      await db.run(
        `insert into ${table} by name
        from read_json(${quote(file)}, format = 'newline_delimited', columns = {${columns.join(", ")}})`,
      );
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** The models that these are made from, and these, first things first. */
export function modelsFor(names: string[]): Model[] {
  const all = readModels();
  const wanted = new Set(names);
  for (const { name, inputs } of [...all].reverse()) {
    if (wanted.has(name)) for (const input of inputs) wanted.add(input);
  }
  return all.filter(({ name }) => wanted.has(name));
}
