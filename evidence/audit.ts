import { agrees, type Ranges, wholeNumbers, withRanges } from "./bounds.ts";
import { combinationsOf, pointKey, type Truth } from "./combinations.ts";
import {
  faultsInForm,
  type ListedColumn,
  type Measure,
  REPORTING_POINTS,
  type ShippedTable,
  shippedFigures,
} from "./shipped.ts";
import { faultsInChoice, inWords, type Known, placeInWords, shownAt } from "./shown.ts";
import { isHidden, NARROW, type Problem, problemOf, smallGroups, type Target } from "./small_groups.ts";

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

/** Bounds on whole numbers are sought where those on any numbers are narrower than this. */
const NARROWED_BY_WHOLE_NUMBERS = 5;

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
