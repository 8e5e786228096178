import loadHighs, { type Highs, type Model, type ObjectiveSense } from "highs";
import { RollbookError } from "../ingest/errors.ts";

/** How far from a whole number the solver's answer may be and still be that number. */
const TOLERANCE = 1e-5;
/** How many cases of a whole-number problem are looked at; what is known by then is used. */
const MOST_CASES = 500;
/** What says that a problem is solved, one way or another. */
const SETTLED = ["optimal", "infeasible", "unbounded"] as const;
/** As HiGHS numbers its variants of the simplex method. */
const DUAL_METHOD = 1;
const PRIMAL_METHOD = 4;
/** A value that no sum of pupils has. */
const NEVER = 1e15;

/** What is known of some columns together: the weighted sum of their values is from `lower` to `upper`. */
export interface Sum {
  columns: number[];
  weights: number[];
  lower: number;
  upper: number;
}

/** All that is known of unknown numbers, none of which is below 0. */
export interface Knowledge {
  /** How many unknown numbers there are. */
  columns: number;
  sums: Sum[];
}

/** The least and most that the sum of some columns can be. */
export interface Range {
  low: number;
  high: number;
  /** Which sums it follows from, as indices of `Knowledge.sums`. */
  because: number[];
  /** Values of the columns at which the sum is least and most. */
  at: [Float64Array, Float64Array];
}

/** Finds ranges within one body of knowledge; see {@link withRanges}. */
export interface Ranges {
  /**
   * The range of the sum of these columns if columns may hold any numbers: never narrower than what whole numbers
   * allow.
   *
   * @returns null if the sums contradict each other
   */
  range(columns: number[]): Range | null;
  /**
   * The range of the sum of these columns if columns hold whole numbers; as wide as it can be where that takes too
   * long to find out, or where the sum can be as low and as high as is `enough`. What is known must not contradict
   * itself.
   *
   * @returns besides the range, values of the columns that are possible
   */
  wholeRange(
    columns: number[],
    enough?: { low: number; high: number },
  ): { low: number; high: number; at: Float64Array[] };
  /** How many problems were solved so far. */
  solved(): number;
}

/** Whether these values are what is known. */
export function agrees({ sums }: Knowledge, values: ArrayLike<number>): boolean {
  return sums.every(({ columns, weights, lower, upper }) => {
    const sum = columns.reduce((total, column, at) => total + (values[column] ?? 0) * (weights[at] ?? 0), 0);
    return sum >= lower - TOLERANCE && sum <= upper + TOLERANCE;
  });
}

/** The whole numbers within a range. */
export function wholeNumbers({ low, high }: { low: number; high: number }): { low: number; high: number } {
  // adding 0 turns a rounded -0 into 0
  return { low: Math.ceil(low - TOLERANCE) + 0, high: Math.floor(high + TOLERANCE) + 0 };
}

/**
 * Runs `work` with a solver that holds what is known, and frees the solver's memory afterwards.
 *
 * One problem is solved again and again with another aim, each time from the last answer. The solver is HiGHS,
 * compiled to WebAssembly: it needs no network and starts no process.
 */
export async function withRanges<T>(knowledge: Knowledge, work: (ranges: Ranges) => T): Promise<T> {
  highs ??= loadHighs();
  const solver = await highs;
  return solver.withModel((model) => {
    load(solver, model, knowledge);
    // numbers that are possible at all are sooner found by the dual method
    model.options.set({ simplex_strategy: DUAL_METHOD });
    model.run();
    model.options.set({ simplex_strategy: PRIMAL_METHOD });
    let whole: Model | undefined;
    let solved = 0;
    const aim = (of: Model, columns: number[], sense: ObjectiveSense): boolean => {
      of.changeColsCost({ kind: "range", from: 0, to: knowledge.columns - 1 }, costs(knowledge, columns));
      of.changeObjectiveSense(sense);
      of.zeroAllClocks();
      of.run();
      solved++;
      if (of === model && !SETTLED.some((status) => solver.constants.modelStatus[status] === of.getModelStatus())) {
        // from where it stood the method got stuck: afresh, by the other one
        of.clearSolver();
        of.options.set({ simplex_strategy: DUAL_METHOD });
        of.run();
        of.options.set({ simplex_strategy: PRIMAL_METHOD });
      }
      return of.getModelStatus() !== solver.constants.modelStatus.infeasible;
    };
    const { minimize, maximize } = solver.constants.objectiveSense;

    try {
      return work({
        range(columns) {
          const ends = [minimize, maximize].map((sense) => {
            if (!aim(model, columns, sense)) return null;
            if (model.getModelStatus() === solver.constants.modelStatus.unbounded) {
              return { value: Number.POSITIVE_INFINITY, colValue: new Float64Array(), rowDual: new Float64Array() };
            }
            if (model.getModelStatus() !== solver.constants.modelStatus.optimal) {
              throw new RollbookError(
                "The check for what the site's figures give away did not finish: the solver stopped early. Run it again",
              );
            }
            return { value: model.getObjectiveValue(), ...model.getSolution() };
          });
          const [least, most] = ends;
          if (!least || !most) return null;
          const because = knowledge.sums
            .map((_, row) => row)
            .filter((row) => Math.abs(least.rowDual[row] ?? 0) > 1e-7 || Math.abs(most.rowDual[row] ?? 0) > 1e-7);
          return { low: least.value, high: most.value, because, at: [least.colValue, most.colValue] };
        },
        wholeRange(columns, enough) {
          if (!whole) {
            whole = solver.createModel();
            load(solver, whole, knowledge);
            whole.changeColsIntegrality(
              { kind: "range", from: 0, to: knowledge.columns - 1 },
              new Int32Array(knowledge.columns).fill(solver.constants.variableType.integer),
            );
            whole.options.set({ mip_max_nodes: MOST_CASES, mip_abs_gap: 0.5, mip_rel_gap: 0, mip_heuristic_effort: 0 });
          }
          const at: Float64Array[] = [];
          const ends = { low: 0, high: Number.POSITIVE_INFINITY };
          for (const [sense, end] of [
            [minimize, "low"],
            [maximize, "high"],
          ] as const) {
            whole.options.set({ objective_target: enough?.[end] ?? (sense === minimize ? -NEVER : NEVER) });
            // knowledge that contradicts itself was found out before
            if (!aim(whole, columns, sense)) continue;
            ends[end] = Number(whole.info.get("mip_dual_bound"));
            if (whole.info.get("primal_solution_status") === solver.constants.solutionStatus.feasible) {
              at.push(whole.getSolution().colValue.map(Math.round));
            }
          }
          return { ...ends, at };
        },
        solved: () => solved,
      });
    } finally {
      whole?.dispose();
    }
  });
}

// --- internal ---

/** Loaded once: it takes a tenth of a second. */
let highs: Promise<Highs> | undefined;

function load(solver: Highs, model: Model, { columns, sums }: Knowledge): void {
  const starts = new Int32Array(sums.length + 1);
  for (const [row, sum] of sums.entries()) starts[row + 1] = (starts[row] ?? 0) + sum.columns.length;
  const bound = (value: number) => (Number.isFinite(value) ? value : value > 0 ? solver.infinity : -solver.infinity);
  model.passModel({
    numCols: columns,
    numRows: sums.length,
    colCost: new Float64Array(columns),
    colLower: new Float64Array(columns),
    colUpper: new Float64Array(columns).fill(solver.infinity),
    rowLower: Float64Array.from(sums, ({ lower }) => bound(lower)),
    rowUpper: Float64Array.from(sums, ({ upper }) => bound(upper)),
    matrix: {
      format: "csr",
      numRows: sums.length,
      numCols: columns,
      starts,
      indices: Int32Array.from(sums.flatMap((sum) => sum.columns)),
      values: Float64Array.from(sums.flatMap(({ weights }) => weights)),
    },
  });
  // an answer stays possible when only the aim changes, which is where the primal method starts from
  model.options.set({ output_flag: false, simplex_strategy: PRIMAL_METHOD });
}

function costs(knowledge: Knowledge, columns: number[]): Float64Array {
  const all = new Float64Array(knowledge.columns);
  for (const column of columns) all[column] = 1;
  return all;
}
