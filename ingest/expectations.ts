import {
  type Arrival,
  type Arrived,
  asItCame,
  columnOf,
  DATES_MEND,
  dateExample,
  dateIn,
  emptyVerdicts,
  holdToRules,
  type RowRule,
  type Taken,
  text,
} from "./arrival.ts";
import { quote, rows } from "./duckdb.ts";
import type { Fields, Sheet } from "./format.ts";
import {
  doubtSpecialSchools,
  isNoName,
  openPaper,
  ownSchoolIn,
  PERCENTAGE,
  paperRules,
  percentIn,
  plainIn,
  SCHOOL_AND_YEAR,
  schoolYearIn,
  takePaper,
} from "./paper.ts";
import { numberRows } from "./repeats.ts";

export const EXPECTATION_FIELDS = {
  ...SCHOOL_AND_YEAR,
  kind: ["kind", "type", "kindofexpectation"],
  measure: ["measure", "measured"],
  percent: ["percent", "percentage", "expected", "expectedpercent", "percentexpected"],
  stated_on: ["statedon", "stated", "datestated", "date"],
  source: ["source", "statedin", "where"],
} as const satisfies Fields;

/**
 * `raw.expectations`: what a school, or the trust where there is no URN, is expected to reach in a school year, as DfE or
 * they themselves stated it. `percent` is of attendance, or of pupils for persistent and severe absence. Not published and
 * not for reckoning: DfE's formula is not public.
 */
export const expectationsTable = `create table raw.expectations (
  school_urn integer, school_year varchar, kind varchar, measure varchar, percent decimal(5, 2),
  stated_on date, source varchar, load_number integer, row_number integer)`;

/** Takes in expectations and targets, one a row. */
export async function takeExpectations(arrival: Arrival, sheet: Sheet): Promise<Taken> {
  const arrived = await openPaper(arrival, sheet, EXPECTATION_FIELDS);
  await stateRows(arrival, arrived);
  await emptyVerdicts(arrival.db);
  await holdToRules(arrival, arrived, await rules(arrival, arrived));
  const key = ["school_urn", "school_year", "kind", "measure", "stated_on"];
  const taken = await takePaper(arrival, {
    table: "expectations",
    told: [...key, "percent", "source"],
    grain: key,
    list: key,
  });
  await doubtSpecialSchools(arrival, `kind = ${quote(BASELINE)}`);
  return taken;
}

// --- internal ---

const BASELINE = "baseline improvement expectation";

/** What people call the kinds and measures, as letters and digits in lower case. */
const KINDS = {
  [BASELINE]: [
    "baselineimprovementexpectation",
    "attendancebaselineimprovementexpectation",
    "dfebaselineimprovementexpectation",
    "minimumimprovementexpectation",
    "abie",
  ],
  target: ["target", "owntarget", "ourtarget", "schooltarget", "trusttarget"],
} as const;
const MEASURES = {
  percent_attendance: ["attendance", "overallattendance", "percentattendance", "attendancepercent"],
  percent_persistent: ["persistentabsence", "persistentlyabsent", "persistent", "percentpersistent", "pa"],
  percent_severe: ["severeabsence", "severelyabsent", "severe", "percentsevere", "sa"],
} as const;

async function stateRows(arrival: Arrival, arrived: Arrived): Promise<void> {
  await arrival.db.run(`
    create or replace temp table stated_rows as
    select
      ${ownSchoolIn(arrival, arrived)} as school_urn,
      ${text(arrived, "school_urn")} as school_urn_text,
      ${schoolYearIn(arrived)} as school_year,
      ${named(text(arrived, "kind"), KINDS)} as kind,
      ${named(text(arrived, "measure"), MEASURES)} as measure,
      ${percentIn(arrived, "percent")} as percent,
      ${dateIn(asItCame(arrived, "stated_on"), arrived.dates)} as stated_on,
      ${text(arrived, "source")} as source
    from ${arrived.sheet.relation}`);
  await numberRows(arrival, arrived.sheet);
}

async function rules(arrival: Arrival, arrived: Arrived): Promise<RowRule[]> {
  const column = (field: string) => columnOf(arrived, field);
  const notADate = `stated_on is null or stated_on > date ${quote(arrival.loadedAt.slice(0, 10))}`;
  const [read] = await rows(arrival.db, `select coalesce(bool_and(${notADate}), false) as has_no_date from stated`);
  return paperRules(arrival, arrived, [
    {
      rule: "no_school_named",
      column: column("school_urn"),
      fails: `school_urn_text is null and school_urn is null and kind = ${quote(BASELINE)}`,
      expected: "the URN of a school: DfE states its expectation of schools, not of trusts",
      mend: "enter the school's URN",
    },
    {
      rule: "unknown_expectation",
      column: column("kind"),
      fails: "kind is null",
      expected: `${Object.keys(KINDS).join(" or ")}`,
      mend: "write one of these",
    },
    {
      rule: "unknown_expectation",
      column: column("measure"),
      fails: "measure is null",
      expected: "attendance, persistent absence or severe absence",
      mend: "write one of these",
    },
    { ...PERCENTAGE, column: column("percent"), fails: "percent is null" },
    {
      rule: "not_a_date",
      column: column("stated_on"),
      fails: notADate,
      expected: `${dateExample(arrived.dates)} that is in the calendar and has come`,
      mend: DATES_MEND,
      // a list of which no date can be read is written in another style
      refusesFile: read?.has_no_date === true,
    },
    {
      rule: "not_a_code_or_group",
      column: column("source"),
      fails: isNoName("source"),
      expected: "where it was stated, in at most 200 characters, and nothing of a person",
      mend: "check that the columns stand below their headings",
    },
  ]);
}

/** SQL of the name in the list that a text stands for, null when it stands for none. */
function named(spelt: string, names: Readonly<Record<string, readonly string[]>>): string {
  const cases = Object.entries(names).map(
    ([name, spellings]) => `when ${plainIn(spelt)} in (${spellings.map(quote).join(", ")}) then ${quote(name)}`,
  );
  return `case ${cases.join(" ")} end`;
}
