import fs from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import * as z from "zod";
import { RULES_FOLDER } from "../models/rules.ts";

const LoadLimits = z.strictObject({
  /** The largest register file, in bytes. */
  file_bytes: z.coerce.number().int().positive(),
  /** The longest field of a register file, in bytes. */
  field_bytes: z.coerce.number().int().positive(),
  /** The most rows of a register file. */
  file_rows: z.coerce.number().int().positive(),
  /** A rule that more rows than this break, in per cent, refuses the file; up to it, the rows are set aside. */
  broken_rows_percent: z.coerce.number().min(0).max(100),
  /** A file with this many per cent fewer rows than the last of its scope is held. */
  fewer_rows_percent: z.coerce.number().min(0).max(100),
});

/** How much a load may hold and how much of it may be wrong: `models/rules/load_limits.csv`, with sources. */
export type LoadLimits = z.infer<typeof LoadLimits>;

export function readLoadLimits(): LoadLimits {
  const file = path.join(RULES_FOLDER, "load_limits.csv");
  const lines = parse(fs.readFileSync(file, "utf8"), { columns: true }) as { limit: string; value: string }[];
  return LoadLimits.parse(Object.fromEntries(lines.map(({ limit, value }) => [limit, value])));
}
