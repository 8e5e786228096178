import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { parse } from "csv-parse/sync";
import { expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { writePolicies } from "../ingest/policies.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import type { Model } from "../models/model.ts";
import { RULES_FOLDER } from "../models/rules.ts";
import { dayAfter } from "./independent_counts.ts";
import { findMet, type Met, type PolicyRegister, type PolicyRule, windowsThatHold } from "./independent_policy.ts";
import { insertRaw, modelsFor } from "./raw_rows.ts";

const SEED = 20261122;
const REGISTERS_A_BUILD = 51;
const FIRST_YEAR = 2023;
/** What comes about less often than 500 times. */
const SELDOM: Record<string, number> = { "within a half term": 300, "right after leave": 100 };
/** The days that figures count up to: one database for each, the first with a year before the codes changed. */
const AS_AT = [
  "2026-07-31", // the last day of a school year
  "2025-08-16", // a Saturday in the summer holidays
  "2026-02-04", // a Wednesday in a half term
  "2025-10-01", // a year of a few weeks
];

test("hundreds of random registers meet the same rules on the same days as going through them day by day", async () => {
  const times = new Map<string, number>();
  let registers = 0;
  for (const [build, asAt] of AS_AT.entries()) {
    const random = randomFrom(SEED + build);
    const all = Array.from({ length: REGISTERS_A_BUILD }, (_, i) => registerAt(100_000 + i, random));
    const register = joined(all);
    const expected = findMet(register, nationalDuties, asAt).filter(isListed(register));
    const made = await madeOf(register, asAt);
    const faults = differing(made, expected);
    if (faults.length > 0) throw new Error(explained(faults, register, asAt));
    registers += all.length;
    const ruleOf = new Map(register.policy_rules.map((rule) => [`${rule.school_urn} ${rule.rule}`, rule]));
    for (const { school_urn, rule, is_active } of expected) {
      const found = ruleOf.get(`${school_urn} ${rule}`) ?? nationalDuties.find((duty) => duty.rule === rule);
      const { shape, after_stage, right_after_codes, checked, is_per_half_term } = found ?? {};
      const kinds = [shape, after_stage && "after a stage", right_after_codes && "right after leave", checked]
        .concat(is_per_half_term ? "within a half term" : [], is_active ? "active" : "over")
        .filter((kind) => kind !== undefined);
      for (const kind of kinds) times.set(kind, (times.get(kind) ?? 0) + 1);
    }
  }
  const told = [...times].map(([kind, number]) => `${kind} ${number}`);
  console.log(`${registers} registers, every time that a rule was met equal: ${told.join(", ")}`);
  // registers in which nothing happens would prove nothing
  const least = Object.fromEntries([...times].map(([kind, number]) => [kind, Math.min(number, SELDOM[kind] ?? 500)]));
  expect(least).toEqual({
    ...{ rolling: 500, cumulative: 500, "consecutive days": 500, unresolved: 500, "attendance band": 500, stage: 500 },
    ...{ weekly: 500, fortnightly: 500, "half-termly": 500, "after a stage": 500, over: 500, active: 500, ...SELDOM },
  });
});

test("ten sessions within ten school weeks are found as by going back from each day, whatever the holidays", async () => {
  const random = randomFrom(SEED);
  const all = Array.from({ length: 45 }, (_, i) => longAbsences(200_000 + i, random));
  const register = joined(all);
  const kind = { threshold: 10, weeks: 10 };
  const expected: string[] = [];
  let nearMisses = 0;
  for (const one of all) {
    const days = new Set(schoolDaysOf(one));
    for (const { pupil_key } of one.pupils) {
      const missed = one.marks
        .filter((mark) => mark.pupil_key === pupil_key && ["G", "N", "O", "U"].includes(mark.code))
        .map(({ session_date }) => session_date);
      for (const { first_on, met_on } of windowsThatHold(days, missed, kind)) {
        expected.push(`${pupil_key} ${first_on} ${met_on}`);
      }
      nearMisses += windowsThatHold(days, missed, { ...kind, threshold: 9 }).filter(
        ({ sessions }) => sessions === 9,
      ).length;
    }
  }
  const made = await builtFrom(register, "2026-07-31", modelsFor(["staging.rolling_windows"]), (db) =>
    rows(
      db,
      `select pupil_key || ' ' || first_on || ' ' || met_on as found
      from staging.rolling_windows as rolling_windows
      join staging.pupil_numbers as pupil_numbers on rolling_windows.pupil_number = pupil_numbers.pupil_number
      where threshold = 10 and window_weeks = 10`,
    ),
  );
  console.log(`${all.length} calendars: ${expected.length} windows hold, ${nearMisses} are a session short`);
  expect(made.map(({ found }) => found).sort()).toEqual(expected.sort());
  expect(expected.length).toBeGreaterThan(1000);
  expect(nearMisses).toBeGreaterThan(500);
});

// --- registers at random ---

type Random = ReturnType<typeof randomFrom>;

function randomFrom(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    /** True so many times in a hundred. */
    chance: (percent: number) => next() * 100 < percent,
    /** A whole number from `least` up to `most`. */
    from: (least: number, most: number) => least + Math.floor(next() * (most - least + 1)),
    one: <T>(of: readonly [T, ...T[]]): T => of[Math.floor(next() * of.length)] ?? of[0],
  };
}

const UNAUTHORISED = "G N O U";
const ALL_ABSENT = "C C1 C2 E G H I J1 M N O R S T U";
const CODE_LISTS = [UNAUTHORISED, ALL_ABSENT, ALL_ABSENT, "I", "O U"] as const;
const HALF_TERMS = ["autumn 1", "autumn 2", "spring 1", "spring 2", "summer 1", "summer 2"] as const;
const toldNothing = { entered_on: null, left_on: null, sex: null, year_group: null, born_on: null };
/** The earliest first day of each half term, in days after the year's 1 August. */
const FIRST_DAYS = [32, 93, 156, 205, 262, 310];

const nationalDuties: PolicyRule[] = (
  parse(fs.readFileSync(path.join(RULES_FOLDER, "national_duties.csv")), { columns: true }) as Record<string, string>[]
).map((row, i) => ({
  rule: row.rule ?? "",
  position: i,
  kind: "national",
  shape: row.shape as PolicyRule["shape"],
  codes: row.codes ?? "",
  ...(row.right_after_codes ? { right_after_codes: row.right_after_codes } : {}),
  threshold: Number(row.threshold),
  window_weeks: Number(row.window_weeks),
  opens_on: "08-01",
  closes_on: "07-31",
  is_compulsory_age: row.is_compulsory_age === "true",
}));

/** A school with its calendar of three school years, its policy and the registers of a few pupils. */
function registerAt(school_urn: number, random: Random): PolicyRegister {
  const rules = policyRules(random);
  const made = emptyRegister(school_urn);
  made.policy_rules = rules.map((rule) => ({ school_urn, ...rule }));
  addCalendar(made, random);
  const days = schoolDaysOf(made);
  const pupils = random.from(2, 4);
  for (let i = 0; i < pupils; i++) addPupil(made, rules, days, `s${school_urn}p${i}`, random);
  return made;
}

function emptyRegister(school_urn: number): PolicyRegister {
  const schools = [{ school_urn, phase: "Secondary" }];
  return { schools, half_terms: [], closed_days: [], pupils: [], marks: [], policy_rules: [] };
}

function addCalendar(made: PolicyRegister, random: Random) {
  const school_urn = made.schools[0]?.school_urn ?? 0;
  for (let year = FIRST_YEAR; year < FIRST_YEAR + 3; year++) {
    const school_year = `${year}/${String(year + 1).slice(2)}`;
    for (const [i, half_term] of HALF_TERMS.entries()) {
      const starts_on = weekday(dayAfter(`${year}-08-01`, (FIRST_DAYS[i] ?? 0) + random.from(0, 4)));
      const ends_on = weekday(dayAfter(starts_on, random.from(9, 38)));
      made.half_terms.push({ school_urn, school_year, half_term, starts_on, ends_on });
      const closed = new Set<string>();
      if (random.chance(30)) closed.add(starts_on);
      if (random.chance(10)) closed.add(ends_on);
      if (random.chance(30)) closed.add(weekday(dayAfter(starts_on, random.from(1, 20))));
      // a week of snow, now and then the last of the half term
      if (random.chance(12)) {
        const monday = mondayOf(random.chance(30) ? ends_on : dayAfter(starts_on, random.from(4, 20)));
        for (let day = 0; day < 5; day++) closed.add(dayAfter(monday, day));
      }
      for (const closed_on of closed) {
        if (closed_on < starts_on || closed_on > ends_on) continue;
        made.closed_days.push({ school_urn, school_year, closed_on, kind: random.one(["closed", "inset"]) });
      }
    }
  }
}

function schoolDaysOf({ half_terms, closed_days }: PolicyRegister): string[] {
  const closed = new Set(closed_days.map(({ closed_on }) => closed_on));
  return half_terms.flatMap(({ starts_on, ends_on }) => {
    const days: string[] = [];
    for (let day = starts_on; day <= ends_on; day = dayAfter(day)) {
      if (weekday(day) === day && !closed.has(day)) days.push(day);
    }
    return days;
  });
}

/** A school of pupils who truant so often that ten sessions lie within ten school weeks, or nearly. */
function longAbsences(school_urn: number, random: Random): PolicyRegister {
  const made = emptyRegister(school_urn);
  addCalendar(made, random);
  for (const often of [9, 13, 18]) {
    const pupil_key = `s${school_urn}p${often}`;
    const told = { ...toldNothing, school_urn, pupil_key, known_on: `${FIRST_YEAR}-10-01` };
    made.pupils.push({ ...told, load_number: 1, row_number: 2 });
    let row = 2;
    for (const session_date of schoolDaysOf(made)) {
      const codes = random.chance(often)
        ? random.one([
            ["O", "\\"],
            ["/", "U"],
            ["G", "G"],
            ["N", "I"],
          ])
        : ["/", "\\"];
      for (const [i, code] of codes.entries()) {
        made.marks.push({
          ...{ school_urn, pupil_key, session_date, session: i === 0 ? "AM" : "PM", code, is_deleted: false },
          ...{ known_at: `${session_date} 09:05:00`, load_number: 1, row_number: row++ },
        });
      }
    }
  }
  return made;
}

function addPupil(made: PolicyRegister, rules: PolicyRule[], days: string[], pupil_key: string, random: Random) {
  const school_urn = made.schools[0]?.school_urn ?? 0;
  const yearGroup = random.from(-1, 13);
  const [lastDay = ""] = days.slice(-1);
  const stays = random.chance(80)
    ? [{ entered_on: null, left_on: null }]
    : [
        { entered_on: `${FIRST_YEAR}-06-01`, left_on: days[random.from(20, 200)] ?? null },
        ...(random.chance(60) ? [{ entered_on: days[random.from(210, 330)] ?? null, left_on: null }] : []),
      ];
  for (const [row, { entered_on, left_on }] of stays.entries()) {
    made.pupils.push({
      ...{ school_urn, pupil_key, entered_on, left_on, sex: null, load_number: 1, row_number: row + 2 },
      year_group: yearGroup < 0 ? "N" : yearGroup === 0 ? "R" : String(yearGroup),
      born_on: random.chance(30) ? `${FIRST_YEAR - 4 - yearGroup - random.from(0, 1)}-0${random.from(1, 9)}-01` : null,
      known_on: `${FIRST_YEAR}-10-01`,
    });
  }
  const code = new Map<string, string>();
  const put = (day: string | undefined, session: "AM" | "PM", mark: string) => {
    if (day !== undefined && day <= lastDay) code.set(`${day} ${session}`, mark);
  };
  for (const day of days) {
    put(day, "AM", "/");
    put(day, "PM", "\\");
  }
  // what comes together so often that rules are met at their edges: as many sessions or days as they ask for, or one less or more
  const events = random.from(2, 26);
  for (let event = 0; event < events; event++) {
    let at = random.from(0, days.length - 1);
    const rule = random.one(withThreshold([...rules, ...nationalDuties]));
    const mark = random.one((rule.codes ?? "I").split(" ") as [string, ...string[]]);
    const other = random.one(["I", "O", "N", "L", "C", "H", "X", "Y1", "#", "-", mark]);
    const number = Math.max(1, (rule.threshold ?? 1) + random.from(-1, 1));
    const isOfDays = rule.shape === "consecutive days";
    if (rule.right_after_codes && random.chance(70)) {
      const leave = random.one(rule.right_after_codes.split(" ") as [string, ...string[]]);
      put(days[at], "AM", leave);
      put(days[at], "PM", random.chance(80) ? leave : "I");
      at++;
    }
    for (let n = 0; n < number; n++) {
      const given = random.chance(4) ? other : mark;
      if (isOfDays) {
        put(days[at], "AM", given);
        put(days[at], "PM", random.chance(95) ? given : other);
        at++;
        // a day without a possible session breaks nothing
        if (random.chance(6)) {
          put(days[at], "AM", random.one(["X", "Y1", "D", "#", "-"]));
          put(days[at], "PM", random.one(["X", "Y1", "D", "#", "-"]));
          at++;
        }
      } else {
        put(days[at], random.one(["AM", "PM"]), given);
        at += random.one([0, 1, 1, 2, 5, 9]);
      }
    }
  }
  // weeks in which nothing is possible
  if (random.chance(25)) {
    const from = random.from(0, days.length - 1);
    const mark = random.one(["D", "Y1", "X"]);
    for (const day of days.slice(from, from + random.from(4, 30))) {
      put(day, "AM", mark);
      put(day, "PM", mark);
    }
  }
  // registers on days that the calendar says were closed
  for (const { closed_on } of made.closed_days) {
    if (random.chance(85) || closed_on < (days[0] ?? "")) continue;
    put(closed_on, "AM", random.one(["#", "Y4", "I", "O", "/"]));
  }
  let row = 2;
  for (const [of, mark] of code) {
    if (random.chance(1)) continue;
    const [session_date = "", session] = of.split(" ");
    const tell = (told: string, minute: number, is_deleted = false) =>
      made.marks.push({
        ...{ school_urn, pupil_key, session_date, session: session === "AM" ? "AM" : "PM", is_deleted },
        ...{ code: codeOn(told, session_date), known_at: `${session_date} 09:0${minute}:00` },
        ...{ load_number: 1, row_number: row++ },
      });
    // a mark that was another one first, and one that was taken back
    if (random.chance(2)) tell(random.one(["N", "O", "I", "/"]), 1);
    tell(mark, 5);
    if (random.chance(1)) tell(mark, 6, true);
  }
}

function policyRules(random: Random): PolicyRule[] {
  const made: PolicyRule[] = [];
  const add = (rule: Omit<PolicyRule, "position" | "years">, years = yearsFrom(random)) =>
    made.push({ ...rule, years, position: made.length + 1 });
  const stages = ["one", "two", "three"];
  const codes = random.one(CODE_LISTS);
  const rolling = { threshold: random.from(2, 8), window_weeks: random.from(1, 6), codes };
  add({ rule: "rolling, stage one", kind: "trigger", shape: "rolling", stage: "one", ...rolling });
  for (const [i, stage] of ["two", "three"].entries()) {
    const after_stage = stages[i] ?? "";
    const shorter = random.chance(50) ? {} : { threshold: random.from(1, 6), window_weeks: random.from(1, 5) };
    add({
      rule: `rolling, stage ${stage}`,
      kind: "trigger",
      shape: "rolling",
      stage,
      after_stage,
      ...rolling,
      ...shorter,
    });
  }
  add({
    ...{ rule: "rolling weeks", kind: "trigger", shape: "rolling", codes: random.one(CODE_LISTS) },
    ...{ threshold: random.from(1, 12), window_weeks: random.from(1, 12) },
  });
  const [opens_on, closes_on] = random.one([
    ["09-01", "10-31"],
    ["09-01", "02-29"],
    ["01-01", "03-31"],
    ["08-01", "07-31"],
  ]);
  add({
    ...{
      rule: "since a day",
      kind: "trigger",
      shape: "cumulative",
      codes: random.one(CODE_LISTS),
      opens_on,
      closes_on,
    },
    ...{ threshold: random.from(2, 14), is_per_half_term: false },
    ...(random.chance(30) ? { stage: "one" } : {}),
  });
  add({
    ...{ rule: "lates", kind: "late", shape: "cumulative", codes: random.one(["L", "L U", "U"]), threshold: 3 },
    ...{ opens_on: "08-01", closes_on: "07-31", is_per_half_term: true },
  });
  add({
    ...{ rule: "days in a row", kind: "trigger", shape: "consecutive days", codes: random.one(CODE_LISTS) },
    ...{ threshold: random.from(1, 6) },
    ...random.one<Partial<PolicyRule>>([{}, { stage: "two" }, { after_stage: "one" }]),
  });
  add({
    ...{ rule: "days after leave", kind: "trigger", shape: "consecutive days", codes: random.one(CODE_LISTS) },
    ...{ threshold: random.from(1, 4), right_after_codes: random.one(["C C1 H", "I", "C H"]) },
  });
  const looks = () => ({
    checked: random.one(["weekly", "fortnightly", "half-termly"] as const),
    minimum_sessions: random.one([1, 1, 10, 21]),
  });
  const years = yearsFrom(random);
  const edges = [9900, 9500, 9000, 8750, 5000].filter(() => random.chance(70));
  const looked = looks();
  for (const [i, low] of [...edges, 0].entries()) {
    const high = edges[i - 1];
    // each edge belongs to the band above it, or each to the one below
    const isClosedBelow = low === 0 || looked.minimum_sessions !== 10;
    add(
      {
        ...{
          rule: `bands: ${low}`,
          kind: "band",
          shape: "attendance band",
          ladder: "bands",
          action: "Look",
          ...looked,
        },
        ...{ low, is_low_closed: isClosedBelow, high: high ?? 10_000 },
        is_high_closed: high === undefined || looked.minimum_sessions === 10,
      },
      years,
    );
  }
  const track = { ...looks(), kind: "stage", shape: "stage", ladder: "track" } as const;
  const trackYears = yearsFrom(random);
  const steps = random.from(1, 3);
  for (let step = 1; step <= steps; step++) {
    const isNarrow = random.chance(60);
    add(
      {
        ...{ rule: `track: ${step}`, stage: `step ${step}`, step, ...track },
        ...{ low: isNarrow && step > 1 ? 0 : random.one([0, 8000]), is_low_closed: true },
        ...{ high: random.one([9700, 9600, 9000, 9500, 10_000]), is_high_closed: random.chance(50) },
        ...(random.chance(75) ? { review_weeks: random.from(1, 5) } : {}),
        ...(random.chance(40)
          ? { is_rise_enough: true }
          : { is_rise_enough: false, improved_low: random.one([9000, 9500, 10_000]), is_improved_low_closed: true }),
      },
      trackYears,
    );
  }
  return made;
}

function withThreshold(rules: PolicyRule[]): [PolicyRule, ...PolicyRule[]] {
  const [first, ...rest] = rules.filter(({ threshold }) => threshold !== undefined);
  if (first === undefined) throw new Error("no rule counts anything");
  return [first, ...rest];
}

function yearsFrom(random: Random): string | null {
  return random.chance(70) ? null : random.one(["N R 1 2 3", "4 5 6 7 8 9", "12 13 14", "R 1", "11 12"]);
}

/** The code in force on the day: the codes of before 19 August 2024 have no kinds of C, J and Y. */
function codeOn(code: string, day: string): string {
  if (day >= "2024-08-19") return code === "H" ? "G" : code;
  return ({ C1: "H", C2: "C", J1: "M", Y1: "Y", Y4: "Y" } as Record<string, string>)[code] ?? code;
}

/** The day itself or, of a weekend, the Monday after. */
function weekday(day: string): string {
  return dayAfter(day, [1, 0, 0, 0, 0, 0, 2][new Date(day).getUTCDay()]);
}

function mondayOf(day: string): string {
  return dayAfter(day, -((new Date(day).getUTCDay() + 6) % 7));
}

function joined(all: PolicyRegister[]): PolicyRegister {
  return {
    schools: all.flatMap(({ schools }) => schools),
    half_terms: all.flatMap(({ half_terms }) => half_terms),
    closed_days: all.flatMap(({ closed_days }) => closed_days),
    pupils: all.flatMap(({ pupils }) => pupils),
    marks: all.flatMap(({ marks }) => marks),
    policy_rules: all.flatMap(({ policy_rules }) => policy_rules),
  };
}

// --- both calculations ---

const models = modelsFor(["marts.policy_triggers"]);

async function builtFrom<T>(
  { policy_rules, ...register }: PolicyRegister,
  asAt: string,
  of: Model[],
  read: (db: DuckDBConnection) => Promise<T>,
): Promise<T> {
  return withDuckDB({}, async (db) => {
    await createRawTables(db);
    await insertRaw(db, {
      project: [{ trust_name: "Oak Trust", as_at: asAt }],
      loads: [{ load_number: 1, loaded_at: `${asAt} 18:00:00` }],
      ...register,
    });
    await writePolicies(db, "current", {
      ...{ policies: [], policy_targets: [], policy_rewards: [], policy_decisions: [] },
      policy_rules: policy_rules.map((rule) => ({ says: rule.rule, is_per_half_term: false, ...rule })),
    });
    await buildModels(db, of, () => {});
    return read(db);
  });
}

async function madeOf(register: PolicyRegister, asAt: string): Promise<Met[]> {
  const made = await builtFrom(register, asAt, models, (db) =>
    rows(
      db,
      `select school_urn, pupil_key, rule, met_on::varchar as met_on, first_on::varchar as first_on,
        sessions::integer as sessions, is_active
      from marts.policy_triggers`,
    ),
  );
  return made as unknown as Met[];
}

/** A band without a missed session is no list to act on. */
function isListed({ policy_rules }: PolicyRegister): (met: Met) => boolean {
  const bands = new Set(policy_rules.filter(({ kind }) => kind === "band").map(({ rule }) => rule));
  return ({ rule, sessions }) => sessions > 0 || !bands.has(rule);
}

interface Fault {
  of: string;
  school_urn: number;
  pupil_key: string;
  rule: string;
  models: string[];
  dayByDay: string[];
}

/** Whole lists, pupil by pupil and rule by rule. */
function differing(made: Met[], expected: Met[]): Fault[] {
  const faults = new Map<string, Fault>();
  const add = (met: Met, side: "models" | "dayByDay") => {
    const { school_urn, pupil_key, rule, first_on, met_on, sessions, is_active } = met;
    const of = `${pupil_key} ${rule}`;
    const fault = faults.get(of) ?? { of, school_urn, pupil_key, rule, models: [], dayByDay: [] };
    fault[side].push(`${first_on} to ${met_on}, ${sessions} sessions, ${is_active ? "active" : "over"}`);
    faults.set(of, fault);
  };
  for (const met of made) add(met, "models");
  for (const met of expected) add(met, "dayByDay");
  return [...faults.values()].filter(({ models, dayByDay }) => models.sort().join("|") !== dayByDay.sort().join("|"));
}

/** The disagreement with the fewest marks other than present, with all that bears on it. */
function explained(faults: Fault[], register: PolicyRegister, asAt: string): string {
  const marksOf = ({ pupil_key }: Fault) =>
    register.marks.filter((mark) => mark.pupil_key === pupil_key && !["/", "\\"].includes(mark.code));
  const [smallest] = faults
    .map((fault) => ({ fault, marks: marksOf(fault) }))
    .sort((a, b) => a.marks.length - b.marks.length);
  if (smallest === undefined) return "";
  const { fault, marks } = smallest;
  const byRule = new Map<string, number>();
  for (const { rule } of faults) byRule.set(rule, (byRule.get(rule) ?? 0) + 1);
  const isOfSchool = ({ school_urn }: { school_urn: number }) => school_urn === fault.school_urn;
  return [
    `${faults.length} lists differ as at ${asAt}: ${[...byRule].map(([rule, number]) => `${rule} ${number}`).join(", ")}`,
    `${fault.pupil_key}, ${fault.rule}`,
    `models:\n  ${fault.models.join("\n  ")}`,
    `day by day:\n  ${fault.dayByDay.join("\n  ")}`,
    `rules: ${JSON.stringify(register.policy_rules.filter(isOfSchool).filter(({ rule }) => rule === fault.rule || rule.startsWith(`${fault.rule.split(":")[0]}`)))}`,
    `half terms: ${register.half_terms
      .filter(isOfSchool)
      .map(({ starts_on, ends_on }) => `${starts_on}..${ends_on}`)
      .join(" ")}`,
    `closed: ${register.closed_days
      .filter(isOfSchool)
      .map(({ closed_on }) => closed_on)
      .sort()
      .join(" ")}`,
    `pupil: ${JSON.stringify(register.pupils.filter(({ pupil_key }) => pupil_key === fault.pupil_key))}`,
    `marks: ${marks
      .map(({ session_date, session, code }) => `${session_date} ${session} ${code}`)
      .sort()
      .join(", ")}`,
  ].join("\n");
}
