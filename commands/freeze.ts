import fs from "node:fs";
import Table from "cli-table3";
import { rows, withDuckDB } from "../ingest/duckdb.ts";
import { RollbookError } from "../ingest/errors.ts";
import { dataFolders } from "../ingest/lake.ts";
import { alone } from "../ingest/lock.ts";
import type { Project } from "../ingest/project.ts";
import {
  currentFigures,
  type FrozenPoint,
  frozenFigures,
  frozenFile,
  frozenFolder,
  readFrozenPoint,
  readFrozenPoints,
  writeFrozen,
} from "../models/frozen.ts";
import { currentWarehouse, warehouseInUse } from "../models/warehouse.ts";

export interface Frozen {
  point: FrozenPoint;
  /** False where the same figures had been frozen under this name before: then nothing was written. */
  is_new: boolean;
}

/** A frozen point as `--list` shows it. */
export interface ListedPoint extends FrozenPoint {
  /** Figures of the same point that are not what they were, in the warehouse in use; null where it does not say. */
  figures_changed: number | null;
}

/**
 * Stores the figures of the warehouse in use under the name of a reporting point, as a board saw them.
 *
 * @throws RollbookError when the name was used for other figures, or there is no warehouse that has them
 */
export async function freeze(project: Project, name: string, now: () => Date): Promise<Frozen> {
  const file = frozenFile(frozenFolder(project), name);
  return alone(project.data, async () => {
    const warehouse = warehouseInUse(dataFolders(project).warehouse);
    return withDuckDB({ path: warehouse.path, readOnly: true }, async (db) => {
      const [made] = await rows(
        db,
        `select count(*)::integer as figures from information_schema.tables
        where table_schema || '.' || table_name = 'marts.figures'`,
      );
      if (made?.figures !== 1) {
        throw new RollbookError(
          'The warehouse in use was built before figures could be frozen: run "rollbook build" first',
        );
      }
      const [told] = await rows(
        db,
        "select (select as_at from staging.as_at)::varchar as as_at, (select max(load_number) from raw.loads) as last_load",
      );
      const asAt = String(told?.as_at);
      if (fs.existsSync(file)) {
        const point = await readFrozenPoint(db, file);
        const differing = point.as_at === asAt ? await countDifferences(db, file) : null;
        if (differing === 0) return { point, is_new: false };
        throw new RollbookError(
          `"${point.name}" was frozen on ${point.frozen_at.slice(0, 10)} and stays as it was; ${
            differing === null
              ? `its figures count up to ${point.as_at}, those of the warehouse in use up to ${asAt}`
              : `${differing.toLocaleString("en-GB")} figures of the warehouse in use are others`
          }. Freeze these under another name`,
        );
      }
      const point = await writeFrozen(db, file, {
        name,
        frozen_at: now().toISOString(),
        as_at: asAt,
        build: warehouse.file,
        last_load: Number(told?.last_load),
      });
      return { point, is_new: true };
    });
  });
}

/** What was frozen, oldest first, and how many figures of each have changed since by the warehouse in use. */
export async function listFrozen(project: Project): Promise<ListedPoint[]> {
  const points = await withDuckDB({}, (db) => readFrozenPoints(db, frozenFolder(project)));
  const changed = new Map<string, number>();
  const warehouse = currentWarehouse(dataFolders(project).warehouse);
  if (points.length > 0 && warehouse?.tables.some(({ table }) => table === "marts.frozen_figures")) {
    const counts = await withDuckDB({ path: warehouse.path, readOnly: true }, (db) =>
      rows(
        db,
        "select point, (count(*) filter (where has_changed))::integer as figures from marts.frozen_figures group by point",
      ),
    );
    for (const { point, figures } of counts) changed.set(String(point), Number(figures));
  }
  return points.map((point) => ({ ...point, figures_changed: changed.get(point.name) ?? null }));
}

/** One sentence on what a freeze did. */
export function freezeSentence({ point, is_new }: Frozen): string {
  return is_new
    ? `Froze "${point.name}": ${count(point.figures)} figures up to ${point.as_at}. Builds from now on say what has changed since, in marts.frozen_figures, and why, in marts.figure_changes.`
    : `"${point.name}" was frozen on ${point.frozen_at.slice(0, 10)}, and nothing differs. Nothing was changed.`;
}

/** The frozen points as a table. */
export function frozenSummary(points: ListedPoint[]): string {
  if (points.length === 0) return 'Nothing has been frozen yet: rollbook freeze "Autumn 1 2026"';
  const drawn = new Table({
    head: ["frozen", "on", "counts up to", "last load", "figures", "changed since"],
    colAligns: ["left", "left", "left", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, frozen_at, as_at, last_load, figures, figures_changed } of points) {
    drawn.push([
      name,
      frozen_at.slice(0, 10),
      as_at,
      String(last_load),
      count(figures),
      figures_changed === null ? "run build" : count(figures_changed),
    ]);
  }
  return drawn.toString();
}

// --- internal ---

/** Figures that are in one of the two only, or are another in them. */
async function countDifferences(db: Parameters<typeof rows>[0], file: string): Promise<number> {
  const keys = ["mart", "school_urn", "school_year", "period_type", "period", "basis", "breakdown", "group_name"];
  const sameKey = [...keys, "measure"].map((key) => `before.${key} is not distinct from after.${key}`).join(" and ");
  const [found] = await rows(
    db,
    `select count(*)::integer as figures
    from ${frozenFigures(file)} as before full join ${currentFigures} as after on ${sameKey}
    where before.numerator is distinct from after.numerator
      or before.denominator is distinct from after.denominator
      or coalesce(abs(before.value - after.value) > 1e-9, true)`,
  );
  return Number(found?.figures);
}

function count(value: number): string {
  return value.toLocaleString("en-GB");
}
