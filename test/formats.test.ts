import fs from "node:fs";
import path from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { quote, rows, withDuckDB } from "../ingest/duckdb.ts";
import { dataFolders, partsOf } from "../ingest/lake.ts";
import { readLedger } from "../ingest/ledger.ts";
import { NAMES_TABLE } from "../ingest/names.ts";
import { type Project, readProject } from "../ingest/project.ts";
import { pupilKey } from "../ingest/pupil_keys.ts";
import {
  CANARY,
  LAYOUTS,
  type Layout,
  REGISTERS,
  type Register,
  type RegisterMark,
  SCHOOLS,
  withOneCharacterCodes,
} from "./exporters.ts";
import { built, drop, makeProject, quietly } from "./project.ts";

const CALENDARS = `
calendars:
  - school_year: 2022/23
    half_terms: { autumn 1: [2022-09-05, 2022-10-21], autumn 2: [2022-10-31, 2022-12-16], spring 1: [2023-01-03, 2023-02-10], spring 2: [2023-02-20, 2023-03-31], summer 1: [2023-04-17, 2023-05-26], summer 2: [2023-06-05, 2023-07-21] }
  - school_year: 2023/24
    half_terms: { autumn 1: [2023-09-04, 2023-10-20], autumn 2: [2023-10-30, 2023-12-15], spring 1: [2024-01-03, 2024-02-09], spring 2: [2024-02-19, 2024-03-28], summer 1: [2024-04-15, 2024-05-24], summer 2: [2024-06-03, 2024-07-19] }
  - school_year: 2024/25
    half_terms: { autumn 1: [2024-09-03, 2024-10-25], autumn 2: [2024-11-04, 2024-12-20], spring 1: [2025-01-06, 2025-02-14], spring 2: [2025-02-24, 2025-04-04], summer 1: [2025-04-22, 2025-05-23], summer 2: [2025-06-02, 2025-07-21] }
  - school_year: 2025/26
    half_terms: { autumn 1: [2025-09-02, 2025-10-24], autumn 2: [2025-11-03, 2025-12-19], spring 1: [2026-01-05, 2026-02-13], spring 2: [2026-02-23, 2026-04-02], summer 1: [2026-04-20, 2026-05-22], summer 2: [2026-06-01, 2026-07-20] }
`;

/** Each layout with a register that it can hold; packed mark strings were in use before the new codes and after. */
const CASES = LAYOUTS.flatMap((layout): [string, Layout, Register][] => {
  const since = REGISTERS["since August 2024"];
  if (layout.holdsTwoCharacterCodes) return [[layout.name, layout, since]];
  return [
    [`${layout.name}, before August 2024`, layout, REGISTERS["before August 2024"]],
    [`${layout.name}, with one-character codes of today`, layout, withOneCharacterCodes(since)],
  ];
});

/** These tell of marks alone: what they call pupils besides is not read. */
const WITHOUT_PUPILS = [
  "supplier contract, CSV",
  "CSV with headings and dates of its own",
  "SIMS report, XML",
  "SIMS report, CSV",
  "DfE's export of attendance and absence codes",
];

describe("the same registers, written in every layout, give identical marks, and names where they list pupils", () => {
  test.each(CASES)("%s", async (_, layout, register) => {
    const project = makeTrust(layout);
    const files = layout.files(register.pupils, register.marks, register.extractedOn);
    drop(project.dir, files);

    const { loads } = await quietly(project);
    expect(loads.map((load) => load.file).sort()).toEqual(Object.keys(files).sort());
    for (const load of loads) {
      expect(load.rows_accepted + load.rows_quarantined + load.rows_duplicate).toBe(load.rows_read);
      expect({ file: load.file, quarantined: load.rows_quarantined }).toEqual({ file: load.file, quarantined: 0 });
    }

    const marks = await built(
      project,
      `select school_urn, pupil_key, session_date::varchar as date, session, code
      from raw.marks
      where not is_deleted and code not in ('#', '-')`,
    );
    const upnOfKey = upnsByKey(project, register);
    const read = marks.map((mark) => {
      const key = String(mark.pupil_key);
      return line({
        urn: Number(mark.school_urn),
        upn: upnOfKey.get(key) ?? `pupil of another key, ${key}`,
        date: String(mark.date),
        session: mark.session === "AM" ? "AM" : "PM",
        code: String(mark.code),
      });
    });
    const written = register.marks.filter(({ code }) => code !== "#" && code !== "-").map(line);
    expect(read.sort()).toEqual(written.sort());

    const named = (await namesInLake(project)).map(({ school_urn, pupil_key, surname, forename }) =>
      [school_urn, upnOfKey.get(String(pupil_key)), surname, forename].join(" "),
    );
    const names = register.pupils.map(({ urn, upn, surname, forename }) => [urn, upn, surname, forename].join(" "));
    expect(named.sort()).toEqual(WITHOUT_PUPILS.includes(layout.name) ? [] : names.sort());

    expect(await leaks(project, register)).toEqual([]);
  });
});

test("a name that did get past the landed files would be found, whatever it is packed in", async () => {
  const layout = LAYOUTS[0] as Layout;
  const register = REGISTERS["since August 2024"];
  const project = makeTrust(layout);
  const { lake, ledger, warehouse } = dataFolders(project);
  for (const folder of [lake, ledger, warehouse]) fs.mkdirSync(folder, { recursive: true });
  const upn = register.pupils[0]?.upn ?? "";
  const bornOn = register.pupils[0]?.bornOn ?? "";
  fs.mkdirSync(path.join(lake, "names"));
  fs.writeFileSync(path.join(ledger, "loads.json"), JSON.stringify({ note: `${CANARY}SURNAME1` }));
  await withDuckDB({}, async (db) => {
    const table = `select ${quote(upn)} as pupil_key, date ${quote(bornOn)} as born_on`;
    await db.run(`copy (${table}) to ${quote(path.join(lake, "a.parquet"))} (format parquet, compression zstd)`);
    const name = quote(`${CANARY}SURNAME1`);
    const names = `select ${name} as surname, ${name} as pupil_key, ${quote(upn)} as forename`;
    await db.run(`copy (${names}) to ${quote(path.join(lake, "names", "a.parquet"))} (format parquet)`);
  });
  await withDuckDB({ path: path.join(warehouse, "a.duckdb") }, async (db) => {
    await db.run(`create table pupils as select [${quote(`${CANARY}FORENAME1`)}] as names, 1 as n from range(5000)`);
    await db.run(`create table births as select date ${quote(bornOn)} as entered_on`);
  });
  expect(await leaks(project, register)).toEqual([
    "lake/a.parquet, column pupil_key",
    "lake/names/a.parquet, column forename",
    "lake/names/a.parquet, column pupil_key",
    "ledger/loads.json",
    "warehouse/a.duckdb, column main.births.entered_on",
    "warehouse/a.duckdb, column main.pupils.names",
  ]);
});

// --- internal ---

/** An empty project of the two invented schools, under every name that the layouts give them. */
function makeTrust(layout: Layout): Project {
  const { dir } = makeProject({});
  const schools = SCHOOLS.map(
    ({ urn, name, lea, estab, applicationId }, i) =>
      `  - { urn: ${urn}, name: ${name}, phase: ${i === 0 ? "Primary" : "Secondary"}, local_authority: Leeds, la_code: E08000035, region: Yorkshire and The Humber, region_code: E12000003, laestab: "${lea}${estab}", known_as: [${applicationId}] }`,
  );
  const head = ["trust: Two Schools Trust", "as_at: 2026-03-20", `dates: ${layout.dates}`, "schools:"];
  fs.writeFileSync(path.join(dir, "rollbook.yaml"), [...head, ...schools].join("\n") + CALENDARS);
  return readProject(dir);
}

function upnsByKey(project: Project, { pupils }: Register): Map<string, string> {
  const secret = fs.readFileSync(path.join(project.data, "pupil-key"));
  return new Map(pupils.map(({ upn }) => [pupilKey(upn, secret), upn]));
}

async function namesInLake(project: Project): Promise<Record<string, unknown>[]> {
  const { ledger, lake } = dataFolders(project);
  const parts = partsOf(NAMES_TABLE, readLedger(ledger), lake);
  if (parts.length === 0) return [];
  return withDuckDB({}, (db) =>
    rows(db, `from read_parquet([${parts.map(quote).join(", ")}], hive_partitioning = true)`),
  );
}

function line({ urn, upn, date, session, code }: RegisterMark): string {
  return [urn, upn, date, session, code].join(" ");
}

/**
 * Where in the lake, the ledger and the warehouse a name, a comment, a UPN, an id of a school's system or a date of
 * birth stands. Compressed columns are read as values, and only a column that is named for it may hold a date of birth.
 * Names may stand in the lake's table of names, and nowhere else.
 */
async function leaks(project: Project, { pupils }: Register): Promise<string[]> {
  const { lake, ledger, warehouse } = dataFolders(project);
  const secrets = [CANARY, ...pupils.map(({ upn }) => upn)].map((secret) => secret.toLowerCase());
  const births = pupils.flatMap(({ bornOn }) => [bornOn, bornOn.split("-").reverse().join("/")]);
  const ids = pupils.map(({ misId }) => String(misId));
  const isLeaked = (names: string) => `contains_any(lower(value), [${secrets.map(quote).join(", ")}])
      and not (name in (${names}) and starts_with(value, ${quote(CANARY)}))
    or (name <> 'born_on' and contains_any(value, [${births.map(quote).join(", ")}]))
    or value in (${ids.map(quote).join(", ")})`;
  const found: string[] = [];
  const files = [lake, ledger, warehouse].flatMap((folder) =>
    fs
      .readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  );
  for (const file of files.sort()) {
    const name = path.relative(project.data, file).replaceAll("\\", "/");
    const bytes = fs.readFileSync(file).toString("latin1").toLowerCase();
    const isDatabase = file.endsWith(".duckdb");
    if (!isDatabase && !file.endsWith(".parquet")) {
      if ([...secrets, ...births].some((secret) => bytes.includes(secret))) found.push(name);
      continue;
    }
    await withDuckDB(isDatabase ? { path: file, readOnly: true } : {}, async (db) => {
      await db.run(
        "create temp macro contains_any(text, parts) as len(list_filter(parts, lambda part: contains(text, part))) > 0",
      );
      const tables = isDatabase
        ? await tablesOf(db)
        : [{ prefix: "", from: `read_parquet(${quote(file)}, hive_partitioning = false)` }];
      const columns = new Set<string>();
      for (const { prefix, from } of tables) {
        const leaked = await rows(
          db,
          `select distinct name
          from (unpivot (select columns(*)::varchar from ${from}) on columns(*) into name name value value)
          where ${isLeaked(name.startsWith("lake/names/") ? "'surname', 'forename'" : "''")}`,
        );
        for (const { name: column } of leaked) columns.add(`${prefix}${column}`);
      }
      for (const column of [...columns].sort()) found.push(`${name}, column ${column}`);
    });
  }
  return found;
}

async function tablesOf(db: DuckDBConnection): Promise<{ prefix: string; from: string }[]> {
  const tables = await rows(
    db,
    `select table_schema as schema, table_name as name
    from information_schema.tables
    where table_catalog = current_database()`,
  );
  return tables.map(({ schema, name }) => ({ prefix: `${schema}.${name}.`, from: `"${schema}"."${name}"` }));
}
