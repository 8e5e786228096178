import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { Project } from "../ingest/project.ts";
import { built, makeProject, mark, marksFile, quietly } from "./project.ts";

const CHANGES = "select pupil_key, rule, change, says from marts.policy_changes order by change, rule";

/** Present from 2 March on, but ill on the last three or the last five school days before Friday 20 March 2026. */
function pupil(upn: string, daysIll: number): string[] {
  const days = Array.from(
    { length: 15 },
    (_, i) => `2026-03-${String(2 + i + 2 * Math.floor(i / 5)).padStart(2, "0")}`,
  );
  return days.flatMap((date, i) =>
    ["AM", "PM"].map((session) => mark({ upn, date, session, mark: i >= days.length - daysIll ? "I" : "/" })),
  );
}

function write(project: Project, ...rules: string[]): void {
  fs.writeFileSync(path.join(project.dir, "ours.yaml"), ["policy: Ours", "triggers:", ...rules, ""].join("\n"));
}

const FIVE = "  - { trigger: days in a row, says: Five days, consecutive_days: 5, action: Visit }";
const THREE = "  - { trigger: days in a row, says: Three days, consecutive_days: 3, action: Visit }";
const TEN = "  - { trigger: ten sessions, sessions: 10, in_school_weeks: 4, action: Meet }";

test("a policy that changed says who newly qualifies and who no longer does, until it changes again", async () => {
  const project = makeProject(
    { "marks.csv": marksFile(...pupil("V825999924017", 3), ...pupil("M325999924018", 5)) },
    "policy: ours.yaml\n",
  );
  await quietly(project);

  write(project, FIVE, TEN);
  expect(await built(project, CHANGES)).toEqual([]);
  expect(await built(project, CHANGES)).toEqual([]);

  write(project, THREE);
  const changed = await built(project, CHANGES);
  expect(changed).toMatchObject([
    { rule: "days in a row", change: "newly qualifies", says: "Three days" },
    { rule: "ten sessions", change: "no longer", says: "ten sessions" },
  ]);
  expect(changed[0]?.pupil_key).not.toBe(changed[1]?.pupil_key);
  // a build that changes nothing in the policy still tells of its last change
  expect(await built(project, CHANGES)).toEqual(changed);

  write(project, FIVE, TEN);
  expect(await built(project, "select change, rule from marts.policy_changes order by change")).toEqual([
    { change: "newly qualifies", rule: "ten sessions" },
    { change: "no longer", rule: "days in a row" },
  ]);
});

test("a policy file that is wrong stops the build before anything is made, with file, line and mend", async () => {
  const project = makeProject({ "marks.csv": marksFile(...pupil("V825999924017", 3)) }, "policy: ours.yaml\n");
  await quietly(project);
  await expect(built(project, CHANGES)).rejects.toThrow(
    /rollbook\.yaml names the policy ours\.yaml, and there is no such file/,
  );
  write(project, FIVE.replace("action", "acton"));
  await expect(built(project, CHANGES)).rejects.toThrow(
    /ours\.yaml, line 3: unknown key acton: expected one of trigger, /,
  );
});
