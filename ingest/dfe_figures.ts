import { plainName, rivals } from "./csv.ts";
import { quote, rows } from "./duckdb.ts";
import { RollbookError } from "./errors.ts";
import { type Arrival, field, type RegisterFormat, refuseBadRows } from "./format.ts";

const REQUIRED = ["time_period", "geographic_level", "country_code", "possible_sessions", "attendance_perc"] as const;
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
export const dfeFigures: RegisterFormat = {
  table: "dfe_figures",
  title: "DfE year-to-date figures",
  required: REQUIRED,
  partitions: ["time_period"],
  lacks: (columns) => REQUIRED.filter((name) => !columns.map(plainName).includes(plainName(name))),
  rivals: (columns) =>
    rivals(columns, Object.fromEntries(columns.map((name) => [name, [plainName(name)]]))).slice(0, 1),
  async load(arrival) {
    await refuseUnknownColumns(arrival);
    await readRows(arrival);
    await refuseBadRows(arrival, [
      {
        column: "time_period",
        fails: "not regexp_full_match(time_period, '20\\d{4}')",
        expected: "a school year like 202526",
        mend: "download the file again",
      },
      {
        column: "geographic_level",
        fails: "area_code is null",
        expected: "National, Regional or Local authority, with the area's code",
        mend: "download the file again",
      },
      {
        column: "any figure",
        fails: `value is null and figure is not null and lower(figure) not in (${SYMBOLS.map(quote).join(", ")})`,
        expected: `a number or one of DfE's symbols ${SYMBOLS.join(", ")}`,
        mend: "see DfE's notes to the file; Rollbook takes no unknown symbol for a zero",
      },
      {
        column: "any figure",
        fails: "not isfinite(value) or value not between 0 and 1e12",
        expected: "a count or percentage",
        mend: "download the file again",
      },
      {
        column: "geographic_level",
        fails: "count_of_the_same > 1",
        expected: "each area and phase once in a year",
        mend: "download the file again",
      },
    ]);
    await accept(arrival);
  },
};

// --- internal ---

async function refuseUnknownColumns({ db, columns, name }: Arrival): Promise<void> {
  const listed = await rows(db, "select column_name from dfe_columns");
  const known = new Set(listed.map((row) => row.column_name));
  const unknown = columns.filter((column) => !known.has(column));
  if (unknown.length === 0) return;
  throw new RollbookError(
    `${name}, row 1: expected only columns listed in models/rules/dfe_columns.csv, found ${unknown.join(", ")}; DfE has changed the layout: add each column there with its meaning`,
  );
}

/** One row a figure: the arrived columns that are counts, percentages or codes, turned on their side. */
async function readRows({ db, columns }: Arrival): Promise<void> {
  const at = (name: string) => field(columns.includes(name) ? columns.indexOf(name) : undefined);
  const figures = await rows(db, "select column_name from dfe_columns where kind <> 'label'");
  const present = figures.map((row) => String(row.column_name)).filter((name) => columns.includes(name));
  await db.run(`
    create or replace temp table arrived_rows as
    with
    labelled as (
      select
        row_number,
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
      from arrived
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
}

/** The same file of the same year loaded again in a later edition replaces nothing: the build takes the newest. */
async function accept({ db, loadNumber }: Arrival): Promise<void> {
  await db.run(`
    create or replace temp table accepted as
    select
      time_period, geographic_level, area_code, area_name, phase, column_name, value,
      if(value is null, lower(figure), null) as symbol,
      ${loadNumber} as load_number,
      row_number::integer as row_number,
    from arrived_rows`);
  await db.run("create or replace temp table set_aside (row_number bigint, school_urn integer, rule varchar)");
}
