import {
  type Arrival,
  type Arrived,
  columnOf,
  emptyVerdicts,
  holdToRules,
  type RowRule,
  type Taken,
  text,
} from "./arrival.ts";
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
  urnIn,
} from "./paper.ts";
import { numberRows } from "./repeats.ts";

export const SIMILAR_SCHOOL_FIELDS = {
  ...SCHOOL_AND_YEAR,
  similar_school: ["similarschool", "similarschoolname", "nameofsimilarschool"],
  similar_urn: ["similarurn", "similarschoolurn", "urnofsimilarschool"],
  percent_attendance: ["attendancepercent", "percentattendance", "attendance", "overallattendance", "attendancerate"],
  percent_persistent: [
    "persistentabsencepercent",
    "percentpersistentabsence",
    "persistentabsence",
    "persistentabsencerate",
    "percentpersistent",
  ],
} as const satisfies Fields;

/**
 * `raw.similar_schools`: the schools that DfE's report names as similar to one of the trust's, and their figures of the
 * full school year, in per cent. Of the lists of a school and year the one of the newest load stands, whole.
 */
export const similarSchoolsTable = `create table raw.similar_schools (
  school_urn integer, school_year varchar, similar_school varchar, similar_urn integer,
  percent_attendance decimal(5, 2), percent_persistent decimal(5, 2), load_number integer, row_number integer)`;

/** Takes in lists of similar schools, one similar school a row. */
export async function takeSimilarSchools(arrival: Arrival, sheet: Sheet): Promise<Taken> {
  const arrived = await openPaper(arrival, sheet, SIMILAR_SCHOOL_FIELDS);
  await stateRows(arrival, arrived);
  await emptyVerdicts(arrival.db);
  await holdToRules(arrival, arrived, rules(arrival, arrived));
  const list = ["school_urn", "school_year"];
  const taken = await takePaper(arrival, {
    table: "similar_schools",
    told: [...list, "similar_school", "similar_urn", "percent_attendance", "percent_persistent"],
    // two schools may be of one name, which their URNs tell apart
    grain: [...list, "coalesce(cast(similar_urn as varchar), lower(similar_school))"],
    list,
  });
  await doubtSpecialSchools(arrival);
  return taken;
}

// --- internal ---

async function stateRows(arrival: Arrival, arrived: Arrived): Promise<void> {
  await arrival.db.run(`
    create or replace temp table stated_rows as
    select
      ${ownSchoolIn(arrival, arrived)} as school_urn,
      ${text(arrived, "school_urn")} as school_urn_text,
      ${schoolYearIn(arrived)} as school_year,
      ${text(arrived, "similar_school")} as similar_school,
      ${urnIn(arrived, "similar_urn")} as similar_urn,
      ${text(arrived, "similar_urn")} as similar_urn_text,
      ${percentIn(arrived, "percent_attendance")} as percent_attendance,
      ${percentIn(arrived, "percent_persistent")} as percent_persistent,
      ${text(arrived, "percent_persistent")} as percent_persistent_text
    from ${arrived.sheet.relation}`);
  await numberRows(arrival, arrived.sheet);
}

function rules(arrival: Arrival, arrived: Arrived): RowRule[] {
  const column = (field: string) => columnOf(arrived, field);
  return paperRules(arrival, arrived, [
    {
      rule: "no_school_named",
      column: column("school_urn"),
      fails: "school_urn_text is null and school_urn is null",
      expected: "the URN of the school whose report it is",
      mend: "enter the school's URN",
    },
    {
      rule: "not_a_similar_school",
      column: column("similar_school"),
      fails: `similar_school is null or ${plainIn("similar_school")} = '' or ${isNoName("similar_school")}`,
      expected: "the name of a school, in at most 200 characters",
      mend: "check that the columns stand below their headings, and enter the name",
    },
    {
      rule: "not_a_similar_school",
      column: column("similar_urn"),
      fails: "(similar_urn is null and similar_urn_text is not null) or similar_urn = school_urn",
      expected: "the URN of another school, six digits, or nothing",
      mend: "correct the URN, or take the school itself out of its own list",
    },
    { ...PERCENTAGE, column: column("percent_attendance"), fails: "percent_attendance is null" },
    {
      ...PERCENTAGE,
      column: column("percent_persistent"),
      fails: "percent_persistent is null and percent_persistent_text is not null",
      expected: `${PERCENTAGE.expected}, or nothing`,
    },
  ]);
}
