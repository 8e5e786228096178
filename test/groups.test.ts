import { describe, expect, test } from "vitest";
import {
  aboutGroups,
  answer,
  cellName,
  type Group,
  gapMoved,
  leftBehind,
  listed,
  type Shown,
} from "../pages/components/groups.ts";
import type { Part } from "../pages/components/sentences.ts";

const meals: Group = {
  school_urn: null,
  school_year: "2025/26",
  question: "fsm",
  breakdown: "fsm",
  cohort: "eligible",
  label: "pupils eligible for free school meals",
  is_watched: true,
  pupils: 120,
  percent_attendance: 88.3,
  others_percent_attendance: 94,
  all_percent_attendance: 92.5,
  gap_points: -5.7,
  gap_text: "5.7 points lower",
  is_beyond_chance: true,
  change_points: 0.9,
  gap_change_points: 0.8,
  points_lost: 1.5,
  sessions_lost: 1480,
  percent_persistent: 34,
  persistent_text: "34%",
  england_percent_persistent: null,
  status_basis: "as at the session",
};
const carers: Group = {
  ...meals,
  breakdown: "young_carer",
  cohort: "young carer",
  label: "young carers",
  gap_points: -8.1,
  gap_text: "8.1 points lower",
  gap_change_points: -0.4,
  percent_attendance: 84.4,
  points_lost: 0,
  sessions_lost: 90,
};
const all: Shown = { title: "Free school meals", outcome: "shown", reason: null };

const text = (sentences: Part[][]) =>
  sentences.map((parts) => parts.map((part) => (typeof part === "string" ? part : part.text)).join(""));

describe("the answer", () => {
  test("names the group that costs most sessions, and the widest gap where that is another's", () => {
    expect(text(answer([carers, meals], "our trust"))).toEqual([
      "Pupils eligible for free school meals attended 88.3% of their sessions, 5.7 points lower than the other pupils.",
      "If they had attended as the others did, about 1,480 more sessions would have been attended and the attendance of " +
        "our trust would be 1.5 points higher. No other group costs as many.",
      "The widest gap is that of young carers: they attended 84.4%, 8.1 points lower than the other pupils.",
    ]);
  });

  test("does not repeat a group whose gap is also the widest, nor promise a rise that rounds to nothing", () => {
    expect(text(answer([carers], "Oak"))).toEqual([
      "Young carers attended 84.4% of their sessions, 8.1 points lower than the other pupils.",
      "If they had attended as the others did, about 90 more sessions would have been attended. No other group costs as many.",
    ]);
  });

  test("does not claim that no group costs as many where one does", () => {
    const six = { ...meals, breakdown: "fsm_ever_6", gap_points: -5.6, gap_text: "5.6 points lower" };
    expect(text(answer([meals, six], "Oak"))[1]).toMatch(/would be 1.5 points higher\.$/);
  });

  test.each([
    ["a gap that may be chance", { ...meals, is_beyond_chance: false }],
    ["everybody else, who are no group to watch", { ...meals, is_watched: false }],
    ["a group that attends more", { ...meals, gap_points: 5.7 }],
    ["a group without others", { ...meals, gap_points: null, is_beyond_chance: null }],
  ])("names nobody for %s", (_, group) => {
    expect(leftBehind([group])).toEqual([]);
    expect(text(answer([group], "Oak"))).toEqual([
      "No group that can be shown attends less than the other pupils of Oak by more than chance would give.",
    ]);
  });

  test("says that there is nothing to show where no group is large enough", () => {
    expect(text(answer([], "Oak"))).toEqual(["No group is large enough to be shown."]);
  });

  test("names each figure, so that a test can find it on the page", () => {
    expect(answer([meals], "Oak")[0]?.filter((part) => typeof part !== "string")).toEqual([
      { name: "trust|groups|fsm|eligible|percent_attendance", text: "88.3%" },
      { name: "trust|groups|fsm|eligible|gap_points", text: "5.7 points lower" },
    ]);
  });
});

describe("the questions", () => {
  test("ask about the costliest group, the gap that widened most, and what nobody records", () => {
    const missing: Shown = { title: "Young carers", outcome: "not recorded", reason: "not recorded for any pupil" };
    expect(aboutGroups([meals, carers], [all, missing])).toEqual([
      "What stands in the way of pupils eligible for free school meals, in their own words, and what is being done about each reason?",
      "The gap of young carers is 0.4 points wider than at the same point last year. What has changed for them?",
      "Nothing is recorded of young carers. Who keeps that list, and when will it be part of these figures?",
    ]);
  });

  test("ask what helped where gaps only narrowed, and who looks at those who are too few to be shown", () => {
    const withheld: Shown = { title: "Young carers", outcome: "withheld", reason: "not shown" };
    expect(aboutGroups([meals], [withheld]).slice(1)).toEqual([
      "The gap of pupils eligible for free school meals is 0.8 points narrower than at the same point last year. What helped, and whom else would it help?",
      "Some groups are too small to be shown here. Who looks at the attendance of each of those pupils, and how often?",
    ]);
  });

  test("are none where there is nothing to ask about", () => {
    expect(aboutGroups([], [all])).toEqual([]);
  });
});

test.each([
  [-5.7, 0.8, "0.8 points narrower"],
  [-5.7, -0.4, "0.4 points wider"],
  [3.2, -0.3, "0.3 points narrower"],
  [3.2, 0.3, "0.3 points wider"],
  // from 1 point above the others to 1 point below them
  [-1, -2, "as wide"],
  [-5.7, 0, "as wide"],
  [-5.7, null, "–"],
  [null, null, "–"],
])("a gap of %s points that changed by %s is %s", (gap_points, gap_change_points, words) => {
  expect(gapMoved({ gap_points, gap_change_points })).toBe(words);
});

test("a cell is named by what it has, and by what is not recorded", () => {
  expect(cellName({ fsm: "eligible", send: "SEND", social_worker: "has a social worker" })).toBe(
    "Free school meals, SEND, has a social worker",
  );
  expect(cellName({ fsm: "not eligible", send: "no SEN", social_worker: null })).toBe("No free school meals, no SEN");
  expect(cellName({ fsm: "unclassified", send: "unclassified", social_worker: "unclassified" })).toBe(
    "Free school meals not recorded, SEND not recorded, social worker not recorded",
  );
});

test.each([
  [["a"], "a"],
  [["a", "b"], "a and b"],
  [["a", "b", "c"], "a, b and c"],
])("%j are listed as %s", (words, sentence) => {
  expect(listed(words)).toBe(sentence);
});
