import { type Arrival, coverageWithoutDays, emptyVerdicts, holdToRules, type RowRule, type Taken } from "./arrival.ts";
import { plainName } from "./csv.ts";
import { quote, rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import type { RegisterFormat, Sheet } from "./format.ts";

/** Words that DfE prints where a figure would stand: none of them is a zero. */
const SYMBOLS = ["c", "x", "z", "low", "k", "u", "na"];

/** `raw.dfe_figures`: each figure of DfE's year-to-date files as published, or the symbol that stands in its place. */
export const dfeFiguresTable = `create table raw.dfe_figures (
  time_period varchar, geographic_level varchar, area_code varchar, area_name varchar, phase varchar,
  column_name varchar, value double, symbol varchar, load_number integer, row_number integer)`;

/**
 * DfE's "Pupil attendance in schools", year to date, as downloaded: one row an area and phase. The four years' layouts
 * differ, so columns go by name, and a column that `rules.dfe_columns` does not list is refused rather than ignored.
 */
export const dfeYearToDate: RegisterFormat = {
  name: "dfe_figures",
  title: "DfE year-to-date figures",
  required: ["time_period", "geographic_level", "country_code", "possible_sessions", "attendance_perc"],
  readings: [],
  isNational: true,
  take: takeFigures,
};

// --- internal ---

/** What every row must be. DfE's files are made by a machine: one row that is not so, and the file is another. */
const RULES: RowRule[] = [
  {
    rule: "not_a_school_year",
    column: "time_period",
    fails: "coalesce(not regexp_full_match(time_period, '20\\d{4}'), true)",
    expected: "a school year like 202526",
    mend: "download the file again",
  },
  {
    rule: "not_an_area",
    column: "geographic_level",
    fails: "area_code is null",
    expected: "National, Regional or Local authority, with the area's code",
    mend: "download the file again",
  },
  {
    rule: "not_a_figure",
    column: "any figure",
    fails: `value is null and figure is not null and lower(figure) not in (${SYMBOLS.map(quote).join(", ")})`,
    expected: `a number or one of DfE's symbols ${SYMBOLS.join(", ")}`,
    mend: "see DfE's notes to the file; Rollbook takes no unknown symbol for a zero",
  },
  {
    rule: "not_a_figure",
    column: "any figure",
    fails: "not isfinite(value) or value not between 0 and 1e12",
    expected: "a count or percentage",
    mend: "download the file again",
  },
  {
    rule: "repeated_area",
    column: "geographic_level",
    fails: "count_of_the_same > 1",
    expected: "each area and phase once in a year",
    mend: "download the file again",
  },
].map((rule) => ({ ...rule, refusesFile: true }));

async function takeFigures(arrival: Arrival, sheet: Sheet): Promise<Taken> {
  const { db } = arrival;
  refuseRepeatedColumns(arrival, sheet);
  await refuseUnknownColumns(arrival, sheet);
  await stateFigures(arrival, sheet);
  await emptyVerdicts(db);
  const reading = { table: "establishments", fields: {} } as const;
  await holdToRules(arrival, { sheet, reading, dates: "yyyy-mm-dd" }, RULES);
  // the same file of the same year in a later edition replaces nothing: the build takes the newest
  await db.run(`
    create or replace temp view accepted_figures as
    select
      time_period, geographic_level, area_code, area_name, phase, column_name, value,
      if(value is null, lower(figure), null) as symbol,
      ${arrival.loadNumber} as load_number,
      row_number::integer as row_number,
    from stated_figures`);
  const [count] = await rows(db, `select count(*)::integer as read from ${sheet.relation}`);
  const read = Number(count?.read);
  return {
    read,
    accepted: read,
    parts: [{ table: "dfe_figures", from: "accepted_figures", partitions: ["time_period"] }],
    coverage: coverageWithoutDays([]),
  };
}

function refuseRepeatedColumns({ name }: Arrival, { columns, first }: Sheet): void {
  const repeated = columns.filter(
    (column) => columns.filter((other) => plainName(other) === plainName(column)).length > 1,
  );
  if (repeated.length === 0) return;
  throw new RollbookError(
    `${name}, row ${first - 1}: expected one column to choose from, found ${repeated.join(" and ")}; download the file again`,
  );
}

async function refuseUnknownColumns({ db, name }: Arrival, { columns, first }: Sheet): Promise<void> {
  const listed = await rows(db, "select column_name from dfe_columns");
  const known = new Set(listed.map((row) => row.column_name));
  const unknown = columns.filter((column) => !known.has(column));
  if (unknown.length === 0) return;
  throw new RollbookError(
    `${name}, row ${first - 1}: expected only columns listed in models/rules/dfe_columns.csv, found ${unknown.join(", ")}; DfE has changed the layout: add each column there with its meaning`,
  );
}

/** One row a figure: the arrived columns that are counts, percentages or codes, turned on their side. */
async function stateFigures({ db }: Arrival, { columns, first, relation }: Sheet): Promise<void> {
  const at = (name: string) =>
    columns.includes(name) ? `nullif(trim(column_${columns.indexOf(name)}), '')` : "cast(null as varchar)";
  const figures = await rows(db, "select column_name from dfe_columns where kind <> 'label'");
  const present = figures.map((row) => String(row.column_name)).filter((name) => columns.includes(name));
  await db.run(`create or replace temp table figure_rows as from ${relation}`);
  await db.run(`
    create or replace temp table stated_figures as
    with
    labelled as (
      select
        rowid + ${first} as row_number,
        cast(null as integer) as school_urn,
        ${at("time_period")} as time_period,
        ${at("geographic_level")} as geographic_level,
        case ${at("geographic_level")}
          when 'National' then ${at("country_code")}
          when 'Regional' then ${at("region_code")}
          when 'Local authority' then ${at("new_la_code")}
        end as area_code,
        coalesce(${at("la_name")}, ${at("region_name")}, ${at("country_name")}) as area_name,
        coalesce(${at("education_phase")}, ${at("school_type")}) as phase,
        {${present.map((name) => `${quote(name)}: ${at(name)}`).join(", ")}} as figures,
      from figure_rows
    ),
    unpivoted as (
      select * exclude (figures), unnest([${present
        .map((name) => `{'column_name': ${quote(name)}, 'figure': figures.${name}}`)
        .join(", ")}], recursive := true)
      from labelled
    )
    select
      *,
      try_cast(figure as double) as value,
      count(*) over (partition by time_period, area_code, phase, column_name) as count_of_the_same,
    from unpivoted`);
  await db.run("create or replace temp view stated as from stated_figures");
}
