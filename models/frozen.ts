import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import * as z from "zod";
import { quote, rows } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import type { Project } from "../ingest/project.ts";
import { flush } from "../ingest/strike.ts";

const Point = z.strictObject({
  name: z.string().min(1),
  frozen_at: z.iso.datetime(),
  /** The last day that its figures count. */
  as_at: z.iso.date(),
  /** The warehouse that its figures were in, by its file. */
  build: z.string(),
  /** The number of the last load that was in that warehouse. */
  last_load: z.int().positive(),
  /** How many figures the file holds. */
  figures: z.int().nonnegative(),
});

/** A reporting point whose figures were frozen as a board saw them. */
export type FrozenPoint = z.infer<typeof Point>;

/** The columns of a frozen figure: those of `marts.figures`, group totals without exception. */
const FIGURE_COLUMNS = {
  mart: "VARCHAR",
  school_urn: "INTEGER",
  school_year: "VARCHAR",
  period_type: "VARCHAR",
  period: "VARCHAR",
  basis: "VARCHAR",
  breakdown: "VARCHAR",
  group_name: "VARCHAR",
  measure: "VARCHAR",
  numerator: "BIGINT",
  denominator: "BIGINT",
  value: "DOUBLE",
  ends_on: "DATE",
  is_complete: "BOOLEAN",
} as const;
const FIGURES = Object.keys(FIGURE_COLUMNS).join(", ");

/** `raw.frozen_points` and `raw.frozen_figures`: what was frozen, empty where nothing was. */
export const frozenTables = `
create table raw.frozen_points (point varchar, frozen_at timestamp, as_at date, build varchar, last_load integer);
create table raw.frozen_figures (point varchar, ${Object.entries(FIGURE_COLUMNS)
  .map(([column, type]) => `${column} ${type}`)
  .join(", ")})`;

/** Where a project's frozen points are: one Parquet file each, named by the point, with what it is in its metadata. */
export function frozenFolder({ data }: Pick<Project, "data">): string {
  return path.join(data, "frozen");
}

/** The file of a point, by its name. Names that differ in nothing but case, accents and punctuation share one. */
export function frozenFile(folder: string, name: string): string {
  const slug = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  if (slug === "" || name.length > MOST_CHARACTERS || /\p{C}/u.test(name)) {
    throw new RollbookError(
      `Expected a name for the reporting point, of letters and digits and at most ${MOST_CHARACTERS} characters, like "Autumn 1 2026"`,
    );
  }
  return path.join(folder, `${slug}.parquet`);
}

/** What was frozen, oldest first. */
export async function readFrozenPoints(db: DuckDBConnection, folder: string): Promise<FrozenPoint[]> {
  const points: FrozenPoint[] = [];
  for (const file of frozenFiles(folder)) points.push(await readFrozenPoint(db, file));
  return points.sort((a, b) => a.frozen_at.localeCompare(b.frozen_at));
}

/**
 * What one file holds, held to what it says of itself.
 *
 * @throws RollbookError when the file is damaged or is no frozen point
 */
export async function readFrozenPoint(db: DuckDBConnection, file: string): Promise<FrozenPoint> {
  try {
    const [told] = await rows(
      db,
      `select decode(value) as point from parquet_kv_metadata(${quote(file)}) where decode(key) = '${METADATA_KEY}'`,
    );
    const point = Point.parse(JSON.parse(String(told?.point)));
    const columns = await rows(db, `describe from read_parquet(${quote(file)})`);
    const found = columns.map(({ column_name, column_type }) => `${column_name} ${column_type}`);
    const expected = Object.entries(FIGURE_COLUMNS).map(([column, type]) => `${column} ${type}`);
    const [count] = await rows(db, `select count(*)::integer as figures from read_parquet(${quote(file)})`);
    if (found.join() !== expected.join() || count?.figures !== point.figures) throw new Error("not as it was written");
    return point;
  } catch {
    throw new RollbookError(
      `${file} cannot be read: bring it back from a backup. It holds the figures as a board saw them, which cannot be made again`,
    );
  }
}

/** SQL of the figures that a file holds. */
export function frozenFigures(file: string): string {
  return `(select ${FIGURES} from read_parquet(${quote(file)}))`;
}

/** SQL of the figures of the warehouse that is open. */
export const currentFigures = `(select ${FIGURES} from marts.figures)`;

/**
 * Writes the figures of the open warehouse as a point's file, in a single step: it is there whole or not at all.
 *
 * @returns the point, with the number of its figures
 */
export async function writeFrozen(
  db: DuckDBConnection,
  file: string,
  told: Omit<FrozenPoint, "figures">,
): Promise<FrozenPoint> {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.draft`;
  fs.rmSync(draft, { force: true });
  const [count] = await rows(db, `select count(*)::integer as figures from ${currentFigures}`);
  const point = Point.parse({ ...told, figures: count?.figures });
  try {
    await db.run(
      `copy (from ${currentFigures} order by all) to ${quote(draft)}
        (format parquet, compression zstd, kv_metadata {${METADATA_KEY}: ${quote(JSON.stringify(point))}})`,
    );
    fs.chmodSync(draft, 0o600);
    flush(draft);
    await readFrozenPoint(db, draft);
    fs.renameSync(draft, file);
  } finally {
    fs.rmSync(draft, { force: true });
  }
  return point;
}

/** Reads every point that was frozen of loads up to one into `raw.frozen_points` and `raw.frozen_figures`. */
export async function readFrozen(db: DuckDBConnection, folder: string, lastLoad: number): Promise<void> {
  for (const file of frozenFiles(folder)) {
    const point = await readFrozenPoint(db, file);
    if (point.last_load > lastLoad) continue;
    const { name, frozen_at, as_at, build, last_load } = point;
    await db.run(`
      insert into raw.frozen_points
      values (${quote(name)}, ${quote(frozen_at.replace("Z", ""))}, ${quote(as_at)}, ${quote(build)}, ${last_load});
      insert into raw.frozen_figures select ${quote(name)}, * from ${frozenFigures(file)}`);
  }
}

// --- internal ---

const METADATA_KEY = "rollbook_frozen";
const MOST_CHARACTERS = 80;

function frozenFiles(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  const files = fs.readdirSync(folder).filter((name) => name.endsWith(".parquet"));
  return files.sort().map((name) => path.join(folder, name));
}
