import type { DuckDBConnection } from "@duckdb/node-api";
import { rows } from "../ingest/duckdb.ts";

/** What was said of a key: which pupil's it is, as a system's id or as a UPN that the pupil had before. */
interface Claim {
  id_key: string;
  pupil_key: string;
  kind: string;
}

/**
 * Makes the temporary table `identities` (id_key, pupil_key): which pupil each key stands for that is not a pupil's present
 * one. Only explicit statements count, never likeness of names or dates of birth.
 *
 * @param claimed the relation that holds what was said of keys, as `raw.pupil_ids` does; null when nothing was
 */
export async function settleIdentities(db: DuckDBConnection, claimed: string | null): Promise<void> {
  await db.run("create or replace temp table identities (id_key varchar, pupil_key varchar)");
  if (!claimed) return;
  const claims = (await rows(
    db,
    `select id_key, pupil_key, kind
    from ${claimed}
    where pupil_key is not null and pupil_key <> id_key
    group by all
    order by max(known_on), max(load_number)`,
  )) as unknown as Claim[];
  const settled = settle(claims);
  const appender = await db.createAppender("identities", null, "temp");
  for (const [id, pupil] of settled) {
    appender.appendVarchar(id);
    appender.appendVarchar(pupil);
    appender.endRow();
  }
  appender.closeSync();
}

/**
 * Follows claims to the pupil that each key stands for in the end.
 *
 * A system's id is the pupil's whom it was given to last. A former UPN that more than one pupil claims, or that leads back
 * to itself, stays a pupil of its own: to merge two children is worse than to count one twice.
 *
 * @param claims oldest first
 */
export function settle(claims: readonly Claim[]): Map<string, string> {
  const targets = new Map<string, string[]>();
  for (const { id_key, pupil_key, kind } of claims) {
    const others = kind === "former UPN" ? (targets.get(id_key) ?? []) : [];
    targets.set(id_key, [...new Set([...others, pupil_key])]);
  }
  const settled = new Map<string, string>();
  for (const id of targets.keys()) {
    const ends = follow(id, targets, []);
    const [end] = ends;
    if (ends.size === 1 && end !== undefined && end !== id) settled.set(id, end);
  }
  return settled;
}

// --- internal ---

function follow(key: string, targets: Map<string, string[]>, trail: string[]): Set<string> {
  if (trail.includes(key)) return new Set([key, ...trail]);
  const next = targets.get(key);
  if (!next) return new Set([key]);
  return new Set(next.flatMap((target) => [...follow(target, targets, [...trail, key])]));
}
