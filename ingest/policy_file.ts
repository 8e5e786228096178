import fs from "node:fs";
import path from "node:path";
import { parse as parseCsv } from "csv-parse/sync";
import { LineCounter, parseDocument } from "yaml";
import * as z from "zod";
import { RollbookError } from "./errors.ts";

const RULES = path.join(import.meta.dirname, "..", "models", "rules");

/** The codes that a policy may name, and what the words for many of them stand for. */
const codesInForce = readRule("register_codes");
const nationalDuties = new Set(readRule("national_duties").map(({ rule }) => rule));
const CODE_WORDS = {
  absent: codesInForce.filter((code) => code.is_authorised === "true" || code.is_unauthorised === "true"),
  authorised: codesInForce.filter((code) => code.is_authorised === "true"),
  unauthorised: codesInForce.filter((code) => code.is_unauthorised === "true"),
  late: codesInForce.filter((code) => code.is_late_before_close === "true" || code.is_late_after_close === "true"),
} as const;
/** What a rule may count: sessions missed or late. */
const letters = new Set([...CODE_WORDS.absent, ...CODE_WORDS.late].map(({ code }) => code));

const Code = z.string().refine((code) => letters.has(code), {
  error: (issue) =>
    `"${String(issue.input)}" is no code of absence or lateness: expected one like I, O or L, or a word for many`,
});
const Codes = z
  .union([z.enum(Object.keys(CODE_WORDS) as (keyof typeof CODE_WORDS)[]), z.array(Code).min(1)], {
    error: (issue) => codesMessage(issue.input),
  })
  .transform((codes) =>
    [...new Set(typeof codes === "string" ? CODE_WORDS[codes].map(({ code }) => code) : codes)].sort().join(" "),
  );
/** A percentage of attendance in hundredths, so that edges are whole numbers: 92.5 is 9250. */
const Percent = z
  .number("expected a percentage, such as 95 or 92.5")
  .refine((percent) => percent >= 0 && percent <= 100, {
    message: "expected a percentage from 0 to 100",
    abort: true,
  })
  .refine((percent) => Number.isInteger(Math.round(percent * 1e6) / 1e4), {
    message: "expected at most two decimals",
    abort: true,
  })
  .transform((percent) => Math.round(percent * 100));
const Text = z.string("expected a text").trim().min(1, "expected a text");
const Count = z.int("expected a whole number").min(1, "expected a whole number from 1");
/** A day of any year, such as 09-01. */
const MonthDay = z
  .string('expected a day in quotes, like "09-01"')
  .regex(/^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, 'expected a month and a day in quotes, like "09-01"');

/** What a rule is for, in the policy's words and the author's. */
const worded = {
  /** What the rule says, in words for a list: "Absent for three days in a row". */
  says: Text.optional(),
  /** The policy's own words, where the file had to choose what they mean. */
  written: Text.optional(),
  /** What the author of this file decided, where the policy is silent, contradicts itself or the law. */
  decided: Text.optional(),
  action: Text.optional(),
  lead: Text.optional(),
};
const edges = {
  at_least: Percent.optional(),
  above: Percent.optional(),
  at_most: Percent.optional(),
  below: Percent.optional(),
};
/** Which pupils a rule is for: all, without it. */
const For = strict({
  years: z
    .array(z.union([z.int().min(1).max(14), z.enum(["N", "R"])]))
    .min(1)
    .optional(),
  /** The sixth form is years 12 to 14; main is everyone else. */
  register: z.enum(["main", "sixth form"]).optional(),
  phases: z
    .array(z.enum(["Primary", "Secondary", "Special"]))
    .min(1)
    .optional(),
}).optional();
const CHECKED = ["weekly", "fortnightly", "half-termly"] as const;

const Range = strict(edges).superRefine(holdEdges);
const Band = strict({ band: Text, ...edges, ...worded }).superRefine(holdEdges);
const Ladder = strict({
  ladder: Text,
  for: For,
  /** When attendance of the year to date is looked at: at the end of each school week, every second one or each half term. */
  checked: z.enum(CHECKED).default("weekly"),
  /** Pupils with fewer possible sessions so far are in no band. */
  minimum_sessions: Count.default(1),
  bands: z.array(Band).min(1),
});
const LowerEdge = strict({ at_least: edges.at_least, above: edges.above }).refine(
  ({ at_least, above }) => (at_least === undefined) !== (above === undefined),
  "expected at_least or above",
);
const Step = strict({
  step: Text,
  /** Attendance of the year to date that brings a pupil here: the first step needs it. */
  when: Range.optional(),
  /** After how many school weeks the step is reviewed; without it at the end of the next half term. */
  review_after_weeks: Count.optional(),
  /** Attendance within the review period that ends the support; "rises" is more than the year to date was at its start. */
  improved: z.union([z.literal("rises"), LowerEdge], "expected rises, or one edge, such as { at_least: 95 }"),
  ...worded,
});
const Track = strict({
  track: Text,
  for: For,
  checked: z.enum(CHECKED).default("weekly"),
  minimum_sessions: Count.default(1),
  steps: z.array(Step).min(1),
}).superRefine((track, context) => {
  if (!track.steps[0]?.when) {
    context.addIssue({
      code: "custom",
      path: ["steps", 0],
      message: "expected when: which attendance brings a pupil here",
    });
  }
});
const Trigger = strict({
  trigger: Text,
  for: For,
  codes: Codes.default(CODE_WORDS.absent.map(({ code }) => code).join(" ")),
  /** Days in a row on which every session that a pupil could attend was missed. */
  consecutive_days: Count.optional(),
  /** Only a run that follows at once on a day with these codes. */
  right_after: Codes.optional(),
  /** Missed since a day, in days of two sessions or in sessions. */
  days: z.number().min(0.5).multipleOf(0.5, "expected days or half days").optional(),
  sessions: Count.optional(),
  between: z.tuple([MonthDay, MonthDay]).optional(),
  in_school_weeks: Count.optional(),
  /** Which stage a pupil who meets it is in. */
  stage: Text.optional(),
  /** Counts only what comes after the pupil was first in that stage this school year: further days. */
  after: Text.optional(),
  ...worded,
}).superRefine(holdTrigger);
const Late = strict({
  late: Text,
  for: For,
  times: Count,
  per: z.enum(["half term", "school year"]),
  codes: Codes.default(CODE_WORDS.late.map(({ code }) => code).join(" ")),
  stage: Text.optional(),
  ...worded,
});
const Cap = strict({
  cap: Text,
  for: For,
  codes: Codes,
  /** More than this many days want a look: what is over them may not be authorised under the policy. */
  more_than_days: Count,
  per: z.enum(["school year", "occasion"]),
  ...worded,
});
const Reward = strict({
  reward: Text,
  kind: z.enum(["full attendance", "high attendance", "most improved", "class league", "year group league"]),
  per: z.enum(["week", "half term", "term", "school year"]),
  at_least: Percent.optional(),
  ...worded,
});
const policyShape = {
  policy: Text,
  /** Which policy the file states and of when: no names of people. */
  states: Text.optional(),
  targets: z.array(strict({ attendance: Percent, ...worded })).default([]),
  ladders: z.array(Ladder).default([]),
  stages: z.array(Track).default([]),
  triggers: z.array(Trigger).default([]),
  lates: z.array(Late).default([]),
  caps: z.array(Cap).default([]),
  rewards: z.array(Reward).default([]),
  /** What was decided that belongs to no single rule. */
  decisions: z.array(strict({ about: Text, written: Text.optional(), decided: Text })).default([]),
};
const PolicyFile = strict(policyShape).superRefine(holdPolicy);

/** A school's or trust's attendance policy as its file states it, percentages in hundredths and codes as letters. */
export type Policy = z.infer<typeof PolicyFile>;
export type Pupils = z.infer<typeof For>;
export type Edges = z.infer<typeof Range>;

/** A range of attendance, in hundredths of a per cent. */
export interface Interval {
  low: number;
  is_low_closed: boolean;
  high: number;
  is_high_closed: boolean;
}

/** The range that edges state: from 0 where no lower one stands, to 100 where no upper one does, both included. */
export function intervalOf({ at_least, above, at_most, below }: Edges): Interval {
  return {
    low: at_least ?? above ?? 0,
    is_low_closed: above === undefined,
    high: at_most ?? below ?? 10_000,
    is_high_closed: below === undefined,
  };
}

/**
 * Reads and checks a policy file.
 *
 * @param file its full path; messages name it as `name`
 * @throws {RollbookError} with every problem: file, line, what was expected and how to mend it
 */
export function readPolicy(file: string, name: string): Policy {
  if (!fs.existsSync(file)) {
    throw new RollbookError(`rollbook.yaml names the policy ${name}, and there is no such file: correct its name`);
  }
  const lines = new LineCounter();
  const document = parseDocument(fs.readFileSync(file, "utf8"), { lineCounter: lines });
  const lineAt = (offset: number | undefined) => (offset === undefined ? 1 : lines.linePos(offset).line);
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, code }) => {
      const mend = code === "BLOCK_AS_IMPLICIT_KEY" ? ". A text with a colon and a space in it stands in quotes" : "";
      return `  ${name}, line ${lineAt(pos[0])}: expected YAML that can be read (${code})${mend}`;
    });
    throw new RollbookError([`${name} cannot be used:`, ...problems].join("\n"));
  }
  const result = PolicyFile.safeParse(document.toJS(), { error: plainMessage });
  if (result.success) return result.data;
  const lineOf = (keys: PropertyKey[]): number => {
    for (let depth = keys.length; depth > 0; depth--) {
      const node: unknown = document.getIn(keys.slice(0, depth), true);
      const [offset] = rangeOf(node) ?? [];
      if (offset !== undefined) return lineAt(offset);
    }
    return 1;
  };
  const problems = result.error.issues.map((issue) => {
    const key = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    const last = issue.path.at(-1);
    const where = typeof last === "string" ? `${last}: ` : "";
    return { line: lineOf([...issue.path, ...key]), text: `${where}${issue.message}` };
  });
  const inOrder = problems.sort((a, b) => a.line - b.line).map(({ line, text }) => `  ${name}, line ${line}: ${text}`);
  throw new RollbookError([`${name} cannot be used:`, ...inOrder].join("\n"));
}

// --- internal ---

/** An object that has these keys and no others. */
function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `unknown key ${issue.keys?.join(", ")}: expected one of ${Object.keys(shape).join(", ")}`
        : undefined,
  });
}

/** What is said where the shape itself says nothing of its own. */
function plainMessage(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_value") return `expected one of ${issue.values.map(String).join(", ")}`;
  if (issue.code === "too_small" && issue.origin === "array") return "expected at least one";
  if (issue.code === "too_small") return `expected at least ${issue.minimum}`;
  if (issue.code === "too_big") return `expected at most ${issue.maximum}`;
  if (issue.code !== "invalid_type") return undefined;
  if (issue.expected === "object") return "expected keys with a colon and what they say, like policy: The name";
  return issue.expected === "array" ? "expected a list, each of it with a dash before it" : undefined;
}

function readRule(name: string): Record<string, string>[] {
  return parseCsv(fs.readFileSync(path.join(RULES, `${name}.csv`)), { columns: true }) as Record<string, string>[];
}

function codesMessage(input: unknown): string {
  const strange = Array.isArray(input)
    ? input.filter((code) => !letters.has(String(code))).map(String)
    : [String(input)];
  return strange.length > 0
    ? `${strange.map((code) => `"${code}"`).join(", ")}: expected codes of absence or lateness in brackets, like [I, C1], or one of ${Object.keys(CODE_WORDS).join(", ")}`
    : "expected at least one register code";
}

function holdEdges(range: Edges, context: z.RefinementCtx): void {
  if (
    (range.at_least !== undefined && range.above !== undefined) ||
    (range.at_most !== undefined && range.below !== undefined)
  ) {
    context.addIssue("expected one lower edge (at_least or above) and one upper edge (at_most or below)");
    return;
  }
  const { low, is_low_closed, high, is_high_closed } = intervalOf(range);
  if (low > high || (low === high && !(is_low_closed && is_high_closed))) {
    context.addIssue(
      `no pupil can be in it: its lower edge is ${percent(low)} and its upper edge ${percent(high)}. Change them round or correct one`,
    );
  }
}

function holdTrigger(
  trigger: Record<string, unknown> & { between?: [string, string] | undefined },
  context: z.RefinementCtx,
): void {
  const shapes = ["consecutive_days", "between", "in_school_weeks"].filter((key) => trigger[key] !== undefined);
  if (shapes.length !== 1) {
    context.addIssue(
      "expected one of consecutive_days, between (with days or sessions) or in_school_weeks (with days or sessions)",
    );
    return;
  }
  const counted = ["days", "sessions"].filter((key) => trigger[key] !== undefined).length;
  if (counted !== (shapes[0] === "consecutive_days" ? 0 : 1)) {
    context.addIssue(
      shapes[0] === "consecutive_days"
        ? "consecutive_days says how many: take days or sessions out"
        : `expected how many: days or sessions, beside ${shapes[0]}`,
    );
  }
  if (trigger.right_after !== undefined && shapes[0] !== "consecutive_days") {
    context.addIssue("right_after is for consecutive_days only");
  }
  if (trigger.between === undefined) return;
  const [from, to] = trigger.between.map((day) => (day < "08" ? `next ${day}` : `${day}`));
  if (String(from) > String(to)) {
    context.addIssue("no day lies between: a school year begins in August. Put the earlier day first");
  }
  if (trigger.after !== undefined) {
    context.addIssue("between counts from its first day, not from a stage: write in_school_weeks, or take after out");
  }
}

/** What no single rule can see: names that stand twice, stages that nothing leads to, ladders with gaps and overlaps. */
function holdPolicy(policy: z.output<z.ZodObject<typeof policyShape>>, context: z.RefinementCtx): void {
  const named = [
    ...policy.ladders.flatMap((ladder, i) =>
      ladder.bands.map((band, j) => ({ rule: `${ladder.ladder}: ${band.band}`, path: ["ladders", i, "bands", j] })),
    ),
    ...policy.stages.flatMap((track, i) =>
      track.steps.map((step, j) => ({ rule: `${track.track}: ${step.step}`, path: ["stages", i, "steps", j] })),
    ),
    ...policy.triggers.map(({ trigger }, i) => ({ rule: trigger, path: ["triggers", i] })),
    ...policy.lates.map(({ late }, i) => ({ rule: late, path: ["lates", i] })),
    ...policy.caps.map(({ cap }, i) => ({ rule: cap, path: ["caps", i] })),
  ];
  for (const [i, { rule, path }] of named.entries()) {
    if (named.slice(0, i).some((other) => other.rule === rule)) {
      context.addIssue({ code: "custom", path, message: `expected each name once, but ${rule} stands twice` });
    }
    if (nationalDuties.has(rule)) {
      const message = `${rule} is the name of a national duty, which stands for every school: take another name`;
      context.addIssue({ code: "custom", path, message });
    }
  }
  const ladders = [
    ...policy.ladders.map(({ ladder }, i) => ({ name: ladder, path: ["ladders", i] })),
    ...policy.stages.map(({ track }, i) => ({ name: track, path: ["stages", i] })),
  ];
  for (const [i, { name, path }] of ladders.entries()) {
    if (ladders.slice(0, i).some((other) => other.name === name)) {
      const message = `expected each ladder and track to have its own name, but ${name} stands twice`;
      context.addIssue({ code: "custom", path, message });
    }
  }
  const reached = new Set<string>();
  for (const [i, { after, stage }] of policy.triggers.entries()) {
    if (after !== undefined && !reached.has(after)) {
      const message = `no trigger above leads to the stage ${after}: write stage: ${after} on the one that does, and put it first`;
      context.addIssue({ code: "custom", path: ["triggers", i, "after"], message });
    }
    if (stage !== undefined) reached.add(stage);
  }
  for (const [i, { bands }] of policy.ladders.entries()) holdLadder(bands, ["ladders", i, "bands"], context);
}

/** Every pupil from 0 to 100 must be in one band, and in one only: which pupil falls through, or is in two, is said. */
function holdLadder(bands: z.infer<typeof Band>[], at: PropertyKey[], context: z.RefinementCtx): void {
  const inOrder = bands
    .map((band, i) => ({ ...intervalOf(band), name: band.band, i }))
    .sort((a, b) => a.low - b.low || Number(b.is_low_closed) - Number(a.is_low_closed));
  const mend = "Move an edge, or add a band of its own and say in decided what is to happen there";
  let upTo = { high: 0, is_high_closed: false, name: "", i: inOrder[0]?.i ?? 0 };
  for (const band of inOrder) {
    const touches = band.low === upTo.high && upTo.is_high_closed !== band.is_low_closed;
    if (band.low > upTo.high || (band.low === upTo.high && !upTo.is_high_closed && !band.is_low_closed)) {
      const gap = {
        low: upTo.high,
        is_low_closed: !upTo.is_high_closed,
        high: band.low,
        is_high_closed: !band.is_low_closed,
      };
      context.addIssue({
        code: "custom",
        path: [...at, band.i],
        message: `${range(gap)} has no band: a pupil with ${within(gap)} falls through. ${mend}`,
      });
    } else if (!touches && upTo.name !== "") {
      const both = {
        low: band.low,
        is_low_closed: band.is_low_closed,
        high: Math.min(upTo.high, band.high),
        is_high_closed: upTo.high <= band.high ? upTo.is_high_closed : band.is_high_closed,
      };
      const message = `${range(both)} is in two bands, ${upTo.name} and ${band.name}: a pupil with ${within(both)} would be in both. Move an edge of one`;
      context.addIssue({ code: "custom", path: [...at, band.i], message });
    }
    if (band.high > upTo.high || (band.high === upTo.high && band.is_high_closed)) upTo = band;
  }
  if (upTo.high < 10_000 || !upTo.is_high_closed) {
    const gap = { low: upTo.high, is_low_closed: !upTo.is_high_closed, high: 10_000, is_high_closed: true };
    context.addIssue({
      code: "custom",
      path: [...at, upTo.i],
      message: `${range(gap)} has no band: a pupil with ${within(gap)} falls through. ${mend}`,
    });
  }
}

function range({ low, is_low_closed, high, is_high_closed }: Interval): string {
  if (low === high) return `exactly ${percent(low)}`;
  const lower = is_low_closed ? `from ${percent(low)}` : `more than ${percent(low)}`;
  return `${lower} ${is_high_closed ? `up to ${percent(high)}` : `to below ${percent(high)}`}`;
}

/** A percentage that is in the range, to at most three decimals. */
function within({ low, is_low_closed, high, is_high_closed }: Interval): string {
  if (is_low_closed) return percent(low);
  if (is_high_closed) return percent(high);
  return percent((low + high) / 2);
}

function percent(hundredths: number): string {
  return `${hundredths / 100}%`;
}

function rangeOf(node: unknown): [number, ...number[]] | undefined {
  if (typeof node !== "object" || node === null || !("range" in node) || !Array.isArray(node.range)) return undefined;
  return node.range as [number, ...number[]];
}
