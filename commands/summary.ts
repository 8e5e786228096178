import Table from "cli-table3";
import { FORMATS } from "../ingest/formats.ts";
import type { HeldFile, IngestResult } from "../ingest/ingest.ts";
import type { Load } from "../ingest/ledger.ts";
import type { Build } from "../models/warehouse.ts";

/** The loads as a table: for each kind of file what was read and what became of it. */
export function loadSummary(loads: Load[]): string {
  const kinds = [...new Set(loads.map((load) => load.format))].sort();
  const lines = kinds.map((kind) =>
    summed(
      FORMATS.find(({ name }) => name === kind)?.title ?? kind,
      loads.filter((load) => load.format === kind),
    ),
  );
  return table(
    ["", "files", "rows read", "accepted", "quarantined", "duplicate"],
    lines.length > 1 ? [...lines, summed("all", loads)] : lines,
  );
}

/** One sentence on a file that was held. */
export function heldSentence({ file, rows, rows_before }: HeldFile): string {
  return `Held: ${file} has ${count(rows)} rows, and the last file of the same school and days had ${count(rows_before)}: it may be cut short. Export it again, or take it in with "rollbook ingest --accept"`;
}

/** One sentence on the new files that an ingest of some schools left, of which there are some. */
export function leftSentence(left: string[]): string {
  const named = left.slice(0, MOST_NAMED).join(", ");
  const more = left.length > MOST_NAMED ? ` and ${count(left.length - MOST_NAMED)} more` : "";
  return `Left for "rollbook ingest" without --school, since not of one school alone: ${named}${more}.`;
}

/** One sentence on what an ingest did. */
export function ingestSentence({ loads, unchanged, held }: IngestResult): string {
  if (loads.length === 0 && (held.length > 0 || unchanged === 0)) return "Nothing was loaded.";
  if (loads.length === 0) return `Nothing new: all ${count(unchanged)} files were loaded before. Nothing was changed.`;
  const before = unchanged > 0 ? `; ${count(unchanged)} were loaded before` : "";
  return `Loaded ${count(loads.length)} new ${loads.length === 1 ? "file" : "files"}${before}.`;
}

/** The marts of a warehouse and how many rows each has. */
export function warehouseSummary({ tables }: Build): string {
  const marts = tables.filter((entry) => entry.table.startsWith("marts."));
  return table(
    ["built", "rows"],
    marts.map((mart) => [mart.table, count(mart.rows)]),
  );
}

// --- internal ---

const MOST_NAMED = 5;

function summed(kind: string, loads: Load[]): string[] {
  const sum = (of: (load: Load) => number) => count(loads.reduce((total, load) => total + of(load), 0));
  return [
    kind,
    count(loads.length),
    sum((load) => load.rows_read),
    sum((load) => load.rows_accepted),
    sum((load) => load.rows_quarantined),
    sum((load) => load.rows_duplicate),
  ];
}

function table(head: string[], lines: string[][]): string {
  const right = head.map((_, i) => (i === 0 ? ("left" as const) : ("right" as const)));
  const drawn = new Table({ head, colAligns: right, style: { head: [], border: [], compact: true } });
  drawn.push(...lines);
  return drawn.toString();
}

function count(value: number): string {
  return value.toLocaleString("en-GB");
}
