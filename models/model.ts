import fs from "node:fs";
import path from "node:path";
import { RollbookError } from "../ingest/errors.ts";

/** The folder that holds a folder for each schema of models. */
const MODELS_FOLDER = import.meta.dirname;
/**
 * The schemas whose tables are made by models, in the order in which they are made. What a school's attendance champion sees
 * is of pupils by name, so no table outside `champion` may be made from it.
 */
const SCHEMAS = ["staging", "marts", "board", "champion"] as const;

/** One file, one table: what its SQL makes, what it is made from, and what the build holds it to. */
export interface Model {
  /** Schema and table: `marts.pupil_attendance`. */
  name: string;
  /** The file, relative to the repository. */
  file: string;
  sql: string;
  /** The first sentences of the header: what a row means. */
  about: string;
  /** The columns of which no two rows have the same values. */
  grain: string[];
  /** SQL expressions that are true of every row. */
  checks: string[];
  /** Why no table is made: whoever reads it runs its SQL. Null for a table. */
  view: string | null;
  /** Every table that the SQL reads. */
  inputs: string[];
}

/** Reads every model of the repository, those that others are made from first. */
export function readModels(folder = MODELS_FOLDER): Model[] {
  const models = SCHEMAS.flatMap((schema) => {
    const files = fs.existsSync(path.join(folder, schema)) ? fs.readdirSync(path.join(folder, schema)).sort() : [];
    return files
      .filter((file) => file.endsWith(".sql"))
      .map((file) =>
        readModel(`${schema}.${path.basename(file, ".sql")}`, fs.readFileSync(path.join(folder, schema, file), "utf8")),
      );
  });
  return inOrder(models);
}

/** Reads one model from the text of its file. */
export function readModel(name: string, text: string): Model {
  const file = `models/${name.replace(".", "/")}.sql`;
  const lines = text.split("\n");
  const header = lines
    .slice(
      0,
      lines.findIndex((line) => !line.startsWith("--")),
    )
    .map((line) => line.slice(2).trim());
  const labelled = header.flatMap((line) => {
    const [, label, value] = line.match(/^([a-z]+): (.+)$/) ?? [];
    return label && value ? [{ label, value }] : [];
  });
  const stranger = labelled.find(({ label }) => !["grain", "check", "view"].includes(label));
  if (stranger) {
    throw new RollbookError(
      `${file} has a header line "${stranger.label}:" that the build does not know: it knows grain, check and view`,
    );
  }
  const grains = labelled.filter(({ label }) => label === "grain");
  if (grains.length !== 1) {
    throw new RollbookError(
      `${file} does not state its grain once. Add a line like: -- grain: school_urn, school_year`,
    );
  }
  const about = header.filter((line) => !labelled.some(({ label, value }) => line === `${label}: ${value}`));
  return {
    name,
    file,
    sql: text,
    about: about.join(" ").trim(),
    grain: (grains[0]?.value ?? "").split(",").map((column) => column.trim()),
    checks: labelled.filter(({ label }) => label === "check").map(({ value }) => value),
    view: labelled.find(({ label }) => label === "view")?.value ?? null,
    inputs: inputsOf(text),
  };
}

// --- internal ---

function inputsOf(text: string): string[] {
  const code = text.replace(/--.*$/gm, "").replace(/'(?:[^']|'')*'/g, "''");
  const names = code.match(/\b(?:raw|rules|staging|marts|board|champion)\.[a-z_0-9]+/g) ?? [];
  return [...new Set(names)].sort();
}

/** Sorts models so that each comes after its inputs; a missing input or a cycle is named. */
function inOrder(models: Model[]): Model[] {
  const byName = new Map(models.map((model) => [model.name, model]));
  const ordered: Model[] = [];
  const visit = (model: Model, trail: string[]) => {
    if (ordered.includes(model)) return;
    if (trail.includes(model.name)) {
      const cycle = [...trail.slice(trail.indexOf(model.name)), model.name];
      throw new RollbookError(`Models go round in a circle: ${cycle.join(" → ")}. Take one of these steps out`);
    }
    for (const input of model.inputs.filter((name) => /^(staging|marts|board|champion)\./.test(name))) {
      if (input.startsWith("champion.") && !model.name.startsWith("champion.")) {
        throw new RollbookError(`${model.file} reads ${input}: pupils of the champion's tables may go nowhere else`);
      }
      const made = byName.get(input);
      if (!made) throw new RollbookError(`${model.file} reads ${input}, which no file in models/ makes`);
      visit(made, [...trail, model.name]);
    }
    ordered.push(model);
  };
  for (const model of models) visit(model, []);
  return ordered;
}
