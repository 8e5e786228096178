import { type Combinations, type Counts, countOf, type Family, type Group, pointKey } from "./combinations.ts";
import type { Figure, Measure } from "./shipped.ts";

/** null is the trust. */
export type Place = number | null;
/** When figures stand for. */
export interface Moment {
  school_year: string;
  period_type: string;
  period: string;
}

/** What the site tells of one group, all tables together. */
export interface Shown {
  place: Place;
  /** Which family; of all pupils, none. */
  family: number | null;
  group: Group;
  breakdown: string | null;
  low: number;
  high: number;
  rates: Rate[];
  tables: Set<string>;
}

export type Rate = Pick<Figure, "low" | "high" | "scale" | "isBelow"> & { measure: Exclude<Measure, "pupils"> };

/** What the site tells at one moment, and what is truly so. */
export interface Known {
  point: Moment;
  families: Family[];
  schools: number[];
  counts: Map<number, Counts>;
  shown: Shown[];
  /** Combinations that nobody at a school has, as the site tells: by school and family. */
  ruledOut: Map<number, Uint8Array[]>;
  faults: string[];
}

/** What somebody can do who runs Rollbook and does not change it. */
export const MEND =
  "Raise disclosure: minimum_pupils in rollbook.yaml and build again; and report it as a fault of Rollbook, which should not have chosen to show this";

export function inWords(point: Moment): string {
  return point.period === point.school_year ? point.school_year : `${point.school_year} ${point.period}`;
}

export function placeInWords(place: Place): string {
  return place === null ? "in the trust" : `at school ${place}`;
}

export function shownAt({
  figures,
  point,
  combinations,
  counts,
  minimumPupils,
}: {
  figures: Figure[];
  point: Moment;
  combinations: Combinations;
  counts: Map<number, Counts>;
  minimumPupils: number;
}): Known {
  const { families } = combinations;
  const schools = Array.from(counts.keys()).sort((a, b) => a - b);
  const known: Known = { point, families, schools, counts, shown: [], ruledOut: new Map(), faults: [] };
  const finder = groupFinder(families);
  const byKey = new Map<string, Shown>();
  for (const figure of figures) {
    if (!isAt(figure, point)) continue;
    if (figure.school_urn !== null && !counts.has(figure.school_urn)) {
      if (figure.group) known.faults.push(contradiction(figure, point));
      continue;
    }
    const found = finder(figure);
    if (!found) {
      known.faults.push(
        `unknown breakdown: board.${figure.table} tells of a cohort that staging.profile_cohorts does not know (breakdown ${figure.group?.breakdown}), so what it gives away cannot be told. Take it out, or make it a breakdown of models/rules/cohorts.csv`,
      );
      continue;
    }
    const truth = truly(known, figure.school_urn, found.family, found.group);
    if (!isTrue(figure, truth)) {
      // a figure of all pupils that does not say its period may be of another one
      if (figure.group || isDated(figure)) known.faults.push(contradiction(figure, point));
      continue;
    }
    const key = `${figure.school_urn}|${found.family}|${found.key}`;
    const shown = byKey.get(key) ?? {
      place: figure.school_urn,
      family: found.family,
      group: found.group,
      breakdown: figure.group?.breakdown ?? null,
      low: truth[0] >= minimumPupils ? minimumPupils : 0,
      high: Number.POSITIVE_INFINITY,
      rates: [],
      tables: new Set<string>(),
    };
    byKey.set(key, shown);
    shown.tables.add(figure.table);
    if (figure.measure === "pupils") {
      shown.low = Math.max(shown.low, figure.low);
      shown.high = Math.min(shown.high, figure.high);
    } else {
      const { measure, low, high, scale, isBelow } = figure;
      const isKnown = shown.rates.some(
        (rate) => rate.measure === measure && rate.low === low && rate.high === high && rate.scale === scale,
      );
      if (!isKnown) shown.rates.push({ measure, low, high, scale, isBelow });
    }
  }
  known.shown = Array.from(byKey.values());
  ruleOut(known);
  return known;
}

/** The pupils of a group by kind; of all pupils where there is no family. */
export function truly(
  { counts, families }: Pick<Known, "counts" | "families">,
  place: Place,
  family: number | null,
  group: Group,
): [number, number, number] {
  const sums: [number, number, number] = [0, 0, 0];
  for (const school of place === null ? counts.keys() : [place]) {
    const own = counts.get(school);
    if (!own) continue;
    const all = { members: new Uint8Array(families[0]?.size ?? 0).fill(1) };
    const [a, b, c] = countOf(family === null ? all : group, own[family ?? 0]);
    sums[0] += a;
    sums[1] += b;
    sums[2] += c;
  }
  return [sums[0] + sums[1] + sums[2], sums[1] + sums[2], sums[2]];
}

// What should not have been chosen to be shown, however it is rounded

export function faultsInChoice(known: Known, minimumPupils: number): string[] {
  const isSmall = (pupils: number) => pupils > 0 && pupils < minimumPupils;
  const breakdowns = shownBreakdowns(known);
  const faults: string[] = [];
  for (const { place, family, breakdown, shown } of breakdowns) {
    const tables = new Set(
      known.shown.flatMap((entry) =>
        entry.place === place && entry.breakdown === breakdown
          ? Array.from(entry.tables, (name) => `board.${name}`)
          : [],
      ),
    );
    const where = `${[...tables].sort().join(", ")}, breakdown ${breakdown} ${placeInWords(place)} in ${inWords(known.point)}`;
    const all = truly(known, place, null, NOBODY)[0];
    const sizes = shown.map((group) => truly(known, place, family, group)[0]);
    if (sizes.some(isSmall))
      faults.push(`small group: ${where} shows a group of fewer than ${minimumPupils} pupils. ${MEND}`);
    if (sizes.some((pupils) => isSmall(all - pupils))) {
      faults.push(
        `forgotten complement: ${where} shows a group beside which there are fewer than ${minimumPupils} other pupils: all pupils less the group are those. ${MEND}`,
      );
    }
    const cohorts = (known.families[family]?.cohorts ?? []).filter((group) => group.breakdowns[0] === breakdown);
    if (cohorts.some((group) => !shown.includes(group) && truly(known, place, family, group)[0] > 0)) {
      faults.push(`shown in part: ${where} leaves out a group, which is all pupils less those shown. ${MEND}`);
    }
    if (place !== null) continue;
    const showing = breakdowns.filter((other) => other.place !== null && other.breakdown === breakdown);
    const rest = known.schools.filter((school) => !showing.some((other) => other.place === school));
    const left = cohorts.map((group) => rest.reduce((sum, school) => sum + truly(known, school, family, group)[0], 0));
    if (showing.length > 0 && left.some(isSmall)) {
      faults.push(
        `trust less schools: ${where} less the schools that show it is a group of fewer than ${minimumPupils} pupils at the others. ${MEND}`,
      );
    }
  }
  return faults;
}

// --- internal ---

const NOBODY: Group = { breakdowns: [], cohort: "", members: new Uint8Array() };

function isAt({ point: told, group }: Figure, point: Moment): boolean {
  const same = (a: string | null, b: string) => a === b;
  if (group) return pointKey(told) === pointKey(point);
  return (["school_year", "period_type", "period"] as const).every(
    (part) => told[part] === null || same(told[part], point[part]) || (part === "period_type" && !told.period),
  );
}

function isDated({ point }: Figure): boolean {
  return point.school_year !== null && point.period_type !== null && point.period !== null;
}

function contradiction({ table, school_urn, group }: Figure, point: Moment): string {
  return `not the warehouse's figures: what board.${table} tells ${placeInWords(school_urn)} in ${inWords(point)} (${group ? `breakdown ${group.breakdown}` : "all pupils"}) is not what staging.profile_pupils holds, so it cannot be audited. Run "rollbook build" and "rollbook site" again`;
}

function groupFinder(
  families: Family[],
): (figure: Figure) => { family: number | null; group: Group; key: string } | null {
  const known = new Map<string, { family: number; group: Group }>();
  for (const [family, { cohorts }] of families.entries()) {
    for (const group of cohorts) known.set(`${group.breakdowns[0]}\0${group.cohort}`, { family, group });
  }
  const others = new Map<string, Group>();
  return ({ group, isOfOthers }) => {
    if (!group) {
      return { family: null, group: { breakdowns: [], cohort: "", members: new Uint8Array() }, key: "" };
    }
    const key = `${group.breakdown}\0${group.cohort}`;
    const found = known.get(key);
    if (!found || !isOfOthers) return found ? { ...found, key } : null;
    const rest = others.get(key) ?? {
      breakdowns: found.group.breakdowns,
      cohort: "",
      members: found.group.members.map((member) => 1 - member),
    };
    others.set(key, rest);
    return { family: found.family, group: rest, key: `${key}\0others` };
  };
}

function isTrue(figure: Figure, [pupils, persistent, severe]: [number, number, number]): boolean {
  if (figure.measure === "pupils") return figure.low <= pupils && pupils <= figure.high;
  return isRate(figure, pupils, figure.measure === "percent_persistent" ? persistent : severe);
}

function isRate({ low, high, scale, isBelow }: Omit<Rate, "measure">, pupils: number, of: number): boolean {
  return scale * of >= low * pupils && scale * of <= high * pupils - Number(isBelow && pupils > 0);
}

/** In a breakdown that is shown whole, a cohort without a row has nobody. */
function ruleOut(known: Known): void {
  for (const school of known.schools) {
    known.ruledOut.set(
      school,
      known.families.map(({ size }) => new Uint8Array(size)),
    );
  }
  for (const { place, family, breakdown, shown } of shownBreakdowns(known)) {
    const absent = (known.families[family]?.cohorts ?? []).filter(
      (group) => group.breakdowns[0] === breakdown && !shown.includes(group),
    );
    if (absent.some((group) => truly(known, place, family, group)[0] > 0)) continue;
    for (const school of place === null ? known.schools : [place]) {
      const out = known.ruledOut.get(school)?.[family];
      for (const { members } of absent) {
        members.forEach((member, at) => {
          if (out && member) out[at] = 1;
        });
      }
    }
  }
}

function shownBreakdowns({ shown }: Known): { place: Place; family: number; breakdown: string; shown: Group[] }[] {
  const found = new Map<string, { place: Place; family: number; breakdown: string; shown: Group[] }>();
  for (const { place, family, breakdown, group } of shown) {
    if (family === null || breakdown === null || group.cohort === "") continue;
    const key = `${place}|${breakdown}`;
    const entry = found.get(key) ?? { place, family, breakdown, shown: [] };
    entry.shown.push(group);
    found.set(key, entry);
  }
  return Array.from(found.values());
}
