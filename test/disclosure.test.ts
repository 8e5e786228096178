import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { renderSite } from "../evidence/site.ts";
import { dataFolders } from "../ingest/lake.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { built, makeProject, mark, marksFile, quietly } from "./project.ts";

test("no site is made for a trust with a school of fewer than ten pupils", async () => {
  const pupils = Array.from({ length: 9 }, (_, i) => mark({ upn: `A82599992401${i}` }));
  const project = makeProject({ "marks.csv": marksFile(...pupils) });
  await quietly(project);
  await built(project, "from marts.trust");
  const { path: warehouse } = warehouseInUse(dataFolders(project).warehouse);
  const site = path.join(project.site, "board");
  const making = renderSite({ warehouse, workspace: path.join(project.data, "work", "board"), site, log: () => {} });
  await expect(making).rejects.toThrow(/^Oak had fewer than 10 pupils .* no site is made/);
  expect(fs.existsSync(site)).toBe(false);
});
