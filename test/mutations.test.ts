import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { RollbookError } from "../ingest/errors.ts";
import { ingest } from "../ingest/ingest.ts";
import { dataFolders } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { CANARY, LAYOUTS, type Layout, REGISTERS, type Register, SCHOOLS, withOneCharacterCodes } from "./exporters.ts";

const SEED = 20260320;
const MUTANTS_A_LAYOUT = 22;
/** Far longer than any of these files of a few rows takes, on a busy machine too. */
const LONGEST_MS = 20_000;
/** Mutants that are loaded at a time, each into a project of its own: one is too small to keep two cores at work. */
const AT_A_TIME = 2;

const projects: Project[] = [];
afterAll(() => {
  for (const { dir } of projects) fs.rmSync(dir, { recursive: true, force: true });
});

describe("a damaged file is loaded with every row accounted for or refused in words, and nothing of a pupil is said", () => {
  const outcomes = { loaded: 0, refused: 0 };

  test.each(LAYOUTS.map((layout, i) => [layout.name, layout, i] as const))("%s", async (_, layout, i) => {
    const register = smallRegister(layout);
    const files = Object.entries(layout.files(register.pupils, register.marks, register.extractedOn));
    const canaries = canariesOf(register);
    const mutants = fc.sample(mutation, { seed: SEED + i, numRuns: MUTANTS_A_LAYOUT });
    const trusts = Array.from({ length: AT_A_TIME }, () => makeTrust(layout));

    const faults: string[] = [];
    const queue = [...mutants];
    await Promise.all(
      trusts.map(async (project) => {
        for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
          const target = mutant.file % files.length;
          const damaged = files.map(([name, content], at): [string, Buffer] => {
            const bytes = Buffer.from(content);
            return [name, at === target ? mutate(bytes, mutant.steps) : bytes];
          });
          const { outcome, fault } = await arrive(project, damaged, canaries);
          outcomes[outcome]++;
          if (fault) faults.push(`${fault}; ${files[target]?.[0]}, ${JSON.stringify(mutant)}`);
        }
      }),
    );
    expect(faults).toEqual([]);
  });

  test("a table that begins like JSON and whose line breaks are of two kinds", async () => {
    const layout = LAYOUTS.find(({ name }) => name === "Bromcom Attendances, CSV") as Layout;
    const register = smallRegister(layout);
    const project = makeTrust(layout);
    const files = Object.entries(layout.files(register.pupils, [], register.extractedOn));
    const odd = files.map(([name, content]): [string, Buffer] => [name, Buffer.from(`{${content.toString()}\n`)]);
    const pupils = odd.filter(([name]) => name.includes("StudentFlatView"));
    expect(pupils).toHaveLength(1);
    expect((await arrive(project, pupils, canariesOf(register))).fault).toBeUndefined();
  });

  test("of at least four hundred mutants some are loaded and some refused", () => {
    expect(outcomes.loaded + outcomes.refused).toBeGreaterThanOrEqual(400);
    expect(outcomes.loaded).toBeGreaterThan(40);
    expect(outcomes.refused).toBeGreaterThan(40);
  });
});

// --- internal ---

/** One thing done to a file's bytes. Places are shares of its length. */
type Step = { do: (typeof STEPS)[number]; at: number; to: number; bytes: number[] };

const STEPS = ["flip", "delete", "insert", "truncate", "duplicate", "swap"] as const;
/** What does most harm where it is put: quotes, breaks, separators, marks of encodings, control bytes, openings. */
const HARMFUL = [
  '"',
  "\n",
  "\r\n",
  ",",
  ";",
  "\u0000",
  "\uFEFF",
  "\u001b",
  "<",
  "]]>",
  "&x;",
  "{",
  "]",
  "\\",
  "=",
  "'",
];

const share = fc.oneof(
  fc.nat(9_999).map((n) => n / 10_000),
  fc.constantFrom(0, 0.0001, 0.9999),
);
const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(...STEPS),
  at: share,
  to: share,
  bytes: fc.oneof(
    fc.constantFrom(...HARMFUL).map((text) => [...Buffer.from(text)]),
    fc.array(fc.nat(255), { minLength: 1, maxLength: 8 }),
  ),
});
const mutation = fc.record({ file: fc.nat(1000), steps: fc.array(step, { minLength: 1, maxLength: 3 }) });

function mutate(original: Buffer, steps: Step[]): Buffer {
  return steps.reduce(damage, original);
}

function damage(bytes: Buffer, { do: what, at, to, bytes: put }: Step): Buffer {
  const start = Math.floor(at * bytes.length);
  const end = Math.min(bytes.length, start + 1 + Math.floor(to * 40));
  const [before, slice, after] = [bytes.subarray(0, start), bytes.subarray(start, end), bytes.subarray(end)];
  switch (what) {
    case "flip": {
      const [first = 0, ...others] = slice;
      return Buffer.concat([before, Buffer.from([first ^ (1 << ((put[0] ?? 0) % 8)), ...others]), after]);
    }
    case "delete":
      return Buffer.concat([before, after]);
    case "insert":
      return Buffer.concat([before, Buffer.from(put), slice, after]);
    case "truncate":
      return before;
    case "duplicate":
      return Buffer.concat([before, slice, slice, after]);
    case "swap":
      return swapFields(bytes, at, to);
  }
}

/** Two texts between separators, of one row or of two, each in the other's place. */
function swapFields(bytes: Buffer, at: number, to: number): Buffer {
  // latin1 keeps every byte as it is
  const fields = bytes.toString("latin1").split(/([,<>"{}[\]:\r\n]+)/);
  const one = Math.floor((at * fields.length) / 2) * 2;
  const other = Math.floor((to * fields.length) / 2) * 2;
  [fields[one], fields[other]] = [fields[other] ?? "", fields[one] ?? ""];
  return Buffer.from(fields.join(""), "latin1");
}

/** Two pupils of one school over three days, which keeps the files short and every byte of them likely to be hit. */
function smallRegister(layout: Layout): Register {
  const since = REGISTERS["since August 2024"];
  const { pupils, marks, extractedOn } = layout.holdsTwoCharacterCodes ? since : withOneCharacterCodes(since);
  const few = pupils.filter(({ urn, leftOn }) => urn === SCHOOLS[0].urn && leftOn === null).slice(0, 2);
  const upns = few.map(({ upn }) => upn);
  const days = [...new Set(marks.map(({ date }) => date))].filter((date) => date >= "2025-09-24").slice(0, 3);
  return {
    pupils: few,
    marks: marks.filter(({ urn, upn, date }) => urn === SCHOOLS[0].urn && upns.includes(upn) && days.includes(date)),
    extractedOn,
  };
}

/** What is a pupil's in the files, in the ways that they write it. */
function canariesOf({ pupils }: Register): string[] {
  return [
    CANARY,
    ...pupils.flatMap(({ upn, bornOn, misId }) => [
      upn,
      upn.slice(1),
      bornOn,
      bornOn.split("-").reverse().join("/"),
      String(misId),
    ]),
  ];
}

interface Arrived {
  outcome: "loaded" | "refused";
  /** What went wrong that must not, if anything did. */
  fault?: string;
}

/** Loads the files into the project, which forgets everything first. */
async function arrive(project: Project, files: [string, Buffer][], canaries: string[]): Promise<Arrived> {
  for (const folder of [project.data, project.registers]) fs.rmSync(folder, { recursive: true, force: true });
  for (const [name, content] of files) {
    const file = path.join(project.registers, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }
  const names = files.map(([name]) => name);
  const printed: string[] = [];
  const log = (line: string) => printed.push(line);
  const timer = new AbortController();
  const tooLong = sleep(LONGEST_MS, "too long" as const, { signal: timer.signal });
  tooLong.catch(() => {});
  try {
    const run = ingest(project, { log, now: () => new Date("2026-03-20T16:00:00Z") }, { accept: true });
    const ended = await Promise.race([run, tooLong]);
    if (ended === "too long") return { outcome: "refused", fault: "it does not end" };
    const unaccounted = ended.loads.filter(
      (load) => load.rows_accepted + load.rows_quarantined + load.rows_duplicate !== load.rows_read,
    );
    const leak = leakIn(printed, names, canaries);
    return { outcome: "loaded", fault: leak ?? (unaccounted.length > 0 ? "rows are not accounted for" : undefined) };
  } catch (error) {
    if (!(error instanceof RollbookError)) return { outcome: "refused", fault: `no refusal: ${String(error)}` };
    const lines = error.message.split("\n");
    const isPlain =
      lines.at(-1) === "Nothing was loaded." && lines.slice(0, -1).every((line) => isOfAFile(line, names));
    const leak = leakIn([...printed, ...lines], names, canaries);
    const isKept = readLedger(dataFolders(project).ledger).length > 0;
    const fault = isPlain ? undefined : `a refusal that does not begin with its file: ${error.message}`;
    return { outcome: "refused", fault: leak ?? fault ?? (isKept ? "refused and yet loaded" : undefined) };
  } finally {
    timer.abort();
  }
}

function isOfAFile(line: string, names: string[]): boolean {
  return names.some((name) => line.startsWith(name)) && !/^\s+at /.test(line);
}

function leakIn(lines: string[], names: string[], canaries: string[]): string | undefined {
  const said = names.reduce((text, name) => text.replaceAll(name, ""), lines.join("\n")).toUpperCase();
  const found = canaries.filter((canary) => said.includes(canary.toUpperCase()));
  return found.length > 0 ? `it says ${found.join(", ")}: ${lines.join(" | ")}` : undefined;
}

/** A project of the invented schools under every name that the layouts give them. */
function makeTrust({ dates }: Layout): Project {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-mutants-"));
  const schools = SCHOOLS.map(
    ({ urn, name, lea, estab, applicationId }) =>
      `  - { urn: ${urn}, name: ${name}, phase: Primary, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003, laestab: "${lea}${estab}", known_as: [${applicationId}] }`,
  );
  const calendar =
    "{ autumn 1: [2025-09-02, 2025-10-24], autumn 2: [2025-11-03, 2025-12-19], spring 1: [2026-01-05, 2026-02-13], spring 2: [2026-02-23, 2026-04-02], summer 1: [2026-04-20, 2026-05-22], summer 2: [2026-06-01, 2026-07-20] }";
  const lines = ["trust: Two Schools Trust", "as_at: 2026-03-20", `dates: ${dates}`, "schools:", ...schools];
  lines.push("calendars:", "  - school_year: 2025/26", `    half_terms: ${calendar}`);
  fs.writeFileSync(path.join(dir, "rollbook.yaml"), `${lines.join("\n")}\n`);
  const project = readProject(dir);
  projects.push(project);
  return project;
}
