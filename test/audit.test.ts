import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { auditDisclosure } from "../evidence/audit.ts";
import { agrees, type Knowledge, wholeNumbers, withRanges } from "../evidence/bounds.ts";
import type { Truth } from "../evidence/combinations.ts";
import { readPassed, writePassed } from "../evidence/passed.ts";
import type { ListedColumn, ShippedTable } from "../evidence/shipped.ts";
import { gated, inventPupils, LISTED, naive, POINT, randomNumbers, release, truthOf } from "./releases.ts";

/** Pupils of a school in the cohorts of one breakdown: how many, how many of them persistently and severely absent. */
type Cohorts = Record<string, [number, number, number]>;
type Schools = Record<string, Record<string, Cohorts>>;

const EVERY_SCHOOL_SHOWN: Schools = {
  "999001": { fsm: { eligible: [31, 9, 1], "not eligible": [160, 21, 2] } },
  "999002": { fsm: { eligible: [44, 12, 2], "not eligible": [95, 13, 1] } },
};

test("nothing is found in a release of large groups, though the groups of another breakdown are small", async () => {
  const schools: Schools = {
    "999001": { ...EVERY_SCHOOL_SHOWN["999001"], sen: { "EHC plan": [4, 2, 1], "no SEN": [187, 28, 2] } },
    "999002": { ...EVERY_SCHOOL_SHOWN["999002"], sen: { "EHC plan": [7, 2, 0], "no SEN": [132, 23, 3] } },
  };
  const { faults, statistics } = await audited(schools, ({ breakdown }) => breakdown === "fsm");
  expect(faults).toEqual([]);
  expect(statistics.groups).toBeGreaterThanOrEqual(2);
});

test("a moment at which nothing was found is not searched again while all is as it was, and is when one pupil is another", async () => {
  const schools = (persistent: number): Schools => ({
    "999001": { ...EVERY_SCHOOL_SHOWN["999001"], sen: { "EHC plan": [4, persistent, 1], "no SEN": [187, 28, 2] } },
    "999002": { ...EVERY_SCHOOL_SHOWN["999002"], sen: { "EHC plan": [7, 2, 0], "no SEN": [132, 23, 3] } },
  });
  const isShown = ({ breakdown }: Chosen) => breakdown === "fsm";
  const first = await audited(schools(2), isShown);
  expect(first.passed).toHaveLength(1);
  const passed = new Set(first.passed);
  const again = await audited(schools(2), isShown, { passed });
  expect([again.faults, again.passed, again.statistics.groups]).toEqual([[], first.passed, 0]);
  for (const options of [
    { passed, minimum: 9 },
    { passed, nearest: 1 },
  ]) {
    const other = await audited(schools(2), isShown, options);
    expect(other.statistics.groups).toBeGreaterThanOrEqual(2);
    expect(first.passed).not.toContain(other.passed[0]);
  }
  const changed = await audited(schools(3), isShown, { passed });
  expect(changed.statistics.groups).toBeGreaterThanOrEqual(2);
});

test("a moment at which a group was pinned is searched every time", async () => {
  const pinning: Schools = {
    "999001": { sen: { "EHC plan": [2, 2, 0], "SEN support": [31, 3, 0], "no SEN": [110, 1, 0] } },
  };
  const isShown = ({ pupils }: Chosen) => pupils >= 10;
  const { passed, pinned } = await audited(pinning, isShown, { nearest: 1 });
  expect(pinned.length).toBeGreaterThan(0);
  expect(passed).toEqual([]);
});

test("what passed is kept for the program that found it, and for no other", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "rollbook-passed-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "audited.json");
  expect(await readPassed(file)).toEqual(new Set());
  await writePassed(file, ["a", "b"]);
  expect(await readPassed(file)).toEqual(new Set(["a", "b"]));
  writeFileSync(file, readFileSync(file, "utf8").replace(/"program":"\w/, '"program":"x'));
  expect(await readPassed(file)).toEqual(new Set());
  writeFileSync(file, "{");
  expect(await readPassed(file)).toEqual(new Set());
});

test("naive suppression is caught: the group that is left out is all pupils less those that are shown", async () => {
  const { faults } = await audited(
    { "999001": { sen: { "EHC plan": [2, 2, 0], "SEN support": [11, 3, 0], "no SEN": [10, 1, 0] } } },
    ({ pupils }) => pupils >= 10,
  );
  expect(faults).toContainEqual(
    expect.stringMatching(/^shown in part: board.cohort_gaps, breakdown sen at school 999001/),
  );
});

test("with precise counts naive suppression pins the group itself", async () => {
  const { pinned } = await audited(
    { "999001": { sen: { "EHC plan": [2, 2, 0], "SEN support": [31, 3, 0], "no SEN": [110, 1, 0] } } },
    ({ pupils }) => pupils >= 10,
    { nearest: 1 },
  );
  expect(pinned).toContainEqual(
    expect.objectContaining({ school_urn: 999001, breakdowns: ["sen"], measure: "pupils" }),
  );
});

test("a forgotten complement is caught: beside the group that is shown there are four other pupils", async () => {
  const { faults } = await audited(
    { "999001": { fsm: { eligible: [26, 5, 1], "not eligible": [4, 1, 0] } } },
    ({ cohort }) => cohort === "eligible",
  );
  expect(faults).toContainEqual(
    expect.stringMatching(/^forgotten complement: board.cohort_gaps, breakdown fsm at school 999001/),
  );
});

test("the trust less its schools is caught", async () => {
  const { faults, pinned } = await audited(
    {
      "999001": { fsm: { eligible: [10, 3, 1], "not eligible": [100, 9, 0] } },
      "999002": { fsm: { eligible: [2, 1, 0], "not eligible": [90, 7, 1] } },
    },
    ({ school }) => school !== "999002",
  );
  expect(faults).toContainEqual(
    expect.stringMatching(/^trust less schools: board.cohort_gaps, breakdown fsm in the trust/),
  );
  // 10 to 12 less 10 to 12
  expect(faults).toContainEqual(expect.stringMatching(/^pinned: .* in fsm at school 999002 .* board.cohort_gaps/));
  expect(pinned[0]?.because).toContainEqual({ tables: ["cohort_gaps"], school_urn: null, breakdown: "fsm" });
});

test("in a trust of 24 schools the one that hides a group is caught by taking 23 away, and two that do are not", async () => {
  const schools: Schools = Object.fromEntries(
    Array.from({ length: 24 }, (_, at) => [
      String(999001 + at),
      { fsm: { eligible: [at > 21 ? 7 : 20 + at, 3, 0], "not eligible": [90 + 3 * at, 9, 1] } },
    ]),
  );
  const hiddenAt = async (hiding: string[]) => {
    const { pinned } = await audited(schools, ({ school }) => !hiding.includes(school), { nearest: 1 });
    return pinned.filter(({ school_urn }) => school_urn !== null && hiding.includes(String(school_urn)));
  };
  const [alone] = await hiddenAt(["999024"]);
  expect(alone).toMatchObject({ school_urn: 999024, breakdowns: ["fsm"], measure: "pupils" });
  expect(alone?.because).toContainEqual({ tables: ["cohort_gaps"], school_urn: null, breakdown: "fsm" });
  expect(await hiddenAt(["999023", "999024"])).toEqual([]);
});

test("a trust of 20 schools is audited within 50 seconds of processor time", async () => {
  const random = randomNumbers(7);
  const pupils = Array.from({ length: 20 }, (_, at) => inventPupils(999001 + at, 120, random)).flat();
  const before = process.cpuUsage();
  const { statistics } = await auditDisclosure({
    shipped: release(pupils, gated(pupils, 10)),
    listed: LISTED,
    truth: truthOf(pupils),
    minimumPupils: 10,
    clock: () => performance.now(),
  });
  expect(statistics.groups).toBeGreaterThan(200);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(50);
});

test("a weekly series of a cohort is caught, reporting points half a term apart are not", async () => {
  const { shipped, listed, truth } = trust(EVERY_SCHOOL_SHOWN);
  const [table] = shipped;
  const atPoint = (point: Partial<typeof POINT>) => ({
    name: "cohort_weeks",
    columns: table?.columns ?? [],
    rows: (table?.rows ?? []).map((row) => ({ ...row, ...point })),
  });
  const listedToo = listed.map((column) => ({ ...column, table_name: "cohort_weeks" }));
  const earlier = truth.pupils.map((row) => ({ ...row, period: "to spring 1" }));
  const audit = (tables: ShippedTable[]) =>
    auditDisclosure({
      shipped: [...shipped, ...tables],
      listed: [...listed, ...listedToo],
      truth: { ...truth, pupils: [...truth.pupils, ...earlier] },
      minimumPupils: 10,
      clock: () => 0,
    });
  expect((await audit([atPoint({ period_type: "year_to_date", period: "to week 7" })])).faults).toEqual([
    expect.stringMatching(/^series of a cohort: board.cohort_weeks .* year_to_date/),
  ]);
  expect((await audit([atPoint({ period: "to spring 1" })])).faults).toEqual([]);
});

const UNLISTED: [string, (release: { shipped: ShippedTable[]; listed: ListedColumn[] }) => void, RegExp][] = [
  [
    "an unlisted column",
    ({ listed }) =>
      listed.splice(
        listed.findIndex(({ column_name }) => column_name === "percent_severe"),
        1,
      ),
    /^unlisted column: what board.cohort_gaps.percent_severe tells/,
  ],
  [
    "an unlisted table",
    ({ shipped }) => shipped.push({ name: "class_lists", columns: ["pupils"], rows: [{ pupils: 25 }] }),
    /^unlisted table: board.class_lists /,
  ],
  [
    "a column that is said to tell something that no column may",
    ({ listed }) => {
      for (const column of listed) if (column.column_name === "percent_severe") column.tells = "sessions";
    },
    /^unlisted column: what board.cohort_gaps.percent_severe tells/,
  ],
  [
    "numbers in a column that is listed as words",
    ({ listed }) => {
      for (const column of listed) if (column.column_name === "percent_severe") column.tells = "words";
    },
    /^unlisted figure: board.cohort_gaps.percent_severe holds numbers/,
  ],
  [
    "precise counts",
    ({ shipped }) => {
      for (const row of shipped[1]?.rows ?? []) row.pupils = Number(row.pupils) + 1;
    },
    /^precise count: board.school_attendance.pupils /,
  ],
  [
    "precise percentages",
    ({ shipped }) => {
      for (const row of shipped[1]?.rows ?? []) row.percent_persistent = 14.66;
    },
    /^precise figure: board.school_attendance.percent_persistent has more than 0 decimals/,
  ],
  [
    "cohorts without a date",
    ({ listed }) =>
      listed.splice(
        listed.findIndex(({ column_name }) => column_name === "period"),
        1,
      ),
    /^undated cohorts: board.cohort_gaps /,
  ],
  [
    "a figure that is not the warehouse's, which cannot be audited",
    ({ shipped }) => {
      for (const row of shipped[0]?.rows ?? []) row.pupils = Number(row.pupils) + 50;
    },
    /^not the warehouse's figures: what board.cohort_gaps tells at school 999001/,
  ],
  [
    "a moment that the warehouse does not have",
    ({ shipped }) => {
      for (const row of shipped[0]?.rows ?? []) row.school_year = "2031/32";
    },
    /^not in the warehouse: the site tells of cohorts in 2031\/32/,
  ],
];

for (const [what, plant, fault] of UNLISTED) {
  test(`${what} stops the site`, async () => {
    const { shipped, listed, truth } = trust(EVERY_SCHOOL_SHOWN);
    plant({ shipped, listed });
    const { faults } = await auditDisclosure({ shipped, listed, truth, minimumPupils: 10, clock: () => 0 });
    expect(faults).toContainEqual(expect.stringMatching(fault));
  });
}

test("a group within another is caught where both are shown to be of nearly the same size", async () => {
  const school: Schools[string] = {
    ever: { ever: [12, 4, 0], never: [80, 9, 1] },
    now: { now: [10, 3, 0], "not now": [82, 10, 1] },
  };
  // whoever is eligible now was in the last six years
  const { pinned } = await audited({ "999001": school }, () => true, { within: ["now", "ever"] });
  expect(pinned).toContainEqual(expect.objectContaining({ breakdowns: ["ever", "now"], measure: "pupils" }));
});

test("whole percentages of few pupils tell how many there are, and so a group within another", async () => {
  // 27% of 10 to 12 is 3 of 11, and 23% of 13 to 17 is 3 of 13: two pupils are in one group and not in the other
  const school: Schools[string] = {
    ever: { ever: [13, 3, 0], never: [80, 9, 1] },
    now: { now: [11, 3, 0], "not now": [82, 9, 1] },
  };
  const { pinned } = await audited({ "999001": school }, () => true, { within: ["now", "ever"] });
  expect(pinned).toContainEqual(expect.objectContaining({ breakdowns: ["ever", "now"], measure: "pupils" }));
});

test("a small group all of whom must be absent is caught, though nobody can count it", async () => {
  // everybody in the larger group is persistently absent
  const school: Schools[string] = {
    ever: { ever: [14, 14, 0], never: [80, 9, 1] },
    now: { now: [12, 12, 0], "not now": [82, 11, 1] },
  };
  const { pinned } = await audited({ "999001": school }, () => true, { within: ["now", "ever"] });
  expect(pinned.map(({ breakdowns }) => breakdowns)).toContainEqual(["ever", "now"]);
});

test("faults name tables, breakdowns and places; no true number and no cohort", async () => {
  const { faults } = await audited(
    { "999001": { fsm: { "of interest": [26, 5, 1], "the others": [4, 1, 0] } } },
    () => true,
  );
  expect(faults.length).toBeGreaterThan(0);
  for (const fault of faults) {
    expect(fault).not.toMatch(/of interest|the others/);
    const numbers = fault.replace(/school 999001|2025\/26 to autumn 1|fewer than 10|to within 3/g, "").match(/\d+/g);
    expect(numbers).toBeNull();
  }
});

test("of invented trusts the naive rule gives groups away, and withholding what is named leaves a sound release", async () => {
  for (const [seed, sizes] of [
    [3, [40, 210]],
    [5, [120, 95, 60]],
  ] as const) {
    const random = randomNumbers(seed);
    const pupils = sizes.flatMap((size, at) => inventPupils(999001 + at, size, random));
    const truth = truthOf(pupils);
    const audit = (chosen: Map<string, string[]>) =>
      auditDisclosure({
        shipped: release(pupils, chosen),
        listed: LISTED,
        truth,
        minimumPupils: 10,
        clock: () => performance.now(),
      });
    const leaky = await audit(naive(pupils, 10));
    expect(leaky.faults).toContainEqual(expect.stringMatching(/^shown in part/));
    expect(leaky.statistics.pinned).toBeGreaterThan(10);

    const chosen = gated(pupils, 10);
    const first = await audit(chosen);
    expect(first.faults.filter((fault) => !fault.startsWith("pinned"))).toEqual([]);
    expect(first.statistics.pinned).toBeLessThan(leaky.statistics.pinned / 3);
    const before = chosen.size;
    for (let next = first; next.pinned.length > 0; next = await audit(chosen)) {
      // a fault that named nothing that can be withheld would leave its reader helpless
      const withheld = next.pinned.flatMap(({ because }) =>
        because
          .map(({ school_urn, breakdown }) => `${school_urn}|${breakdown}`)
          .filter((key) => chosen.has(key))
          .slice(-1),
      );
      expect(withheld.length).toBeGreaterThan(0);
      for (const key of withheld) chosen.delete(key);
    }
    expect(chosen.size).toBeGreaterThan(before / 3);
    expect((await audit(chosen)).faults).toEqual([]);
  }
});

test("bounds are those of all possible cases, tried one by one", async () => {
  await fc.assert(
    fc.asyncProperty(SMALL_KNOWLEDGE, async ({ knowledge, most, truth, asked }) => {
      expect(agrees(knowledge, truth)).toBe(true);
      const sums = cases(most)
        .filter((values) => agrees(knowledge, values))
        .map((values) => asked.reduce((sum, column) => sum + (values[column] ?? 0), 0));
      const tried = { low: Math.min(...sums), high: Math.max(...sums) };
      await withRanges(knowledge, (ranges) => {
        const range = ranges.range(asked);
        expect(range).not.toBeNull();
        if (!range) return;
        expect(range.low).toBeLessThanOrEqual(tried.low + 1e-6);
        expect(range.high).toBeGreaterThanOrEqual(tried.high - 1e-6);
        const whole = ranges.wholeRange(asked);
        expect(wholeNumbers(whole)).toEqual(tried);
      });
    }),
    { numRuns: 40 },
  );
});

test("knowledge that contradicts itself has no bounds", async () => {
  const one = (lower: number, upper: number) => ({ columns: [0], weights: [1], lower, upper });
  expect(await withRanges({ columns: 1, sums: [one(2, 9), one(0, 1)] }, (ranges) => ranges.range([0]))).toBeNull();
});

test("a group within another is pinned if trying every possible case says so, and only then", async () => {
  const seen = { pinned: 0, open: 0 };
  const sizes = fc.tuple(
    fc.integer({ min: 10, max: 14 }),
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: 10, max: 14 }),
  );
  await fc.assert(
    fc.asyncProperty(sizes, async ([inside, between, rest]) => {
      const school: Record<string, Cohorts> = {
        ever: { ever: [inside + between, 0, 0], never: [rest, 0, 0] },
        now: { now: [inside, 0, 0], "not now": [between + rest, 0, 0] },
      };
      const { pinned, faults } = await audited({ "999001": school }, () => true, { within: ["now", "ever"] });
      expect(faults.filter((fault) => !fault.startsWith("pinned"))).toEqual([]);

      const shown = ([a = 0, b = 0, c = 0]: number[]) => [a + b, c, a, b + c];
      const asShown = (world: number[]) =>
        [...shown(world), world.reduce((sum, number) => sum + number)].map((sum) => 5 * Math.round(sum / 5)).join();
      const possible = cases([17, 12, 17])
        .filter((world) => shown(world).every((sum) => sum >= 10))
        .filter((world) => asShown(world) === asShown([inside, between, rest]))
        .map(([, b = 0]) => b);
      const isPinned = Math.max(...possible) - Math.min(...possible) < 3;
      expect(pinned.filter(({ school_urn }) => school_urn === 999001).length).toBe(Number(isPinned));
      seen[isPinned ? "pinned" : "open"]++;
    }),
    { numRuns: 40, examples: [[[10, 1, 10]], [[14, 6, 14]]] },
  );
  expect(seen.pinned).toBeGreaterThan(0);
  expect(seen.open).toBeGreaterThan(0);
});

interface Chosen {
  school: string;
  breakdown: string;
  cohort: string;
  pupils: number;
}

async function audited(
  schools: Schools,
  isShown: (chosen: Chosen) => boolean,
  options: { nearest?: number; minimum?: number; within?: [string, string]; passed?: Set<string> } = {},
) {
  const { shipped, listed, truth } = trust(schools, isShown, options);
  return await auditDisclosure({
    shipped,
    listed,
    truth,
    minimumPupils: options.minimum ?? 10,
    clock: () => performance.now(),
    ...(options.passed ? { passed: options.passed } : {}),
  });
}

/** A trust of a few numbers: what is so, what is shipped, and its allow-list. */
function trust(
  schools: Schools,
  isShown: (chosen: Chosen) => boolean = () => true,
  { nearest = 5, within }: { nearest?: number; within?: [string, string] } = {},
): { shipped: ShippedTable[]; listed: ListedColumn[]; truth: Truth } {
  const truth = truthOfCohorts(schools, within);
  const gaps: Record<string, unknown>[] = [];
  const all: Record<string, unknown>[] = [];
  const places: (string | null)[] = [null, ...Object.keys(schools)];
  for (const place of places) {
    const own = Object.entries(schools).filter(([school]) => place === null || school === place);
    const breakdowns = new Set(own.flatMap(([, of]) => Object.keys(of)));
    for (const [at, breakdown] of [...breakdowns].entries()) {
      const sums = new Map<string, [number, number, number]>();
      for (const [, of] of own) {
        for (const [cohort, [n, k, v]] of Object.entries(of[breakdown] ?? {})) {
          const [pupils, persistent, severe] = sums.get(cohort) ?? [0, 0, 0];
          sums.set(cohort, [pupils + n, persistent + k, severe + v]);
        }
      }
      const total = [...sums.values()].reduce(([a, b, c], [n, k, v]) => [a + n, b + k, c + v], [0, 0, 0]);
      if (at === 0) all.push({ school_urn: place && Number(place), ...figures(total, nearest) });
      for (const [cohort, counts] of sums) {
        if (counts[0] === 0 || !isShown({ school: String(place), breakdown, cohort, pupils: counts[0] })) continue;
        gaps.push({ school_urn: place && Number(place), ...POINT, breakdown, cohort, ...figures(counts, nearest) });
      }
    }
  }
  const columns = (rows: Record<string, unknown>[]) => Object.keys(rows[0] ?? {});
  const shipped = [
    { name: "cohort_gaps", columns: columns(gaps), rows: gaps },
    { name: "school_attendance", columns: columns(all), rows: all },
  ];
  return { shipped, listed: LISTED.map((column) => ({ ...column })), truth };
}

/** Each breakdown apart, or one within another: then a pupil in the first's first cohort is in the second's. */
function truthOfCohorts(schools: Schools, within?: [string, string]): Truth {
  const truth: Truth = { pupils: [], cohorts: [], related: within ? [within] : [] };
  const profiles = new Map<string, number>();
  const profileOf = (placed: Record<string, string>) => {
    const key = JSON.stringify(placed);
    const profile = profiles.get(key) ?? profiles.size;
    if (!profiles.has(key)) {
      truth.cohorts.push(...Object.entries(placed).map(([breakdown, cohort]) => ({ profile, breakdown, cohort })));
    }
    profiles.set(key, profile);
    return profile;
  };
  for (const [school, breakdowns] of Object.entries(schools)) {
    const add = (placed: Record<string, string>, [pupils, persistent, severe]: [number, number, number]) => {
      truth.pupils.push({
        school_urn: Number(school),
        ...POINT,
        profile: profileOf(placed),
        pupils,
        pupils_persistent: persistent,
        pupils_severe: severe,
      });
    };
    if (within) {
      const [inner, outer] = within.map((name) => Object.entries(breakdowns[name] ?? {}));
      const [[inName = "", inside = NONE] = [], [outName = ""] = []] = inner ?? [];
      const [[wideName = "", wide = NONE] = [], [restName = "", rest = NONE] = []] = outer ?? [];
      const between = wide.map((count, at) => count - (inside[at] ?? 0)) as [number, number, number];
      add({ [within[0]]: inName, [within[1]]: wideName }, inside);
      add({ [within[0]]: outName, [within[1]]: wideName }, between);
      add({ [within[0]]: outName, [within[1]]: restName }, rest);
    } else {
      for (const [breakdown, cohorts] of Object.entries(breakdowns)) {
        for (const [cohort, counts] of Object.entries(cohorts)) add({ [breakdown]: cohort }, counts);
      }
    }
  }
  return truth;
}

const NONE: [number, number, number] = [0, 0, 0];

function figures([pupils = 0, persistent = 0, severe = 0]: number[], nearest: number): Record<string, unknown> {
  const percent = (of: number) => Math.floor((200 * of + pupils) / (2 * pupils));
  return {
    pupils: nearest * Math.round(pupils / nearest),
    percent_persistent: percent(persistent),
    persistent_text: `${percent(persistent)}%`,
    percent_severe: percent(severe),
  };
}

/** Some unknown numbers, sums of which are known to a few, as they truly are. */
const SMALL_KNOWLEDGE = fc
  .record({
    truth: fc.array(fc.nat({ max: 4 }), { minLength: 3, maxLength: 5 }),
    sums: fc.array(
      fc.record({
        weights: fc.array(fc.integer({ min: -2, max: 3 }), { minLength: 5, maxLength: 5 }),
        below: fc.nat(2),
        above: fc.nat(2),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    asked: fc.subarray([0, 1, 2], { minLength: 1 }),
  })
  .map(({ truth, sums, asked }) => {
    const most = truth.map((value) => value + 3);
    const columns = truth.map((_, column) => column);
    const knowledge: Knowledge = {
      columns: truth.length,
      sums: [
        ...sums.map(({ weights, below, above }) => {
          const value = truth.reduce((sum, number, at) => sum + number * (weights[at] ?? 0), 0);
          return { columns, weights: weights.slice(0, truth.length), lower: value - below, upper: value + above };
        }),
        ...most.map((upper, column) => ({ columns: [column], weights: [1], lower: 0, upper })),
      ],
    };
    return { knowledge, most, truth, asked };
  });

/** Every list of whole numbers up to these. */
function cases(most: number[]): number[][] {
  return most.reduce<number[][]>(
    (lists, upper) => lists.flatMap((list) => Array.from({ length: upper + 1 }, (_, value) => [...list, value])),
    [[]],
  );
}
