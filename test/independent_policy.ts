import {
  dayAfter,
  grouped,
  pupilIn,
  type RegisterRows,
  sessionsOf,
  spellsOf,
  standingMarks,
  startYearOn,
} from "./independent_counts.ts";

/**
 * Which pupil has met which rule of a policy, and when, from the words of the rules alone: every week, day and session is
 * gone through one after another in plain TypeScript. A second opinion on the models: nothing is taken from their SQL.
 */

/** What a warehouse is built from where schools have closed days and policies. */
export interface PolicyRegister extends RegisterRows {
  closed_days: { school_urn: number; school_year: string; closed_on: string; kind: "closed" | "inset" }[];
  policy_rules: ({ school_urn: number } & PolicyRule)[];
}

/** A rule, by the columns of `raw.policy_rules`; what has no bearing on its shape is left out. */
export interface PolicyRule {
  rule: string;
  position: number;
  kind: string;
  shape: "consecutive days" | "cumulative" | "rolling" | "unresolved" | "attendance band" | "stage";
  years?: string | null;
  is_compulsory_age?: boolean;
  stage?: string;
  after_stage?: string;
  action?: string;
  codes?: string;
  right_after_codes?: string;
  threshold?: number;
  window_weeks?: number;
  opens_on?: string;
  closes_on?: string;
  is_per_half_term?: boolean;
  ladder?: string;
  step?: number;
  checked?: "weekly" | "fortnightly" | "half-termly";
  minimum_sessions?: number;
  low?: number;
  is_low_closed?: boolean;
  high?: number;
  is_high_closed?: boolean;
  review_weeks?: number;
  is_rise_enough?: boolean;
  improved_low?: number;
  is_improved_low_closed?: boolean;
}

/** One time that a pupil met a rule. Of bands and steps `first_on` is the day of the check. */
export interface Met {
  school_urn: number;
  pupil_key: string;
  rule: string;
  met_on: string;
  first_on: string;
  sessions: number;
  is_active: boolean;
}

/** Every time that a pupil met a rule of the school or one that is the same for all, in no order. */
export function findMet(register: PolicyRegister, forAll: PolicyRule[], asAt: string): Met[] {
  const toldOf = grouped(register.pupils, ofPupil);
  const marksOf = grouped(register.marks, ofPupil);
  const halfTermsOf = grouped(register.half_terms, ({ school_urn }) => String(school_urn));
  const closedOf = grouped(register.closed_days, ({ school_urn }) => String(school_urn));
  const rulesOf = grouped(register.policy_rules, ({ school_urn }) => String(school_urn));
  const schools = new Set(register.schools.map(({ school_urn }) => school_urn));
  const calendars = new Map<number, Calendar>();
  const found: Met[] = [];
  for (const [of, marks] of marksOf) {
    const [first] = marks;
    if (first === undefined || !schools.has(first.school_urn)) continue;
    const { school_urn, pupil_key } = first;
    const calendar =
      calendars.get(school_urn) ??
      calendarOf(halfTermsOf.get(String(school_urn)) ?? [], closedOf.get(String(school_urn)) ?? [], asAt);
    calendars.set(school_urn, calendar);
    const told = toldOf.get(of) ?? [];
    const pupil = pupilOf(told, standingMarks(marks), calendar);
    const rules = [...(rulesOf.get(String(school_urn)) ?? []), ...forAll];
    const checks = weeklyChecks(pupil, calendar);
    const around: Around = { rules, pupil, calendar, checks, found: new Map() };
    for (const rule of rules) {
      for (const time of timesOf(rule, around)) {
        found.push({ school_urn, pupil_key, rule: rule.rule, ...time });
      }
    }
  }
  return found;
}

/**
 * Every session up to which so many lie within so many school weeks: from each one back day by day, until as many weeks
 * with a school day have gone by.
 *
 * @param schoolDays days with school
 * @param missed the day of each session, in order
 */
export function windowsThatHold(
  schoolDays: Set<string>,
  missed: string[],
  { threshold, weeks }: { threshold: number; weeks: number },
): { first_on: string; met_on: string; sessions: number }[] {
  const [firstDay = ""] = [...schoolDays].sort();
  return missed.flatMap((met_on, i) => {
    const gone = new Set<string>();
    let from = met_on;
    for (let day = met_on; day >= firstDay; day = dayAfter(day, -1)) {
      if (schoolDays.has(day)) gone.add(mondayOf(day));
      if (gone.size > weeks) break;
      from = day;
    }
    const within = missed.slice(0, i + 1).filter((day) => day >= from);
    const first_on = missed[i - threshold + 1];
    return within.length < threshold || first_on === undefined ? [] : [{ first_on, met_on, sessions: within.length }];
  });
}

// --- internal ---

type HalfTerm = RegisterRows["half_terms"][number];
type Time = Omit<Met, "school_urn" | "pupil_key" | "rule">;

interface Calendar {
  asAt: string;
  /** Days with school, up to the as-at date, in order. */
  days: string[];
  /** Mondays of the weeks that have one, in order: the place is the number of the school week. */
  weeks: string[];
  /** The last of these days in each of them. */
  lastDays: string[];
  /** The school weeks that are the last of a half term that is over. */
  halfTermEnds: number[];
  /** Half terms in order. */
  halfTerms: HalfTerm[];
}

interface Session {
  day: string;
  session: string;
  code: string;
  isAbsent: boolean;
  isLate: boolean;
  /** The number of its school week, or of the last one before; none of what came before the first. */
  week: number | undefined;
}

interface PupilDay {
  day: string;
  sessions: Session[];
  isWhollyAbsent: boolean;
}

interface Pupil {
  sessions: Session[];
  days: PupilDay[];
  /** What is known of the pupil in the school year that begins in this year. */
  inYear: (year: number) => { age: number | null; year_group: string | null };
}

interface Around {
  rules: PolicyRule[];
  pupil: Pupil;
  calendar: Calendar;
  /** Attendance of the year to date at the end of each school week. */
  checks: Check[];
  /** What was found before, as rules that come after others ask again. */
  found: Map<PolicyRule, Time[]>;
}

function ofPupil({ school_urn, pupil_key }: { school_urn: number; pupil_key: string }): string {
  return `${school_urn} ${pupil_key}`;
}

function calendarOf(halfTerms: HalfTerm[], closed: PolicyRegister["closed_days"], asAt: string): Calendar {
  const shut = new Set(closed.map(({ closed_on }) => closed_on));
  const inOrder = [...halfTerms].sort((a, b) => (a.starts_on < b.starts_on ? -1 : 1));
  const days = inOrder.flatMap(({ starts_on, ends_on }) => {
    const held: string[] = [];
    for (let day = starts_on; day <= ends_on && day <= asAt; day = dayAfter(day)) {
      const weekday = new Date(day).getUTCDay();
      if (weekday !== 0 && weekday !== 6 && !shut.has(day)) held.push(day);
    }
    return held;
  });
  const weeks = [...new Set(days.map(mondayOf))];
  return {
    asAt,
    days,
    weeks,
    lastDays: [...grouped(days, mondayOf).values()].map((held) => held.at(-1) ?? ""),
    halfTermEnds: inOrder.flatMap(({ starts_on, ends_on }) => {
      const last = days.filter((day) => starts_on <= day && day <= ends_on).at(-1);
      return last === undefined || ends_on > asAt ? [] : [weeks.indexOf(mondayOf(last))];
    }),
    halfTerms: inOrder,
  };
}

function pupilOf(told: RegisterRows["pupils"], marks: RegisterRows["marks"], calendar: Calendar): Pupil {
  const spells = spellsOf(told);
  const isOnRoll = (day: string) =>
    spells.length === 0 || spells.some(({ entered_on, left_on }) => entered_on <= day && day <= left_on);
  const sessions = marks
    .filter(({ session_date: day }) => day <= calendar.asAt && isOnRoll(day))
    .flatMap((mark): Session[] => {
      const counts = sessionsOf([mark]);
      if (counts.sessions_possible === 0) return [];
      const { session_date: day, session, code } = mark;
      const isLate = counts.sessions_late_before_close + counts.sessions_late_after_close > 0;
      return [{ day, session, code, isAbsent: counts.sessions_absent > 0, isLate, week: weekOf(calendar, day) }];
    })
    .sort((a, b) => (`${a.day} ${a.session}` < `${b.day} ${b.session}` ? -1 : 1));
  const days = [...grouped(sessions, ({ day }) => day)].map(([day, of]) => ({
    day,
    sessions: of,
    isWhollyAbsent: of.every(({ isAbsent }) => isAbsent),
  }));
  const known = new Map<number, ReturnType<Pupil["inYear"]>>();
  return {
    sessions,
    days,
    inYear: (year) => {
      const one = known.get(year) ?? pupilIn(told, `${year}/`);
      known.set(year, one);
      return one;
    },
  };
}

/** Each time that the pupil met the rule in a school year in which it was for them. */
function timesOf(rule: PolicyRule, around: Around): Time[] {
  const before = around.found.get(rule);
  if (before !== undefined) return before;
  const met = {
    "consecutive days": daysInARow,
    cumulative: sessionsSince,
    rolling: sessionsInWeeks,
    unresolved: unresolved,
    "attendance band": spellsInBand,
    stage: timesAtStep,
  }[rule.shape](rule, around);
  const times = met.filter(({ met_on }) => isFor(rule, around.pupil, startYearOn(met_on)));
  around.found.set(rule, times);
  return times;
}

function isFor({ years, is_compulsory_age }: PolicyRule, pupil: Pupil, year: number): boolean {
  const { age, year_group } = pupil.inYear(year);
  if (is_compulsory_age && age !== null && (age < 5 || age > 15)) return false;
  return !years || (year_group !== null && years.split(" ").includes(year_group));
}

/** The day on which the pupil was first in a stage in a school year. */
function firstInStage(stage: string, year: number, around: Around): string | undefined {
  return around.rules
    .filter((rule) => rule.stage === stage)
    .flatMap((rule) => timesOf(rule, around))
    .map(({ met_on }) => met_on)
    .filter((day) => startYearOn(day) === year)
    .sort()[0];
}

/** Whether what begins on a day, and is met in a school year, comes after the stage that the rule comes after. */
function isAfterStage(rule: PolicyRule, around: Around): (firstOn: string, metOn: string) => boolean {
  const { after_stage } = rule;
  if (after_stage === undefined) return () => true;
  const entered = new Map<number, string | undefined>();
  return (firstOn, metOn) => {
    const year = startYearOn(metOn);
    if (!entered.has(year)) entered.set(year, firstInStage(after_stage, year, around));
    const day = entered.get(year);
    return day !== undefined && firstOn > day;
  };
}

function counted(rule: PolicyRule, { pupil }: Around): Session[] {
  const codes = codesOf(rule.codes);
  return pupil.sessions.filter(
    ({ code, isAbsent, isLate, week }) => codes.includes(code) && (isAbsent || isLate) && week !== undefined,
  );
}

function daysInARow(rule: PolicyRule, around: Around): Time[] {
  const codes = codesOf(rule.codes);
  const leave = codesOf(rule.right_after_codes);
  const { days } = around.pupil;
  const isAfter = isAfterStage(rule, around);
  const isCounted = ({ sessions }: PupilDay) =>
    sessions.every(({ code, isAbsent }) => isAbsent && codes.includes(code));
  const times: Time[] = [];
  let run: PupilDay[] = [];
  for (const [i, day] of days.entries()) {
    if (!isCounted(day)) {
      run = [];
      continue;
    }
    run = [...run, day];
    const next = days[i + 1];
    if (next && isCounted(next)) continue;
    const [first] = run;
    const met = run[(rule.threshold ?? 0) - 1];
    if (!first || !met || !isAfter(first.day, met.day)) continue;
    if (rule.right_after_codes !== undefined) {
      const before = days[i - run.length];
      const code = before?.sessions
        .map((session) => session.code)
        .sort()
        .at(-1);
      if (!before?.isWhollyAbsent || !leave.includes(code ?? "")) continue;
    }
    const sessions = run.reduce((sum, one) => sum + one.sessions.length, 0);
    times.push({ met_on: met.day, first_on: first.day, sessions, is_active: next === undefined });
  }
  return times;
}

function sessionsSince(rule: PolicyRule, around: Around): Time[] {
  const { asAt, halfTerms } = around.calendar;
  const isAfter = isAfterStage(rule, around);
  const all = counted(rule, around);
  const years = [...new Set(all.map(({ day }) => startYearOn(day)))];
  const windows = rule.is_per_half_term
    ? halfTerms.map(({ starts_on, ends_on }) => ({ from: starts_on, to: ends_on, ends: ends_on }))
    : years.map((year) => {
        // a day that the month does not have, such as 29 February, comes after all of its days
        const dayOf = (monthDay = "") => `${year + (monthDay < "08-01" ? 1 : 0)}-${monthDay}`;
        return { from: dayOf(rule.opens_on), to: dayOf(rule.closes_on), ends: `${year + 1}-07-31` };
      });
  return windows.flatMap(({ from, to, ends }) => {
    const within = all.filter(({ day }) => from <= day && day <= to && isAfter(day, day));
    const met = within[(rule.threshold ?? 0) - 1];
    const [first] = within;
    if (!first || !met) return [];
    return [{ met_on: met.day, first_on: first.day, sessions: within.length, is_active: asAt <= ends }];
  });
}

function sessionsInWeeks(rule: PolicyRule, around: Around): Time[] {
  const { threshold = 0, window_weeks = 0 } = rule;
  const all = counted(rule, around);
  const isAfter = isAfterStage(rule, around);
  const weeks = all.map(({ week }) => week ?? -1);
  const dayAt = (i: number) => all[i]?.day ?? "";
  const times: { from: number; met: number; to: number }[] = [];
  for (const [i, week] of weeks.entries()) {
    if (!holds(weeks, i, threshold, window_weeks)) continue;
    if (!isAfter(dayAt(i - threshold + 1), dayAt(i))) continue;
    const last = times.at(-1);
    const lastFrom = weeks[(last?.to ?? 0) - threshold + 1];
    if (last?.to === i - 1 && lastFrom !== undefined && week - lastFrom < window_weeks) last.to = i;
    else times.push({ from: i - threshold + 1, met: i, to: i });
  }
  const present = around.calendar.weeks.length - 1;
  return times.map(({ from, met, to }) => {
    const lastFrom = weeks[to - threshold + 1] ?? -1;
    return {
      met_on: dayAt(met),
      first_on: dayAt(from),
      sessions: to - from + 1,
      is_active: present - lastFrom < window_weeks,
    };
  });
}

/** Whether so many sessions up to this one lie in its school week or fewer school weeks before than the window has. */
function holds(weeks: number[], i: number, threshold: number, windowWeeks: number): boolean {
  const week = weeks[i] ?? -1;
  return weeks.slice(0, i + 1).filter((one) => week - one < windowWeeks).length >= threshold;
}

function unresolved(rule: PolicyRule, around: Around): Time[] {
  const { days } = around.calendar;
  return [...grouped(counted(rule, around), ({ day }) => day)].flatMap(([first_on, of]) => {
    const met_on = days.filter((day) => day > first_on)[rule.threshold ?? 0];
    return met_on === undefined ? [] : [{ met_on, first_on, sessions: of.length, is_active: true }];
  });
}

interface Check {
  year: number;
  /** The number of the school week. */
  week: number;
  /** Its last school day, up to the as-at date. */
  day: string;
  possible: number;
  absent: number;
}

/** The pupil's attendance of the year to date at the end of every school week in which they had a possible session. */
function weeklyChecks(pupil: Pupil, calendar: Calendar): Check[] {
  return calendar.weeks.flatMap((monday, week): Check[] => {
    const day = calendar.lastDays[week] ?? monday;
    const year = startYearOn(day);
    const [from, to] = [`${year}-08-01`, dayAfter(monday, 6)];
    if (!pupil.days.some((one) => monday <= one.day && one.day <= to)) return [];
    const so = pupil.sessions.filter((one) => from <= one.day && one.day <= to);
    return [{ year, week, day, possible: so.length, absent: so.filter(({ isAbsent }) => isAbsent).length }];
  });
}

/** What the policy looks at: at each of its checks the last week of the year so far, if no check has looked at it. */
function checksOf(rule: PolicyRule, { calendar, checks, pupil }: Around): Check[] {
  const weekOfYear = (week: number, year: number) =>
    calendar.lastDays.slice(0, week + 1).filter((day) => startYearOn(day) === year).length;
  const looked = new Set<Check>();
  for (const [week, day] of calendar.lastDays.entries()) {
    const year = startYearOn(day);
    if (!isFor(rule, pupil, year)) continue;
    if (rule.checked === "fortnightly" && weekOfYear(week, year) % 2 === 1) continue;
    if (rule.checked === "half-termly" && !calendar.halfTermEnds.includes(week)) continue;
    const check = checks.findLast((one) => one.week <= week);
    if (check?.year === year && check.possible >= (rule.minimum_sessions ?? 1)) looked.add(check);
  }
  return [...looked];
}

/** Whether attendance is in a range, in whole numbers. */
function isWithin(
  { low = 0, is_low_closed = true, high = 10_000, is_high_closed = true }: Partial<PolicyRule>,
  { possible, absent }: { possible: number; absent: number },
): boolean {
  const attendance = (possible - absent) * 10_000;
  const [lower, upper] = [low * possible, high * possible];
  return (
    (is_low_closed ? attendance >= lower : attendance > lower) &&
    (is_high_closed ? attendance <= upper : attendance < upper)
  );
}

function spellsInBand(rule: PolicyRule, around: Around): Time[] {
  const checks = checksOf(rule, around);
  return checks.flatMap((check, i) => {
    const before = checks[i - 1];
    if (!isWithin(rule, check)) return [];
    if (before?.year === check.year && isWithin(rule, before)) return [];
    const since = checks.slice(i).filter(({ year }) => year === check.year);
    const left = since.findIndex((one) => !isWithin(rule, one));
    const sessions = since.at(left < 0 ? -1 : left - 1)?.absent ?? 0;
    const isNow = left < 0 && check.year === startYearOn(around.calendar.asAt);
    return [{ met_on: check.day, first_on: check.day, sessions, is_active: isNow }];
  });
}

function timesAtStep(rule: PolicyRule, around: Around): Time[] {
  const { pupil, calendar, rules } = around;
  const steps = rules
    .filter(({ shape, ladder }) => shape === "stage" && ladder === rule.ladder)
    .sort((a, b) => (a.step ?? 0) - (b.step ?? 0));
  const looks = new Set(checksOf(rule, around).map(({ week }) => week));
  const times: Time[] = [];
  let year = -1;
  let at: { step: PolicyRule; place: number; since: Check; review: number | undefined } | undefined;
  const enter = (place: number, check: Check) => {
    const step = steps[place];
    if (step === undefined) return;
    at = { step, place, since: check, review: reviewOf(step, check, calendar) };
    if (step.rule === rule.rule) {
      times.push({ met_on: check.day, first_on: check.day, sessions: check.absent, is_active: false });
    }
  };
  for (const check of around.checks) {
    if (check.year !== year) at = undefined;
    year = check.year;
    if (at !== undefined && at.review !== undefined && check.week >= at.review) {
      const { step, place, since } = at;
      const within = pupil.sessions.filter(
        ({ day }) => day > sundayOf(calendar, since.week) && day <= sundayOf(calendar, check.week),
      );
      const period = { possible: within.length, absent: within.filter(({ isAbsent }) => isAbsent).length };
      const isBetter = step.is_rise_enough
        ? (period.possible - period.absent) * since.possible > (since.possible - since.absent) * period.possible
        : isWithin({ low: step.improved_low, is_low_closed: step.is_improved_low_closed }, period);
      at = undefined;
      if (!isBetter) {
        const next = steps[place + 1];
        enter(next !== undefined && isWithin(next, check) ? place + 1 : place, check);
      }
    } else if (at === undefined && looks.has(check.week) && isWithin(steps[0] ?? {}, check)) {
      enter(0, check);
    }
  }
  const last = times.at(-1);
  if (last && at?.step.rule === rule.rule && year === startYearOn(calendar.asAt)) last.is_active = true;
  return times;
}

/** The school week at whose end a step is reviewed; none if that is yet to come. */
function reviewOf(step: PolicyRule, since: Check, calendar: Calendar): number | undefined {
  if (step.review_weeks) return since.week + step.review_weeks;
  return calendar.halfTermEnds.find((week) => week > since.week);
}

function weekOf({ weeks }: Calendar, day: string): number | undefined {
  const last = weeks.findLastIndex((monday) => monday <= day);
  return last < 0 ? undefined : last;
}

function sundayOf({ weeks }: Calendar, week: number): string {
  return dayAfter(weeks[week] ?? "", 6);
}

function codesOf(codes: string | undefined): string[] {
  return (codes ?? "").split(" ").filter((code) => code !== "");
}

const mondays = new Map<string, string>();

function mondayOf(day: string): string {
  const monday = mondays.get(day) ?? dayAfter(day, -((new Date(day).getUTCDay() + 6) % 7));
  mondays.set(day, monday);
  return monday;
}
