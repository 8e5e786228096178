import type { DuckDBConnection } from "@duckdb/node-api";
import Table from "cli-table3";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { type Model, readModels } from "../models/model.ts";

/** Which figure is asked for. What is left out must be clear from the rest, or has a usual value. */
export interface FigureRequest {
  /** `marts.school_attendance`, or without the schema. */
  mart: string;
  /** The school's URN; without it the trust. */
  school?: number;
  /** A column or measure of the mart; `persistent` is read as `percent_persistent`. */
  measure: string;
  period: string;
  periodType?: string;
  /** Without it the current school year, where the period is of several. */
  schoolYear?: string;
  /** Without it "as DfE publishes", the basis of the board's pages. */
  basis?: string;
  /** Without it all pupils; of bands, DfE's ladder. */
  breakdown?: string;
  /** Which group of the breakdown, or which band. */
  group?: string;
}

/** One figure, and everything that it was made from. Counts only: no pupil is named. */
export interface Explanation {
  figure: Figure;
  /** Null for the trust. */
  school_name: string | null;
  as_at: string;
  /** The first and the last day of the period that count, over all schools that the figure is of. */
  starts_on: string;
  ends_on: string;
  /** The numbers and codes that people argue about, with where they come from. */
  rules: { table: string; says: string; source: string }[];
  /** The SQL files, from the mart back; `rows` are those of the school (or trust) and period, null where not counted. */
  path: { name: string; file: string | null; about: string; reads: string[]; rows: number | null }[];
  /** What was counted: enrolments of the group with a possible session in the period, and their sessions. */
  counted: Record<(typeof COUNTED)[number], number>;
  /** The files that told marks or pupils of the school: how many rows each, and how many another file has since replaced. */
  loads: {
    load_number: number;
    file: string;
    loaded_at: string;
    marks: number;
    marks_superseded: number;
    pupil_rows: number;
  }[];
}

/**
 * Follows one figure from its mart through every SQL file back to the rules and to the files that were loaded.
 *
 * @throws RollbookError when there is no such figure, which says what there is, or when several fit
 */
export async function explain(warehouse: string, request: FigureRequest): Promise<Explanation> {
  return withDuckDB({ path: warehouse, readOnly: true }, async (db) => {
    const columns = await columnsOf(db);
    if (!columns.has("marts.figures")) {
      throw new RollbookError(
        'The warehouse in use was built before figures could be explained: run "rollbook build" first',
      );
    }
    const { figure, schoolName, asAt } = await findFigure(db, request);
    const days = await daysOf(db, figure);
    try {
      const loads = await loadsOf(db, figure, days);
      return {
        figure,
        school_name: schoolName,
        as_at: asAt,
        starts_on: days.from,
        ends_on: days.to,
        rules: await rulesOf(db, figure, days),
        path: await pathOf(db, figure, days, columns, loads),
        counted: await countedFor(db, figure),
        loads,
      };
    } catch (error) {
      if (!(error instanceof Error) || !/^IO Error/.test(error.message)) throw error;
      throw new RollbookError(
        'The lake that the warehouse was built from cannot be read: bring the data folder back from a backup, then run "rollbook build"',
      );
    }
  });
}

/** An explanation as text for a person. */
export function explanationText(explanation: Explanation): string {
  const { figure, school_name, as_at, starts_on, ends_on, rules, path, counted, loads } = explanation;
  const { numerator, denominator, value } = figure;
  const whose = school_name === null ? "the trust" : `${school_name} (${figure.school_urn})`;
  const group = figure.group_name === null ? "" : `, ${figure.breakdown} ${figure.group_name}`;
  const made =
    numerator === null
      ? String(value)
      : denominator === null
        ? count(numerator)
        : `100 × ${count(numerator)} ÷ ${count(denominator)} = ${value}`;
  const files = path.map(({ name, file, about, rows }) => [
    file ?? name,
    rows === null ? "" : count(rows),
    (about.match(/^.*?[.:](?= |$)/)?.[0] ?? about).replace(/:$/, "."),
  ]);
  return [
    `${figure.measure} of ${whose}${group}, ${figure.period_type} ${figure.period}${figure.period === figure.school_year ? "" : ` of ${figure.school_year}`}, ${figure.basis}`,
    `  ${made}`,
    `  in ${figure.mart}; days ${starts_on} to ${ends_on}, as at ${as_at}`,
    "",
    "The rule",
    ...rules.map(({ table, says, source }) => `  ${says}\n    ${table}: ${source}`),
    "",
    "What was counted",
    ...Object.entries(counted).map(([what, number]) => `  ${what}: ${count(number)}`),
    "",
    `The way back, with the rows of ${school_name ?? "the trust"} and these days`,
    table(["file", "rows", "what a row is"], files, [undefined, undefined, 70]),
    "",
    "The files it came from",
    table(
      ["load", "file", "loaded", "marks", "replaced since", "rows about pupils"],
      loads
        .slice(0, MOST_LOADS)
        .map((load) => [
          String(load.load_number),
          load.file,
          load.loaded_at.slice(0, 16),
          count(load.marks),
          count(load.marks_superseded),
          count(load.pupil_rows),
        ]),
    ),
    ...(loads.length > MOST_LOADS ? [`and ${count(loads.length - MOST_LOADS)} more: --json lists them all`] : []),
  ].join("\n");
}

// --- internal ---

interface Figure {
  mart: string;
  school_urn: number | null;
  school_year: string;
  period_type: string;
  period: string;
  basis: string;
  breakdown: string;
  group_name: string | null;
  measure: string;
  numerator: number | null;
  denominator: number | null;
  value: number;
}

const COUNTED = [
  "pupils",
  "pupils_persistent",
  "pupils_severe",
  "sessions_possible",
  "sessions_attended",
  "sessions_absent",
  "sessions_authorised",
  "sessions_unauthorised",
] as const;
const USUAL_BASIS = "as DfE publishes";
/** Files that a person is shown; a trust may have thousands. */
const MOST_LOADS = 30;
/** A UPN as it may stand in a file's name. */
const UPN_IN_NAME = /[A-Z]\d{11}[0-9A-Z]/gi;

async function findFigure(
  db: DuckDBConnection,
  request: FigureRequest,
): Promise<{ figure: Figure; schoolName: string | null; asAt: string }> {
  const marts = (await rows(db, "select distinct mart from marts.figures order by mart")).map(({ mart }) => mart);
  const mart = request.mart.includes(".") ? request.mart : `marts.${request.mart}`;
  if (!marts.includes(mart)) {
    throw new RollbookError(`No figures of a board are in a mart of that name. They are in: ${marts.join(", ")}`);
  }
  const schools = await rows(db, "select school_urn, school_name from raw.schools order by school_urn");
  const school = schools.find(({ school_urn }) => school_urn === request.school);
  if (request.school !== undefined && !school) {
    const named = schools.map(({ school_urn, school_name }) => `${school_urn} ${school_name}`);
    throw new RollbookError(`The trust has no school of that URN. It has: ${named.join(", ")}`);
  }
  const [now] = await rows(db, "select as_at::varchar as as_at, school_year from staging.as_at");
  const found = await rows(
    db,
    `select mart, school_urn, school_year, period_type, period, basis, breakdown, group_name, measure,
      numerator::double as numerator, denominator::double as denominator, value
    from marts.figures
    where mart = ${quote(mart)} and school_urn is not distinct from ${request.school ?? "null"}
    order by all`,
  );
  let left = found.map(figureOf);
  const hold = (label: string, column: keyof Figure, wanted: string | undefined, usual: (string | null)[] = []) => {
    const there = [...new Set(left.map((figure) => figure[column]))];
    const chosen = wanted ?? usual.find((value) => there.includes(value));
    if (chosen === undefined) return;
    const kept = left.filter((figure) => figure[column] === chosen);
    if (kept.length === 0) throw new RollbookError(`No figure has that ${label}. There is: ${listed(there)}`);
    left = kept;
  };
  const { measure } = request;
  const isMeasure = left.some((figure) => figure.measure === measure);
  hold("measure", "measure", isMeasure ? measure : `percent_${measure.replace(/^percent_/, "")}`);
  hold("basis", "basis", request.basis, [USUAL_BASIS]);
  hold("period", "period", request.period);
  hold("period type", "period_type", request.periodType);
  hold("school year", "school_year", request.schoolYear, [String(now?.school_year)]);
  hold("breakdown", "breakdown", request.breakdown, ["all", "dfe"]);
  hold("group", "group_name", request.group, [null]);
  const [figure, ...others] = left;
  if (!figure) throw new RollbookError("There is no such figure: the trust has no marks that count");
  if (others.length > 0) {
    const open = (
      [
        ["group", "group_name"],
        ["period-type", "period_type"],
        ["school-year", "school_year"],
        ["breakdown", "breakdown"],
        ["basis", "basis"],
      ] as const
    )
      .map(([option, column]) => ({ option, there: [...new Set(left.map((one) => one[column]))] }))
      .filter(({ there }) => there.length > 1)
      .map(({ option, there }) => `--${option} is one of ${listed(there)}`);
    throw new RollbookError(`${left.length} figures fit. Say which: ${open.join("; ")}`);
  }
  return { figure, schoolName: school ? String(school.school_name) : null, asAt: String(now?.as_at) };
}

function figureOf(row: Record<string, unknown>): Figure {
  const number = (value: unknown) => (value === null ? null : Number(value));
  return {
    mart: String(row.mart),
    school_urn: number(row.school_urn),
    school_year: String(row.school_year),
    period_type: String(row.period_type),
    period: String(row.period),
    basis: String(row.basis),
    breakdown: String(row.breakdown),
    group_name: row.group_name === null ? null : String(row.group_name),
    measure: String(row.measure),
    numerator: number(row.numerator),
    denominator: number(row.denominator),
    value: Number(row.value),
  };
}

function listed(values: unknown[]): string {
  return values.map((value) => (value === null ? "(none)" : String(value))).join(", ");
}

/** The first and last day of a figure's period that count, and whether all schools that it is of keep the same. */
interface Days {
  from: string;
  to: string;
  areSame: boolean;
}

async function daysOf(db: DuckDBConnection, figure: Figure): Promise<Days> {
  const { school_urn, school_year, period_type, period } = figure;
  const [span] = await rows(
    db,
    `select min(starts_on)::varchar as starts_on, max(ends_on)::varchar as ends_on,
      count(distinct starts_on) = 1 and count(distinct ends_on) = 1 as are_same
    from staging.periods as periods
    where ${ofPeriod(figure)} ${school_urn === null ? "" : `and school_urn = ${school_urn}`}`,
  );
  if (!span?.starts_on) throw new Error(`no days for ${period_type} ${period} of ${school_year}`);
  return { from: String(span.starts_on), to: String(span.ends_on), areSame: span.are_same === true };
}

function ofPeriod({ school_year, period_type, period }: Figure): string {
  return `periods.school_year = ${quote(school_year)} and periods.period_type = ${quote(period_type)} and periods.period = ${quote(period)}`;
}

/** SQL that is true of a row of the table "counted" of the figure's school, or any school of the trust, in its period. */
function inDays(figure: Figure, days: Days, day: string): string {
  return [
    ofSchool(figure),
    `${day} between date ${quote(days.from)} and date ${quote(days.to)}`,
    // schools that keep the same days need not be asked for them one by one
    ...(days.areSame
      ? []
      : [
          `exists (
            select 1 from staging.periods as periods
            where periods.school_urn = counted.school_urn and ${ofPeriod(figure)}
              and counted.${day} between periods.starts_on and periods.ends_on)`,
        ]),
  ].join(" and ");
}

function ofSchool({ school_urn }: Figure): string {
  return school_urn === null ? "school_urn in (select school_urn from raw.schools)" : `school_urn = ${school_urn}`;
}

async function rulesOf(db: DuckDBConnection, figure: Figure, days: Days): Promise<Explanation["rules"]> {
  const { mart, measure, school_year, period_type, period, basis, breakdown, group_name } = figure;
  const parts: string[] = [];
  if (measure.endsWith("_of_england")) {
    parts.push(`
      select england.listed_in,
        england.phase || ': ' || england.value || '% (' || england.series ||
          coalesce(', published ' || strftime(england.published_on, '%-d %B %Y'), '') || ')', england.source
      from staging.area_figures as england
      where england.area_type = 'country' and england.school_year = ${quote(school_year)}
        and england.period_type = ${quote(period_type)} and england.period = ${quote(period)}
        and england.measure = ${quote(measure.replace("_of_england", ""))}
        and england.phase in (select phase from staging.phase_weights where ${ofSchool(figure)})
        and england.value is not null`);
  } else {
    const flag = measure.match(/persistent|severe/)?.[0];
    if (flag) {
      parts.push(`
        select 'rules.absence_thresholds',
          measure || ': ' || missed_from_percent || '% or more of the pupil''s own possible sessions missed', source
        from rules.absence_thresholds where measure = ${quote(flag)}`);
    }
    if (mart === "marts.attendance_bands") {
      parts.push(`
        select 'rules.absence_bands',
          'band ' || band || ' of the ladder ' || ladder || ': from exactly ' || missed_from_percent || '% missed', source
        from rules.absence_bands where ladder = ${quote(breakdown)} and band = ${quote(String(group_name))}`);
    }
    if (basis === USUAL_BASIS) {
      parts.push(
        "select 'rules.dfe_population', rule || ': ' || value, source from rules.dfe_population where rule <> 'minimum_sessions'",
      );
    }
    parts.push(`
      select 'rules.register_codes',
        class || ': ' || string_agg(code, ' ' order by code) || ' (from ' || valid_from || ')', string_agg(distinct source, '; ' order by source)
      from (
        select code, valid_from, source, case
          when is_attended then 'attended'
          when is_authorised then 'authorised absence'
          when is_unauthorised then 'unauthorised absence'
          else 'not possible, in no figure'
        end as class
        from rules.register_codes
        where valid_from <= date ${quote(days.to)} and coalesce(valid_to, date '9999-12-31') >= date ${quote(days.from)}
      )
      group by class, valid_from`);
  }
  const found = await rows(
    db,
    `select * from (${parts.map((part) => `(${part})`).join(" union all ")}) as told ("table", says, source) order by all`,
  );
  return found.map(({ table, says, source }) => ({
    table: String(table),
    says: String(says),
    source: String(source),
  }));
}

/** Every model that the mart is made of, those made of others first, then what they read that no model makes. */
async function pathOf(
  db: DuckDBConnection,
  figure: Figure,
  days: Days,
  columns: Map<string, Set<string>>,
  loads: Explanation["loads"],
): Promise<Explanation["path"]> {
  const models = readModels();
  const wanted = new Set([figure.mart]);
  const steps: (Model | string)[] = [];
  for (const model of [...models].reverse()) {
    if (!wanted.has(model.name)) continue;
    for (const input of model.inputs) wanted.add(input);
    steps.push(model);
  }
  steps.push(...[...wanted].filter((name) => /^(raw|rules)\./.test(name)).sort());
  const path: Explanation["path"] = [];
  for (const step of steps) {
    const name = typeof step === "string" ? step : step.name;
    const known = columns.get(name);
    const marks = name === "raw.marks" ? loads.reduce((sum, load) => sum + load.marks, 0) : null;
    // what no table was made of would be counted by making it
    const isCounted = known !== undefined && !(typeof step !== "string" && step.view !== null);
    path.push({
      name,
      file: typeof step === "string" ? (name.startsWith("rules.") ? ruleFile(name) : null) : step.file,
      about: typeof step === "string" ? (name.startsWith("rules.") ? RULES : RAW) : step.about,
      reads: typeof step === "string" ? [] : step.inputs,
      rows: marks ?? (isCounted ? await countRows(db, name, known, figure, days) : null),
    });
  }
  return path;
}

const RULES = "Numbers and codes with their sources.";
const RAW = "As files, rollbook.yaml and the ledger tell it.";

function ruleFile(name: string): string {
  return `models/${name.replace(".", "/")}.csv`;
}

async function countRows(
  db: DuckDBConnection,
  name: string,
  columns: Set<string>,
  figure: Figure,
  days: Days,
): Promise<number> {
  const { school_urn, school_year, period_type, period, basis } = figure;
  const day = ["session_date", "stretch_from"].find((column) => columns.has(column));
  const isOfPeriod = columns.has("period_type") && columns.has("period");
  const conditions = [
    ...(isOfPeriod ? [`period_type = ${quote(period_type)}`, `period = ${quote(period)}`] : []),
    ...(columns.has("school_year") && (isOfPeriod || columns.has("school_urn"))
      ? [`school_year = ${quote(school_year)}`]
      : []),
    ...(columns.has("basis") ? [`basis = ${quote(basis)}`] : []),
    ...(columns.has("school_urn")
      ? [day ? inDays(figure, days, day) : school_urn === null ? "true" : `school_urn = ${school_urn}`]
      : []),
  ];
  const where = conditions.length > 0 ? `where ${conditions.join(" and ")}` : "";
  const [found] = await rows(db, `select count(*)::double as rows from ${name} as counted ${where}`);
  return Number(found?.rows);
}

/** Adds up the enrolments of the figure's group again, from the mart that has one row for each. */
async function countedFor(db: DuckDBConnection, figure: Figure): Promise<Explanation["counted"]> {
  const { school_urn, school_year, period_type, period, basis, breakdown, group_name, mart } = figure;
  const groups: Record<string, string> = {
    phase: "phase",
    year_group: "coalesce(year_group, 'unknown')",
    sex: "coalesce(sex, 'unknown')",
  };
  const group = mart === "marts.attendance_bands" ? undefined : groups[breakdown];
  const [found] = await rows(
    db,
    `select
      count(*)::double as pupils,
      (count(*) filter (where is_persistent))::double as pupils_persistent,
      (count(*) filter (where is_severe))::double as pupils_severe,
      ${COUNTED.filter((column) => column.startsWith("sessions_"))
        .map((column) => `coalesce(sum(${column}), 0)::double as ${column}`)
        .join(", ")}
    from marts.pupil_attendance as attendance
    join raw.schools as schools on attendance.school_urn = schools.school_urn
    left join staging.pupil_years as years
      on attendance.school_urn = years.school_urn
      and attendance.pupil_key = years.pupil_key
      and attendance.school_year = years.school_year
    where attendance.school_year = ${quote(school_year)} and period_type = ${quote(period_type)}
      and period = ${quote(period)} and basis = ${quote(basis)}
      ${school_urn === null ? "" : `and attendance.school_urn = ${school_urn}`}
      ${group && group_name !== null ? `and ${group} = ${quote(group_name)}` : ""}`,
  );
  const number = (column: (typeof COUNTED)[number]) => Number(found?.[column]);
  return {
    pupils: number("pupils"),
    pupils_persistent: number("pupils_persistent"),
    pupils_severe: number("pupils_severe"),
    sessions_possible: number("sessions_possible"),
    sessions_attended: number("sessions_attended"),
    sessions_absent: number("sessions_absent"),
    sessions_authorised: number("sessions_authorised"),
    sessions_unauthorised: number("sessions_unauthorised"),
  };
}

async function loadsOf(db: DuckDBConnection, figure: Figure, days: Days): Promise<Explanation["loads"]> {
  const found = await rows(
    db,
    `with
    marks as (
      select load_number, count(*) as marks from raw.marks as counted
      where ${inDays(figure, days, "session_date")} group by load_number
    ),
    superseded as (
      select load_number, count(*) as marks_superseded from staging.mark_history as counted
      where ${inDays(figure, days, "session_date")} group by load_number
    ),
    pupils as (
      select load_number, count(*) as pupil_rows
      from (
        select load_number from raw.pupils where ${ofSchool(figure)}
        union all
        select load_number from raw.enrolments where ${ofSchool(figure)}
      )
      group by load_number
    )
    select load_number, file, loaded_at::varchar as loaded_at,
      coalesce(marks, 0)::double as marks, coalesce(marks_superseded, 0)::double as marks_superseded,
      coalesce(pupil_rows, 0)::double as pupil_rows
    from raw.loads
    left join marks using (load_number)
    left join superseded using (load_number)
    left join pupils using (load_number)
    where marks > 0 or pupil_rows > 0
    order by load_number`,
  );
  return found.map((load) => ({
    load_number: Number(load.load_number),
    file: String(load.file).replace(UPN_IN_NAME, "(UPN)"),
    loaded_at: String(load.loaded_at),
    marks: Number(load.marks),
    marks_superseded: Number(load.marks_superseded),
    pupil_rows: Number(load.pupil_rows),
  }));
}

async function columnsOf(db: DuckDBConnection): Promise<Map<string, Set<string>>> {
  const found = await rows(
    db,
    `select table_schema || '.' || table_name as name, column_name as "column" from information_schema.columns
    where table_schema in ('raw', 'rules', 'staging', 'marts')`,
  );
  const columns = new Map<string, Set<string>>();
  for (const { name, column } of found) {
    const known = columns.get(String(name)) ?? new Set<string>();
    columns.set(String(name), known.add(String(column)));
  }
  return columns;
}

function table(head: string[], lines: string[][], widths: (number | undefined)[] = []): string {
  const drawn = new Table({
    head,
    colAligns: head.map((title) => (NUMBERS.includes(title) ? ("right" as const) : ("left" as const))),
    colWidths: widths.map((width) => width ?? null),
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  drawn.push(...lines);
  return drawn.toString();
}

const NUMBERS: readonly string[] = ["rows", "load", "marks", "replaced since", "rows about pupils"];

function count(value: number): string {
  return value.toLocaleString("en-GB");
}
