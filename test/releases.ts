import type { ProfileCohort, ProfilePupils, Truth } from "../evidence/combinations.ts";
import type { ListedColumn, ShippedTable } from "../evidence/shipped.ts";

/** A breakdown of the invented trusts: its question, how coarse it is within it, and how it places a pupil. */
interface Breakdown {
  name: string;
  question: string;
  level: number;
  cohort: (pupil: Pupil) => string;
}

/** An invented pupil. */
export interface Pupil {
  school_urn: number;
  fsm: "true" | "false" | null;
  fsmBefore: boolean;
  sen: "E" | "K" | "N";
  care: "looked after" | "child protection plan" | "child in need" | "no social worker";
  sex: "F" | "M";
  year: number;
  ethnicity: string;
  isPersistent: boolean;
  isSevere: boolean;
}

export const POINT = { school_year: "2025/26", period_type: "to_half_term", period: "to autumn 1" };

const fsm = ({ fsm: is }: Pupil) => (is === null ? "unclassified" : is === "true" ? "eligible" : "not eligible");
const send = ({ sen }: Pupil) => (sen === "N" ? "no SEN" : "SEND");
const now = ({ care }: Pupil) => (care === "no social worker" ? care : "has a social worker");

const NEEDS: Breakdown[] = [
  { name: "fsm", question: "fsm", level: 1, cohort: fsm },
  {
    name: "fsm_known",
    question: "fsm",
    level: 2,
    cohort: (pupil) => (pupil.fsm === "true" ? "eligible" : "not recorded"),
  },
  {
    name: "fsm_ever_6",
    question: "fsm_ever_6",
    level: 1,
    cohort: (pupil) => (pupil.fsm === "true" || pupil.fsmBefore ? "eligible in the last six years" : "not"),
  },
  {
    name: "sen",
    question: "sen",
    level: 1,
    cohort: ({ sen }) => ({ E: "EHC plan", K: "SEN support", N: "no SEN" })[sen],
  },
  { name: "send", question: "sen", level: 2, cohort: send },
  { name: "social_worker", question: "social_worker", level: 1, cohort: ({ care }) => care },
  { name: "social_worker_now", question: "social_worker", level: 2, cohort: now },
  {
    name: "fsm_send_social_worker",
    question: "fsm_send_social_worker",
    level: 1,
    cohort: (pupil) => [fsm(pupil), send(pupil), now(pupil)].join(" / "),
  },
  {
    name: "fsm_send",
    question: "fsm_send_social_worker",
    level: 2,
    cohort: (pupil) => [fsm(pupil), send(pupil)].join(" / "),
  },
];
const BACKGROUND: Breakdown[] = [
  { name: "sex", question: "sex", level: 1, cohort: ({ sex }) => sex },
  { name: "year_group", question: "year_group", level: 1, cohort: ({ year }) => String(year) },
  { name: "key_stage", question: "year_group", level: 2, cohort: ({ year }) => `key stage ${year < 3 ? 1 : 2}` },
  { name: "ethnicity", question: "ethnicity", level: 1, cohort: ({ ethnicity }) => ethnicity },
  {
    name: "ethnicity_white",
    question: "ethnicity",
    level: 2,
    cohort: ({ ethnicity }) => (ethnicity === "White" ? ethnicity : "all other"),
  },
];
const RELATED = [NEEDS.map(({ name }) => name), ["sex"], ["year_group", "key_stage"], ["ethnicity", "ethnicity_white"]];

/** Pupils of one school, invented from a sequence of random numbers. */
export function inventPupils(school_urn: number, size: number, random: () => number): Pupil[] {
  const isMissingFsm = random() < 0.3;
  return Array.from({ length: size }, () => {
    const is = random() < 0.25;
    const isPersistent = random() < (is ? 0.35 : 0.15);
    const care = random();
    const ethnicity = random();
    return {
      school_urn,
      fsm: isMissingFsm && random() < 0.05 ? null : is ? "true" : "false",
      fsmBefore: random() < 0.08,
      sen: random() < 0.04 ? "E" : random() < 0.14 ? "K" : "N",
      care:
        care < 0.01
          ? "looked after"
          : care < 0.02
            ? "child protection plan"
            : care < 0.05
              ? "child in need"
              : "no social worker",
      sex: random() < 0.5 ? "F" : "M",
      year: 1 + Math.floor(random() * 6),
      ethnicity: ethnicity < 0.7 ? "White" : ethnicity < 0.85 ? "Asian" : ethnicity < 0.95 ? "Black" : "mixed",
      isPersistent,
      isSevere: isPersistent && random() < 0.12,
    };
  });
}

/** The same random numbers each time, for one seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    const mixed = Math.imul(state ^ (state >>> 13), 0x297a2d39);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** What staging.profile_pupils and staging.profile_cohorts hold of these pupils. */
export function truthOf(pupils: Pupil[], point = POINT): Truth {
  const profiles = new Map<string, number>();
  const cohorts: ProfileCohort[] = [];
  const counts = new Map<string, ProfilePupils>();
  for (const pupil of pupils) {
    for (const breakdowns of [NEEDS, BACKGROUND]) {
      const placed = breakdowns.map(({ name, cohort }) => ({ breakdown: name, cohort: cohort(pupil) }));
      const key = JSON.stringify(placed);
      const profile = profiles.get(key) ?? profiles.size;
      if (!profiles.has(key)) cohorts.push(...placed.map((row) => ({ profile, ...row })));
      profiles.set(key, profile);
      const at = `${pupil.school_urn}|${profile}`;
      const row = counts.get(at) ?? {
        school_urn: pupil.school_urn,
        ...point,
        profile,
        pupils: 0,
        pupils_persistent: 0,
        pupils_severe: 0,
      };
      row.pupils++;
      row.pupils_persistent += Number(pupil.isPersistent);
      row.pupils_severe += Number(pupil.isSevere);
      counts.set(at, row);
    }
  }
  return { pupils: Array.from(counts.values()), cohorts, related: RELATED };
}

/** The pupils of a place in each cohort of a breakdown. */
function cohortsOf(pupils: Pupil[], { cohort }: Breakdown): Map<string, Pupil[]> {
  const groups = new Map<string, Pupil[]>();
  for (const pupil of pupils) groups.set(cohort(pupil), [...(groups.get(cohort(pupil)) ?? []), pupil]);
  return groups;
}

/**
 * What a board site ships of these pupils: table cohort_gaps, and schools with the figures of all pupils.
 *
 * @param chosen which cohorts are shown of a breakdown at a place, given how many pupils each has there
 */
export function release(
  pupils: Pupil[],
  chosen: Map<string, string[]>,
  options: { nearest?: number; point?: typeof POINT } = {},
): ShippedTable[] {
  const rows: Record<string, unknown>[] = [];
  const all: Record<string, unknown>[] = [];
  for (const place of placesOf(pupils)) {
    const own = pupilsAt(pupils, place);
    all.push({ school_urn: place, ...figures(own, options.nearest) });
    for (const breakdown of [...NEEDS, ...BACKGROUND]) {
      for (const [cohort, group] of cohortsOf(own, breakdown)) {
        if (!chosen.get(`${place}|${breakdown.name}`)?.includes(cohort)) continue;
        rows.push({
          school_urn: place,
          ...(options.point ?? POINT),
          breakdown: breakdown.name,
          cohort,
          ...figures(group, options.nearest),
        });
      }
    }
  }
  const table = (name: string, content: Record<string, unknown>[]) => ({
    name,
    columns: Object.keys(content[0] ?? {}),
    rows: content,
  });
  return [table("cohort_gaps", rows), table("school_attendance", all)];
}

/** The allow-list of these two tables. */
export const LISTED: ListedColumn[] = [
  ["cohort_gaps", "school_urn", "school"],
  ["cohort_gaps", "school_year", "school_year"],
  ["cohort_gaps", "period_type", "period_type"],
  ["cohort_gaps", "period", "period"],
  ["cohort_gaps", "breakdown", "breakdown"],
  ["cohort_gaps", "cohort", "cohort"],
  ["cohort_gaps", "pupils", "pupils"],
  ["cohort_gaps", "percent_persistent", "percent_persistent"],
  ["cohort_gaps", "persistent_text", "percent_persistent"],
  ["cohort_gaps", "percent_severe", "percent_severe"],
  ["school_attendance", "school_urn", "school"],
  ["school_attendance", "pupils", "pupils"],
  ["school_attendance", "percent_persistent", "percent_persistent"],
  ["school_attendance", "persistent_text", "percent_persistent"],
  ["school_attendance", "percent_severe", "percent_severe"],
].map(([table_name = "", column_name = "", tells = ""]) => ({ table_name, column_name, tells }));

/** The disclosure gate's rule: which cohorts of which breakdown are shown where. */
export function gated(pupils: Pupil[], minimum: number): Map<string, string[]> {
  const chosen = new Map<string, string[]>();
  const schools = placesOf(pupils).filter((place) => place !== null);
  const sizes = (place: number | null, breakdown: Breakdown) =>
    Array.from(cohortsOf(pupilsAt(pupils, place), breakdown).values(), (group) => group.length);
  const isLarge = (place: number | null, breakdown: Breakdown) => {
    const all = pupilsAt(pupils, place).length;
    return sizes(place, breakdown).every((size) => size >= minimum && (size === all || all - size >= minimum));
  };
  const show = (place: number | null, { name, ...breakdown }: Breakdown) =>
    chosen.set(`${place}|${name}`, Array.from(cohortsOf(pupilsAt(pupils, place), { name, ...breakdown }).keys()));
  for (const breakdowns of questions()) {
    for (const place of schools) {
      const shown = breakdowns.find((breakdown) => isLarge(place, breakdown));
      if (shown) show(place, shown);
    }
    const shown = breakdowns.find((breakdown) => {
      const asFine = breakdowns.filter(({ level }) => level <= breakdown.level);
      const hidden = schools.filter((place) => !asFine.some(({ name }) => chosen.has(`${place}|${name}`)));
      const left = Array.from(
        cohortsOf(
          pupils.filter(({ school_urn }) => hidden.includes(school_urn)),
          breakdown,
        ).values(),
      );
      return isLarge(null, breakdown) && hidden.length !== 1 && left.every((group) => group.length >= minimum);
    });
    if (shown) show(null, shown);
  }
  return chosen;
}

/** The naive rule: every group that has enough pupils. */
export function naive(pupils: Pupil[], minimum: number): Map<string, string[]> {
  const chosen = new Map<string, string[]>();
  for (const place of placesOf(pupils)) {
    for (const breakdown of [...NEEDS, ...BACKGROUND]) {
      const groups = Array.from(cohortsOf(pupilsAt(pupils, place), breakdown));
      const shown = groups.filter(([, group]) => group.length >= minimum).map(([cohort]) => cohort);
      if (shown.length > 0) chosen.set(`${place}|${breakdown.name}`, shown);
    }
  }
  return chosen;
}

// --- internal ---

function questions(): Breakdown[][] {
  const all = [...NEEDS, ...BACKGROUND];
  return Array.from(new Set(all.map(({ question }) => question)), (question) =>
    all.filter((breakdown) => breakdown.question === question).sort((a, b) => a.level - b.level),
  );
}

function placesOf(pupils: Pupil[]): (number | null)[] {
  return [null, ...new Set(pupils.map(({ school_urn }) => school_urn))];
}

function pupilsAt(pupils: Pupil[], place: number | null): Pupil[] {
  return place === null ? pupils : pupils.filter(({ school_urn }) => school_urn === place);
}

function figures(group: Pupil[], nearest = 5): Record<string, unknown> {
  const persistent = group.filter(({ isPersistent }) => isPersistent).length;
  const severe = group.filter(({ isSevere }) => isSevere).length;
  const percent = (of: number) => Math.floor((200 * of + group.length) / (2 * group.length));
  const isSoft = group.length < 20 && (persistent === 0 || persistent === group.length);
  return {
    pupils: nearest * Math.round(group.length / nearest),
    percent_persistent: isSoft ? null : percent(persistent),
    persistent_text: isSoft ? (persistent === 0 ? "under 5%" : "over 95%") : `${percent(persistent)}%`,
    percent_severe: percent(severe),
  };
}
