import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBDateValue, type DuckDBValue } from "@duckdb/node-api";
import { Document, isScalar, visit } from "yaml";
import { quote, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { AS_AT, CALENDARS, type Calendar } from "./calendars.ts";
import { forenames, schoolName, surnames, trustName } from "./names.ts";

export interface SampleOptions {
  /** Folder of the trust: rollbook.yaml and registers/ are written in it. */
  dir: string;
  /** From 1 to 200. About six in ten are primary, three secondary and one special. */
  schools: number;
  /** On roll in all schools at a time, about. */
  pupils: number;
  /** Full school years before the current one, 1 to 3. */
  years: number;
  /** The same options and seed give the same bytes. */
  seed: number;
  log: (line: string) => void;
}

export interface SampleMade {
  schools: number;
  /** Different pupils over all years: more than are on roll at a time. */
  pupils: number;
  /** Rows in the marks files, amendments included. */
  marks: number;
  /** Register files. */
  files: number;
}

interface School {
  no: number;
  urn: number;
  name: string;
  phase: Phase;
  firstYearGroup: number;
  lastYearGroup: number;
  perYearGroup: number;
  advantage: number;
  /** The file of its attendance policy, one of the examples. */
  policy: string;
}
type Phase = keyof typeof POLICIES;

const EXAMPLE_POLICIES = join(import.meta.dirname, "..", "policies");
/** Which of the example policies schools of each phase go by, in turn. */
const POLICIES = {
  Primary: ["primary_federation_stages.yaml", "primary_five_week_list.yaml"],
  Secondary: ["secondary_phases.yaml", "secondary_sixth_form_plans.yaml"],
  Special: ["independent_special_rag.yaml"],
} as const satisfies Record<string, readonly [string, ...string[]]>;

const FIRST_LINE = /^# Made by rollbook sample --schools (\d+) --pupils (\d+) --years (\d+) --seed (\d+)\. /;
const SAMPLE_FILE = /^((marks|pupils)-\d{4}-\d{2}(-amended)?|flags)\.csv$/;
const SAMPLE_FOLDER = /^999\d{3}$/;

/** Turns of raking: measured, none of the default sample's shares moves by a millionth after the tenth. */
const RAKING_TURNS = 12;

/**
 * Makes a trust that does not exist: rollbook.yaml and, for each school and school year, a marks file and a pupil
 * extract in the layouts that schools export, with the oddities that registers have; and for each school its own list of
 * dated flags.
 *
 * Whatever can be measured is drawn from what the Department for Education publishes for England (Open Government
 * Licence v3.0), shipped beside this file:
 * - `code_mix.csv`: sessions under each register code per 100,000 possible sessions, by phase and year, from the last
 *   release of "Pupil attendance in schools" for the year: the count in each `reason_…` column over
 *   `possible_sessions`, national rows. Code `/` holds both present marks. Left out: codes that come to nothing, H and J
 *   after their end in August 2024, and X of 2022/23, which held COVID. D is not published after 2023/24.
 * - `band_mix.csv`: enrolments by band of absence, 2022/23, the latest published: the sum over year groups, free-meal
 *   and SEN groups of the absence distributions file.
 * - `rates.csv`: absence and persistent absence from the same daily series (2025/26: the release of 2 April 2026, which
 *   reaches the as-at date) and severe absence from the accredited full-year series, not yet published for 2025/26.
 *
 * Throws RollbookError when an option is out of range or the folder holds a trust that is not a sample.
 */
export async function makeSample(options: SampleOptions): Promise<SampleMade> {
  check(options);
  const calendars = calendarsOf(options);
  const schools = planSchools(options);
  await clear(options.dir);
  const spill = await mkdtemp(join(tmpdir(), "rollbook-sample-"));
  try {
    return await withDuckDB({ spillTo: spill }, async (db) => {
      await prepare(db, options.seed, schools, calendars);
      const pupils = await drawAbsences(db, options.log);
      const written = await writeRegisters(db, options, schools, calendars);
      await copyPolicies(options.dir, schools);
      // last, so that a run that was cut short is no project
      await writeFile(join(options.dir, "rollbook.yaml"), configuration(options));
      return { schools: schools.length, pupils, ...written };
    });
  } finally {
    await rm(spill, { recursive: true, force: true });
  }
}

type Options = Pick<SampleOptions, "schools" | "pupils" | "years" | "seed">;

/** The full years before the current one, and that. */
function calendarsOf({ years }: Options): readonly Calendar[] {
  return CALENDARS.slice(-1 - years);
}

function check({ schools, pupils, years, seed }: SampleOptions): void {
  const wrong = (what: string, rule: string): never => {
    throw new RollbookError(`The sample cannot be made: ${what} must be ${rule}.`);
  };
  if (!Number.isInteger(schools) || schools < 1 || schools > 200) wrong("--schools", "a whole number from 1 to 200");
  if (!Number.isInteger(pupils) || pupils < schools * 40 || pupils > schools * 1000)
    wrong("--pupils", "a whole number from 40 to 1000 for each school");
  if (!Number.isInteger(years) || years < 1 || years > 3)
    wrong("--years", "1, 2 or 3: full years before the current one");
  if (!Number.isInteger(seed) || seed < 0 || seed > 1_000_000) wrong("--seed", "a whole number from 0 to 1000000");
}

/** The schools with their phases and sizes: a secondary is three times a primary, a special school a third of one. */
function planSchools({ schools, pupils, seed }: Options): School[] {
  const special = schools < 5 ? 0 : Math.max(1, Math.round(schools / 10));
  const secondary = Math.min(Math.ceil(schools * 0.3), schools - 1 - special);
  const primary = schools - secondary - special;
  const phases: { phase: Phase; count: number; weight: number; years: readonly [number, number] }[] = [
    { phase: "Primary", count: primary, weight: 1, years: [0, 6] },
    { phase: "Secondary", count: secondary, weight: 3, years: [7, 11] },
    { phase: "Special", count: special, weight: 0.3, years: [0, 11] },
  ];
  const total = phases.reduce((sum, { count, weight }) => sum + count * weight, 0);
  return phases
    .flatMap(({ phase, count, weight, years: [first, last] }) =>
      Array.from({ length: count }, (_, i) => {
        // spread evenly over the phase, so that the phase as a whole keeps the national shares
        const advantage = count === 1 ? 0 : i / (count - 1) - 0.5;
        const size = (pupils * weight * (1 - 0.2 * advantage)) / total;
        return {
          phase,
          firstYearGroup: first,
          lastYearGroup: last,
          advantage,
          perYearGroup: Math.round(size / (last - first + 1)),
        };
      }),
    )
    .map((school, i) => ({
      ...school,
      no: i + 1,
      urn: 999001 + i,
      name: schoolName(school.phase, i + 1, seed),
      policy: POLICIES[school.phase][i % POLICIES[school.phase].length] ?? POLICIES[school.phase][0],
    }));
}

/** Takes away the example policies of an earlier sample; one that was changed since stays. */
async function removePolicies(folder: string): Promise<void> {
  if (!existsSync(folder) || (await areTheExamples(folder))) return;
  for (const policy of Object.values(POLICIES).flat()) {
    const copy = join(folder, policy);
    if (!existsSync(copy)) continue;
    const example = await readFile(join(EXAMPLE_POLICIES, policy));
    if (example.equals(await readFile(copy))) await rm(copy);
  }
  if ((await readdir(folder)).length === 0) await rmdir(folder);
}

/** A sample that is made in this repository, as `npm start` does, goes by the examples themselves. */
async function areTheExamples(folder: string): Promise<boolean> {
  return (await realpath(folder)) === (await realpath(EXAMPLE_POLICIES));
}

/** Copies the example policies that the schools go by; one that was changed since stays as it is. */
async function copyPolicies(dir: string, schools: School[]): Promise<void> {
  await mkdir(join(dir, "policies"), { recursive: true });
  if (await areTheExamples(join(dir, "policies"))) return;
  for (const policy of new Set(schools.map((school) => school.policy))) {
    const copy = join(dir, "policies", policy);
    await cp(join(EXAMPLE_POLICIES, policy), copy, { force: false });
  }
}

/** Refuses a folder that holds someone's trust; empties one that holds a sample, of the sample's files only. */
async function clear(dir: string): Promise<void> {
  const config = join(dir, "rollbook.yaml");
  const registers = join(dir, "registers");
  if (existsSync(config)) {
    const text = await readFile(config, "utf8");
    const [, schools, pupils, years, seed] = (text.match(FIRST_LINE) ?? []).map(Number);
    // a sample that was edited is on its way to being someone's trust
    const asMade = seed === undefined ? null : configuration({ schools, pupils, years, seed } as Options);
    if (text !== asMade) {
      throw new RollbookError(`${config} describes a trust that is not a sample, or no longer. Choose another folder.`);
    }
    await rm(config);
  }
  await removePolicies(join(dir, "policies"));
  await mkdir(registers, { recursive: true });
  const folders = (await readdir(registers)).filter((folder) => SAMPLE_FOLDER.test(folder));
  for (const folder of folders) {
    const files = await readdir(join(registers, folder));
    const ours = files.filter((file) => SAMPLE_FILE.test(file));
    for (const file of ours) await rm(join(registers, folder, file));
    if (ours.length === files.length) await rmdir(join(registers, folder));
  }
}

/** Fills the tables of tables.sql and makes days, spells and pupils. */
async function prepare(
  db: DuckDBConnection,
  seed: number,
  schools: School[],
  calendars: readonly Calendar[],
): Promise<void> {
  await run(db, "tables");
  const first = calendars[0];
  if (!first) throw new Error("no calendar");
  await set(db, "seed", seed);
  await set(db, "as_at", date(AS_AT));
  await set(db, "first_year", startYear(first));
  await set(db, "last_year", startYear(first) + calendars.length - 1);
  await insert(
    db,
    "schools",
    schools.map((s) => [s.no, s.phase, s.firstYearGroup, s.lastYearGroup, s.perYearGroup, s.advantage]),
  );
  await insert(
    db,
    "half_terms",
    calendars.flatMap((c) =>
      Object.entries(c.half_terms).map(([name, [from, to]]) => [startYear(c), name, date(from), date(to)]),
    ),
  );
  await insert(
    db,
    "closed_days",
    calendars.flatMap((c) => c.closed.map((day) => [date(day)])),
  );
  // snow closes a secondary in the old codes, a failed boiler the first school in the new
  await insert(db, "closures", [
    [schools.length > 2 ? 3 : 1, date("2023-03-10"), "Y"],
    [1, date("2025-01-10"), "Y4"],
  ]);
  await insert(
    db,
    "forenames",
    (["F", "M"] as const).flatMap((sex) => forenames[sex].map((name, i) => [sex, i, name])),
  );
  await insert(
    db,
    "surnames",
    surnames.map((name, i) => [i, name]),
  );
  const csv = (name: string) => `read_csv(${quote(join(import.meta.dirname, `${name}.csv`))}, all_varchar = true)`;
  await db.run(`insert into sample.code_mix
    select phase, school_year[:4]::integer, code, sessions_per_100000_possible::double / 100000 from ${csv("code_mix")}
    where school_year[:4]::integer between getvariable('first_year') and getvariable('last_year') or code = 'D'`);
  await db.run(`insert into sample.band_mix
    select phase, absence_from_percent::double / 100, absence_to_percent::double / 100, enrolments_percent::double / 100
    from ${csv("band_mix")}`);
  await db.run(`insert into sample.rates
    select phase, school_year[:4]::integer, absence_percent::double / 100, persistent_absence_percent::double / 100,
      severe_absence_percent::double / 100
    from ${csv("rates")}`);
  for (const name of ["days", "enrolments", "pupils", "enrolment_years", "flags"]) await run(db, name);
}

/** Draws who misses what and why; returns how many pupils there are. */
async function drawAbsences(db: DuckDBConnection, log: SampleOptions["log"]): Promise<number> {
  const pupils = await count(db, "select count(*) from sample.pupils");
  log(`${pupils} pupils drawn`);
  for (const name of ["planned", "absences", "reasons"]) await run(db, name);
  for (let turn = 0; turn < RAKING_TURNS; turn++) await run(db, "raking");
  await run(db, "exceptions");
  return pupils;
}

async function writeRegisters(
  db: DuckDBConnection,
  { dir, log }: SampleOptions,
  schools: School[],
  calendars: readonly Calendar[],
): Promise<{ marks: number; files: number }> {
  let marks = 0;
  let files = 0;
  for (const school of schools) {
    const folder = join(dir, "registers", String(school.urn));
    await mkdir(folder, { recursive: true });
    await set(db, "school_no", school.no);
    await set(db, "urn", school.urn);
    for (const calendar of calendars) {
      const file = (kind: string, suffix = "") =>
        join(folder, `${kind}-${calendar.school_year.replace("/", "-")}${suffix}.csv`);
      await set(db, "school_year", startYear(calendar));
      await run(db, "register");
      marks += await copy(db, "marks_file", file("marks"));
      await copy(db, "pupils_file", file("pupils"));
      files += 2;
      if (calendar !== calendars.at(-1)) continue;
      marks += await copy(db, "amendments_file", file("marks", "-amended"));
      files += 1;
    }
    const flags = join(folder, "flags.csv");
    // a list of nobody is no list
    if ((await copy(db, "flags_file", flags)) === 0) await rm(flags);
    else files += 1;
    log(`${school.urn} ${school.name}: registers written`);
  }
  return { marks, files };
}

function configuration(options: Options): string {
  const { schools: count, pupils, years, seed } = options;
  const schools = planSchools(options);
  const calendars = calendarsOf(options);
  const doc = new Document({
    trust: trustName(seed),
    as_at: AS_AT,
    registers: "registers",
    data: "data",
    site: "site",
    schools: schools.map(({ urn, name, phase, policy }) => ({
      urn,
      name,
      phase,
      local_authority: "Leeds",
      la_code: "E08000035",
      region: "Yorkshire and The Humber",
      region_code: "E12000003",
      policy: `policies/${policy}`,
    })),
    calendars,
  });
  visit(doc, {
    Seq: (_, node) => {
      node.flow = node.items.every((item) => isScalar(item));
    },
  });
  const made = `--schools ${count} --pupils ${pupils} --years ${years} --seed ${seed}`;
  const said = [
    `Made by rollbook sample ${made}. Invented schools and pupils.`,
    'With "logo: our-logo.svg" an SVG or PNG of this folder stands on every page.',
  ];
  return `${said.map((line) => `# ${line}\n`).join("")}${doc.toString({ lineWidth: 0, flowCollectionPadding: false })}`;
}

function startYear({ school_year }: Calendar): number {
  return Number(school_year.slice(0, 4));
}

function date(iso: string): DuckDBDateValue {
  const [year = 0, month = 0, day = 0] = iso.split("-").map(Number);
  return DuckDBDateValue.fromParts({ year, month, day });
}

/** Runs one of the SQL files beside this module. */
async function run(db: DuckDBConnection, name: string): Promise<void> {
  await db.run(await readFile(join(import.meta.dirname, `${name}.sql`), "utf8"));
}

/** Sets a variable that the SQL reads with getvariable. */
async function set(db: DuckDBConnection, name: string, value: DuckDBValue): Promise<void> {
  await db.run(`set variable ${name} = $1`, [value]);
}

/** Inserts rows, at least one, in one statement. */
async function insert(db: DuckDBConnection, table: string, rows: DuckDBValue[][]): Promise<void> {
  let n = 0;
  const places = rows.map((row) => `(${row.map(() => `$${++n}`).join(", ")})`);
  await db.run(`insert into sample.${table} values ${places.join(", ")}`, rows.flat());
}

async function count(db: DuckDBConnection, sql: string): Promise<number> {
  const rows = (await db.runAndReadAll(sql)).getRowsJS();
  return Number(rows[0]?.[0]);
}

/** Writes the view that the SQL file of the same name makes, as CSV, and returns the number of rows. */
async function copy(db: DuckDBConnection, view: string, path: string): Promise<number> {
  await run(db, view);
  const options = "format csv, header, timestampformat '%Y-%m-%dT%H:%M:%SZ'";
  const result = await db.run(`copy (from sample.${view}) to ${quote(path)} (${options})`);
  return result.rowsChanged;
}
