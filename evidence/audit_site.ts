import { readFile } from "node:fs/promises";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { tableFromIPC } from "apache-arrow";
import { parse } from "csv-parse/sync";
import * as z from "zod";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { type Audit, auditDisclosure } from "./audit.ts";
import type { Truth } from "./combinations.ts";
import { readPassed, writePassed } from "./passed.ts";
import { type ListedColumn, REPORTING_POINTS, type ShippedTable } from "./shipped.ts";

/** What a table may tell, column by column. */
const LISTED = path.join(import.meta.dirname, "..", "models", "board", "columns.csv");

/**
 * Audits a site against the warehouse that it was made from; see {@link auditDisclosure}.
 *
 * @param site the folder with its tables in `data`, built or still to be: pages are not looked at
 * @param warehouse the DuckDB file; it is only read
 * @param memory a file that says at which moments nothing was found the last time: where all is as it was then, groups are
 *   not sought again. Without it all are
 */
export async function auditSite(site: string, warehouse: string, clock: () => number, memory?: string): Promise<Audit> {
  const [shipped, listed, { truth, minimumPupils }, passed] = await Promise.all([
    readShipped(site),
    readListed(),
    withDuckDB({ path: warehouse, readOnly: true }, readTruth),
    memory === undefined ? new Set<string>() : readPassed(memory),
  ]);
  const audit = await auditDisclosure({ shipped, listed, truth, minimumPupils, clock, passed });
  if (memory !== undefined) await writePassed(memory, audit.passed);
  return audit;
}

/** Each table that a built site ships and that is not, byte for byte, one of those that were audited. */
export async function unauditedTables(site: string, audited: string): Promise<string[]> {
  const known = new Set((await shippedFiles(audited)).map(({ name, bytes }) => `${name} ${bytes.toString("base64")}`));
  return (await shippedFiles(site))
    .filter(({ name, bytes }) => !known.has(`${name} ${bytes.toString("base64")}`))
    .map(({ name }) => `the table ${name} is not the one that was audited`);
}

/** Every table that a site ships. What its pages show is reckoned from these, by queries that anybody may change. */
export async function readShipped(site: string): Promise<ShippedTable[]> {
  return (await shippedFiles(site)).map(({ name, bytes }) => {
    const table = tableFromIPC(bytes);
    const columns = table.schema.fields.map(({ name }) => name);
    const vectors = columns.map((name) => table.getChild(name));
    const rows = Array.from({ length: table.numRows }, (_, row) =>
      Object.fromEntries(columns.map((name, at): [string, unknown] => [name, vectors[at]?.get(row) ?? null])),
    );
    // rows that no query puts in order come as they will, and what is told is known by its order too
    const sorted = rows
      .map((row) => ({ row, key: JSON.stringify(row) }))
      .sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)));
    return { name, columns, rows: sorted.map(({ row }) => row) };
  });
}

/** The list of columns that may be shipped. */
export async function readListed(): Promise<ListedColumn[]> {
  return z.array(Listed).parse(parse(await readFile(LISTED, "utf8"), { columns: true, bom: true }));
}

/** What a warehouse holds of pupils by their statuses, at the points that the board may be told of. */
export async function readTruth(db: DuckDBConnection): Promise<{ truth: Truth; minimumPupils: number }> {
  const points = REPORTING_POINTS.map((type) => `'${type}'`).join(", ");
  const pupils = await rows(
    db,
    `select school_urn::integer as school_urn, school_year, period_type, period, profile::integer as profile,
      pupils::integer as pupils, pupils_persistent::integer as pupils_persistent,
      pupils_severe::integer as pupils_severe
    from staging.profile_pupils
    where basis = 'as DfE publishes' and period_type in (${points})
    order by all`,
  );
  const cohorts = await rows(
    db,
    "select profile::integer as profile, breakdown, cohort from staging.profile_cohorts order by all",
  );
  // a breakdown hangs together with those that read the same status, and a crossing with what it crosses
  const related = await rows(
    db,
    `select 'status ' || status as tie, breakdown from rules.cohorts
    union
    select 'crossing ' || breakdown, breakdown from rules.cohort_intersections
    union
    select 'crossing ' || breakdown, of_breakdown from rules.cohort_intersections
    order by all`,
  );
  const [limit] = await rows(db, "select max(minimum_pupils)::integer as minimum from board.shown_breakdowns");
  const ties = new Map<string, string[]>();
  for (const { tie, breakdown } of z.array(Tie).parse(related)) ties.set(tie, [...(ties.get(tie) ?? []), breakdown]);
  return {
    truth: {
      pupils: z.array(Pupils).parse(pupils),
      cohorts: z.array(Cohort).parse(cohorts),
      related: Array.from(ties.values()),
    },
    minimumPupils: z.int().parse(limit?.minimum),
  };
}

// --- internal ---

/** The files with the tables of a site, named by their tables. */
async function shippedFiles(site: string): Promise<{ name: string; bytes: Buffer }[]> {
  const { renderedFiles } = Manifest.parse(
    JSON.parse(await readFile(path.join(site, "data", "manifest.json"), "utf8")),
  );
  return await Promise.all(
    Object.values(renderedFiles)
      .flat()
      .map(async (file) => ({
        name: path.basename(file, ".parquet"),
        bytes: await readFile(path.join(site, file.replace(/^\/?(static\/)?/, ""))),
      })),
  );
}

const Manifest = z.object({ renderedFiles: z.record(z.string(), z.array(z.string())) });
const Listed = z.object({ table_name: z.string(), column_name: z.string(), tells: z.string() });
const Tie = z.object({ tie: z.string(), breakdown: z.string() });
const Cohort = z.object({ profile: z.int(), breakdown: z.string(), cohort: z.string() });
const Pupils = z.object({
  school_urn: z.int(),
  school_year: z.string(),
  period_type: z.string(),
  period: z.string(),
  profile: z.int(),
  pupils: z.int(),
  pupils_persistent: z.int(),
  pupils_severe: z.int(),
});
