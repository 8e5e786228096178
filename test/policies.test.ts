import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { isSeq, parseDocument } from "yaml";
import * as z from "zod";
import { RollbookError } from "../ingest/errors.ts";
import { type Policy, readPolicy } from "../ingest/policy_file.ts";
import { databaseOf } from "./examples.ts";
import { inOrder, policyRows, readRegister, runRegister } from "./policy_register.ts";

const POLICIES = path.join(import.meta.dirname, "..", "policies");
const NAMES = fs
  .readdirSync(POLICIES)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => path.basename(name, ".yaml"));

const policyOf = (name: string): Policy => readPolicy(path.join(POLICIES, `${name}.yaml`), `${name}.yaml`);
const registerOf = (name: string) => readRegister(fs.readFileSync(path.join(POLICIES, `${name}.test.md`), "utf8"));

/** What is wrong with a policy of these lines, a problem a line; nothing of one that can be used. */
function problemsWith(text: string): string[] {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-policy-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  const file = path.join(dir, "policy.yaml");
  fs.writeFileSync(file, text);
  try {
    readPolicy(file, "policy.yaml");
    return [];
  } catch (error) {
    if (!(error instanceof RollbookError)) throw error;
    const [first, ...problems] = error.message.split("\n");
    expect(first).toBe("policy.yaml cannot be used:");
    return problems.map((problem) => problem.trim());
  }
}

const FALLS = "falls through. Move an edge, or add a band of its own and say in decided what is to happen there";
const IN_BOTH = "would be in both. Move an edge of one";
const ROUND = "Change them round or correct one";
const ONE_SHAPE =
  "expected one of consecutive_days, between (with days or sessions) or in_school_weeks (with days or sessions)";

const withBands = (...bands: string[]) =>
  [
    "policy: A school",
    "ladders:",
    "  - ladder: Attendance",
    "    bands:",
    ...bands.map((band) => `      - ${band}`),
  ].join("\n");
const withTrigger = (...lines: string[]) =>
  ["policy: A school", "triggers:", ...lines.map((line, i) => `${i === 0 ? "  - " : "    "}${line}`)].join("\n");

test("there are five example policies, each with a worked register", () => {
  expect(NAMES).toHaveLength(5);
  const registers = fs.readdirSync(POLICIES).filter((name) => name.endsWith(".test.md"));
  expect(registers).toEqual(NAMES.map((name) => `${name}.test.md`));
});

const db = databaseOf([]);

describe.each(NAMES)("%s", (name) => {
  test("makes of its worked register the lists that are written there, and every near miss is near", async () => {
    const register = registerOf(name);
    const rows = policyRows(POLICIES, `${name}.yaml`, register.phase);
    const { own, national, withOneMore } = await runRegister(db(), rows, register);
    expect(inOrder(register, own)).toEqual(inOrder(register, register.expected));
    expect(inOrder(register, national)).toEqual(inOrder(register, register.national));
    expect(withOneMore).toEqual(register.nearMisses);
  });

  test("has for each rule that asks for something a pupil who meets it and one who nearly does", () => {
    const register = registerOf(name);
    const rules = policyRows(POLICIES, `${name}.yaml`, register.phase)
      .policy_rules.filter(({ kind, action }) => kind !== "band" || action)
      .map(({ rule }) => String(rule))
      .sort();
    expect([...new Set(register.expected.map(({ rule }) => rule))].sort()).toEqual(rules);
    expect([...new Set(register.nearMisses.map(({ rule }) => rule))].sort()).toEqual(rules);
    const met = register.expected.map(({ pupil, rule }) => `${pupil}: ${rule}`);
    expect(register.nearMisses.filter(({ pupil, rule }) => met.includes(`${pupil}: ${rule}`))).toEqual([]);
  });

  test("says of every rule what to do or who leads it, and of every passage that it quotes what was decided", () => {
    const { ladders, stages, triggers, lates, caps, rewards, targets, decisions } = policyOf(name);
    const steps = stages.flatMap((track) => track.steps);
    const rules = [...steps, ...triggers, ...lates, ...caps];
    expect(rules.filter(({ action, lead }) => !action && !lead)).toEqual([]);
    const worded = [...ladders.flatMap(({ bands }) => bands), ...rules, ...rewards, ...targets];
    expect(worded.filter(({ written, decided }) => written !== undefined && decided === undefined)).toEqual([]);
    expect(decisions.length).toBeGreaterThan(3);
  });

  test("names nobody and no place to write or ring to", () => {
    const text = ["yaml", "test.md"]
      .map((kind) => fs.readFileSync(path.join(POLICIES, `${name}.${kind}`), "utf8"))
      .join();
    expect(text).not.toMatch(/@|https?:|www\.|\b0\d{3,4} ?\d{5,}|\b(Mr|Mrs|Ms|Miss|Dr) [A-Z]/);
  });

  const ladders = parseDocument(fs.readFileSync(path.join(POLICIES, `${name}.yaml`), "utf8"));
  for (const part of Object.keys(z.record(z.string(), z.unknown()).parse(ladders.toJS()))) {
    if (part !== "policy" && part !== "ladders") ladders.delete(part);
  }
  const bands = policyOf(name).ladders.flatMap((ladder, i) =>
    ladder.bands.map((band, j) => ({ of: `${ladder.ladder}: ${band.band}`, at: ["ladders", i, "bands", j] })),
  );

  test.each(bands)("without the band $of is refused, since a pupil would fall through", ({ at }) => {
    const mutant = ladders.clone();
    mutant.deleteIn(at);
    expect(isSeq(mutant.getIn(at.slice(0, -1)))).toBe(true);
    expect(problemsWith(String(mutant)).join()).toMatch(/has no band: a pupil with [\d.]+% falls through/);
  });

  const EDGES = ["at_least", "above", "at_most", "below"];
  const edges = bands.flatMap(({ of, at }) =>
    EDGES.filter((edge) => ladders.hasIn([...at, edge])).flatMap((edge) =>
      [-0.1, 0.1].map((by) => ({ edge: `${edge} of ${of}`, by, at: [...at, edge] })),
    ),
  );

  test.each(edges)("with $edge moved by $by is refused, since a pupil would be in no band or in two", ({ at, by }) => {
    const mutant = ladders.clone();
    mutant.setIn(at, Number((z.number().parse(mutant.getIn(at)) + by).toFixed(1)));
    expect(problemsWith(String(mutant)).join()).toMatch(/has no band|is in two bands/);
  });
});

describe("a policy as it is written in the school's own paper is refused where it says two things or nothing", () => {
  test.each([
    [
      "a secondary school's bands: 98 to 100, 95 to 96.9, 93 to 94.9, 90 to 92.9 and sub-89.9",
      [
        "{ band: Target, at_least: 98, at_most: 100 }",
        "{ band: Letter, at_least: 95, at_most: 96.9 }",
        "{ band: Plan 1, at_least: 93, at_most: 94.9 }",
        "{ band: Plan 2, at_least: 90, at_most: 92.9 }",
        "{ band: Plan 3, below: 89.9 }",
      ],
      [
        `policy.yaml, line 5: more than 96.9% to below 98% has no band: a pupil with 97.45% ${FALLS}`,
        `policy.yaml, line 6: more than 94.9% to below 95% has no band: a pupil with 94.95% ${FALLS}`,
        `policy.yaml, line 7: more than 92.9% to below 93% has no band: a pupil with 92.95% ${FALLS}`,
        `policy.yaml, line 8: from 89.9% to below 90% has no band: a pupil with 89.9% ${FALLS}`,
      ],
    ],
    [
      "a federation's stages: 95 to 97, 90 to 95 and below 90",
      [
        "{ band: On target, above: 97 }",
        "{ band: Stage 1, at_least: 95, at_most: 97 }",
        "{ band: Stage 2, at_least: 90, at_most: 95 }",
        "{ band: Stage 3, below: 90 }",
      ],
      [`policy.yaml, line 6: exactly 95% is in two bands, Stage 2 and Stage 1: a pupil with 95% ${IN_BOTH}`],
    ],
    [
      "a local authority's tiers: 100 to 93, 92 to 80, 79 to 51 and 50 or below",
      [
        "{ band: Tier 1, at_least: 93, at_most: 100 }",
        "{ band: Tier 2, at_least: 80, at_most: 92 }",
        "{ band: Tier 3, at_least: 51, at_most: 79 }",
        "{ band: Tier 4, at_most: 50 }",
      ],
      [
        `policy.yaml, line 5: more than 92% to below 93% has no band: a pupil with 92.5% ${FALLS}`,
        `policy.yaml, line 6: more than 79% to below 80% has no band: a pupil with 79.5% ${FALLS}`,
        `policy.yaml, line 7: more than 50% to below 51% has no band: a pupil with 50.5% ${FALLS}`,
      ],
    ],
    [
      "a special school's colours: 100 to 95, 94 to 95.9, 90 to 93.9 and below 90",
      [
        "{ band: Green, at_least: 95, at_most: 100 }",
        "{ band: Upper amber, at_least: 94, at_most: 95.9 }",
        "{ band: Lower amber, at_least: 90, at_most: 93.9 }",
        "{ band: Red, below: 90 }",
      ],
      [
        `policy.yaml, line 5: from 95% up to 95.9% is in two bands, Upper amber and Green: a pupil with 95% ${IN_BOTH}`,
        `policy.yaml, line 6: more than 93.9% to below 94% has no band: a pupil with 93.95% ${FALLS}`,
      ],
    ],
  ])("%s", (_, bands, problems) => {
    expect(problemsWith(withBands(...bands))).toEqual(problems);
  });
});

describe("a policy file that cannot be used says where, what was expected and how to mend it", () => {
  test.each([
    [
      "a code that is neither absence nor lateness",
      withTrigger("trigger: Visits", "consecutive_days: 3", "codes: [V]"),
      ['policy.yaml, line 5: "V" is no code of absence or lateness: expected one like I, O or L, or a word for many'],
    ],
    [
      "days of the year the wrong way round",
      withTrigger("trigger: Days", "days: 3", 'between: ["06-01", "10-31"]'),
      ["policy.yaml, line 3: no day lies between: a school year begins in August. Put the earlier day first"],
    ],
    [
      "a count since a day that is to come after a stage",
      [
        withTrigger("trigger: First", "consecutive_days: 3", "stage: One"),
        "  - { trigger: Second, days: 3, between: ['09-01', '10-31'], after: One }",
      ].join("\n"),
      [
        "policy.yaml, line 6: between counts from its first day, not from a stage: write in_school_weeks, or take after out",
      ],
    ],
    [
      "the name of a national duty",
      withTrigger("trigger: reason not established", "consecutive_days: 3"),
      [
        "policy.yaml, line 3: reason not established is the name of a national duty, which stands for every school: take another name",
      ],
    ],
    [
      "a ladder and a track of one name",
      [
        withBands("{ band: All }"),
        "stages:",
        "  - track: Attendance",
        "    steps: [{ step: One, when: { below: 90 }, improved: rises }]",
      ].join("\n"),
      ["policy.yaml, line 7: expected each ladder and track to have its own name, but Attendance stands twice"],
    ],
    [
      "an improvement with an upper edge",
      [
        "policy: A school",
        "stages:",
        "  - track: Support",
        "    steps: [{ step: One, when: { below: 90 }, improved: { at_least: 90, below: 95 } }]",
      ].join("\n"),
      ["policy.yaml, line 4: improved: unknown key below: expected one of at_least, above"],
    ],
    [
      "an unknown key",
      withTrigger("trigger: Three days", "consecutive_day: 3"),
      [
        `policy.yaml, line 3: ${ONE_SHAPE}`,
        "policy.yaml, line 4: unknown key consecutive_day: expected one of trigger, for, codes, consecutive_days, right_after, days, sessions, between, in_school_weeks, stage, after, says, written, decided, action, lead",
      ],
    ],
    [
      "an unknown key of the file",
      "policy: A school\nbands: []",
      [
        "policy.yaml, line 2: unknown key bands: expected one of policy, states, targets, ladders, stages, triggers, lates, caps, rewards, decisions",
      ],
    ],
    [
      "a code that is none",
      withTrigger("trigger: Three days", "consecutive_days: 3", "codes: [I, H, Ill]"),
      ['policy.yaml, line 5: "Ill" is no code of absence or lateness: expected one like I, O or L, or a word for many'],
    ],
    [
      "a word for codes that is none",
      withTrigger("trigger: Three days", "consecutive_days: 3", "codes: sick"),
      [
        'policy.yaml, line 5: codes: "sick": expected codes of absence or lateness in brackets, like [I, C1], or one of absent, authorised, unauthorised, late',
      ],
    ],
    [
      "no codes",
      withTrigger("trigger: Three days", "consecutive_days: 3", "codes: []"),
      ["policy.yaml, line 5: codes: expected at least one"],
    ],
    [
      "a band upside down",
      withBands(
        "{ band: Low, below: 90 }",
        "{ band: Middle, at_least: 95, below: 90 }",
        "{ band: High, at_least: 90 }",
      ),
      [`policy.yaml, line 6: no pupil can be in it: its lower edge is 95% and its upper edge 90%. ${ROUND}`],
    ],
    [
      "a band without a percentage in it",
      withBands("{ band: All }", "{ band: None, above: 90, below: 90 }"),
      [`policy.yaml, line 6: no pupil can be in it: its lower edge is 90% and its upper edge 90%. ${ROUND}`],
    ],
    [
      "a gap",
      withBands("{ band: Low, below: 97 }", "{ band: High, at_least: 98 }"),
      [`policy.yaml, line 6: from 97% to below 98% has no band: a pupil with 97% ${FALLS}`],
    ],
    [
      "a gap of one percentage",
      withBands("{ band: Low, below: 97 }", "{ band: High, above: 97 }"),
      [`policy.yaml, line 6: exactly 97% has no band: a pupil with 97% ${FALLS}`],
    ],
    [
      "a gap at the bottom",
      withBands("{ band: High, at_least: 50 }"),
      [`policy.yaml, line 5: from 0% to below 50% has no band: a pupil with 0% ${FALLS}`],
    ],
    [
      "a gap at the top",
      withBands("{ band: Low, below: 97 }"),
      [`policy.yaml, line 5: from 97% up to 100% has no band: a pupil with 97% ${FALLS}`],
    ],
    [
      "an edge in two bands",
      withBands("{ band: Low, at_most: 95 }", "{ band: High, at_least: 95 }"),
      [`policy.yaml, line 6: exactly 95% is in two bands, Low and High: a pupil with 95% ${IN_BOTH}`],
    ],
    [
      "an overlap",
      withBands("{ band: Low, below: 96 }", "{ band: High, at_least: 95 }"),
      [`policy.yaml, line 6: from 95% to below 96% is in two bands, Low and High: a pupil with 95% ${IN_BOTH}`],
    ],
    [
      "a band inside another",
      withBands("{ band: All }", "{ band: Middle, at_least: 90, below: 95 }"),
      [`policy.yaml, line 6: from 90% to below 95% is in two bands, All and Middle: a pupil with 90% ${IN_BOTH}`],
    ],
    [
      "two lower edges",
      withBands("{ band: High, at_least: 90, above: 91 }", "{ band: Low, below: 90 }"),
      ["policy.yaml, line 5: expected one lower edge (at_least or above) and one upper edge (at_most or below)"],
    ],
    [
      "a percentage over 100",
      withBands("{ band: High, at_least: 950 }", "{ band: Low, below: 95 }"),
      ["policy.yaml, line 5: at_least: expected a percentage from 0 to 100"],
    ],
    [
      "a percentage of three decimals",
      withBands("{ band: High, at_least: 89.999 }", "{ band: Low, below: 90 }"),
      ["policy.yaml, line 5: at_least: expected at most two decimals"],
    ],
    [
      "a percentage in words",
      withBands('{ band: High, at_least: "95%" }', "{ band: Low, below: 95 }"),
      ["policy.yaml, line 5: at_least: expected a percentage, such as 95 or 92.5"],
    ],
    [
      "a stage that nothing leads to",
      withTrigger("trigger: Further days", "in_school_weeks: 4", "days: 3", "after: Phase 2"),
      [
        "policy.yaml, line 6: after: no trigger above leads to the stage Phase 2: write stage: Phase 2 on the one that does, and put it first",
      ],
    ],
    [
      "two shapes in one rule",
      withTrigger("trigger: Days", "consecutive_days: 3", "in_school_weeks: 4"),
      [`policy.yaml, line 3: ${ONE_SHAPE}`],
    ],
    ["no shape", withTrigger("trigger: Days", "days: 3"), [`policy.yaml, line 3: ${ONE_SHAPE}`]],
    [
      "a window that does not say how many",
      withTrigger("trigger: Days", "in_school_weeks: 4"),
      ["policy.yaml, line 3: expected how many: days or sessions, beside in_school_weeks"],
    ],
    [
      "days and sessions",
      withTrigger("trigger: Days", "in_school_weeks: 4", "days: 3", "sessions: 6"),
      ["policy.yaml, line 3: expected how many: days or sessions, beside in_school_weeks"],
    ],
    [
      "days beside days in a row",
      withTrigger("trigger: Days", "consecutive_days: 3", "days: 3"),
      ["policy.yaml, line 3: consecutive_days says how many: take days or sessions out"],
    ],
    [
      "right_after a window",
      withTrigger("trigger: Days", "in_school_weeks: 4", "days: 3", "right_after: [C]"),
      ["policy.yaml, line 3: right_after is for consecutive_days only"],
    ],
    [
      "a third of a day",
      withTrigger("trigger: Days", "in_school_weeks: 4", "days: 1.3"),
      ["policy.yaml, line 5: days: expected days or half days"],
    ],
    [
      "a day of the year that is none",
      withTrigger("trigger: Days", 'between: ["09-01", "13-01"]', "days: 3"),
      ['policy.yaml, line 4: expected a month and a day in quotes, like "09-01"'],
    ],
    [
      "a year group that is none",
      withTrigger("trigger: Days", "for: { years: [15] }", "consecutive_days: 3"),
      ["policy.yaml, line 4: expected at most 14"],
    ],
    [
      "a register that is none",
      withTrigger("trigger: Days", "for: { register: post-16 }", "consecutive_days: 3"),
      ["policy.yaml, line 4: register: expected one of main, sixth form"],
    ],
    [
      "a late counter by the week",
      "policy: A school\nlates:\n  - { late: Lates, times: 3, per: week }",
      ["policy.yaml, line 3: per: expected one of half term, school year"],
    ],
    [
      "a track without a first attendance",
      "policy: A school\nstages:\n  - track: Letters\n    steps:\n      - step: Letter 1\n        improved: rises",
      ["policy.yaml, line 5: expected when: which attendance brings a pupil here"],
    ],
    [
      "a step that does not say what is better",
      "policy: A school\nstages:\n  - track: Letters\n    steps:\n      - step: Letter 1\n        when: { below: 95 }",
      ["policy.yaml, line 5: improved: expected rises, or one edge, such as { at_least: 95 }"],
    ],
    [
      "a rule that stands twice",
      `${withTrigger("trigger: Days", "consecutive_days: 3")}\n  - trigger: Days\n    consecutive_days: 5`,
      ["policy.yaml, line 5: expected each name once, but Days stands twice"],
    ],
    ["a policy without a name", "ladders: []", ["policy.yaml, line 1: policy: expected a text"]],
    [
      "a file with nothing in it",
      "",
      ["policy.yaml, line 1: expected keys with a colon and what they say, like policy: The name"],
    ],
    [
      "text that is no YAML",
      "policy: A school\nladders: [",
      ["policy.yaml, line 2: expected YAML that can be read (BAD_INDENT)"],
    ],
    [
      "a colon in a text without quotes",
      withTrigger("trigger: Phase 1: three days", "consecutive_days: 3"),
      [
        "policy.yaml, line 3: expected YAML that can be read (BLOCK_AS_IMPLICIT_KEY). A text with a colon and a space in it stands in quotes",
      ],
    ],
    [
      "two things at once",
      withBands("{ band: Low, below: 90, acton: Letter }", "{ band: High, at_least: 90, below: 50 }"),
      [
        "policy.yaml, line 5: unknown key acton: expected one of band, at_least, above, at_most, below, says, written, decided, action, lead",
        `policy.yaml, line 6: no pupil can be in it: its lower edge is 90% and its upper edge 50%. ${ROUND}`,
      ],
    ],
  ])("%s", (_, text, problems) => {
    expect(problemsWith(text)).toEqual(problems);
  });

  test("a file that is not there", () => {
    expect(() => readPolicy(path.join(POLICIES, "none.yaml"), "policies/none.yaml")).toThrow(
      "rollbook.yaml names the policy policies/none.yaml, and there is no such file: correct its name",
    );
  });
});

test("the readme of the policies explains every key that a file may have", () => {
  const everywhere = [
    "nonsense: 1",
    "targets: [{ nonsense: 1 }]",
    "ladders: [{ nonsense: 1, for: { nonsense: 1 }, bands: [{ nonsense: 1 }] }]",
    "stages: [{ nonsense: 1, steps: [{ nonsense: 1 }] }]",
    "triggers: [{ nonsense: 1 }]",
    "lates: [{ nonsense: 1 }]",
    "caps: [{ nonsense: 1 }]",
    "rewards: [{ nonsense: 1 }]",
    "decisions: [{ nonsense: 1 }]",
  ];
  const lists = problemsWith(everywhere.join("\n")).flatMap(
    (text) => text.match(/unknown key nonsense: .* of (.+)$/)?.[1] ?? [],
  );
  expect(lists).toHaveLength(12);
  const readme = fs.readFileSync(path.join(POLICIES, "README.md"), "utf8");
  const keys = [...new Set(lists.join(", ").split(", "))];
  expect(keys.filter((key) => !readme.includes(`\`${key}`))).toEqual([]);
});
