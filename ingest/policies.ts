import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { quote } from "./duckdb.ts";
import { type Edges, intervalOf, type Policy, type Pupils, readPolicy } from "./policy_file.ts";
import type { Project } from "./project.ts";

const SIXTH_FORM = ["12", "13", "14"];
const MAIN = ["N", "R", ...Array.from({ length: 11 }, (_, i) => String(i + 1))];
/** Which year groups a phase of education has, in a school that has more than one. */
const PHASE_YEARS = { Primary: MAIN.slice(0, 8), Secondary: [...MAIN.slice(8), ...SIXTH_FORM] } as const;
/** A day's sessions, morning and afternoon. */
const SESSIONS_A_DAY = 2;

/** `current` is the policy as its file states it now, `before` the one that it stated before it was last changed. */
export type Edition = "current" | "before";

/**
 * One row is one rule of a school's policy; its columns say how it is counted.
 *
 * threshold is in days for "consecutive days" and in sessions for "cumulative" and "rolling"; opens_on and closes_on are
 * days of any school year (MM-DD); codes are letters with spaces between, in order; years are year groups with spaces
 * between, null for all. Edges are hundredths of a per cent of attendance. Rules of one pathway follow each other: a list
 * of today's pupils needs only the furthest that each has come to.
 */
const RULE_COLUMNS = {
  rule: "varchar",
  position: "integer",
  kind: "varchar",
  shape: "varchar",
  says: "varchar",
  written: "varchar",
  decided: "varchar",
  stage: "varchar",
  after_stage: "varchar",
  pathway: "varchar",
  action: "varchar",
  lead: "varchar",
  years: "varchar",
  codes: "varchar",
  right_after_codes: "varchar",
  threshold: "integer",
  window_weeks: "integer",
  opens_on: "varchar",
  closes_on: "varchar",
  is_per_half_term: "boolean",
  ladder: "varchar",
  step: "integer",
  checked: "varchar",
  minimum_sessions: "integer",
  low: "integer",
  is_low_closed: "boolean",
  high: "integer",
  is_high_closed: "boolean",
  review_weeks: "integer",
  is_rise_enough: "boolean",
  improved_low: "integer",
  is_improved_low_closed: "boolean",
} as const;
type Rule = Partial<Record<keyof typeof RULE_COLUMNS, string | number | boolean | null | undefined>>;

const OTHER_TABLES = {
  policies: { policy: "varchar", states: "varchar", file: "varchar" },
  policy_targets: { attendance: "integer", says: "varchar" },
  policy_rewards: { reward: "varchar", kind: "varchar", per: "varchar", at_least: "integer", says: "varchar" },
  policy_decisions: { position: "integer", about: "varchar", written: "varchar", decided: "varchar" },
} as const;

/** `raw.policies`, `raw.policy_rules`, `raw.policy_targets`, `raw.policy_rewards` and `raw.policy_decisions`. */
export const policyTables = Object.entries({ ...OTHER_TABLES, policy_rules: RULE_COLUMNS })
  .map(([table, columns]) => {
    const told = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
    return `create table raw.${table} (school_urn integer, edition varchar, ${told.join(", ")})`;
  })
  .join("; ");

/** What a school's policy says, as rows of the tables: what `data/policies` keeps of an edition. */
export type PolicyRows = Record<"policy_rules" | keyof typeof OTHER_TABLES, Record<string, unknown>[]>;

/** The policies that `rollbook.yaml` names, for every school that one is for: its own, otherwise the trust's. */
export function readPolicies(project: Pick<Project, "dir" | "schools" | "policy">): PolicyRows {
  const rows: PolicyRows = {
    policies: [],
    policy_rules: [],
    policy_targets: [],
    policy_rewards: [],
    policy_decisions: [],
  };
  const read = new Map<string, Policy>();
  for (const school of project.schools) {
    const file = school.policy ?? project.policy;
    if (file === undefined) continue;
    const policy = read.get(file) ?? readPolicy(path.resolve(project.dir, file), file);
    read.set(file, policy);
    const of = { school_urn: school.urn };
    rows.policies.push({ ...of, policy: policy.policy, states: policy.states, file });
    for (const rule of rulesOf(policy, school.phase)) rows.policy_rules.push({ ...of, ...rule });
    for (const { attendance, says } of policy.targets) rows.policy_targets.push({ ...of, attendance, says });
    for (const { reward, kind, per, at_least, says } of policy.rewards) {
      rows.policy_rewards.push({ ...of, reward, kind, per, at_least, says });
    }
    for (const [i, decision] of decisionsOf(policy).entries()) {
      rows.policy_decisions.push({ ...of, position: i + 1, ...decision });
    }
  }
  return rows;
}

/** Writes the rows of an edition into the policy tables. */
export async function writePolicies(db: DuckDBConnection, edition: Edition, policies: PolicyRows): Promise<void> {
  const columns = { ...OTHER_TABLES, policy_rules: RULE_COLUMNS };
  for (const [table, rows] of Object.entries(policies)) {
    if (rows.length === 0) continue;
    const names = ["school_urn", ...Object.keys(columns[table as keyof typeof columns])];
    const written = rows.map((row) => `(${[edition, ...names.map((name) => row[name])].map(literal).join(", ")})`);
    await db.run(`insert into raw.${table} (edition, ${names.join(", ")}) values ${written.join(", ")}`);
  }
}

// --- internal ---

function rulesOf(policy: Policy, phase: string): Rule[] {
  const rules: Rule[] = [];
  const add = (pupils: Pupils, kind: string, rule: Rule) => {
    const years = yearsOf(pupils, phase);
    if (years === "nobody") return;
    rules.push({ ...rule, kind, years, position: rules.length + 1 });
  };
  for (const { ladder, bands, for: pupils, checked, minimum_sessions } of policy.ladders) {
    for (const band of bands) {
      const { says = `Attendance in the band ${band.band}`, ...words } = wordsOf(band);
      add(pupils, "band", {
        ...words,
        says,
        rule: `${ladder}: ${band.band}`,
        shape: "attendance band",
        pathway: ladder,
        ladder,
        checked,
        minimum_sessions,
        ...columnsOf(band),
      });
    }
  }
  for (const { track, steps, for: pupils, checked, minimum_sessions } of policy.stages) {
    for (const [i, step] of steps.entries()) {
      const improved = step.improved === "rises" ? undefined : intervalOf(step.improved);
      add(pupils, "stage", {
        ...wordsOf(step),
        says: step.says ?? step.step,
        rule: `${track}: ${step.step}`,
        shape: "stage",
        stage: step.step,
        pathway: track,
        ladder: track,
        step: i + 1,
        checked,
        minimum_sessions,
        ...columnsOf(step.when ?? {}),
        review_weeks: step.review_after_weeks,
        is_rise_enough: improved === undefined,
        improved_low: improved?.low,
        is_improved_low_closed: improved?.is_low_closed,
      });
    }
  }
  const roots = new Map<string, string>();
  for (const { trigger, for: pupils, codes, days, sessions, between, in_school_weeks, ...rule } of policy.triggers) {
    const shape = rule.consecutive_days ? "consecutive days" : between ? "cumulative" : "rolling";
    add(pupils, "trigger", {
      ...wordsOf(rule),
      says: rule.says ?? trigger,
      rule: trigger,
      shape,
      stage: rule.stage,
      after_stage: rule.after,
      pathway: pathwayOf({ trigger, codes, ...rule }, roots),
      codes,
      right_after_codes: rule.right_after,
      threshold: rule.consecutive_days ?? sessions ?? (days ?? 0) * SESSIONS_A_DAY,
      window_weeks: in_school_weeks,
      opens_on: between?.[0],
      closes_on: between?.[1],
      is_per_half_term: false,
    });
  }
  for (const { late, for: pupils, codes, times, per, ...rule } of policy.lates) {
    add(pupils, "late", {
      ...wordsOf(rule),
      says: rule.says ?? late,
      rule: late,
      shape: "cumulative",
      pathway: `${codes} in a ${per}`,
      stage: rule.stage,
      codes,
      threshold: times,
      opens_on: "08-01",
      closes_on: "07-31",
      is_per_half_term: per === "half term",
    });
  }
  for (const { cap, for: pupils, codes, more_than_days, per, ...rule } of policy.caps) {
    const isPerYear = per === "school year";
    add(pupils, "cap", {
      ...wordsOf(rule),
      says: rule.says ?? cap,
      rule: cap,
      pathway: cap,
      shape: isPerYear ? "cumulative" : "consecutive days",
      codes,
      threshold: isPerYear ? more_than_days * SESSIONS_A_DAY + 1 : more_than_days + 1,
      opens_on: isPerYear ? "08-01" : null,
      closes_on: isPerYear ? "07-31" : null,
      is_per_half_term: false,
    });
  }
  return rules;
}

/** Triggers whose stages follow each other are one pathway, named by its first stage; so are days in a row of the same codes. */
function pathwayOf(
  { trigger, stage, after, codes, consecutive_days, right_after }: Policy["triggers"][number],
  roots: Map<string, string>,
): string {
  const root = after === undefined ? stage : (roots.get(after) ?? after);
  if (stage !== undefined && root !== undefined) roots.set(stage, root);
  if (root !== undefined) return root;
  return consecutive_days === undefined ? trigger : ["days in a row", codes, right_after].filter(Boolean).join(" ");
}

function wordsOf({ says, written, decided, action, lead }: Rule): Rule {
  return { says, written, decided, action, lead };
}

function columnsOf(edges: Edges): Rule {
  const { low, is_low_closed, high, is_high_closed } = intervalOf(edges);
  return { low, is_low_closed, high, is_high_closed };
}

/** The year groups that a rule is for at a school of this phase, null for all of them. */
function yearsOf(pupils: Pupils, phase: string): string | null | "nobody" {
  const { years, register, phases } = pupils ?? {};
  if (phases && phase !== "All-through" && !phases.some((named) => named === phase)) return "nobody";
  const sets = [
    years?.map(String),
    register && (register === "main" ? MAIN : SIXTH_FORM),
    phases && phase === "All-through"
      ? phases.flatMap((named) => (named === "Special" ? [] : PHASE_YEARS[named]))
      : undefined,
  ].filter((set) => set !== undefined);
  if (sets.length === 0) return null;
  const both = [...MAIN, ...SIXTH_FORM].filter((year) => sets.every((set) => set.includes(year)));
  return both.length > 0 ? both.join(" ") : "nobody";
}

/** What the author decided, rule by rule and for the whole. */
function decisionsOf(policy: Policy): { about: string; written: string | undefined; decided: string }[] {
  const worded = [
    ...policy.targets.map((target) => ({ about: "target", ...target })),
    ...policy.ladders.flatMap(({ ladder, bands }) =>
      bands.map((band) => ({ about: `${ladder}: ${band.band}`, ...band })),
    ),
    ...policy.stages.flatMap(({ track, steps }) => steps.map((step) => ({ about: `${track}: ${step.step}`, ...step }))),
    ...policy.triggers.map((trigger) => ({ about: trigger.trigger, ...trigger })),
    ...policy.lates.map((late) => ({ about: late.late, ...late })),
    ...policy.caps.map((cap) => ({ about: cap.cap, ...cap })),
    ...policy.rewards.map((reward) => ({ about: reward.reward, ...reward })),
  ];
  const ofRules = worded.flatMap(({ about, written, decided }) =>
    decided === undefined ? [] : [{ about, written, decided }],
  );
  return [...policy.decisions.map(({ about, written, decided }) => ({ about, written, decided })), ...ofRules];
}

function literal(value: unknown): string {
  if (value === undefined || value === null) return "null";
  return typeof value === "string" ? quote(value) : String(value);
}
