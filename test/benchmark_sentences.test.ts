import { describe, expect, test } from "vitest";
import {
  type AmongSimilar,
  aboutComparisons,
  amongSimilar,
  besideOwnMix,
  type Comparison,
  compared,
  lines,
  type MixExpectation,
  placeText,
  verdictText,
} from "../pages/components/comparisons.ts";
import type { Part } from "../pages/components/sentences.ts";
import {
  aboutVisits,
  type Expectation,
  expectedText,
  type FunnelRow,
  type Movement,
  movements,
  paceText,
  standings,
  toVisit,
  zoneText,
} from "../pages/components/visits.ts";
import { aboutWeeks, course, type Week } from "../pages/components/weeks.ts";
import { day, likeWhom, ordinal } from "../pages/components/words.ts";

const said = (sentences: Part[][]) =>
  sentences.map((parts) => parts.map((part) => (typeof part === "string" ? part : part.text)).join(""));

const OAK = { school_name: "Oak", phase: "Primary" };
const ENGLAND: Comparison = {
  school_urn: 999001,
  school_year: "2025/26",
  period_type: "year_to_date",
  measure: "percent_attendance",
  comparator: "England",
  area_name: "England",
  value: 94.1,
  comparator_value: 94.8,
  difference_points: -0.7,
  verdict: "in line with",
  missing: null,
  schools: null,
  place: null,
  is_joint: null,
};
const beside = (row: Partial<Comparison>): Comparison => ({ ...ENGLAND, ...row });
const REGION = beside({ comparator: "region", area_name: "Yorkshire and The Humber", comparator_value: 94.6 });
const AUTHORITY = beside({
  comparator: "local authority",
  area_name: "Leeds",
  comparator_value: 95,
  verdict: "worse than",
});

describe("compared with whom", () => {
  test("a school is in line where chance could make the difference, with the figure, and below where it could not", () => {
    expect(said(compared([AUTHORITY, REGION, ENGLAND], OAK))).toEqual([
      "At Oak pupils attended 94.1% of sessions so far this year. Beside primary schools, that is in line with England (94.8%) and Yorkshire and The Humber (94.6%), and below Leeds (95.0%).",
    ]);
  });

  test("a difference that is not seen and is still beyond chance is told as small", () => {
    expect(
      said(compared([beside({ verdict: "better than", difference_points: 0, comparator_value: 94.1 })], OAK)),
    ).toEqual([
      "At Oak pupils attended 94.1% of sessions so far this year. Beside primary schools, that is just above England (94.1%).",
    ]);
  });

  test("an all-through school stands beside figures weighted by its year groups, the trust beside its phases'", () => {
    const [school] = said(compared([ENGLAND], { school_name: "Elm", phase: "All-through" }));
    expect(school).toContain(
      "Beside other schools’ figures, weighted by its own year groups, that is in line with England",
    );
    const [trust] = said(
      compared([beside({ school_urn: null }), beside({ school_urn: null, comparator: "region", area_name: null })]),
    );
    expect(trust).toBe(
      "Our pupils attended 94.1% of sessions so far this year. Beside other schools’ figures, weighted by our schools’ phases, that is in line with England (94.8%) and our regions (94.8%).",
    );
  });

  test("more absence is more, never better or above", () => {
    const absent = { measure: "percent_persistent", value: 24, comparator_value: 18, difference_points: 6 } as const;
    expect(
      said(
        compared(
          [
            ENGLAND,
            beside({ ...absent, verdict: "worse than" }),
            beside({
              ...absent,
              comparator: "region",
              area_name: "North East",
              comparator_value: 25,
              verdict: "in line with",
            }),
            beside({
              ...absent,
              comparator: "local authority",
              area_name: "Leeds",
              comparator_value: 30,
              verdict: "better than",
            }),
          ],
          OAK,
        ),
      )[1],
    ).toBe(
      "24% of pupils were persistently absent (they missed 10% or more of their sessions): more than in England (18%), in line with North East (25%), and fewer than in Leeds (30%).",
    );
  });

  test("the other schools of the trust are told apart from areas", () => {
    const others = beside({
      comparator: "other schools",
      area_name: null,
      comparator_value: 93,
      verdict: "better than",
    });
    expect(said(compared([ENGLAND, others], OAK))[1]).toBe("It is above our other primary schools together (93.0%).");
  });

  test("a figure that DfE holds back is no comparator, and without any the page says so", () => {
    const missing = {
      comparator_value: null,
      difference_points: null,
      verdict: null,
      missing: "DfE holds the figure back",
    };
    expect(said(compared([ENGLAND, { ...AUTHORITY, ...missing }], OAK))[0]).not.toContain("Leeds");
    expect(verdictText({ ...AUTHORITY, ...missing })).toBe("DfE holds the figure back");
    expect(said(compared([beside(missing)], OAK))).toEqual([
      "At Oak pupils attended 94.1% of sessions so far this year. No figure of DfE’s is held to set beside it at this point of the year.",
    ]);
    expect(said(compared([], OAK))).toEqual(["There are no figures of this school year to compare."]);
    expect(aboutComparisons([beside(missing)], OAK)[0]).toMatch(
      /^DfE’s figures for this point of the year are not here/,
    );
  });

  test("comparators without a figure share a line, and are named as the rows with their figure name them", () => {
    const none = { comparator_value: null, difference_points: null, verdict: null, missing: "No figure is held" };
    const table = lines(
      [
        beside({ ...none, comparator: "local authority", area_name: null }),
        beside({ ...none, comparator: "region", area_name: null }),
        ENGLAND,
      ],
      OAK,
    );
    expect(table.map(({ names, verdict }) => [names, verdict])).toEqual([
      ["England", "In line"],
      ["Its region and its local authority", "No figure is held"],
    ]);
    expect(lines([REGION, AUTHORITY, beside(none)], OAK).map(({ names }) => names)).toEqual([
      "Yorkshire and The Humber",
      "Leeds",
      "England",
    ]);
    expect(lines([{ ...REGION, ...none, area_name: null }, REGION], OAK).at(-1)?.names).toBe(
      "Yorkshire and The Humber",
    );
  });

  test.each([
    [{ place: 1, schools: 3, is_joint: false }, "1st of 3"],
    [{ place: 2, schools: 3, is_joint: true }, "joint 2nd of 3"],
    [{ place: 1, schools: 1, is_joint: false }, "–"],
    [{ place: null, schools: null, is_joint: false }, "–"],
  ])("a place among the trust's schools: %o is %s", (row, text) => expect(placeText(row)).toBe(text));

  test("each figure carries the name under which a test finds it", () => {
    const names = compared([ENGLAND], OAK)
      .flat()
      .flatMap((part) => (typeof part === "string" ? [] : [part.name]));
    expect(names).toEqual([
      "999001|compare|year_to_date|percent_attendance|own|value",
      "999001|compare|year_to_date|percent_attendance|England|comparator_value",
    ]);
  });

  test("questions ask about a difference only where it is more than chance", () => {
    expect(aboutComparisons([ENGLAND], OAK)[0]).toMatch(
      /^Attendance at Oak differs from that of like schools by no more/,
    );
    expect(aboutComparisons([ENGLAND, AUTHORITY], OAK)[0]).toMatch(
      /^Attendance at Oak is below Leeds by more than chance/,
    );
    expect(aboutComparisons([beside({ verdict: "better than" })], OAK)[0]).toMatch(
      /^Attendance at Oak is above England/,
    );
  });
});

describe("what England's rates would give", () => {
  const mix: MixExpectation = {
    school_urn: 999001,
    school_year: "2025/26",
    period_type: "to_half_term",
    period: "to spring 1",
    measure: "percent_attendance",
    value: 94.1,
    expected_value: 94.5,
    verdict: "in line with",
    reason: null,
  };
  test("is told with its point of the year, and a difference within chance as in line", () => {
    expect(besideOwnMix([mix], OAK)).toEqual([
      "From September to the end of spring 1, England’s rates would have given a school with this mix of phase, free school meals and SEND attendance of about 94.5%.",
      "Oak had 94.1% attendance: in line with that.",
    ]);
  });
  test("is told with the reason where there is none", () => {
    const none = { ...mix, expected_value: null, verdict: null, reason: "not shown: a group could be worked out" };
    expect(besideOwnMix([none, { ...none, measure: "percent_persistent" }], OAK)).toEqual([
      "There is no such figure here: a group could be worked out.",
    ]);
    expect(besideOwnMix([mix, { ...none, measure: "percent_persistent" }], OAK).at(-1)).toBe(
      "There is no such figure of persistent absence: a group could be worked out.",
    );
    expect(besideOwnMix([], OAK)).toEqual([]);
  });
});

describe("among similar schools", () => {
  const similar: AmongSimilar = {
    school_year: "2024/25",
    similar_schools: 20,
    percent_attendance_median: 94,
    percent_attendance: 94.3,
    rank_attendance: 5,
    percent_persistent_median: null,
    rank_persistent: null,
    why_no_rank: null,
  };
  test("a place is told with the median, and that it says nothing of chance", () => {
    expect(amongSimilar(similar, "Oak")).toMatch(
      /^Of Oak and the 20 similar schools that DfE’s report names, Oak had the 5th highest attendance in 2024\/25 \(94\.3%\)\. Their median attendance in 2024\/25 was 94\.0%\. A place .* nothing of chance/,
    );
    expect(amongSimilar({ ...similar, rank_attendance: 1, rank_persistent: 2 }, "Oak")).toContain(
      "Oak had the highest attendance in 2024/25 (94.3%), and the 2nd lowest persistent absence.",
    );
  });
  test("until the year is over there is no place", () => {
    expect(amongSimilar({ ...similar, rank_attendance: null, why_no_rank: "the year is not over" }, "Oak")).toBe(
      "DfE’s report names 20 similar schools to Oak. Their median attendance in 2024/25 was 94.0%. There is no place among them yet: the year is not over.",
    );
  });
});

describe("which school needs a visit", () => {
  const school = (school_urn: number, school_name: string, row: Partial<FunnelRow>): FunnelRow => ({
    school_urn,
    school_name,
    phase: "Primary",
    measure: "percent_attendance",
    pupils: 200,
    value: 92,
    england_value: 94.8,
    zone: "inside",
    direction: "worse",
    ...row,
  });
  const elm = school(1, "Elm", { zone: "beyond 95%", value: 93 });
  const oak = school(2, "Oak", { zone: "beyond 99.8%" });
  const ash = school(3, "Ash", { value: 90 });
  const yew = school(4, "Yew", { value: 94.7 });
  const fir = school(5, "Fir", { zone: "beyond 95%", direction: "better", value: 97 });

  test("schools beyond the limits come first, worst first; all others by name and not by figure", () => {
    expect(standings([yew, ash, fir, elm, oak]).map(({ school_name }) => school_name)).toEqual([
      "Oak",
      "Elm",
      "Ash",
      "Fir",
      "Yew",
    ]);
    expect(standings([ash, yew]).map(({ school_name }) => school_name)).toEqual(
      standings([
        { ...ash, value: 95 },
        { ...yew, value: 90 },
      ]).map(({ school_name }) => school_name),
    );
  });

  test("the answer tells who lies beyond the limits, who does better and who is only noise", () => {
    expect(said(toVisit([yew, ash, fir, elm, oak]))).toEqual([
      "The first visit is due at Oak: compared with England (primary schools), attendance is 92.0% against 94.8%, beyond the outer limits, where one school in 500 lies by chance.",
      "Then at Elm: compared with England (primary schools), attendance is 93.0% against 94.8%, beyond the inner limits, where one school in 20 lies by chance.",
      "Fir does better than chance alone would make it.",
      "Ash and Yew lie within the limits: nothing but chance need make the difference from England.",
    ]);
  });

  test("a school that is worse by one measure and better by another is to be visited", () => {
    const absent = school(5, "Fir", {
      measure: "percent_persistent",
      zone: "beyond 95%",
      value: 30,
      england_value: 18,
    });
    expect(said(toVisit([fir, absent]))).toEqual([
      "The first visit is due at Fir: compared with England (primary schools), persistent absence is 30% against 18%, beyond the inner limits, where one school in 20 lies by chance.",
    ]);
  });

  test("where no school is worse, none is named first", () => {
    expect(said(toVisit([ash]))[0]).toBe(
      "No school is so far below England that chance alone could not make the difference.",
    );
    expect(said(toVisit([]))[0]).toMatch(/^No school can be judged/);
    expect(aboutVisits([ash], [])[0]).toMatch(/^No school stands out/);
  });

  test("where a figure lies", () => {
    expect([oak, elm, fir, ash].map(zoneText)).toEqual([
      "Worse, outer limit",
      "Worse, inner limit",
      "Better, inner limit",
      "Within",
    ]);
    expect(zoneText({ zone: null, direction: "worse" })).toBe("No limits");
  });

  const moving = (school_name: string, change_points: number | null, is_beyond_chance: boolean | null): Movement => ({
    school_urn: 1,
    school_name,
    school_year: "2025/26",
    period_type: "year_to_date",
    measure: "percent_persistent",
    value: 24,
    change_points,
    change_since_first: null,
    england_value: null,
    england_gap: null,
    england_change_since_first: null,
    is_beyond_chance,
  });
  test("a movement is told where it is beyond chance, and only there", () => {
    expect(said(movements([moving("Oak", 6, true), moving("Elm", 8, false)]))).toEqual([
      "At Oak persistent absence rose by 6 points, to 24%: more than chance alone would make it move.",
      "At the other school it has moved by no more than chance.",
    ]);
    expect(said(movements([moving("Elm", 8, false)]))).toEqual([
      "At no school has persistent absence moved by more than chance alone would make it.",
    ]);
    expect(said(movements([moving("Elm", null, null)]))).toEqual(["There is no figure for the same week last year."]);
    expect(aboutVisits([ash], [moving("Elm", 8, false)]).join(" ")).not.toContain("Elm");
  });

  const target: Expectation = {
    school_urn: 1,
    school_name: "Oak",
    school_year: "2025/26",
    kind: "target",
    measure: "percent_attendance",
    percent_expected: 95,
    value: 94.1,
    is_year_over: false,
    is_met: false,
    percent_needed: 96.4,
    is_reachable: true,
    pupils_above: null,
    why_no_pace: null,
  };
  const absence = { measure: "percent_persistent", percent_needed: null, is_reachable: null } as const;
  test.each<[Partial<Expectation>, string]>([
    [{}, "96.4% of the sessions to come must be attended."],
    [{ is_met: true }, "As expected or better so far; 96.4% of the sessions to come keep it so."],
    [
      { is_reachable: false, percent_needed: 100.2 },
      "Out of reach this year, even if every session to come were attended.",
    ],
    [
      { percent_needed: null, is_reachable: null, why_no_pace: "no calendar says what is to come" },
      "Not there yet; no pace can be told: no calendar says what is to come.",
    ],
    [{ is_year_over: true }, "Not reached."],
    [{ is_year_over: true, is_met: true }, "Reached."],
    [{ value: null, is_met: null }, "There are no figures of the year yet."],
    [{ ...absence, pupils_above: 45 }, "About 45 pupils too many so far."],
    [{ ...absence, pupils_above: 0 }, "A few pupils too many so far."],
    [{ ...absence, is_met: true }, "As expected or better so far."],
  ])("the pace of %o", (row, text) => expect(paceText({ ...target, ...row })).toBe(text));

  test("an expectation is written as it was stated", () => {
    expect([95, 94.25].map((percent_expected) => expectedText({ ...target, percent_expected }))).toEqual([
      "95.0%",
      "94.25%",
    ]);
    expect(expectedText({ ...target, ...absence, percent_expected: 15 })).toBe("15%");
  });
});

describe("how the year runs", () => {
  const week = (counted_to: string, percent_attendance: number, england_value: number | null): Week => ({
    school_year: "2025/26",
    counted_to,
    published_on: "2026-01-22",
    percent_attendance,
    england_value,
    gap_points: england_value === null ? null : Math.round((percent_attendance - england_value) * 10) / 10,
  });
  const weeks = [week("2025-09-12", 93.9, 94.6), week("2026-01-09", 92.7, 92.4)];

  test("the gap now and at the first count, and what became of it", () => {
    expect(said(course(weeks))).toEqual([
      "From September to 9 January 2026 our pupils attended 92.7% of sessions, 0.3 points above England (92.4%, weighted by our schools’ phases).",
      "At the first of DfE’s counts beside ours, to 12 September 2025, we were 0.7 points below England: 93.9% against 94.6%. Since then we have gained 1.0 points on England.",
    ]);
    expect(aboutWeeks(weeks)[0]).toMatch(/^We have gained on England/);
    expect(said(course([week("2025-09-12", 94, 94), week("2026-01-09", 92, 92)]))[1]).toMatch(
      /the gap has not changed\.$/,
    );
  });

  test("one count alone has no start to compare with, and a year without DfE's figures says so", () => {
    expect(said(course(weeks.slice(1)))).toHaveLength(1);
    const [none] = said(course([week("2026-09-12", 93, null)]));
    expect(none).toBe("DfE has published no figure of this school year up to now that stands beside ours.");
    expect(said(course([]))).toEqual([none]);
  });
});

test("days are written out, whatever the reader's time zone", () => {
  expect([day("2026-01-09"), day(new Date("2026-06-30T00:00:00Z")), day(null)]).toEqual([
    "9 January 2026",
    "30 June 2026",
    "–",
  ]);
});

test("places are counted as they are spoken", () => {
  expect([1, 2, 3, 4, 11, 12, 13, 21, 22, 103].map(ordinal).join(" ")).toBe(
    "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 103rd",
  );
});

test("an all-through school is never said to be like one phase", () => {
  expect([undefined, "Primary", "All-through"].map(likeWhom)).toEqual([
    "weighted by our schools’ phases",
    "primary schools",
    "weighted by its own year groups",
  ]);
});
