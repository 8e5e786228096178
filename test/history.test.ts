import { describe, expect, test } from "vitest";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { ingest } from "../ingest/ingest.ts";
import { dataFolders } from "../ingest/lake.ts";
import type { Load } from "../ingest/ledger.ts";
import type { Project } from "../ingest/project.ts";
import { buildWarehouse } from "../models/build.ts";
import { warehouseInUse } from "../models/warehouse.ts";
import { built, drop, inUse, makeProject, mark, marksFile } from "./project.ts";

const PUPIL = "A825999924017";
const OTHER = "R674123101121";
/** A reason and a name as a register would keep them: neither may get into a figure. */
const REASON = "ZZCANARY family telephoned at noon";
const PERSON = "ZZCANARY Registrar";

describe("of several statements of a session", () => {
  test("an older extract that arrives late does not undo a newer mark", async () => {
    const project = makeProject({});
    await load(project, "new.csv", marksFile(mark({ mark: "I", modified: "2025-10-06T14:00:00Z" })));
    await load(project, "old.csv", marksFile(mark({ mark: "N", modified: "2025-10-06T09:00:00Z" })));
    expect(await standing(project)).toEqual(["2025-10-06 AM I"]);
    expect(await history(project)).toEqual([
      {
        code: "N",
        since: "2025-10-06 09:00:00",
        load: 2,
        until: "2025-10-06 14:00:00",
        code_after: "I",
        load_after: 1,
      },
    ]);
  });

  test("every one that was superseded is kept, with when it became known, both loads, and who changed it and why", async () => {
    const project = makeProject({});
    const row = (...cells: string[]) => `999001,${PUPIL},2025-10-06,AM,${cells.join(",")}`;
    const file = (...lines: string[]) =>
      `SchoolURN,UPN,SessionDate,Session,Mark,Modified,Reason,ChangedBy,Position\n${lines.join("\n")}\n`;
    await load(project, "1.csv", file(row("N", "2025-10-06T09:00:00Z", "", "", "")));
    await load(project, "2.csv", file(row("I", "2025-10-06T12:00:00Z", REASON, PERSON, "Registers clerk")));
    await load(project, "3.csv", file(row("M", "2025-10-08T08:30:00Z", "letter seen", PERSON, "Head of year")));

    expect(await standing(project)).toEqual(["2025-10-06 AM M"]);
    const first = { code: "N", since: "2025-10-06 09:00:00", load: 1, until: "2025-10-06 12:00:00" };
    const second = { code: "I", since: "2025-10-06 12:00:00", load: 2, until: "2025-10-08 08:30:00" };
    expect(await history(project)).toEqual([
      { ...first, code_after: "I", load_after: 2, reason: REASON, by: PERSON, position: "Registers clerk" },
      { ...second, code_after: "M", load_after: 3, reason: "letter seen", by: PERSON, position: "Head of year" },
    ]);
    expect(await tablesWith(project, "ZZCANARY")).toEqual(["raw.marks", "staging.mark_history"]);
    expect(await tablesWith(project, "Registers clerk")).toEqual(["raw.marks", "staging.mark_history"]);
  });

  test.each([
    ["with times of change", (content: string) => content],
    ["without times of change", untimed],
  ])("a row that a later file leaves out is not deleted, in files %s", async (_, written) => {
    const project = makeProject({});
    const [am, pm] = [mark({ mark: "I" }), mark({ session: "PM", mark: "\\" })];
    await load(project, "1.csv", written(marksFile(am, pm)), "2025-10-07");
    await load(project, "2.csv", written(marksFile(am)), "2025-10-08");
    expect(await standing(project)).toEqual(["2025-10-06 AM I", "2025-10-06 PM \\"]);
    expect(await history(project)).toEqual([]);
  });

  test("one that says it was deleted takes the mark away, and a later one can bring it back", async () => {
    const project = makeProject({});
    await load(project, "1.csv", marksFile(mark({ mark: "I", modified: "2025-10-06T09:00:00Z" })));
    const deleted = mark({ mark: "I", modified: "2025-10-06T10:00:00Z", deleted: "true" });
    await load(project, "2.csv", marksFile(deleted));
    expect(await standing(project)).toEqual([]);
    expect(await history(project)).toMatchObject([{ code: "I", load: 1, load_after: 2 }]);
    await load(project, "3.csv", marksFile(mark({ mark: "C", modified: "2025-10-06T11:00:00Z" })));
    expect(await standing(project)).toEqual(["2025-10-06 AM C"]);
    expect(await history(project)).toMatchObject([
      { code: "I", load: 1, load_after: 2 },
      { code: "I", load: 2, load_after: 3, code_after: "C" },
    ]);
  });

  test("of two told at the same moment that of the later load stands, and the office is asked which is right", async () => {
    const project = makeProject({});
    await load(project, "1.csv", marksFile(mark({ mark: "I" }), mark({ session: "PM", mark: "I" })));
    await load(project, "2.csv", marksFile(mark({ mark: "O" }), mark({ session: "PM", mark: "I" })));
    expect(await standing(project)).toEqual(["2025-10-06 AM O", "2025-10-06 PM I"]);
    expect(await history(project)).toMatchObject([{ code: "I", load: 1, code_after: "O", load_after: 2 }]);
    const asked =
      "select school_urn as urn, rows::integer as rows from marts.register_queries where rule = 'same_moment_conflicts'";
    expect(await inUse(project, asked)).toEqual([{ urn: 999001, rows: 1 }]);

    await load(project, "3.csv", marksFile(mark({ mark: "I", modified: "2025-10-08T09:00:00Z" })));
    expect(await standing(project)).toEqual(["2025-10-06 AM I", "2025-10-06 PM I"]);
    expect(await inUse(project, asked)).toEqual([]);
  });
});

describe("a file that says from when to when it is whole", () => {
  test.each([
    ["without times of change", ""],
    ["with times of change, and when it was taken", "2025-10-13T08:00:00Z"],
  ])(
    "takes away what it leaves out, within its days and school only, and a later one brings it back: %s",
    async (_, taken) => {
      const project = makeProject({});
      const before = [
        mark({}),
        mark({ session: "PM", mark: "I" }),
        mark({ date: "2025-10-03", mark: "L" }),
        mark({ date: "2025-10-13", mark: "V" }),
        mark({ urn: "999002", upn: OTHER, mark: "M" }),
      ];
      await load(project, "1.csv", written(taken, marksFile(...before)), "2025-10-13T07:00:00Z");
      const whole = written(taken, marksFile(mark({})), ["2025-10-06", "2025-10-10"]);
      await load(project, "2.csv", whole, "2025-10-13T09:00:00Z");
      const others = ["2025-10-03 AM L", "2025-10-06 AM /", "2025-10-06 AM M", "2025-10-13 AM V"];
      expect(await standing(project)).toEqual(others);
      expect(await history(project)).toMatchObject([{ code: "I", load: 1, code_after: "I", load_after: 2 }]);

      const again = marksFile(mark({}), mark({ session: "PM", mark: "I", modified: "2025-10-14T09:00:00Z" }));
      const retaken = taken && "2025-10-14T10:00:00Z";
      await load(project, "3.csv", written(retaken, again, ["2025-10-06", "2025-10-10"]), "2025-10-14T11:00:00Z");
      expect(await standing(project)).toEqual([...others, "2025-10-06 PM I"].sort());
      expect(await history(project)).toHaveLength(2);
    },
  );

  test("does not take a mark away whose row in it was set aside", async () => {
    const project = makeProject({});
    const pupils = Array.from({ length: 60 }, (_, i) => `A8259999240${10 + i}`);
    await load(project, "1.csv", marksFile(...pupils.map((upn) => mark({ upn }))), "2025-10-07");
    const unread = pupils.map((upn, i) => mark({ upn, mark: i === 3 ? "??" : "/" }));
    const [whole] = await load(
      project,
      "2.csv",
      written("", marksFile(...unread), ["2025-10-06", "2025-10-06"]),
      "2025-10-08",
    );
    expect(whole).toMatchObject({ rows_quarantined: 1 });
    expect(await standing(project)).toHaveLength(60);
  });

  test("takes nothing away that became known after it was taken", async () => {
    const project = makeProject({});
    const late = mark({ session: "PM", mark: "I", modified: "2025-10-09T09:00:00Z" });
    await load(project, "newer.csv", marksFile(mark({}), late), "2025-10-10");
    const older = written("2025-10-08T08:00:00Z", marksFile(mark({})), ["2025-10-06", "2025-10-06"]);
    await load(project, "older.csv", older, "2025-10-11");
    expect(await standing(project)).toEqual(["2025-10-06 AM /", "2025-10-06 PM I"]);
  });

  test.each([
    ["without times of change", ""],
    ["with times of change, and when it was taken", "2025-11-10T08:00:00Z"],
  ])(
    "keeps a mark that it tells under the UPN that a pupil has since got, in whichever order files come: %s",
    async (_, taken) => {
      const temporary = "X00180001701A";
      const told = (upn: string) => marksFile(mark({ upn, mark: "I" }), mark({ upn, session: "PM", mark: "L" }));
      const files = {
        october: written(taken && "2025-10-31T08:00:00Z", told(PUPIL)),
        marks: written(taken, told(PUPIL), ["2025-10-06", "2025-10-06"]),
        pupils: `SchoolURN,UPN,FormerUPN,YearGroup,EntryDate,LastUpdated\n999001,${PUPIL},${temporary},7,2025-09-01,2025-11-03\n`,
      };
      const found: Record<string, string[]> = {};
      for (const order of [
        ["pupils", "marks"],
        ["marks", "pupils"],
        ["october", "marks", "pupils"],
      ] as const) {
        const project = makeProject({});
        await load(project, "september.csv", written(taken && "2025-10-07T08:00:00Z", told(temporary)), "2025-10-07");
        for (const [i, name] of order.entries())
          await load(project, `${name}.csv`, files[name], `2025-11-1${i}T09:00:00Z`);
        found[order.join(", then ")] = await standing(project);
        expect(await inUse(project, "select distinct pupil_key from raw.marks")).toHaveLength(1);
      }
      const all = ["2025-10-06 AM I", "2025-10-06 PM L"];
      expect(found).toEqual({
        "pupils, then marks": all,
        "marks, then pupils": all,
        "october, then marks, then pupils": all,
      });
    },
  );
});

test("the warehouse as known at any load is the one that was built when that load was the newest", async () => {
  const project = makeProject({});
  const pupils = (...lines: string[]) =>
    `SchoolURN,UPN,YearGroup,EntryDate,LeavingDate,FsmEligible,LastUpdated\n${lines.join("\n")}\n`;
  const days = ["2025-09-08", "2025-10-06", "2025-11-10", "2026-01-12"];
  const register = (upn: string, code: string, urn = "999001") =>
    days.flatMap((date) => [mark({ urn, upn, date, mark: code }), mark({ urn, upn, date, session: "PM", mark: "\\" })]);
  const files: [string, string][] = [
    ["marks-1.csv", marksFile(...register(PUPIL, "/"), ...register(OTHER, "N", "999002"))],
    [
      "pupils-1.csv",
      pupils(`999001,${PUPIL},5,2021-09-06,,true,2025-10-01`, `999002,${OTHER},9,2022-09-05,,false,2025-10-01`),
    ],
    ["marks-2.csv", marksFile(mark({ upn: OTHER, urn: "999002", mark: "I", modified: "2025-10-07T12:00:00Z" }))],
    ["marks-3.csv", marksFile(mark({ deleted: "true", modified: "2025-10-09T08:00:00Z" }))],
    ["pupils-2.csv", pupils(`999001,${PUPIL},5,2021-09-06,2025-12-19,true,2026-01-05`)],
    ["marks-4.csv", written("", marksFile(...register(OTHER, "O", "999002").slice(2)), [days[1] ?? "", days[3] ?? ""])],
  ];
  const then: Record<string, string[]>[] = [];
  for (const [i, [name, content]] of files.entries()) {
    expect(await load(project, name, content, `2026-02-0${i + 1}T09:00:00Z`)).toMatchObject([{ load_number: i + 1 }]);
    await buildWarehouse(project, { log: () => {}, now: () => new Date() });
    then.push(await marts(project));
  }
  // each load changed something, so that a wrong one would show
  expect(new Set(then.map((tables) => JSON.stringify(tables))).size).toBe(files.length);
  for (const n of [3, 1, 6, 2, 5, 4]) {
    await buildWarehouse(project, { log: () => {}, now: () => new Date() }, { knownAtLoad: n });
    expect(await marts(project)).toEqual(then[n - 1]);
  }
});

// --- internal ---

/** Drops a file and loads it at a moment, as its own run. */
async function load(project: Project, name: string, content: string, at = "2026-03-20T16:00:00Z"): Promise<Load[]> {
  drop(project.dir, { [name]: content });
  const { loads } = await ingest(project, { log: () => {}, now: () => new Date(at) }, { accept: true });
  expect(loads.map(({ file }) => file)).toEqual([name]);
  return loads;
}

/** A marks file without its column of times of change. */
function untimed(content: string): string {
  return content
    .split("\n")
    .map((line) => line.split(",").toSpliced(7, 1).join(","))
    .join("\n");
}

/**
 * A marks file with or without times of change, and with the days for which it is whole.
 *
 * @param taken when it was taken; without it the file has no times of change
 */
function written(taken: string, content: string, covers?: [from: string, to: string]): string {
  const [header = "", ...lines] = (taken === "" ? untimed(content) : content).trimEnd().split("\n");
  const extra = [...(covers ?? []), ...(taken === "" ? [] : [taken])];
  const columns = [...(covers ? ["CoversFrom", "CoversTo"] : []), ...(taken === "" ? [] : ["ExtractedAt"])];
  return `${[[header, ...columns], ...lines.map((line) => [line, ...extra])].map((row) => row.join(",")).join("\n")}\n`;
}

/** The marks that stand, as "day session code", in order. */
async function standing(project: Project): Promise<string[]> {
  const found = await built(
    project,
    "select session_date || ' ' || session || ' ' || code as mark from staging.session_marks",
  );
  return found.map(({ mark }) => String(mark)).sort();
}

/** What was superseded, oldest first, without what the file did not say. */
async function history(project: Project): Promise<Record<string, unknown>[]> {
  const found = await inUse(
    project,
    `select
      code, known_from::varchar as since, load_number as load, known_to::varchar as until,
      superseded_by_code as code_after, superseded_by_load as load_after,
      reason, changed_by as "by", changed_by_position as position
    from staging.mark_history
    order by session_date, session, known_from, load_number, row_number`,
  );
  return found.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)));
}

/** The tables of the warehouse in use in which a text stands anywhere. */
async function tablesWith(project: Project, text: string): Promise<string[]> {
  return read(project, async (table, content) => (content.some((row) => row.includes(text)) ? [table] : []));
}

/** Every table of the marts, row by row in order. */
async function marts(project: Project): Promise<Record<string, string[]>> {
  const tables = await read(project, async (table, content) =>
    table.startsWith("marts.") ? [{ table, content }] : [],
  );
  expect(tables.length).toBeGreaterThan(3);
  return Object.fromEntries(tables.map(({ table, content }) => [table, content]));
}

async function read<T>(project: Project, take: (table: string, content: string[]) => Promise<T[]>): Promise<T[]> {
  const { path: file } = warehouseInUse(dataFolders(project).warehouse);
  return withDuckDB({ path: file, readOnly: true }, async (db) => {
    const tables = await rows(
      db,
      "select table_schema || '.' || table_name as name from information_schema.tables order by name",
    );
    const taken: T[] = [];
    for (const { name } of tables) {
      const content = (await rows(db, `from ${name}`)).map((row) => JSON.stringify(row)).sort();
      taken.push(...(await take(String(name), content)));
    }
    return taken;
  });
}
