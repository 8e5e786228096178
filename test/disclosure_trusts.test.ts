import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { expect, test } from "vitest";
import { type Audit, auditDisclosure } from "../evidence/audit.ts";
import { readListed, readTruth } from "../evidence/audit_site.ts";
import type { ListedColumn, ShippedTable } from "../evidence/shipped.ts";
import { withDuckDB } from "../ingest/duckdb.ts";
import { buildModels, createRawTables } from "../models/build.ts";
import { type Model, readModels } from "../models/model.ts";
import { type GeneratedTrust, generatedTrust, isOrdinary, KINDS, trustOfLookedAfter } from "./generated_trusts.ts";
import { insertRaw } from "./raw_rows.ts";

const TRUSTS = 50;
/** What hiding cells gives away is counted for one trust in so many. */
const NAIVE_EVERY = 10;
/** Five numbers of looked-after children, beside each two numbers who were before, and more: so many as need it. */
const LOOKED_AFTER_SCHOOLS = 12;
const MINIMUM_PUPILS = 10;

test("no small group of fifty trusts can be worked out from what the gate lets through, but many can where only small cells are hidden", async () => {
  const results: Result[] = [];
  let next = 0;
  // one trust is audited while DuckDB builds another
  const work = async () => {
    while (next < TRUSTS) results.push(await resultOf(next++));
  };
  await Promise.all([work(), work()]);

  const gate = total(results.map(({ audit }) => audit));
  const naive = NAIVE_RULES.map(({ name }) => ({
    name,
    ...total(results.flatMap(({ naive }) => naive.filter((one) => one.name === name).map(({ audit }) => audit))),
  }));
  const cells = results.flatMap((result) => result.cells);
  console.log(
    [
      `the gate: ${gate.pinned} of ${gate.groups} small groups worked out (${gate.solved} linear programs)`,
      ...naive.map(({ name, ...found }) => `${name}: ${found.pinned} of ${found.groups}`),
      ...tableOf(cells),
    ].join("\n"),
  );

  expect(results.flatMap(({ number, audit }) => audit.faults.map((fault) => `trust ${number}: ${fault}`))).toEqual([]);
  expect(gate.pinned).toBe(0);
  // trusts without small groups, or all of a kind, would prove nothing
  expect(gate.groups).toBeGreaterThan(TRUSTS * 100);
  expect(Object.keys(KINDS).filter((kind) => !cells.some((cell) => cell.kind === kind))).toEqual([]);
  for (const { name, pinned, groups } of naive) {
    expect(pinned, name).toBeGreaterThan(groups / 10);
  }
  const ordinary = cells.filter(({ is_ordinary }) => is_ordinary);
  for (const question of ["fsm", "sen", "ethnicity", "sex", "year_group"]) {
    const asked = ordinary.filter((cell) => cell.question === question);
    expect(
      sharedBy(asked, ({ is_told }) => is_told),
      question,
    ).toBeGreaterThan(0.9);
  }
});

test("where nearly all who were looked after before are looked after, nobody is counted by taking one from the other, and without the gate's rule somebody would be", async () => {
  const trust = trustOfLookedAfter(LOOKED_AFTER_SCHOOLS);
  const { audit } = await resultOf(1, trust);
  expect(audit.faults).toEqual([]);
  expect(audit.statistics.groups).toBeGreaterThan(LOOKED_AFTER_SCHOOLS);

  const unguarded = models.map((model) =>
    model.name === "board.contained_groups" ? { ...model, sql: `from (${model.sql}\n) where false` } : model,
  );
  const leaky = await resultOf(1, trust, unguarded);
  expect(leaky.audit.pinned).toContainEqual(
    expect.objectContaining({
      breakdowns: expect.arrayContaining(["social_worker", "previously_looked_after"]),
      measure: "pupils",
    }),
  );
});

// --- internal ---

const FOLDER = path.join(import.meta.dirname, "..");
/** What registers leave open tells of no group, and there are no registers here. */
const NOT_BUILT = ["reconciliation"];

/** A cohort of the finest breakdown of a question, at a school or in the trust, at a reporting point. */
interface Cell {
  kind: string;
  is_ordinary: boolean;
  question: string;
  /** Whether hiding the cells under 10 would show it. */
  is_large: boolean;
  /** Whether the board sees a figure for it. */
  is_shown: boolean;
  /** Whether the board sees a figure for it or for a declared group that it is put into. */
  is_told: boolean;
}

interface Result {
  number: number;
  audit: Audit;
  naive: { name: string; audit: Audit }[];
  cells: Cell[];
}

async function resultOf(number: number, trust = generatedTrust(number), built = models): Promise<Result> {
  return withDuckDB({}, async (db) => {
    await createRawTables(db);
    await db.run("create table raw.missed (school_urn integer, pupil_key varchar, school_year varchar, share double)");
    await insertRaw(db, { ...trust.raw, missed: trust.missed });
    await buildModels(db, built, () => {});
    const { truth, minimumPupils } = await readTruth(db);
    const auditOf = async (tables: { name: string; sql: string }[], columns: ListedColumn[]) =>
      auditDisclosure({
        shipped: await Promise.all(tables.map((table) => shippedBy(db, table))),
        listed: columns,
        truth,
        minimumPupils,
        clock: () => performance.now(),
      });
    const naive: Result["naive"] = [];
    for (const { name, tables } of number % NAIVE_EVERY === 0 ? NAIVE_RULES : []) {
      naive.push({ name, audit: await auditOf(tables, NAIVE_COLUMNS) });
    }
    return { number, audit: await auditOf(sources, listed), naive, cells: await cellsIn(db, trust) };
  });
}

function total(audits: Audit[]): { groups: number; solved: number; pinned: number } {
  const sum = (number: (statistics: Audit["statistics"]) => number) =>
    audits.reduce((all, { statistics }) => all + number(statistics), 0);
  return {
    groups: sum(({ groups }) => groups),
    solved: sum(({ solved }) => solved),
    pinned: sum(({ pinned }) => pinned),
  };
}

async function read(
  db: DuckDBConnection,
  sql: string,
): Promise<{ columns: string[]; rows: Record<string, unknown>[] }> {
  const reader = await db.runAndReadAll(sql);
  return { columns: reader.columnNames(), rows: reader.getRowObjectsJS() };
}

async function shippedBy(db: DuckDBConnection, { name, sql }: { name: string; sql: string }): Promise<ShippedTable> {
  return { name, ...(await read(db, sql)) };
}

async function cellsIn(db: DuckDBConnection, { schools }: GeneratedTrust): Promise<Cell[]> {
  const { rows } = await read(
    db,
    `select
      cohort_counts.school_urn,
      cohort_breakdowns.question,
      pupils >= ${MINIMUM_PUPILS} as is_large,
      coalesce(shown_breakdown = cohort_breakdowns.breakdown, false) as is_shown,
      shown_breakdown is not null as is_told
    from staging.cohort_counts
    join rules.cohort_breakdowns on cohort_counts.breakdown = cohort_breakdowns.breakdown
    join board.shown_breakdowns
      on cohort_counts.school_urn is not distinct from shown_breakdowns.school_urn
      and cohort_counts.school_year = shown_breakdowns.school_year
      and cohort_counts.period_type = shown_breakdowns.period_type
      and cohort_counts.period = shown_breakdowns.period
      and cohort_breakdowns.question = shown_breakdowns.question
    where basis = 'as DfE publishes' and level = '1' and pupils > 0 and outcome <> 'not recorded'`,
  );
  return rows.map(({ school_urn, ...cell }) => {
    const school = schools.find((one) => one.school_urn === school_urn);
    return {
      ...(cell as Omit<Cell, "kind" | "is_ordinary">),
      kind: school?.kind ?? "the trust",
      is_ordinary: school !== undefined && isOrdinary(school),
    };
  });
}

function sharedBy(cells: Cell[], is: (cell: Cell) => boolean): number {
  return cells.filter(is).length / cells.length;
}

/** What is still shown of one-way cells, as lines. */
function tableOf(cells: Cell[]): string[] {
  const line = (name: string, some: Cell[]) => {
    const shares = [
      sharedBy(some, ({ is_large }) => is_large),
      sharedBy(some, ({ is_shown }) => is_shown),
      sharedBy(some, ({ is_told }) => is_told),
      sharedBy(
        some.filter(({ is_large }) => is_large),
        ({ is_told }) => is_told,
      ),
    ].map((share) => `${(100 * share).toFixed(0)}%`.padStart(14));
    return `${name.padEnd(28)}${String(some.length).padStart(7)}${shares.join("")}`;
  };
  const by = (key: "kind" | "question", some: Cell[]) =>
    [...new Set(some.map((cell) => cell[key]))].sort().map((value) =>
      line(
        `  ${value}`,
        some.filter((cell) => cell[key] === value),
      ),
    );
  const ordinary = cells.filter(({ is_ordinary }) => is_ordinary);
  const headings = ["hiding < 10", "gate, as is", "or put into", "of those >= 10"];
  return [
    `one-way cells still shown${"cells".padStart(10)}${headings.map((heading) => heading.padStart(14)).join("")}`,
    line("all", cells),
    ...by("kind", cells),
    line("ordinary schools", ordinary),
    ...by("question", ordinary),
  ];
}

// what is shipped

const sources = fs
  .readdirSync(path.join(FOLDER, "sources", "board"))
  .filter((file) => file.endsWith(".sql"))
  .map((file) => ({
    name: path.basename(file, ".sql"),
    sql: fs.readFileSync(path.join(FOLDER, "sources", "board", file), "utf8"),
  }))
  .filter(({ name }) => !NOT_BUILT.includes(name));
const listed = await readListed();

// what would be, if cells under 10 were hidden one by one

const COUNTED = `
  from staging.cohort_counts
  where basis = 'as DfE publishes' and school_year = '2025/26' and period_type = 'to_half_term' and pupils > 0`;

function hidingCells(pupils: string, places: number): { name: string; sql: string }[] {
  const figures = `${pupils} as pupils,
    round(100.0 * pupils_persistent / pupils, ${places}) as percent_persistent,
    round(100.0 * pupils_severe / pupils, ${places}) as percent_severe`;
  return [
    {
      name: "cells",
      sql: `select school_urn, school_year, period_type, period, breakdown, cohort, ${figures} ${COUNTED}
        and pupils >= ${MINIMUM_PUPILS} and breakdown in (
          select breakdown from rules.cohort_breakdowns where level = '1'
          union all
          select breakdown from rules.cohort_intersections where level = '1'
        )`,
    },
    {
      name: "totals",
      sql: `select school_urn, school_year, period_type, period, ${figures} from (
        select school_urn, school_year, period_type, period, sum(pupils)::integer as pupils,
          sum(pupils_persistent) as pupils_persistent, sum(pupils_severe) as pupils_severe
        ${COUNTED} and breakdown = 'sex'
        group by school_urn, school_year, period_type, period)`,
    },
  ];
}

const NAIVE_RULES = [
  { name: "cells under 10 hidden, exact figures", tables: hidingCells("pupils::integer", 1) },
  { name: "cells under 10 hidden, figures rounded as ours", tables: hidingCells("5 * round(pupils / 5.0)", 0) },
];
const NAIVE_COLUMNS: ListedColumn[] = ["cells", "totals"].flatMap((table_name) => [
  { table_name, column_name: "school_urn", tells: "school" },
  ...["school_year", "period_type", "period", "breakdown", "cohort"].map((name) => ({
    table_name,
    column_name: name,
    tells: name,
  })),
  ...["pupils", "percent_persistent", "percent_severe"].map((name) => ({ table_name, column_name: name, tells: name })),
]);

// what it is made from

/** Sessions by stretch of days, from the share of them that each pupil misses: millions of marks would take too long. */
const PUPIL_STRETCHES = `
  with lengths as (
    select
      stretches.school_urn,
      stretches.school_year,
      stretch_from,
      max(session_date) as stretch_to,
      2 * count(*) filter (isodow(session_date) < 6 and starts_on is not null) as possible
    from staging.stretches
    left join staging.half_terms
      on stretches.school_urn = half_terms.school_urn and session_date between starts_on and ends_on
    group by stretches.school_urn, stretches.school_year, stretch_from
  ),
  missed as (
    select
      missed.school_urn,
      missed.pupil_key,
      stretch_from,
      possible,
      -- what is less than a session is one now and then, and always the same
      least(possible, floor(possible * share + hash(missed.pupil_key, stretch_from) % 1000 / 1000.0))::bigint as absent
    from raw.missed
    join lengths on missed.school_urn = lengths.school_urn and missed.school_year = lengths.school_year
    join staging.enrolments
      on missed.school_urn = enrolments.school_urn
      and missed.pupil_key = enrolments.pupil_key
      and stretch_from >= entered_on
      and stretch_to <= left_on
    where possible > 0
  )
  select
    school_urn,
    pupil_key,
    stretch_from,
    possible as sessions_possible,
    possible - absent as sessions_attended,
    possible - absent as sessions_present,
    0::bigint as sessions_approved_activity,
    absent as sessions_absent,
    absent as sessions_authorised,
    0::bigint as sessions_unauthorised,
    0::bigint as sessions_late_before_close,
    0::bigint as sessions_late_after_close,
    0::bigint as sessions_not_counted
  from missed`;

/** The models that shipped tables are made from. Periods and the basis that no board page shows are left out, for speed. */
const models: Model[] = readModels().map((model) => {
  const instead: Record<string, string> = {
    "staging.periods": `from (${model.sql}\n) where period_type in ('year', 'year_to_date', 'to_half_term')`,
    "staging.based_stretches": `from (${model.sql}\n) where is_as_dfe_publishes`,
    "staging.pupil_stretches": PUPIL_STRETCHES,
  };
  return { ...model, sql: instead[model.name] ?? model.sql };
});
const wanted = new Set(["board.shown_breakdowns"]);
for (const { sql } of sources) for (const [name] of sql.matchAll(/\b(?:marts|board)\.[a-z_]+/g)) wanted.add(name);
for (const { name, inputs } of [...models].reverse()) {
  if (wanted.has(name)) for (const input of inputs) wanted.add(input);
}
models.splice(0, models.length, ...models.filter(({ name }) => wanted.has(name)));
