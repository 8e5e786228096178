// The school's policy in words: what it asks, and whether it finds pupils in time.
import { counted, pupilsIn, sentenceCase } from "./pupil_rows.ts";
import type { Part } from "./sentences.ts";
import { KINDS } from "./todays_list.ts";
import { count, percent } from "./words.ts";

/** A row of champion.policy_rules. */
export interface PolicyRule {
  kind: string;
  ladder: string | null;
  stage: string | null;
  rule: string;
  says: string;
  written: string | null;
  decided: string | null;
  action: string | null;
  lead: string | null;
  years: string | null;
  codes: string | null;
  pupils: number;
  new_pupils: number;
  is_national: boolean;
  source: string | null;
  position: number;
}

/** A row of champion.policy_backtest. */
export interface Backtest {
  school_year: string;
  rule: string;
  says: string;
  pupils: number;
  caught: number;
  persistent: number;
  persistent_caught: number;
  persistent_in_time: number;
  persistent_missed: number;
  weeks_before: number | null;
  is_national: boolean;
  is_complete: boolean;
  position: number;
}

/** The rules of a kind, in the policy's order. */
export function ruleKinds(rules: PolicyRule[]): { title: string; rules: PolicyRule[] }[] {
  return KINDS.map(({ kind, title }) => ({ title, rules: rules.filter((rule) => rule.kind === kind) })).filter(
    (section) => section.rules.length > 0,
  );
}

/** What the policy asks, and which of its rules finds the most pupils before they are persistently absent. */
export function policyAnswer(rules: PolicyRule[], tests: Backtest[], policy: string | null): Part[][] {
  const own = rules.filter((rule) => !rule.is_national).length;
  const duties = rules.length - own;
  const asks: Part[] = [
    policy === null
      ? "We have stated no policy; the law asks for "
      : `“${policy}” has ${counted(own, "rule")}, and the law adds `,
    { name: "policy|duties", text: counted(duties, "duty", "duties") },
    ".",
  ];
  const year = testedYear(tests);
  const tested = tests.filter((test) => test.school_year === year && !test.is_national && test.persistent > 0);
  const [best] = [...tested].sort((a, b) => b.persistent_in_time - a.persistent_in_time || a.caught - b.caught);
  if (!best) return [asks];
  return [asks, [`Of its rules “${sentenceCase(best.says)}” found the most in time. `, ...backtestSentence(best)]];
}

/** What a rule would have found in a school year, in a sentence. */
export function backtestSentence(test: Backtest): Part[] {
  const when = test.is_complete ? `In ${test.school_year}` : `In ${test.school_year} so far`;
  if (test.persistent === 0) return [`${when} nobody was persistently absent.`];
  const found = test.persistent_caught;
  const some = test.persistent_in_time;
  const inTime = some === 0 ? "none" : some === found && found > 1 ? "all" : count(some);
  const name = (column: string) => `backtest|${test.rule}|${test.school_year}|${column}`;
  return [
    `${when} it found `,
    { name: name("persistent_caught"), text: count(test.persistent_caught) },
    ` of ${counted(test.persistent, "persistently absent pupil")}, `,
    { name: name("persistent_in_time"), text: inTime },
    ` of them in time${medianText(test.weeks_before)}, and missed `,
    { name: name("persistent_missed"), text: test.persistent_missed === 0 ? "none" : count(test.persistent_missed) },
    `. It found ${counted(test.caught, "pupil")} in all, ${percent((100 * test.caught) / test.pupils, 0)} of those it is for.`,
  ];
}

/** A rule on the registers of the last three school years. */
export interface TestedRule {
  rule: string;
  title: string;
  /** The newest year that is over, and what it would have found in it. */
  told: Backtest;
  sentence: Part[];
  /** The newest first. */
  years: Backtest[];
}

/** Each rule on its last three school years, in the policy's order. */
export function backtestRules(tests: Backtest[]): TestedRule[] {
  const years = [...new Set(tests.map(({ school_year }) => school_year))].sort().reverse().slice(0, 3);
  const newest = testedYear(tests);
  return [...new Set([...tests].sort((a, b) => a.position - b.position).map(({ rule }) => rule))].flatMap((rule) => {
    const own = years.flatMap((year) => tests.filter((test) => test.rule === rule && test.school_year === year));
    const told = own.find(({ school_year }) => school_year === newest) ?? own[0];
    return told ? [{ rule, title: sentenceCase(told.says), told, sentence: backtestSentence(told), years: own }] : [];
  });
}

/** `9 weeks before`, `3 weeks after`, `the same week`; a dash where nobody was found. */
export function weeksText(weeks: number | null): string {
  if (weeks === null) return "–";
  if (weeks === 0) return "the same week";
  return `${counted(Math.abs(weeks), "week")} ${weeks > 0 ? "before" : "after"}`;
}

/** Whom the last change of the policy concerns. */
export function changesSentence(rows: { pupil: number; change: string }[]): string {
  if (rows.length === 0) return "The policy has not changed since it was first read, or its change concerns nobody.";
  const newly = pupilsIn(rows.filter(({ change }) => change === "newly qualifies"));
  const no = pupilsIn(rows.filter(({ change }) => change === "no longer"));
  const first =
    newly === 0
      ? "Nobody newly meets a rule"
      : `${counted(newly, "pupil")} newly ${newly === 1 ? "meets" : "meet"} a rule`;
  const second =
    no === 0 ? "nobody stopped meeting one" : `${counted(no, "pupil")} no longer ${no === 1 ? "meets" : "meet"} one`;
  return `${first}, and ${second}, because the policy changed. Both policies are read on the same registers.`;
}

// --- internal ---

/** The newest school year that is over; the newest of all where none is. */
function testedYear(tests: Backtest[]): string | undefined {
  const over = tests.filter(({ is_complete }) => is_complete);
  return (over.length > 0 ? over : tests)
    .map(({ school_year }) => school_year)
    .sort()
    .at(-1);
}

function medianText(weeks: number | null): string {
  if (weeks === null) return "";
  if (weeks === 0) return " (typically in the week itself)";
  return ` (typically ${weeksText(weeks)})`;
}
