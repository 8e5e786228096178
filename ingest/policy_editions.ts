import fs from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { RollbookError } from "./errors.ts";
import type { PolicyRows } from "./policies.ts";
import type { Project } from "./project.ts";

const Rows = z.array(z.record(z.string(), z.unknown()));
const Kept = z.strictObject({
  /** When a build first saw the policies say so. */
  since: z.iso.datetime(),
  rows: z.strictObject({
    policies: Rows,
    policy_rules: Rows,
    policy_targets: Rows,
    policy_rewards: Rows,
    policy_decisions: Rows,
  }),
});

/**
 * Keeps what the policies say now, if that is new, and gives what each school's policy said before it was last changed:
 * of a school whose policy never changed, nothing.
 */
export function keepEditions({ data }: Pick<Project, "data">, policies: PolicyRows, now: () => Date): PolicyRows {
  const folder = path.join(data, "policies");
  const kept = readEditions(folder);
  const current = plain(policies);
  if (!isDeepStrictEqual(kept.at(-1)?.rows ?? emptied(current), current)) {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = path.join(folder, `${String(kept.length + 1).padStart(4, "0")}.json`);
    fs.writeFileSync(`${file}.draft`, `${JSON.stringify({ since: now().toISOString(), rows: current })}\n`, {
      mode: 0o600,
    });
    fs.renameSync(`${file}.draft`, file);
  }
  const before = emptied(current);
  const schools = new Set(current.policies.map(({ school_urn }) => school_urn));
  for (const school of schools) {
    const own = ofSchool(current, school);
    const earlier = kept.map(({ rows }) => ofSchool(rows, school)).findLast((rows) => !isDeepStrictEqual(rows, own));
    if (!earlier) continue;
    for (const table of tablesOf(before)) before[table].push(...earlier[table]);
  }
  return before;
}

// --- internal ---

function readEditions(folder: string): z.infer<typeof Kept>[] {
  if (!fs.existsSync(folder)) return [];
  const files = fs.readdirSync(folder).filter((name) => name.endsWith(".json"));
  return files.sort().map((name) => {
    try {
      return Kept.parse(JSON.parse(fs.readFileSync(path.join(folder, name), "utf8")));
    } catch {
      throw new RollbookError(`${path.join(folder, name)} cannot be read: bring it back from a backup, or delete it`);
    }
  });
}

function tablesOf(rows: PolicyRows): (keyof PolicyRows)[] {
  return Object.keys(rows) as (keyof PolicyRows)[];
}

/** As a file gives it back: what is undefined is not there. */
function plain(rows: PolicyRows): PolicyRows {
  return JSON.parse(JSON.stringify(rows)) as PolicyRows;
}

function emptied(rows: PolicyRows): PolicyRows {
  return Object.fromEntries(tablesOf(rows).map((table) => [table, []])) as unknown as PolicyRows;
}

function ofSchool(rows: PolicyRows, school: unknown): PolicyRows {
  return Object.fromEntries(
    tablesOf(rows).map((table) => [table, rows[table].filter(({ school_urn }) => school_urn === school)]),
  ) as unknown as PolicyRows;
}
