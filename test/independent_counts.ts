/**
 * Attendance as DfE's methodology words it, counted row by row in plain TypeScript and whole numbers: a second opinion on
 * the models. Nothing here is taken from their SQL or from the rules' CSV files, so that a slip there cannot be here too.
 */

/** What a warehouse is built from, as rows of the raw tables. Dates and times are ISO text; codes are in force on their day. */
export interface RegisterRows {
  /** The schools of the trust: marks of others count nowhere. */
  schools: { school_urn: number; phase: string }[];
  half_terms: { school_urn: number; school_year: string; half_term: string; starts_on: string; ends_on: string }[];
  pupils: {
    school_urn: number;
    pupil_key: string;
    year_group: string | null;
    entered_on: string | null;
    left_on: string | null;
    born_on: string | null;
    known_on: string;
    sex: string | null;
    load_number: number;
    row_number: number;
  }[];
  marks: {
    school_urn: number;
    pupil_key: string;
    session_date: string;
    session: "AM" | "PM";
    code: string;
    known_at: string;
    is_deleted: boolean;
    load_number: number;
    /** Null where a file that covers the day leaves the mark out. */
    row_number: number | null;
  }[];
}

export interface Sessions {
  sessions_possible: number;
  sessions_attended: number;
  sessions_absent: number;
  sessions_authorised: number;
  sessions_unauthorised: number;
  sessions_late_before_close: number;
  sessions_late_after_close: number;
}

interface Period {
  school_year: string;
  period_type: string;
  period: string;
  starts_on: string;
  ends_on: string;
}

/** A row of `marts.pupil_attendance`. */
export interface PupilCounts extends Sessions {
  school_urn: number;
  pupil_key: string;
  school_year: string;
  period_type: string;
  period: string;
  basis: string;
  percent_attendance: number;
  is_persistent: boolean;
  is_severe: boolean;
  dfe_band: string;
  has_minimum_sessions: boolean;
}

/** A row of `marts.school_attendance`: percentages are of whole numbers, unrounded. */
export interface SchoolCounts extends Sessions {
  school_urn: number | null;
  school_year: string;
  period_type: string;
  period: string;
  basis: string;
  breakdown: string;
  group_name: string | null;
  year_group: string | null;
  pupils: number;
  pupils_persistent: number;
  pupils_severe: number;
  percent_attendance: number;
  percent_absence: number;
  percent_persistent: number;
  percent_severe: number;
}

type Kind = "present" | "late" | "activity" | "authorised" | "unauthorised" | "late after close" | "not possible";
type Pupil = RegisterRows["pupils"][number];
type Mark = RegisterRows["marks"][number];
type HalfTerm = RegisterRows["half_terms"][number];

const NEW_CODES_FROM = "2024-08-19";
/** Codes by what they count as, before and since 19 August 2024. */
const KINDS: Record<"before" | "since", [Kind, string][]> = {
  before: [
    ["present", "/ \\"],
    ["late", "L"],
    ["activity", "B J P V W"],
    ["authorised", "C E H I M R S T"],
    ["unauthorised", "G N O"],
    ["late after close", "U"],
    ["not possible", "D X Y Z # -"],
  ],
  since: [
    ["present", "/ \\"],
    ["late", "L"],
    ["activity", "K V P W B"],
    ["authorised", "C1 M J1 S C2 C T R I E"],
    ["unauthorised", "G N O"],
    ["late after close", "U"],
    ["not possible", "D X Q Y1 Y2 Y3 Y4 Y5 Y6 Y7 Z # -"],
  ],
};
const KIND_OF = {
  before: new Map(KINDS.before.flatMap(([kind, codes]) => codes.split(" ").map((code) => [code, kind] as const))),
  since: new Map(KINDS.since.flatMap(([kind, codes]) => codes.split(" ").map((code) => [code, kind] as const))),
};

/** The codes that a register may hold on a day. */
export function codesOn(date: string): string[] {
  return [...KIND_OF[date < NEW_CODES_FROM ? "before" : "since"].keys()];
}

const YEAR_GROUPS = ["N", "R", ...Array.from({ length: 14 }, (_, i) => String(i + 1))];
const FEWEST_DFE_ENROLMENTS = 6;
const EVERYONE = "everyone on roll";
const DFE = "as DfE publishes";

/** Every row that the two marts should have, in no order. */
export function countAttendance(
  register: RegisterRows,
  asAt: string,
): { pupils: PupilCounts[]; schools: SchoolCounts[] } {
  const extracts = grouped(register.pupils, ({ school_urn, pupil_key }) => `${school_urn} ${pupil_key}`);
  const marksOf = grouped(register.marks, ({ school_urn }) => String(school_urn));
  const halfTermsOf = grouped(register.half_terms, ({ school_urn }) => String(school_urn));
  const reportedUpTo = lastFinishedHalfTerm(register.half_terms, asAt);
  const enrolments: { counts: PupilCounts; known: PupilYear; phase: string }[] = [];

  for (const { school_urn, phase } of register.schools) {
    const halfTerms = halfTermsOf.get(String(school_urn)) ?? [];
    const periods = periodsOf(halfTerms, asAt, reportedUpTo);
    const atSchool: { counts: PupilCounts; known: PupilYear; phase: string }[] = [];
    for (const [pupil_key, stated] of grouped(marksOf.get(String(school_urn)) ?? [], (mark) => mark.pupil_key)) {
      const told = extracts.get(`${school_urn} ${pupil_key}`) ?? [];
      const spells = spellsOf(told);
      const isOnRoll = (day: string) =>
        spells.length === 0 || spells.some(({ entered_on, left_on }) => entered_on <= day && day <= left_on);
      const standing = standingMarks(stated).filter(({ session_date }) => isOnRoll(session_date));

      for (const period of periods) {
        const within = standing.filter(({ session_date: day }) => period.starts_on <= day && day <= period.ends_on);
        if (within.length === 0) continue;
        const known = pupilIn(told, period.school_year);
        const halfTerm6 = halfTerms.find((h) => h.school_year === period.school_year && h.half_term === "summer 2");
        // the statistics are of one school year: whoever was here in years before and comes back is first enrolled again
        const [firstDay, lastDay] = schoolYearDays(period.school_year);
        const first = spells
          .filter(({ entered_on, left_on }) => entered_on <= lastDay && left_on >= firstDay)
          .map(({ entered_on }) => entered_on)
          .sort()[0];
        const cameInHalfTerm6 = halfTerm6 !== undefined && first !== undefined && first >= halfTerm6.starts_on;
        const isOfAge = known.age === null || (known.age >= 5 && known.age <= 15);
        const forDfe =
          cameInHalfTerm6 || !isOfAge
            ? []
            : within.filter(
                ({ session_date }) => known.age !== 15 || halfTerm6 === undefined || session_date < halfTerm6.starts_on,
              );
        for (const [basis, counted] of [
          [EVERYONE, within],
          [DFE, forDfe],
        ] as const) {
          const sessions = sessionsOf(counted);
          if (sessions.sessions_possible === 0) continue;
          const { school_year, period_type, period: name } = period;
          const counts = judged({ school_urn, pupil_key, school_year, period_type, period: name, basis }, sessions);
          atSchool.push({ counts, known, phase });
        }
      }
    }
    // a school is small or not for the whole year, whoever has sessions in a part of it
    const sizes = new Map<string, number>();
    for (const { counts } of atSchool) {
      if (counts.basis !== DFE || counts.period_type !== "year") continue;
      sizes.set(counts.school_year, (sizes.get(counts.school_year) ?? 0) + 1);
    }
    enrolments.push(
      ...atSchool.filter(
        ({ counts }) => counts.basis !== DFE || (sizes.get(counts.school_year) ?? 0) >= FEWEST_DFE_ENROLMENTS,
      ),
    );
  }
  return { pupils: enrolments.map(({ counts }) => counts), schools: pooled(enrolments) };
}

// --- internal ---

const HALF_TERMS = ["autumn 1", "autumn 2", "spring 1", "spring 2", "summer 1", "summer 2"];

interface PupilYear {
  /** Whole years on 31 August of the school year; null if neither birthday nor year group is known. */
  age: number | null;
  year_group: string | null;
  sex: string | null;
}

export function grouped<T>(all: T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group) group.push(one);
    else groups.set(keyOf(one), [one]);
  }
  return groups;
}

function periodKey({ school_year, period_type, period, basis }: PupilCounts): string {
  return `${basis}|${school_year}|${period_type}|${period}`;
}

/** Of all that was said of a session the last stands: by moment, then file, then row; a row that is only left out is first. */
export function standingMarks(stated: Mark[]): Mark[] {
  const last = new Map<string, Mark>();
  for (const mark of stated) {
    const key = `${mark.session_date} ${mark.session}`;
    const before = last.get(key);
    if (before === undefined || isLater(mark, before)) last.set(key, mark);
  }
  return [...last.values()].filter(({ is_deleted }) => !is_deleted);
}

function isLater(a: Mark, b: Mark): boolean {
  if (a.known_at !== b.known_at) return a.known_at > b.known_at;
  if (a.load_number !== b.load_number) return a.load_number > b.load_number;
  return (a.row_number ?? 0) > (b.row_number ?? 0);
}

/** The newest extract is believed from its first spell on; older ones tell of the time before, and end where it begins. */
export function spellsOf(told: Pupil[]): { entered_on: string; left_on: string }[] {
  const entered = told.flatMap((row) => (row.entered_on === null ? [] : [{ ...row, entered_on: row.entered_on }]));
  const extracts = [...grouped(entered, ({ known_on, load_number }) => `${known_on} ${load_number}`).entries()]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([, rows]) => rows);
  const spells: { entered_on: string; left_on: string }[] = [];
  let firstTold = "9999-12-31";
  for (const rows of extracts) {
    const limit = firstTold;
    for (const { entered_on, left_on } of rows) {
      if (entered_on >= limit) continue;
      const lastDay = limit === "9999-12-31" ? limit : dayAfter(limit, -1);
      spells.push({ entered_on, left_on: left_on !== null && left_on < lastDay ? left_on : lastDay });
      if (entered_on < firstTold) firstTold = entered_on;
    }
  }
  return spells;
}

/** Each characteristic as told last in that school year, or else in the nearest year that tells it, the later of two. */
export function pupilIn(told: Pupil[], schoolYear: string): PupilYear {
  const year = startYear(schoolYear);
  const nearest = (column: "year_group" | "sex" | "born_on") =>
    told
      .filter((row) => row[column] !== null)
      .sort((a, b) => {
        const [yearA, yearB] = [startYearOn(a.known_on), startYearOn(b.known_on)];
        const [farA, farB] = [Math.abs(yearA - year), Math.abs(yearB - year)];
        if (farA !== farB) return farA - farB;
        if (a.known_on !== b.known_on) return a.known_on > b.known_on ? -1 : 1;
        return (a.entered_on ?? "") > (b.entered_on ?? "") ? -1 : 1;
      })[0];
  const group = nearest("year_group");
  const moved = group ? YEAR_GROUPS.indexOf(group.year_group ?? "") + year - startYearOn(group.known_on) : -1;
  const year_group = YEAR_GROUPS[moved] ?? null;
  const born = nearest("born_on")?.born_on ?? null;
  const age =
    born !== null
      ? year - Number(born.slice(0, 4)) - (born.slice(5) > "08-31" ? 1 : 0)
      : year_group === null
        ? null
        : moved + 3; // nursery is three years old on 31 August, Reception four, Year 1 five
  return { age, year_group, sex: nearest("sex")?.sex ?? null };
}

/** Terms and half terms run until the next one starts, the first from 1 August and the last to 31 July. */
export function periodsOf(halfTerms: HalfTerm[], asAt: string, reportedUpTo: string | undefined): Period[] {
  const periods: Period[] = [];
  for (const [school_year, inYear] of grouped(halfTerms, (half) => half.school_year)) {
    const [first, last] = schoolYearDays(school_year);
    const add = (period_type: string, period: string, starts_on: string, until: string) => {
      const ends_on = [until, asAt, last].sort()[0] ?? until;
      if (starts_on <= ends_on) periods.push({ school_year, period_type, period, starts_on, ends_on });
    };
    add("year", school_year, first, last);
    const inOrder = [...inYear].sort((a, b) => (a.starts_on < b.starts_on ? -1 : 1));
    const run = (period_type: string, named: { name: string; starts_on: string }[]) =>
      named.forEach(({ name, starts_on }, i) => {
        const next = named[i + 1];
        const until = next ? dayAfter(next.starts_on, -1) : last;
        add(period_type, name, i === 0 ? first : starts_on, until);
        if (name === reportedUpTo) add("to_half_term", `to ${name}`, first, until);
      });
    run(
      "half_term",
      inOrder.map(({ half_term, starts_on }) => ({ name: half_term, starts_on })),
    );
    run(
      "term",
      inOrder
        .filter(({ half_term }) => half_term.endsWith(" 1"))
        .map(({ half_term, starts_on }) => ({ name: half_term.slice(0, -2), starts_on })),
    );

    const yearsBack = startYearOn(asAt) - startYear(school_year);
    if (yearsBack < 0) continue;
    const { week, until } = sameWeekday(asAt, yearsBack);
    add("year_to_date", `to week ${week}`, first, until);
    const weeks = new Set<string>();
    for (const { starts_on, ends_on } of inYear) {
      for (let monday = mondayOf(starts_on); monday <= ends_on; monday = dayAfter(monday, 7)) weeks.add(monday);
    }
    const fifthLast = [...weeks]
      .filter((monday) => monday <= until)
      .sort()
      .slice(-5)[0];
    if (fifthLast !== undefined) {
      add("last_five_weeks", `to week ${week}`, later(fifthLast, first), until);
    }
  }
  return periods;
}

/** The last half term of the current school year that is over at every school; nothing if none is. */
export function lastFinishedHalfTerm(halfTerms: RegisterRows["half_terms"], asAt: string): string | undefined {
  const current = halfTerms.filter(({ school_year }) => startYear(school_year) === startYearOn(asAt));
  const schools = new Set(current.map(({ school_urn }) => school_urn));
  return HALF_TERMS.filter((name) => {
    const over = current.filter(({ half_term, ends_on }) => half_term === name && ends_on <= asAt);
    return over.length > 0 && over.length === schools.size;
  }).at(-1);
}

export function sessionsOf(marks: Mark[]): Sessions {
  let [present, late, activity, authorised, unauthorised, lateAfterClose] = [0, 0, 0, 0, 0, 0];
  for (const { session_date, code } of marks) {
    const kind = KIND_OF[session_date < NEW_CODES_FROM ? "before" : "since"].get(code);
    if (kind === undefined) throw new Error(`${code} is no code on ${session_date}`);
    if (kind === "present") present++;
    if (kind === "late") late++;
    if (kind === "activity") activity++;
    if (kind === "authorised") authorised++;
    if (kind === "unauthorised") unauthorised++;
    if (kind === "late after close") lateAfterClose++;
  }
  const attended = present + late + activity;
  const absent = authorised + unauthorised + lateAfterClose;
  return {
    sessions_possible: attended + absent,
    sessions_attended: attended,
    sessions_absent: absent,
    sessions_authorised: authorised,
    sessions_unauthorised: unauthorised + lateAfterClose,
    sessions_late_before_close: late,
    sessions_late_after_close: lateAfterClose,
  };
}

function judged(
  of: Pick<PupilCounts, "school_urn" | "pupil_key" | "school_year" | "period_type" | "period" | "basis">,
  sessions: Sessions,
): PupilCounts {
  const { sessions_possible: possible, sessions_absent: absent } = sessions;
  const twentieths = Math.floor((absent * 20) / possible);
  return {
    ...of,
    ...sessions,
    percent_attendance: (100 * sessions.sessions_attended) / possible,
    is_persistent: absent * 10 >= possible,
    is_severe: absent * 2 >= possible,
    dfe_band: twentieths >= 10 ? "50+" : `${twentieths * 5}-${twentieths * 5 + 5}`,
    has_minimum_sessions: possible >= 20,
  };
}

/** Every enrolment counts once at its school and once in the trust, whatever the pupil does elsewhere. */
function pooled(enrolments: { counts: PupilCounts; known: PupilYear; phase: string }[]): SchoolCounts[] {
  const cells = new Map<string, SchoolCounts>();
  for (const { counts, known, phase } of enrolments) {
    const groups: [string, string | null][] = [
      ["all", null],
      ["year_group", known.year_group ?? "unknown"],
      ["sex", known.sex ?? "unknown"],
    ];
    for (const school_urn of [counts.school_urn, null]) {
      // a school has one phase: only the trust is split by it
      for (const [breakdown, group_name] of school_urn === null ? [...groups, ["phase", phase] as const] : groups) {
        const key = `${school_urn}|${periodKey(counts)}|${breakdown}|${group_name}`;
        const cell = cells.get(key) ?? emptyCell(counts, school_urn, breakdown, group_name);
        cells.set(key, cell);
        for (const column of SESSION_COLUMNS) cell[column] += counts[column];
        cell.pupils++;
        if (counts.is_persistent) cell.pupils_persistent++;
        if (counts.is_severe) cell.pupils_severe++;
      }
    }
  }
  for (const cell of cells.values()) {
    cell.percent_attendance = (100 * cell.sessions_attended) / cell.sessions_possible;
    cell.percent_absence = (100 * cell.sessions_absent) / cell.sessions_possible;
    cell.percent_persistent = (100 * cell.pupils_persistent) / cell.pupils;
    cell.percent_severe = (100 * cell.pupils_severe) / cell.pupils;
  }
  return [...cells.values()];
}

const SESSION_COLUMNS = [
  "sessions_possible",
  "sessions_attended",
  "sessions_absent",
  "sessions_authorised",
  "sessions_unauthorised",
  "sessions_late_before_close",
  "sessions_late_after_close",
] as const;

function emptyCell(
  { school_year, period_type, period, basis }: PupilCounts,
  school_urn: number | null,
  breakdown: string,
  group_name: string | null,
): SchoolCounts {
  return {
    school_urn,
    school_year,
    period_type,
    period,
    basis,
    breakdown,
    group_name,
    year_group: breakdown === "year_group" ? group_name : null,
    ...sessionsOf([]),
    pupils: 0,
    pupils_persistent: 0,
    pupils_severe: 0,
    percent_attendance: 0,
    percent_absence: 0,
    percent_persistent: 0,
    percent_severe: 0,
  };
}

export function startYear(schoolYear: string): number {
  return Number(schoolYear.slice(0, 4));
}

export function schoolYearDays(schoolYear: string): [first: string, last: string] {
  const year = startYear(schoolYear);
  return [`${year}-08-01`, `${year + 1}-07-31`];
}

export function startYearOn(day: string): number {
  return Number(day.slice(0, 4)) - (day.slice(5) < "08-01" ? 1 : 0);
}

/** The day that is `days` later. */
export function dayAfter(day: string, days = 1): string {
  return new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);
}

/** The later of two days. */
export function later(a: string, b: string): string {
  return [a, b].sort()[1] ?? b;
}

function weekday(day: string): number {
  return (new Date(day).getUTCDay() + 6) % 7;
}

function mondayOf(day: string): string {
  return dayAfter(day, -weekday(day));
}

/** The day of the same weekday in the same numbered week, so many years before. A week is of the year its Thursday is in. */
function sameWeekday(day: string, yearsBack: number): { week: number; until: string } {
  const thursday = dayAfter(mondayOf(day), 3);
  const weekYear = Number(thursday.slice(0, 4));
  const firstMonday = (year: number) => mondayOf(`${year}-01-04`);
  const days = (Date.parse(mondayOf(day)) - Date.parse(firstMonday(weekYear))) / 86_400_000;
  return { week: days / 7 + 1, until: dayAfter(firstMonday(weekYear - yearsBack), days + weekday(day)) };
}
