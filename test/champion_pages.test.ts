import { describe, expect, test } from "vitest";
import { byDaysLost, classesLost, lostAnswer } from "../pages/components/lost_learning.ts";
import {
  oneIn,
  type Pattern,
  patternName,
  patternsAnswer,
  patternText,
  ratesText,
} from "../pages/components/patterns.ts";
import {
  type Backtest,
  backtestRules,
  backtestSentence,
  changesSentence,
  type PolicyRule,
  policyAnswer,
  ruleKinds,
  weeksText,
} from "../pages/components/policy_sentences.ts";
import {
  type FiveWeeks,
  fiveWeeksAnswer,
  type League,
  leaguesAnswer,
  leagueTimes,
  periodText,
  praisedFor,
  praises,
  type Rewarded,
} from "../pages/components/praise.ts";
import {
  type Answered,
  groupAnswer,
  groupQuestions,
  groupsOf,
  type PupilThisYear,
} from "../pages/components/pupil_groups.ts";
import {
  chosenRows,
  classGroups,
  classText,
  type PupilRow,
  pupilName,
  yearGroups,
  yearText,
} from "../pages/components/pupil_rows.ts";
import type { Part } from "../pages/components/sentences.ts";
import {
  effectText,
  type Plan,
  type PlanEffect,
  planBeside,
  planChange,
  plansInOrder,
  reviewText,
  supportAnswer,
} from "../pages/components/support_plans.ts";
import {
  type ListedPupil,
  reasonAlone,
  shownFirst,
  todaysAnswer,
  todaysSections,
} from "../pages/components/todays_list.ts";
import { outlook, type Tracked, trackerAnswer } from "../pages/components/tracker.ts";
import {
  daysToClear,
  dueText,
  sessionsText,
  type Unexplained,
  unexplainedAnswer,
} from "../pages/components/unexplained.ts";

const ann: PupilRow = { pupil: 1, surname: "Ashwell", forename: "Ann", year_group: "7", registration_group: "7A" };
const bob: PupilRow = { pupil: 2, surname: "Brook", forename: "Bob", year_group: "7", registration_group: "7B" };
const cat: PupilRow = { pupil: 3, surname: "Pupil 3", forename: "", year_group: "R", registration_group: null };

describe("pupils on the champion's pages", () => {
  test("are named by surname and forename, and by the surname alone where no forename is known", () => {
    expect([ann, cat].map(pupilName)).toEqual(["Ashwell, Ann", "Pupil 3"]);
    expect([ann, cat].map(classText)).toEqual(["Year 7, class 7A", "Reception"]);
    expect([null, "N", "R", "13"].map(yearText)).toEqual(["No year group", "Nursery", "Reception", "Year 13"]);
  });

  test("are chosen by year group and class, which stand in the order of a school", () => {
    const years = ["10", "R", "2", "N"].map((year_group) => ({ ...ann, year_group }));
    expect(yearGroups(years)).toEqual(["N", "R", "2", "10"]);
    const classes = ["7B", "10A", "7A", null].map((registration_group) => ({ ...ann, registration_group }));
    expect(classGroups(classes, "")).toEqual(["7A", "7B", "10A"]);
    expect(classGroups([ann, bob, cat], "R")).toEqual([]);
    const rows = [{ ...ann, is_new: true }, { ...bob, is_new: false }, cat];
    const chosen = (choice: object) => chosenRows(rows, { year: "", group: "", isNew: false, ...choice });
    expect(chosen({})).toHaveLength(3);
    expect(chosen({ year: "7" }).map(({ pupil }) => pupil)).toEqual([1, 2]);
    expect(chosen({ year: "7", group: "7B" }).map(({ pupil }) => pupil)).toEqual([2]);
    expect(chosen({ isNew: true }).map(({ pupil }) => pupil)).toEqual([1]);
  });
});

describe("today's list", () => {
  const met = (pupil: PupilRow, row: Partial<ListedPupil>): ListedPupil => ({
    ...pupil,
    kind: "trigger",
    stage: "",
    rule: "three days",
    reason: "Three days in a row: 6 sessions in a row since 10 March 2026",
    action: "Phone home",
    lead: null,
    percent_attendance: 91,
    weeks_to_review: null,
    is_new: false,
    is_national: false,
    position: 101,
    ...row,
  });

  test("has national duties first in their own order, then each kind of rule with the furthest first", () => {
    const rows = [
      met(ann, {}),
      met(bob, { rule: "five days", position: 102 }),
      met(ann, { kind: "national", rule: "fifteen days", position: 6 }),
      met(bob, { kind: "national", rule: "ten sessions", position: 1 }),
      met(cat, { kind: "stage", rule: "step 2", position: 104 }),
    ];
    const sections = todaysSections(rows, new Map([["step 2", "the second step"]]));
    expect(sections.map(({ kind, rules }) => [kind, ...rules.map(({ rule }) => rule)])).toEqual([
      ["national", "ten sessions", "fifteen days"],
      ["stage", "step 2"],
      ["trigger", "five days", "three days"],
    ]);
    expect(sections[1]?.rules[0]?.title).toBe("The second step");
  });

  test("has new pupils before the others, and all of them on the page", () => {
    const old = Array.from({ length: 20 }, () => met(ann, {}));
    const fresh = Array.from({ length: 12 }, () => met(bob, { is_new: true }));
    const rows = todaysSections([...old, ...fresh], new Map())[0]?.rules[0]?.rows ?? [];
    expect(rows.slice(0, 12).every((row) => row.is_new)).toBe(true);
    expect(shownFirst(rows)).toBe(12);
    expect(shownFirst(old)).toBe(10);
  });

  test("says a reason without what the heading above it says", () => {
    expect(reasonAlone("Three days: 6 sessions in a row", "Three days")).toBe("6 sessions in a row");
    expect(reasonAlone("Step 1, since 13 March 2026", "Step 1")).toBe("Since 13 March 2026");
    expect(reasonAlone("in this band", undefined)).toBe("In this band");
  });

  test.each([
    [[], true, /^Nobody: no pupil on roll meets a national duty or a rule of our policy today\.$/],
    [[], false, /^Nobody: no pupil on roll meets a national duty today\.$/],
    [[met(ann, {})], true, /^Nothing is new.* With those from before 1 pupil is on the list: 1 by a trigger\.\s*$/],
    [
      [met(ann, { is_new: true })],
      true,
      /^1 pupil newly needs something: a rule was met within the last five school days\./,
    ],
    [
      [met(ann, { is_new: true }), met(ann, { kind: "late", is_new: true }), met(bob, { is_new: true })],
      true,
      /^2 pupils newly need something: each met a rule .* 2 pupils are on the list: 2 by a trigger and 1 for lateness\. A pupil may be there more than once\./,
    ],
    [
      [met(ann, { kind: "stage", weeks_to_review: 0 }), met(bob, { kind: "stage", weeks_to_review: 1 })],
      true,
      /The support of 1 pupil is due for review\.$/,
    ],
  ])("is answered in a sentence (%#)", (rows: ListedPupil[], hasPolicy, said) => {
    expect(words(todaysAnswer(rows, hasPolicy))).toMatch(said);
    expect(figures(todaysAnswer(rows, hasPolicy))).toContain("todays_list|pupils");
  });
});

describe("persistent absence", () => {
  const tracked = (pupil: PupilRow, row: Partial<Tracked>): Tracked => ({
    ...pupil,
    list: "persistent",
    sessions_possible: 200,
    sessions_absent: 24,
    percent_attendance: 88,
    days_lost: 12,
    percent_last_five_weeks: 80,
    percent_five_weeks_before: 90,
    direction: "worse",
    persistent_since: "2026-01-16",
    sessions_remaining: 138,
    sessions_that_may_be_missed: 9,
    can_still_avoid: true,
    is_certain: false,
    sessions_to_attend_in_a_row: 40,
    sessions_to_miss_in_a_row: 0,
    ...row,
  });
  const atRisk = { list: "at risk", direction: null, can_still_avoid: false, sessions_to_attend_in_a_row: 0 } as const;

  test("is answered with how many, which way they go, and who is near it", () => {
    const rows = [
      tracked(ann, { list: "severe", direction: "better", can_still_avoid: false }),
      tracked(bob, {}),
      tracked(cat, { ...atRisk, sessions_to_miss_in_a_row: 2 }),
      tracked({ ...cat, pupil: 4 }, { ...atRisk, sessions_to_miss_in_a_row: 3 }),
    ];
    expect(words(trackerAnswer(rows))).toBe(
      "2 pupils are persistently absent, 1 of them severely: 1 getting better and 1 getting worse. " +
        "1 pupil can still end the year below the threshold. 2 pupils are at risk, 1 of them within a day of it.",
    );
    expect(words(trackerAnswer([]))).toBe(
      "Nobody on roll is persistently absent so far this school year. Nobody is at risk.",
    );
  });

  test.each<[string, Partial<Tracked>, string]>([
    [
      "can be ended",
      {},
      "May miss at most 9 of the 138 sessions left; below the threshold after 40 sessions attended in a row.",
    ],
    [
      "hangs on every session",
      { sessions_that_may_be_missed: 0, sessions_to_attend_in_a_row: null },
      "May miss none of the 138 sessions left.",
    ],
    [
      "is certain",
      { is_certain: true },
      "Will end the year persistently absent, even if all 138 sessions left are attended.",
    ],
    [
      "cannot be told without a calendar",
      { sessions_remaining: null },
      "Not known: there is no calendar of the rest of the year.",
    ],
    [
      "is near",
      { ...atRisk, sessions_to_miss_in_a_row: 1, sessions_that_may_be_missed: 14 },
      "One more session missed in a row would make it so. May miss at most 14 of the 138 sessions left.",
    ],
    [
      "is near, without a calendar",
      { ...atRisk, sessions_to_miss_in_a_row: 3, sessions_remaining: null },
      "3 more sessions missed in a row would make it so. Without a calendar nobody knows what is left of the year.",
    ],
  ])("%s: what can still be done", (_, row, said) => {
    expect(outlook(tracked(ann, row))).toBe(said);
  });
});

describe("absences without a reason", () => {
  const absent = (pupil: PupilRow, row: Partial<Unexplained>): Unexplained => ({
    ...pupil,
    session_date: "2026-03-10",
    session: "AM",
    is_on_roll: true,
    school_days_since: 3,
    days_left: 2,
    is_overdue: false,
    ...row,
  });
  const overdue = { session_date: "2026-03-02", school_days_since: 9, days_left: null, is_overdue: true };

  test("stand day by day, the longest overdue first", () => {
    const rows = [
      absent(bob, { session: "PM" }),
      absent(ann, { session: "PM" }),
      absent(ann, {}),
      absent(cat, overdue),
    ];
    const days = daysToClear(rows);
    expect(days.map(({ pupil, sessions }) => [pupil, sessionsText(sessions)])).toEqual([
      [3, "morning"],
      [1, "all day"],
      [2, "afternoon"],
    ]);
    expect(rows[2]).not.toHaveProperty("sessions");
  });

  test.each<[Partial<Unexplained>, string]>([
    [{}, "2 school days left"],
    [{ days_left: 1 }, "1 school day left"],
    [{ days_left: 0 }, "Due now: this is the last day"],
    [overdue, "Overdue, 9 school days ago"],
  ])("say how long there is (%#)", (row, said) => {
    expect(dueText(absent(ann, row))).toBe(said);
  });

  test("are answered with what is overdue, and what N means", () => {
    expect(words(unexplainedAnswer([absent(ann, overdue), absent(bob, {}), absent(bob, { days_left: 0 })]))).toBe(
      "1 session of 1 pupil is overdue: the reason should have been entered within five school days, or code O. " +
        "In all 3 sessions have the code N (reason for absence not yet established); 2 of them still have time, " +
        "1 of them until today.",
    );
    expect(words(unexplainedAnswer([absent(ann, {})]))).toMatch(/^No reason is overdue/);
    expect(words(unexplainedAnswer([]))).toBe("None: every absence has its reason.");
  });
});

describe("patterns", () => {
  const pattern = (pupil: PupilRow, row: Partial<Pattern>): Pattern => ({
    ...pupil,
    pattern: "Friday",
    unit: "days",
    absences: 9,
    all_absences: 12,
    days_possible: 25,
    percent_absence: 36,
    percent_absence_other: 3.1,
    percent_of_absences: 75,
    chance: 0.0004,
    is_more_than_chance: true,
    ...row,
  });

  test("are told from chance in the answer", () => {
    const mere = pattern(bob, { is_more_than_chance: false, chance: 0.02 });
    expect(words(patternsAnswer([pattern(ann, {}), mere]))).toMatch(
      /^Yes: 1 pupil is away on one kind of day far more often than chance .*\. 1 other pattern could well be chance/,
    );
    expect(words(patternsAnswer([mere, mere]))).toMatch(
      /^None that chance could not make: no pupil .*\. 2 patterns could/,
    );
    expect(words(patternsAnswer([]))).toMatch(/^None .* Nobody missed one kind of day/);
  });

  test.each([
    ["Monday", "days", "Mondays", "9 of 12 days missed were Mondays"],
    ["day before a holiday", "days", "Days before a holiday", "9 of 12 days missed were days before a holiday"],
    ["last day of term", "days", "Last days of a term", "9 of 12 days missed were last days of a term"],
    ["mornings", "half days", "Mornings", "9 of 12 half days missed were mornings"],
  ])("%s is put in words", (name, unit, title, said) => {
    expect(patternName(name)).toBe(title);
    expect(patternText(pattern(ann, { pattern: name, unit }))).toBe(said);
  });

  test("have rates where there are any, and a chance that claims no more than is known", () => {
    expect(ratesText(pattern(ann, {}))).toBe("Missed 36% of them, of other days 3%");
    expect(ratesText(pattern(ann, { percent_absence: null }))).toBe("");
    expect([0.5, 0.0152, 0.00075, 1 / 123_456, 1e-9].map(oneIn)).toEqual([
      "1 in 2",
      "1 in 66",
      "1 in 1,300",
      "1 in 120,000",
      "less than 1 in a million",
    ]);
  });
});

describe("groups and lost learning", () => {
  const year = (pupil: PupilRow, missed: number, possible = 100): PupilThisYear => ({
    ...pupil,
    sessions_possible: possible,
    sessions_attended: possible - missed,
    sessions_absent: missed,
    sessions_unauthorised: 0,
    sessions_late: 0,
    percent_attendance: possible === 0 ? null : 100 - (100 * missed) / possible,
    days_lost: missed / 2,
    is_persistent: possible === 0 ? null : 10 * missed >= possible,
    is_severe: false,
    direction: null,
  });
  const pupils = [year(ann, 30), year(bob, 1), year(cat, 1, 20)];
  const answers: Answered[] = pupils.map(({ pupil }) => ({
    pupil,
    question: "Free school meals",
    answer: pupil === 1 ? "eligible" : "not eligible",
    question_position: 5,
    answer_position: pupil === 1 ? 1 : 2,
  }));

  test("a question parts the pupils into groups, each pupil in one, and their sessions are pooled", () => {
    expect(groupQuestions(answers)).toEqual(["Year group", "Class", "Free school meals"]);
    const groups = (question: string) =>
      groupsOf(question, answers, pupils).map(({ answer, pupils }) => [answer, pupils.length]);
    expect(groups("Year group")).toEqual([
      ["Reception", 1],
      ["Year 7", 2],
    ]);
    expect(groups("Class")).toEqual([
      ["7A", 1],
      ["7B", 1],
      ["no class", 1],
    ]);
    expect(groups("Free school meals")).toEqual([
      ["eligible", 1],
      ["not eligible", 2],
    ]);
    const [, others] = groupsOf("Free school meals", answers, pupils);
    expect(others?.attendance).toBeCloseTo((100 * 118) / 120, 10);
  });

  test("a group is answered beside everybody else", () => {
    const [eligible] = groupsOf("Free school meals", answers, pupils);
    expect(words(groupAnswer("Free school meals", eligible, pupils))).toBe(
      "1 pupil of 3 is in the group “Free school meals: eligible”. Together they attended 70.0% of their sessions so " +
        "far this school year, everybody else 98.3%. 1 of them is persistently absent.",
    );
    expect(words(groupAnswer("Year group", undefined, []))).toBe("No pupils are on roll.");
  });

  test("lost learning is in days, those who lost most first, and says how many pupils lost half of it", () => {
    expect(words(lostAnswer(pupils))).toBe(
      "16 days in all so far this school year, 5.3 a pupil. 1 of 3 pupils (33%) lost half of these days. " +
        "Every pupil lost some.",
    );
    expect(byDaysLost([...pupils].reverse()).map(({ pupil }) => pupil)).toEqual([1, 2, 3]);
    expect(classesLost(pupils).map(({ group, days_lost }) => [group, days_lost])).toEqual([
      ["7A", 15],
      ["7B", 0.5],
      ["no class", 0.5],
    ]);
    expect(words(lostAnswer([year(ann, 0)]))).toBe("None: nobody has missed a session this school year.");
    expect(words(lostAnswer([year(ann, 0, 0)]))).toBe("None yet: nobody could have attended this school year.");
  });
});

describe("five weeks, leagues and praise", () => {
  const weeks = (pupil: PupilRow, missed: number): FiveWeeks => ({
    ...pupil,
    starts_on: "2026-02-09",
    ends_on: "2026-03-20",
    place: 1,
    sessions_possible: 50,
    sessions_attended: 50 - missed,
    sessions_absent: missed,
    sessions_unauthorised: 0,
    sessions_late: 0,
    percent_attendance: 100 - 2 * missed,
    direction: null,
  });
  const league = (row: Partial<League>): League => ({
    league: "classes",
    per: "week",
    period: "week of 2026-03-16",
    is_complete: true,
    group_name: "7A",
    place: 1,
    groups_ranked: 2,
    pupils: 28,
    percent_attendance: 96.07,
    ...row,
  });
  const rewarded = (pupil: PupilRow, row: Partial<Rewarded>): Rewarded => ({
    ...pupil,
    kind: "full attendance",
    per: "half term",
    period: "spring 1",
    is_complete: true,
    place: null,
    sessions_late: 0,
    percent_attendance: 100,
    percent_before: null,
    points_improved: null,
    ...row,
  });
  const cup = { reward: "The cup", kind: "class league", per: "half term", percent_at_least: null, says: "a cup" };

  test("five weeks are answered with all sessions together; exactly a tenth missed counts as a tenth", () => {
    expect(words(fiveWeeksAnswer([weeks(ann, 0), weeks(bob, 5), weeks(cat, 4)]))).toBe(
      "Together they attended 94.0% of their sessions from 9 February 2026 to 20 March 2026. " +
        "1 of 3 pupils attended every session; 1 missed a tenth or more.",
    );
    expect(words(fiveWeeksAnswer([]))).toMatch(/^Nobody on roll/);
  });

  test("the league that the policy rewards is chosen first, and sharers of the first place are all named", () => {
    const half = { per: "half term", period: "spring 2", is_complete: false };
    const leagues = [
      league({}),
      league(half),
      league({ ...half, group_name: "7B" }),
      league({ ...half, league: "year groups", group_name: "7" }),
    ];
    expect(leagueTimes(leagues, [])).toEqual({ times: ["week", "half term"], first: "week" });
    expect(leagueTimes(leagues, [cup]).first).toBe("half term");
    expect(words(leaguesAnswer(leagues, "half term"))).toBe(
      "Best in spring 2 so far: Class 7A and 7B (96.1%), and Year 7 (96.1%).",
    );
    expect(words(leaguesAnswer([], "week"))).toBe("No class or year group has enough pupils for a league.");
    expect(periodText(league({}))).toBe("week from 16 March 2026");
  });

  test("praise is for what the policy names, of the last time that is over", () => {
    const full = {
      reward: "Certificate",
      kind: "full attendance",
      per: "half term",
      percent_at_least: null,
      says: null,
    };
    const rows = [
      rewarded(bob, {}),
      rewarded(ann, {}),
      rewarded(cat, { period: "spring 2", is_complete: false }),
      rewarded(ann, { kind: "most improved" }),
    ];
    const [found, won] = praises(rows, [league({ per: "half term", period: "spring 1" })], [full, cup]);
    expect([found?.title, found?.period, found?.rows.map(({ pupil }) => pupil)]).toEqual([
      "Certificate",
      "spring 1",
      [1, 2],
    ]);
    expect(won?.winners.map(({ group_name }) => group_name)).toEqual(["7A"]);
    expect(praises(rows, [], []).map(({ title }) => title)).toEqual([
      "Every session attended, half term",
      "Most improved, half term",
    ]);
    expect(praises([], [], [full])).toHaveLength(1);
    const improved = { percent_before: 80.04, percent_attendance: 92, points_improved: 11.96 };
    expect([rewarded(ann, {}), rewarded(ann, improved)].map(praisedFor)).toEqual([
      "100%",
      "80.0% to 92.0%, 12.0 points more",
    ]);
  });
});

describe("the policy", () => {
  const tested = (row: Partial<Backtest>): Backtest => ({
    school_year: "2024/25",
    rule: "letter",
    says: "letter home",
    pupils: 500,
    caught: 250,
    persistent: 100,
    persistent_caught: 80,
    persistent_in_time: 60,
    persistent_missed: 20,
    weeks_before: 4,
    is_national: false,
    is_complete: true,
    position: 101,
    ...row,
  });
  const rule = (row: Partial<PolicyRule>): PolicyRule => ({
    kind: "band",
    ladder: null,
    stage: null,
    rule: "letter",
    says: "letter home",
    written: null,
    decided: null,
    action: null,
    lead: null,
    years: null,
    codes: null,
    pupils: 0,
    new_pupils: 0,
    is_national: false,
    source: null,
    position: 101,
    ...row,
  });
  const duty = rule({ kind: "national", is_national: true, rule: "ten sessions" });

  test.each<[Partial<Backtest>, string]>([
    [
      {},
      "In 2024/25 it found 80 of 100 persistently absent pupils, 60 of them in time (typically 4 weeks before), and " +
        "missed 20. It found 250 pupils in all, 50% of those it is for.",
    ],
    [
      { weeks_before: -1 },
      "In 2024/25 it found 80 of 100 persistently absent pupils, 60 of them in time (typically 1 week after), and missed 20. It found 250 pupils in all, 50% of those it is for.",
    ],
    [
      {
        persistent_caught: 0,
        persistent_in_time: 0,
        persistent_missed: 100,
        weeks_before: null,
        caught: 1,
        is_complete: false,
      },
      "In 2024/25 so far it found 0 of 100 persistently absent pupils, none of them in time, and missed 100. " +
        "It found 1 pupil in all, 0% of those it is for.",
    ],
    [
      { persistent_in_time: 80, persistent_missed: 0, persistent: 80 },
      "In 2024/25 it found 80 of 80 persistently absent pupils, all of them in time (typically 4 weeks before), and " +
        "missed none. It found 250 pupils in all, 50% of those it is for.",
    ],
    [{ persistent: 0 }, "In 2024/25 nobody was persistently absent."],
  ])("a rule's back-test is a sentence (%#)", (row, said) => {
    expect(words([backtestSentence(tested(row))])).toBe(said);
  });

  test("rules stand with their last three years, and the sentence is of the newest that is over", () => {
    const years = ["2022/23", "2023/24", "2024/25", "2025/26"].map((school_year) =>
      tested({ school_year, is_complete: school_year !== "2025/26" }),
    );
    const [found] = backtestRules([...years, tested({ rule: "visit", says: "visit", position: 100 })].reverse()).slice(
      1,
    );
    expect(found?.years.map(({ school_year }) => school_year)).toEqual(["2025/26", "2024/25", "2023/24"]);
    expect(words([found?.sentence ?? []])).toMatch(/^In 2024\/25 it found/);
    expect(found?.title).toBe("Letter home");
  });

  test("is answered with what it asks and which rule finds the most pupils in time", () => {
    const early = tested({ rule: "visit", says: "visit", persistent_in_time: 70 });
    expect(words(policyAnswer([rule({}), duty], [tested({}), early], "Five-week list"))).toMatch(
      /^“Five-week list” has 1 rule, and the law adds 1 duty\. Of its rules “Visit” found the most in time\. In 2024/,
    );
    expect(words(policyAnswer([duty], [tested({ is_national: true })], null))).toBe(
      "We have stated no policy; the law asks for 1 duty.",
    );
    expect(ruleKinds([rule({}), duty]).map(({ title }) => title)).toEqual(["National duties", "Bands of attendance"]);
  });

  test("a change says who newly meets a rule and who no longer does, each pupil once", () => {
    const rows = [
      { pupil: 1, change: "newly qualifies" },
      { pupil: 1, change: "newly qualifies" },
      { pupil: 2, change: "no longer" },
      { pupil: 3, change: "no longer" },
    ];
    expect(changesSentence(rows)).toMatch(/^1 pupil newly meets a rule, and 2 pupils no longer meet one, because/);
    expect(changesSentence(rows.slice(2))).toMatch(/^Nobody newly meets a rule, and 2 pupils/);
    expect(changesSentence([])).toMatch(/^The policy has not changed/);
    expect([2, 0, -1, 0.5, null].map(weeksText)).toEqual([
      "2 weeks before",
      "the same week",
      "1 week after",
      "0.5 weeks before",
      "–",
    ]);
  });
});

describe("support", () => {
  const plan = (pupil: PupilRow, row: Partial<Plan>): Plan => ({
    ...pupil,
    plan: "Wave 2",
    started_on: "2025-11-10",
    review_on: "2025-12-12",
    is_review_due: false,
    outcome: "improved",
    percent_before: 80,
    percent_after: 90,
    change_points: 10,
    is_early: false,
    is_alongside_another: false,
    similar_pupils: 5,
    similar_change_points: 2.5,
    why_not_measured: null,
    ...row,
  });
  const effect = (row: Partial<PlanEffect>): PlanEffect => ({
    plan: "Wave 2",
    pupils: 12,
    pupils_measured: 11,
    change_points: 5,
    similar_change_points: 3,
    effect_points: 2,
    low_points: -1.5,
    high_points: 5.5,
    verdict: "no more than chance",
    method: "",
    warning: "",
    ...row,
  });
  const few = effect({ low_points: null, high_points: null, pupils_measured: 3, verdict: "too few pupils" });
  const due = { outcome: null, is_review_due: true };

  test("is answered by the verdict and never by a figure, and says which reviews are due", () => {
    expect(words(supportAnswer([plan(ann, {}), plan(bob, due)], [effect({}), few]))).toBe(
      "“Wave 2”: no more than chance.  2 plans are known; 1 review is due.",
    );
    expect(words(supportAnswer([plan(ann, {})], [few]))).toMatch(
      /^Too early or too few to say.* 1 plan is known; no review/,
    );
    expect(words(supportAnswer([], []))).toMatch(/^No plan of support has been put into the drop folder/);
    expect([effect({}), few].map(effectText)).toEqual([
      "+2.0 points (95% interval −1.5 to +5.5)",
      "no figure: 3 measured",
    ]);
  });

  test("has plans with a review due first, then the newest", () => {
    const rows = [plan(ann, {}), plan(bob, { started_on: "2026-01-12" }), plan(cat, due)];
    expect(plansInOrder(rows).map(({ pupil }) => pupil)).toEqual([3, 2, 1]);
    expect(
      [plan(ann, {}), plan(ann, due), plan(ann, { outcome: null }), plan(ann, { outcome: null, review_on: null })].map(
        reviewText,
      ),
    ).toEqual(["Improved", "Due since 12 December 2025", "On 12 December 2025", "No day for a review"]);
  });

  test("tells a pupil's change beside similar pupils, with what weakens it, or why there is none", () => {
    const told = (row: Partial<Plan>) => [planChange(plan(ann, row)), planBeside(plan(ann, row))];
    expect(told({})).toEqual(["80.0% to 90.0%", "+10.0 points, 5 similar pupils +2.5"]);
    expect(told({ is_early: true, similar_change_points: null })).toEqual([
      "80.0% to 90.0%",
      "+10.0 points, no similar pupils; early: fewer than five weeks after",
    ]);
    expect(told({ change_points: null, why_not_measured: "not begun" })).toEqual(["Not measured: not begun", ""]);
  });
});

/** Sentences as they stand on a page. */
function words(sentences: Part[][]): string {
  return sentences
    .map((parts) => parts.map((part) => (typeof part === "string" ? part : part.text)).join(""))
    .join(" ");
}

/** The names of the figures in sentences. */
function figures(sentences: Part[][]): string[] {
  return sentences.flat().flatMap((part) => (typeof part === "string" ? [] : [part.name]));
}
