import { agrees, wholeNumbers, withRanges } from "./bounds.ts";
import { combinationsOf, pointKey, type Truth } from "./combinations.ts";
import { fingerprint } from "./passed.ts";
import {
  faultsInForm,
  type ListedColumn,
  type Measure,
  REPORTING_POINTS,
  type ShippedTable,
  shippedFigures,
} from "./shipped.ts";
import { faultsInChoice, inWords, type Known, MEND, type Place, placeInWords, shownAt, truly } from "./shown.ts";
import { NARROW, notHidden, type Problem, problemOf, smallGroups, type Target, type Unknown } from "./small_groups.ts";

export interface AuditInput {
  shipped: ShippedTable[];
  listed: ListedColumn[];
  truth: Truth;
  /** Groups of fewer pupils are nobody's to know: what the gate went by. */
  minimumPupils: number;
  /** Milliseconds from anywhere. */
  clock: () => number;
  /** Fingerprints of moments at which nothing was found before (`passed.ts`): groups are not sought there again. */
  passed?: ReadonlySet<string>;
}

export interface Audit {
  /** What is wrong, for the trust's data person; nothing if the site may be published. */
  faults: string[];
  /** The groups that can be worked out, for whoever decides what to withhold instead. */
  pinned: Pinned[];
  /** Fingerprints of the moments at which nothing was found, now or before. */
  passed: string[];
  /** How many small groups were looked at, how many problems were solved for them, and how long it all took. */
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
  const { shipped, listed, truth, minimumPupils, clock, passed } = input;
  const began = clock();
  const combinations = combinationsOf(truth);
  const figures = shippedFigures(shipped, listed);
  const points = new Map(
    figures
      .filter(({ group, point }) => group && REPORTING_POINTS.includes(point.period_type ?? ""))
      .map(({ point }) => [pointKey(point), point]),
  );
  const faults = faultsInForm(shipped, listed);
  const statistics = { groups: 0, solved: 0, pinned: 0, milliseconds: 0 };
  const audit: Audit = { faults, pinned: [], passed: [], statistics };
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
    const moment = fingerprint(known, minimumPupils);
    if (passed?.has(moment)) {
      audit.passed.push(moment);
      continue;
    }
    const found = await pinnedAt(known, minimumPupils);
    if (found.faults.length === 0 && found.pinned.length === 0) audit.passed.push(moment);
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

/** Bounds on whole numbers are sought where those on any numbers are narrower than this. */
const NARROWED_BY_WHOLE_NUMBERS = 5;

async function pinnedAt(
  known: Known,
  minimumPupils: number,
): Promise<{ pinned: Pinned[]; faults: string[]; groups: number; solved: number }> {
  const { targets, groups } = smallGroups(known, minimumPupils);
  const result = { pinned: [] as Pinned[], faults: [] as string[], groups, solved: 0 };
  const open = notHidden(known, targets);
  const found: Bounded[] = [];
  for (const place of [null, ...known.schools]) {
    const bounds = await boundsAt(
      known,
      place,
      open.filter((target) => target.place === place),
      result,
    );
    if (bounds === null) return result;
    found.push(...bounds);
  }
  const narrow = found.filter(({ isNarrow }) => isNarrow).map(({ target }) => target);
  for (const school of known.schools) {
    for (const family of known.families.keys()) {
      const unsure = found.flatMap(({ target, isNarrow }) =>
        target.place === school && target.family === family && !isNarrow ? [target] : [],
      );
      if (unsure.length > 0) narrow.push(...(await narrowInWholeNumbers(known, school, family, unsure, result)));
    }
  }
  for (const { target, because } of found) {
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
      because,
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

interface Candidate {
  target: Target;
  /** The columns whose sum it is, besides so many pupils who are known. */
  columns: number[];
  known: number;
  /** The least and most that was seen to be possible. */
  low: number;
  high: number;
}

interface Bounded {
  target: Target;
  /** Whether that suffices to pin the group; if not, whole numbers may. */
  isNarrow: boolean;
  because: Pinned["because"];
}

function candidatesOf(targets: Target[], problem: Problem): Candidate[] {
  return targets.map((target) => {
    const columns = problem.columnsOf(target);
    const value = sumAt(columns, problem.truth);
    return { target, columns, known: 0, low: value, high: value };
  });
}

function sumAt(columns: number[], values: ArrayLike<number>): number {
  return columns.reduce((sum, column) => sum + (values[column] ?? 0), 0);
}

/** What was found possible for one group is possible for all. */
function see(values: ArrayLike<number>, candidates: Candidate[]): void {
  for (const candidate of candidates) {
    const value = candidate.known + sumAt(candidate.columns, values);
    candidate.low = Math.min(candidate.low, value);
    candidate.high = Math.max(candidate.high, value);
  }
}

/**
 * The groups of a place whose bounds are, or may in whole numbers be, narrow; null if the knowledge contradicts
 * itself or the warehouse.
 *
 * What is possible while most pupils stay where they truly are is possible: so pupils of one school are moved first, then
 * of more together, and only groups that are still open to doubt are looked at again. In the end the pupils of all schools
 * are moved, of more than {@link MANY_SCHOOLS} only for groups that come out narrow while those of so many are.
 */
async function boundsAt(
  known: Known,
  place: Place,
  targets: Target[],
  result: { faults: string[]; solved: number },
): Promise<Bounded[] | null> {
  let open: Candidate[] = targets.map((target) => {
    const value = pupilsIn(known, target);
    return { target, columns: [], known: value, low: value, high: value };
  });
  const doubtful: Bounded[] = [];
  const steps = stepsFor(known.schools.length);
  const tried = new Set<number>();
  for (const [at, { schools: size, isOfPopulated }] of steps.entries()) {
    if (open.length === 0) break;
    if (size !== 2) tried.clear();
    const schools = [...(place === null ? [] : [place]), ...partnersOf(known, open, tried)].slice(0, size);
    if (size === 2) for (const school of schools) tried.add(school);
    const unknown: Unknown = { schools, isOfPopulated };
    const problem = problemOf(
      known,
      open.map(({ target }) => target),
      unknown,
    );
    if (!agrees(problem.knowledge, problem.truth)) {
      result.faults.push(
        `not audited: what the site tells in ${inWords(known.point)} contradicts the warehouse that it is made from. Run "rollbook build" and "rollbook site" again`,
      );
      return null;
    }
    const isLast = at === steps.length - 1;
    for (const candidate of open) {
      candidate.columns = problem.columnsOf(candidate.target);
      candidate.known = pupilsIn(known, candidate.target) - sumAt(candidate.columns, problem.truth);
    }
    const left = await withRanges(problem.knowledge, (ranges) => {
      const narrow: Candidate[] = [];
      for (let next = open.shift(); next; next = open.shift()) {
        const range = ranges.range(next.columns);
        if (!range) return null;
        for (const values of range.at) see(values, [next, ...open]);
        next.low = Math.min(next.low, next.known + range.low);
        next.high = Math.max(next.high, next.known + range.high);
        const { target } = next;
        const isNarrow = isPinned(target, wholeNumbers(next));
        const canBePinned = target.measure === "pupils" || wholeNumbers(next).low >= 1;
        if (isWide(next)) continue;
        const isOfMany = size === MANY_SCHOOLS && !isOfPopulated;
        if (isLast || !canBePinned || (isOfMany && !isNarrow))
          doubtful.push({ target, isNarrow, because: becauseOf(range.because, problem) });
        else narrow.push(next);
        open = open.filter((other) => {
          const isCounted = isLast && isNarrow && other.target.group === target.group;
          return !isWide(other) && !isCounted;
        });
      }
      result.solved += ranges.solved();
      return narrow;
    });
    if (left === null) {
      result.faults.push(
        `not audited: what the site tells in ${inWords(known.point)} contradicts itself. Run "rollbook build" and "rollbook site" again`,
      );
      return null;
    }
    open = left.filter((candidate) => !isWide(candidate));
  }
  return doubtful;
}

/** With the pupils of more schools a program takes seconds. */
const MANY_SCHOOLS = 16;

function stepsFor(schools: number): { schools: number; isOfPopulated: boolean }[] {
  const together = [1, 2, 2, 4, 8, MANY_SCHOOLS].filter((size) => size < schools);
  return [
    ...together.map((size) => ({ schools: size, isOfPopulated: true })),
    ...(schools > MANY_SCHOOLS
      ? [
          { schools: MANY_SCHOOLS, isOfPopulated: false },
          { schools, isOfPopulated: true },
        ]
      : []),
    { schools, isOfPopulated: false },
  ];
}

/** The other schools, first those that can best make up in the trust's figures for pupils who move here. */
function partnersOf(known: Known, open: Candidate[], tried: Set<number>): number[] {
  const showing = new Set(known.shown.map(({ place, breakdown }) => `${place}|${breakdown}`));
  return known.schools
    .filter((school) => !tried.has(school) && open.every(({ target }) => target.place !== school))
    .map((school) => ({
      school,
      use: open.reduce((sum, { target: { family, group } }) => {
        const hiding = group.breakdowns.filter((breakdown) => !showing.has(`${school}|${breakdown}`)).length;
        return sum + (1 + 10 * hiding) * Math.min(truly(known, school, family, group)[0], 10);
      }, 0),
    }))
    .sort((a, b) => b.use - a.use)
    .map(({ school }) => school);
}

function pupilsIn(known: Known, { place, family, group, measure }: Target): number {
  const [pupils, persistent, severe] = truly(known, place, family, group);
  return { pupils, percent_persistent: persistent, percent_severe: severe }[measure];
}

function isWide({ low, high }: Candidate): boolean {
  return high - low >= NARROWED_BY_WHOLE_NUMBERS;
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
    return `pinned: a group of fewer than ${minimumPupils} pupils in ${breakdowns.join(" and ") || "the school"} ${placeInWords(school_urn)} in ${inWords(point)} ${what} from ${whence.join(", ") || "what is shown"}. ${MEND}`;
  });
}
