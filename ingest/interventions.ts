import fs from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import * as z from "zod";
import { RULES_FOLDER } from "../models/rules.ts";
import {
  type Arrival,
  type Arrived,
  asItCame,
  columnOf,
  DATES_MEND,
  dateExample,
  dateIn,
  emptyVerdicts,
  has,
  holdToRules,
  type RowRule,
  type Taken,
  text,
} from "./arrival.ts";
import { quote, rows } from "./duckdb.ts";
import type { Fields, Sheet } from "./format.ts";
import { openPaper, ownSchoolIn, plainIn, takePaper } from "./paper.ts";
import { isNoCode } from "./pupil_facts.ts";
import { doubtPupils, keyPupils, pupilIn, pupilRules } from "./pupil_keys.ts";
import { numberRows } from "./repeats.ts";

export const INTERVENTION_FIELDS = {
  school_urn: ["schoolurn", "urn", "uniquereferencenumber"],
  upn: ["upn", "uniquepupilnumber"],
  plan: ["plan", "intervention", "wave", "planname"],
  started_on: ["startedon", "started", "start", "startdate", "starton"],
  review_on: ["reviewon", "review", "reviewdate"],
  outcome: ["outcome", "result", "reviewoutcome"],
} as const satisfies Fields;

/**
 * `raw.interventions`: which plan a pupil was put on at a school, from which day on, when it is to be reviewed and what
 * the review found: one of the outcomes in `models/rules/interventions.csv`. Of the lists of a school and plan the one
 * of the newest load stands, whole.
 */
export const interventionsTable = `create table raw.interventions (
  school_urn integer, pupil_key varchar, plan varchar, started_on date, review_on date, outcome varchar,
  load_number integer, row_number integer)`;

/** Takes in the interventions of schools, a pupil and plan a row. */
export async function takeInterventions(arrival: Arrival, sheet: Sheet): Promise<Taken> {
  const arrived = await dated(arrival, await openPaper(arrival, sheet, INTERVENTION_FIELDS));
  await stateRows(arrival, arrived);
  await emptyVerdicts(arrival.db);
  await keyPupils(arrival, arrived);
  await holdToRules(arrival, arrived, await rules(arrival, arrived));
  await arrival.db.run(`
    create or replace temp table keyed_interventions as
    select stated.*, pupil_key from stated left join pupil_keys using (pupil)`);
  await arrival.db.run("create or replace temp view stated as from keyed_interventions");
  const key = ["school_urn", "pupil_key", "plan", "started_on"];
  const taken = await takePaper(arrival, {
    table: "interventions",
    told: [...key, "review_on", "outcome"],
    grain: ["school_urn", "pupil_key", "lower(plan)", "started_on"],
    list: ["school_urn", "plan"],
  });
  await arrival.db.run("create or replace temp view stated as select * exclude (pupil_key) from keyed_interventions");
  await doubtPupils(arrival, arrived);
  return taken;
}

// --- internal ---

const DATES = ["started_on", "review_on"] as const;

const Rules = z.object({
  /** How far ahead a day may lie. */
  days_ahead: z.coerce.number().int().positive(),
  outcomes: z.array(z.string().min(1)).min(1),
});

/** What of `models/rules/interventions.csv` rows are held to when they come. */
function readInterventionRules(): z.infer<typeof Rules> {
  const file = path.join(RULES_FOLDER, "interventions.csv");
  const lines = parse(fs.readFileSync(file, "utf8"), { columns: true }) as { rule: string; value: string }[];
  return Rules.parse({
    days_ahead: lines.find(({ rule }) => rule === "days_ahead")?.value,
    outcomes: lines.filter(({ rule }) => rule === "outcome").map(({ value }) => value),
  });
}

/** Dates are day first where rollbook.yaml says so, or where all can be read so and some cannot be month first. */
async function dated({ db, project }: Arrival, arrived: Arrived): Promise<Arrived> {
  if (project.dates) return arrived;
  const days = DATES.filter((name) => has(arrived, name)).map((name) => text(arrived, name));
  const [proof] = await rows(
    db,
    `with dates as (select unnest([${days.join(", ")}]) as day from ${arrived.sheet.relation})
    select
      coalesce(bool_and(try_strptime(day, '%d/%m/%Y') is not null), false) as is_day_first,
      coalesce(bool_or(try_strptime(day, '%m/%d/%Y') is null), false) as is_not_month_first
    from dates
    where day is not null`,
  );
  return proof?.is_day_first && proof.is_not_month_first ? { ...arrived, dates: "dd/mm/yyyy" } : arrived;
}

async function stateRows(arrival: Arrival, arrived: Arrived): Promise<void> {
  const { project, folderUrn } = arrival;
  const only = project.schools.length === 1 ? project.schools[0]?.urn : undefined;
  const { outcomes } = readInterventionRules();
  const outcome = text(arrived, "outcome");
  const known = outcomes.map((name) => `when ${quote(name.replace(/[^a-z0-9]/g, ""))} then ${quote(name)}`);
  await arrival.db.run(`
    create or replace temp table stated_rows as
    select
      ${ownSchoolIn({ ...arrival, folderUrn: folderUrn ?? only ?? null }, arrived)} as school_urn,
      ${pupilIn(arrival, arrived)} as pupil,
      regexp_replace(${text(arrived, "plan")}, '\\s+', ' ', 'g') as plan,
      ${dateIn(asItCame(arrived, "started_on"), arrived.dates)} as started_on,
      ${dateIn(asItCame(arrived, "review_on"), arrived.dates)} as review_on,
      ${text(arrived, "review_on")} as review_on_text,
      case ${plainIn(outcome)} ${known.join(" ")} end as outcome,
      ${outcome} as outcome_text
    from ${arrived.sheet.relation}`);
  await numberRows(arrival, arrived.sheet);
}

/** A slip in a list that is kept by hand must not keep the registers beside it from being read: it is set aside. */
async function rules(arrival: Arrival, arrived: Arrived): Promise<RowRule[]> {
  const { days_ahead, outcomes } = readInterventionRules();
  const column = (field: string) => columnOf(arrived, field);
  const lastDay = `date ${quote(arrival.loadedAt.slice(0, 10))} + ${days_ahead}`;
  const noStart = `started_on is null or started_on > ${lastDay}`;
  const [read] = await rows(arrival.db, `select coalesce(bool_and(${noStart}), false) as has_no_date from stated`);
  const day = `${dateExample(arrived.dates)} that is in the calendar and not more than a year ahead`;
  const held: RowRule[] = [
    ...(await pupilRules(arrival, arrived)),
    {
      rule: "school_not_in_trust",
      column: column("school_urn"),
      fails: "school_urn is null",
      expected:
        arrival.folderUrn === null
          ? "a school in rollbook.yaml"
          : `the school that the folder ${arrival.folderUrn} is for`,
      mend: "correct the URN in the file, or put the file in a folder named by the school's URN",
    },
    {
      rule: "not_a_plan",
      column: column("plan"),
      fails: `plan is null or ${plainIn("plan")} = '' or ${isNoCode("plan")}`,
      expected: "the name of a plan, in at most 40 characters, and nothing of a person",
      mend: "check that the columns stand below their headings, and enter the name",
    },
    {
      rule: "not_a_date",
      column: column("started_on"),
      fails: noStart,
      expected: day,
      mend: DATES_MEND,
      // a list of which no start can be read is written in another style
      refusesFile: read?.has_no_date === true,
    },
    {
      rule: "not_a_date",
      column: column("review_on"),
      fails: `review_on_text is not null and (review_on is null or review_on > ${lastDay})`,
      expected: `${day}, or nothing`,
      mend: DATES_MEND,
    },
    {
      rule: "review_before_start",
      column: column("review_on"),
      fails: "review_on < started_on",
      expected: "a review on or after the start of the plan",
      mend: "correct one of the two dates",
    },
    {
      rule: "unknown_outcome",
      column: column("outcome"),
      fails: "outcome_text is not null and outcome is null",
      expected: `${outcomes.join(", ")}, or nothing`,
      mend: "write one of these",
    },
  ];
  return held.map((rule) => ({ ...rule, neverRefuses: true }));
}
