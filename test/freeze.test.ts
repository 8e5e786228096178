import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { freeze, freezeSentence, listFrozen } from "../commands/freeze.ts";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { buildWarehouse } from "../models/build.ts";
import { frozenFolder } from "../models/frozen.ts";
import { rollbook } from "./command.ts";
import { built, drop, inUse, makeProject, mark, marksFile, quietly } from "./project.ts";

const [ANN, BEN, CAT] = ["A825999924017", "R674123101121", "V825999924017"];
/** DfE publishes no figures of fewer than six pupils. */
const OTHERS = ["B825999924017", "C825999924017", "D825999924017", "E825999924017"];
const DAYS = ["2025-09-08", "2025-10-06", "2025-11-10", "2026-01-12", "2026-03-16"];
const NOW = () => new Date("2026-03-20T17:00:00Z");
const POINT = "Autumn 1 2025";

/** Both sessions of five days: at Oak Ann, Ben and four who never miss one, at Elm Cat. */
const register = marksFile(
  ...[ANN, BEN, CAT].flatMap((upn) =>
    DAYS.flatMap((date) => {
      const urn = upn === CAT ? "999002" : "999001";
      const morning = mark({ urn, upn, date, mark: upn === ANN ? "N" : "/" });
      return [morning, mark({ urn, upn, date, session: "PM", mark: "O" })];
    }),
  ),
  ...OTHERS.flatMap((upn) => DAYS.flatMap((date) => [mark({ upn, date }), mark({ upn, date, session: "PM" })])),
);
/** What the office mended afterwards: an N that was illness, an absence that was none, one deleted and one added late. */
const amendments = marksFile(
  mark({ upn: ANN, date: "2025-09-08", mark: "I", modified: "2026-03-19T09:00:00Z" }),
  mark({ upn: BEN, date: "2025-10-06", session: "PM", mark: "\\", modified: "2026-03-19T09:00:00Z" }),
  mark({ upn: BEN, date: "2025-09-08", session: "PM", mark: "O", modified: "2026-03-19T09:00:00Z", deleted: "true" }),
  mark({ upn: BEN, date: "2025-10-07", mark: "/", modified: "2026-03-19T09:00:00Z" }),
);

test("builds after a freeze say what has changed since, and why", async () => {
  const project = await frozenProject();
  drop(project.dir, { "amendments.csv": amendments });
  await quietly(project);
  const changed = await built(
    project,
    `select school_urn, frozen_numerator::integer as frozen, numerator_now::integer as now, denominator_now::integer as "of",
      is_same_point, has_changed, round(difference, 2) as difference
    from marts.frozen_figures
    where mart = 'marts.school_attendance' and measure = 'percent_attendance' and period = 'autumn 1'
      and basis = 'everyone on roll' and breakdown = 'all'
    order by school_urn nulls last`,
  );
  // at Oak one absence became present, one was deleted and a present mark was added
  expect(changed).toEqual([
    { school_urn: 999001, frozen: 18, now: 20, of: 24, is_same_point: true, has_changed: true, difference: 8.33 },
    { school_urn: 999002, frozen: 2, now: 2, of: 4, is_same_point: true, has_changed: false, difference: 0 },
    { school_urn: null, frozen: 20, now: 22, of: 28, is_same_point: true, has_changed: true, difference: 7.14 },
  ]);
  const why = await inUse(
    project,
    `select reason, to_class, sessions::integer as sessions, sessions_attended_change::integer as attended
    from marts.figure_changes
    where point = ${quote(POINT)} and school_urn = 999001 and half_term = 'autumn 1'
    order by reason`,
  );
  expect(why).toEqual([
    { reason: "N became authorised", to_class: "authorised", sessions: 1, attended: 0 },
    { reason: "added late", to_class: "present", sessions: 1, attended: 1 },
    { reason: "deleted", to_class: "no mark", sessions: 1, attended: 0 },
    { reason: "unauthorised became present", to_class: "present", sessions: 1, attended: 1 },
  ]);
});

test("the changes add up to the difference of the figures, of every school and half term and of the trust", async () => {
  const project = await frozenProject();
  drop(project.dir, { "amendments.csv": amendments });
  await quietly(project);
  const compared = await built(
    project,
    `select
      figures.school_urn, period, numerator_now - frozen_numerator as attended, denominator_now - frozen_denominator as possible,
      coalesce(sum(sessions_attended_change), 0) as attended_told, coalesce(sum(sessions_possible_change), 0) as possible_told
    from marts.frozen_figures as figures
    left join marts.figure_changes as changes
      on figures.point = changes.point and figures.school_urn is not distinct from changes.school_urn
      and figures.school_year = changes.school_year and figures.period = half_term
    where mart = 'marts.school_attendance' and measure = 'percent_attendance' and period_type = 'half_term'
      and basis = 'everyone on roll' and breakdown = 'all'
    group by all`,
  );
  expect(compared).toHaveLength(12);
  for (const { attended, possible, attended_told, possible_told } of compared) {
    expect([attended_told, possible_told]).toEqual([attended, possible]);
  }
});

test("when figures count up to a later day, what was over is compared and what was under way is not", async () => {
  const project = movedTo(await frozenProject(), "2026-03-27");
  const found = await built(
    project,
    `select distinct period_type, period, is_same_point, has_changed
    from marts.frozen_figures
    where school_urn = 999001 and school_year = '2025/26' and measure = 'percent_attendance'
      and period in ('2025/26', 'autumn', 'spring', 'autumn 1', 'spring 2', 'to week 12')
    order by all`,
  );
  expect(found.map((row) => Object.values(row).join(" "))).toEqual([
    "half_term autumn 1 true false",
    "half_term spring 2 false ",
    "last_five_weeks to week 12 false ",
    "term autumn true false",
    "term spring false ",
    "year 2025/26 false ",
    "year_to_date to week 12 false ",
  ]);
});

test("the file has the figures of the three marts and what they were made of, and nothing of a pupil", async () => {
  const project = await frozenProject();
  const file = path.join(frozenFolder(project), "autumn-1-2025.parquet");
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  expect(fs.statSync(frozenFolder(project)).mode & 0o777).toBe(0o700);
  expect(fs.readdirSync(frozenFolder(project))).toEqual(["autumn-1-2025.parquet"]);
  const keys = await inUse(project, "select distinct pupil_key from raw.marks");
  expect(keys).toHaveLength(7);
  const { columns, stored, marts } = await withDuckDB({}, async (db) => {
    const from = `from read_parquet(${quote(file)})`;
    return {
      columns: (await rows(db, `describe ${from}`)).map(({ column_name }) => column_name),
      stored: JSON.stringify(await rows(db, from)),
      marts: await rows(db, `select distinct mart ${from} order by mart`),
    };
  });
  expect(columns.join(" ")).toBe(
    "mart school_urn school_year period_type period basis breakdown group_name measure numerator denominator value ends_on is_complete",
  );
  expect(marts.map(({ mart }) => mart)).toEqual([
    "marts.attendance_bands",
    "marts.school_attendance",
    "marts.three_year_trends",
  ]);
  expect(stored).not.toContain("registration_group");
  const texts = [...keys.map(({ pupil_key }) => String(pupil_key)), ANN, BEN, CAT, ...OTHERS];
  for (const text of texts) expect(stored).not.toContain(text);
  const frozen = await built(
    project,
    `select count(*)::integer as n from marts.figures as figures
    join raw.frozen_figures as frozen using (mart, school_year, period_type, period, basis, breakdown, measure, value)
    where figures.school_urn is not distinct from frozen.school_urn
      and figures.group_name is not distinct from frozen.group_name
      and figures.numerator is not distinct from frozen.numerator
      and figures.denominator is not distinct from frozen.denominator`,
  );
  expect(frozen).toEqual(await inUse(project, "select count(*)::integer as n from marts.figures"));
});

test("a name is used once: the same figures again say that nothing differs, and others are refused", async () => {
  const project = await frozenProject();
  const before = fs.readFileSync(path.join(frozenFolder(project), "autumn-1-2025.parquet"));
  const again = await freeze(project, "AUTUMN 1, 2025", NOW);
  expect(again).toMatchObject({ is_new: false, point: { name: POINT } });
  expect(freezeSentence(again)).toBe(
    '"Autumn 1 2025" was frozen on 2026-03-20, and nothing differs. Nothing was changed.',
  );
  expect(freezeSentence({ ...again, is_new: true })).toMatch(
    /^Froze "Autumn 1 2025": [\d,]+ figures up to 2026-03-20\. /,
  );

  drop(project.dir, { "amendments.csv": amendments });
  await quietly(project);
  await built(project, "from marts.trust");
  await expect(freeze(project, POINT, NOW)).rejects.toThrow(
    /^"Autumn 1 2025" was frozen on 2026-03-20 and stays as it was; \d+ figures of the warehouse in use are others\. Freeze these under another name$/,
  );
  await built(movedTo(project, "2026-03-27"), "from marts.trust");
  await expect(freeze(project, POINT, NOW)).rejects.toThrow(
    "its figures count up to 2026-03-20, those of the warehouse in use up to 2026-03-27",
  );
  expect(fs.readFileSync(path.join(frozenFolder(project), "autumn-1-2025.parquet"))).toEqual(before);

  await freeze(project, "Spring 2 2026", () => new Date("2026-03-27T17:00:00Z"));
  const listed = await listFrozen(project);
  expect(listed.map(({ name, last_load }) => [name, last_load])).toEqual([
    [POINT, 1],
    ["Spring 2 2026", 2],
  ]);
  expect(listed[0]?.figures_changed).toBeGreaterThan(0);
  expect(listed[1]?.figures_changed).toBeNull();
});

test.each(["", "  ", "...", "Herbst\n2026", "x".repeat(81)])(
  "the name %j is refused, with what one looks like",
  async (name) => {
    await expect(freeze(makeProject({}), name, NOW)).rejects.toThrow('like "Autumn 1 2026"');
  },
);

test("a frozen file that is damaged stops the build by its name, and the warehouse stays; a draft is not read", async () => {
  const project = await frozenProject();
  const file = path.join(frozenFolder(project), "autumn-1-2025.parquet");
  const whole = fs.readFileSync(file);
  const before = await inUse(project, "from marts.school_attendance order by all");
  fs.writeFileSync(path.join(frozenFolder(project), "spring.parquet.draft"), "half");
  for (const damaged of [whole.subarray(0, whole.length / 2), Buffer.from("no figures")]) {
    fs.writeFileSync(file, damaged);
    await expect(built(project, "from marts.trust")).rejects.toThrow(
      `${file} cannot be read: bring it back from a backup`,
    );
    await expect(listFrozen(project)).rejects.toThrow(`${file} cannot be read`);
  }
  expect(await inUse(project, "from marts.school_attendance order by all")).toEqual(before);
  fs.writeFileSync(file, whole);
  expect(await built(project, "select point from raw.frozen_points")).toEqual([{ point: POINT }]);
});

test("a warehouse as known before the freeze does not know of it, and without one both marts are empty", async () => {
  const project = makeProject({ "1.csv": register });
  await quietly(project);
  const counts =
    "select (select count(*) from marts.frozen_figures)::integer as figures, (select count(*) from marts.figure_changes)::integer as changes";
  expect(await built(project, counts)).toEqual([{ figures: 0, changes: 0 }]);
  drop(project.dir, { "2.csv": amendments });
  await quietly(project);
  await built(project, counts);
  await freeze(project, POINT, NOW);
  await buildWarehouse(project, { log: () => {}, now: () => new Date() }, { knownAtLoad: 1 });
  expect(await inUse(project, counts)).toEqual([{ figures: 0, changes: 0 }]);
  await built(project, counts);
  expect((await inUse(project, counts))[0]?.figures).toBeGreaterThan(0);
});

test("on the command line freeze says what it did, lists, and asks for a name or --list", async () => {
  const project = await frozenProject({ isFrozen: false });
  const ask = (...words: string[]) => rollbook("freeze", ...words, "--project", project.dir);
  const first = await ask(POINT, "--json");
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(first.stdout)).toMatchObject({ is_new: true, point: { name: POINT, as_at: "2026-03-20" } });
  const list = await ask("--list");
  expect(list).toMatchObject({ code: 0, stderr: "" });
  expect(list.stdout).toMatch(/Autumn 1 2025 │ \d{4}-\d\d-\d\d │ 2026-03-20 .* run build/);
  expect(await ask()).toMatchObject({ code: 2, stdout: "" });
});

/** A project whose register has been ingested and built, and its figures frozen. */
async function frozenProject({ isFrozen = true } = {}): Promise<Project> {
  const project = makeProject({ "register.csv": register });
  await quietly(project);
  await built(project, "from marts.trust");
  if (isFrozen) expect(await freeze(project, POINT, NOW)).toMatchObject({ is_new: true, point: { last_load: 1 } });
  return project;
}

/** The same project when figures count up to another day. */
function movedTo(project: Project, day: string): Project {
  const file = path.join(project.dir, "rollbook.yaml");
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace(/^as_at: .*$/m, `as_at: ${day}`));
  return readProject(project.dir);
}
