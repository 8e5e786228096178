import type { DuckDBInstance } from "@duckdb/node-api";
import { Kysely } from "kysely";
import { DuckDbDialect } from "kysely-duckdb";
import type { Load } from "./ledger.ts";
import { calendarsOf, type Project } from "./project.ts";

/** What the warehouse knows of itself besides registers: from `rollbook.yaml`, the ledger and the build. */
export interface Bookkeeping {
  "raw.project": { trust_name: string; as_at: string | null; minimum_pupils: number | null };
  "raw.schools": {
    school_urn: number;
    school_name: string;
    phase: string;
    local_authority: string;
    la_code: string;
    region: string;
    region_code: string;
  };
  "raw.half_terms": { school_urn: number; school_year: string; half_term: string; starts_on: string; ends_on: string };
  "raw.closed_days": { school_urn: number; school_year: string; closed_on: string; kind: "closed" | "inset" };
  "raw.loads": Omit<Load, "parts" | "key_check" | "schools"> & { schools: string };
  "raw.quarantine": { school_urn: number; rule: string; load_number: number; row_number: number };
  "marts.register_queries": {
    school_urn: number;
    rule: string;
    severity: string;
    meaning: string;
    why_it_matters: string;
    mend: string;
    file: string | null;
    load_number: number;
    rows: number;
    first_rows: string | null;
  };
  "information_schema.columns": {
    table_schema: string;
    table_name: string;
    column_name: string;
    data_type: string;
    ordinal_position: bigint;
  };
}

/** `raw.project`, `raw.schools`, `raw.half_terms`, `raw.closed_days` and `raw.loads`. */
export const bookkeepingTables = `
create table raw.project (trust_name varchar, as_at date, minimum_pupils integer);
create table raw.schools (school_urn integer, school_name varchar, phase varchar,
  local_authority varchar, la_code varchar, region varchar, region_code varchar);
create table raw.half_terms (school_urn integer, school_year varchar, half_term varchar, starts_on date, ends_on date);
create table raw.closed_days (school_urn integer, school_year varchar, closed_on date, kind varchar);
create table raw.loads (load_number integer, sha256 varchar, file varchar, format varchar, encoding varchar,
  loaded_at timestamp, schools varchar, first_day date, last_day date, first_change timestamp, last_change timestamp,
  rows_read bigint, rows_accepted bigint, rows_quarantined bigint, rows_duplicate bigint, rows_forgotten bigint)`;

/** Typed queries on an open warehouse. The caller destroys it before the instance closes. */
export function bookkeeping(instance: DuckDBInstance): Kysely<Bookkeeping> {
  return new Kysely({ dialect: new DuckDbDialect({ database: instance, tableMappings: {} }) });
}

/** Writes what `rollbook.yaml` and the ledger say into the bookkeeping tables. */
export async function writeBookkeeping(books: Kysely<Bookkeeping>, project: Project, loads: Load[]): Promise<void> {
  await books
    .insertInto("raw.project")
    .values({
      trust_name: project.trust,
      as_at: project.as_at ?? null,
      minimum_pupils: project.disclosure?.minimum_pupils ?? null,
    })
    .execute();
  await books
    .insertInto("raw.schools")
    .values(
      project.schools.map(({ urn, name, phase, local_authority, la_code, region, region_code }) => ({
        school_urn: urn,
        school_name: name,
        phase,
        local_authority,
        la_code,
        region,
        region_code,
      })),
    )
    .execute();
  for (const { urn } of project.schools) {
    for (const { school_year, half_terms, closed, inset } of calendarsOf(project, urn)) {
      const halfTerms = Object.entries(half_terms).map(([half_term, [starts_on, ends_on]]) => ({
        school_urn: urn,
        school_year,
        half_term,
        starts_on,
        ends_on,
      }));
      await books.insertInto("raw.half_terms").values(halfTerms).execute();
      const closedDays = [
        ...closed.map((closed_on) => ({ school_urn: urn, school_year, closed_on, kind: "closed" as const })),
        ...inset.map((closed_on) => ({ school_urn: urn, school_year, closed_on, kind: "inset" as const })),
      ];
      if (closedDays.length > 0) await books.insertInto("raw.closed_days").values(closedDays).execute();
    }
  }
  const ledger = loads.map(({ parts: _, key_check: __, schools, ...load }) => ({
    ...load,
    schools: schools.join(", "),
  }));
  if (ledger.length > 0) await books.insertInto("raw.loads").values(ledger).execute();
}
