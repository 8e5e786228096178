/**
 * Effects of interventions from their definition alone, week by week and pupil by pupil in plain TypeScript: a second
 * opinion on `marts.interventions` and `marts.intervention_effects`.
 */

export interface Listed {
  pupil: string;
  plan: string;
  /** ISO day. */
  startedOn: string;
}

export interface School {
  urn: number;
  /** The days on which it was open, up to the as-at date. */
  days: readonly string[];
  pupils: {
    key: string;
    yearGroup: string | null;
    /** When the pupil was on the roll; none at all where nobody knows, and then always. */
    spells: { from: string; to: string | null }[];
    marks: { day: string; session: string; code: string }[];
  }[];
  listed: Listed[];
}

/** An intervention and what came of it, in percentage points. */
export interface Effect extends Listed {
  urn: number;
  why: string | null;
  isEarly: boolean;
  isAlongside: boolean;
  similar: number;
  change: number | null;
  similarChange: number | null;
  effect: number | null;
}

interface PlanEffect {
  urn: number;
  plan: string;
  measured: number;
  mean: number | null;
  low: number | null;
  high: number | null;
}

/** The interventions of schools by school, pupil, plan and start, and their plans. */
export function effectsOf(schools: readonly School[], asAt: string): { interventions: Effect[]; plans: PlanEffect[] } {
  const interventions = schools
    .flatMap((school) => school.listed.map((one) => effectOf(school, one, asAt)))
    .sort((a, b) => a.urn - b.urn || by(a.pupil, b.pupil) || by(a.plan, b.plan) || by(a.startedOn, b.startedOn));
  const plans = schools.flatMap(({ urn, listed }) =>
    [...new Set(listed.map(({ plan }) => plan))].sort().map((plan) => planOf(urn, plan, interventions)),
  );
  return { interventions, plans };
}

// --- internal ---

const WEEKS = 5;
const FEWEST_WEEKS = 2;
const POINTS_APART = 2;
const MOST_SIMILAR = 5;
const INTERVAL_FROM = 10;
const ATTENDED = ["/", "\\", "L", "B"];
const MISSED = ["I", "O", "M", "U"];
/** The Monday of each day that was asked for: marks ask for the same few hundred days again and again. */
const MONDAYS = new Map<string, string>();

interface Windows {
  before: string[];
  after: string[];
}

interface Counts {
  possible: number;
  attended: number;
}

function effectOf(school: School, one: Listed, asAt: string): Effect {
  const start = mondayOf(one.startedOn);
  const weeks = [...new Set(school.days.map(mondayOf))].sort();
  const windows: Windows = {
    before: weeks.filter((week) => week < start).slice(-WEEKS),
    after: weeks.filter((week) => week > start).slice(0, WEEKS),
  };
  const unmeasured = (why: string): Effect => ({
    ...{ urn: school.urn, pupil: one.pupil, plan: one.plan, startedOn: one.startedOn, why },
    ...{ isEarly: false, isAlongside: false, similar: 0, change: null, similarChange: null, effect: null },
  });
  if (one.startedOn > asAt) return unmeasured("not begun");
  if (windows.before.length < FEWEST_WEEKS) return unmeasured("too few school weeks before");
  if (windows.after.length < FEWEST_WEEKS) return unmeasured("too few school weeks since");
  const own = school.pupils.find(({ key }) => key === one.pupil);
  const measured = own && measure(own, windows);
  if (!measured) return unmeasured("not at the school in all of these weeks");

  const startedWithin = school.listed.filter(({ startedOn }) => isWithin(mondayOf(startedOn), windows));
  const similar = school.pupils
    .filter(({ key, yearGroup }) => yearGroup === own.yearGroup && !startedWithin.some(({ pupil }) => pupil === key))
    .flatMap((pupil) => {
      const theirs = measure(pupil, windows);
      return theirs ? [{ key: pupil.key, ...theirs, apart: apart(theirs.before, measured.before) }] : [];
    })
    .filter(({ before, apart }) => 100 * apart <= POINTS_APART * before.possible * measured.before.possible)
    // apart is a number of possible sessions times the pupil's own: two are compared crosswise, in whole numbers
    .sort((a, b) => a.apart * b.before.possible - b.apart * a.before.possible || by(a.key, b.key))
    .slice(0, MOST_SIMILAR);
  const change = changeOf(measured);
  const similarChange = similar.length > 0 ? mean(similar.map(changeOf)) : null;
  return {
    ...{ urn: school.urn, pupil: one.pupil, plan: one.plan, startedOn: one.startedOn },
    why: similar.length > 0 ? null : "no similar pupil",
    isEarly: windows.after.length < WEEKS,
    isAlongside: startedWithin.filter(({ pupil }) => pupil === one.pupil).length > 1,
    similar: similar.length,
    change,
    similarChange,
    effect: similarChange === null ? null : change - similarChange,
  };
}

function planOf(urn: number, plan: string, interventions: readonly Effect[]): PlanEffect {
  const effects = new Map<string, number[]>();
  for (const one of interventions) {
    if (one.urn !== urn || one.plan !== plan || one.effect === null) continue;
    effects.set(one.pupil, [...(effects.get(one.pupil) ?? []), one.effect]);
  }
  const each = [...effects.values()].map(mean);
  if (each.length === 0) return { urn, plan, measured: 0, mean: null, low: null, high: null };
  const middle = mean(each);
  if (each.length < INTERVAL_FROM) return { urn, plan, measured: each.length, mean: middle, low: null, high: null };
  const squares = each.reduce((sum, effect) => sum + (effect - middle) ** 2, 0);
  const margin = 1.959964 * Math.sqrt(squares / (each.length - 1) / each.length);
  return { urn, plan, measured: each.length, mean: middle, low: middle - margin, high: middle + margin };
}

/** What a pupil attended before and after, if on the roll from the first week to the last and due in school in both. */
function measure(pupil: School["pupils"][number], windows: Windows): { before: Counts; after: Counts } | null {
  const weeks = [...windows.before, ...windows.after];
  const [first = "", last = ""] = [weeks[0], weeks.at(-1)];
  const isThroughout =
    pupil.spells.length === 0 ||
    pupil.spells.some(({ from, to }) => mondayOf(from) <= first && (to === null || to >= last));
  if (!isThroughout) return null;
  const [before, after] = [counts(pupil, windows.before), counts(pupil, windows.after)];
  return before.possible > 0 && after.possible > 0 ? { before, after } : null;
}

function counts({ marks, spells }: School["pupils"][number], weeks: readonly string[]): Counts {
  const isOnRoll = (day: string) =>
    spells.length === 0 || spells.some(({ from, to }) => from <= day && (to === null || day <= to));
  const counted = marks.filter(({ day }) => weeks.includes(mondayOf(day)) && isOnRoll(day));
  const attended = counted.filter(({ code }) => ATTENDED.includes(code)).length;
  return { attended, possible: attended + counted.filter(({ code }) => MISSED.includes(code)).length };
}

function apart(theirs: Counts, own: Counts): number {
  return Math.abs(theirs.attended * own.possible - own.attended * theirs.possible);
}

function changeOf({ before, after }: { before: Counts; after: Counts }): number {
  return 100 * (after.attended / after.possible - before.attended / before.possible);
}

function isWithin(week: string, { before, after }: Windows): boolean {
  return week >= (before[0] ?? "") && week <= (after.at(-1) ?? "");
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function mondayOf(day: string): string {
  const known = MONDAYS.get(day);
  if (known !== undefined) return known;
  const time = Date.parse(day);
  const sinceMonday = (new Date(time).getUTCDay() + 6) % 7;
  const monday = new Date(time - sinceMonday * 86_400_000).toISOString().slice(0, 10);
  MONDAYS.set(day, monday);
  return monday;
}

function by(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
