import {
  type Arrival,
  type Arrived,
  columnOf,
  DATES_MEND,
  dateExample,
  has,
  type RowRule,
  schoolRules,
  UNREADABLE_TIME,
} from "./arrival.ts";
import { quote, rows } from "./duckdb.ts";
import type { MarkRows, MarkStrings } from "./format.ts";
import { edgesInSql } from "./known_marks.ts";
import { schoolYearsOf } from "./project.ts";
import { pupilRules } from "./pupil_keys.ts";

const LONGEST_DELAY_MINUTES = 600;

/** The rules that every mark keeps; `dateField` is the field that its day comes from. */
export async function markRules(
  arrival: Arrival,
  arrived: Arrived<MarkRows | MarkStrings>,
  dateField: string,
): Promise<RowRule[]> {
  const { project, loadedAt } = arrival;
  const schoolYears = schoolYearsOf(project, loadedAt);
  const column = (field: string) => columnOf(arrived, field);
  const isString = arrived.reading.table === "mark_strings";
  // a pupil's file may bring years and schools before this trust's
  const elsewhere = isString ? { refusesFile: false, neverRefuses: true } : {};
  const wrongDay = await wrongDays(arrival);
  return [
    ...(await pupilRules(arrival, arrived)),
    ...schoolRules(arrival, arrived).map((rule) => ({ ...rule, ...elsewhere })),
    {
      rule: "not_a_date",
      column: column(dateField),
      fails: "session_date is null",
      expected: `${dateExample(arrived.dates)} that is in the calendar`,
      mend: DATES_MEND,
    },
    {
      rule: "school_year_without_calendar",
      column: column(dateField),
      fails: `session_date is not null and not (${schoolYears
        .map((school_year) => `session_date between ${edgesInSql(school_year)}`)
        .join(" or ")})`,
      ...(project.derive_calendars
        ? {
            expected: `a date in one of the school years ${schoolYears.join(", ")}`,
            mend: "add the year's calendar to rollbook.yaml, or check the date",
          }
        : {
            expected: "a date in a school year that rollbook.yaml has a calendar for",
            mend: "add the year's calendar there, or check the date",
          }),
      refusesFile: true,
      ...elsewhere,
    },
    {
      rule: "not_a_session",
      column: column("session"),
      fails: "session is null",
      expected: "AM or PM",
      mend: "export session marks, not lesson marks",
    },
    {
      rule: "not_a_time",
      column: column("modified"),
      fails: `modified = ${UNREADABLE_TIME}`,
      expected: "a time like 2025-09-01T09:02:11Z",
      mend: "export the file again from the school's system, or take the column out",
    },
    ...(has(arrived, "modified")
      ? [
          {
            rule: "changed_in_future",
            column: column("modified"),
            fails: `modified > timestamp ${quote(loadedAt)} + interval 1 day and modified <> ${UNREADABLE_TIME}`,
            expected: "a time of change that has been",
            mend: "look at the clock of the school's system, and export the file again",
          },
        ]
      : []),
    ...(has(arrived, "extracted_at")
      ? [
          {
            rule: "not_a_time",
            column: column("extracted_at"),
            fails: `extracted_at is null or extracted_at = ${UNREADABLE_TIME} or extracted_at > timestamp ${quote(loadedAt)} + interval 1 day`,
            expected: "a time like 2025-09-01T09:02:11Z in every row: when the file was taken",
            mend: "export the file again from the school's system, or take the column out",
          },
        ]
      : []),
    ...(["covers_from", "covers_to"] as const).flatMap((field) =>
      has(arrived, field)
        ? [
            {
              rule: "not_a_date",
              column: column(field),
              fails: `${field} is null`,
              expected: `${dateExample(arrived.dates)} in every row: the first and last day that the file is whole for`,
              mend: "correct the dates, or take the column out",
            },
          ]
        : [],
    ),
    {
      rule: "not_true_or_false",
      column: column("is_deleted"),
      fails: "is_deleted is null",
      expected: "true or false",
      mend: "export the file again",
    },
    ...(has(arrived, "minutes_late")
      ? [
          {
            rule: "not_minutes",
            column: column("minutes_late"),
            fails: `minutes_late not between 0 and ${LONGEST_DELAY_MINUTES}`,
            expected: `whole minutes, 0 to ${LONGEST_DELAY_MINUTES}`,
            mend: "correct the minutes in the register",
          },
        ]
      : []),
    {
      rule: "unknown_code",
      column: column(has(arrived, "mark_code_id") ? "mark_code_id" : isString ? "marks" : "mark"),
      fails: "code is null",
      expected: "a register code that DfE lists",
      mend: "look the mark up in models/rules/register_codes.csv and correct it in the register",
    },
    {
      rule: "code_not_in_force",
      column: column("mark"),
      fails: wrongDay("code_not_in_force"),
      expected: "a code that was in force on that day",
      mend: "correct the mark in the register",
      neverRefuses: true,
    },
    {
      rule: "mark_on_weekend",
      column: column(dateField),
      fails: wrongDay("mark_on_weekend"),
      expected: "a school day",
      mend: "correct the date in the register, or look whether the file writes the day first",
    },
    {
      rule: "mark_in_future",
      column: column(dateField),
      fails: wrongDay("mark_in_future"),
      expected: "a day that has been",
      mend: "correct the date in the register",
      neverRefuses: true,
    },
  ];
}

// --- internal ---

/**
 * Finds which codes stand on days that they cannot be of, and makes the temporary table `wrong_days` of them.
 *
 * @returns for each rule the SQL that is true of a row that breaks it. There are few codes and days, however many rows.
 */
async function wrongDays({ db, loadedAt }: Arrival): Promise<(rule: string) => string> {
  await db.run(`
    create or replace temp table wrong_days as
    with
    told as (
      select distinct code, session_date
      from stated_rows
      where not is_deleted and code is not null and session_date is not null
    ),
    judged as (
      select
        told.code,
        session_date,
        bool_or(session_date between valid_from and coalesce(valid_to, date '9999-12-31')) as is_in_force,
        bool_or(is_possible) as is_possible,
        bool_or(is_entered_ahead) as is_entered_ahead
      from told join register_codes on told.code::varchar = register_codes.code
      group by all
    )
    select
      code,
      session_date,
      case
        when not is_in_force then 'code_not_in_force'
        when isodow(session_date) > 5 and is_possible then 'mark_on_weekend'
        when session_date > date ${quote(loadedAt.slice(0, 10))} and not is_entered_ahead then 'mark_in_future'
      end as rule
    from judged
    where rule is not null`);
  const broken = (await rows(db, "select distinct rule from wrong_days")).map(({ rule }) => rule);
  return (rule) =>
    broken.includes(rule)
      ? `not is_deleted and (code, session_date) in (select (code, session_date) from wrong_days where rule = ${quote(rule)})`
      : "false";
}
