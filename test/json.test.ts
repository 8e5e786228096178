import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import type { Sheet } from "../ingest/format.ts";
import { openJson } from "../ingest/json.ts";

const CANARY = "ZZCANARY";
const DATE = { date: "2026-10-05 00:00:00.000000", timezone_type: 3, timezone: "UTC" };

describe("a page", () => {
  test.each([
    ["the list at the top", [{ id: "A1" }]],
    ["the list at data, whatever else is there", { data: [{ id: "A1" }], meta: { pagination: {} }, links: [] }],
    ["the only list", { "@odata.context": "x", AttendMarks: [{ id: "A1" }], error: null }],
  ])("has its records in %s", async (_, page) => {
    expect(await open(page)).toEqual({ record: "record", first: 1, columns: ["id"], records: [["A1"]] });
  });

  test("gives a column to every property that some record has, null where another lacks it", async () => {
    expect(
      await open([
        { id: 9919, mark: "\\", minute: null },
        { id: 9920, comment: "", late: true, minute: 12.5 },
        {},
        { id: -1, late: false, mark: "L" },
      ]),
    ).toMatchObject({
      columns: ["id", "mark", "minute", "comment", "late"],
      records: [
        ["9919", "\\", null, null, null],
        ["9920", null, "12.5", null, "true"],
        [null, null, null, null, null],
        ["-1", "L", null, null, "false"],
      ],
    });
  });

  test.each([
    [
      "nested objects are joined with dots",
      { region: { code: "E12", domain: { name: "x" } } },
      { "region.code": "E12", "region.domain.name": "x" },
    ],
    ["a wrapper data adds no name", { education_details: { data: { upn: "A1" } } }, { "education_details.upn": "A1" }],
    ["wrappers within wrappers add none either", { a: { data: { b: { data: { c: "1" } } } } }, { "a.b.c": "1" }],
    ["data that is text is a column", { a: { data: "1" } }, { "a.data": "1" }],
    ["a date object is its date", { date: DATE }, { date: "2026-10-05 00:00:00.000000" }],
    ["and so within a wrapper", { a: { data: { left: DATE } } }, { "a.left": "2026-10-05 00:00:00.000000" }],
    ["an object that only has a date is an object", { a: { date: "x", note: "y" } }, { "a.date": "x", "a.note": "y" }],
    ["lists are left out", { id: "1", tags: ["a"], students: { data: [{ id: "2" }] } }, { id: "1" }],
    ["empty objects say nothing", { id: "1", a: {}, b: { data: {} } }, { id: "1" }],
    ["of two that come to one column the first stands", { a: { b: "1", data: { b: "2" } } }, { "a.b": "1" }],
    ["null is null, though it stands alone", { a: null }, { a: null }],
    ["half a pair of surrogates is no character", { a: "x\ud83c" }, { a: "x\ufffd" }],
  ])("%s", async (_, record, fields) => {
    const sheet = await open([record]);
    expect(sheet?.columns).toEqual(Object.keys(fields));
    expect(sheet?.records).toEqual([Object.values(fields)]);
  });

  test("may begin with a byte order mark", async () => {
    expect(await open('\ufeff[{"id":"1"}]')).toMatchObject({ records: [["1"]] });
  });

  test("may name properties like things that programs have", async () => {
    const sheet = await open(
      '{"data":[{"__proto__":{"toString":"a"},"constructor":"b","hasOwnProperty":"c"}],"__proto__":1}',
    );
    expect(sheet).toMatchObject({
      columns: ["__proto__.toString", "constructor", "hasOwnProperty"],
      records: [["a", "b", "c"]],
    });
    expect(`${{}}`).toBe("[object Object]");
  });

  test.each([["[]"], ['{"data":[]}'], ["[{}]"], ['[{"a":[]}]']])("without a field has no sheet: %s", async (text) => {
    expect(await open(text)).toBeNull();
  });

  test("keeps the order of its records however many there are", async () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => String(i));
    const sheet = await open(ids.map((id) => ({ id })));
    expect(sheet?.records.flat()).toEqual(ids);
  });

  test("gives DuckDB every text as it was sent", async () => {
    const text = fc
      .string({ unit: "binary", maxLength: 30 })
      .filter((sent) => !/\p{Cc}/u.test(sent.replace(/[\t\n\r\u0080-\u009f]/g, "")));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ a: text, b: text }), { minLength: 1, maxLength: 5 }), async (records) => {
        const sheet = await open(records);
        expect(sheet?.records).toEqual(records.map(({ a, b }) => [a || null, b || null]));
      }),
      { numRuns: 30 },
    );
  });
});

describe("what is refused", () => {
  const cases: [what: string, page: unknown, message: string][] = [
    ["a page that is cut short", `{"data":[{"upn":"${CANARY}"},{"up`, ": expected well-formed JSON"],
    ["text that is no JSON", CANARY, ": expected well-formed JSON"],
    ["an empty file", "", ": expected well-formed JSON"],
    ["a page without a list", { upn: CANARY }, ": expected one list of records"],
    ["a page with one record in place of a list", { data: { upn: CANARY } }, ": expected one list of records"],
    ["a page of two lists", { a: [], b: [] }, ": expected one list of records"],
    ["a page that is a text", `"${CANARY}"`, ": expected one list of records"],
    ["a record that is text", [{}, CANARY], ", record 2: expected an object with named fields"],
    ["a record that is null", [null], ", record 1: expected an object with named fields"],
    ["a record that is a list", [{}, {}, [CANARY]], ", record 3: expected an object with named fields"],
    ["a NUL in a text", [{ upn: `${CANARY}\0` }], ", record 1: expected text without control characters"],
    ["another control character", [{ upn: `${CANARY}\x1b` }], ", record 1: expected text without control characters"],
    ["a text too long", [{}, { a: "x".repeat(65_537) }], ", record 2: expected no text longer than 64 KiB"],
    [
      "a number whose digits would be lost",
      '[{"id":9007199254740993}]',
      ", record 1: expected no number of more than 15 digits",
    ],
    ["a number that is too large to be one", '[{"id":1e999}]', ", record 1: expected no number of more than 15 digits"],
    [
      "objects too deep",
      `[${'{"a":'.repeat(51)}1${"}".repeat(51)}]`,
      ", record 1: expected at most 50 objects within one another",
    ],
    [
      "columns too many",
      [Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`a${i}`, null]))],
      ", record 1: expected at most 1 MiB of text in a record and 1000 columns",
    ],
  ];

  test.each(cases)("%s", async (_, page, message) => {
    const { file, folder } = drop(page);
    const error = await openJson(file, "page.json", folder).catch((reason: Error) => reason);
    expect(error).toMatchObject({ name: "RollbookError" });
    expect((error as Error).message).toContain(`page.json${message}`);
    expect((error as Error).message).not.toContain(CANARY);
  });

  test("a file that would not fit into memory", async () => {
    const { file, folder } = drop([]);
    // a file with a hole: it takes no room on the disk
    fs.truncateSync(file, 268_435_457);
    await expect(openJson(file, "page.json", folder)).rejects.toThrow(
      "page.json: expected at most 256 MB of JSON in one file; save it as several pages",
    );
  });

  test("and what is at the limits is not", async () => {
    expect(await open(`[${'{"a":'.repeat(50)}1${"}".repeat(50)}]`)).toMatchObject({ records: [["1"]] });
    expect(await open([{ a: "x".repeat(65_536), b: Number.MAX_SAFE_INTEGER }])).toMatchObject({ columns: ["a", "b"] });
  });
});

// --- internal ---

type Read = Omit<Sheet, "relation"> & { records: unknown[][] };

/** A page in a file: its text, or what it holds. */
function drop(page: unknown): { file: string; folder: string } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-json-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "0.landing");
  fs.writeFileSync(file, typeof page === "string" ? page : JSON.stringify(page));
  return { file, folder: path.join(folder, "it's [1]") };
}

/** The sheet of a page with what DuckDB reads from it. */
async function open(page: unknown): Promise<Read | null> {
  const { file, folder } = drop(page);
  const [opened] = await openJson(file, "page.json", folder);
  if (!opened) return null;
  const { relation, ...sheet } = opened;
  const records = await withDuckDB({}, (db) => rows(db, `select * from ${relation}`));
  return { ...sheet, records: records.map((record) => sheet.columns.map((_, i) => record[`column_${i}`])) };
}
