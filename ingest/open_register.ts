import fs from "node:fs";
import type { Arrival, Arrived, Taken } from "./arrival.ts";
import { rivals } from "./arrival.ts";
import { csvSheet, firstRows, unreadable } from "./csv.ts";
import type { RegisterFile } from "./drop_folder.ts";
import { rows } from "./duckdb.ts";
import { takeEnrolments } from "./enrolments.ts";
import { RollbookError } from "./errors.ts";
import { takeEstablishments } from "./establishments.ts";
import { lacks, type Reading, type RegisterFormat, type Sheet } from "./format.ts";
import { FORMATS } from "./formats.ts";
import { openJson } from "./json.ts";
import type { LoadLimits } from "./load_limits.ts";
import { takeMarkCodes } from "./mark_codes.ts";
import { takeMarkStrings, takeMarks } from "./marks.ts";
import { takePupils } from "./pupils.ts";
import { takeStatuses } from "./statuses.ts";
import { asUtf8, type LandedText } from "./text.ts";
import { openXml, xmlRoot } from "./xml.ts";

/** A register file whose format is known, with what there is to take from it. */
export interface OpenedFile {
  name: string;
  folderUrn: number | null;
  encoding: string;
  format: RegisterFormat;
  /** It is one page of an answer, and any page may be short. */
  isPage: boolean;
  /** One for each reading of the format whose sheet the file has. */
  takes: ((arrival: Arrival) => Promise<Taken>)[];
}

interface Opening {
  file: RegisterFile;
  landed: LandedText;
  /** The landed copy of the file. */
  landing: string;
  /** A path that is free for what opening makes. */
  staging: string;
  limits: LoadLimits;
}

/**
 * Opens a landed register file as sheets and finds its format by what is in it, never by its name.
 *
 * @returns null for a page that holds no records: it says nothing
 */
export async function openRegister({ file, landed, landing, staging, limits }: Opening): Promise<OpenedFile | null> {
  const { name, folderUrn } = file;
  const readable = await asUtf8(landed, landing, `${staging}.txt`);
  const found = await sheetsOf(name, readable, staging, landed, limits);
  if (!found) return null;
  const { format, sheets, isPage = false, check } = found;
  for (const sheet of sheets) {
    const claimants = rivals(sheet, format.readings);
    if (claimants) {
      throw new RollbookError(
        `${name}, row ${sheet.first - 1}: expected one column to choose from, found ${claimants.join(" and ")}; export the file with the one that counts`,
      );
    }
  }
  return { name, folderUrn, encoding: landed.encoding, format, isPage, takes: takesOf(format, sheets, check) };
}

/** What a text is written in, by how it begins. */
export function syntaxOf(file: string): "XML" | "JSON" | "CSV" {
  const handle = fs.openSync(file, "r");
  const head = Buffer.alloc(1024);
  const length = fs.readSync(handle, head, 0, head.length, 0);
  fs.closeSync(handle);
  const start = head.subarray(0, length).toString("utf8").replace("\uFEFF", "").trimStart();
  if (start.startsWith("<")) return "XML";
  return /^(\{\s*["}]|\[\s*[{[\]])/.test(start) ? "JSON" : "CSV";
}

/** Of the formats whose columns are there, the one that asks for most. */
export function formatOf(
  columns: string[],
  isCandidate: (format: RegisterFormat) => boolean = (format) => !format.xml,
): RegisterFormat | null {
  const matching = FORMATS.filter((format) => isCandidate(format) && lacks(format, columns).length === 0);
  return matching.sort((a, b) => b.required.length - a.required.length)[0] ?? null;
}

// --- internal ---

interface Sheets {
  format: RegisterFormat;
  sheets: Sheet[];
  isPage?: boolean;
  /** Holds what DuckDB reads to what the file's bytes say. */
  check: (arrival: Arrival) => Promise<void>;
}

async function sheetsOf(
  name: string,
  readable: string,
  staging: string,
  landed: LandedText,
  limits: LoadLimits,
): Promise<Sheets | null> {
  const syntax = syntaxOf(readable);
  if (syntax === "XML") return xmlSheets(name, readable, staging);
  if (syntax === "JSON") {
    fs.mkdirSync(staging, { recursive: true, mode: 0o700 });
    const sheets = await openJson(readable, name, staging);
    if (sheets.length === 0) return null;
    const columns = sheets.flatMap((sheet) => sheet.columns);
    const format = formatOf(columns);
    if (!format) throw notRecognised(name, columns, "record 1");
    return { format, sheets, isPage: true, check: async () => {} };
  }
  return csvSheets(name, readable, landed, limits);
}

async function csvSheets(name: string, readable: string, landed: LandedText, limits: LoadLimits): Promise<Sheets> {
  const head = firstRows(readable);
  const above = head.findIndex((columns) => formatOf(columns) !== null);
  const columns = head[above];
  const format = columns && formatOf(columns);
  if (!columns || !format) throw notRecognised(name, head[0] ?? [], "row 1");
  const sheet = csvSheet(readable, columns, above, landed.hasQuotes, limits);
  return { format, sheets: [sheet], check: ({ db }) => holdToLines({ db, name, sheet, landed }) };
}

async function xmlSheets(name: string, readable: string, staging: string): Promise<Sheets> {
  const root = xmlRoot(readable);
  const candidates = FORMATS.filter((format) => format.xml?.root === root);
  const layout = candidates[0]?.xml;
  if (!layout) throw notRecognised(name, [], "line 1");
  fs.mkdirSync(staging, { recursive: true, mode: 0o700 });
  const sheets = await openXml(readable, name, layout, staging);
  const columns = sheets.flatMap((sheet) => [sheet.record, ...sheet.columns]);
  const format = formatOf(columns, (candidate) => candidates.includes(candidate));
  if (!format) throw notRecognised(name, columns, "record 1");
  return { format, sheets, check: async () => {} };
}

function takesOf(format: RegisterFormat, sheets: Sheet[], check: Sheets["check"]): OpenedFile["takes"] {
  const { take, readings } = format;
  const guarded = (work: (arrival: Arrival) => Promise<Taken>) => async (arrival: Arrival) => {
    try {
      await check(arrival);
      return await work(arrival);
    } catch (error) {
      throw error instanceof Error && /CSV (Error|Parser)/.test(error.message)
        ? unreadable(arrival.name, error)
        : error;
    }
  };
  if (take) return sheets.map((sheet) => guarded((arrival) => take(arrival, sheet)));
  return readings.flatMap((reading) => {
    const sheet = sheets.find(({ record }) => record === (reading.sheet ?? record));
    if (!sheet || sheet.columns.length === 0) return [];
    return [guarded(async (arrival) => takeSheet(arrival, sheet, reading))];
  });
}

async function takeSheet(arrival: Arrival, sheet: Sheet, reading: Reading): Promise<Taken> {
  const dates = await settleDates(arrival, sheet, reading);
  const arrived = <R extends Reading>(narrowed: R): Arrived<R> => ({ sheet, reading: narrowed, dates });
  switch (reading.table) {
    case "marks":
      return takeMarks(arrival, arrived(reading));
    case "mark_strings":
      return takeMarkStrings(arrival, arrived(reading));
    case "pupils":
      return takePupils(arrival, arrived(reading));
    case "statuses":
      return takeStatuses(arrival, arrived(reading));
    case "enrolments":
      return takeEnrolments(arrival, arrived(reading));
    case "mark_codes":
      return takeMarkCodes(arrival, arrived(reading));
    case "establishments":
      return takeEstablishments(arrival, arrived(reading));
  }
}

/** Fields that hold dates. */
const DATE_FIELDS =
  /^(session_date|starts_on|covers_from|covers_to|entered_on|left_on|born_on|known_on|from_on|to_on|opened_on|closed_on)$/;

/**
 * How a sheet writes dates: as its format or rollbook.yaml says, otherwise yyyy-mm-dd, unless the whole file proves
 * dd/mm/yyyy: every date is of that shape, some first number is above 12 and no second one is.
 */
async function settleDates({ db, project }: Arrival, sheet: Sheet, reading: Reading): Promise<Arrived["dates"]> {
  const said = "dates" in reading ? reading.dates : undefined;
  if (said && said !== "declared") return said;
  if (project.dates) return project.dates;
  const names = Object.entries(reading.fields as Record<string, readonly string[]>)
    .filter(([field]) => DATE_FIELDS.test(field))
    .flatMap(([, known]) => known);
  const columns = sheet.columns.flatMap((column, i) =>
    names.includes(column.toLowerCase().replace(/[^a-z0-9]/g, "")) ? [`trim(column_${i})`] : [],
  );
  const ofShape = (column: string) => `regexp_full_match(${column}, '\\d\\d/\\d\\d/\\d{4}( .*)?')`;
  if (columns.length === 0) return "yyyy-mm-dd";
  const [sample] = await rows(
    db,
    `select count(*) filter (where ${columns.map(ofShape).join(" or ")})::integer as slashed from (from ${sheet.relation} limit 50)`,
  );
  if (Number(sample?.slashed) === 0) return "yyyy-mm-dd";
  const [proof] = await rows(
    db,
    `with dates as (select unnest([${columns.join(", ")}]) as day from ${sheet.relation})
    select
      coalesce(bool_and(${ofShape("day")}), false) as is_slashed,
      coalesce(bool_or(try_cast(left(day, 2) as integer) > 12), false) as is_day_first,
      coalesce(bool_or(try_cast(day[4:5] as integer) > 12), false) as is_month_first
    from dates
    where day <> ''`,
  );
  return proof?.is_slashed && proof.is_day_first && !proof.is_month_first ? "dd/mm/yyyy" : "yyyy-mm-dd";
}

/**
 * Holds the rows that DuckDB reads to the lines that the file has. A quote out of place can swallow whole rows into one
 * field, and an empty line would put every row number after it out of step with the spreadsheet's.
 */
async function holdToLines({
  db,
  name,
  sheet,
  landed,
}: Pick<Arrival, "db" | "name"> & { sheet: Sheet; landed: LandedText }): Promise<void> {
  if (!landed.hasQuotes && (landed.firstEmptyLine === null || landed.firstEmptyLine >= sheet.first)) {
    if (landed.firstEmptyLine === null) return;
    throw new RollbookError(
      `${name}, row ${landed.firstEmptyLine}: expected no empty line between the rows; take it out and save the file again`,
    );
  }
  const breaks = "'\\r\\n|\\n|\\r'";
  const broken = sheet.columns.map((_, i) => `coalesce(len(regexp_extract_all(column_${i}, ${breaks})), 0)`);
  await db.run(`create or replace temp table held_to_lines as
    select ${broken.join(" + ")} as breaks, ${sheet.columns
      .map(
        (_, i) =>
          `coalesce(regexp_matches(column_${i}, '[\\r\\n]') and len(string_split(column_${i}, ',')) >= ${sheet.columns.length}, false)`,
      )
      .join(" or ")} as is_swallowing
    from ${sheet.relation}`);
  const [read] = await rows(
    db,
    `select
      count(*)::integer as rows,
      coalesce(sum(breaks), 0)::integer as breaks,
      min(rowid) filter (where is_swallowing)::integer as swallowing
    from held_to_lines`,
  );
  await db.run("drop table held_to_lines");
  if (typeof read?.swallowing === "number") {
    throw new RollbookError(
      `${name}, row ${read.swallowing + sheet.first}: expected no whole row within a field; a double quote may be out of place there: correct it and export the file again`,
    );
  }
  const inHeader = sheet.columns.join("").match(/\r\n|\n|\r/g)?.length ?? 0;
  if (landed.lines === Number(read?.rows) + Number(read?.breaks) + inHeader + sheet.first - 1) return;
  throw new RollbookError(
    `${name}: expected as many rows as the file has lines; take out empty lines, look for a double quote out of place, and save the file again`,
  );
}

/** What stands in the first row is not repeated: without a header it is a pupil's. */
function notRecognised(name: string, columns: string[], where: string): RollbookError {
  const [only = ""] = columns;
  if (columns.length === 1 && /[;\t|]/.test(only)) {
    return new RollbookError(
      `${name}, row 1: expected commas between the columns; save the file as "CSV (comma delimited)" or export it again`,
    );
  }
  const nearest = FORMATS.map((format) => ({ format, missing: lacks(format, columns) }))
    .filter(({ format, missing }) => missing.length * 2 <= format.required.length)
    .sort((a, b) => a.missing.length - b.missing.length)[0];
  if (nearest) {
    return new RollbookError(
      `${name}, ${where}: expected the columns of ${nearest.format.title}, but ${nearest.missing.join(", ")} is not there; export the file with it`,
    );
  }
  const kinds = FORMATS.map(({ title }) => title).join(", ");
  return new RollbookError(
    `${name}, ${where}: expected a header with the columns of one of: ${kinds}; see the README for the columns of each, or take the file out of the drop folder`,
  );
}
