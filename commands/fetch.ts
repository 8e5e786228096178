import path from "node:path";
import { RollbookError } from "../ingest/errors.ts";
import { dataFolders } from "../ingest/lake.ts";
import { alone } from "../ingest/lock.ts";
import type { Project } from "../ingest/project.ts";
import { fetchWonde, lastFetched, WONDE_URL, type WondeEffects } from "../ingest/wonde_api.ts";

export interface FetchOptions {
  /** The URN or Wonde id of one school. Without it, every school that has a Wonde id is fetched. */
  school?: string;
  /** Where the API is; the UK's when not given. */
  url?: string;
  /** Only what changed after this ISO date or instant. */
  updatedAfter?: string;
  /** Only what changed since the last fetch began, and the day before it; everything where there was none. */
  sinceLast?: boolean;
}

export interface FetchEffects extends WondeEffects {
  /** `WONDE_TOKEN` is the token; it goes nowhere but to the API. */
  env: NodeJS.ProcessEnv;
}

/**
 * Brings the pages of the project's schools from Wonde into `<registers>/<urn>/wonde`, for the next ingest.
 *
 * A school comes whole or not at all, and one that cannot come does not keep the others from coming.
 *
 * @throws RollbookError with a line for each school that could not come
 */
export async function fetchPages(
  project: Project,
  options: FetchOptions,
  effects: FetchEffects,
): Promise<{ files: number; records: number; schools: number }> {
  const schools = schoolsToFetch(project, options.school);
  const token = effects.env.WONDE_TOKEN?.trim();
  if (!token) {
    throw new RollbookError("WONDE_TOKEN: expected the token that Wonde gave you; set it in the environment");
  }
  if (options.updatedAfter !== undefined && options.sinceLast) {
    throw new RollbookError("--updated-after, --since-last: expected one of them; leave one out");
  }
  return alone(path.join(dataFolders(project).work, "fetch"), async () => {
    const total = { files: 0, records: 0, schools: 0 };
    const refusals = new Set<string>();
    for (const { urn, wonde } of schools) {
      const folder = path.join(project.registers, String(urn), "wonde");
      try {
        const updatedAfter = options.sinceLast ? dayBefore(lastFetched(folder)) : options.updatedAfter;
        const fetched = await fetchWonde(
          { school: wonde, urn, folder, token, url: options.url ?? WONDE_URL, ...(updatedAfter && { updatedAfter }) },
          effects,
        );
        total.files += fetched.files;
        total.records += fetched.records;
        total.schools += 1;
      } catch (error) {
        if (!(error instanceof RollbookError)) throw error;
        refusals.add(error.message);
      }
    }
    if (refusals.size === 0) return total;
    const rest = total.schools === 0 ? "Nothing was fetched." : `Of ${schools.length} schools ${total.schools} came.`;
    throw new RollbookError([...refusals, rest].join("\n"));
  });
}

// --- internal ---

function schoolsToFetch(project: Project, wanted: string | undefined): { urn: number; wonde: string }[] {
  const known = project.schools.flatMap(({ urn, wonde }) => (wonde ? [{ urn, wonde }] : []));
  if (known.length === 0) {
    throw new RollbookError(
      'rollbook.yaml: expected Wonde\'s id of a school to fetch, found none; add it to the school as "wonde"',
    );
  }
  const chosen = known.filter(({ urn, wonde }) => wanted === undefined || [String(urn), wonde].includes(wanted));
  if (chosen.length > 0) return chosen;
  throw new RollbookError(
    `--school: expected the URN of a school with "wonde" in rollbook.yaml: ${known.map(({ urn }) => urn).join(", ")}`,
  );
}

/** A day of overlap: what reached Wonde late is not missed, and what is known already changes nothing. */
function dayBefore(moment: Date | null): string | undefined {
  return moment ? new Date(moment.getTime() - 24 * 60 * 60 * 1000).toISOString() : undefined;
}
