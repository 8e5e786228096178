import fs from "node:fs";
import { parse } from "csv-parse/sync";
import { SaxesParser } from "saxes";
import { expect, test } from "vitest";
import { CANARY, LAYOUTS, REGISTERS, upnOf, withOneCharacterCodes } from "./exporters.ts";

const FILES = LAYOUTS.flatMap((layout) =>
  Object.values(REGISTERS).flatMap((register) => {
    const { pupils, marks, extractedOn } = layout.holdsTwoCharacterCodes ? register : withOneCharacterCodes(register);
    return Object.entries(layout.files(pupils, marks, extractedOn)).map(([name, content]) => ({
      name: `${layout.name}: ${name}, ${extractedOn}`,
      content: content.toString(),
    }));
  }),
);
const REGISTER_CODES = parse(fs.readFileSync("models/rules/register_codes.csv", "utf8"), { columns: true }) as Record<
  "code" | "valid_from" | "valid_to",
  string
>[];

test("every file of every layout is well formed: CSV rows as long as the header, XML and JSON that parse", () => {
  const broken = FILES.filter(({ name, content }) => {
    try {
      if (name.includes(".csv,")) return parse(content, { bom: true }).length < 2;
      if (name.includes(".json,")) return typeof JSON.parse(content) !== "object";
      let elements = 0;
      const parser = new SaxesParser();
      parser.on("opentag", () => elements++);
      parser.write(content).close();
      return elements < 2;
    } catch {
      return true;
    }
  });
  expect(broken.map(({ name }) => name)).toEqual([]);
});

test("every layout whose source names pupils carries names, so that a leak of one would show", () => {
  const nameless = LAYOUTS.filter(({ files }) => {
    const { pupils, marks, extractedOn } = withOneCharacterCodes(REGISTERS["since August 2024"]);
    return !Object.values(files(pupils, marks, extractedOn)).some((content) => content.toString().includes(CANARY));
  });
  expect(nameless.map(({ name }) => name)).toEqual([
    "supplier contract, CSV",
    "CSV with headings and dates of its own",
  ]);
});

test.each(Object.entries(REGISTERS))(
  "the register %s states no session twice, and only codes that were in force that day",
  (_, { marks }) => {
    const sessions = marks.map(({ urn, upn, date, session }) => [urn, upn, date, session].join(" "));
    expect(new Set(sessions).size).toBe(sessions.length);
    const outOfForce = marks.filter(
      ({ code, date }) =>
        !REGISTER_CODES.some(
          (rule) => rule.code === code && rule.valid_from <= date && (rule.valid_to === "" || date <= rule.valid_to),
        ),
    );
    expect(outOfForce).toEqual([]);
  },
);

test("the registers hold what tells readers apart: both sessions, two-character codes, missing marks and closed days", () => {
  const codes = (name: keyof typeof REGISTERS) => REGISTERS[name].marks.map(({ code }) => code);
  expect(codes("since August 2024")).toEqual(
    expect.arrayContaining("/ \\ L I M C1 C2 J1 Y1 Y7 U N O K Q # -".split(" ")),
  );
  expect(codes("before August 2024")).toEqual(expect.arrayContaining("/ \\ L I M J Y H U N O # -".split(" ")));
  expect(codes("before August 2024").filter((code) => code.length > 1)).toEqual([]);
});

test("two schools give the same id to different pupils, and one pupil is at both", () => {
  const { pupils } = REGISTERS["since August 2024"];
  const shared = pupils.filter(({ misId }) => misId === 70031);
  expect(new Set(shared.map(({ upn }) => upn)).size).toBe(2);
  expect(new Set(pupils.map(({ upn }) => upn)).size).toBe(pupils.length - 1);
});

test("a UPN has the check letter of DfE's own example", () => {
  expect(upnOf("674123101121")).toBe("R674123101121");
});
