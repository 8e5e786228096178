import type { Knowledge, Sum } from "./bounds.ts";
import { type Group, KINDS } from "./combinations.ts";
import type { Measure } from "./shipped.ts";
import { type Known, type Place, type Rate, type Shown, truly } from "./shown.ts";

/** A bound this narrow tells of single pupils. */
export const NARROW = 3;

/** A group of few pupils, and what of it is audited. */
export interface Target {
  place: Place;
  family: number;
  group: Group;
  measure: Measure;
}

/** Every group of 1 to `minimumPupils` - 1 pupils at every school and in the trust, and what of each is audited. */
export function smallGroups(known: Known, minimumPupils: number): { targets: Target[]; groups: number } {
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

/**
 * The groups into or out of which no pupils can be moved without any figure changing: the others cannot be pinned, and
 * no program need be solved for them.
 */
export function notHidden(known: Known, targets: Target[]): Target[] {
  const classes = new Map(
    known.schools.map((school) => [school, known.families.map((_, family) => classesAt(known, school, family))]),
  );
  return targets.filter((target) => !isHidden(known, target, classes));
}

/** Whose pupils are taken to be unknown; everybody else is taken to be where they truly are. */
export interface Unknown {
  schools: number[];
  /** Whether only combinations that somebody at the school truly has are. */
  isOfPopulated: boolean;
}

/** What is known at one moment as bounds on sums of unknown numbers. */
export interface Problem {
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
 *
 * @param unknown if only some pupils are, whatever values of the columns are possible are possible as well where all are
 */
export function problemOf(
  known: Known,
  targets: Target[],
  unknown: Unknown = { schools: known.schools, isOfPopulated: false },
): Problem {
  const sums: Sum[] = [];
  const told: (Shown | undefined)[] = [];
  const truth: number[] = [];
  const add = (columns: number[], weights: number[], lower: number, upper: number, by?: Shown) => {
    sums.push({ columns, weights, lower, upper });
    told.push(by);
  };
  /** Three new columns: the sum of these, kind by kind, and of pupils who are known. */
  const total = (parts: number[], others: readonly number[] = []): number => {
    const first = truth.length;
    for (let kind = 0; kind < KINDS; kind++) {
      const other = others[kind] ?? 0;
      truth.push(parts.reduce((sum, part) => sum + (truth[part + kind] ?? 0), other));
      add([...parts.map((part) => part + kind), first + kind], [...parts.map(() => 1), -1], -other, -other);
    }
    return first;
  };

  const classColumns = new Map<string, Map<number, number>>();
  const allAt = new Map<number, number>();
  /** By place, family and group: the first of its three columns. */
  const groupColumns = new Map<string, number>();
  const groupKey = (place: Place, family: number, group: Group) => `${place}|${family}|${group.members.join("")}`;
  const classesOf = new Map<string, Int32Array>();

  for (const school of unknown.schools) {
    for (const family of known.families.keys()) {
      const told = known.shown.filter(
        (entry) => entry.family === family && (entry.place === null || entry.place === school),
      );
      const apart = targets.filter((target) => target.family === family && (target.place ?? school) === school);
      const classes = classesAt(known, school, family, [...new Set(apart.map(({ group }) => group))]);
      const columns = new Map<number, number>();
      const counts = known.counts.get(school)?.[family];
      if (unknown.isOfPopulated) {
        classes.forEach((_, at) => {
          if (!counts?.subarray(at * KINDS, (at + 1) * KINDS).some((number) => number > 0)) classes[at] = -1;
        });
      }
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

  /** All pupils of a school, also of one of which nothing else is told. */
  const allOf = (school: number): number => {
    const first = allAt.get(school) ?? truth.length;
    if (!allAt.has(school)) {
      allAt.set(school, first);
      truth.push(...byKind(truly(known, school, null, NOBODY)));
    }
    return first;
  };
  const othersIn = ({ family, group }: Shown, firsts: number[]): number[] =>
    byKind(truly(known, null, family, group)).map((number, kind) =>
      firsts.reduce((sum, first) => sum - (truth[first + kind] ?? 0), number),
    );

  const trustColumns = new Map<string, number>();
  for (const shown of known.shown) {
    if (shown.place !== null && !unknown.schools.includes(shown.place)) continue;
    const firsts = (shown.place === null ? unknown.schools : [shown.place]).map(
      (school) =>
        (shown.family === null ? allOf(school) : groupColumns.get(groupKey(school, shown.family, shown.group))) ?? 0,
    );
    const key = `${shown.family}|${shown.group.members.join("")}`;
    const [only] = firsts;
    const first =
      shown.place !== null ? (only ?? 0) : (trustColumns.get(key) ?? total(firsts, othersIn(shown, firsts)));
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
    (place === null ? unknown.schools : [place]).flatMap((school) => {
      const classes = classesOf.get(`${school}|${family}`) ?? new Int32Array();
      const columns = classColumns.get(`${school}|${family}`);
      return Array.from(classesIn(group, classes)).flatMap((number) =>
        kindsOf(measure).map((kind) => (columns?.get(number) ?? 0) + kind),
      );
    });
  return { knowledge: { columns: truth.length, sums }, truth, told, columnsOf };
}

// --- internal ---

function isHidden(
  known: Known,
  { place, family, group, measure }: Target,
  classesOf: Map<number, Int32Array[]>,
): boolean {
  let [certain, open] = [0, 0];
  for (const school of place === null ? known.schools : [place]) {
    const classes = classesOf.get(school)?.[family] ?? new Int32Array();
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

const NOBODY: Group = { breakdowns: [], cohort: "", members: new Uint8Array() };

function byKind([pupils, persistent, severe]: [number, number, number]): [number, number, number] {
  return [pupils - persistent, persistent - severe, severe];
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
