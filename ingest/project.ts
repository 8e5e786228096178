import fs from "node:fs";
import path from "node:path";
import { parse, YAMLParseError } from "yaml";
import * as z from "zod";
import { RollbookError } from "./errors.ts";

const PROJECT_FILE = "rollbook.yaml";
/** How long a register's entries are kept, in years (Working together to improve school attendance). */
const YEARS_KEPT = 6;

const day = z.iso.date("expected a date like 2025-09-01");
/** A school year, like `2025/26`. */
export const schoolYear = z
  .string()
  .regex(/^20\d\d\/\d\d$/, "expected a school year like 2025/26")
  .refine(
    (year) => (Number(year.slice(2, 4)) + 1) % 100 === Number(year.slice(5)),
    "expected two years that follow each other",
  );

const School = z.strictObject({
  urn: z.int("expected a URN: six digits").min(100000).max(999999),
  name: z.string().min(1),
  /** All-through: its pupils are compared by the phase of their year group. */
  phase: z.enum(["Primary", "Secondary", "Special", "All-through"]),
  local_authority: z.string().min(1),
  la_code: z.string().regex(/^E\d{8}$/, "expected a code like E08000035"),
  region: z.string().min(1),
  region_code: z.string().regex(/^E\d{8}$/, "expected a code like E12000003"),
  /** Local authority and establishment number, by which transfer files name a school. */
  laestab: z
    .string()
    .regex(/^\d{7}$/, 'expected seven digits in quotes, like "8254001"')
    .optional(),
  /** Other names that systems give the school: Arbor's application id, the name in DfE's exports. */
  known_as: z.array(z.coerce.string().min(1)).default([]),
  /** The school's id at Wonde, for "rollbook fetch". */
  wonde: z.string().regex(/^\w+$/, "expected the id that Wonde gives the school").optional(),
  /** The file of its attendance policy, if not the trust's. */
  policy: z.string().min(1).optional(),
});

const HALF_TERMS = ["autumn 1", "autumn 2", "spring 1", "spring 2", "summer 1", "summer 2"] as const;

const Calendar = z
  .strictObject({
    school_year: schoolYear,
    /** The schools that keep it, by URN. Without it: every school that no other calendar of the year names. */
    schools: z.array(z.int()).min(1).optional(),
    half_terms: z.record(z.enum(HALF_TERMS), z.tuple([day, day])),
    /** Days on which no session is held, bank holidays and others. */
    closed: z.array(day).default([]),
    /** Days on which staff are trained and no session is held. */
    inset: z.array(day).default([]),
  })
  .superRefine((calendar, context) => {
    const edges = HALF_TERMS.flatMap((name) => calendar.half_terms[name]);
    const [first, last] = schoolYearEdges(calendar.school_year);
    if (edges.some((edge, i) => edge < (edges[i - 1] ?? first) || edge > last)) {
      context.addIssue(`expected the half terms of ${calendar.school_year} one after another, ${first} to ${last}`);
    }
    const without = [...calendar.closed, ...calendar.inset];
    for (const held of new Set(without.filter((held) => held < first || held > last))) {
      context.addIssue(
        `expected the days without school of ${calendar.school_year} from ${first} to ${last}, not ${held}`,
      );
    }
    for (const held of repeated(without)) {
      context.addIssue(`expected each day without school once, as closed or INSET, but ${held} stands twice`);
    }
  });

const ProjectFile = z
  .strictObject({
    trust: z.string().min(1),
    /** The file of its logo, which stands on every page: an SVG or PNG. */
    logo: z.string().min(1).optional(),
    /** The last day that figures count. Without it: the day of the newest mark. */
    as_at: day.optional(),
    /** How dates are written in the register files. Without it: yyyy-mm-dd, or dd/mm/yyyy where a whole file proves it. */
    dates: z.enum(["yyyy-mm-dd", "dd/mm/yyyy", "excel serial"]).optional(),
    registers: z.string().default("registers"),
    data: z.string().default("data"),
    site: z.string().default("site"),
    /** The file of the trust's attendance policy, for every school without its own. */
    policy: z.string().min(1).optional(),
    schools: z.array(School).min(1),
    /** Without them, every school year's half terms and closed days are derived from its registers. */
    calendars: z.array(Calendar).min(1).optional(),
    /** How many pupils a group must have for the board to see it: more than `models/rules/disclosure.csv` asks for, never fewer. */
    disclosure: z.strictObject({ minimum_pupils: z.int().min(1) }).optional(),
    /** For `rollbook build --engine trino`: the catalog that the lake is in, and what the cluster calls the data folder. */
    trino: z
      .strictObject({
        catalog: z.string().regex(/^\w+$/, "expected the name of a catalog, like lake").default("lake"),
        location: z
          .string()
          .regex(/^[a-z][a-z0-9]*:\/\/\S*$/, "expected a location like s3://bucket/rollbook/data or local:///"),
      })
      .optional(),
    /** Whether the school years that no calendar is for are derived from registers. True where there are no calendars. */
    derive_calendars: z.boolean().optional(),
  })
  .superRefine(({ calendars = [], ...project }, context) => {
    if (calendars.length === 0 && project.derive_calendars === false) {
      context.addIssue("expected calendars, or derive_calendars: true to derive them from the registers");
    }
    for (const urn of repeated(project.schools.map((school) => school.urn))) {
      context.addIssue(`expected each school once, but URN ${urn} stands twice`);
    }
    const names = project.schools.flatMap((school) => [...new Set([school.name, ...school.known_as])]);
    for (const name of repeated(names.map((known) => known.toLowerCase()))) {
      context.addIssue(`expected a name to stand for one school, but two are known as ${name}`);
    }
    const urns = project.schools.map(({ urn }) => urn);
    for (const { school_year, schools = [] } of calendars) {
      for (const urn of schools.filter((urn) => !urns.includes(urn))) {
        context.addIssue(
          `expected the calendars to name schools of the trust, but that of ${school_year} names ${urn}`,
        );
      }
    }
    const kept = calendars.flatMap(({ school_year, schools }) =>
      (schools ?? ["all other schools"]).map((school) => `${school_year} of ${school}`),
    );
    for (const calendar of repeated(kept)) {
      context.addIssue(`expected one calendar for each school year and school, but ${calendar} stands twice`);
    }
  })
  .transform(({ calendars = [], ...project }) => ({
    ...project,
    calendars,
    derive_calendars: project.derive_calendars ?? calendars.length === 0,
  }));

/** What `rollbook.yaml` says, with every folder resolved against the project's own. */
export type Project = z.infer<typeof ProjectFile> & { dir: string };
export type DateFormat = NonNullable<Project["dates"]>;

/** Reads the project of a folder: its trust, schools, calendars and where its files are. */
export function readProject(dir: string): Project {
  const file = path.resolve(dir, PROJECT_FILE);
  if (!fs.existsSync(file)) {
    throw new RollbookError(
      `No ${PROJECT_FILE} in ${path.resolve(dir)}: name the project's folder with --project, or make a sample trust with "rollbook sample <dir>"`,
    );
  }
  const result = ProjectFile.safeParse(readYaml(file));
  if (!result.success) {
    const problems = result.error.issues.map((issue) =>
      [`  ${PROJECT_FILE}`, issue.path.join("."), issue.message].filter(Boolean).join(": "),
    );
    throw new RollbookError([`${PROJECT_FILE} cannot be used:`, ...problems].join("\n"));
  }
  const root = path.dirname(file);
  const { registers, data, site } = result.data;
  return {
    ...result.data,
    dir: root,
    registers: path.resolve(root, registers),
    data: path.resolve(root, data),
    site: path.resolve(root, site),
  };
}

/** The calendars that a school keeps: those that name it, and for other years those that name no school. */
export function calendarsOf({ calendars }: Pick<Project, "calendars">, urn: number): Project["calendars"] {
  const own = calendars.filter(({ schools }) => schools?.includes(urn));
  const shared = calendars.filter(({ schools }) => schools === undefined);
  return [...own, ...shared.filter(({ school_year }) => !own.some((calendar) => calendar.school_year === school_year))];
}

/**
 * The school years that marks are taken in for, in order: those that any calendar is for, and where calendars are derived
 * also the one that a day is in and the six before it. Entries of a register are kept for six years; what is older or lies
 * ahead is more likely a date read wrongly.
 *
 * @param on the day that files come, or the instant, as ISO text
 */
export function schoolYearsOf(
  { calendars, derive_calendars }: Pick<Project, "calendars" | "derive_calendars">,
  on: string,
): string[] {
  const starts = Number(on.slice(0, 4)) - (on.slice(5, 7) < "08" ? 1 : 0);
  const derived = derive_calendars ? Array.from({ length: YEARS_KEPT + 1 }, (_, i) => starts - YEARS_KEPT + i) : [];
  const names = derived.map((year) => `${year}/${String((year + 1) % 100).padStart(2, "0")}`);
  return [...new Set([...calendars.map(({ school_year }) => school_year), ...names])].sort();
}

/** The first and last day of a school year, which runs from 1 August: the first term beginning after July opens it. */
export function schoolYearEdges(schoolYear: string): [first: string, last: string] {
  const start = Number(schoolYear.slice(0, 4));
  return [`${start}-08-01`, `${start + 1}-07-31`];
}

/** Whether a folder holds a project. */
export function isProject(dir: string): boolean {
  return fs.existsSync(path.resolve(dir, PROJECT_FILE));
}

// --- internal ---

function readYaml(file: string): unknown {
  try {
    return parse(fs.readFileSync(file, "utf8"));
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw new RollbookError(`${file} cannot be read: expected a text file`);
    const line = error.linePos?.[0].line ?? 1;
    throw new RollbookError(`${PROJECT_FILE}, line ${line}: expected YAML that can be read (${error.code})`);
  }
}

function repeated<T>(values: T[]): T[] {
  return [...new Set(values.filter((value, i) => values.indexOf(value) !== i))];
}
