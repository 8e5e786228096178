import { expect, test } from "vitest";
import { aboutSchool, aboutSchools } from "../pages/components/questions.ts";
import { type Part, progress, standing } from "../pages/components/sentences.ts";
import { percent, signed, type TrendRow } from "../pages/components/words.ts";

const ATTENDANCE: TrendRow = {
  school_urn: null,
  school_year: "2025/26",
  period_type: "year_to_date",
  measure: "percent_attendance",
  value: 92.9,
  change_points: 0.4,
  change_since_first: 1,
  england_value: 93.2,
  england_gap: -0.3,
  england_change_since_first: 0,
};
const OAK = { school_name: "Oak", phase: "Special" };

const said = (sentences: Part[][]) =>
  sentences.map((parts) =>
    parts
      .map((part) => (typeof part === "string" ? part : part.text))
      .join("")
      .trim(),
  );
const standingOf = (row: Partial<TrendRow>, school?: typeof OAK) =>
  said(standing([{ ...ATTENDANCE, ...row }], school))[0];

test("where there are no figures of the school year yet, the answer says so", () => {
  expect(said(standing([]))).toEqual(["There are no figures of this school year yet."]);
});

const STANDINGS: [string, Partial<TrendRow>, string][] = [
  [
    "higher than last year and below England",
    {},
    "Pupils attended 92.9% of sessions so far this year, 0.4 points higher than at the same week last year and 0.3 points below England (93.2%, weighted by our schools’ phases).",
  ],
  [
    "lower than last year and above England",
    { change_points: -1, england_gap: 1.2 },
    "Pupils attended 92.9% of sessions so far this year, 1.0 points lower than at the same week last year and 1.2 points above England (93.2%, weighted by our schools’ phases).",
  ],
  [
    "unchanged and level",
    { change_points: 0, england_gap: 0 },
    "Pupils attended 92.9% of sessions so far this year, unchanged from the same week last year and level with England (93.2%, weighted by our schools’ phases).",
  ],
  [
    "without last year",
    { change_points: null },
    "Pupils attended 92.9% of sessions so far this year, 0.3 points below England (93.2%, weighted by our schools’ phases). There is no figure for the same week last year.",
  ],
  [
    "without England",
    { england_value: null, england_gap: null },
    "Pupils attended 92.9% of sessions so far this year, 0.4 points higher than at the same week last year. No figure of DfE’s for England is held for this point of the year.",
  ],
  [
    "with nothing to compare",
    { change_points: null, england_value: null, england_gap: null },
    "Pupils attended 92.9% of sessions so far this year. There is no figure for the same week last year. No figure of DfE’s for England is held for this point of the year.",
  ],
  [
    "of pupils, by one whole point",
    { measure: "percent_persistent", value: 20, change_points: -1, england_value: 20, england_gap: 0 },
    "20% of pupils were persistently absent (they missed 10% or more of their sessions), 1 point lower than at the same week last year and level with England (20%, weighted by our schools’ phases).",
  ],
  [
    "of pupils, by less than half a point",
    { measure: "percent_severe", value: 3, change_points: 0, england_value: null, england_gap: null },
    "3% were severely absent (they missed half of their sessions or more), unchanged from the same week last year. No figure of DfE’s for England is held for this point of the year.",
  ],
];

for (const [title, row, sentence] of STANDINGS) {
  test(`where we stand, ${title}`, () => expect(standingOf(row)).toBe(sentence));
}

test("a school is named, and compared with England for its own phase", () => {
  expect(standingOf({ school_urn: 999001 }, OAK)).toBe(
    "Pupils at Oak attended 92.9% of sessions so far this year, 0.4 points higher than at the same week last year and 0.3 points below England (93.2%, special schools).",
  );
});

test("whether it gets better, this year and over the complete years", () => {
  const year = (school_year: string, row: Partial<TrendRow>): TrendRow => ({
    ...ATTENDANCE,
    period_type: "year",
    school_year,
    ...row,
  });
  const years = [
    year("2022/23", { value: 91.4, england_value: 91.6, change_since_first: 0, england_change_since_first: 0 }),
    year("2024/25", { value: 92.1, england_value: 92.2, change_since_first: 0.7, england_change_since_first: 0.6 }),
  ];
  const persistent: TrendRow = { ...ATTENDANCE, measure: "percent_persistent", value: 20, change_points: 2 };
  expect(said(progress([ATTENDANCE, persistent], years))).toEqual([
    "Attendance so far this year is 92.9%, 0.4 points higher than at the same week last year. Persistent absence is 20%, 2 points higher.",
    "Over the complete school years from 2022/23 to 2024/25 attendance rose by 0.7 points, from 91.4% to 92.1%; in England it rose by 0.6 points, from 91.6% to 92.2%.",
  ]);
  expect(said(progress([{ ...ATTENDANCE, change_points: null }], []))).toEqual([
    "Attendance so far this year is 92.9%. There is no figure for the same week last year.",
    "There are fewer than two complete school years to compare.",
  ]);
});

test("a figure carries the name under which a test finds it on the page", () => {
  expect(
    standing([ATTENDANCE])[0]
      ?.filter((part) => typeof part !== "string")
      .map((part) => part.name),
  ).toEqual(
    ["value", "change_points", "england_gap", "england_value"].map(
      (column) => `trust|year_to_date|2025/26|percent_attendance|${column}`,
    ),
  );
});

test("what is not known is a dash, and nothing has no sign", () => {
  expect([percent(null, 1), percent(0, 0), signed(null, 1)]).toEqual(["–", "0%", "–"]);
  expect([signed(0.4, 1), signed(-0.4, 1), signed(0, 1), signed(-2, 0)]).toEqual(["+0.4", "−0.4", "0.0", "−2"]);
});

test("questions are about the school furthest below England and the one with most persistent absence for its phase", () => {
  const school = (
    school_name: string,
    england_gap: number | null,
    percent_persistent: number,
    persistent_gap: number | null = null,
  ) => ({
    school_urn: 999001,
    school_name,
    phase: "Primary",
    percent_attendance: 93,
    percent_persistent,
    percent_severe: 1,
    england_gap,
    persistent_gap,
  });
  const [first, second, third] = aboutSchools(
    [school("Oak", 0.4, 26, 4), school("Elm", -1.4, 9, -3), school("Ash", null, 34, -1)],
    1,
  );
  expect(first).toMatch(/^Attendance at Elm is 1\.4 points below England for its phase\./);
  expect(second).toMatch(/^26% of pupils at Oak are persistently absent, 4 points above England for its phase\./);
  expect(third).toMatch(/^1 register row is quarantined\. Which school does it/);
  expect(aboutSchools([school("Oak", 0.4, 12), school("Elm", 0.1, 9)], 0)[0]).toMatch(
    /^No school is below England for its phase\. What does Oak,/,
  );
});

test("nothing is asked about pupils who are not there", () => {
  const severe: TrendRow = { ...ATTENDANCE, measure: "percent_severe", value: 0 };
  expect(aboutSchool([ATTENDANCE, severe], [{ position: 2, percent_pupils: 0 }])).toEqual([
    "Attendance is 0.3 points below England for the same phase. Which year groups and which days explain most of it?",
  ]);
});
