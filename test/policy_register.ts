import type { DuckDBConnection } from "@duckdb/node-api";
import { rows } from "../ingest/duckdb.ts";
import { type PolicyRows, readPolicies, writePolicies } from "../ingest/policies.ts";
import { buildModels } from "../models/build.ts";
import { insertRaw, modelsFor } from "./raw_rows.ts";

const URN = 100001;
const HALF_TERMS = ["autumn 1", "autumn 2", "spring 1", "spring 2", "summer 1", "summer 2"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SESSIONS = ["AM", "PM"] as const;
const PRESENT = { AM: "/", PM: "\\" } as const;

type Phase = "Primary" | "Secondary" | "Special";
type Session = (typeof SESSIONS)[number];

/** A rule that a pupil meets: the line of a list. Days are like 2024-09-02. */
export interface Met {
  pupil: string;
  rule: string;
  metOn: string;
  sessions: number;
  isActive: boolean;
}

/** A pupil who does not meet a rule, and the mark that would be enough: "I 25 Oct pm". */
export interface NearMiss {
  pupil: string;
  rule: string;
  oneMore: string;
}

/** A worked register of `policies/*.test.md`: a calendar, who was absent when, and the lists that follow. */
export interface PolicyRegister {
  phase: Phase;
  asAt: string;
  schoolYear: string;
  halfTerms: { name: string; startsOn: string; endsOn: string }[];
  closed: string[];
  pupils: { pupil: string; year: string; absences: string }[];
  expected: Met[];
  national: Met[];
  nearMisses: NearMiss[];
}

/**
 * Reads a worked register. Every table must have its own columns and no others, and every cell what it asks for.
 *
 * @throws {Error} with the line of the file that cannot be read
 */
export function readRegister(text: string): PolicyRegister {
  const calendar = section(text, "Calendar");
  const halfTerms = table(calendar, ["half term", "first day", "last day"]).map(
    ([name = "", first = "", last = ""]) => {
      if (!HALF_TERMS.includes(name)) throw new Error(`no half term: ${name}`);
      return { name, startsOn: dayWithYear(first), endsOn: dayWithYear(last) };
    },
  );
  const starts = halfTerms[0]?.startsOn.slice(0, 4);
  if (starts === undefined) throw new Error("expected a half term");
  const phase = line(calendar, "Phase");
  if (phase !== "Primary" && phase !== "Secondary" && phase !== "Special") throw new Error(`no phase: ${phase}`);
  const firstYear = Number(starts);
  const met = (heading: string) =>
    table(section(text, heading), ["pupil", "rule", "met on", "sessions", "active"]).map(
      ([pupil = "", rule = "", on = "", sessions = "", active = ""]) => {
        if (!/^\d+$/.test(sessions) || (active !== "yes" && active !== "no")) {
          throw new Error(`expected a number of sessions and yes or no: ${pupil}, ${rule}`);
        }
        return { pupil, rule, metOn: dayIn(on, firstYear), sessions: Number(sessions), isActive: active === "yes" };
      },
    );
  return {
    phase,
    asAt: dayWithYear(line(calendar, "As at")),
    schoolYear: `${firstYear}/${(firstYear + 1) % 100}`,
    halfTerms,
    closed: listed(line(calendar, "Closed"), ", ").map(dayWithYear),
    pupils: table(section(text, "Register"), ["pupil", "year", "absences"]).map(
      ([pupil = "", year = "", absences = ""]) => ({ pupil, year, absences }),
    ),
    expected: met("Expected"),
    national: met("National duties"),
    nearMisses: table(section(text, "Near misses"), ["pupil", "rule", "with one more"]).map(
      ([pupil = "", rule = "", oneMore = ""]) => ({ pupil, rule, oneMore }),
    ),
  };
}

/** The school whose policy and registers these are, as `rollbook.yaml` would have it. */
export function policyRows(dir: string, policy: string, phase: Phase): PolicyRows {
  const place = { local_authority: "Anywhere", la_code: "E08000035", region: "North", region_code: "E12000003" };
  return readPolicies({ dir, policy, schools: [{ urn: URN, name: "A school", phase, known_as: [], ...place }] });
}

/**
 * Runs a policy on its register: who meets which rule, by the policy's own rules and by national duties, and which near
 * misses meet theirs once the one mark more is there.
 *
 * @param db raw tables without rows; it is left as it was
 */
export async function runRegister(
  db: DuckDBConnection,
  policy: PolicyRows,
  register: PolicyRegister,
): Promise<{ own: Met[]; national: Met[]; withOneMore: NearMiss[] }> {
  const { phase, asAt, schoolYear, halfTerms, closed } = register;
  const pupils = [...register.pupils, ...copiesOf(register)];
  const days = schoolDays(register);
  const known = { known_on: days[0] ?? asAt, load_number: 1 };
  await db.run("begin");
  try {
    await insertRaw(db, {
      project: [{ trust_name: "Trust", as_at: asAt }],
      schools: [{ school_urn: URN, school_name: "A school", phase, local_authority: "Anywhere", la_code: "E08000035" }],
      half_terms: halfTerms.map(({ name, startsOn, endsOn }) => ({
        school_urn: URN,
        school_year: schoolYear,
        half_term: name,
        starts_on: startsOn,
        ends_on: endsOn,
      })),
      closed_days: closed.map((day) => ({ school_urn: URN, school_year: schoolYear, closed_on: day, kind: "closed" })),
      pupils: pupils.map(({ pupil, year }, i) => ({
        school_urn: URN,
        pupil_key: pupil,
        year_group: year,
        ...known,
        row_number: i,
      })),
      marks: pupils.flatMap(({ pupil, absences }) => marksOf(pupil, absences, days, Number(schoolYear.slice(0, 4)))),
    });
    await writePolicies(db, "current", policy);
    await buildModels(db, modelsFor(["marts.policy_triggers"]), () => {});
    const met = await rows(
      db,
      `select pupil_key, rule, kind, cast(met_on as varchar) as met_on, sessions::integer as sessions, is_active
    from marts.policy_triggers
    order by met_on, rule`,
    );
    const all = met.map((row) => ({
      isNational: row.kind === "national",
      pupil: String(row.pupil_key),
      rule: String(row.rule),
      metOn: String(row.met_on),
      sessions: Number(row.sessions),
      isActive: row.is_active === true,
    }));
    const order = register.pupils.map(({ pupil }) => pupil);
    const listOf = (isNational: boolean): Met[] =>
      order.flatMap((name) =>
        all
          .filter((one) => one.pupil === name && one.isNational === isNational)
          .map(({ pupil, rule, metOn, sessions, isActive }) => ({ pupil, rule, metOn, sessions, isActive })),
      );
    return {
      own: listOf(false),
      national: listOf(true),
      withOneMore: register.nearMisses.filter(({ pupil, rule, oneMore }) =>
        all.some((one) => one.pupil === copyOf(pupil, oneMore) && one.rule === rule),
      ),
    };
  } finally {
    await db.run("rollback");
  }
}

/** A list in the order of the register, and each pupil's by day and rule. */
export function inOrder(register: PolicyRegister, list: Met[]): Met[] {
  return register.pupils.flatMap(({ pupil }) =>
    list
      .filter((one) => one.pupil === pupil)
      .sort((a, b) => (`${a.metOn} ${a.rule}` < `${b.metOn} ${b.rule}` ? -1 : 1)),
  );
}

/** A list as the register's file has it. */
export function writeList(list: Met[]): string {
  const lines = list.map(({ pupil, rule, metOn, sessions, isActive }) => {
    const day = `${Number(metOn.slice(8))} ${MONTHS[Number(metOn.slice(5, 7)) - 1]}`;
    return `| ${[pupil, rule, day, sessions, isActive ? "yes" : "no"].join(" | ")} |`;
  });
  return ["| pupil | rule | met on | sessions | active |", "| --- | --- | --- | --- | --- |", ...lines].join("\n");
}

// --- internal ---

/** Pupils that are like those who nearly meet a rule, but for one mark more. */
function copiesOf({ pupils, nearMisses }: PolicyRegister): PolicyRegister["pupils"] {
  const named = new Map<string, PolicyRegister["pupils"][number]>();
  for (const { pupil, oneMore } of nearMisses) {
    const original = pupils.find((other) => other.pupil === pupil);
    if (!original) throw new Error(`no pupil of the register: ${pupil}`);
    const copy = copyOf(pupil, oneMore);
    const absences = [original.absences, oneMore].filter((text) => text !== "").join("; ");
    named.set(copy, { ...original, pupil: copy, absences });
  }
  return [...named.values()];
}

function copyOf(pupil: string, oneMore: string): string {
  return `${pupil} with ${oneMore}`;
}

/** Weekdays of the half terms that are not closed, up to the as-at date. */
function schoolDays({ halfTerms, closed, asAt }: PolicyRegister): string[] {
  const days: string[] = [];
  for (const { startsOn, endsOn } of halfTerms) {
    for (let day = new Date(startsOn); iso(day) <= endsOn && iso(day) <= asAt; day.setUTCDate(day.getUTCDate() + 1)) {
      if (day.getUTCDay() % 6 !== 0 && !closed.includes(iso(day))) days.push(iso(day));
    }
  }
  return days;
}

/** A pupil's marks: present, but for the absences that are told, of which a later one stands over one before it. */
function marksOf(pupil: string, absences: string, days: string[], firstYear: number): object[] {
  const told = absences === "" ? [] : absences.split("; ").map((text) => absenceIn(text, firstYear));
  for (const { text, from, to } of told) {
    if (!days.includes(from.day) || !days.includes(to.day)) throw new Error(`${pupil}: no school on an end of ${text}`);
  }
  return days.flatMap((day) =>
    SESSIONS.map((session) => {
      const at = `${day} ${session}`;
      const absence = told.findLast(
        ({ from, to }) => `${from.day} ${from.session}` <= at && at <= `${to.day} ${to.session}`,
      );
      return {
        school_urn: URN,
        pupil_key: pupil,
        session_date: day,
        session,
        code: absence?.code ?? PRESENT[session],
        is_deleted: false,
        load_number: 1,
      };
    }),
  );
}

/** "I 8 Sep - 10 Sep", "O 12 Sep pm", "C 3 Oct pm - 7 Oct am": a code, the first session and the last. */
function absenceIn(text: string, firstYear: number) {
  const [, code = "", first = "", firstHalf, last, lastHalf] =
    text.match(/^([A-Z]\d?) (\d+ [A-Z][a-z]+)(?: (am|pm))?(?: - (\d+ [A-Z][a-z]+)(?: (am|pm))?)?$/) ?? [];
  if (code === "") throw new Error(`expected an absence like "I 8 Sep - 10 Sep" or "O 12 Sep pm": ${text}`);
  const half = (word: string | undefined, otherwise: Session): Session =>
    word === undefined ? otherwise : word === "am" ? "AM" : "PM";
  const to = last === undefined ? (firstHalf ?? undefined) : lastHalf;
  return {
    text,
    code,
    from: { day: dayIn(first, firstYear), session: half(firstHalf, "AM") },
    to: { day: dayIn(last ?? first, firstYear), session: half(to, "PM") },
  };
}

function section(text: string, heading: string): string {
  const found = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (found === undefined) throw new Error(`expected a section ${heading}`);
  return found;
}

/** What stands after a word and a colon on a line of its own. */
function line(text: string, word: string): string {
  const found = text.match(new RegExp(`^${word}: (.+)$`, "m"))?.[1];
  if (found === undefined) throw new Error(`expected a line that begins ${word}:`);
  return found.trim();
}

function listed(text: string, between: string): string[] {
  return text === "none" ? [] : text.split(between);
}

function table(text: string, columns: string[]): string[][] {
  const [header = [], , ...cells] = text
    .split("\n")
    .filter((row) => row.startsWith("|"))
    .map((row) =>
      row
        .slice(1, row.lastIndexOf("|"))
        .split("|")
        .map((cell) => cell.trim()),
    );
  if (header.length > 0 && header.join("|") !== columns.join("|")) {
    throw new Error(`expected the columns ${columns.join(", ")}, not ${header.join(", ")}`);
  }
  const uneven = cells.find((row) => row.length !== columns.length);
  if (uneven) throw new Error(`expected ${columns.length} cells: ${uneven.join(" | ")}`);
  return cells;
}

/** "2 Sep" in a school year that starts in this one. */
function dayIn(text: string, firstYear: number): string {
  const month = MONTHS.indexOf(text.split(" ")[1] ?? "");
  return dayWithYear(`${text} ${month < 7 ? firstYear + 1 : firstYear}`);
}

function dayWithYear(text: string): string {
  const [, day = "", name = "", year = ""] = text.match(/^(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})$/) ?? [];
  const month = MONTHS.indexOf(name);
  const date = new Date(Date.UTC(Number(year), month, Number(day)));
  if (year === "" || month < 0 || date.getUTCDate() !== Number(day)) throw new Error(`no day: ${text}`);
  return iso(date);
}

function iso(date: Date): string {
  return date.toISOString().slice(0, 10);
}
