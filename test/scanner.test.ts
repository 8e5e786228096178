import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { tableFromArrays, tableToIPC } from "apache-arrow";
import { expect, onTestFinished, test } from "vitest";
import { findIdentifiers } from "../evidence/scanner.ts";

// invented; the first letters of the first and last are what the other characters add up to
const UPN = "A825999924017";
const TEMPORARY_UPN = "Q82599992401B";
const NOT_A_UPN = "B825999924017";

const written: [string, string | Uint8Array, string][] = [
  ["as it is", "<p>Zoë O'Marra-Finch</p>", "Zoë O'Marra-Finch"],
  ["as HTML writes it", "<p>Zoë O&#39;Marra-Finch</p>", "Zoë O'Marra-Finch"],
  ["as JSON may write it", '"Zo\\u00eb O\'Marra-Finch"', "Zoë O'Marra-Finch"],
  ["in UTF-16", Buffer.from("Zoë O'Marra-Finch", "utf16le"), "Zoë O'Marra-Finch"],
  ["in UTF-16, the other way round", Buffer.from("Zoë O'Marra-Finch", "utf16le").swap16(), "Zoë O'Marra-Finch"],
  ["at the very end", "the last word is Ottoline", "Ottoline"],
];

for (const [how, content, word] of written) {
  test(`a name is found written ${how}`, async () => {
    expect(await scan({ file: content }, [word, "someone else"])).toEqual([{ file: "file", count: 1 }]);
  });
}

test("a UPN is found without being told, temporary ones too, and only with the right check letter", async () => {
  expect(await scan({ a: UPN, b: TEMPORARY_UPN, c: NOT_A_UPN, d: Buffer.from(UPN, "utf16le") })).toEqual(
    ["a", "b", "d"].map((file) => ({ file, count: 1 })),
  );
});

test("in Arrow data, where texts stand side by side, short names and UPNs are found", async () => {
  const table = (texts: string[]) => tableToIPC(tableFromArrays({ texts }));
  expect(await scan({ "a.arrow": table(["Ida", "Bob", "Eve"]) }, ["Bob"])).toEqual([{ file: "a.arrow", count: 1 }]);
  expect(await scan({ "b.parquet": table([UPN, UPN]) })).toEqual([{ file: "b.parquet", count: 2 }]);
});

test("a short name is not found within a word, a long one is", async () => {
  expect(await scan({ file: "Annotated, and by Ann" }, ["Ann"])).toEqual([{ file: "file", count: 1 }]);
  expect(await scan({ file: "xOttolinex" }, ["Ottoline"])).toEqual([{ file: "file", count: 1 }]);
});

test("nothing is found where nothing is, among many thousand words", async () => {
  const words = Array.from({ length: 30_000 }, (_, at) => `Nobody Surname${10_000 + at}`);
  expect(await scan({ file: "Nobody Surname, 30000 of them" }, words)).toEqual([]);
  expect(await scan({ file: "then Nobody Surname39999 came" }, words)).toEqual([{ file: "file", count: 1 }]);
});

test("the query engine is passed over as its package has it, and searched when a byte of it is another", async () => {
  const engine = readFileSync("node_modules/@duckdb/duckdb-wasm/dist/duckdb-eh.wasm");
  const word = engine.subarray(engine.indexOf("duckdb")).toString("latin1", 0, 6);
  expect(await scan({ "engine.wasm": engine }, [word])).toEqual([]);
  engine.write("Ottoline", engine.length - 100);
  expect(await scan({ "engine.wasm": engine }, ["Ottoline"])).toEqual([{ file: "engine.wasm", count: 1 }]);
});

async function scan(
  files: Record<string, string | Uint8Array>,
  words: string[] = [],
): Promise<{ file: string; count: number }[]> {
  const dir = mkdtempSync(path.join(os.tmpdir(), "rollbook-scan-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(dir, name), content);
  const found = await findIdentifiers(dir, words);
  return found.sort((a, b) => a.file.localeCompare(b.file));
}
