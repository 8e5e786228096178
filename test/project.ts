import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { type IngestResult, ingest } from "../ingest/ingest.ts";
import { dataFolders } from "../ingest/lake.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { buildWarehouse } from "../models/build.ts";
import { warehouseInUse } from "../models/warehouse.ts";

export const MARKS_HEADER = "Id,SchoolURN,UPN,PupilId,SessionDate,Session,Mark,Modified,IsDeleted";
export const PUPILS_HEADER = "SchoolURN,UPN,YearGroup,EntryDate,LeavingDate,FsmEligible,LastUpdated";

const PROJECT = `
trust: Two Schools Trust
as_at: 2026-03-20
schools:
  - { urn: 999001, name: Oak, phase: Primary, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003 }
  - { urn: 999002, name: Elm, phase: Secondary, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003 }
calendars:
  - school_year: 2024/25
    half_terms: { autumn 1: [2024-09-03, 2024-10-25], autumn 2: [2024-11-04, 2024-12-20], spring 1: [2025-01-06, 2025-02-14], spring 2: [2025-02-24, 2025-04-04], summer 1: [2025-04-22, 2025-05-23], summer 2: [2025-06-02, 2025-07-21] }
  - school_year: 2025/26
    half_terms: { autumn 1: [2025-09-02, 2025-10-24], autumn 2: [2025-11-03, 2025-12-19], spring 1: [2026-01-05, 2026-02-13], spring 2: [2026-02-23, 2026-04-02], summer 1: [2026-04-20, 2026-05-22], summer 2: [2026-06-01, 2026-07-20] }
`;

/** A project of two invented schools in a folder of its own, which goes when the test ends. */
export function makeProject(files: Record<string, string | Buffer>, extra = ""): Project {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-test-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  fs.writeFileSync(path.join(dir, "rollbook.yaml"), `${PROJECT}${extra}`);
  drop(dir, files);
  return readProject(dir);
}

/** Puts files into the drop folder of a project. */
export function drop(dir: string, files: Record<string, string | Buffer>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(dir, "registers", name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }
}

/** Runs an ingest of which nothing is printed, at a moment that stands still. */
export async function quietly(project: Project): Promise<IngestResult> {
  return ingest(project, { log: () => {}, now: () => new Date("2026-03-20T16:00:00Z") });
}

/** What a query finds in a warehouse built from everything ingested so far. */
export async function built(project: Project, sql: string): Promise<Record<string, unknown>[]> {
  await buildWarehouse(project, { log: () => {}, now: () => new Date() });
  return inUse(project, sql);
}

/** What a query finds in the warehouse in use. */
export async function inUse(project: Project, sql: string): Promise<Record<string, unknown>[]> {
  const { path: file } = warehouseInUse(dataFolders(project).warehouse);
  return withDuckDB({ path: file, readOnly: true }, (db) => rows(db, sql));
}

/** A row of the supplier contract; what a test does not say is an ordinary morning. */
export function mark(
  row: Partial<Record<"urn" | "upn" | "date" | "session" | "mark" | "modified" | "deleted", string>>,
): string {
  const { urn = "999001", upn = "V825999924017", date = "2025-10-06", session = "AM", mark: code = "/" } = row;
  const { modified = `${date}T09:02:11Z`, deleted = "false" } = row;
  return `AS-1,${urn},${upn},PUP-1,${date},${session},${code},${modified},${deleted}`;
}

/** A marks file in the supplier contract's layout. */
export function marksFile(...rows: string[]): string {
  return `${[MARKS_HEADER, ...rows].join("\n")}\n`;
}
