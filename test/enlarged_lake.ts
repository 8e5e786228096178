import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { parse, stringify } from "yaml";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { dataFolders } from "../ingest/lake.ts";
import { commitRun, type Load, readLedger } from "../ingest/ledger.ts";
import { type Project, readProject } from "../ingest/project.ts";

/** Columns that say whose a row is: every copy has pupils of its own. */
const KEYS = ["pupil_key", "id_key"];
/** As long as keys are: that two of 200,000 pupils share one happens once in ten thousand lakes. */
const KEY_LENGTH = 12;

/**
 * Makes a project with so many times the schools of an ingested one. Every copy has the same registers under URNs and pupils' keys
 * of its own, file by file as its lake has them; there are no landed files.
 *
 * @param dir a folder that is not there yet
 */
export async function enlargedProject(dir: string, original: string, times: number): Promise<Project> {
  const from = readProject(original);
  const urns = from.schools.map(({ urn }) => urn);
  const span = Math.max(...urns) - Math.min(...urns) + 1;
  const urnIn = (copy: number, urn: number) => urn + copy * span;
  const copies = Array.from({ length: times }, (_, copy) => copy);

  const file = parse(fs.readFileSync(path.join(original, "rollbook.yaml"), "utf8"));
  file.schools = copies.flatMap((copy) =>
    file.schools.map(({ urn, name, laestab: _, known_as: __, ...school }: Record<string, unknown>) => ({
      ...school,
      urn: urnIn(copy, Number(urn)),
      name: `${name} ${copy + 1}`,
    })),
  );
  for (const calendar of file.calendars ?? []) {
    if (calendar.schools)
      calendar.schools = copies.flatMap((copy) => calendar.schools.map((urn: number) => urnIn(copy, urn)));
  }
  fs.mkdirSync(path.join(dir, "data"), { recursive: true });
  fs.writeFileSync(path.join(dir, "rollbook.yaml"), stringify(file));
  fs.cpSync(path.join(original, "policies"), path.join(dir, "policies"), { recursive: true });

  const project = readProject(dir);
  const loads = readLedger(dataFolders(from).ledger);
  const last = Math.max(...loads.map(({ load_number }) => load_number));
  const made: Load[] = [];
  await withDuckDB({}, async (db) => {
    for (const copy of copies) {
      for (const load of loads) {
        const load_number = load.load_number + copy * last;
        const parts: Load["parts"] = [];
        for (const part of load.parts) {
          const name = part.file
            .replace(/school_urn=(\d+)/, (_, urn) => `school_urn=${urnIn(copy, Number(urn))}`)
            .replace(/load-\d+/, `load-${String(load_number).padStart(8, "0")}`);
          const target = path.join(dataFolders(project).lake, name);
          await copyPart(db, path.join(dataFolders(from).lake, part.file), target, copy, load_number);
          parts.push({ ...part, file: name });
        }
        made.push({ ...load, load_number, schools: load.schools.map((urn) => urnIn(copy, urn)), parts });
      }
    }
  });
  commitRun(dataFolders(project).ledger, made);
  return project;
}

// --- internal ---

async function copyPart(
  db: DuckDBConnection,
  from: string,
  to: string,
  copy: number,
  loadNumber: number,
): Promise<void> {
  const stored = `read_parquet(${quote(from)}, hive_partitioning = false)`;
  const columns = (await rows(db, `describe from ${stored}`)).map(({ column_name }) => String(column_name));
  const told = KEYS.filter((column) => columns.includes(column)).map(
    (column) => `left(sha256(${column} || ' ${copy}'), ${KEY_LENGTH}) as ${column}`,
  );
  fs.mkdirSync(path.dirname(to), { recursive: true });
  await db.run(
    `copy (select * replace (${[...told, `${loadNumber}::integer as load_number`].join(", ")}) from ${stored})
    to ${quote(to)} (format parquet, parquet_version v2, compression zstd)`,
  );
}
