/** The day that figures of generated trusts count up to: the first half term of the school year is over at every school. */
export const AS_AT = "2025-11-14";
/** The year that the current school year starts in. */
const CURRENT_YEAR = 2025;

/** A kind of school: how many pupils it has in which year groups, and how many of them have what. */
interface Kind {
  phase: "Primary" | "Secondary" | "Special";
  pupils: number;
  /** R is 0. */
  yearGroups: [number, number];
  /** How often a trust takes such a school. */
  weight: number;
}

export const KINDS = {
  "primary of 40": { phase: "Primary", pupils: 40, yearGroups: [0, 6], weight: 3 },
  "primary of 90": { phase: "Primary", pupils: 90, yearGroups: [0, 6], weight: 2 },
  "primary of 210": { phase: "Primary", pupils: 210, yearGroups: [0, 6], weight: 7 },
  "primary of 420": { phase: "Primary", pupils: 420, yearGroups: [0, 6], weight: 5 },
  "secondary of 1,200": { phase: "Secondary", pupils: 1200, yearGroups: [7, 11], weight: 2 },
  "secondary with sixth form": { phase: "Secondary", pupils: 1050, yearGroups: [7, 13], weight: 1 },
  "special school": { phase: "Special", pupils: 110, yearGroups: [0, 11], weight: 2 },
} as const satisfies Record<string, Kind>;
export type KindName = keyof typeof KINDS;

/** A school of a generated trust. */
export interface GeneratedSchool {
  school_urn: number;
  kind: KindName;
  phase: Kind["phase"];
}

/** Mainstream and of at least 200 pupils: what we call an ordinary school. */
export function isOrdinary({ kind }: GeneratedSchool): boolean {
  return KINDS[kind].phase !== "Special" && KINDS[kind].pupils >= 200;
}

type Row = Record<string, string | number | boolean | null>;

/** An invented trust, pupil by pupil, as rows of the warehouse's raw tables. */
export interface GeneratedTrust {
  schools: GeneratedSchool[];
  /** What only one school of the trust has, if anything is so. */
  alone: string | null;
  /** Rows by raw table. */
  raw: Record<string, Row[]>;
  /** The share of sessions that each enrolment misses in each school year, from 0 to 1. */
  missed: { school_urn: number; pupil_key: string; school_year: string; share: number }[];
}

/**
 * Invents a trust of 1 to 8 schools: the same number gives the same trust.
 *
 * Shares of pupils are of the size of England's: free school meals 15 to 45%, EHC plans 4%, SEN support 13%, social worker
 * 2 to 5%, young carers 1%, long-term medical conditions 2.5%. Up to 5% of what an extract tells is not recorded. In two
 * trusts of five something is so at one school only, or recorded at one school only. One trust in five also has the school
 * year before the current one.
 */
export function generatedTrust(number: number): GeneratedTrust {
  const chance = randomness(number);
  const years = number % 5 === 0 ? [CURRENT_YEAR - 1, CURRENT_YEAR] : [CURRENT_YEAR];
  const count = 1 + (number % 8);
  const kinds = Array.from({ length: count }, (_, i) => kindOf(number, i, chance));
  const isAlone = count > 1 && number % 5 < 2;
  const lone: Lone | null = isAlone
    ? { fact: chance.oneOf(LONE_FACTS), school: chance.below(count), isRecordedElsewhere: number % 5 === 0 }
    : null;
  return trustOf(kinds, years, lone, chance);
}

/**
 * A trust of so many primary schools that record everybody who is looked after as looked after before, too. At each,
 * 10 to 14 children are looked after, and 1 to 5 more were before; enough others have a social worker.
 */
export function trustOfLookedAfter(count: number): GeneratedTrust {
  const kinds = Array.from({ length: count }, (): KindName => "primary of 210");
  const made = trustOf(kinds, [CURRENT_YEAR], null, randomness(1));
  for (const [i, { school_urn }] of made.schools.entries()) {
    const lookedAfter = 10 + (i % 5);
    const before = lookedAfter + 1 + (Math.floor(i / 5) % 5);
    const all = made.raw.pupils?.filter((row) => row.school_urn === school_urn) ?? [];
    const throughout = all.filter((row) => row.left_on === null && row.entered_on !== dayIn(CURRENT_YEAR, MID_YEAR));
    for (const row of all) {
      const at = throughout.indexOf(row);
      row.is_looked_after = at >= 0 && at < lookedAfter;
      row.was_looked_after = at >= 0 && at < before;
      row.is_child_protection = at >= 20 && at < 40;
      row.is_child_in_need = at >= 40 && at < 60;
    }
  }
  return made;
}

// --- internal ---

function trustOf(kinds: KindName[], years: number[], lone: Lone | null, chance: Chance): GeneratedTrust {
  const schools = kinds.map((kind, i) => ({ school_urn: 100_001 + i, kind, phase: KINDS[kind].phase }));
  const made: GeneratedTrust = {
    schools,
    alone: lone?.fact ?? null,
    raw: {
      project: [{ trust_name: "Oak Trust", as_at: AS_AT }],
      loads: ["school_flags", "pupil_rows"].map((format, i) => ({
        load_number: i + 1,
        format,
        loaded_at: `${AS_AT} 18:00:00`,
      })),
      schools: schools.map(({ school_urn, phase }) => ({
        school_urn,
        school_name: `School ${school_urn}`,
        phase,
        local_authority: "Leeds",
        la_code: "E08000035",
        region: "Yorkshire and The Humber",
        region_code: "E12000003",
      })),
      half_terms: schools.flatMap(({ school_urn }) => halfTerms(school_urn, years)),
      pupils: [],
      pupil_statuses: [],
    },
    missed: [],
  };
  const fsm = 0.15 + 0.3 * chance.share();
  const white = 0.4 + 0.55 * chance.share();
  for (const [i, school] of schools.entries()) {
    addSchool(made, school, { chance, years, fsm, white, lone: lone && { ...lone, isHere: lone.school === i } });
  }
  return made;
}

const HALF_TERMS = [
  ["autumn 1", "09-02", "10-24"],
  ["autumn 2", "11-03", "12-19"],
  ["spring 1", "01-05", "02-13"],
  ["spring 2", "02-23", "03-27"],
  ["summer 1", "04-13", "05-22"],
  ["summer 2", "06-01", "07-17"],
] as const;
/** Where pupils come and go and statuses change in a year: between two stretches, so that no session need be counted by day. */
const [FIRST_HALF_TERM_ENDS, MID_YEAR] = ["11-02", "11-03"];
const LONE_FACTS = ["is_eal", "is_young_carer", "is_looked_after", "is_child_protection", "Black", "Asian"] as const;
const NEEDS = {
  ...{ SLCN: 0.25, SEMH: 0.21, MLD: 0.14, SPLD: 0.13, ASD: 0.14, OTH: 0.03, NSA: 0.03, PD: 0.02, SLD: 0.02 },
  ...{ HI: 0.01, VI: 0.007, PMLD: 0.005, DS: 0.003, MSI: 0.005 },
};

interface Lone {
  fact: (typeof LONE_FACTS)[number];
  school: number;
  /** Whether the other schools say that nobody has it, or nothing of it. */
  isRecordedElsewhere: boolean;
}

interface Circumstances {
  chance: Chance;
  /** School years by the year they start in. */
  years: number[];
  /** Shares of the trust's pupils. */
  fsm: number;
  white: number;
  lone: (Lone & { isHere: boolean }) | null;
}

interface Person {
  key: string;
  born_on: string;
  sex: "F" | "M";
  ethnicity_code: string | null;
  is_eal: boolean | null;
  sen_provision: string | null;
  sen_need: string | null;
  is_fsm: boolean | null;
  is_fsm_ever_6: boolean | null;
  care: "looked_after" | "child_protection" | "child_in_need" | "none" | null;
  was_looked_after: boolean | null;
  is_young_carer: boolean | null;
  isMedical: boolean;
  entered_on: string;
  left_on: string | null;
  /** How much the pupil misses beside others who have the same statuses. */
  tendency: number;
}

/** The smallest primary, the special school and the big secondary come in turn, so that each meets trusts of all sizes. */
function kindOf(number: number, place: number, chance: Chance): KindName {
  const first = (
    ["primary of 210", "primary of 40", "secondary of 1,200", "special school", "primary of 420"] as const
  )[Math.floor(number / 2) % 5];
  if (place === 0 && first) return first;
  return chance.weighted(
    Object.fromEntries(Object.entries(KINDS).map(([name, { weight }]) => [name, weight])) as Record<KindName, number>,
  );
}

function halfTerms(school_urn: number, years: number[]): Row[] {
  return years.flatMap((year) =>
    HALF_TERMS.map(([half_term, starts, ends]) => ({
      school_urn,
      school_year: schoolYear(year),
      half_term,
      starts_on: dayIn(year, starts),
      ends_on: dayIn(year, ends),
    })),
  );
}

function schoolYear(year: number): string {
  return `${year}/${String(year + 1).slice(2)}`;
}

function dayIn(year: number, monthAndDay: string): string {
  return `${monthAndDay < "08" ? year + 1 : year}-${monthAndDay}`;
}

function addSchool(made: GeneratedTrust, school: GeneratedSchool, circumstances: Circumstances): void {
  const { chance, years } = circumstances;
  const firstYear = Math.min(...years);
  const { pupils, yearGroups } = KINDS[school.kind];
  const [lowest, highest] = yearGroups;
  const groups = highest - lowest + 1;
  const size = Math.round(pupils * (0.93 + 0.14 * chance.share()));
  const shares = sharesOf(school, circumstances);
  const keepsMedicalList = chance.share() < 0.85;
  let born = 0;
  const newPerson = (yearGroup: number, year: number, entered_on: string): Person => {
    born++;
    return person(`s${school.school_urn}p${born}`, yearGroup, year, entered_on, shares, chance);
  };

  let present: { person: Person; yearGroup: number }[] = [];
  for (let place = 0; place < size; place++) {
    const yearGroup = lowest + (place % groups);
    present.push({ person: newPerson(yearGroup, firstYear, "2021-09-01"), yearGroup });
  }
  for (const year of years) {
    if (year > firstYear) {
      const going = present.filter(({ yearGroup }) => yearGroup < highest && chance.share() >= 0.03);
      const gone = present.filter((one) => !going.includes(one));
      for (const { person } of gone) person.left_on = `${year}-07-31`;
      present = going.map(({ person, yearGroup }) => ({ person, yearGroup: yearGroup + 1 }));
      for (const { person } of present) grow(person, shares, chance);
      while (present.length < size) {
        const isFirstYear = present.filter(({ yearGroup }) => yearGroup === lowest).length < size / groups;
        const yearGroup = isFirstYear ? lowest : lowest + chance.below(groups);
        present.push({ person: newPerson(yearGroup, year, `${year}-08-01`), yearGroup });
      }
    }
    const came: typeof present = [];
    for (const one of present) {
      if (chance.share() >= 0.015) continue;
      one.person.left_on = dayIn(year, FIRST_HALF_TERM_ENDS);
      came.push({
        person: newPerson(one.yearGroup, year, dayIn(year, MID_YEAR)),
        yearGroup: one.yearGroup,
      });
    }
    const all = [...present, ...came];
    for (const { person, yearGroup } of all) {
      if (person.entered_on > AS_AT) continue;
      made.raw.pupils?.push(extractRow(school.school_urn, person, yearGroup, year, made.raw.pupils.length + 1));
      made.missed.push({
        school_urn: school.school_urn,
        pupil_key: person.key,
        school_year: schoolYear(year),
        share: missedShare(person, KINDS[school.kind].phase, chance),
      });
    }
    if (keepsMedicalList) addMedical(made, school.school_urn, all, year, chance);
    addFreeMealsInMidYear(made, school.school_urn, all, year, chance);
    present = all.filter(({ person }) => person.left_on === null);
  }
}

/** The school's own list: who is on it is so from a day in the year on, mostly from its first. */
function addMedical(
  made: GeneratedTrust,
  school_urn: number,
  all: { person: Person }[],
  year: number,
  chance: Chance,
): void {
  for (const { person } of all) {
    if (!person.isMedical || person.entered_on > AS_AT) continue;
    const from_on = dayIn(year, chance.share() < 0.8 ? "08-01" : MID_YEAR);
    made.raw.pupil_statuses?.push(statusRow(school_urn, person.key, "medical", from_on, `${year + 1}-07-31`, 1, made));
  }
}

/** One in a hundred becomes eligible in mid-year; the whole history is told. */
function addFreeMealsInMidYear(
  made: GeneratedTrust,
  school_urn: number,
  all: { person: Person }[],
  year: number,
  chance: Chance,
): void {
  for (const { person } of all) {
    if (person.is_fsm !== false || person.entered_on > AS_AT || chance.share() >= 0.01) continue;
    made.raw.pupil_statuses?.push(statusRow(school_urn, person.key, "fsm", dayIn(year, MID_YEAR), null, 2, made));
    person.is_fsm = true;
    person.is_fsm_ever_6 = true;
  }
}

function statusRow(
  school_urn: number,
  pupil_key: string,
  status: string,
  from_on: string,
  to_on: string | null,
  load_number: number,
  made: GeneratedTrust,
): Row {
  const row_number = (made.raw.pupil_statuses?.length ?? 0) + 1;
  return { school_urn, pupil_key, status, value: "true", from_on, to_on, known_on: AS_AT, load_number, row_number };
}

type Shares = ReturnType<typeof sharesOf>;

/** How many of a school's pupils have what, and of how many that is not recorded. */
function sharesOf(school: GeneratedSchool, { chance, fsm, white, lone }: Circumstances) {
  const isSpecial = school.phase === "Special";
  const unrecorded = () => chance.oneOf([0, 0, 0.01, 0.02, 0.05]);
  const here = Math.min(0.99, Math.max(0.2, white + 0.2 * (chance.share() - 0.5)));
  const shares = {
    fsm: Math.min(0.6, Math.max(0.08, fsm + 0.1 * (chance.share() - 0.5)) * (isSpecial ? 1.5 : 1)),
    plan: isSpecial ? 1 : 0.02 + 0.04 * chance.share(),
    support: isSpecial ? 0 : 0.1 + 0.06 * chance.share(),
    care: (0.02 + 0.03 * chance.share()) * (isSpecial ? 3 : 1),
    looked_after: 0.18,
    child_protection: 0.22,
    was_looked_after: 0.007,
    young_carer: 0.01,
    medical: 0.025,
    eal: Math.min(0.6, (1 - here) * (0.3 + 0.6 * chance.share())),
    ethnicities: {
      White: here,
      Asian: (1 - here) * 0.42,
      Black: (1 - here) * 0.22,
      mixed: (1 - here) * 0.25,
      other: (1 - here) * 0.11,
    },
    unrecorded: {
      fsm: unrecorded(),
      sen: isSpecial ? 0 : unrecorded(),
      care: unrecorded(),
      young_carer: unrecorded(),
      eal: unrecorded(),
      ethnicity: unrecorded(),
    },
  };
  if (!lone || lone.isHere) return shares;
  const elsewhere = lone.isRecordedElsewhere ? 0 : 1;
  if (lone.fact === "is_young_carer") {
    return { ...shares, young_carer: 0, unrecorded: { ...shares.unrecorded, young_carer: elsewhere } };
  }
  if (lone.fact === "is_eal") return { ...shares, eal: 0, unrecorded: { ...shares.unrecorded, eal: elsewhere } };
  if (lone.fact === "is_looked_after") return { ...shares, looked_after: 0, was_looked_after: 0 };
  if (lone.fact === "is_child_protection") return { ...shares, child_protection: 0 };
  return { ...shares, ethnicities: { ...shares.ethnicities, [lone.fact]: 0 } };
}

const ETHNICITIES: Record<string, string[]> = {
  White: ["WBRI", "WBRI", "WBRI", "WOTH", "WIRI"],
  Asian: ["AIND", "APKN", "CHNE"],
  Black: ["BAFR", "BCRB"],
  mixed: ["MWBC", "MOTH"],
  other: ["OOTH"],
};

function person(
  key: string,
  yearGroup: number,
  firstYear: number,
  entered_on: string,
  shares: Shares,
  chance: Chance,
): Person {
  const is = (share: number, unrecorded = 0) => {
    const [isSo, isRecorded] = [chance.share() < share, chance.share() >= unrecorded];
    return isRecorded ? isSo : null;
  };
  const provision = chance.share();
  const sen = provision < shares.plan ? "E" : provision < shares.plan + shares.support ? "K" : "N";
  const sen_provision = chance.share() < shares.unrecorded.sen ? null : sen;
  const group = chance.weighted(shares.ethnicities);
  const is_fsm = is(shares.fsm, shares.unrecorded.fsm);
  const month = 1 + chance.below(12);
  const bornIn = firstYear - 4 - yearGroup - (month > 8 ? 1 : 0);
  return {
    key,
    born_on: `${bornIn}-${String(month).padStart(2, "0")}-15`,
    sex: chance.share() < 0.5 ? "F" : "M",
    ethnicity_code:
      chance.share() < shares.unrecorded.ethnicity ? "REFU" : chance.oneOf(ETHNICITIES[group] ?? ["NOBT"]),
    is_eal: is(shares.eal, shares.unrecorded.eal),
    sen_provision,
    sen_need: sen_provision === "E" || sen_provision === "K" ? chance.weighted(NEEDS) : null,
    is_fsm,
    is_fsm_ever_6: is_fsm === null ? null : is_fsm || chance.share() < 0.06,
    care: careOf(shares, chance),
    was_looked_after: is(shares.was_looked_after, shares.unrecorded.care),
    is_young_carer: is(shares.young_carer, shares.unrecorded.young_carer),
    isMedical: chance.share() < shares.medical,
    entered_on,
    left_on: null,
    tendency: Math.exp(0.8 * chance.normal()),
  };
}

function careOf(shares: Shares, chance: Chance): Person["care"] {
  if (chance.share() < shares.unrecorded.care) return null;
  if (chance.share() >= shares.care) return "none";
  const kind = chance.share();
  if (kind < shares.looked_after) return "looked_after";
  return kind < shares.looked_after + shares.child_protection ? "child_protection" : "child_in_need";
}

/** What changes with a year: plans come, social workers come and go, and some become eligible for free school meals. */
function grow(one: Person, shares: Shares, chance: Chance): void {
  if (one.is_fsm === false && chance.share() < 0.02) [one.is_fsm, one.is_fsm_ever_6] = [true, true];
  if (one.is_fsm === true && chance.share() < 0.04) one.is_fsm = false;
  if (one.sen_provision === "N" && chance.share() < 0.01) [one.sen_provision, one.sen_need] = ["K", "SEMH"];
  if (one.sen_provision === "K" && chance.share() < 0.04) one.sen_provision = "E";
  if (one.care !== "none" && one.care !== null && chance.share() < 0.4) {
    if (one.care === "looked_after") one.was_looked_after = true;
    one.care = "none";
  } else if (one.care === "none" && chance.share() < shares.care * 0.4)
    one.care = careOf({ ...shares, care: 1 }, chance);
}

function extractRow(school_urn: number, one: Person, yearGroup: number, year: number, row_number: number): Row {
  const care = (kind: Person["care"]) => (one.care === null ? null : one.care === kind);
  return {
    school_urn,
    pupil_key: one.key,
    year_group: yearGroup === 0 ? "R" : String(yearGroup),
    entered_on: one.entered_on,
    left_on: one.left_on,
    born_on: one.born_on,
    known_on: year === CURRENT_YEAR ? AS_AT : `${year + 1}-07-31`,
    sex: one.sex,
    sen_provision: one.sen_provision,
    sen_need: one.sen_need,
    ethnicity_code: one.ethnicity_code,
    is_fsm: one.is_fsm,
    is_fsm_ever_6: one.is_fsm_ever_6,
    is_eal: one.is_eal,
    is_looked_after: care("looked_after"),
    was_looked_after: one.was_looked_after,
    is_child_in_need: care("child_in_need"),
    is_child_protection: care("child_protection"),
    is_young_carer: one.is_young_carer,
    load_number: 2,
    row_number,
  };
}

function missedShare(one: Person, phase: Kind["phase"], chance: Chance): number {
  const usual = { Primary: 0.032, Secondary: 0.042, Special: 0.06 }[phase];
  const times =
    (one.is_fsm ? 1.7 : 1) *
    (one.sen_provision === "N" ? 1 : 1.3) *
    (one.care === "none" || one.care === null ? 1 : 1.9) *
    (one.isMedical ? 2 : 1);
  return Math.min(0.95, usual * times * one.tendency * Math.exp(0.3 * chance.normal()));
}

interface Chance {
  /** From 0 to below 1. */
  share(): number;
  /** A whole number from 0 to below `end`. */
  below(end: number): number;
  oneOf<T>(all: readonly T[]): T;
  weighted<T extends string>(weights: Record<T, number>): T;
  /** Of the standard normal distribution. */
  normal(): number;
}

/** Numbers that look random, the same for the same seed (mulberry32). */
function randomness(seed: number): Chance {
  let state = (seed * 0x9e3779b1 + 0x6d2b79f5) | 0;
  const share = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (end: number) => Math.floor(share() * end);
  return {
    share,
    below,
    oneOf(all) {
      const one = all[below(all.length)];
      if (one === undefined) throw new Error("there is nothing to choose from");
      return one;
    },
    weighted<T extends string>(weights: Record<T, number>): T {
      const all = Object.entries(weights) as [T, number][];
      let left = share() * all.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [name, weight] of all) {
        left -= weight;
        if (left < 0) return name;
      }
      const [last] = all.at(-1) ?? [];
      if (last === undefined) throw new Error("there is nothing to choose from");
      return last;
    },
    normal: () => Math.sqrt(-2 * Math.log(1 - share())) * Math.cos(2 * Math.PI * share()),
  };
}
