import { expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { type Model, readModels } from "../models/model.ts";
import { aboutChecks, addsUp, type Check } from "../pages/components/checks.ts";

/** What marts.reconciliation and what it is made from need: the rest has its own tests. */
const models = withInputs("marts.reconciliation", readModels());

/** One pupil, two sessions, of which one was corrected: builds the models, with the SQL of one of them changed. */
async function buildWith(name: string, change: (sql: string) => string): Promise<Record<string, unknown>[]> {
  const changed = models.map((model) => (model.name === name ? { ...model, sql: change(model.sql) } : model));
  return withDuckDB({}, async (db) => {
    await createRawTables(db);
    await db.run(`
      insert into raw.project (trust_name, as_at) values ('Oak Trust', '2025-10-10');
      insert into raw.schools (school_urn, school_name, phase) values (999001, 'Oak', 'Primary');
      insert into raw.half_terms (school_urn, school_year, half_term, starts_on, ends_on)
        values (999001, '2025/26', 'autumn 1', '2025-09-02', '2025-10-24');
      insert into raw.marks (school_urn, pupil_key, session_date, session, code, known_at, is_deleted, load_number, row_number)
        values
          (999001, 'ann', '2025-10-06', 'AM', 'N', '2025-10-06 09:00', false, 1, 2),
          (999001, 'ann', '2025-10-06', 'AM', 'I', '2025-10-07 09:00', false, 2, 2),
          (999001, 'ann', '2025-10-06', 'PM', '\\', '2025-10-06 13:00', false, 1, 3)`);
    await buildModels(db, changed, () => {});
    return rows(
      db,
      "select check_name, expected, found from marts.reconciliation where school_urn = 999001 and is_binding order by position",
    );
  });
}

test("a build of marks that are each counted once is finished, and says so", async () => {
  expect(await buildWith("", (sql) => sql)).toEqual([
    { check_name: "no_session_lost_or_doubled", expected: "2", found: "2" },
    { check_name: "by_pupil_as_by_day", expected: "2", found: "2" },
    { check_name: "present_activity_and_absence_are_possible", expected: "2", found: "2" },
    { check_name: "authorised_and_unauthorised_are_absence", expected: "1", found: "1" },
  ]);
});

test.each([
  ["a session twice", "staging.session_marks", "from placed union all from placed"],
  ["a session of two not at all", "staging.session_marks", "from placed where session = 'AM'"],
  ["a day's sessions less often than its pupils'", "staging.day_counts", "from counted where session = 'AM'"],
  ["a pupil's sessions less often than the day's", "staging.stretch_counts", "from named where code = 'I'"],
  ["a week's sessions less often than the day's", "staging.week_marks", "from placed where code = 'I'"],
])("a build that counts %s stops", async (_, name, ending) => {
  const change = (sql: string) => {
    const changed = sql.replace(/^from (placed|counted|named)\n$/m, `${ending}\n`);
    expect(changed).not.toBe(sql);
    return changed;
  };
  await expect(buildWith(name, change)).rejects.toThrow(
    /^marts\.reconciliation: \d+ rows break the check "is_met or not is_binding"/,
  );
});

const met: Check = {
  school_urn: null,
  school_name: null,
  position: 1,
  check_name: "no_session_lost_or_doubled",
  statement: "",
  counted: "",
  mend: "",
  is_binding: true,
  is_met: true,
  expected: "2,500",
  found: "2,500",
};
const open: Check = {
  ...met,
  check_name: "mark_missing",
  is_binding: false,
  is_met: false,
  expected: "0",
  found: "15",
};
const atOak: Check = { ...open, school_urn: 999001, school_name: "Oak" };
const atElm: Check = { ...open, school_urn: 999002, school_name: "Elm" };

test.each<[string, Check[], string[]]>([
  ["all is well", [met, { ...open, is_met: true }], [/^Yes: /.source, "The registers leave nothing open."]],
  [
    "one school has to mend one thing",
    [met, open, atOak],
    ["^Yes: ", "1 check finds what the registers leave open, at 1 school."],
  ],
  [
    "two schools have to mend things",
    [met, open, { ...open, check_name: "register_missing" }, atOak, atElm],
    ["^Yes: ", "2 checks find what the registers leave open, at 2 schools."],
  ],
  [
    "only a school that left has",
    [met, open],
    ["^Yes: ", "1 check finds .*, all of it at schools that have left the trust."],
  ],
  [
    "DfE's newest file does not add up by the methods that are known",
    [met, { ...open, check_name: "dfe_figures_as_known" }],
    ["^Yes: ", "The registers leave nothing open.", "DfE may have changed how it counts"],
  ],
  ["marks were lost", [{ ...met, is_met: false }, open, atOak], ["^No: .*Do not use these figures", "1 check finds"]],
])("the page says so when %s", (_, checks, sentences) => {
  const told = addsUp(checks);
  expect(told).toHaveLength(sentences.length);
  for (const [at, sentence] of sentences.entries()) expect(told[at]).toMatch(new RegExp(sentence));
});

test("a board asks about missing registers and overdue reasons by school, and about nothing that is not open", () => {
  expect(aboutChecks([met])).toEqual(["Who looks at this page before each meeting?"]);
  const asked = aboutChecks([
    met,
    { ...atOak, check_name: "register_missing" },
    { ...atOak, check_name: "reason_not_established" },
    { ...atElm, check_name: "reason_not_established" },
  ]);
  expect(asked[0]).toMatch(/^Why has Oak days without a register/);
  expect(asked[1]).toMatch(/Who at Oak, Elm makes the calls/);
  expect(asked).toHaveLength(3);
});

// --- internal ---

function withInputs(name: string, all: Model[]): Model[] {
  const byName = new Map(all.map((model) => [model.name, model]));
  const wanted = new Set<string>();
  const want = (each: string) => {
    wanted.add(each);
    for (const input of byName.get(each)?.inputs ?? []) want(input);
  };
  want(name);
  return all.filter((model) => wanted.has(model.name));
}
