import fs from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import { RULES_FOLDER } from "../models/rules.ts";
import {
  countAttendance,
  grouped,
  lastFinishedHalfTerm,
  periodsOf,
  pupilIn,
  type RegisterRows,
  schoolYearDays,
  sessionsOf,
  spellsOf,
  standingMarks,
  startYear,
  startYearOn,
} from "./independent_counts.ts";

/**
 * Cohort figures from their definitions alone, counted day by day in plain TypeScript: a second opinion on the models of
 * cohorts. What cohorts there are is read from the rules, as data; how a status holds on a day is worked out here anew.
 */

/** The columns of `raw.pupils` that tell of a status, and the status that each tells of. */
export const STATUS_COLUMNS = {
  is_fsm: "fsm",
  is_fsm_ever_6: "fsm_ever_6",
  is_eal: "eal",
  is_looked_after: "looked_after",
  was_looked_after: "previously_looked_after",
  is_child_in_need: "child_in_need",
  is_child_protection: "child_protection",
  is_young_carer: "young_carer",
  is_medical: "medical",
  sen_provision: "sen_provision",
  sen_need: "sen_need",
  ethnicity_code: "ethnicity",
} as const;
type StatusColumn = keyof typeof STATUS_COLUMNS;

/** What a warehouse is built from where it tells of cohorts too. */
export interface CohortRegister extends RegisterRows {
  loads: { load_number: number; format: string }[];
  pupils: (RegisterRows["pupils"][number] & Record<StatusColumn, string | boolean | null>)[];
  pupil_statuses: {
    school_urn: number;
    pupil_key: string;
    status: string;
    value: string;
    from_on: string | null;
    to_on: string | null;
    known_on: string;
    load_number: number;
    row_number: number;
  }[];
}

/** A row of `staging.cohort_counts`. */
export interface CohortCounts {
  school_urn: number | null;
  school_year: string;
  period_type: string;
  period: string;
  basis: string;
  breakdown: string;
  cohort: string;
  pupils: number;
  pupils_persistent: number;
  pupils_severe: number;
  sessions_possible: number;
  sessions_attended: number;
}

/** A row of `marts.cohort_gaps`: `others_value` is of the breakdown's other pupils, null where there are none. */
export interface CohortGap {
  school_urn: number | null;
  school_year: string;
  period_type: string;
  period: string;
  basis: string;
  breakdown: string;
  cohort: string;
  measure: string;
  pupils: number;
  value: number;
  others_value: number | null;
  gap_points: number | null;
  all_value: number | null;
}

/** Every row that `staging.cohort_counts` should have, in no order. */
export function countCohorts(register: CohortRegister, asAt: string): CohortCounts[] {
  const rules = readCohortRules();
  const published = new Set(
    countAttendance(register, asAt)
      .pupils.filter(({ basis, period_type }) => basis === DFE && period_type === "year")
      .map(({ school_urn, pupil_key, school_year }) => `${school_urn} ${pupil_key} ${school_year}`),
  );
  const pupilsOf = grouped(register.pupils, ofPupil);
  const statusesOf = grouped(register.pupil_statuses, ofPupil);
  const marksOf = grouped(register.marks, ({ school_urn }) => String(school_urn));
  const halfTermsOf = grouped(register.half_terms, ({ school_urn }) => String(school_urn));
  const reportedUpTo = lastFinishedHalfTerm(register.half_terms, asAt);
  const listed = listedFrom(register, rules);
  const profileOf = profilesBy(rules);
  const tables = new Map<string, Table>();

  for (const { school_urn } of register.schools) {
    const halfTerms = halfTermsOf.get(String(school_urn)) ?? [];
    const periods = periodsOf(halfTerms, asAt, reportedUpTo);
    const calendarYears = halfTerms.map(({ school_year }) => startYear(school_year));

    for (const [pupil_key, stated] of grouped(marksOf.get(String(school_urn)) ?? [], (mark) => mark.pupil_key)) {
      const told = pupilsOf.get(`${school_urn} ${pupil_key}`) ?? [];
      const spells = spellsOf(told);
      const onRoll = standingMarks(stated).filter(
        ({ session_date: day }) => spells.length === 0 || spells.some((spell) => isWithin(spell, day)),
      );
      const history = historyOf(
        told,
        statusesOf.get(`${school_urn} ${pupil_key}`) ?? [],
        (status) => listed.get(`${school_urn} ${status}`),
        calendarYears,
        rules,
      );
      const profileOn = remembered((day: string) => profileOf(history(day)));

      for (const { school_year, period_type, period, starts_on, ends_on } of periods) {
        const [firstDay, lastDay] = schoolYearDays(school_year);
        const lastOnRoll = spells
          .filter(({ entered_on, left_on }) => entered_on <= lastDay && left_on >= firstDay)
          .map(({ left_on }) => left_on)
          .sort()
          .at(-1);
        const judgedOn = lastOnRoll !== undefined && lastOnRoll < ends_on ? lastOnRoll : ends_on;
        const halfTerm6 = halfTerms.find((half) => half.school_year === school_year && half.half_term === "summer 2");
        const isFifteen = pupilIn(told, school_year).age === 15;
        const within = onRoll.filter(({ session_date: day }) => starts_on <= day && day <= ends_on);
        const forDfe = published.has(`${school_urn} ${pupil_key} ${school_year}`)
          ? within.filter(({ session_date }) => !(isFifteen && halfTerm6 && session_date >= halfTerm6.starts_on))
          : [];

        for (const [basis, counted] of [
          [EVERYONE, within],
          [DFE, forDfe],
        ] as const) {
          const { sessions_possible, sessions_absent } = sessionsOf(counted);
          if (sessions_possible === 0) continue;
          const byProfile = grouped(counted, ({ session_date }) => profileOn(session_date).name);
          for (const urn of [school_urn, null]) {
            const key = [urn, school_year, period_type, period, basis].join("|");
            const table = tables.get(key) ?? {
              of: { school_urn: urn, school_year, period_type, period, basis },
              cells: new Map(),
            };
            tables.set(key, table);
            for (const cell of cellsOf(table, profileOn(judgedOn).cohorts)) {
              cell.pupils++;
              if (sessions_absent * 10 >= sessions_possible) cell.pupils_persistent++;
              if (sessions_absent * 2 >= sessions_possible) cell.pupils_severe++;
            }
            for (const marks of byProfile.values()) {
              const sessions = sessionsOf(marks);
              if (sessions.sessions_possible === 0) continue;
              for (const cell of cellsOf(table, profileOn(marks[0]?.session_date ?? "").cohorts)) {
                cell.sessions_possible += sessions.sessions_possible;
                cell.sessions_attended += sessions.sessions_attended;
              }
            }
          }
        }
      }
    }
  }
  return [...tables.values()].flatMap(({ cells }) => [...cells.values()]);
}

/**
 * Every row that `marts.cohort_gaps` should have of these counts, in no order: of breakdowns, not of intersections, and of
 * those that only put groups together for a board where a board may see them.
 */
export function gapsOf(counts: CohortCounts[]): CohortGap[] {
  const isMerge = new Map(readCohortRules().breakdowns.map(({ breakdown, isMerge }) => [breakdown, isMerge]));
  const parted = grouped(
    counts.filter(({ breakdown, basis, period_type }) =>
      isMerge.get(breakdown) ? basis === DFE && BOARD_PERIODS.includes(period_type) : isMerge.has(breakdown),
    ),
    (c) => [c.school_urn, c.school_year, c.period_type, c.period, c.basis, c.breakdown].join("|"),
  );
  return [...parted.values()].flatMap((cohorts) => {
    const all = sumOf(cohorts);
    return cohorts.flatMap((cohort) => {
      const { school_urn, school_year, period_type, period, basis, breakdown, pupils } = cohort;
      const others = sumOf(cohorts, cohort);
      const group = { school_urn, school_year, period_type, period, basis, breakdown, cohort: cohort.cohort };
      return MEASURES.flatMap(({ measure, of, outOf }) => {
        const [value, others_value] = [percent(cohort[of], cohort[outOf]), percent(others[of], others[outOf])];
        // of a cohort that nobody was in by the end, or that has no sessions yet, the measure tells nothing
        if (value === null) return [];
        const gap_points = others_value === null ? null : value - others_value;
        return [
          { ...group, measure, pupils, value, others_value, gap_points, all_value: percent(all[of], all[outOf]) },
        ];
      });
    });
  });
}

// --- internal ---

type Extract = CohortRegister["pupils"][number];
type Statement = CohortRegister["pupil_statuses"][number];
/** What each status is on a day; nothing where it is not known. */
type Statuses = Map<string, string>;
interface Table {
  of: Pick<CohortCounts, "school_urn" | "school_year" | "period_type" | "period" | "basis">;
  cells: Map<string, CohortCounts>;
}

const EVERYONE = "everyone on roll";
const DFE = "as DfE publishes";
const BOARD_PERIODS = ["year", "to_half_term"];
const SOCIAL_WORK = ["looked_after", "child_in_need", "child_protection"];
/** Statuses of which a spell ends when the next begins; of others, the flags, spells that overlap are one. */
const CODED = ["sen_provision", "sen_need", "ethnicity"];
const COUNTS = ["pupils", "pupils_persistent", "pupils_severe", "sessions_possible", "sessions_attended"] as const;
const MEASURES = [
  { measure: "percent_attendance", of: "sessions_attended", outOf: "sessions_possible" },
  { measure: "percent_persistent", of: "pupils_persistent", outOf: "pupils" },
  { measure: "percent_severe", of: "pupils_severe", outOf: "pupils" },
] as const;

interface CohortRules {
  /** Each breakdown's conditions, those of its first cohort first, and the cohort of pupils whom none is true of. */
  breakdowns: {
    breakdown: string;
    /** Whether it only puts groups together for a board. */
    isMerge: boolean;
    conditions: { cohort: string; status: string; like: RegExp }[];
    otherwise: string;
  }[];
  /** Each intersection and the breakdowns that it crosses, in order. */
  intersections: [intersection: string, of: string[]][];
  /** The statuses there are histories of, and what is so outside their dated spells. */
  outside: Map<string, string>;
  /** The formats whose files list everyone that a status is so of. */
  listFormats: Set<string>;
}

function readCohortRules(): CohortRules {
  const read = (name: string): Record<string, string>[] =>
    parse(fs.readFileSync(path.join(RULES_FOLDER, `${name}.csv`)), { columns: true });
  const inOrder = (rows: Record<string, string>[]) => rows.sort((a, b) => Number(a.position) - Number(b.position));
  const conditions = grouped(inOrder(read("cohorts")), ({ breakdown }) => breakdown ?? "");
  const crossed = grouped(inOrder(read("cohort_intersections")), ({ breakdown }) => breakdown ?? "");
  return {
    breakdowns: read("cohort_breakdowns").map(({ breakdown = "", is_merge, otherwise = "" }) => ({
      breakdown,
      isMerge: is_merge === "true",
      conditions: (conditions.get(breakdown) ?? []).map(({ cohort = "", status = "", value = "" }) => ({
        cohort,
        status,
        like: new RegExp(`^${value.replaceAll("_", ".").replaceAll("%", ".*")}$`),
      })),
      otherwise,
    })),
    intersections: [...crossed].map(([name, parts]) => [name, parts.map(({ of_breakdown = "" }) => of_breakdown)]),
    outside: new Map(read("cohort_statuses").map(({ status = "", value_outside = "" }) => [status, value_outside])),
    listFormats: new Set(read("status_lists").map(({ format = "" }) => format)),
  };
}

/** Which cohorts statuses put a pupil in, each as "breakdown: cohort"; worked out once for the same statuses. */
function profilesBy(rules: CohortRules): (statuses: Statuses) => { name: string; cohorts: string[] } {
  const known = new Map<string, { name: string; cohorts: string[] }>();
  return (statuses) => {
    const name = [...statuses].join("|");
    const profile = known.get(name) ?? { name, cohorts: cohortsOf(statuses, rules) };
    known.set(name, profile);
    return profile;
  };
}

function cohortsOf(statuses: Statuses, { breakdowns, intersections }: CohortRules): string[] {
  const cohorts = new Map(
    breakdowns.map(({ breakdown, conditions, otherwise }) => {
      const met = conditions.find(({ status, like }) => like.test(statuses.get(status) ?? "\n"));
      return [breakdown, met?.cohort ?? otherwise];
    }),
  );
  for (const [intersection, of] of intersections) {
    cohorts.set(intersection, of.map((breakdown) => cohorts.get(breakdown)).join(" / "));
  }
  return [...cohorts].map(([breakdown, cohort]) => `${breakdown}: ${cohort}`);
}

/** The first day from which a school lists everyone that a status is so of. */
function listedFrom(register: CohortRegister, { listFormats }: CohortRules): Map<string, string> {
  const lists = new Set(
    register.loads.filter(({ format }) => listFormats.has(format)).map(({ load_number }) => load_number),
  );
  const first = new Map<string, string>();
  for (const { school_urn, status, from_on, load_number } of register.pupil_statuses) {
    if (from_on === null || !lists.has(load_number)) continue;
    const key = `${school_urn} ${status}`;
    const before = first.get(key);
    if (before === undefined || from_on < before) first.set(key, from_on);
  }
  return first;
}

/** What was so of a pupil at a school on any day. */
function historyOf(
  extracts: Extract[],
  statements: Statement[],
  listedFrom: (status: string) => string | undefined,
  calendarYears: number[],
  { outside }: CohortRules,
): (day: string) => Statuses {
  const tellers = [...outside].map(([status, valueOutside]) => {
    const ofStatus = statements.filter((one) => one.status === status);
    const from = listedFrom(status);
    const tell = tellerOf(status, valueOutside, extracts, ofStatus, from);
    return { status, tell };
  });
  // a status changes only on these days
  const changes = [
    ...statements.flatMap(({ from_on, known_on }) => [from_on ?? known_on]),
    ...extracts.map(({ known_on }) => known_on),
  ];
  const years = [...calendarYears, ...changes.map(startYearOn)];
  for (let year = Math.min(...years); year <= Math.max(...years); year++) changes.push(`${year}-08-01`);
  const social = tellers.filter(({ status }) => SOCIAL_WORK.includes(status));
  const firstSocialWork = changes.sort().find((day) => social.some(({ tell }) => tell(day) === "true"));

  const inYear = remembered((schoolYear: string) => pupilIn(extracts, schoolYear));
  return (day) => {
    const statuses: Statuses = new Map();
    for (const { status, tell } of tellers) {
      const value = tell(day);
      if (value) statuses.set(status, value);
    }
    const { year_group, sex } = inYear(schoolYearOn(day));
    if (year_group) statuses.set("year_group", year_group);
    if (sex) statuses.set("sex", sex);
    if (firstSocialWork !== undefined && firstSocialWork <= day) statuses.set("had_social_worker", "true");
    return statuses;
  };
}

/** What one status was on a day; nothing, or an empty text, where nobody knows. */
function tellerOf(
  status: string,
  valueOutside: string,
  extracts: Extract[],
  statements: Statement[],
  listedFrom: string | undefined,
): (day: string) => string | undefined {
  const isListed = (day: string) => listedFrom !== undefined && schoolYearDays(schoolYearOn(day))[1] >= listedFrom;
  const runs = runsOf(statements, CODED.includes(status));
  if (runs.length > 0) {
    return (day) => {
      const run = runs.filter(({ from_on }) => from_on <= day).at(-1);
      if (run?.spells.some(({ from_on, to_on }) => from_on <= day && day <= to_on)) return run.value;
      // before a list begins nobody is said not to be on it
      return listedFrom !== undefined && !isListed(day) ? undefined : valueOutside;
    };
  }
  const told = toldOnDays(status, extracts, statements);
  if (told.length > 0) return (day) => toldFor(day, told);
  return (day) => (isListed(day) ? "false" : undefined);
}

interface Run {
  from_on: string;
  value: string;
  spells: { from_on: string; to_on: string }[];
}

/** Spells that were told with their first day, as runs of which each ends where the next begins. */
function runsOf(statements: Statement[], isCoded: boolean): Run[] {
  const dated = statements.flatMap((one) =>
    one.from_on === null ? [] : [{ ...one, from_on: one.from_on, to_on: one.to_on ?? "9999-12-31" }],
  );
  const newest = dated
    .map(({ known_on }) => known_on)
    .sort()
    .at(-1);
  const ofNewest = dated.filter(({ known_on }) => known_on === newest).map(({ from_on }) => from_on);
  const believedFrom = ofNewest.sort()[0] ?? "";
  const runs: Run[] = [];
  const believed = dated.filter(({ known_on, from_on }) => known_on === newest || from_on < believedFrom);
  for (const [from_on, rows] of [...grouped(believed, (one) => one.from_on)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [last] = rows.sort(
      (a, b) =>
        descending(a.known_on, b.known_on) ||
        b.load_number - a.load_number ||
        (isCoded ? 0 : descending(a.to_on, b.to_on)) ||
        b.row_number - a.row_number,
    );
    if (last === undefined) continue;
    const run = runs.at(-1);
    const spell = { from_on, to_on: last.to_on };
    if (run !== undefined && !isCoded && run.value === last.value) run.spells.push(spell);
    else runs.push({ from_on, value: last.value, spells: [spell] });
  }
  return runs;
}

interface Told {
  known_on: string;
  value: string;
}

/** What was told as at each day, oldest first. */
function toldOnDays(status: string, extracts: Extract[], statements: Statement[]): Told[] {
  const [column] = Object.entries(STATUS_COLUMNS).find(([, told]) => told === status) ?? [];
  const inColumn = extracts.flatMap(({ known_on, entered_on, load_number, row_number, ...columns }) => {
    const value = column === undefined ? null : columns[column as StatusColumn];
    return value === null ? [] : [{ known_on, entered_on, load_number, row_number, value: String(value) }];
  });
  const withoutFirstDay = statements.flatMap(({ known_on, from_on, to_on, load_number, row_number, value }) =>
    from_on !== null || (to_on !== null && to_on < known_on)
      ? []
      : [{ known_on, entered_on: null, load_number, row_number, value }],
  );
  return [...grouped([...inColumn, ...withoutFirstDay], ({ known_on }) => known_on)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, ofDay]) =>
      ofDay
        .sort(
          (a, b) =>
            descending(a.entered_on ?? "", b.entered_on ?? "") ||
            b.load_number - a.load_number ||
            b.row_number - a.row_number,
        )
        .slice(0, 1),
    );
}

/** Of what was told in the day's school year the last by then, or else the first; or else of the nearest year. */
function toldFor(day: string, told: Told[]): string | undefined {
  const year = startYearOn(day);
  const toldIn = told.map(({ known_on }) => startYearOn(known_on));
  const [nearest = year] = toldIn.sort((a, b) => Math.abs(a - year) - Math.abs(b - year) || b - a);
  const inYear = told.filter(({ known_on }) => startYearOn(known_on) === nearest);
  const upToDay = inYear.filter(({ known_on }) => known_on <= day);
  return (upToDay.at(-1) ?? inYear[0])?.value;
}

function cellsOf({ of, cells }: Table, cohorts: string[]): CohortCounts[] {
  return cohorts.map((named) => {
    const known = cells.get(named);
    if (known !== undefined) return known;
    const [breakdown, cohort] = [named.slice(0, named.indexOf(": ")), named.slice(named.indexOf(": ") + 2)];
    const zero = { pupils: 0, pupils_persistent: 0, pupils_severe: 0, sessions_possible: 0, sessions_attended: 0 };
    const cell = { ...of, breakdown, cohort, ...zero };
    cells.set(named, cell);
    return cell;
  });
}

function sumOf(cohorts: CohortCounts[], without?: CohortCounts): Record<(typeof COUNTS)[number], number> {
  const sum = { pupils: 0, pupils_persistent: 0, pupils_severe: 0, sessions_possible: 0, sessions_attended: 0 };
  for (const cohort of cohorts) {
    if (cohort === without) continue;
    for (const count of COUNTS) sum[count] += cohort[count];
  }
  return sum;
}

function percent(part: number, of: number): number | null {
  return of === 0 ? null : (100 * part) / of;
}

function remembered<T>(work: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const made = work(key);
    known.set(key, made);
    return made;
  };
}

function ofPupil({ school_urn, pupil_key }: { school_urn: number; pupil_key: string }): string {
  return `${school_urn} ${pupil_key}`;
}

function isWithin({ entered_on, left_on }: { entered_on: string; left_on: string }, day: string): boolean {
  return entered_on <= day && day <= left_on;
}

function descending(a: string, b: string): number {
  return a === b ? 0 : a > b ? -1 : 1;
}

function schoolYearOn(day: string): string {
  const year = startYearOn(day);
  return `${year}/${String(year + 1).slice(2)}`;
}
