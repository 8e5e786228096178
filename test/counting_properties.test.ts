import type { DuckDBConnection } from "@duckdb/node-api";
import fc from "fast-check";
import { expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { codesOn, countAttendance, dayAfter, later, type RegisterRows } from "./independent_counts.ts";
import { insertRaw, modelsFor } from "./raw_rows.ts";

const SEED = 20260320;
/** Registers that one database holds, and the days that figures count up to: one database for each, so 2,400 in all. */
const REGISTERS_A_BUILD = 300;
const AS_AT = [
  "2024-10-02", // a year of five weeks, and one that is over
  "2024-12-28", // a Saturday in the holidays
  "2025-06-11", // half term 6
  "2025-07-31", // the last day of a school year
  "2025-09-08", // a year of two weeks
  "2026-02-18", // half-term holidays
  "2026-03-20",
  "2026-06-30",
];
/** Shrinking a register that is counted otherwise builds a database for each smaller one. */
const LONGEST_SHRINKING_MS = 60_000;

test("thousands of registers give the same pupils, sessions, flags, bands and percentages as counting row by row", async () => {
  const counted = { registers: 0, marks: 0, pupils: 0, schools: 0, dfe: 0 };
  for (const [build, asAt] of AS_AT.entries()) {
    const seed = SEED + build;
    const registers = fc.sample(registersBefore(asAt), { seed, numRuns: REGISTERS_A_BUILD });
    const all = registers.map((one, i) => registerRows(one, i, asAt));
    const { expected, faults } = await compare(joined(all), asAt);
    if (faults.length > 0) throw new Error(await explained(faults, { registers: all, seed, asAt }));
    counted.registers += registers.length;
    counted.marks += all.reduce((sum, { marks }) => sum + marks.length, 0);
    counted.pupils += expected.pupils.length;
    counted.schools += expected.schools.length;
    counted.dfe += expected.pupils.filter(({ basis }) => basis === "as DfE publishes").length;
  }
  console.log(
    `${counted.registers} registers of ${counted.marks} marks: ${counted.pupils} rows of pupils (${counted.dfe} as DfE publishes) and ${counted.schools} of schools, every one equal`,
  );
  expect(counted.registers).toBe(REGISTERS_A_BUILD * AS_AT.length);
  // registers that mostly come to nothing would prove nothing
  expect(counted.pupils).toBeGreaterThan(counted.registers * 25);
  expect(counted.dfe).toBeGreaterThan(counted.registers * 4);
});

// --- registers at random ---

const HALF_TERMS = ["autumn 1", "autumn 2", "spring 1", "spring 2", "summer 1", "summer 2"] as const;
/** Days of the calendar year, each given as days after the year's 1 August. */
const FIRST_DAYS = [33, 94, 158, 207, 263, 305];
const LAST_DAYS = [84, 141, 197, 245, 295, 353];
const YEAR_GROUPS = ["N", "R", ...Array.from({ length: 14 }, (_, i) => String(i + 1))];

/** A day of a register: so many days from the first or last day of one of its twelve half terms. */
const day = fc.record({ halfTerm: fc.nat(11), isLast: fc.boolean(), days: fc.integer({ min: -4, max: 24 }) });
const inHalfTerm6 = fc.record({
  halfTerm: fc.constantFrom(5, 11),
  isLast: fc.constant(false),
  days: fc.integer({ min: -2, max: 9 }),
});
/** A day about the as-at date, or 364 days before one. */
const lately = fc.record({ years: fc.nat(1), days: fc.integer({ min: -40, max: 3 }) });
type Day = typeof day | typeof lately extends fc.Arbitrary<infer T> ? T : never;

/** What a session's mark is: below 40 present, below 60 ill, and above any code in force. */
const codeSeed = fc.nat(119);
/** Runs of sessions of which so many are missed: 2, 10 and 20 stand at the edges of flags and bands. */
const edge = fc
  .tuple(fc.constantFrom(2, 10, 20), fc.nat(20))
  .map(([of, absent]) => Array.from({ length: of }, (_, i) => (i < absent % (of + 1) ? 45 : 0)));

const school = fc.record({
  phase: fc.constantFrom("primary", "secondary", "special"),
  isOfTrust: fc.nat(9).map((n) => n > 0),
  startsInAugust: fc.boolean(),
  later: fc.array(fc.nat(3), { minLength: 12, maxLength: 12 }),
  earlier: fc.array(fc.nat(3), { minLength: 12, maxLength: 12 }),
});

const stay = fc.record({ school: fc.nat(2), from: fc.oneof(day, inHalfTerm6), length: fc.option(fc.nat(400)) });
/** Who was here, left, and came back in the second half of a summer term, of the same year or the next. */
const back = fc
  .record({ school: fc.nat(2), from: day, length: fc.nat(120), back: inHalfTerm6 })
  .map(({ school, from, length, back }) => [
    { school, from, length },
    { school, from: back, length: null },
  ]);

const pupil = fc.record({
  yearGroup: fc.oneof(fc.nat(15), fc.integer({ min: 2, max: 12 }), fc.constantFrom(1, 2, 12, 13)),
  birthday: fc.constantFrom("01-15", "08-31", "09-01", "12-31", null),
  sex: fc.constantFrom("F", "M", null),
  stays: fc.oneof(
    { weight: 3, arbitrary: fc.array(stay, { maxLength: 0 }) },
    { weight: 2, arbitrary: fc.array(stay, { maxLength: 3 }) },
    { weight: 1, arbitrary: back },
  ),
  extracts: fc.array(
    fc.record({
      on: day,
      entryShift: fc.integer({ min: -3, max: 3 }),
      tellsEntry: fc.boolean(),
      tellsLast: fc.boolean(),
      tellsYear: fc.boolean(),
      tellsSex: fc.boolean(),
      tellsBirth: fc.boolean(),
      isHeldBack: fc.nat(9).map((n) => n === 0),
    }),
    { maxLength: 3 },
  ),
  windows: fc.array(
    fc.record({
      school: fc.nat(2),
      from: fc.oneof(day, day, lately, lately, inHalfTerm6),
      load: fc.integer({ min: 1, max: 4 }),
      weekends: fc.nat(5).map((n) => n === 0),
      codes: fc.oneof(fc.array(codeSeed, { minLength: 1, maxLength: 12 }), edge),
    }),
    { minLength: 1, maxLength: 3, size: "max" },
  ),
  restated: fc.array(
    fc.record({
      pick: fc.nat(40),
      kind: fc.constantFrom("corrected", "deleted", "left out", "told again"),
      code: codeSeed,
      minutes: fc.integer({ min: -2, max: 2 }),
      load: fc.integer({ min: 1, max: 4 }),
    }),
    { maxLength: 4 },
  ),
});

/** Registers of two school years, the second of them mostly the one that is going on. */
const registersBefore = (asAt: string) =>
  fc.record({
    firstYear: fc
      .constantFrom(-1, -1, -1, 0)
      .map((years) => Number(asAt.slice(0, 4)) - (asAt.slice(5) < "08-01" ? 1 : 0) + years),
    schools: fc.array(school, { minLength: 2, maxLength: 3 }),
    /** Where most pupils are, so that schools of six and more, and of five, come about. */
    home: fc.nat(2),
    pupils: fc.oneof(
      fc.array(pupil, { minLength: 1, maxLength: 6, size: "max" }),
      fc.array(pupil, { minLength: 10, maxLength: 12, size: "max" }),
    ),
  });
type Register = ReturnType<typeof registersBefore> extends fc.Arbitrary<infer T> ? T : never;

/** The raw rows of a register. Its schools and pupils are its own: many registers fit into one database. */
function registerRows(of: Register, number: number, asAt: string): RegisterRows {
  const urnOf = (place: number) => 100_000 + number * 10 + (place % of.schools.length);
  const first = (year: number) => `${year}-08-01`;
  const halfTerms = of.schools.flatMap((one, place) =>
    [0, 1].flatMap((later) =>
      HALF_TERMS.map((half_term, i) => {
        const year = of.firstYear + later;
        const starts = (FIRST_DAYS[i] ?? 0) + (one.later[later * 6 + i] ?? 0);
        return {
          school_urn: urnOf(place),
          school_year: `${year}/${String(year + 1).slice(2)}`,
          half_term,
          // 12 August 2024 is a week before the codes changed
          starts_on: schoolDay(dayAfter(first(year), i === 0 && one.startsInAugust ? 11 : starts)),
          ends_on: schoolDay(dayAfter(first(year), (LAST_DAYS[i] ?? 0) - (one.earlier[later * 6 + i] ?? 0))),
        };
      }),
    ),
  );
  const dayOf = (told: Day, urn: number) => {
    if ("years" in told) return dayAfter(asAt, told.days - told.years * 364);
    const { halfTerm, isLast, days } = told;
    const half = halfTerms.filter(({ school_urn }) => school_urn === urn)[halfTerm];
    return dayAfter((isLast ? half?.ends_on : half?.starts_on) ?? first(of.firstYear), days);
  };
  const made: RegisterRows = {
    schools: of.schools.flatMap(({ phase, isOfTrust }, place) =>
      isOfTrust ? [{ school_urn: urnOf(place), phase }] : [],
    ),
    half_terms: halfTerms.filter(({ school_urn }) => of.schools[school_urn % 10]?.isOfTrust),
    pupils: [],
    marks: [],
  };
  let row = 2;

  for (const [i, one] of of.pupils.entries()) {
    const pupil_key = `r${number}p${i}`;
    const placed = (school: number) => urnOf(i % 4 === 3 ? school : of.home);
    const attended = new Set([...one.stays, ...one.windows].map(({ school }) => placed(school)));
    for (const school_urn of attended) {
      const stays = oneAfterAnother(
        one.stays
          .filter(({ school }) => placed(school) === school_urn)
          .map(({ from, length }) => {
            const entered_on = dayOf(from, school_urn);
            return { entered_on, left_on: length === null ? null : dayAfter(entered_on, length) };
          }),
      );
      const told = new Set<string>();
      for (const [place, extract] of one.extracts.entries()) {
        const known_on = dayOf(extract.on, school_urn);
        if (told.has(known_on)) continue;
        told.add(known_on);
        const knownIn = Number(known_on.slice(0, 4)) - (known_on.slice(5) < "08-01" ? 1 : 0);
        const group = one.yearGroup + knownIn - of.firstYear - (extract.isHeldBack ? 1 : 0);
        const bornIn = of.firstYear - (one.yearGroup + 3) - ((one.birthday ?? "") > "08-31" ? 1 : 0);
        const facts = {
          school_urn,
          pupil_key,
          known_on,
          year_group: extract.tellsYear ? (YEAR_GROUPS[group] ?? null) : null,
          born_on: extract.tellsBirth && one.birthday ? `${bornIn}-${one.birthday}` : null,
          sex: extract.tellsSex ? one.sex : null,
          load_number: place + 1,
        };
        const spells = extract.tellsEntry ? stays : [];
        if (spells.length === 0) made.pupils.push({ ...facts, entered_on: null, left_on: null, row_number: row++ });
        for (const [at, { entered_on, left_on }] of spells.entries()) {
          const entered = dayAfter(entered_on, extract.entryShift);
          const isOpen = left_on === null || (at === spells.length - 1 && !extract.tellsLast);
          made.pupils.push({
            ...facts,
            entered_on: entered,
            left_on: isOpen ? null : later(left_on, entered),
            row_number: row++,
          });
        }
      }
    }

    const marks: RegisterRows["marks"] = [];
    for (const { school, from, load, weekends, codes } of one.windows) {
      const school_urn = placed(school);
      let session_date = dayOf(from, school_urn);
      for (const [at, seed] of codes.entries()) {
        if (at > 0 && at % 2 === 0) session_date = dayAfter(session_date);
        if (!weekends) session_date = schoolDay(session_date);
        const session = at % 2 === 0 ? "AM" : "PM";
        marks.push({
          school_urn,
          pupil_key,
          session_date,
          session,
          code: codeOf(seed, session_date, session),
          known_at: `${session_date} 09:05:00`,
          is_deleted: false,
          load_number: load,
          row_number: row++,
        });
      }
    }
    for (const { pick, kind, code, minutes, load } of one.restated) {
      const mark = marks[pick % marks.length];
      if (mark === undefined) continue;
      marks.push({
        ...mark,
        code: kind === "corrected" ? codeOf(code, mark.session_date, mark.session) : mark.code,
        known_at: `${mark.session_date} 09:0${5 + minutes}:00`,
        is_deleted: kind === "deleted" || kind === "left out",
        load_number: load,
        row_number: kind === "left out" ? null : row++,
      });
    }
    // of years without a calendar nothing is said here; files come in any order
    const stated = marks.filter(
      ({ session_date }) => first(of.firstYear) <= session_date && session_date < first(of.firstYear + 2),
    );
    made.marks.push(...(i % 2 === 0 ? stated : stated.reverse()));
  }
  return made;
}

/** The day itself or, of a weekend, the Monday after. */
function schoolDay(date: string): string {
  return dayAfter(date, [1, 0, 0, 0, 0, 0, 2][new Date(date).getUTCDay()]);
}

function oneAfterAnother(stays: { entered_on: string; left_on: string | null }[]) {
  const inOrder = [...stays].sort((a, b) => (a.entered_on < b.entered_on ? -1 : 1));
  return inOrder
    .filter(({ entered_on }, i) => entered_on !== inOrder[i + 1]?.entered_on)
    .map(({ entered_on, left_on }, i, all) => {
      const next = all[i + 1]?.entered_on;
      const latest = next === undefined ? null : dayAfter(next, -8);
      const end = latest !== null && (left_on === null || left_on > latest) ? latest : left_on;
      return { entered_on, left_on: end === null ? null : later(end, entered_on) };
    });
}

function codeOf(seed: number, date: string, session: string): string {
  if (seed < 40) return session === "AM" ? "/" : "\\";
  if (seed < 60) return "I";
  const codes = codesOn(date);
  return codes[seed % codes.length] ?? "-";
}

function joined(registers: RegisterRows[]): RegisterRows {
  return {
    schools: registers.flatMap(({ schools }) => schools),
    half_terms: registers.flatMap(({ half_terms }) => half_terms),
    pupils: registers.flatMap(({ pupils }) => pupils),
    marks: registers.flatMap(({ marks }) => marks),
  };
}

// --- both counts ---

const models = modelsFor(["marts.pupil_attendance", "marts.school_attendance"]);

const PUPIL_KEY = ["school_urn", "pupil_key", "school_year", "period_type", "period", "basis"] as const;
const PUPIL_COUNTS = [
  "sessions_possible",
  "sessions_attended",
  "sessions_absent",
  "sessions_authorised",
  "sessions_unauthorised",
  "sessions_late_before_close",
  "sessions_late_after_close",
] as const;
const PUPIL_REST = ["percent_attendance", "is_persistent", "is_severe", "dfe_band", "has_minimum_sessions"] as const;
const SCHOOL_KEY = [
  ...["school_urn", "school_year", "period_type", "period", "basis", "breakdown", "group_name"],
  "year_group",
] as const;
const SCHOOL_COUNTS = ["pupils", "pupils_persistent", "pupils_severe", ...PUPIL_COUNTS] as const;
const SCHOOL_REST = ["percent_attendance", "percent_absence", "percent_persistent", "percent_severe"] as const;
/** Those that the rules have a word on: how a school names its classes is its own affair. */
const BREAKDOWNS = "breakdown in ('all', 'phase', 'year_group', 'sex')";

interface Fault {
  mart: string;
  row: string;
  models: string | undefined;
  rowByRow: string | undefined;
}

async function compare(register: RegisterRows, asAt: string) {
  const expected = countAttendance(register, asAt);
  const made = await withDuckDB({}, async (db) => {
    await createRawTables(db);
    await insertRaw(db, {
      project: [{ trust_name: "Oak Trust", as_at: asAt }],
      loads: [1, 2, 3, 4].map((load_number) => ({ load_number, loaded_at: `${asAt} 18:00:00` })),
      ...register,
    });
    await buildModels(db, models, () => {});
    return {
      pupils: await counted(db, "marts.pupil_attendance", PUPIL_KEY, PUPIL_COUNTS, PUPIL_REST),
      schools: await counted(db, "marts.school_attendance", SCHOOL_KEY, SCHOOL_COUNTS, SCHOOL_REST, BREAKDOWNS),
    };
  });
  const faults = [
    ...differing(
      "marts.pupil_attendance",
      made.pupils,
      keyed(expected.pupils, PUPIL_KEY, [...PUPIL_COUNTS, ...PUPIL_REST]),
    ),
    ...differing(
      "marts.school_attendance",
      made.schools,
      keyed(expected.schools, SCHOOL_KEY, [...SCHOOL_COUNTS, ...SCHOOL_REST]),
    ),
  ];
  return { expected, faults };
}

async function counted(
  db: DuckDBConnection,
  mart: string,
  key: readonly string[],
  integers: readonly string[],
  rest: readonly string[],
  where = "true",
): Promise<Map<string, string>> {
  const selected = [...key, ...integers.map((column) => `${column}::integer as ${column}`), ...rest];
  const made = await rows(db, `select ${selected.join(", ")} from ${mart} where ${where}`);
  return keyed(made, key, [...integers, ...rest]);
}

function keyed(all: object[], key: readonly string[], values: readonly string[]): Map<string, string> {
  const texts = (row: object, columns: readonly string[]) => {
    const cells = row as Record<string, unknown>;
    return columns.map((column) => cells[column]);
  };
  return new Map(
    all.map((row) => [
      texts(row, key).join("|"),
      values.map((column, i) => `${column} ${texts(row, values)[i]}`).join(", "),
    ]),
  );
}

function differing(mart: string, made: Map<string, string>, expected: Map<string, string>): Fault[] {
  return [...new Set([...made.keys(), ...expected.keys()])]
    .filter((row) => made.get(row) !== expected.get(row))
    .map((row) => ({ mart, row, models: made.get(row), rowByRow: expected.get(row) }));
}

/** What is counted otherwise, and the smallest register that is: there are no names in it. */
async function explained(
  faults: Fault[],
  { registers, seed, asAt }: { registers: RegisterRows[]; seed: number; asAt: string },
): Promise<string> {
  const shown = faults.slice(0, 3).map((fault) => JSON.stringify(fault, null, 1));
  const lines = [`${faults.length} rows are counted otherwise; seed ${seed}, as at ${asAt}`, ...shown];
  const ofSchool = faults.find(({ row }) => /^\d/.test(row));
  if (ofSchool === undefined) return lines.join("\n");
  const place = Math.floor((Number(ofSchool.row.slice(0, 6)) - 100_000) / 10);
  let smallest = registers[place];
  let found = [ofSchool];
  await fc.check(
    fc.asyncProperty(registersBefore(asAt), async (one) => {
      const made = registerRows(one, 0, asAt);
      const { faults: again } = await compare(made, asAt);
      if (again.length > 0) [smallest, found] = [made, again];
      return again.length === 0;
    }),
    { seed, path: String(place), numRuns: 1, interruptAfterTimeLimit: LONGEST_SHRINKING_MS },
  );
  lines.push(`register ${place} of that build, made smaller:`, JSON.stringify(found.slice(0, 2), null, 1));
  for (const [table, given] of Object.entries(smallest ?? {})) {
    lines.push(table, ...given.map((row: object) => JSON.stringify(row)));
  }
  return lines.join("\n");
}
