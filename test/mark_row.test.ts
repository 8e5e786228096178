import fs from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type MarkContext, markRow } from "../ingest/mark_row.ts";
import { built, MARKS_HEADER, makeProject, mark, quietly } from "./project.ts";

const codes = parse(fs.readFileSync(path.join(import.meta.dirname, "../models/rules/register_codes.csv")), {
  columns: true,
}) as Record<string, string>[];
/** What `quietly` and the project of two schools are: see test/project.ts. */
const context: MarkContext = {
  urns: [999001, 999002],
  schoolYears: [
    ["2024-08-01", "2025-07-31"],
    ["2025-08-01", "2026-07-31"],
  ],
  codes: codes.map(({ code = "", valid_from = "", valid_to = "", is_possible, is_entered_ahead }) => ({
    code,
    valid_from,
    valid_to,
    is_possible: is_possible === "true",
    is_entered_ahead: is_entered_ahead === "true",
  })),
  loadedAt: "2026-03-20T16:00:00Z",
};
const schema = markRow(context);

/** Texts as registers spell them and misspell them. Schools and years are right: one wrong one refuses the whole file. */
const row = fc.record({
  school_urn: fc.constantFrom("999001", "999002"),
  upn: fc.oneof(
    fc.integer({ min: 0, max: 99_999 }).map((n) => `A8259992${String(n).padStart(5, "0")}`),
    fc.constantFrom(
      "",
      " ",
      "Total",
      "a825999924017",
      " A825999924017 ",
      "A82599992401",
      "A82599992401B",
      "1825999924017",
    ),
  ),
  session_date: fc.oneof(
    fc.integer({ min: 0, max: 690 }).map((n) => new Date(Date.UTC(2024, 7, 12 + n)).toISOString().slice(0, 10)),
    fc.constantFrom(
      "",
      "06/10/2025",
      "2025-02-30",
      "2025-10-6",
      "2025/10/06",
      "20251006",
      "45901",
      " 2025-10-06 ",
      "2025-10-06x",
    ),
  ),
  session: fc.constantFrom("AM", "PM", "am", " PM ", "", "A", "AMPM", "P1"),
  mark: fc.oneof(
    fc.constantFrom(...codes.map(({ code = "" }) => code)),
    fc.constantFrom("", "--", "l", " i ", "QQ", "Present", "0"),
  ),
  modified: fc.constantFrom(
    "",
    "2025-10-06T09:02:11Z",
    "2025-10-06T09:02:11.25Z",
    "2025-10-06T09:02:11",
    "2025-10-06T09:02:11+01:00",
    "yesterday",
    "2099-01-01T00:00:00Z",
    "2025-13-06T09:02:11Z",
    "09:02",
  ),
  is_deleted: fc.constantFrom("false", "true", "", "FALSE", "no", "1", "perhaps", "null"),
});

test("rows are set aside in bulk by the very rule that the row schema names, and accepted where it finds none", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 8, maxLength: 20 }), async (rows) => {
      // stray rows are set aside, many refuse the file: enough good ones keep them few
      const good = Array.from({ length: 1_100 }, (_, i) =>
        mark({ upn: `B82599992${String(i).padStart(4, "0")}`, date: "2025-10-08" }),
      );
      const distinct = [
        ...new Map(
          rows.map((each) => [
            JSON.stringify([
              each.upn.trim().toUpperCase(),
              each.session_date.trim(),
              each.session.trim().toUpperCase(),
              each.school_urn,
            ]),
            each,
          ]),
        ).values(),
      ];
      const lines = distinct.map((r) =>
        ["X", r.school_urn, r.upn, "P", r.session_date, r.session, r.mark, r.modified, r.is_deleted].join(","),
      );
      const project = makeProject({ "a.csv": `${[MARKS_HEADER, ...lines, ...good].join("\n")}\n` });
      const { loads } = await quietly(project);
      const expected = distinct.flatMap((each, i) => {
        const [issue] = schema.safeParse(each).error?.issues ?? [];
        return issue ? [{ row_number: i + 2, rule: issue.message }] : [];
      });
      expect(await built(project, "select row_number, rule from raw.quarantine order by row_number")).toEqual(expected);
      expect(loads).toMatchObject([
        { rows_read: distinct.length + good.length, rows_quarantined: expected.length, rows_duplicate: 0 },
      ]);
    }),
    { numRuns: 25 },
  );
});
