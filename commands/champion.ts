import fs from "node:fs";
import path from "node:path";
import { type ChampionOptions, readEverybody } from "../evidence/champion.ts";
import { makeExtract } from "../evidence/extract.ts";
import { codeMeanings, writeList } from "../evidence/lists.ts";
import { wordIndex } from "../evidence/scanner.ts";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { dataFolders } from "../ingest/lake.ts";
import type { Project } from "../ingest/project.ts";
import { type ExportFormat, exportTable, refuseNoPlace } from "./export.ts";

/**
 * The school that a champion's command is about.
 *
 * @throws {RollbookError} with the schools of the trust if it names none of them
 */
export function schoolAsked(project: Project, urn: number | undefined): number {
  if (urn !== undefined && project.schools.some((school) => school.urn === urn)) return urn;
  const schools = project.schools.map((school) => `${school.urn} (${school.name})`).join(", ");
  throw new RollbookError(
    urn === undefined
      ? `A champion sees one school: say which with --school and its URN. The trust has ${schools}`
      : `The trust has no school with the URN ${urn}. It has ${schools}`,
  );
}

/**
 * Writes one school's rows of a champion's table to a file, pupils by name; as CSV, safe for a spreadsheet to open.
 *
 * @param table schema and name: `champion.tracker`
 * @returns how many rows were written
 */
export async function exportChampionTable(
  { project, warehouse, urn }: { project: Project; warehouse: string; urn: number },
  table: string,
  format: ExportFormat,
  out: string,
): Promise<number> {
  refuseNoPlace(out);
  const work = path.join(dataFolders(project).work, "export");
  fs.rmSync(work, { recursive: true, force: true });
  fs.mkdirSync(work, { recursive: true, mode: 0o700 });
  try {
    const file = path.join(work, "extract.duckdb");
    const { tables } = await makeExtract({ project, warehouse, urn, file });
    if (!tables.some((name) => `champion.${name}` === table)) {
      const named = tables.map((name) => `champion.${name}`).join(", ");
      throw new RollbookError(`There is no table of that name for a champion. There are: ${named}`);
    }
    return format === "csv"
      ? await writeList(file, table, out, await codeMeanings(warehouse))
      : await exportTable(file, table, format, out);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** What no champion's site of a project may hold: the keys of all pupils, and whoever is at other schools. */
export async function soughtIn(
  project: Project,
  warehouse: string,
): Promise<Pick<ChampionOptions, "forbidden" | "everybody">> {
  return { forbidden: wordIndex(await pupilKeysOf(warehouse)), everybody: await readEverybody(project, warehouse) };
}

/** The keys of all pupils of a warehouse, present and former: what no site may hold. */
export async function pupilKeysOf(warehouse: string): Promise<string[]> {
  const keys = await withDuckDB({ path: warehouse, readOnly: true }, (db) =>
    rows(
      db,
      `select distinct pupil_key from raw.marks
      union select distinct pupil_key from raw.pupils
      union select pupil_key from raw.identities
      union select id_key from raw.identities`,
    ),
  );
  return keys.map((row) => String(row.pupil_key));
}
