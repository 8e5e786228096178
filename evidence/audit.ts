import { agrees, type Knowledge, type Ranges, type Sum, wholeNumbers, withRanges } from "./bounds.ts";
import {
  type Combinations,
  type Counts,
  combinationsOf,
  countOf,
  type Family,
  type Group,
  KINDS,
  pointKey,
  type Truth,
} from "./combinations.ts";
import {
  type Figure,
  faultsInForm,
  type ListedColumn,
  type Measure,
  REPORTING_POINTS,
  type ShippedTable,
  shippedFigures,
} from "./shipped.ts";

export interface AuditInput {
  shipped: ShippedTable[];
  listed: ListedColumn[];
  truth: Truth;
  /** Groups of fewer pupils are nobody's to know: what the gate went by. */
  minimumPupils: number;
  /** Milliseconds from anywhere. */
  clock: () => number;
}

export interface Audit {
  /** What is wrong, for the trust's data person; nothing if the site may be published. */
  faults: string[];
  /** The groups that can be worked out, for whoever decides what to withhold instead. */
  pinned: Pinned[];
  /** How many small groups there are, how many problems were solved for them, and how long it all took. */
  statistics: { groups: number; solved: number; pinned: number; milliseconds: number };
}

/** A small group of which the site tells too much. */
export interface Pinned {
  /** null: the trust. */
  school_urn: number | null;
  school_year: string;
  period_type: string;
  period: string;
  /** The breakdowns that the group is made of. */
  breakdowns: string[];
  /** What becomes known of it. */
  measure: Measure;
  /** From what it becomes known. */
  because: { tables: string[]; school_urn: number | null; breakdown: string | null }[];
}

/**
 * Plays the attacker: takes everything that the board site ships and looks what it tells of each group of 1 to
 * `minimumPupils` - 1 pupils.
 *
 * Such groups are the cohorts of every breakdown and the cells of every crossing, shown or not, and what is left of
 * one cohort without another within it, at every school and in the trust, at every moment that the site tells of
 * cohorts at. A group is pinned if its pupils can be bounded to within less than 3, or if it becomes certain that at
 * least one of them is persistently (severely) absent, and how many are to within less than 3.
 *
 * The attacker knows how figures are rounded, that a shown cohort has `minimumPupils`, that a cohort without a row
 * has nobody, how breakdowns are defined and which of their combinations occur in the trust. Each figure is then a
 * bound on a sum of unknown numbers, one for each combination and school, and linear programs say how far the others
 * leave a group open; where that is not far, whole numbers are tried with the figures of the group's own school.
 *
 * Five things are not reckoned with: figures of attendance, which bound no pupils as sessions are nowhere shown; that
 * in a breakdown that is withheld something is small, or that it is not recorded; that a group left over by the trust
 * less its schools is large; what two moments tell of each other, which is why only whole half terms may lie between
 * them; and what a reader knows from elsewhere.
 */
export async function auditDisclosure(input: AuditInput): Promise<Audit> {
  const { shipped, listed, truth, minimumPupils, clock } = input;
  const began = clock();
  const combinations = combinationsOf(truth);
  const figures = shippedFigures(shipped, listed);
  const points = new Map(
    figures
      .filter(({ group, point }) => group && REPORTING_POINTS.includes(point.period_type ?? ""))
      .map(({ point }) => [pointKey(point), point]),
  );
  const faults = faultsInForm(shipped, listed);
  const audit: Audit = { faults, pinned: [], statistics: { groups: 0, solved: 0, pinned: 0, milliseconds: 0 } };
  for (const [key, { school_year, period_type, period }] of points) {
    const point = { school_year: school_year ?? "", period_type: period_type ?? "", period: period ?? "" };
    const counts = combinations.counts.get(key);
    if (!counts) {
      faults.push(
        `not in the warehouse: the site tells of cohorts in ${inWords(point)}, and staging.profile_pupils does not`,
      );
      continue;
    }
    const known = shownAt({ figures, point, combinations, counts, minimumPupils });
    faults.push(...known.faults, ...faultsInChoice(known, minimumPupils));
    const found = await pinnedAt(known, minimumPupils);
    faults.push(...found.faults);
    audit.pinned.push(...found.pinned);
    audit.statistics.groups += found.groups;
    audit.statistics.solved += found.solved;
  }
  faults.push(...faultsOfPinned(audit.pinned, minimumPupils));
  audit.faults = [...new Set(faults)];
  audit.statistics.pinned = audit.pinned.length;
  audit.statistics.milliseconds = Math.round(clock() - began);
  return audit;
}

// --- internal ---

/** A bound this narrow tells of single pupils. */
const NARROW = 3;
/** Bounds on whole numbers are sought where those on any numbers are narrower than this. */
const NARROWED_BY_WHOLE_NUMBERS = 5;
/** null is the trust. */
type Place = number | null;
interface Moment {
  school_year: string;
  period_type: string;
  period: string;
}

/** What the site tells of one group, all tables together. */
interface Shown {
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

type Rate = Pick<Figure, "low" | "high" | "scale" | "isBelow"> & { measure: Exclude<Measure, "pupils"> };

interface Known {
  point: Moment;
  families: Family[];
  schools: number[];
  counts: Map<number, Counts>;
  shown: Shown[];
  /** Combinations that nobody at a school has, as the site tells: by school and family. */
  ruledOut: Map<number, Uint8Array[]>;
  faults: string[];
}

/** A group of few pupils, and what of it is audited. */
interface Target {
  place: Place;
  family: number;
  group: Group;
  measure: Measure;
}

function inWords(point: Moment): string {
  return point.period === point.school_year ? point.school_year : `${point.school_year} ${point.period}`;
}

function placeInWords(place: Place): string {
  return place === null ? "in the trust" : `at school ${place}`;
}

// What is shown

function shownAt({
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

/** The pupils of a group by kind; of all pupils where there is no family. */
function truly(
  { counts, families }: Pick<Known, "counts" | "families">,
  place: Place,
  family: number | null,
  group: Group,
): [number, number, number] {
  const sums: [number, number, number] = [0, 0, 0];
  for (const [school, own] of counts) {
    if (place !== null && place !== school) continue;
    const all = { members: new Uint8Array(families[0]?.size ?? 0).fill(1) };
    const [a, b, c] = countOf(family === null ? all : group, own[family ?? 0]);
    sums[0] += a;
    sums[1] += b;
    sums[2] += c;
  }
  return [sums[0] + sums[1] + sums[2], sums[1] + sums[2], sums[2]];
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

// What should not have been chosen to be shown, however it is rounded

function faultsInChoice(known: Known, minimumPupils: number): string[] {
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
    const mend = `Withhold this breakdown there, or raise disclosure: minimum_pupils in rollbook.yaml`;
    const all = truly(known, place, null, NOBODY)[0];
    const sizes = shown.map((group) => truly(known, place, family, group)[0]);
    if (sizes.some(isSmall))
      faults.push(`small group: ${where} shows a group of fewer than ${minimumPupils} pupils. ${mend}`);
    if (sizes.some((pupils) => isSmall(all - pupils))) {
      faults.push(
        `forgotten complement: ${where} shows a group beside which there are fewer than ${minimumPupils} other pupils: all pupils less the group are those. ${mend}`,
      );
    }
    const cohorts = (known.families[family]?.cohorts ?? []).filter((group) => group.breakdowns[0] === breakdown);
    if (cohorts.some((group) => !shown.includes(group) && truly(known, place, family, group)[0] > 0)) {
      faults.push(`shown in part: ${where} leaves out a group, which is all pupils less those shown. ${mend}`);
    }
    if (place !== null) continue;
    const showing = breakdowns.filter((other) => other.place !== null && other.breakdown === breakdown);
    const rest = known.schools.filter((school) => !showing.some((other) => other.place === school));
    const left = cohorts.map((group) => rest.reduce((sum, school) => sum + truly(known, school, family, group)[0], 0));
    if (showing.length > 0 && left.some(isSmall)) {
      faults.push(
        `trust less schools: ${where} less the schools that show it is a group of fewer than ${minimumPupils} pupils at the others. Withhold this breakdown in the trust or at more schools`,
      );
    }
  }
  return faults;
}

const NOBODY: Group = { breakdowns: [], cohort: "", members: new Uint8Array() };

// What can be worked out

async function pinnedAt(
  known: Known,
  minimumPupils: number,
): Promise<{ pinned: Pinned[]; faults: string[]; groups: number; solved: number }> {
  const { targets, groups } = smallGroups(known, minimumPupils);
  const result = { pinned: [] as Pinned[], faults: [] as string[], groups, solved: 0 };
  const open = targets.filter((target) => !isHidden(known, target));
  if (open.length === 0) return result;

  const problem = problemOf(known, open);
  if (!agrees(problem.knowledge, problem.truth)) {
    result.faults.push(
      `not audited: what the site tells in ${inWords(known.point)} contradicts the warehouse that it is made from. Run "rollbook build" and "rollbook site" again`,
    );
    return result;
  }
  const found = await withRanges(problem.knowledge, (ranges) => {
    const bounds = boundsOf(open, problem, ranges);
    result.solved += ranges.solved();
    return bounds;
  });
  if (found === null) {
    result.faults.push(
      `not audited: what the site tells in ${inWords(known.point)} contradicts itself. Run "rollbook build" and "rollbook site" again`,
    );
  }
  const narrow = (found ?? []).filter(({ isNarrow }) => isNarrow).map(({ target }) => target);
  for (const school of known.schools) {
    for (const family of known.families.keys()) {
      const unsure = (found ?? []).flatMap(({ target, isNarrow }) =>
        target.place === school && target.family === family && !isNarrow ? [target] : [],
      );
      if (unsure.length > 0) narrow.push(...(await narrowInWholeNumbers(known, school, family, unsure, result)));
    }
  }
  for (const { target, because } of found ?? []) {
    // who can count a group need not be told to count the absent of it
    const isCounted = narrow.some(
      ({ place, group, measure }) =>
        measure === "pupils" && target.measure !== "pupils" && place === target.place && group === target.group,
    );
    if (!narrow.includes(target) || isCounted) continue;
    result.pinned.push({
      school_urn: target.place,
      ...known.point,
      breakdowns: target.group.breakdowns,
      measure: target.measure,
      because: becauseOf(because, problem),
    });
  }
  return result;
}

/**
 * The groups of a school of whom its figures leave so few whole numbers. Only figures of the same family and of all
 * pupils are looked at: with those of all schools such a problem takes too long.
 */
async function narrowInWholeNumbers(
  known: Known,
  school: number,
  family: number,
  targets: Target[],
  result: { solved: number },
): Promise<Target[]> {
  const shown = known.shown.filter(
    (entry) => entry.place === school && (entry.family === family || entry.family === null),
  );
  const problem = problemOf({ ...known, schools: [school], shown }, targets);
  return await withRanges(problem.knowledge, (ranges) => {
    let open = candidatesOf(targets, problem);
    const narrow: Target[] = [];
    const isOpen = ({ target, low, high }: Candidate) => isPinned(target, { low, high });
    for (let next = open.shift(); next; next = open.shift()) {
      const { target, columns, low, high } = next;
      const enough = { low: target.measure === "pupils" ? high - NARROW : 0, high: low + NARROW };
      const whole = ranges.wholeRange(columns, enough);
      for (const values of whole.at) see(values, [next, ...open]);
      if (isOpen(next) && isPinned(target, wholeNumbers(whole))) narrow.push(target);
      open = open.filter(isOpen);
    }
    result.solved += ranges.solved();
    return narrow;
  });
}

function smallGroups(known: Known, minimumPupils: number): { targets: Target[]; groups: number } {
  const targets: Target[] = [];
  let groups = 0;
  for (const place of [null, ...known.schools]) {
    for (const [family, { targets: groupsOfFamily }] of known.families.entries()) {
      for (const group of groupsOfFamily) {
        const [pupils, persistent, severe] = truly(known, place, family, group);
        if (pupils === 0 || pupils >= minimumPupils) continue;
        groups++;
        targets.push({ place, family, group, measure: "pupils" });
        if (persistent > 0) targets.push({ place, family, group, measure: "percent_persistent" });
        if (severe > 0) targets.push({ place, family, group, measure: "percent_severe" });
      }
    }
  }
  return { targets, groups };
}

/** The kinds of pupils that a measure counts. */
function kindsOf(measure: Measure): number[] {
  return measure === "pupils" ? [0, 1, 2] : measure === "percent_persistent" ? [1, 2] : [2];
}

/** Combinations of a family at a school that no figure tells apart, and besides no target if any are given. */
function classesAt(known: Known, school: number, family: number, apart: Group[] = []): Int32Array {
  const told = known.shown.filter(
    (entry) => entry.family === family && (entry.place === null || entry.place === school),
  );
  const groups = [...new Set([...told.map(({ group }) => group), ...apart])];
  const out = known.ruledOut.get(school)?.[family];
  const numbers = new Map<string, number>();
  return Int32Array.from({ length: known.families[family]?.size ?? 0 }, (_, at) => {
    if (out?.[at]) return -1;
    const key = groups.map(({ members }) => members[at]).join("");
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}

/**
 * Whether pupils can be moved into or out of a group without any figure changing: then it cannot be pinned, and no
 * program need be solved.
 */
function isHidden(known: Known, { place, family, group, measure }: Target): boolean {
  let [certain, open] = [0, 0];
  for (const school of place === null ? known.schools : [place]) {
    const classes = classesAt(known, school, family);
    const [inside, outside] = [new Set<number>(), new Set<number>()];
    classes.forEach((number, at) => {
      (group.members[at] ? inside : outside).add(number);
    });
    const counts = known.counts.get(school)?.[family];
    classes.forEach((number, at) => {
      if (number < 0 || !inside.has(number)) return;
      const pupils = kindsOf(measure).reduce((sum, kind) => sum + (counts?.[at * KINDS + kind] ?? 0), 0);
      if (outside.has(number)) open += pupils;
      else certain += pupils;
    });
  }
  return open >= NARROW || (measure !== "pupils" && certain === 0);
}

interface Problem {
  knowledge: Knowledge;
  /** What each column truly is. */
  truth: number[];
  /** What each sum is told by; undefined for one that is so by its nature. */
  told: (Shown | undefined)[];
  /** The columns whose sum a target is. */
  columnsOf: (target: Target) => number[];
}

/**
 * Everything that is known at one moment. Columns: 3 for each class of each family at each school, and sums of them.
 */
function problemOf(known: Known, targets: Target[]): Problem {
  const sums: Sum[] = [];
  const told: (Shown | undefined)[] = [];
  const truth: number[] = [];
  const add = (columns: number[], weights: number[], lower: number, upper: number, by?: Shown) => {
    sums.push({ columns, weights, lower, upper });
    told.push(by);
  };
  /** Three new columns: the sum of these, kind by kind. */
  const total = (parts: number[]): number => {
    const first = truth.length;
    for (let kind = 0; kind < KINDS; kind++) {
      truth.push(parts.reduce((sum, part) => sum + (truth[part + kind] ?? 0), 0));
      add([...parts.map((part) => part + kind), first + kind], [...parts.map(() => 1), -1], 0, 0);
    }
    return first;
  };

  const classColumns = new Map<string, Map<number, number>>();
  const allAt = new Map<number, number>();
  /** By place, family and group: the first of its three columns. */
  const groupColumns = new Map<string, number>();
  const groupKey = (place: Place, family: number, group: Group) => `${place}|${family}|${group.members.join("")}`;
  const classesOf = new Map<string, Int32Array>();

  for (const school of known.schools) {
    for (const family of known.families.keys()) {
      const told = known.shown.filter(
        (entry) => entry.family === family && (entry.place === null || entry.place === school),
      );
      const apart = targets.filter((target) => target.family === family && (target.place ?? school) === school);
      const classes = classesAt(known, school, family, [...new Set(apart.map(({ group }) => group))]);
      const columns = new Map<number, number>();
      const counts = known.counts.get(school)?.[family];
      classes.forEach((number, at) => {
        if (number < 0) return;
        const first = columns.get(number) ?? truth.length;
        if (!columns.has(number)) {
          columns.set(number, first);
          truth.push(0, 0, 0);
        }
        for (let kind = 0; kind < KINDS; kind++) {
          truth[first + kind] = (truth[first + kind] ?? 0) + (counts?.[at * KINDS + kind] ?? 0);
        }
      });
      classColumns.set(`${school}|${family}`, columns);
      classesOf.set(`${school}|${family}`, classes);

      // each group as a sum of smaller ones, which keeps the sums short
      const defined: { classes: Set<number>; first: number }[] = [];
      const sumOf = (wanted: Set<number>): number[] => {
        const left = new Set(wanted);
        const parts: number[] = [];
        for (let at = defined.length - 1; at >= 0; at--) {
          const smaller = defined[at];
          if (!smaller || smaller.classes.size > left.size || smaller.classes.size === 0) continue;
          if (!Array.from(smaller.classes).every((number) => left.has(number))) continue;
          parts.push(smaller.first);
          for (const number of smaller.classes) left.delete(number);
        }
        for (const number of left) parts.push(columns.get(number) ?? 0);
        return parts;
      };
      const groups = [...new Set(told.map(({ group }) => group))]
        .map((group) => ({ group, classes: classesIn(group, classes) }))
        .sort((a, b) => a.classes.size - b.classes.size);
      for (const { group, classes: own } of groups) {
        const key = groupKey(school, family, group);
        if (groupColumns.has(key)) continue;
        const parts = sumOf(own);
        const first = parts.length === 1 ? (parts[0] ?? 0) : total(parts);
        groupColumns.set(key, first);
        if (parts.length > 1) defined.push({ classes: own, first });
      }
      if (told.length === 0 && apart.length === 0) continue;
      const parts = sumOf(new Set(columns.keys()));
      const all = allAt.get(school);
      if (all === undefined) allAt.set(school, total(parts));
      else {
        for (let kind = 0; kind < KINDS; kind++) {
          add([...parts.map((part) => part + kind), all + kind], [...parts.map(() => 1), -1], 0, 0);
        }
      }
    }
  }

  const trustColumns = new Map<string, number>();
  for (const shown of known.shown) {
    const places = shown.place === null ? known.schools : [shown.place];
    const firsts = places.flatMap((school) => {
      const first =
        shown.family === null ? allAt.get(school) : groupColumns.get(groupKey(school, shown.family, shown.group));
      return first === undefined ? [] : [first];
    });
    // all pupils of a school of which nothing else is told
    if (firsts.length < places.length) continue;
    const key = `${shown.family}|${shown.group.members.join("")}`;
    const [only] = firsts;
    const first = shown.place !== null || firsts.length === 1 ? (only ?? 0) : (trustColumns.get(key) ?? total(firsts));
    if (shown.place === null) trustColumns.set(key, first);
    const [a, b, c] = [first, first + 1, first + 2];
    const tell = (weights: number[], lower: number, upper: number) => {
      const columns = [a, b, c].filter((_, kind) => weights[kind] !== 0);
      add(
        columns,
        weights.filter((weight) => weight !== 0),
        lower,
        upper,
        shown,
      );
    };
    const { pupils, persistent, severe } = narrowed(shown);
    if (pupils) tell([1, 1, 1], pupils.low, pupils.high);
    if (persistent) tell([0, 1, 1], persistent.low, persistent.high);
    if (severe) tell([0, 0, 1], severe.low, severe.high);
    for (const { measure, low, high, scale, isBelow } of shown.rates) {
      const weights = (of: number) => [-of, (measure === "percent_persistent" ? scale : 0) - of, scale - of];
      if (low > 0) tell(weights(low), 0, Number.POSITIVE_INFINITY);
      if (high < scale) tell(weights(high), Number.NEGATIVE_INFINITY, -Number(isBelow));
    }
  }

  const columnsOf = ({ place, family, group, measure }: Target): number[] =>
    (place === null ? known.schools : [place]).flatMap((school) => {
      const classes = classesOf.get(`${school}|${family}`) ?? new Int32Array();
      const columns = classColumns.get(`${school}|${family}`);
      return Array.from(classesIn(group, classes)).flatMap((number) =>
        kindsOf(measure).map((kind) => (columns?.get(number) ?? 0) + kind),
      );
    });
  return { knowledge: { columns: truth.length, sums }, truth, told, columnsOf };
}

function classesIn({ members }: Group, classes: Int32Array): Set<number> {
  const own = new Set<number>();
  classes.forEach((number, at) => {
    if (number >= 0 && members[at]) own.add(number);
  });
  return own;
}

/**
 * How many pupils, persistently and severely absent a group can have, by trying all: rounded figures of few tell
 * much.
 */
function narrowed(shown: Shown): Partial<Record<"pupils" | "persistent" | "severe", { low: number; high: number }>> {
  const { low, high, rates } = shown;
  if (high - low > 50 || !Number.isFinite(high)) {
    return low > 0 || Number.isFinite(high) ? { pupils: { low, high } } : {};
  }
  const bounds = { pupils: EMPTY(), persistent: EMPTY(), severe: EMPTY() };
  for (let pupils = low; pupils <= high; pupils++) {
    const persistent = possible(rates, "percent_persistent", pupils);
    const severe = possible(rates, "percent_severe", pupils);
    persistent.low = Math.max(persistent.low, severe.low);
    severe.high = Math.min(severe.high, persistent.high);
    if (persistent.low > persistent.high || severe.low > severe.high) continue;
    widen(bounds.pupils, { low: pupils, high: pupils });
    widen(bounds.persistent, persistent);
    widen(bounds.severe, severe);
  }
  return bounds;
}

const EMPTY = () => ({ low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY });

function widen(bound: { low: number; high: number }, by: { low: number; high: number }): void {
  bound.low = Math.min(bound.low, by.low);
  bound.high = Math.max(bound.high, by.high);
}

function possible(rates: Rate[], measure: Measure, pupils: number): { low: number; high: number } {
  const range = { low: 0, high: pupils };
  for (const rate of rates.filter((own) => own.measure === measure)) {
    range.low = Math.max(range.low, Math.ceil((rate.low * pupils) / rate.scale));
    range.high = Math.min(
      range.high,
      Math.floor((rate.high * pupils - Number(rate.isBelow && pupils > 0)) / rate.scale),
    );
  }
  return range;
}

interface Candidate {
  target: Target;
  columns: number[];
  /** The least and most that was seen to be possible. */
  low: number;
  high: number;
}

interface Bounded {
  target: Target;
  /** Whether that suffices to pin the group; if not, whole numbers may. */
  isNarrow: boolean;
  /** Which sums its bounds follow from. */
  because: number[];
}

function candidatesOf(targets: Target[], problem: Problem): Candidate[] {
  return targets.map((target) => {
    const columns = problem.columnsOf(target);
    const value = sumAt(columns, problem.truth);
    return { target, columns, low: value, high: value };
  });
}

function sumAt(columns: number[], values: ArrayLike<number>): number {
  return columns.reduce((sum, column) => sum + (values[column] ?? 0), 0);
}

/** What was found possible for one group is possible for all. */
function see(values: ArrayLike<number>, candidates: Candidate[]): void {
  for (const candidate of candidates) {
    const value = sumAt(candidate.columns, values);
    candidate.low = Math.min(candidate.low, value);
    candidate.high = Math.max(candidate.high, value);
  }
}

/** The targets whose bounds are, or may in whole numbers be, narrow; null if the knowledge contradicts itself. */
function boundsOf(targets: Target[], problem: Problem, ranges: Ranges): Bounded[] | null {
  const found: Bounded[] = [];
  let open = candidatesOf(targets, problem);
  for (let next = open.shift(); next; next = open.shift()) {
    const { target, columns } = next;
    const range = ranges.range(columns);
    if (!range) return null;
    const isNarrow = isPinned(target, wholeNumbers(range));
    if (isNarrow || range.high - range.low < NARROWED_BY_WHOLE_NUMBERS) {
      found.push({ target, isNarrow, because: range.because });
    }
    for (const values of range.at) see(values, open);
    open = open.filter(({ target: other, low, high }) => {
      const isCounted = isNarrow && other.group === target.group && other.place === target.place;
      return high - low < NARROWED_BY_WHOLE_NUMBERS && !isCounted;
    });
  }
  return found;
}

function isPinned({ measure }: Target, { low, high }: { low: number; high: number }): boolean {
  return high - low < NARROW && (measure === "pupils" || low >= 1);
}

function becauseOf(rows: number[], { told }: Problem): Pinned["because"] {
  const found = new Map<string, Pinned["because"][number]>();
  for (const row of rows) {
    const shown = told[row];
    if (!shown) continue;
    const { place, breakdown } = shown;
    const entry = found.get(`${place}|${breakdown}`) ?? { tables: [], school_urn: place, breakdown };
    entry.tables = [...new Set([...entry.tables, ...shown.tables])].sort();
    found.set(`${place}|${breakdown}`, entry);
  }
  return Array.from(found.values());
}

function faultsOfPinned(pinned: Pinned[], minimumPupils: number): string[] {
  return pinned.map(({ school_urn, breakdowns, measure, because, ...point }) => {
    const what = {
      pupils: "can be counted to within 3",
      percent_persistent: "has persistently absent pupils who can be counted to within 3",
      percent_severe: "has severely absent pupils who can be counted to within 3",
    }[measure];
    const whence = because.map(
      ({ tables, school_urn: place, breakdown }) =>
        `${tables.map((table) => `board.${table}`).join(" and ")} (${breakdown ?? "all pupils"} ${placeInWords(place)})`,
    );
    return `pinned: a group of fewer than ${minimumPupils} pupils in ${breakdowns.join(" and ") || "the school"} ${placeInWords(school_urn)} in ${inWords(point)} ${what} from ${whence.join(", ") || "what is shown"}. Raise disclosure: minimum_pupils in rollbook.yaml`;
  });
}
