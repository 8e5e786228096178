import fc from "fast-check";
import { expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { type CohortRegister, countCohorts, gapsOf } from "./independent_cohorts.ts";
import { codesOn, dayAfter, later } from "./independent_counts.ts";
import { insertRaw, modelsFor } from "./raw_rows.ts";

const SEED = 20260205;
/** Registers that one database holds, and the days that figures count up to: one database for each. */
const REGISTERS_A_BUILD = 16;
const AS_AT = [
  "2025-09-17", // no half term of the year is over
  "2025-10-23", // the last day of the first one at the schools that end it last
  "2026-02-11", // the third one is over at some schools only
  "2026-03-18",
  "2026-07-24", // the year is over
];
/** Shrinking a register that is counted otherwise builds a database for each smaller one. */
const LONGEST_SHRINKING_MS = 60_000;

test("cohorts have the pupils, sessions and gaps that counting day by day gives, whenever their status changed", async () => {
  const counted = { registers: 0, cohorts: 0, gaps: 0, dfe: 0, toHalfTerm: 0, leftBehind: 0, recorded: 0 };
  for (const [build, asAt] of AS_AT.entries()) {
    const seed = SEED + build;
    const registers = fc.sample(registersBefore(asAt), { seed, numRuns: REGISTERS_A_BUILD });
    const all = registers.map((one, i) => registerRows(one, i, asAt));
    const { expected, gaps, faults } = await compare(joined(all), asAt);
    if (faults.length > 0) throw new Error(await explained(faults, { registers: all, seed, asAt }));
    counted.registers += registers.length;
    counted.cohorts += expected.length;
    counted.gaps += gaps;
    counted.dfe += count(expected, ({ basis }) => basis === "as DfE publishes");
    counted.toHalfTerm += count(expected, ({ period_type }) => period_type === "to_half_term");
    counted.leftBehind += count(expected, ({ pupils, sessions_possible }) => pupils === 0 && sessions_possible > 0);
    counted.recorded += count(expected, ({ cohort }) => !/unclassified|record/.test(cohort));
  }
  console.log(
    `${counted.registers} registers: ${counted.cohorts} rows of cohorts (${counted.dfe} as DfE publishes, ${counted.leftBehind} whose pupils were elsewhere by the end) and ${counted.gaps} of gaps, every one equal`,
  );
  expect(counted.registers).toBe(REGISTERS_A_BUILD * AS_AT.length);
  // registers that mostly come to nothing, or pupils who never change cohort, would prove nothing
  expect(counted.cohorts).toBeGreaterThan(counted.registers * 200);
  expect(counted.recorded).toBeGreaterThan(counted.cohorts / 3);
  expect(counted.dfe).toBeGreaterThan(counted.registers * 20);
  expect(counted.toHalfTerm).toBeGreaterThan(counted.registers * 20);
  expect(counted.leftBehind).toBeGreaterThan(counted.registers * 5);
});

// --- registers at random ---

const HALF_TERMS = [
  ["autumn 1", "09-02", "10-20"],
  ["autumn 2", "11-03", "12-16"],
  ["spring 1", "01-05", "02-10"],
  ["spring 2", "02-23", "03-24"],
  ["summer 1", "04-13", "05-19"],
  ["summer 2", "06-01", "07-14"],
] as const;
const YEAR_GROUPS = ["N", "R", ...Array.from({ length: 14 }, (_, i) => String(i + 1))];
/** The files that the loads are of: the first two list everyone that a status is so of. */
const FORMATS = ["school_flags", "arbor_tags", "ctf", "pupil_rows"];

/** A day of a register: mostly about one of the few weeks that it is about, so that what happens there meets. */
const about = fc.record({ week: fc.nat(2), days: fc.integer({ min: -4, max: 17 }) });
const anyDay = fc.record({ yearsBack: fc.integer({ min: -1, max: 3 }), days: fc.nat(364) });
const day = fc.oneof({ weight: 5, arbitrary: about }, { weight: 1, arbitrary: anyDay });
type Day = typeof day extends fc.Arbitrary<infer T> ? T : never;

const mostly = <T>(value: T, ...others: T[]) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(value) }, { weight: 2, arbitrary: fc.constantFrom(...others) });
const flag = fc.constantFrom(true, false, null);
const facts = fc.record({
  is_fsm: flag,
  is_fsm_ever_6: flag,
  is_eal: flag,
  is_looked_after: mostly<boolean | null>(null, true, false),
  was_looked_after: mostly<boolean | null>(null, true, false),
  is_child_in_need: flag,
  is_child_protection: mostly<boolean | null>(null, true, false),
  is_young_carer: flag,
  is_medical: flag,
  sen_provision: fc.constantFrom("E", "K", "N", null),
  sen_need: fc.constantFrom("ASD", "SPLD", "HI", "NSA", "other", null),
  ethnicity_code: fc.constantFrom("WBRI", "CHNE", "AIND", "BCRB", "MWBC", "OOTH", "REFU", null),
});

const flags = [
  ...["fsm", "fsm_ever_6", "looked_after", "previously_looked_after", "child_in_need", "child_protection"],
  ...["previously_known_to_social_care", "young_carer", "medical", "eal"],
];
const CODES: Record<string, string[]> = {
  sen_provision: ["K", "K", "E", "N"],
  sen_need: ["ASD", "MLD", "OTH"],
  ethnicity: ["WBRI", "BAFR"],
};
/** What the school says of one status of a pupil, often in spells that overlap. */
const statements = fc.record({
  status: fc.constantFrom(...flags, ...Object.keys(CODES), "child_in_need", "child_protection", "fsm", "sen_provision"),
  spells: fc.array(
    fc.record({
      from: fc.option(day, { freq: 7 }),
      length: fc.option(fc.oneof(fc.nat(12), fc.nat(400)), { freq: 3 }),
      value: fc.nat(5),
      known: fc.oneof(day, fc.constant({ week: 0, days: 20 })),
      load: fc.nat(3),
    }),
    { minLength: 1, maxLength: 4 },
  ),
});

/** Who leaves does so mostly in a week that the register is about, and may come back in another. */
const stay = fc.record({
  school: fc.nat(2),
  from: fc.oneof(day, fc.record({ yearsBack: fc.nat(2), days: fc.nat(60) })),
  until: fc.option(day, { freq: 3 }),
});
const pupil = fc.record({
  yearGroup: fc.oneof(fc.nat(15), fc.integer({ min: 2, max: 12 }), fc.constantFrom(11, 12)),
  birthday: fc.constantFrom("01-15", "08-31", "09-01", null),
  sex: fc.constantFrom("F", "M", null),
  stays: fc.oneof(
    { weight: 2, arbitrary: fc.array(stay, { maxLength: 0 }) },
    { weight: 3, arbitrary: fc.array(stay, { minLength: 1, maxLength: 3 }) },
  ),
  extracts: fc.array(
    fc.record({ on: day, facts: fc.array(facts, { minLength: 1, maxLength: 2 }), tellsEntry: mostly(true, false) }),
    { maxLength: 3 },
  ),
  statements: fc.array(statements, { maxLength: 4 }),
  windows: fc.array(
    fc.record({
      school: fc.nat(2),
      from: about,
      /** Below 6 present, below 9 ill, and above any code. */
      codes: fc.array(fc.nat(11), { minLength: 2, maxLength: 16, size: "max" }),
    }),
    { minLength: 1, maxLength: 3, size: "max" },
  ),
});

/** Registers of two school years, the second of them the one that is going on. */
const registersBefore = (asAt: string) =>
  fc.record({
    firstYear: fc.constant(Number(asAt.slice(0, 4)) - (asAt.slice(5) < "08-01" ? 2 : 1)),
    schools: fc.array(fc.record({ shifts: fc.array(fc.nat(3), { minLength: 24, maxLength: 24 }) }), {
      minLength: 2,
      maxLength: 3,
    }),
    /** The half terms that the register is about, of both years; counted back from the day that figures count up to. */
    weeks: fc.array(fc.nat(40), { minLength: 3, maxLength: 3 }),
    /** Where most pupils are, so that schools of six and more come about. */
    home: fc.nat(2),
    loads: fc.subarray([0, 1, 2, 3], { minLength: 1 }),
    /** Whether the school lists who has a flag in the second year only, and knows of the first from other files. */
    listsLate: fc.boolean(),
    pupils: fc.oneof(
      fc.array(pupil, { minLength: 1, maxLength: 4, size: "max" }),
      fc.array(pupil, { minLength: 9, maxLength: 11, size: "max" }),
    ),
  });
type Register = ReturnType<typeof registersBefore> extends fc.Arbitrary<infer T> ? T : never;

/** The raw rows of a register. Its schools and pupils are its own: many registers fit into one database. */
function registerRows(of: Register, number: number, asAt: string): CohortRegister {
  const urnOf = (place: number) => 100_000 + number * 10 + (place % of.schools.length);
  const dateIn = (year: number, monthAndDay: string) => `${monthAndDay < "08" ? year + 1 : year}-${monthAndDay}`;
  const years = [of.firstYear, of.firstYear + 1];
  const firstDays = years
    .flatMap((year) => HALF_TERMS.map(([, starts]) => dateIn(year, starts)))
    .filter((starts) => starts <= asAt);
  const dayOf = (told: Day) => {
    if ("yearsBack" in told) return dayAfter(`${of.firstYear - told.yearsBack}-08-01`, told.days);
    return dayAfter(firstDays[(of.weeks[told.week] ?? 0) % firstDays.length] ?? asAt, told.days);
  };
  const made: CohortRegister = {
    loads: FORMATS.map((format, i) => ({ load_number: i + 1, format })),
    schools: of.schools.map((_, place) => ({ school_urn: urnOf(place), phase: "Primary" })),
    half_terms: of.schools.flatMap(({ shifts }, place) =>
      years.flatMap((year, later) =>
        HALF_TERMS.map(([half_term, starts, ends], i) => ({
          school_urn: urnOf(place),
          school_year: `${year}/${String(year + 1).slice(2)}`,
          half_term,
          starts_on: dayAfter(dateIn(year, starts), shifts[later * 12 + i * 2] ?? 0),
          ends_on: dayAfter(dateIn(year, ends), shifts[later * 12 + i * 2 + 1] ?? 0),
        })),
      ),
    ),
    pupils: [],
    pupil_statuses: [],
    marks: [],
  };
  let row = 2;

  for (const [i, one] of of.pupils.entries()) {
    const pupil_key = `r${number}p${i}`;
    const placed = (school: number) => urnOf(i % 4 === 3 ? school : of.home);
    const attended = new Set([...one.stays, ...one.windows].map(({ school }) => placed(school)));
    for (const [place, school_urn] of [...attended].entries()) {
      const stays = oneAfterAnother(
        one.stays
          .filter(({ school }) => placed(school) === school_urn)
          .map(({ from, until }) => ({ entered_on: dayOf(from), left_on: until === null ? null : dayOf(until) })),
      );
      const told = new Set<string>();
      for (const [at, extract] of one.extracts.entries()) {
        const known_on = dayOf(extract.on);
        // of a pupil who is at two schools, each tells something else
        const factsIn = (spell: number) => extract.facts[(spell + place) % extract.facts.length] ?? noFacts;
        if (told.has(known_on)) continue;
        told.add(known_on);
        const knownIn = Number(known_on.slice(0, 4)) - (known_on.slice(5) < "08-01" ? 1 : 0);
        const bornIn = of.firstYear - (one.yearGroup + 3) - ((one.birthday ?? "") > "08-31" ? 1 : 0);
        const known = {
          school_urn,
          pupil_key,
          known_on,
          year_group: YEAR_GROUPS[one.yearGroup + knownIn - of.firstYear] ?? null,
          born_on: one.birthday === null ? null : `${bornIn}-${one.birthday}`,
          sex: at % 2 === 0 ? one.sex : null,
          load_number: 4,
        };
        const spells = extract.tellsEntry ? stays : [];
        if (spells.length === 0) {
          made.pupils.push({ ...known, entered_on: null, left_on: null, row_number: row++, ...factsIn(0) });
        }
        for (const [spell, days] of spells.entries()) {
          made.pupils.push({ ...known, ...days, row_number: row++, ...factsIn(spell) });
        }
      }
      for (const { status, spells } of one.statements) {
        for (const { from, length, value, known, load } of spells) {
          const from_on = from === null ? null : dayOf(from);
          const since = from_on ?? dayOf(known);
          const codes = CODES[status] ?? ["true", "true", "true", "true", "true", "false"];
          const isBeforeLists = of.listsLate && from_on !== null && from_on < `${of.firstYear + 1}-08-01`;
          made.pupil_statuses.push({
            school_urn,
            pupil_key,
            status,
            value: codes[(value + place) % codes.length] ?? "true",
            from_on,
            to_on: length === null ? null : dayAfter(since, from_on === null ? length - 6 : length),
            known_on: dayOf(known),
            // a list is of who has a flag: no file lists everybody's code
            load_number: status in CODES || isBeforeLists ? 3 : 1 + (of.loads[load % of.loads.length] ?? 0),
            row_number: row++,
          });
        }
      }
    }

    const marked = new Set<string>();
    for (const { school, from, codes } of one.windows) {
      const school_urn = placed(school);
      let session_date = dayOf(from);
      for (const [at, seed] of codes.entries()) {
        if (at > 0 && at % 2 === 0) session_date = dayAfter(session_date);
        session_date = schoolDay(session_date);
        const session = at % 2 === 0 ? "AM" : "PM";
        const key = `${school_urn} ${session_date} ${session}`;
        if (marked.has(key)) continue;
        marked.add(key);
        const any = codesOn(session_date);
        made.marks.push({
          school_urn,
          pupil_key,
          session_date,
          session,
          code:
            seed < 6 ? (session === "AM" ? "/" : "\\") : seed < 9 ? "I" : (any[(at * 7 + seed) % any.length] ?? "I"),
          known_at: `${session_date} 09:05:00`,
          is_deleted: false,
          load_number: 4,
          row_number: row++,
        });
      }
    }
  }
  // of years without a calendar nothing is said here
  const [first, last] = [`${of.firstYear}-08-01`, `${of.firstYear + 2}-07-31`];
  made.marks = made.marks.filter(({ session_date }) => first <= session_date && session_date <= last);
  return made;
}

const noFacts = {
  ...{ is_fsm: null, is_fsm_ever_6: null, is_eal: null, is_looked_after: null, was_looked_after: null },
  ...{ is_child_in_need: null, is_child_protection: null, is_young_carer: null, is_medical: null },
  ...{ sen_provision: null, sen_need: null, ethnicity_code: null },
};

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
      const latest = next === undefined ? null : dayAfter(next, -1);
      const end = latest !== null && (left_on === null || left_on > latest) ? latest : left_on;
      return { entered_on, left_on: end === null ? null : later(end, entered_on) };
    });
}

function joined(registers: CohortRegister[]): CohortRegister {
  return {
    loads: registers[0]?.loads ?? [],
    schools: registers.flatMap(({ schools }) => schools),
    half_terms: registers.flatMap(({ half_terms }) => half_terms),
    pupils: registers.flatMap(({ pupils }) => pupils),
    pupil_statuses: registers.flatMap(({ pupil_statuses }) => pupil_statuses),
    marks: registers.flatMap(({ marks }) => marks),
  };
}

function count<T>(all: T[], is: (one: T) => boolean): number {
  return all.filter(is).length;
}

// --- both counts ---

const models = modelsFor(["staging.cohort_counts", "marts.cohort_gaps"]);

const KEY = ["school_urn", "school_year", "period_type", "period", "basis", "breakdown", "cohort"] as const;
const COUNTS = ["pupils", "pupils_persistent", "pupils_severe", "sessions_possible", "sessions_attended"] as const;
const RATES = ["value", "others_value", "gap_points", "all_value"] as const;

interface Fault {
  table: string;
  row: string;
  models: string | undefined;
  dayByDay: string | undefined;
}

async function compare(register: CohortRegister, asAt: string) {
  const expected = countCohorts(register, asAt);
  const made = await withDuckDB({}, async (db) => {
    await createRawTables(db);
    await insertRaw(db, {
      ...register,
      project: [{ trust_name: "Oak Trust", as_at: asAt }],
      loads: register.loads.map((load) => ({ ...load, loaded_at: `${asAt} 18:00:00` })),
    });
    await buildModels(db, models, () => {});
    const counts = [...COUNTS].map((column) => `${column}::integer as ${column}`);
    return {
      counts: await rows(db, `select ${[...KEY, ...counts].join(", ")} from staging.cohort_counts`),
      gaps: await rows(
        db,
        `select ${[...KEY, "measure", "pupils::integer as pupils", ...RATES].join(", ")} from marts.cohort_gaps`,
      ),
    };
  });
  const faults = [
    ...differing("staging.cohort_counts", keyed(made.counts, KEY, COUNTS), keyed(expected, KEY, COUNTS)),
    ...differing(
      "marts.cohort_gaps",
      keyed(made.gaps, [...KEY, "measure"], ["pupils", ...RATES]),
      keyed(gapsOf(expected), [...KEY, "measure"], ["pupils", ...RATES]),
    ),
  ];
  return { expected, gaps: made.gaps.length, faults };
}

/** Rows as texts by key. Rates are of whole numbers: what differs beyond a double's last places is another number. */
function keyed(all: object[], key: readonly string[], values: readonly string[]): Map<string, string> {
  const text = (value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? value.toFixed(9) : String(value ?? null);
  return new Map(
    all.map((row) => {
      const cells = row as Record<string, unknown>;
      return [
        key.map((column) => String(cells[column])).join("|"),
        values.map((column) => `${column} ${text(cells[column])}`).join(", "),
      ];
    }),
  );
}

function differing(table: string, made: Map<string, string>, expected: Map<string, string>): Fault[] {
  return [...new Set([...made.keys(), ...expected.keys()])]
    .filter((row) => made.get(row) !== expected.get(row))
    .map((row) => ({ table, row, models: made.get(row), dayByDay: expected.get(row) }));
}

/** What is counted otherwise, and the smallest register that is: there are no names in it. */
async function explained(
  faults: Fault[],
  { registers, seed, asAt }: { registers: CohortRegister[]; seed: number; asAt: string },
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
