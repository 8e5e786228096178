import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Project } from "../ingest/project.ts";
import { hasCheckLetter, pupilKey } from "../ingest/pupil_keys.ts";
import { built, drop, inUse, makeProject, mark, marksFile, quietly } from "./project.ts";

/** UPNs whose letters were worked out by hand, or printed by DfE or a vendor who made them right. */
const TEMPORARY = "X00180001701A";
const LASTING = "A825999924017";
const OTHER = "R674123101121";

describe("a check letter fits when the other characters, each times its position, make it", () => {
  test.each([
    [OTHER, true],
    [LASTING, true],
    [TEMPORARY, true],
    ["V825999924017", false],
    ["X823456789012", false],
    ["R674123101112", false],
    ["X00180001701B", false],
    ["X00180001701O", false],
  ])("%s: %s", (upn, fits) => {
    expect(hasCheckLetter(upn)).toBe(fits);
  });

  test("of all letters one fits", () => {
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
    for (const rest of ["123456789012", "000000000000", "999999999999", "80018000170Z"]) {
      expect(letters.filter((letter) => hasCheckLetter(`${letter}${rest}`))).toHaveLength(1);
    }
  });
});

describe("UPNs that somebody should look at are loaded, and named by their first row", () => {
  test.each([
    ["whose check letter does not fit", "V825999924017", ["upn_check_letter"]],
    ["that is temporary", TEMPORARY, ["temporary_upn"]],
    ["that is temporary and whose check letter does not fit", "Y00180001701A", ["temporary_upn", "upn_check_letter"]],
    ["that is as it should be", LASTING, []],
  ])("one %s", async (_, upn, doubted) => {
    const project = makeProject({
      "marks.csv": marksFile(mark({ upn: OTHER }), mark({ upn }), mark({ upn, session: "PM", mark: "\\" })),
    });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ rows_read: 3, rows_accepted: 3 }]);
    expect(
      await built(project, "select rule, school_urn as urn, row_number as row from raw.doubts order by rule"),
    ).toEqual(doubted.map((rule) => ({ rule, urn: 999001, row: 3 })));
  });
});

test("a UPN is one pupil however its letters and spaces are written", async () => {
  const project = makeProject({
    "marks.csv": marksFile(
      mark({ upn: LASTING }),
      mark({ upn: " a825 9999 24017", session: "PM", mark: "\\" }),
      mark({ upn: LASTING.toLowerCase(), date: "2025-10-07" }),
    ),
  });
  await quietly(project);
  const pupils = await built(project, "select distinct pupil_key from raw.marks");
  expect(pupils).toEqual([{ pupil_key: pupilKey(LASTING, secretOf(project)) }]);
});

describe("a former UPN joins a pupil's marks", () => {
  const header = "SchoolURN,UPN,FormerUPN,YearGroup,EntryDate,LastUpdated";
  const pupils = (upn: string, former: string) => `${header}\n999001,${upn},${former},7,2025-09-01,2025-11-03\n`;
  const keysOfMarks = "select distinct pupil_key from raw.marks order by all";

  test("that came under the temporary UPN with those under the lasting one", async () => {
    const project = makeProject({
      "september.csv": marksFile(mark({ upn: TEMPORARY })),
      "october.csv": marksFile(mark({ upn: LASTING, date: "2025-10-07" })),
      "pupils.csv": pupils(LASTING, TEMPORARY),
    });
    await quietly(project);
    expect(await built(project, keysOfMarks)).toEqual([{ pupil_key: pupilKey(LASTING, secretOf(project)) }]);
    expect(await inUse(project, "select kind, school_urn as urn from raw.pupil_ids")).toEqual([
      { kind: "former UPN", urn: 999001 },
    ]);
  });

  test.each([
    ["is empty", ""],
    ["is the pupil's own", ` ${LASTING.toLowerCase()}`],
    ["is no UPN", "not known"],
  ])("unless it %s", async (_, former) => {
    const project = makeProject({
      "marks.csv": marksFile(mark({ upn: TEMPORARY }), mark({ upn: LASTING })),
      "pupils.csv": pupils(LASTING, former),
    });
    await quietly(project);
    expect(await built(project, keysOfMarks)).toHaveLength(2);
    expect(await inUse(project, "select 1 from raw.pupil_ids")).toEqual([]);
  });

  test("and is noted once however often it is told", async () => {
    const project = makeProject({ "november.csv": pupils(LASTING, TEMPORARY) });
    await quietly(project);
    drop(project.dir, { "december.csv": pupils(LASTING, TEMPORARY).replace("2025-11-03", "2025-12-03") });
    const { loads } = await quietly(project);
    expect(loads).toMatchObject([{ rows_accepted: 1 }]);
    expect(await built(project, "select 1 from raw.pupil_ids")).toHaveLength(1);
  });
});

describe("the id that a school's system gives", () => {
  const marks = "Id,Date,StudentId,Mark,Type,Session\n1,2025-10-06,9919,I,S,AM\n";
  const students = (urn: string, upn: string) =>
    `Id,UPN,YearGroup,RegGroup,EntryDate,SchoolURN\n9919,${upn},7,7B,2025-09-01,${urn}\n`;

  test("is that of the pupil whose UPN the system's list of pupils gives for it", async () => {
    const project = makeProject({
      "999001/marks.csv": marks,
      "999001/students.csv": students("999001", LASTING),
      "999002/students.csv": students("999002", OTHER),
    });
    await quietly(project);
    expect(await built(project, "select school_urn as urn, pupil_key from raw.marks")).toEqual([
      { urn: 999001, pupil_key: pupilKey(LASTING, secretOf(project)) },
    ]);
  });

  test("is a pupil of its own, and said to be without a UPN, until such a list comes", async () => {
    const project = makeProject({ "999001/marks.csv": marks });
    await quietly(project);
    expect(await built(project, "select school_urn as urn from raw.unresolved_ids")).toEqual([{ urn: 999001 }]);
    drop(project.dir, { "999001/students.csv": students("999001", LASTING) });
    await quietly(project);
    expect(await built(project, "select school_urn as urn from raw.unresolved_ids")).toEqual([]);
    expect(await inUse(project, "select pupil_key from raw.marks")).toEqual([
      { pupil_key: pupilKey(LASTING, secretOf(project)) },
    ]);
  });

  test("stands for a pupil of the list who has no UPN yet", async () => {
    const project = makeProject({ "999001/marks.csv": marks, "999001/students.csv": students("999001", "") });
    await quietly(project);
    expect(
      await built(project, "select year_group from raw.pupils join raw.marks using (school_urn, pupil_key)"),
    ).toEqual([{ year_group: "7" }]);
    expect(await inUse(project, "select school_urn as urn from raw.unresolved_ids")).toEqual([{ urn: 999001 }]);
  });
});

function secretOf(project: Project): Buffer {
  return fs.readFileSync(path.join(project.data, "pupil-key"));
}
