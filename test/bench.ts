/**
 * `npm run bench`: how fast registers become the lake, beside the least that reading the same file can cost.
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

interface Measured {
  seconds: number;
  peak_mb: number;
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
    const smallSeconds = pair("an eighth", small);
    const wholeSeconds = pair("everything", whole);
    const exponent = Math.log(wholeSeconds / smallSeconds) / Math.log(whole.rows / small.rows);
    console.log(`growth exponent from ${small.rows} to ${whole.rows} rows: ${exponent.toFixed(2)}`);
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
    if (json)
      fs.writeFileSync(json, `${JSON.stringify({ size, growth_exponent: exponent, measures: lines }, null, 2)}\n`);
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

/** A project of the sample's schools whose marks of the full years stand in one file. */
function project(root: string, made: string, name: string, schools: string[]): { dir: string; rows: number } {
  const dir = path.join(root, name);
  fs.mkdirSync(path.join(dir, "registers"), { recursive: true });
  fs.copyFileSync(path.join(made, "rollbook.yaml"), path.join(dir, "rollbook.yaml"));
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
  return { dir, rows };
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
  if (name === "read") await bareRead(dir);
  else await ingest(readProject(dir), { log: () => {}, now: () => new Date() });
  const seconds = (performance.now() - began) / 1000;
  console.log(JSON.stringify({ seconds, peak_mb: process.resourceUsage().maxRSS / 1024 }));
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
