import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { quote, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { forenames, surnames } from "../sample/names.ts";
import { makeSample, type SampleMade, type SampleOptions } from "../sample/sample.ts";

const root = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-sample-test-"));
const here = import.meta.dirname;

afterAll(() => fs.rmSync(root, { recursive: true }));

function sample(folder: string, options: Partial<SampleOptions> = {}): Promise<SampleMade> {
  const dir = path.join(root, folder);
  return makeSample({ dir, schools: 3, pupils: 300, years: 1, seed: 1, log: () => {}, ...options });
}

/** Every file below a folder with a digest of its bytes. */
function digests(folder: string): Record<string, string> {
  const dir = path.join(root, folder);
  const files = fs.readdirSync(dir, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    files
      .filter((file) => fs.statSync(path.join(dir, file)).isFile())
      .map((file) => [
        file,
        createHash("sha256")
          .update(fs.readFileSync(path.join(dir, file)))
          .digest("hex"),
      ]),
  );
}

test("no invented name is a word in the code that a site is built of", () => {
  const names = new Set([...forenames.F, ...forenames.M, ...surnames].map((name) => name.toLowerCase()));
  expect(names.size).toBe(900);
  const words = new Set<string>();
  for (const folder of ["@evidence-dev", "echarts/lib", "svelte/src"]) {
    const dir = path.join(here, "..", "node_modules", folder);
    for (const entry of fs.readdirSync(dir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(js|mjs|svelte|css|html)$/.test(entry.name)) continue;
      const text = fs.readFileSync(path.join(entry.parentPath, entry.name), "utf8");
      for (const [word] of text.matchAll(/[A-Za-z]{5,}/g)) words.add(word.toLowerCase());
    }
  }
  expect(words.size).toBeGreaterThan(5_000);
  expect([...names].filter((name) => words.has(name))).toEqual([]);
});

describe("a small sample", () => {
  test("is the same bytes from the same seed, and other bytes from another", async () => {
    await sample("one");
    await sample("two", { schools: 4, seed: 2 });
    const one = digests("one");
    const policies = Object.keys(one).filter((file) => file.startsWith("policies"));
    // each school goes by one of the example policies, which are no invention of the seed's
    expect(policies).toHaveLength(3);
    expect(Object.keys(one)).toHaveLength(1 + 3 * 6 + 3);
    const same = Object.entries(digests("two")).filter(([, digest]) => Object.values(one).includes(digest));
    expect(same.filter(([file]) => !file.startsWith("policies"))).toEqual([]);

    // once more over the other sample: its files go, a file of someone else's stays
    const notes = path.join("registers", "999004", "notes.txt");
    fs.writeFileSync(path.join(root, "two", notes), "kept");
    await sample("two");
    const { [notes]: kept, ...rest } = digests("two");
    expect(kept).toBeDefined();
    expect(rest).toEqual(one);
  });

  test("is made where the example policies are, as by npm start, and leaves them as they are", async () => {
    const examples = path.join(import.meta.dirname, "..", "policies");
    const before = fs.readdirSync(examples);
    fs.mkdirSync(path.join(root, "here"));
    fs.symlinkSync(examples, path.join(root, "here", "policies"));
    await sample("here");
    await sample("here", { seed: 2 });
    expect(fs.readdirSync(examples)).toEqual(before);
  });

  test("is refused in the folder of a real trust, which is left as it was", async () => {
    const dir = path.join(root, "real");
    fs.mkdirSync(dir);
    fs.writeFileSync(path.join(dir, "rollbook.yaml"), "trust: A real trust\n");
    await expect(sample("real")).rejects.toThrow(RollbookError);
    // a sample's own file that someone made theirs
    await sample("edited");
    const config = path.join(root, "edited", "rollbook.yaml");
    fs.writeFileSync(config, fs.readFileSync(config, "utf8").replace(/^trust: .*$/m, "trust: Ours"));
    await expect(sample("edited")).rejects.toThrow(/is not a sample, or no longer/);
    expect(fs.readdirSync(dir)).toEqual(["rollbook.yaml"]);
  });

  test.each<[Partial<SampleOptions>, string]>([
    [{ years: 4 }, "--years must be 1, 2 or 3"],
    [{ schools: 0 }, "--schools must be a whole number from 1 to 200"],
    [{ pupils: 10 }, "--pupils must be a whole number from 40 to 1000 for each school"],
    [{ seed: 1.5 }, "--seed must be a whole number"],
  ])("is refused with %o", async (options, message) => {
    await expect(sample("refused", options)).rejects.toThrow(message);
    expect(fs.existsSync(path.join(root, "refused"))).toBe(false);
  });
});

type Row = Record<string, unknown>;

describe("the default sample", () => {
  let made: SampleMade;
  const dir = path.join(root, "default");
  const found: Record<string, Row[]> = {};

  // read back from the CSV files with the project's own table of register codes; no module of the sample has a part
  beforeAll(async () => {
    made = await sample("default", { schools: 5, pupils: 3000, years: 3 });
    const spillTo = path.join(root, "spill");
    fs.mkdirSync(spillTo);
    await withDuckDB({ spillTo }, async (db) => {
      await readBack(db, dir);
      for (const [name, sql] of Object.entries(QUESTIONS)) {
        found[name] = (await db.runAndReadAll(sql)).getRowObjectsJson();
      }
    });
  });

  const answer = (name: keyof typeof QUESTIONS): Row[] => found[name] ?? [];

  test("has five schools of about 3,000 pupils over four years", () => {
    expect(made).toMatchObject({ schools: 5, files: 50 });
    expect(answer("on roll")).toEqual([{ schools: "5", pupils: expect.any(String) }]);
    expect(Math.abs(Number(answer("on roll")[0]?.pupils) - 3000)).toBeLessThan(150);
    expect(answer("rows")).toEqual([{ rows: String(made.marks) }]);
  });

  test("describes itself in rollbook.yaml", () => {
    const text = fs.readFileSync(path.join(dir, "rollbook.yaml"), "utf8");
    expect(text.split("\n")[0]).toBe(
      "# Made by rollbook sample --schools 5 --pupils 3000 --years 3 --seed 1. Invented schools and pupils.",
    );
    const config = parse(text);
    expect(config).toMatchObject({ as_at: "2026-03-20", registers: "registers", data: "data", site: "site" });
    expect(config.schools.map((school: Row) => [school.urn, school.phase])).toEqual([
      [999001, "Primary"],
      [999002, "Primary"],
      [999003, "Secondary"],
      [999004, "Secondary"],
      [999005, "Special"],
    ]);
    expect(config.calendars.map((calendar: Row) => calendar.school_year)).toEqual([
      "2022/23",
      "2023/24",
      "2024/25",
      "2025/26",
    ]);
    expect(Object.keys(config.calendars[0].half_terms)).toEqual([
      "autumn 1",
      "autumn 2",
      "spring 1",
      "spring 2",
      "summer 1",
      "summer 2",
    ]);
  });

  test("holds 188 days in 2022/23, 190 in other full years and 121 up to the as-at date", () => {
    expect(answer("days")).toEqual([
      { year: "2022", days: "188" },
      { year: "2023", days: "190" },
      { year: "2024", days: "190" },
      { year: "2025", days: "121" },
    ]);
  });

  test("attends and misses school as England did, by phase and full year", () => {
    const rows = answer("rates").filter((row) => Number(row.year) < 2025);
    expect(rows).toHaveLength(9);
    for (const row of rows) {
      const isSpecial = row.phase === "Special";
      const off = (measure: string) => Math.abs(Number(row[measure]) - Number(row[`published_${measure}`]));
      expect(off("absence"), `absence, ${row.phase} ${row.year}`).toBeLessThan(isSpecial ? 1.5 : 0.5);
      expect(off("persistent"), `persistent absence, ${row.phase} ${row.year}`).toBeLessThan(isSpecial ? 8 : 3);
      if (!isSpecial) expect(off("severe"), `severe absence, ${row.phase} ${row.year}`).toBeLessThan(1);
    }
  });

  test("gives reasons in England's proportions", () => {
    const rows = answer("reasons");
    expect(rows).toHaveLength(2 * 3 * 5);
    for (const row of rows) {
      const name = `${row.code}, ${row.phase} ${row.year}`;
      expect(Number(row.sessions) / Number(row.published), name).toBeGreaterThan(0.8);
      expect(Number(row.sessions) / Number(row.published), name).toBeLessThan(1.2);
    }
  });

  test("has gaps between groups like England's: free meals, SEN and social care", () => {
    // persistent absence in points above the pupils outside the group, 2022/23 and 2024/25 nationally
    const gap = Object.fromEntries(answer("gaps").map((row) => [`${row.phase} ${row.cohort}`, Number(row.gap)]));
    expect(gap["Primary FSM"]).toBeCloseTo(18, -1);
    expect(gap["Secondary FSM"]).toBeCloseTo(25, -1);
    expect(gap["Secondary SEN"]).toBeCloseTo(15, -1);
    expect(gap["Secondary in need"]).toBeGreaterThan(25);
  });

  test("keeps pupils much as they were from year to year", () => {
    expect(Number(answer("persistence")[0]?.correlation)).toBeGreaterThan(0.6);
    expect(Number(answer("persistence")[0]?.correlation)).toBeLessThan(0.8);
  });

  test("misses more at the ends of the week and in December than in September", () => {
    const by = Object.fromEntries(answer("weekdays").map((row) => [String(row.day), Number(row.absence)]));
    for (const middle of ["Tuesday", "Wednesday", "Thursday"]) {
      expect(by.Friday).toBeGreaterThan(by[middle] ?? Number.NaN);
      expect(by.Monday).toBeGreaterThan(by[middle] ?? Number.NaN);
    }
    const month = Object.fromEntries(answer("months").map((row) => [String(row.month), Number(row.absence)]));
    expect(month.December).toBeGreaterThan((month.September ?? Number.NaN) + 2);
  });

  test("uses a register code only while it is in force", () => {
    expect(answer("codes out of force")).toEqual([]);
    const used = answer("codes").map((row) => row.code);
    expect(used).toEqual(expect.arrayContaining(["J", "J1", "H", "Y", "Y4", "C2", "K", "D", "X", "S", "E", "V", "-"]));
  });

  test("has one row for each pupil and session held while on roll, and none outside an enrolment", () => {
    expect(answer("repeated")).toEqual([{ rows: "0" }]);
    expect(answer("outside")).toEqual([{ rows: "0" }]);
    expect(answer("missing")).toEqual([{ rows: "0" }]);
  });

  test("gives every pupil one UPN with the right check letter", () => {
    const upns = answer("upns").map((row) => String(row.upn));
    expect(upns.length).toBe(made.pupils);
    const wrong = upns.filter((upn) => upn[0] !== checkLetter(upn.slice(1)));
    expect(wrong).toHaveLength(0);
    expect(answer("shared upns")).toEqual([{ upns: "0" }]);
  });

  test("takes each year's pupil extract within that school year, and gives the year group that the day of birth says", () => {
    expect(answer("extract days")).toEqual([
      { year: "2022", taken_on: "2023-07-31", is_in_year: true },
      { year: "2023", taken_on: "2024-07-31", is_in_year: true },
      { year: "2024", taken_on: "2025-07-31", is_in_year: true },
      { year: "2025", taken_on: "2026-03-20", is_in_year: true },
    ]);
    expect(answer("year groups by birth")).toEqual([{ rows: "0" }]);
    expect(answer("leavers")).toEqual([{ rows: "0" }]);
  });

  test("says a primary need of every pupil with SEN and of no other, and of most needs that the census knows", () => {
    expect(answer("needs amiss")).toEqual([{ pupils: "0" }]);
    expect(answer("needs").map((row) => row.need)).toEqual(
      expect.arrayContaining(["ASD", "HI", "MLD", "NSA", "OTH", "PD", "PMLD", "SEMH", "SLCN", "SLD", "SPLD", "VI"]),
    );
    expect(answer("needs out of place")).toEqual([{ pupils: "0" }]);
  });

  test("lists each school's own flags with dates on which the pupil was there, begun on joining or in mid-week and mid-year", () => {
    expect(answer("flags")).toHaveLength(5 * 3);
    for (const row of answer("flags")) {
      const name = `${row.Flag} of ${row.SchoolURN}`;
      expect(Number(row.begun_in_mid_year), name).toBeGreaterThan(0);
      expect(row.begun_in_first_year, name).toBe(true);
      expect(row, name).toMatchObject({ elsewhere: "0", after_as_at: "0", otherwise_begun: "0" });
      if (row.Flag === "FSM") expect(row.ended, name).toBe("0");
    }
    expect(answer("flags").reduce((sum, row) => sum + Number(row.ended), 0)).toBeGreaterThan(50);
  });

  test("does not contradict its extracts in its flags", () => {
    // eligible at the end of the year in which it began and from then on, and not at the end of one before
    expect(answer("fsm against extracts")).toEqual([{ agreeing: expect.any(String), contradicting: "0" }]);
    expect(Number(answer("fsm against extracts")[0]?.agreeing)).toBeGreaterThan(200);
    // nobody is both known now and known before
    expect(answer("known before and now")).toEqual([{ pupils: "0" }]);
  });

  test("has a few pupils with a long-term medical condition, who miss more than others", () => {
    const [row] = answer("medical");
    expect(Number(row?.percent_of_pupils)).toBeGreaterThan(1.5);
    expect(Number(row?.percent_of_pupils)).toBeLessThan(4);
    expect(Number(row?.gap)).toBeGreaterThan(10);
  });

  test("moves pupils between schools of the trust: during a year, and from Year 6 to Year 7", () => {
    const [row] = answer("movers");
    expect(Number(row?.in_year)).toBeGreaterThan(20);
    expect(Number(row?.going_up)).toBeGreaterThan(100);
    expect(Number(row?.at_two_at_once)).toBe(0);
  });

  test("amends marks later, repeats a few rows and disputes four sessions", () => {
    const rows = answer("amendments");
    expect(rows).toHaveLength(5);
    for (const row of rows) {
      expect(Number(row.amended)).toBeGreaterThan(10);
      expect(Number(row.amended)).toBeLessThan(600);
      expect(row.earlier).toBe("0");
    }
    expect(rows.map((row) => Number(row.repeated))).toEqual([25, 0, 0, 0, 0]);
    expect(rows.map((row) => Number(row.disputed))).toEqual([0, 4, 0, 0, 0]);
  });

  test("leaves N for the last five school days but for a few that were overlooked", () => {
    const [row] = answer("no reason yet");
    expect(Number(row?.recent)).toBeGreaterThan(100);
    expect(Number(row?.older)).toBeLessThan(60);
  });
});

const MARKS_HEADER = "Id,SchoolURN,UPN,PupilId,SessionDate,Session,Mark,Modified,IsDeleted";

/** Reads the register files as they lie there: tables marks, amendments, pupils, flags, known (the mark that stands). */
async function readBack(db: DuckDBConnection, dir: string): Promise<void> {
  const registers = path.join(dir, "registers", "*");
  const csv = (glob: string) =>
    `read_csv(${quote(path.join(registers, glob))}, all_varchar = true, filename = true, strict_mode = true)`;
  const columns = MARKS_HEADER.split(",").join(", ");
  await db.run(`
    create table marks as select ${columns} from ${csv("marks-????-??.csv")};
    create table amendments as select ${columns} from ${csv("marks-*-amended.csv")};
    create table pupils as
      select * exclude (filename), regexp_extract(filename, 'pupils-(\\d{4})', 1) as year from ${csv("pupils-*.csv")};
    create table flags as
      select SchoolURN, UPN, Flag, "From"::date as from_on, "To"::date as to_on from ${csv("flags.csv")};
    create table codes as
      select code, valid_from::date as valid_from, coalesce(valid_to::date, '9999-12-31') as valid_to,
        is_possible::boolean as is_possible, is_attended::boolean as is_attended
      from read_csv(${quote(path.join(here, "..", "models", "rules", "register_codes.csv"))}, all_varchar = true);
    create table published_rates as
      select phase, school_year[:4] as year, absence_percent::double as absence,
        persistent_absence_percent::double as persistent, severe_absence_percent::double as severe
      from read_csv(${quote(path.join(here, "..", "sample", "rates.csv"))}, all_varchar = true);
    create table published_codes as
      select phase, school_year[:4] as year, code, sessions_per_100000_possible::double as sessions
      from read_csv(${quote(path.join(here, "..", "sample", "code_mix.csv"))}, all_varchar = true);
    create table phases as
      select SchoolURN, case when bool_or(SENProvision <> 'E') then
        if(bool_or(YearGroup = '7'), 'Secondary', 'Primary') else 'Special' end as phase
      from pupils group by all;
    create table known as
      select phase, marks.SchoolURN, marks.PupilId, marks.UPN, SessionDate::date as held_on,
        year(held_on - interval 8 month)::varchar as year, coalesce(later.Mark, marks.Mark) as code
      from marks
      join phases using (SchoolURN)
      left join (
        select SchoolURN, PupilId, SessionDate, Session, max_by(Mark, (Modified, Mark)) as Mark from amendments group by all
      ) later using (SchoolURN, PupilId, SessionDate, Session);
    create table counted as
      select known.*, coalesce(is_possible, false) as is_possible, is_possible and not is_attended as is_absent,
        codes.code is not null as is_in_force
      from known left join codes on codes.code = known.code and held_on between valid_from and valid_to;
    create table pupil_years as
      select phase, SchoolURN, PupilId, year, count(*) filter (is_possible) as possible, count(*) filter (is_absent) as absent
      from counted group by all having possible > 0;
  `);
}

const QUESTIONS = {
  "on roll": `select count(distinct SchoolURN) as schools, count(*) as pupils from pupils
    where year = '2025' and LeavingDate is null`,
  rows: "select (select count(*) from marks) + (select count(*) from amendments) as rows",
  days: "select year, count(distinct held_on) as days from known group by all order by all",
  rates: `select phase, year, 100.0 * sum(absent) / sum(possible) as absence, any_value(r.absence) as published_absence,
      100 * avg((absent * 10 >= possible)::int) as persistent, any_value(persistent) as published_persistent,
      100 * avg((absent * 2 >= possible)::int) as severe, any_value(severe) as published_severe
    from pupil_years join published_rates r using (phase, year) group by all order by all`,
  reasons: `select phase, year, code, 1e5 * count(*) / any_value(possible) as sessions, any_value(p.sessions) as published
    from counted
    join (select phase, year, sum(possible) as possible from pupil_years group by all) using (phase, year)
    join published_codes p using (phase, year, code)
    where phase <> 'Special' and year < '2025' and code in ('I', 'L', 'O', 'G', 'M') group by all order by all`,
  gaps: `with cohorts as (
      select phase, absent * 10 >= possible as is_persistent,
        unnest([('FSM', FsmEligible = 'true'), ('SEN', SENProvision <> 'N'), ('in need', ChildInNeed = 'true')]) as cohort
      from pupil_years join pupils on pupils.SchoolURN = pupil_years.SchoolURN and Id = PupilId and pupils.year = pupil_years.year)
    select phase, cohort[1] as cohort, 100 * (avg(is_persistent::int) filter (cohort[2])
      - avg(is_persistent::int) filter (not cohort[2])) as gap
    from cohorts group by all`,
  persistence: `with ranked as (
      select *, percent_rank() over (partition by phase, year order by absent / possible) as rank
      from pupil_years where possible > 150)
    select corr(a.rank, b.rank) as correlation from ranked a join ranked b
      on a.SchoolURN = b.SchoolURN and a.PupilId = b.PupilId and b.year::int = a.year::int + 1`,
  weekdays: `select dayname(held_on) as day, 100.0 * count(*) filter (is_absent) / count(*) filter (is_possible) as absence
    from counted group by all`,
  months: `select monthname(held_on) as month, 100.0 * count(*) filter (is_absent) / count(*) filter (is_possible) as absence
    from counted group by all`,
  "codes out of force": "select distinct code, held_on from counted where not is_in_force",
  codes: "select distinct code from (select code from known union select Mark from marks)",
  repeated: `select count(*) as rows from (
    select SchoolURN, PupilId, SessionDate, Session from marks group by all having count(*) > 1)`,
  outside: `select count(*) as rows from known anti join pupils on pupils.SchoolURN = known.SchoolURN and Id = PupilId
    and pupils.UPN = known.UPN and pupils.year = known.year
    and held_on between EntryDate::date and coalesce(LeavingDate::date, '9999-12-31')`,
  missing: `select count(*) as rows
    from (select distinct SchoolURN, held_on, year from known) days
    join pupils on pupils.SchoolURN = days.SchoolURN and pupils.year = days.year
      and held_on between EntryDate::date and coalesce(LeavingDate::date, '9999-12-31')
    anti join (select SchoolURN, PupilId, held_on from known group by all having count(*) = 2) held
      on held.SchoolURN = pupils.SchoolURN and held.PupilId = pupils.Id and held.held_on = days.held_on`,
  upns: "select distinct UPN as upn from pupils",
  "extract days": `select distinct year, LastUpdated as taken_on,
      taken_on::date between make_date(year::int, 8, 1) and make_date(year::int + 1, 7, 31) as is_in_year
    from pupils order by year`,
  "year groups by birth": `select count(*) as rows from pupils
    where year::int - 5 - year(DateOfBirth::date - interval 8 month)
      <> if(YearGroup = 'R', 0, try_cast(YearGroup as integer))`,
  // who has no last day in a full year's extract is in the next year's, and nobody else's last day is after it
  leavers: `select count(*) as rows from pupils now left join pupils after
      on after.SchoolURN = now.SchoolURN and after.Id = now.Id and after.year::int = now.year::int + 1
    where now.year < '2025' and (now.LeavingDate is null) <> (after.Id is not null) or now.LeavingDate > now.LastUpdated`,
  "needs amiss": "select count(*) as pupils from pupils where (SENProvision = 'N') <> (SENNeed is null)",
  needs: "select distinct SENNeed as need from pupils where SENNeed is not null",
  "needs out of place": `select count(*) as pupils from pupils join phases using (SchoolURN)
    where SENNeed = 'NSA' and SENProvision = 'E' or SENNeed = 'PMLD' and phase = 'Secondary'`,
  flags: `with stays as (
      select SchoolURN, UPN, EntryDate::date as entered_on, max(coalesce(LeavingDate, LastUpdated)::date) as left_on
      from pupils group by all),
    held as (select distinct SchoolURN, held_on from known),
    placed as (
      select flags.*, entered_on,
        isodow(from_on) between 2 and 4 and held.held_on is not null
          and strftime(from_on, '%m-%d') not between '07-15' and '09-20' as is_mid_year
      from flags
      left join stays on stays.SchoolURN = flags.SchoolURN and stays.UPN = flags.UPN and from_on >= entered_on
        and from_on <= left_on and coalesce(to_on between from_on and left_on, true)
      left join held on held.SchoolURN = flags.SchoolURN and held_on = from_on)
    select SchoolURN, Flag, count(*) filter (is_mid_year) as begun_in_mid_year,
      min(from_on) < date '2023-08-01' as begun_in_first_year, count(*) filter (entered_on is null) as elsewhere,
      count(*) filter (greatest(from_on, to_on) > date '2026-03-20') as after_as_at,
      count(*) filter (not is_mid_year and from_on <> entered_on) as otherwise_begun, count(to_on) as ended
    from placed group by all`,
  "fsm against extracts": `select count(*) filter ((FsmEligible = 'true') = (from_on <= LastUpdated::date)) as agreeing,
      count(*) filter ((FsmEligible = 'true') <> (from_on <= LastUpdated::date)) as contradicting
    from flags join pupils using (SchoolURN, UPN) where Flag = 'FSM'`,
  "known before and now": `select count(*) as pupils from flags join pupils using (SchoolURN, UPN)
    where Flag = 'Previously known to social care' and LastUpdated::date between from_on and coalesce(to_on, '9999-12-31')
      and 'true' in (ChildInNeed, ChildProtectionPlan, InLeaCare)`,
  medical: `with judged as (
      select absent * 10 >= possible as is_persistent, (pupils.SchoolURN, pupils.UPN) in (
        select (SchoolURN, UPN) from flags where Flag = 'Long-term medical'
          and from_on <= pupils.LastUpdated::date and coalesce(to_on, '9999-12-31') >= pupils.LastUpdated::date) as has_it
      from pupil_years
      join pupils on pupils.SchoolURN = pupil_years.SchoolURN and Id = PupilId and pupils.year = pupil_years.year)
    select 100 * avg(has_it::int) as percent_of_pupils, 100 * (avg(is_persistent::int) filter (has_it)
      - avg(is_persistent::int) filter (not has_it)) as gap from judged`,
  "shared upns": `select count(*) as upns from (
    select UPN from pupils group by all having count(distinct (Surname, Forename, DateOfBirth)) > 1)`,
  movers: `with stays as (
      select UPN, SchoolURN, phase, min(EntryDate) as entered, max(LeavingDate) as left_on
      from pupils join phases using (SchoolURN) group by all)
    select
      count(*) filter (a.phase = b.phase and b.entered::date - a.left_on::date between 1 and 70) as in_year,
      count(*) filter (a.phase = 'Primary' and b.phase = 'Secondary') as going_up,
      count(*) filter (b.entered <= coalesce(a.left_on, '9999')) as at_two_at_once
    from stays a join stays b on a.UPN = b.UPN and a.SchoolURN <> b.SchoolURN and a.entered < b.entered`,
  amendments: `with judged as (
      select a.*, a.Modified = m.Modified and a.Mark = m.Mark as is_repeat, a.Modified < m.Modified as is_earlier,
        count(distinct a.Mark) over (partition by a.SchoolURN, a.PupilId, a.SessionDate, a.Session, a.Modified) > 1
          as is_disputed
      from amendments a join marks m using (SchoolURN, PupilId, SessionDate, Session))
    select SchoolURN, count(*) filter (not is_repeat and not is_disputed) as amended,
      count(*) filter (is_repeat) as repeated, count(*) filter (is_disputed) // 2 as disputed,
      count(*) filter (is_earlier) as earlier
    from judged group by all order by all`,
  "no reason yet": `select count(*) filter (held_on > date '2026-03-13') as recent,
    count(*) filter (held_on <= date '2026-03-13') as older from known where code = 'N'`,
} as const;

/** The letter that begins a UPN, from its other twelve characters. */
function checkLetter(digits: string): string | undefined {
  const sum = [...digits].reduce((total, digit, i) => total + Number(digit) * (i + 2), 0);
  return "ABCDEFGHJKLMNPQRTUVWXYZ"[sum % 23];
}
