import { type Arrived, asItCame, has, text, timeIn, UNREADABLE_TIME } from "./arrival.ts";
import { quote } from "./duckdb.ts";

/** Texts that are kept are codes and names of groups: what is longer stands in a column that is not its own. */
const LONGEST_TEXT = 40;
/** What systems write for the SEN provisions of the school census; other texts are kept as they are. */
const SEN_PROVISIONS = {
  N: ["n", "nosen", "nospecialeducationalneed", "nospecialeducationalneeds", "none"],
  K: ["k", "sensupport", "s"],
  E: ["e", "ehcp", "ehcplan", "educationhealthandcareplan"],
} as const;
const SEXES = { F: ["f", "female"], M: ["m", "male"] } as const;

/** SQL of a National Curriculum year: N, R, 1 to 14; null when the text is none. */
export function yearGroupIn(spelt: string): string {
  const plain = `regexp_replace(lower(${spelt}), '^(year|yr|y)\\s*', '')`;
  return `case
        when regexp_full_match(${plain}, '0*([1-9]|1[0-4])') then ltrim(${plain}, '0')
        when ${plain} in ('r', 'reception', '0') then 'R'
        when regexp_full_match(${plain}, 'n[12]?|nursery.*|e[12]') then 'N'
      end`;
}

/** SQL that is true of a text that says that a pupil is in no National Curriculum year, as special schools may. */
export function isUngraded(spelt: string): string {
  return `lower(${spelt}) = 'x'`;
}

/** SQL of true or false; null when the text is neither. */
export function flagIn(spelt: string): string {
  return `case
        when lower(${spelt}) in ('true', 't', 'yes', 'y', '1') then true
        when lower(${spelt}) in ('false', 'f', 'no', 'n', '0') then false
      end`;
}

/** SQL that is true of a text that says that something is not known, as DfE's three-valued columns do. */
export function isUnknown(spelt: string): string {
  return `lower(${spelt}) in ('unknown', 'not known')`;
}

/** SQL of an SEN provision by its census code, N, K or E, where the text is known to stand for one. */
export function senProvisionIn(spelt: string): string {
  return coded(spelt, SEN_PROVISIONS);
}

/** SQL of a sex as F or M, where the text is known to stand for one. */
export function sexIn(spelt: string): string {
  return coded(spelt, SEXES);
}

/** SQL that is true of a text that is no code or group's name, or that might be personal. */
export function isNoCode(spelt: string): string {
  return `length(${spelt}) > ${LONGEST_TEXT} or contains(${spelt}, '@') or regexp_matches(upper(${spelt}), '[A-Z][0-9]{11}')`;
}

/** What a text that is no code is expected to be, and how to mend it. */
export const NO_CODE = {
  expected: "a short code or name of a group",
  mend: "check that the columns stand below their headings, and export the file again",
} as const;

/** SQL of the day that a row tells of: as its extract says, otherwise the day that the file came; null if unreadable. */
export function knownOnIn(arrived: Arrived, loadedAt: string): string {
  const loadedOn = `date ${quote(loadedAt.slice(0, 10))}`;
  if (!has(arrived, "known_on")) return loadedOn;
  const time = timeIn(asItCame(arrived, "known_on"), arrived.dates);
  return `case
        when ${text(arrived, "known_on")} is null then ${loadedOn}
        else cast(nullif(${time}, ${UNREADABLE_TIME}) as date)
      end`;
}

// --- internal ---

function coded(spelt: string, codes: Record<string, readonly string[]>): string {
  const plain = `regexp_replace(lower(${spelt}), '[^a-z]', '', 'g')`;
  const cases = Object.entries(codes).map(
    ([code, words]) => `when ${plain} in (${words.map(quote).join(", ")}) then ${quote(code)}`,
  );
  return `case ${cases.join(" ")} else ${spelt} end`;
}
