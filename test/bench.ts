/**
 * `npm run bench`: how fast registers become the lake and the lake becomes marts, beside the least that each can cost.
 *
 * Prints a line a measure: name, figure, floor, ratio, peak memory. `--json <file>` writes the same as data; `--size 4`
 * takes four times the schools and pupils. Every step runs in a process of its own, so that its peak memory is its own.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { quote, withDuckDB } from "../ingest/duckdb.ts";
import { ingest } from "../ingest/ingest.ts";
import { readProject } from "../ingest/project.ts";
import { buildWarehouse } from "../models/build.ts";
import { readModels } from "../models/model.ts";
import { readRules } from "../models/rules.ts";
import { ROLLBOOK } from "./command.ts";

const SCHOOLS = 50;
const PUPILS = 25_000;
/** The sample's full school years: 28 million marks of 50 schools. */
const YEARS = ["2022-23", "2023-24", "2024-25"];
/** Growth is measured from this part of the schools to all of them. */
const SMALL_PART = 8;
const TYPES = {
  Id: "VARCHAR",
  SchoolURN: "INTEGER",
  UPN: "VARCHAR",
  PupilId: "INTEGER",
  SessionDate: "DATE",
  Session: "VARCHAR",
  Mark: "VARCHAR",
  Modified: "TIMESTAMP",
  IsDeleted: "BOOLEAN",
};

/** Every model of cohorts is made from this one. */
const FIRST_OF_COHORTS = "staging.pupils_in_school";
/** Every model of policies is made from this one, and these are what they are for. */
const FIRST_OF_POLICIES = "staging.policy_rules";
const LAST_OF_POLICIES = ["marts.policy_triggers", "marts.policy_backtest"];

interface Measured {
  seconds: number;
  peak_mb: number;
  /** Of a build: how much of it the models of cohorts took. */
  cohort_seconds?: number;
  /** Of a build: how much of it the triggers and the back-test of the schools' policies took. */
  policy_seconds?: number;
}
interface Project {
  dir: string;
  rows: number;
  schools: string[];
}
interface Line extends Measured {
  name: string;
  rows: number;
  floor_seconds: number | null;
  ratio: number | null;
}

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "1" },
    json: { type: "string" },
    step: { type: "string" },
    dir: { type: "string", default: "" },
  },
});
if (values.step) await runStep(values.step, values.dir);
else await bench(Number(values.size), values.json);

// --- internal ---

async function bench(size: number, json: string | undefined): Promise<void> {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-bench-"));
  try {
    const made = path.join(root, "sample");
    const schools = String(Math.max(SMALL_PART, Math.round(SCHOOLS * size)));
    const pupils = String(Math.round(PUPILS * size));
    console.log(`making a trust of ${schools} schools and ${pupils} pupils`);
    execFileSync(process.execPath, [ROLLBOOK, "sample", made, "--schools", schools, "--pupils", pupils]);
    const folders = fs.readdirSync(path.join(made, "registers")).sort();
    const small = project(root, made, "small", folders.slice(0, Math.round(folders.length / SMALL_PART)));
    const whole = project(root, made, "whole", folders);
    const lines: Line[] = [];
    const print = (line: Line) => {
      lines.push(line);
      const ratio =
        line.ratio === null ? "" : `, floor ${line.floor_seconds?.toFixed(1)} s, ratio ${line.ratio.toFixed(2)}`;
      console.log(
        `${line.name}: ${line.seconds.toFixed(1)} s${ratio}, peak ${Math.round(line.peak_mb)} MB, ${line.rows} rows`,
      );
    };
    const pair = (name: string, { dir, rows }: { dir: string; rows: number }) => {
      const floor = step("read", dir);
      print({ name: `read ${name} by a bare read_csv into Parquet`, rows, ...floor, floor_seconds: null, ratio: null });
      const ours = step("ingest", dir);
      print({
        name: `ingest ${name} into the lake`,
        rows,
        ...ours,
        floor_seconds: floor.seconds,
        ratio: ours.seconds / floor.seconds,
      });
      return ours.seconds;
    };
    const marts = (name: string, { dir, rows }: { dir: string; rows: number }) => {
      const floor = step("count", dir);
      print({ name: `count ${name} by pupil and week, and no more`, rows, ...floor, floor_seconds: null, ratio: null });
      const ours = step("build", dir);
      print({
        name: `build all marts of ${name}`,
        rows,
        ...ours,
        floor_seconds: floor.seconds,
        ratio: ours.seconds / floor.seconds,
      });
      const cohorts = ours.cohort_seconds ?? 0;
      print({
        name: `of that the cohorts of ${name}, beside all the rest`,
        rows,
        seconds: cohorts,
        peak_mb: ours.peak_mb,
        floor_seconds: ours.seconds - cohorts,
        ratio: cohorts / (ours.seconds - cohorts),
      });
      print({
        name: `of that the triggers and back-test of every school's policy on ${name}`,
        rows,
        seconds: ours.policy_seconds ?? 0,
        peak_mb: ours.peak_mb,
        floor_seconds: null,
        ratio: null,
      });
      return ours.seconds;
    };
    const exponents: Record<string, number> = {};
    for (const [name, measure] of Object.entries({ ingest: pair, build: marts })) {
      const smallSeconds = measure("an eighth", small);
      const wholeSeconds = measure("everything", whole);
      // marks are read alone; figures are made of marks and of what is known of the pupils
      if (measure === pair) for (const { dir, schools } of [small, whole]) addPupils(made, dir, schools);
      const exponent = Math.log(wholeSeconds / smallSeconds) / Math.log(whole.rows / small.rows);
      console.log(`${name}: growth exponent from ${small.rows} to ${whole.rows} rows: ${exponent.toFixed(2)}`);
      exponents[name] = exponent;
    }
    print({
      name: "ingest again, nothing changed (whole process)",
      rows: whole.rows,
      ...waited(whole.dir),
      floor_seconds: null,
      ratio: null,
    });
    const day = oneDay(made, whole.dir, folders[0] ?? "");
    print({
      name: "ingest one school-day's file (whole process)",
      rows: day,
      ...waited(whole.dir),
      floor_seconds: null,
      ratio: null,
    });
    if (json) {
      fs.writeFileSync(json, `${JSON.stringify({ size, growth_exponents: exponents, measures: lines }, null, 2)}\n`);
    }
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

/** A project of the sample's schools whose marks of the full years stand in one file. */
function project(root: string, made: string, name: string, schools: string[]): Project {
  const dir = path.join(root, name);
  fs.mkdirSync(path.join(dir, "registers"), { recursive: true });
  fs.copyFileSync(path.join(made, "rollbook.yaml"), path.join(dir, "rollbook.yaml"));
  fs.cpSync(path.join(made, "policies"), path.join(dir, "policies"), { recursive: true });
  const marks = path.join(dir, "registers", "marks.csv");
  let rows = 0;
  fs.writeFileSync(marks, `${Object.keys(TYPES).join(",")}\n`);
  for (const year of YEARS) {
    for (const school of schools) {
      const bytes = fs.readFileSync(path.join(made, "registers", school, `marks-${year}.csv`));
      const body = bytes.subarray(bytes.indexOf(10) + 1);
      for (let at = body.indexOf(10); at >= 0; at = body.indexOf(10, at + 1)) rows++;
      fs.appendFileSync(marks, body);
    }
  }
  return { dir, rows, schools };
}

/** Drops the schools' pupils and flags, and reads them. */
function addPupils(made: string, dir: string, schools: string[]): void {
  for (const school of schools) {
    const from = path.join(made, "registers", school);
    const to = path.join(dir, "registers", school);
    fs.mkdirSync(to);
    for (const file of fs.readdirSync(from).filter((name) => !name.startsWith("marks"))) {
      fs.copyFileSync(path.join(from, file), path.join(to, file));
    }
  }
  step("ingest", dir);
}

/** Drops the marks that one school made on the first day of the sample's current year; gives their number. */
function oneDay(made: string, dir: string, school: string): number {
  const text = fs.readFileSync(path.join(made, "registers", school, "marks-2025-26.csv"), "utf8");
  const [header = "", ...rows] = text.trimEnd().split("\n");
  const at = header.split(",").indexOf("SessionDate");
  const day = rows[0]?.split(",")[at];
  const ofDay = rows.filter((row) => row.split(",")[at] === day);
  fs.writeFileSync(path.join(dir, "registers", "day.csv"), `${[header, ...ofDay].join("\n")}\n`);
  return ofDay.length;
}

/** Runs one step of this file in a process of its own. */
function step(name: string, dir: string): Measured {
  const tsx = ["--import", "tsx", import.meta.filename, "--step", name, "--dir", dir];
  return JSON.parse(execFileSync(process.execPath, tsx, { encoding: "utf8" })) as Measured;
}

/** The same ingest with the start and end of its process, as a user waits for it. */
function waited(dir: string): Measured {
  const began = performance.now();
  const { peak_mb } = step("ingest", dir);
  return { seconds: (performance.now() - began) / 1000, peak_mb };
}

async function runStep(name: string, dir: string): Promise<void> {
  const began = performance.now();
  const effects = { log: () => {}, now: () => new Date() };
  const [steps, cohorts, policies] = [timedSteps(), madeFrom(FIRST_OF_COHORTS), policyModels()];
  if (name === "read") await bareRead(dir);
  else if (name === "count") await bareCount(dir);
  else if (name === "build") await buildWarehouse(readProject(dir), { ...effects, log: steps.start });
  else await ingest(readProject(dir), effects);
  const seconds = (performance.now() - began) / 1000;
  const secondsOf = (models: Set<string>) => steps.secondsOf((line) => models.has(line.replace(/^building /, "")));
  const peak_mb = process.resourceUsage().maxRSS / 1024;
  console.log(
    JSON.stringify({ seconds, peak_mb, cohort_seconds: secondsOf(cohorts), policy_seconds: secondsOf(policies) }),
  );
}

/** A model and all that are made from it. */
function madeFrom(first: string): Set<string> {
  const found = new Set([first]);
  for (const { name, inputs } of readModels()) if (inputs.some((input) => found.has(input))) found.add(name);
  return found;
}

/** The models between the first and the last of policies. */
function policyModels(): Set<string> {
  const needed = new Set(LAST_OF_POLICIES);
  for (const { name, inputs } of readModels().reverse()) {
    if (needed.has(name)) for (const input of inputs) needed.add(input);
  }
  return new Set([...madeFrom(FIRST_OF_POLICIES)].filter((name) => needed.has(name)));
}

/** Times the steps that a log names as they begin: each until the next begins, though two models are made at once. */
function timedSteps() {
  const begun: { line: string; at: number }[] = [];
  return {
    start: (line: string) => void begun.push({ line, at: performance.now() }),
    secondsOf: (isWanted: (line: string) => boolean) =>
      begun
        .map(({ line, at }, i) => (isWanted(line) ? (begun[i + 1]?.at ?? performance.now()) - at : 0))
        .reduce((sum, milliseconds) => sum + milliseconds / 1000, 0),
  };
}

async function bareRead(dir: string): Promise<void> {
  const out = path.join(dir, "bare.parquet");
  const columns = Object.entries(TYPES)
    .map(([name, type]) => `${quote(name)}: ${quote(type)}`)
    .join(", ");
  await withDuckDB({ spillTo: path.join(dir, "spill") }, (db) =>
    db.run(`copy (
      from read_csv(${quote(path.join(dir, "registers", "marks.csv"))}, auto_detect = false, header = true, delim = ',',
        quote = '"', escape = '"', columns = {${columns}})
    ) to ${quote(out)} (format parquet)`),
  );
  fs.rmSync(out);
}

/** The least that any mart needs: one scan of the marks, counted by pupil and week, and from that every pupil's and school's year. */
async function bareCount(dir: string): Promise<void> {
  const marks = path.join(dir, "data", "lake", "marks", "*", "*", "*.parquet");
  await withDuckDB({ spillTo: path.join(dir, "spill") }, async (db) => {
    await readRules(db, "temp", ["register_codes"]);
    await db.run(`
      create temp table pupil_weeks as
      select
        school_urn, pupil_key, date_trunc('week', session_date) as week,
        count(*) filter (is_possible) as possible,
        count(*) filter (is_attended) as attended,
        count(*) filter (is_authorised) as authorised,
        count(*) filter (is_late_before_close) as late_before,
        count(*) filter (is_late_after_close) as late_after
      from read_parquet(${quote(marks)}, hive_partitioning = true) as marks
      join register_codes
        on marks.code = register_codes.code and session_date between valid_from and coalesce(valid_to, date '9999-12-31')
      group by all`);
    await db.run(`
      create temp table pupil_years as
      select
        school_urn, pupil_key, year(week + interval 5 month) as school_year,
        sum(possible) as possible, sum(attended) as attended, sum(authorised) as authorised,
        (sum(possible) - sum(attended)) * 10 >= sum(possible) as is_persistent
      from pupil_weeks
      group by all`);
    await db.run(`
      create temp table school_years as
      select
        school_urn, school_year, count(*) as pupils, sum(possible) as possible, sum(attended) as attended,
        count(*) filter (is_persistent) as persistent
      from pupil_years
      group by all`);
  });
}
