import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { rollbook } from "./command.ts";
import { drop, inUse, makeProject, mark, marksFile } from "./project.ts";

const COMMANDS = [
  "start",
  "sample",
  "ingest",
  "fetch",
  "build",
  "freeze",
  "explain",
  "site",
  "serve",
  "export",
  "status",
  "forget",
];

test.each(COMMANDS)("%s explains itself", async (command) => {
  const { code, stdout } = await rollbook(command, "--help");
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^Usage: rollbook ${command} `));
});

test("ingest and build say in a table what was read and built, and a second ingest that nothing is new", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({}), mark({})) });
  const first = await rollbook("ingest", "--project", project.dir);
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toMatch(/marks\s+│\s+1 │\s+2 │\s+1 │\s+0 │\s+1/);
  const build = await rollbook("build", "--project", project.dir);
  // the mark is in a year, a term, a half term, the year to date and the year to the end of the last half term
  expect(build.stdout).toMatch(/marts\.pupil_attendance\s+│\s+5/);
  const before = await rollbook("build", "--as-at", "2025-10-03", "--project", project.dir);
  expect(before.stdout).toMatch(/marts\.pupil_attendance\s+│\s+0/);
  expect(await rollbook("build", "--as-at", "3.10.2025", "--project", project.dir)).toMatchObject({ code: 2 });
  const second = await rollbook("ingest", "--project", project.dir);
  expect(second).toMatchObject({ code: 0 });
  expect(second.stdout).toContain("Nothing new: all 1 files were loaded before. Nothing was changed.");
});

test("a file that cannot be used gives its line on stderr and exit code 1, and the last warehouse stays", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({})) });
  await rollbook("ingest", "--project", project.dir);
  await rollbook("build", "--project", project.dir);
  const before = await inUse(project, "from marts.pupil_attendance order by all");
  drop(project.dir, { "bad.csv": marksFile(mark({ mark: "??" })) });
  const { code, stderr } = await rollbook("ingest", "--project", project.dir);
  expect(code).toBe(1);
  expect(stderr).toBe(
    'bad.csv, row 2, column "Mark": expected a register code that DfE lists; look the mark up in models/rules/register_codes.csv and correct it in the register\nNothing was loaded.\n',
  );
  expect(await inUse(project, "from marts.pupil_attendance order by all")).toEqual(before);
});

test.each([
  [["ingest"], 1, /^No rollbook\.yaml in /],
  [["status"], 1, /^No rollbook\.yaml in /],
  [["frobnicate"], 2, /^error: unknown command 'frobnicate'/],
  [["serve", "--port", "many"], 2, /Expected a whole number/],
  [["export", "marts.trust", "--format", "xlsx"], 2, /Allowed choices are csv, parquet, arrow/],
])("%j fails with its reason and exit code %i", async (words, expected, reason) => {
  const { code, stderr } = await rollbook(
    ...words,
    ...(words[0] === "frobnicate" ? [] : ["--project", import.meta.dirname]),
  );
  expect(code).toBe(expected);
  expect(stderr).toMatch(reason);
});

test("for machines every command prints one JSON object and nothing else", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({})) });
  const ask = async (...words: string[]) => {
    const { code, stdout, stderr } = await rollbook(...words, "--project", project.dir, "--json");
    expect(stderr).toBe("");
    return { code, said: JSON.parse(stdout) as Record<string, unknown> };
  };
  expect(await ask("ingest")).toMatchObject({ code: 0, said: { loads: [{ rows_read: 1 }], unchanged: 0, held: [] } });
  expect(await ask("build")).toMatchObject({ code: 0, said: { tables: expect.any(Array) } });
  expect(await ask("status")).toMatchObject({ code: 0, said: { trust: "Two Schools Trust", site: null } });
  drop(project.dir, { "bad.csv": "Pupil,Reading age\nsomeone,9\n" });
  expect(await ask("ingest")).toMatchObject({
    code: 1,
    said: { exit_code: 1, error: expect.stringMatching(/^bad\.csv, row 1: /) },
  });
});

test("a file that looks cut short is held with exit code 3, and taken in with --accept", async () => {
  const days = Array.from({ length: 20 }, (_, i) =>
    mark({ date: `2025-10-${String(i + 6).padStart(2, "0")}`, mark: "#" }),
  );
  const project = makeProject({ "monday.csv": marksFile(...days) });
  expect(await rollbook("ingest", "--project", project.dir)).toMatchObject({ code: 0 });
  const shorter = marksFile(...[0, 19].map((i) => (days[i] ?? "").replace("false", "FALSE")));
  drop(project.dir, { "tuesday.csv": shorter });
  const held = await rollbook("ingest", "--project", project.dir);
  expect(held).toMatchObject({ code: 3, stderr: "" });
  expect(held.stdout).toContain(
    'Held: tuesday.csv has 2 rows, and the last file of the same school and days had 20: it may be cut short. Export it again, or take it in with "rollbook ingest --accept"',
  );
  const again = await rollbook("ingest", "--project", project.dir, "--accept");
  expect(again).toMatchObject({ code: 0 });
  expect(again.stdout).toContain("Loaded 1 new file; 1 were loaded before.");
});

test.each([
  [["build"], 'Nothing has been loaded: run "rollbook ingest" first\n'],
  [["site"], /^No warehouse in .*: run "rollbook ingest" and "rollbook build" first\n$/],
  [["export", "marts.trust"], /^No warehouse in /],
  [["serve"], /rollbook site/],
])("%j before its time says what to do first", async (words, reason) => {
  const project = makeProject({});
  const { code, stderr } = await rollbook(...words, "--project", project.dir);
  expect(code).toBe(1);
  expect(stderr).toMatch(reason);
});

test("what a run leaves behind is readable by its owner only", async () => {
  const project = makeProject({ "marks.csv": marksFile(mark({})) });
  await rollbook("ingest", "--project", project.dir);
  await rollbook("build", "--project", project.dir);
  const open = fs
    .readdirSync(project.data, { recursive: true, encoding: "utf8" })
    .filter((name) => fs.statSync(path.join(project.data, name)).mode & 0o077);
  expect(open).toEqual([]);
});

test("of two ingests at once one works, and the other says who is at work and changes nothing", async () => {
  const project = makeProject({
    "marks.csv": marksFile(...Array.from({ length: 20_000 }, (_, i) => mark({ upn: upn(i) }))),
  });
  const runs = await Promise.all([1, 2, 3].map(() => rollbook("ingest", "--project", project.dir)));
  const [first, ...others] = runs.sort((a, b) => a.code - b.code);
  expect(first).toMatchObject({ code: 0 });
  for (const { code, stdout, stderr } of others) {
    if (code === 0) expect(stdout).toContain("Nothing new");
    else expect(code).toBe(4);
    if (code !== 0) expect(stderr).toMatch(/^Another run is at work on .* \(process \d+\): wait until it has ended/);
  }
  expect(runs.filter(({ stdout }) => stdout.includes("Loaded 1 new file."))).toHaveLength(1);
});

// --- internal ---

function upn(i: number): string {
  return `A${String(82_599_990_000 + i).padStart(11, "0")}7`;
}
