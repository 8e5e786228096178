import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { withDuckDB } from "../ingest/duckdb.ts";
import { createRawTables } from "../models/build.ts";
import { type Model, readModels } from "../models/model.ts";
import { createTables, type Example, readExamples, runExample } from "./examples.ts";
import { modelsFor } from "./raw_rows.ts";

const models = readModels();

const TENTH = "A pupil who missed exactly a tenth is persistently absent";
const ROUNDS = "A rate that rounds to ten per cent is not ten per cent";
const HALF = "A pupil who missed exactly half is severely absent, and persistently too";
const EDGE = "Exactly 95% attendance is in DfE's band of 5 to 10% missed";
const NOT_POSSIBLE = "Sessions that the school could not hold, or that were another school's, count for nobody";
const LATE = "Late before the register closed is attended; after it closed is an unauthorised absence, and late";
const INTERVIEW = "An interview was attended as J until 18 August 2024 and is an authorised absence as J1 since";
const MOVER = "A pupil who moved counts at each school, and one without a possible session at none";
const AS_DFE =
  "As DfE publishes, the second half of the summer term of 15-year-olds is left out, and so are pupils under 5 or over 15";
const AGES =
  "Five on 31 August counts and four does not; fifteen counts, without the last half term, and sixteen does not";
const LATE_JOINER =
  "A pupil who first came in the second half of the summer term does not count that year; one who came back in it does";
const POOLED = "Rates are sessions over sessions, not a mean of pupils or of schools";
const LEAVER =
  "Who left in October and who came in March count with their own sessions: the roll of the report date is no denominator";
const RESTATED = "The mark that became known last stands, whichever file arrived first";
const NO_EXTRACT =
  "A pupil of whom no extract says whether they have free school meals is neither one who has nor one who has not";

/** A rule done wrong: what stands in the model's SQL, what is put there, and the worked example that must then fail. */
const MUTATIONS: { wrong: string; model: string; changes: [from: string, to: string][]; caughtBy: [string, string] }[] =
  [
    {
      wrong: "exactly a tenth missed is not persistent",
      model: "marts.pupil_attendance",
      changes: [
        [
          "sessions_absent * 100 >= counted.sessions_possible * persistent_from",
          "sessions_absent * 100 > counted.sessions_possible * persistent_from",
        ],
      ],
      caughtBy: ["marts.pupil_attendance", TENTH],
    },
    {
      wrong: "exactly half missed is not severe",
      model: "marts.pupil_attendance",
      changes: [
        [
          "sessions_absent * 100 >= counted.sessions_possible * severe_from",
          "sessions_absent * 100 > counted.sessions_possible * severe_from",
        ],
      ],
      caughtBy: ["marts.pupil_attendance", HALF],
    },
    {
      wrong: "persistent is judged by the rate as it is shown",
      model: "marts.pupil_attendance",
      changes: [
        [
          "counted.sessions_absent * 100 >= counted.sessions_possible * persistent_from",
          "round(100.0 * counted.sessions_absent / counted.sessions_possible, 1) >= persistent_from",
        ],
      ],
      caughtBy: ["marts.pupil_attendance", ROUNDS],
    },
    {
      wrong: "a band is open at its lower edge",
      model: "marts.pupil_attendance",
      changes: [
        [
          "sessions_absent * 100 >= sessions_possible * missed_from_percent",
          "sessions_absent * 100 > sessions_possible * missed_from_percent",
        ],
      ],
      caughtBy: ["marts.pupil_attendance", EDGE],
    },
    {
      wrong: "D, X, Q, Y and closures count as possible",
      model: "staging.pupil_stretches",
      changes: [["filter (is_possible)", "filter (is_possible is not null)"]],
      caughtBy: ["marts.pupil_attendance", NOT_POSSIBLE],
    },
    {
      wrong: "U and L are swapped",
      model: "staging.pupil_stretches",
      changes: [
        [
          "on stretch_counts.code = register_codes.code",
          "on translate(stretch_counts.code, 'LU', 'UL') = register_codes.code",
        ],
      ],
      caughtBy: ["marts.pupil_attendance", LATE],
    },
    {
      wrong: "J1 is attended, as J was",
      model: "staging.pupil_stretches",
      changes: [
        ["filter (is_attended)", "filter (is_attended or code = 'J1')"],
        ["filter (is_authorised)", "filter (is_authorised and code <> 'J1')"],
      ],
      caughtBy: ["marts.pupil_attendance", INTERVIEW],
    },
    {
      wrong: "a pupil without a possible session is counted",
      model: "marts.pupil_attendance",
      changes: [["having sum(sessions_possible) > 0", "having sum(sessions_possible) >= 0"]],
      caughtBy: ["marts.pupil_attendance", MOVER],
    },
    {
      wrong: "half term 6 of 15-year-olds is kept",
      model: "staging.based_stretches",
      changes: [["where counts_for_dfe and not is_year_11_half_term_6", "where counts_for_dfe"]],
      caughtBy: ["marts.pupil_attendance", AS_DFE],
    },
    {
      wrong: "a school of six is left out of what DfE publishes",
      model: "marts.pupil_attendance",
      changes: [["count(*) >= minimum_enrolments", "count(*) > minimum_enrolments"]],
      caughtBy: ["marts.pupil_attendance", AS_DFE],
    },
    {
      wrong: "Reception counts as DfE publishes",
      model: "staging.dfe_population",
      changes: [["between youngest_age and oldest_age", "between youngest_age - 1 and oldest_age"]],
      caughtBy: ["staging.dfe_population", AGES],
    },
    {
      wrong: "the sixth form counts as DfE publishes",
      model: "staging.dfe_population",
      changes: [["between youngest_age and oldest_age", "between youngest_age and oldest_age + 1"]],
      caughtBy: ["staging.dfe_population", AGES],
    },
    {
      wrong: "age is as on 1 September",
      model: "staging.dfe_population",
      changes: [["month(born_on) > 8", "month(born_on) > 9"]],
      caughtBy: ["staging.dfe_population", AGES],
    },
    {
      wrong: "who first came in half term 6 counts as DfE publishes",
      model: "staging.dfe_population",
      changes: [["and not came_in_half_term_6", ""]],
      caughtBy: ["staging.dfe_population", LATE_JOINER],
    },
    {
      wrong: "a school's rate is the mean of its pupils' rates",
      model: "marts.school_attendance",
      changes: [
        [
          "count(*) as pupils,",
          "count(*) as pupils, avg(100.0 * sessions_attended / sessions_possible) as mean_of_rates,",
        ],
        ["100.0 * sessions_attended / sessions_possible as percent_attendance", "mean_of_rates as percent_attendance"],
      ],
      caughtBy: ["marts.school_attendance", POOLED],
    },
    {
      wrong: "only who is on roll on the report date counts",
      model: "staging.week_marks",
      changes: [
        ["between entered_on and left_on", "between entered_on and left_on and left_on = date '9999-12-31'"],
        ["and leaving_week > settled.week_from", "and left_on = date '9999-12-31'"],
      ],
      caughtBy: ["marts.school_attendance", LEAVER],
    },
    {
      wrong: "marks after leaving and before entry count",
      model: "staging.week_marks",
      changes: [
        ["when edge_days.sessions is not null then edge_days.sessions", ""],
        ["else 0", "else 16383"],
      ],
      caughtBy: ["marts.school_attendance", LEAVER],
    },
    {
      wrong: "the first of a session's statements stands",
      model: "staging.restated_sessions",
      changes: [
        [
          "known_at desc, load_number desc, coalesce(row_number, 0) desc",
          "known_at, load_number, coalesce(row_number, 0)",
        ],
      ],
      caughtBy: ["staging.session_marks", RESTATED],
    },
  ];

/** Every trap of the domain rules (attendance-rules.md s10) and the worked examples that fail for whoever falls into it. */
const TRAPS: { trap: number; about: string; examples: [model: string, title: string][] }[] = [
  {
    trap: 1,
    about: "exactly 10% is persistent, 9.97% is not",
    examples: [
      ["marts.pupil_attendance", TENTH],
      ["marts.pupil_attendance", ROUNDS],
    ],
  },
  {
    trap: 2,
    about: "exactly 95% is in DfE's band of 5 to 10% missed, and in many a school's own of 95 to 100%",
    examples: [
      ["marts.pupil_attendance", EDGE],
      ["marts.attendance_bands", "A school's own ladder has the edges it states, whatever it calls its bands"],
    ],
  },
  { trap: 3, about: "D, X, Q, Y, Z and # are in no rate", examples: [["marts.pupil_attendance", NOT_POSSIBLE]] },
  { trap: 4, about: "U is absent and late, L attended and late", examples: [["marts.pupil_attendance", LATE]] },
  { trap: 5, about: "J was attended, J1 is absent", examples: [["marts.pupil_attendance", INTERVIEW]] },
  { trap: 6, about: "pooled, not a mean of rates", examples: [["marts.school_attendance", POOLED]] },
  {
    trap: 7,
    about: "leavers, joiners and movers count by their own enrolment",
    examples: [
      ["marts.school_attendance", LEAVER],
      ["marts.pupil_attendance", MOVER],
    ],
  },
  { trap: 8, about: "half term 6 of year 11, with and without", examples: [["marts.pupil_attendance", AS_DFE]] },
  {
    trap: 9,
    about: "no nursery, Reception or sixth form beside England",
    examples: [
      ["staging.dfe_population", AGES],
      ["marts.pupil_attendance", AS_DFE],
    ],
  },
  {
    trap: 10,
    about: "a benchmark has its series, phase and week; a year to date and a full year never meet",
    examples: [
      [
        "staging.area_figures",
        "A year to date stands beside what DfE published for the same point, and a full year beside the accredited figure",
      ],
      ["marts.three_year_trends", "A year to date is never compared with a full year"],
    ],
  },
  {
    trap: 11,
    about: "each phase beside its own, the trust beside England weighted by phase",
    examples: [
      [
        "marts.three_year_trends",
        "The trust's comparator weighs England's phases by the trust's own sessions and pupils",
      ],
    ],
  },
  {
    trap: 12,
    about: "unclassified is neither in a group nor outside it",
    examples: [
      ["staging.pupil_years", NO_EXTRACT],
      ["staging.pupil_status", "A column that an extract leaves empty tells nothing, and ends nothing"],
    ],
  },
  {
    trap: 13,
    about: "N stays at most five school days",
    examples: [
      ["marts.reconciliation", "Code N is overdue when more than five school days have passed, not when five have"],
    ],
  },
  {
    trap: 14,
    about: "no change is stated across a year that is not there",
    examples: [
      [
        "marts.three_year_trends",
        "Change is since the year before; a year that is missing leaves none, and a year under way is no full year",
      ],
    ],
  },
];

describe("a rule done wrong fails a worked example", () => {
  test.each(MUTATIONS.map((mutation) => [mutation.wrong, mutation] as const))("%s", async (_, mutation) => {
    const [name, title] = mutation.caughtBy;
    const example = exampleOf(name, title);
    const { right, wrong } = await withDuckDB({}, async (db) => {
      await createRawTables(db);
      const upstream = modelsFor([name]);
      await createTables(db, upstream);
      const right = await runExample(db, upstream, modelOf(name), example);
      const changed = mutated(mutation);
      const wrongly = upstream.map((model) => (model.name === changed.name ? changed : model));
      return { right, wrong: await runExample(db, wrongly, changed.name === name ? changed : modelOf(name), example) };
    });
    expect(sorted(right)).toEqual(sorted(example.expect));
    expect(sorted(wrong)).not.toEqual(sorted(example.expect));
  });
});

test("every trap that the domain rules warn of has a worked example", () => {
  expect(TRAPS.map(({ trap }) => trap)).toEqual(Array.from({ length: 14 }, (_, i) => i + 1));
  const missing = TRAPS.flatMap(({ trap, examples }) =>
    examples
      .filter(([name, title]) => !examplesOf(name).some((example) => example.title === title))
      .map(([name, title]) => `trap ${trap}: ${name}: ${title}`),
  );
  expect(missing).toEqual([]);
});

// --- internal ---

function mutated({ model: name, changes }: (typeof MUTATIONS)[number]): Model {
  const model = modelOf(name);
  const sql = changes.reduce((text, [from, to]) => {
    expect(text, `${model.file} has no "${from}" any more: put the rule's present words here`).toContain(from);
    return text.replace(from, to);
  }, model.sql);
  return { ...model, sql };
}

/** The model and all that it is made from, in the order in which they are made. */
function modelOf(name: string): Model {
  const model = models.find((one) => one.name === name);
  if (model === undefined) throw new Error(`there is no model ${name}`);
  return model;
}

function sorted<T>(all: T[]): T[] {
  return [...all].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

function examplesOf(name: string): Example[] {
  const file = path.join(import.meta.dirname, "..", "models", `${name.replace(".", "/")}.test.md`);
  return readExamples(fs.readFileSync(file, "utf8"));
}

function exampleOf(name: string, title: string): Example {
  const example = examplesOf(name).find((one) => one.title === title);
  if (example === undefined) throw new Error(`${name} has no example "${title}"`);
  return example;
}
