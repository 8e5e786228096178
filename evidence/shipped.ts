/** A table as it leaves the building: every column and row that a reader of the site can fetch. */
export interface ShippedTable {
  /** Its name, such as `cohort_gaps`. */
  name: string;
  columns: string[];
  rows: Record<string, unknown>[];
}

/** A row of models/board/columns.csv: a column that may leave the building, and what it tells. */
export interface ListedColumn {
  table_name: string;
  column_name: string;
  /** One of {@link TELLS}. */
  tells: string;
}

/** A moment that figures stand for. Empty parts are not told by the table. */
export interface Point {
  school_year: string | null;
  period_type: string | null;
  period: string | null;
}

/**
 * The kinds of period at which cohorts may be told: no shorter stretch than a half term can be subtracted from them.
 */
export const REPORTING_POINTS = ["to_half_term", "year"];

/**
 * What a shipped figure lets a reader conclude about a group of pupils.
 *
 * Pupils: their number is from `low` to `high`. Persistent and severe: of the group's pupils `low / scale` to
 * `high / scale` are, the upper end itself ruled out where `isBelow`.
 */
export interface Figure {
  table: string;
  /** null: the trust. */
  school_urn: number | null;
  point: Point;
  /** null: all pupils. */
  group: { breakdown: string; cohort: string } | null;
  /** Whether it is about all pupils but those of the group. */
  isOfOthers: boolean;
  measure: Measure;
  low: number;
  high: number;
  scale: number;
  isBelow: boolean;
}

export type Measure = "pupils" | "percent_persistent" | "percent_severe";

/**
 * What is wrong with the form of what is shipped: tables and columns that nobody has judged, figures that are more
 * precise than they may be, cohorts at moments that could be subtracted from one another.
 */
export function faultsInForm(shipped: ShippedTable[], listed: ListedColumn[]): string[] {
  return shipped.flatMap((table) => {
    const tells = tellsOf(table, listed);
    if (![...tells.values()].some(Boolean)) {
      return [
        `unlisted table: board.${table.name} is not in models/board/columns.csv. Say there what each of its columns tells, or take the table out of sources/board`,
      ];
    }
    return [
      ...table.columns
        .filter((column) => !TELLS.includes(tells.get(column) ?? ""))
        .map(
          (column) =>
            `unlisted column: what board.${table.name}.${column} tells is not in models/board/columns.csv. Say it there, or take the column out of sources/board/${table.name}.sql`,
        ),
      ...table.columns.flatMap((column) => faultInPrecision(table, column, tells)),
      ...faultsInPoints(table, tells),
    ];
  });
}

/** Everything that is told about numbers of pupils, by any table. Figures of attendance are not: see audit.ts. */
export function shippedFigures(shipped: ShippedTable[], listed: ListedColumn[]): Figure[] {
  return shipped.flatMap((table) => {
    const tells = tellsOf(table, listed);
    const told = table.columns.flatMap((column) => {
      const kind = tells.get(column) ?? "";
      return isMeasure(kind) ? [{ column, measure: kind, places: precision(table, column, kind) }] : [];
    });
    const [measureColumn, valueColumn] = [columnThat("measure", tells), columnThat("value", tells)];
    const stepColumn = columnThat("percent_step", tells);
    const whom = reader(tells);
    return table.rows.flatMap((row) => {
      const about = whom(row);
      const own = told.flatMap(({ column, measure, places }) => {
        const figure = concluded(measure, row[column], places, stepColumn ? number(row[stepColumn]) : null);
        return figure ? [{ table: table.name, ...about, isOfOthers: column.startsWith("others_"), ...figure }] : [];
      });
      const measure = measureColumn ? String(row[measureColumn]) : "";
      const long =
        valueColumn && isMeasure(measure)
          ? concluded(measure, row[valueColumn], precision(table, valueColumn, measure, measureColumn))
          : null;
      return long ? [...own, { table: table.name, ...about, isOfOthers: false, ...long }] : own;
    });
  });
}

// --- internal ---

/** What a column may tell, as models/board/columns.csv says it. */
const TELLS = [
  "school",
  "school_year",
  "period_type",
  "period",
  "breakdown",
  "cohort",
  "pupils",
  "percent_persistent",
  "percent_severe",
  "percent_attendance",
  "difference",
  "words",
  "england",
  "measure",
  "value",
  "percent_step",
  "other",
];
/** Decimals that a figure may have. */
const PLACES: Record<string, number> = {
  percent_persistent: 0,
  percent_severe: 0,
  percent_attendance: 1,
  difference: 1,
};
const NEAREST = 5;
/** More decimals than these are taken as these: they already tell a count of any school exactly. */
const MOST_PLACES = 6;

function isMeasure(text: string): text is Measure {
  return text === "pupils" || text === "percent_persistent" || text === "percent_severe";
}

function tellsOf(table: ShippedTable, listed: ListedColumn[]): Map<string, string | undefined> {
  const ofTable = listed.filter(({ table_name }) => table_name === table.name);
  return new Map(
    table.columns.map((column) => [column, ofTable.find(({ column_name }) => column_name === column)?.tells]),
  );
}

/** The column that tells something: the one of that name where several do. */
function columnThat(what: string, tells: Map<string, string | undefined>): string | undefined {
  const columns = Array.from(tells.keys()).filter((column) => tells.get(column) === what);
  const same = { school: "school_urn" }[what] ?? what;
  return columns.find((column) => column === same) ?? columns[0];
}

/** Reads whom a row is about. */
function reader(
  tells: Map<string, string | undefined>,
): (row: Record<string, unknown>) => Pick<Figure, "school_urn" | "point" | "group"> {
  const [school, schoolYear, periodType, period, breakdown, cohort] = [
    "school",
    "school_year",
    "period_type",
    "period",
    "breakdown",
    "cohort",
  ].map((what) => columnThat(what, tells));
  return (row) => {
    const value = (column: string | undefined) => {
      const held = column ? row[column] : null;
      return held === null || held === undefined ? null : String(held);
    };
    const urn = value(school);
    const group = { breakdown: value(breakdown), cohort: value(cohort) };
    return {
      school_urn: urn === null ? null : Number(urn),
      point: { school_year: value(schoolYear), period_type: value(periodType), period: value(period) },
      group:
        group.breakdown !== null && group.cohort !== null ? { breakdown: group.breakdown, cohort: group.cohort } : null,
    };
  };
}

/** The decimals that a column's figures have; for pupils 0 if they are to the nearest 5, else 1. */
function precision(table: ShippedTable, column: string, measure: Measure, of?: string): number {
  const figures = table.rows
    .filter((row) => !of || row[of] === measure)
    .map((row) => number(row[column]))
    .filter((value) => value !== null);
  return measure === "pupils"
    ? Number(figures.some((value) => value % NEAREST !== 0))
    : Math.max(0, ...figures.map(decimals));
}

function number(value: unknown): number | null {
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : null;
}

function decimals(value: number): number {
  for (let places = 0; places < MOST_PLACES; places++) {
    const scaled = value * 10 ** places;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6) return places;
  }
  return MOST_PLACES;
}

/** What a reader concludes from one figure, who knows how it was rounded. */
function concluded(
  measure: Measure,
  value: unknown,
  places: number,
  step: number | null = null,
): Pick<Figure, "measure" | "low" | "high" | "scale" | "isBelow"> | null {
  if (measure === "pupils") {
    const pupils = number(value);
    if (pupils === null) return null;
    const spread = places === 0 ? (NEAREST - 1) / 2 : 0;
    return { measure, low: Math.max(pupils - spread, 0), high: pupils + spread, scale: 1, isBelow: false };
  }
  if (typeof value === "string") {
    const percent = Number(/(\d+(?:\.\d+)?)\s*%/.exec(value)?.[1] ?? Number.NaN);
    if (Number.isNaN(percent)) return null;
    if (/under|below|less/i.test(value)) return { measure, low: 0, high: percent, scale: 100, isBelow: false };
    if (/over|above|more/i.test(value)) return { measure, low: percent, high: 100, scale: 100, isBelow: false };
    return concluded(measure, percent, decimals(percent), step);
  }
  const percent = number(value);
  if (percent === null) return null;
  // half away from zero, in whole numbers: 24% is from 47 / 200 to below 49 / 200, to the nearest 5 from 43 / 200 up
  const scale = 200 * 10 ** places;
  const middle = 2 * Math.round(percent * 10 ** places);
  const half = step ?? 1;
  return {
    measure,
    low: Math.max(middle - half, 0),
    high: Math.min(middle + half, scale),
    scale,
    isBelow: middle + half < scale,
  };
}

function faultInPrecision(table: ShippedTable, column: string, tells: Map<string, string | undefined>): string[] {
  const kind = tells.get(column) ?? "";
  const measureColumn = columnThat("measure", tells);
  const values = table.rows.map((row) => ({
    value: number(row[column]),
    kind: kind === "value" && measureColumn ? String(row[measureColumn]) : kind,
  }));
  const name = `board.${table.name}.${column}`;
  const faults = new Set<string>();
  for (const { value, kind: told } of values) {
    if (value === null) continue;
    if (told === "pupils" && value % NEAREST !== 0) {
      faults.add(
        `precise count: ${name} has pupils that are not to the nearest ${NEAREST}. Round them in models/board`,
      );
    }
    const places = PLACES[told];
    if (places !== undefined && decimals(value) > places) {
      faults.add(
        `precise figure: ${name} has more than ${places} ${places === 1 ? "decimal" : "decimals"}. Round it in models/board`,
      );
    }
    if (told === "words") {
      faults.add(
        `unlisted figure: ${name} holds numbers, but is listed as words. Say in models/board/columns.csv what they tell`,
      );
    }
    if (kind === "value" && told !== "pupils" && places === undefined) {
      faults.add(
        `unlisted measure: ${name} has figures of a measure that may not be shipped. Take the measure out of sources/board/${table.name}.sql`,
      );
    }
  }
  return [...faults];
}

function faultsInPoints(table: ShippedTable, tells: Map<string, string | undefined>): string[] {
  const [cohort, breakdown] = [columnThat("cohort", tells), columnThat("breakdown", tells)];
  const about = table.rows.filter((row) => cohort && row[cohort] !== null && row[cohort] !== undefined);
  if (about.length === 0) return [];
  const name = `board.${table.name}`;
  if (!breakdown) {
    return [
      `unlisted breakdown: ${name} tells of cohorts, but not of which breakdown they are. Add a column that does`,
    ];
  }
  const [typeColumn, ...rest] = (["period_type", "school_year", "period"] as const).map((what) =>
    columnThat(what, tells),
  );
  if (!typeColumn || rest.includes(undefined)) {
    return [
      `undated cohorts: ${name} tells of cohorts, but not for which school year and period. Add the columns that do`,
    ];
  }
  const others = new Set(
    about.map((row) => String(row[typeColumn])).filter((type) => !REPORTING_POINTS.includes(type)),
  );
  return Array.from(
    others,
    (type) =>
      `series of a cohort: ${name} tells of cohorts at periods of type ${type}, and two such figures less one another are a group in a short time. Keep to the reporting points (${REPORTING_POINTS.join(", ")})`,
  );
}
