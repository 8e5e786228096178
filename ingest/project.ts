import fs from "node:fs";
import path from "node:path";
import { parse, YAMLParseError } from "yaml";
import * as z from "zod";
import { RollbookError } from "./errors.ts";

const PROJECT_FILE = "rollbook.yaml";

const day = z.iso.date("expected a date like 2025-09-01");
const schoolYear = z
  .string()
  .regex(/^20\d\d\/\d\d$/, "expected a school year like 2025/26")
  .refine(
    (year) => (Number(year.slice(2, 4)) + 1) % 100 === Number(year.slice(5)),
    "expected two years that follow each other",
  );

const School = z.strictObject({
  urn: z.int("expected a URN: six digits").min(100000).max(999999),
  name: z.string().min(1),
  phase: z.enum(["Primary", "Secondary", "Special"]),
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
});

const HALF_TERMS = ["autumn 1", "autumn 2", "spring 1", "spring 2", "summer 1", "summer 2"] as const;

const Calendar = z
  .strictObject({
    school_year: schoolYear,
    half_terms: z.record(z.enum(HALF_TERMS), z.tuple([day, day])),
    closed: z.array(day).default([]),
  })
  .superRefine((calendar, context) => {
    const edges = HALF_TERMS.flatMap((name) => calendar.half_terms[name]);
    const first = `${calendar.school_year.slice(0, 4)}-08-01`;
    const last = `${Number(calendar.school_year.slice(0, 4)) + 1}-07-31`;
    if (edges.some((edge, i) => edge < (edges[i - 1] ?? first) || edge > last)) {
      context.addIssue(`expected the half terms of ${calendar.school_year} one after another, ${first} to ${last}`);
    }
  });

const ProjectFile = z
  .strictObject({
    trust: z.string().min(1),
    /** The last day that figures count. Without it: the day of the newest mark. */
    as_at: day.optional(),
    /** How dates are written in the register files. Without it: yyyy-mm-dd, or dd/mm/yyyy where a whole file proves it. */
    dates: z.enum(["yyyy-mm-dd", "dd/mm/yyyy", "excel serial"]).optional(),
    registers: z.string().default("registers"),
    data: z.string().default("data"),
    site: z.string().default("site"),
    schools: z.array(School).min(1),
    calendars: z.array(Calendar).min(1),
  })
  .superRefine((project, context) => {
    for (const urn of repeated(project.schools.map((school) => school.urn))) {
      context.addIssue(`expected each school once, but URN ${urn} stands twice`);
    }
    const names = project.schools.flatMap((school) => [...new Set([school.name, ...school.known_as])]);
    for (const name of repeated(names.map((known) => known.toLowerCase()))) {
      context.addIssue(`expected a name to stand for one school, but two are known as ${name}`);
    }
    for (const year of repeated(project.calendars.map((calendar) => calendar.school_year))) {
      context.addIssue(`expected one calendar for each school year, but ${year} stands twice`);
    }
  });

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
