import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { renderSite } from "../evidence/site.ts";
import { dataFolders } from "../ingest/lake.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { built, inUse, makeProject, mark, marksFile, PUPILS_HEADER, quietly } from "./project.ts";

/** Twenty-four pupils of Oak with a session each, of whom twelve are eligible for free school meals. */
function halfOnMeals(): Record<string, string> {
  const upns = Array.from({ length: 24 }, (_, i) => `A8259999240${10 + i}`);
  return {
    "marks.csv": marksFile(...upns.map((upn) => mark({ upn }))),
    "pupils.csv": [PUPILS_HEADER, ...upns.map((upn, i) => `999001,${upn},4,2022-09-05,,${i < 12},2026-03-20`), ""].join(
      "\n",
    ),
  };
}

const MEALS =
  "select school_urn, outcome from board.shown_breakdowns where question = 'fsm' order by school_urn nulls last";

test("no site is made for a trust with a school of fewer than ten pupils", async () => {
  const pupils = Array.from({ length: 9 }, (_, i) => mark({ upn: `A82599992401${i}` }));
  const project = makeProject({ "marks.csv": marksFile(...pupils) });
  await quietly(project);
  await built(project, "from marts.trust");
  const { path: warehouse } = warehouseInUse(dataFolders(project).warehouse);
  const site = path.join(project.site, "board");
  const { work, bundles } = dataFolders(project);
  const making = renderSite({ warehouse, workspace: path.join(work, "board"), bundles, site, log: () => {} });
  await expect(making).rejects.toThrow(/^Oak had fewer than 10 pupils .* no site is made/);
  expect(fs.existsSync(site)).toBe(false);
});

test("a threshold of rollbook.yaml withholds a group that is large enough by the rules", async () => {
  const project = makeProject(halfOnMeals(), "disclosure: { minimum_pupils: 13 }\n");
  await quietly(project);
  expect(await built(project, MEALS)).toEqual([
    { school_urn: 999001, outcome: "withheld" },
    { school_urn: null, outcome: "withheld" },
  ]);
});

test("a threshold of rollbook.yaml below the rules' lowers nothing", async () => {
  const project = makeProject(halfOnMeals(), "disclosure: { minimum_pupils: 3 }\n");
  await quietly(project);
  expect(await built(project, MEALS)).toEqual([
    { school_urn: 999001, outcome: "shown" },
    { school_urn: null, outcome: "shown" },
  ]);
  expect(await inUse(project, "select distinct minimum_pupils from board.shown_breakdowns")).toEqual([
    { minimum_pupils: 10 },
  ]);
});
