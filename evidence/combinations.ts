import { RollbookError } from "../ingest/errors.ts";

/** A row of staging.profile_pupils: pupils of a school by their statuses at the end of a period. */
export interface ProfilePupils {
  school_urn: number;
  school_year: string;
  period_type: string;
  period: string;
  profile: number;
  pupils: number;
  pupils_persistent: number;
  pupils_severe: number;
}

/** A row of staging.profile_cohorts: the cohort of a breakdown that a combination of statuses is in. */
export interface ProfileCohort {
  profile: number;
  breakdown: string;
  cohort: string;
}

/** What is so, which nobody outside may find out. */
export interface Truth {
  pupils: ProfilePupils[];
  cohorts: ProfileCohort[];
  /**
   * Lists of breakdowns that hang together, as they read the same status or are crossed with one another. Others tell
   * of each other only what all pupils of a school tell. Without it, all breakdowns of a profile hang together.
   */
  related?: string[][];
}

/** Pupils of a school who are in some of the combinations of a family. */
export interface Group {
  /** The breakdowns that it is made of. */
  breakdowns: string[];
  /** Its name in its breakdown; empty for the difference of two cohorts. */
  cohort: string;
  /** 1 for each combination that belongs to it. */
  members: Uint8Array;
}

/**
 * Breakdowns that hang together: every combination of their cohorts that anybody in the trust ever had.
 *
 * No other combination is taken to be possible, so that one cohort within another stays within it.
 */
export interface Family {
  breakdowns: string[];
  /** How many combinations there are. */
  size: number;
  /** Each cohort of each breakdown. */
  cohorts: Group[];
  /**
   * Whom nobody may find out about: every cohort, and what is left of a cohort, or of all pupils, without a cohort of
   * another breakdown that lies within it. Each set of combinations once.
   */
  targets: Group[];
}

/** Pupils of one school at one point, in each family by combination: 3 numbers for each, see {@link KINDS}. */
export type Counts = Float64Array[];

/** Pupils are of three kinds: neither persistently nor severely absent, persistently but not severely, severely. */
export const KINDS = 3;

export interface Combinations {
  families: Family[];
  /** By {@link pointKey}, then by school. */
  counts: Map<string, Map<number, Counts>>;
}

/** One text for a moment that figures stand for. */
export function pointKey(point: {
  school_year: string | null;
  period_type: string | null;
  period: string | null;
}): string {
  return [point.school_year, point.period_type, point.period].join("|");
}

/** Parts breakdowns into families and counts pupils by combination. */
export function combinationsOf(truth: Truth): Combinations {
  const cohortsOf = new Map<number, Map<string, string>>();
  for (const { profile, breakdown, cohort } of truth.cohorts) {
    const known = cohortsOf.get(profile);
    if (known) known.set(breakdown, cohort);
    else cohortsOf.set(profile, new Map([[breakdown, cohort]]));
  }
  const families: Family[] = [];
  const placesOf = new Map<number, { family: number; combination: number }[]>();
  for (const breakdowns of parted(cohortsOf, truth.related)) {
    const combinations = new Map<string, { at: number; cohorts: string[] }>();
    for (const [profile, cohorts] of cohortsOf) {
      const own = breakdowns.map((breakdown) => cohorts.get(breakdown));
      if (own.every((cohort) => cohort === undefined)) continue;
      const complete = own.filter((cohort) => cohort !== undefined);
      if (complete.length < own.length) {
        throw new RollbookError(
          `staging.profile_cohorts places some pupils in only some of the breakdowns ${breakdowns.join(", ")}: run "rollbook build" again`,
        );
      }
      const key = complete.join("\0");
      const combination = combinations.get(key) ?? { at: combinations.size, cohorts: complete };
      combinations.set(key, combination);
      const places = placesOf.get(profile) ?? [];
      places.push({ family: families.length, combination: combination.at });
      placesOf.set(profile, places);
    }
    families.push(
      familyOf(
        breakdowns,
        Array.from(combinations.values(), ({ cohorts }) => cohorts),
      ),
    );
  }
  return { families, counts: counted(truth.pupils, families, placesOf) };
}

/** How many pupils of each kind are in a group. */
export function countOf(group: Pick<Group, "members">, counts: Float64Array | undefined): [number, number, number] {
  const sums: [number, number, number] = [0, 0, 0];
  if (!counts) return sums;
  for (let at = 0; at < group.members.length; at++) {
    if (!group.members[at]) continue;
    sums[0] += counts[at * KINDS] ?? 0;
    sums[1] += counts[at * KINDS + 1] ?? 0;
    sums[2] += counts[at * KINDS + 2] ?? 0;
  }
  return sums;
}

// --- internal ---

/** Breakdowns that are told of the same profiles and hang together. */
function parted(cohortsOf: Map<number, Map<string, string>>, related: string[][] | undefined): string[][] {
  const told = new Map<string, string[]>();
  for (const cohorts of cohortsOf.values()) {
    const breakdowns = Array.from(cohorts.keys()).sort();
    told.set(breakdowns.join("\0"), breakdowns);
  }
  return connected(Array.from(told.values())).flatMap((breakdowns) =>
    related
      ? connected([
          ...breakdowns.map((breakdown) => [breakdown]),
          ...related.map((list) => list.filter((breakdown) => breakdowns.includes(breakdown))),
        ])
      : [breakdowns],
  );
}

function connected(lists: string[][]): string[][] {
  const parts: Set<string>[] = [];
  for (const list of lists) {
    if (list.length === 0) continue;
    const joined = new Set(list);
    for (const part of parts.filter((other) => list.some((item) => other.has(item)))) {
      for (const item of part) joined.add(item);
      parts.splice(parts.indexOf(part), 1);
    }
    parts.push(joined);
  }
  return parts.map((part) => Array.from(part).sort());
}

function familyOf(breakdowns: string[], combinations: string[][]): Family {
  const cohorts = breakdowns.flatMap((breakdown, at) => {
    const names = Array.from(new Set(combinations.map((combination) => combination[at] ?? ""))).sort();
    return names.map((cohort) => ({
      breakdowns: [breakdown],
      cohort,
      members: Uint8Array.from(combinations, (combination) => Number(combination[at] === cohort)),
    }));
  });
  return { breakdowns, size: combinations.length, cohorts, targets: targetsOf(cohorts, combinations.length) };
}

function targetsOf(cohorts: Group[], size: number): Group[] {
  const targets = new Map<string, Group>();
  const add = (group: Group) => {
    const key = group.members.join("");
    if (!targets.has(key) && key.includes("1")) targets.set(key, group);
  };
  for (const cohort of cohorts) add(cohort);
  for (const whole of [{ breakdowns: [], cohort: "", members: new Uint8Array(size).fill(1) }, ...cohorts]) {
    for (const part of cohorts) {
      if (!part.members.every((member, at) => !member || whole.members[at])) continue;
      add({
        breakdowns: [...new Set([...whole.breakdowns, ...part.breakdowns])],
        cohort: "",
        members: whole.members.map((member, at) => Number(member && !part.members[at])),
      });
    }
  }
  return Array.from(targets.values());
}

function counted(
  pupils: ProfilePupils[],
  families: Family[],
  placesOf: Map<number, { family: number; combination: number }[]>,
): Combinations["counts"] {
  const counts: Combinations["counts"] = new Map();
  for (const row of pupils) {
    const key = pointKey(row);
    const schools = counts.get(key) ?? new Map<number, Counts>();
    counts.set(key, schools);
    const ofSchool = schools.get(row.school_urn) ?? families.map(({ size }) => new Float64Array(size * KINDS));
    schools.set(row.school_urn, ofSchool);
    const kinds = [row.pupils - row.pupils_persistent, row.pupils_persistent - row.pupils_severe, row.pupils_severe];
    for (const { family, combination } of placesOf.get(row.profile) ?? []) {
      const own = ofSchool[family];
      for (const [kind, number] of kinds.entries()) {
        const at = combination * KINDS + kind;
        if (own) own[at] = (own[at] ?? 0) + number;
      }
    }
  }
  for (const [key, schools] of counts) {
    for (const ofSchool of schools.values()) {
      const totals = ofSchool.map((own) => own.reduce((sum, number) => sum + number, 0));
      if (totals.some((total) => total !== totals[0])) {
        throw new RollbookError(
          `staging.profile_pupils does not hold the same pupils in every breakdown at ${key.replaceAll("|", ", ")}: run "rollbook build" again`,
        );
      }
    }
  }
  return counts;
}
