import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import iconv from "iconv-lite";
import { describe, expect, onTestFinished, test } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { asUtf8, type LandedText, land } from "../ingest/text.ts";

const CANARY = "ZZCANARY";
const LIMITS = { file_bytes: 8_388_608 };
/** Files are looked at in pieces of this many bytes. */
const PIECE = 1_048_576;

const ENCODINGS: [name: string, encoding: string, mark: string][] = [
  ["UTF-8", "UTF-8", ""],
  ["UTF-8 with a byte order mark", "UTF-8", "\ufeff"],
  ["UTF-16LE with a byte order mark", "UTF-16LE", "\ufeff"],
  ["UTF-16BE with a byte order mark", "UTF-16BE", "\ufeff"],
  ["UTF-16LE without one", "UTF-16LE", ""],
  ["UTF-16BE without one", "UTF-16BE", ""],
  ["Windows-1252", "Windows-1252", ""],
];

describe("encodings", () => {
  test.each(ENCODINGS)("text in %s is read as it was written", async (_, encoding, mark) => {
    const text = "UPN,Note\nV825999924017,Zoë O’Brien – 5 € “late”\n";
    const { landed, readable } = await open(iconv.encode(mark + text, encoding));
    expect(landed.encoding).toBe(encoding);
    // a copy that is UTF-8 already keeps its mark
    expect(readable).toBe(encoding === "UTF-8" ? mark + text : text);
  });

  test.each(ENCODINGS)("any text in %s is read as it was written", async (_, encoding, mark) => {
    const folder = makeFolder();
    await fc.assert(
      fc.asyncProperty(textIn(encoding), async (text) => {
        const bytes = iconv.encode(mark + text, encoding);
        fc.pre(encoding !== "Windows-1252" || !isUtf8(bytes));
        // without a mark UTF-16 is known by its NULs, which text without Latin letters lacks
        const written =
          mark === "" && encoding.startsWith("UTF-16") ? `${"UPN,".repeat(text.length + 1)}${text}` : text;
        const { landed, readable } = await open(iconv.encode(mark + written, encoding), folder);
        expect(landed.encoding).toBe(encoding);
        expect(withoutMark(readable)).toBe(written);
      }),
      { numRuns: 50 },
    );
  });

  test.each(ENCODINGS.slice(0, 4))(
    "a character of %s may lie across two pieces of a file",
    async (_, encoding, mark) => {
      const folder = makeFolder();
      const width = encoding === "UTF-8" ? 1 : 2;
      const before = PIECE / width - iconv.encode(mark, encoding).length / width - 1;
      const text = `${"a".repeat(before)}\u{1f3eb}ë${"b".repeat(PIECE)}`;
      const { landed, readable } = await open(iconv.encode(mark + text, encoding), folder);
      expect(landed.encoding).toBe(encoding);
      expect(withoutMark(readable) === text).toBe(true);
    },
  );

  test("byte 0x92 of Windows-1252 is a curly apostrophe and 0x80 a euro, as Node's own decoder has it wrong", async () => {
    const { readable } = await open(Buffer.from([0x4f, 0x92, 0x42, 0x20, 0x80]));
    expect(readable).toBe("O’B €");
  });

  test.each([0x81, 0x8d, 0x8f, 0x90, 0x9d])("byte %i, which Windows-1252 does not define, is refused", async (byte) => {
    const bytes = Buffer.concat([Buffer.from(`Name\r\n${CANARY}`), Buffer.from([0xe9, byte])]);
    expect(await refusal(bytes)).toMatch(/^register\.csv, line 2: expected UTF-8 or Windows-1252 text throughout; /);
  });

  test("XML in an encoding that only its declaration tells is read in that", async () => {
    const text = '<?xml version="1.0" encoding="ISO-8859-15"?><a>5 €</a>';
    const { landed, readable } = await open(iconv.encode(text, "ISO-8859-15"));
    expect(landed.encoding).toBe("ISO-8859-15");
    expect(readable).toBe(text);
  });

  test.each(["utf-16", "ISO-8859-1", "base64"])(
    "what XML declares to be %s is read as Windows-1252 when it is no UTF-8",
    async (declared) => {
      const text = `<?xml version="1.0" encoding="${declared}"?><a>O’Brien</a>`;
      const { landed, readable } = await open(iconv.encode(text, "Windows-1252"));
      expect(landed.encoding).toBe("Windows-1252");
      expect(readable).toBe(text);
    },
  );

  test("XML that is UTF-8 is read as UTF-8, whatever it declares", async () => {
    const { landed } = await open(Buffer.from('<?xml version="1.0" encoding="utf-16"?><a>Zoë</a>'));
    expect(landed.encoding).toBe("UTF-8");
  });

  test.each([
    ["UTF-8", Buffer.concat([Buffer.from(`\ufeffName\n${CANARY}`), Buffer.from([0xe9])])],
    ["UTF-16", Buffer.concat([iconv.encode(`\ufeffName\n${CANARY}`, "UTF-16LE"), Buffer.from([0x41])])],
    ["UTF-16", iconv.encode(`\ufeffName\n${CANARY}\ud83c`, "UTF-16BE")],
  ])("text that a byte order mark says is %s and is not all the way is refused", async (encoding, bytes) => {
    expect(await refusal(bytes)).toBe(
      `register.csv: expected ${encoding} text throughout; the file may be damaged or cut short: export it again, as CSV UTF-8 where there is a choice`,
    );
  });
});

describe("what is refused", () => {
  const controls = [...Array(0x20).keys(), 0x7f].filter((byte) => ![0x09, 0x0a, 0x0d].includes(byte));

  test.each(controls)("control byte %i is refused, and its line named", async (byte) => {
    const expected = /^register\.csv, line 4: expected text without control characters; /;
    const bytes = Buffer.from(`a\n\nb\r\n${CANARY}${String.fromCharCode(byte)},c\n`);
    expect(await refusal(bytes)).toMatch(expected);
    const late = Buffer.concat([Buffer.from("a".repeat(PIECE - 1)), bytes]);
    expect(await refusal(late)).toMatch(expected);
    const text = `\ufeff${bytes}`;
    expect(await refusal(iconv.encode(text, "UTF-16LE"))).toMatch(expected);
  });

  test("tabs are text", async () => {
    const { readable } = await open(Buffer.from("a\tb\n"));
    expect(readable).toBe("a\tb\n");
  });

  test.each([
    ["a spreadsheet or zip file", Buffer.from(`PK\x03\x04${CANARY}`)],
    ["an old spreadsheet", Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1])],
    ["a gzip file", Buffer.from([0x1f, 0x8b, 0x08])],
    ["a PDF", Buffer.from("%PDF-1.7\n")],
  ])("%s is refused", async (kind, bytes) => {
    expect(await refusal(bytes)).toBe(
      `register.csv: expected text (CSV, XML or JSON), found ${kind}; save it as CSV UTF-8 and put that in its place`,
    );
  });

  test("a file over the limit is refused, and one at the limit is not", async () => {
    const bytes = Buffer.alloc(3_145_728, "a");
    const { source, copy } = drop(bytes);
    await expect(land(source, copy, "register.csv", { file_bytes: 3_145_727 })).rejects.toThrow(
      "register.csv: expected at most 3 MiB, found 3 MiB; export it in several files, or raise file_bytes in models/rules/load_limits.csv",
    );
    expect(await land(source, copy, "register.csv", { file_bytes: 3_145_728 })).toMatchObject({ bytes: 3_145_728 });
  });

  test("a file that grows while it is read is refused", async () => {
    const { source, copy } = drop(Buffer.alloc(LIMITS.file_bytes, "a"));
    const landing = land(source, copy, "register.csv", { file_bytes: 2 * LIMITS.file_bytes });
    const growing = setInterval(() => fs.appendFileSync(source, "b"), 1);
    onTestFinished(() => clearInterval(growing));
    await expect(landing).rejects.toThrow("register.csv: is still being written: try again when the export has ended");
    expect(fs.existsSync(copy)).toBe(false);
  });

  test("a file that is gone is refused", async () => {
    const { source, copy } = drop(Buffer.from(""));
    fs.rmSync(source);
    await expect(land(source, copy, "register.csv", LIMITS)).rejects.toThrow(/^register\.csv: cannot be read: /);
  });
});

describe("the copy", () => {
  test("holds the bytes that were hashed, for its owner alone", async () => {
    const bytes = Buffer.from(Array.from({ length: 700_000 }, (_, i) => `row ${i}\n`).join(""));
    const { source, copy } = drop(bytes);
    fs.writeFileSync(copy, "of an earlier run", { mode: 0o644 });
    const landed = await land(source, copy, "register.csv", LIMITS);
    expect(fs.readFileSync(copy).equals(bytes)).toBe(true);
    expect(landed.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(landed.bytes).toBe(bytes.length);
    expect(fs.statSync(copy).mode & 0o777).toBe(0o600);
  });

  test.each([
    ["UTF-8 with one kind of line ending", "a,b\r\nc,d\r\n"],
    ["XML with several", "<a>\r\n<b/>\n</a>"],
    ["JSON with several", ' {"a":\r\n"b"}\n'],
  ])("of %s is read itself", async (_, text) => {
    const { source, copy } = drop(Buffer.from(text));
    const out = `${copy}.txt`;
    expect(await asUtf8(await land(source, copy, "register.csv", LIMITS), copy, out)).toBe(copy);
    expect(fs.existsSync(out)).toBe(false);
  });
});

describe("lines", () => {
  const cases: [text: string, expected: Partial<LandedText>][] = [
    ["", { lineEnding: "none", lines: 0, firstEmptyLine: null, hasQuotes: false }],
    ["a", { lineEnding: "none", lines: 1, firstEmptyLine: null }],
    ["a\nb\n", { lineEnding: "LF", lines: 2, firstEmptyLine: null }],
    ["a\r\nb\r\n", { lineEnding: "CRLF", lines: 2, firstEmptyLine: null }],
    ["a\rb\r", { lineEnding: "CR", lines: 2, firstEmptyLine: null }],
    ["a\r\nb\n", { lineEnding: "mixed", lines: 2, firstEmptyLine: null }],
    ["a\n\nb\n", { lineEnding: "LF", lines: 3, firstEmptyLine: 2 }],
    ["a\r\n\r\n\r\nb", { lineEnding: "CRLF", lines: 4, firstEmptyLine: 2 }],
    ["a\nb\n\n\n", { lineEnding: "LF", lines: 2, firstEmptyLine: null }],
    ["\ufeff\na\n", { lineEnding: "LF", lines: 2, firstEmptyLine: 1 }],
    ['"a\n\nb"\n', { lineEnding: "LF", lines: 3, firstEmptyLine: 2, hasQuotes: true }],
  ];

  test.each(cases)("%j is known by its lines", async (text, expected) => {
    expect((await open(Buffer.from(text))).landed).toMatchObject(expected);
  });

  test("are counted as a simpler reading counts them, wherever in a file they end", async () => {
    const folder = makeFolder();
    const pieces = fc.constantFrom("\n", "\r", "\r\n", "a", "bcd", ",", '"', "ë", "\t", "  ", "12345678901234567");
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 60 }), fc.nat(20), async (some, before) => {
        const text = some.join("");
        const { source, copy } = drop(Buffer.from(text), folder);
        expect(await land(source, copy, "register.csv", LIMITS)).toMatchObject(plainly(text));
        // the same across the edge of two pieces
        const late = "x".repeat(PIECE - before) + text;
        fs.writeFileSync(source, late);
        expect(await land(source, copy, "register.csv", LIMITS)).toMatchObject(plainly(late));
      }),
      { numRuns: 60 },
    );
  });
});

describe("mixed line endings", () => {
  test("every record of a CSV file ends with a line feed, and DuckDB reads what a person sees", async () => {
    const text = 'Id,Note\r\n1,"late\r\nagain"\r2,6" and 7"" tall\n3,"says ""ill"""\r\n4,""\r';
    const { source, copy } = drop(Buffer.from(text));
    const readable = await asUtf8(await land(source, copy, "register.csv", LIMITS), copy, `${copy}.txt`);
    expect(fs.readFileSync(readable, "utf8")).toBe(
      'Id,Note\n1,"late\r\nagain"\n2,6" and 7"" tall\n3,"says ""ill"""\n4,""\n',
    );
    expect(fs.statSync(readable).mode & 0o777).toBe(0o600);
    const notes = await withDuckDB({}, (db) =>
      rows(
        db,
        `select note from read_csv(${quote(readable)}, auto_detect = false, header = true, delim = ',', quote = '"',
          escape = '"', strict_mode = true, columns = {'id': 'VARCHAR', 'note': 'VARCHAR'})`,
      ),
    );
    expect(notes.map(({ note }) => note ?? "")).toEqual(["late\r\nagain", '6" and 7"" tall', 'says "ill"', ""]);
  });

  test.each(["UTF-8", "UTF-16LE", "Windows-1252"])("any records in %s stay what they were", async (encoding) => {
    const folder = makeFolder();
    const field = fc.string({ unit: fc.constantFrom('"', ",", "\r", "\n", "a", "ë", " "), maxLength: 6 });
    const record = fc.tuple(fc.array(field, { minLength: 2, maxLength: 2 }), fc.constantFrom("\r\n", "\n", "\r"));
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 8 }), async (records) => {
        const text = records.map(([fields, end]) => fields.map(quoted).join(",") + end).join("");
        const mark = encoding === "UTF-16LE" ? "\ufeff" : "";
        const { readable } = await open(iconv.encode(`${mark}é,é\r\né,é\n${text}`, encoding), folder);
        const read = parse(readable, { record_delimiter: "\n" }) as string[][];
        expect(read.slice(2)).toEqual(records.map(([fields]) => fields));
      }),
      { numRuns: 60 },
    );
  });

  test("a line ending may lie across two pieces of a file", async () => {
    const before = "a".repeat(PIECE - 1);
    const { landed, readable } = await open(Buffer.from(`${before}\r\n"b\r\nc"\n`));
    expect(landed).toMatchObject({ lineEnding: "mixed", lines: 3, firstEmptyLine: null });
    expect(readable === `${before}\n"b\r\nc"\n`).toBe(true);
  });
});

// --- internal ---

function makeFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-text-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function drop(bytes: Buffer, folder = makeFolder()): { source: string; copy: string } {
  const source = path.join(folder, "register.csv");
  fs.writeFileSync(source, bytes);
  return { source, copy: path.join(folder, "copy") };
}

/** Lands bytes and gives the text that is read of them. */
async function open(bytes: Buffer, folder?: string): Promise<{ landed: LandedText; readable: string }> {
  const { source, copy } = drop(bytes, folder);
  const landed = await land(source, copy, "register.csv", LIMITS);
  const readable = await asUtf8(landed, copy, `${copy}.txt`);
  return { landed, readable: fs.readFileSync(readable, "utf8") };
}

/** The message with which bytes are refused, of which nothing is left. */
async function refusal(bytes: Buffer): Promise<string> {
  const { source, copy } = drop(bytes);
  const error = await land(source, copy, "register.csv", LIMITS).catch((reason: Error) => reason);
  expect(error).toMatchObject({ name: "RollbookError" });
  const { message } = error as Error;
  expect(message).not.toContain(CANARY);
  expect(fs.existsSync(copy)).toBe(false);
  return message;
}

function withoutMark(text: string): string {
  return text.replace(/^\ufeff/, "");
}

function isUtf8(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString("utf8")).equals(bytes);
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** Text of the characters that an encoding has, none of them a control, and with line feeds alone. */
function textIn(encoding: string): fc.Arbitrary<string> {
  const defined = Array.from({ length: 224 }, (_, i) => iconv.decode(Buffer.from([i + 32]), "Windows-1252")).filter(
    (character) => !["\x7f", "\ufffd"].includes(character),
  );
  const unit =
    encoding === "Windows-1252"
      ? fc.constantFrom(...defined, "\n")
      : fc.string({ unit: "binary", minLength: 1, maxLength: 1 }).filter((c) => !/[\p{Cc}\ufeff]/u.test(c));
  return fc.string({ unit, minLength: 1, maxLength: 40 });
}

/** What a file's lines are, told by taking the whole text apart. */
function plainly(text: string): Pick<LandedText, "lineEnding" | "lines" | "firstEmptyLine" | "hasQuotes"> {
  const ends = new Set(text.match(/\r\n|\n|\r/g));
  const lines = text.split(/\r\n|\n|\r/);
  while (lines.at(-1) === "") lines.pop();
  const firstEmpty = lines.indexOf("");
  const [only] = ends;
  const kind = only === "\n" ? "LF" : only === "\r" ? "CR" : "CRLF";
  return {
    lineEnding: ends.size > 1 ? "mixed" : ends.size === 0 ? "none" : kind,
    lines: lines.length,
    firstEmptyLine: firstEmpty < 0 ? null : firstEmpty + 1,
    hasQuotes: text.includes('"'),
  };
}
