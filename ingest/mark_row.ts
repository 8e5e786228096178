import * as z from "zod";

/** What a mark row is judged by. Days are ISO texts. */
export interface MarkContext {
  urns: readonly number[];
  /** First and last day of each school year that has a calendar. */
  schoolYears: readonly (readonly [string, string])[];
  codes: readonly {
    code: string;
    valid_from: string;
    valid_to: string;
    is_possible: boolean;
    is_entered_ahead: boolean;
  }[];
  /** When the file came, as an ISO instant. */
  loadedAt: string;
}

/**
 * One row of marks in the supplier contract's layout, as texts, every rule by its name in
 * `models/rules/register_queries.csv`. Marks come by the million, so `marks.ts` holds them to the same rules in SQL; a test
 * holds the SQL to this.
 *
 * The issues of a row come in the order in which the rules are asked: the first is the one that a row is set aside by.
 */
export function markRow({ urns, schoolYears, codes, loadedAt }: MarkContext) {
  const inForce = (code: string, day: string) =>
    codes.filter((rule) => rule.code === code && rule.valid_from <= day && day <= (rule.valid_to || "9999-12-31"));
  return z
    .object({
      school_urn: rule("school_not_in_trust", (text) => urns.includes(Number(text)) && text.trim() !== ""),
      upn: rule("missing_pupil", (text) => text.trim() !== "").and(
        rule(
          "not_a_upn",
          (text) => text.trim() === "" || /^[A-Z]\d{11}[0-9A-Z]$/.test(text.replace(/\s/g, "").toUpperCase()),
        ),
      ),
      session_date: rule("not_a_date", (text) => z.iso.date().safeParse(text.trim()).success).and(
        rule(
          "school_year_without_calendar",
          (text) =>
            !z.iso.date().safeParse(text.trim()).success ||
            schoolYears.some(([first, last]) => first <= text.trim() && text.trim() <= last),
        ),
      ),
      session: rule("not_a_session", (text) => ["AM", "PM"].includes(text.trim().toUpperCase())),
      modified: rule("not_a_time", (text) => text.trim() === "" || isTime(text)).and(
        rule(
          "changed_in_future",
          (text) => !isTime(text) || instantOf(text) <= new Date(loadedAt).getTime() + 24 * 60 * 60 * 1000,
        ),
      ),
      is_deleted: rule("not_true_or_false", (text) => text.trim() === "" || readFlag(text) !== null),
      mark: rule("unknown_code", (text) => codes.some((known) => known.code === codeOf(text))),
    })
    .superRefine((row, context) => {
      if (readFlag(row.is_deleted) === true) return;
      const day = row.session_date.trim();
      const code = codeOf(row.mark);
      const standing = inForce(code, day);
      const weekday = new Date(`${day}T00:00:00Z`).getUTCDay();
      const listed = codes.filter((known) => known.code === code);
      if (standing.length === 0) context.addIssue("code_not_in_force");
      else if ((weekday === 0 || weekday === 6) && listed.some((known) => known.is_possible)) {
        context.addIssue("mark_on_weekend");
      } else if (day > loadedAt.slice(0, 10) && !listed.some((known) => known.is_entered_ahead))
        context.addIssue("mark_in_future");
    });
}

// --- internal ---

function rule(name: string, holds: (text: string) => boolean) {
  return z.string().refine(holds, name);
}

function isTime(text: string): boolean {
  return z.iso.datetime({ offset: true, local: true }).safeParse(text.trim()).success;
}

/** A time without a zone is taken as UTC. */
function instantOf(text: string): number {
  return new Date(/(Z|[+-]\d\d:\d\d)$/.test(text.trim()) ? text.trim() : `${text.trim()}Z`).getTime();
}

function codeOf(text: string): string {
  const plain = text.trim().toUpperCase();
  return plain === "" || plain === "--" ? "-" : plain;
}

function readFlag(text: string): boolean | null {
  const plain = text.trim().toLowerCase();
  if (["true", "t", "yes", "y", "1"].includes(plain)) return true;
  return plain === "" || ["false", "f", "no", "n", "0"].includes(plain) ? false : null;
}
