// Whether the figures add up, in words. Every number comes in already rounded or banded, as text.

/** A row of the published table reconciliation. */
export interface Check {
  /** Null for the trust. */
  school_urn: number | null;
  school_name: string | null;
  position: number;
  check_name: string;
  /** What should be so. */
  statement: string;
  /** What `found` counts: "registers without any mark". */
  counted: string;
  /** How to put right what is open. */
  mend: string;
  /** Arithmetic, which stops the build; the others count what registers leave open. */
  is_binding: boolean;
  is_met: boolean;
  /** `0`, `1 to 7`, or a number to the nearest 5. */
  expected: string;
  found: string;
}

/** The answer to the page's question, and what the registers leave open. */
export function addsUp(checks: Check[]): string[] {
  const trust = checks.filter((check) => check.school_urn === null);
  const left = trust.filter((check) => !check.is_binding && !check.is_met);
  const open = left.filter((check) => check.check_name !== OF_DFE);
  const schools = new Set(openAtSchools(checks).map((check) => check.school_urn)).size;
  const answer = trust.filter((check) => check.is_binding).every((check) => check.is_met)
    ? "Yes: every mark that was read is counted once, and counted pupil by pupil the figures are the same as counted day by day."
    : "No: marks were lost or counted twice. Do not use these figures.";
  const ofDfe = left.length > open.length ? [DFE_HAS_CHANGED] : [];
  if (open.length === 0) return [answer, "The registers leave nothing open.", ...ofDfe];
  const finds = `${open.length} ${open.length === 1 ? "check finds" : "checks find"} what the registers leave open`;
  if (schools === 0) return [answer, `${finds}, all of it at schools that have left the trust.`, ...ofDfe];
  return [answer, `${finds}, at ${schools} ${schools === 1 ? "school" : "schools"}.`, ...ofDfe];
}

/** What is open at each school, school by school. */
export function openAtSchools(checks: Check[]): Check[] {
  return checks.filter((check) => check.school_urn !== null && !check.is_met);
}

/** A question or two for a board to ask about what is open. */
export function aboutChecks(checks: Check[]): string[] {
  const open = openAtSchools(checks);
  const questions: string[] = [];
  const missing = open.find((check) => check.check_name === "register_missing");
  if (missing)
    questions.push(`Why has ${missing.school_name} days without a register, and was the school open on them?`);
  const overdue = open.filter((check) => check.check_name === "reason_not_established");
  if (overdue.length > 0) {
    const names = [...new Set(overdue.map((check) => check.school_name))].join(", ");
    questions.push(
      `The law gives five school days to establish the reason for an absence. Who at ${names} makes the calls, and what keeps them from an answer?`,
    );
  }
  if (open.length > 0) questions.push("Who puts right what is open, and by when?");
  else questions.push("Who looks at this page before each meeting?");
  return questions;
}

/** The name under which a test finds a figure on a page. */
export function checkFigure(check: Check, column: "expected" | "found"): string {
  return [check.school_urn ?? "trust", "checks", check.check_name, column].join("|");
}

// --- internal ---

/** The check of DfE's own files: nothing that a register leaves open. */
const OF_DFE = "dfe_figures_as_known";
const DFE_HAS_CHANGED =
  "DfE’s newest file has percentages that its own counts do not give: DfE may have changed how it counts, so compare no totals across the change.";
