import { quote } from "../../ingest/duckdb.ts";
import type { Expression, Type } from "./parse_tree.ts";

const AGGREGATES = words(
  "any_value avg bit_or bool_and bool_or count count_star list max max_by median min min_by stddev_samp string_agg sum",
);
/** Functions that are in Trino what they are in DuckDB. One that stands neither here nor among those written otherwise is refused. */
const SAME = words(
  `+ - * % abs any_value avg bool_and bool_or ceil concat_ws count date_diff date_trunc dense_rank exp floor lag lead ln lower
  max min mod month nullif power rank round row row_number split_part sqrt stddev_samp substr sum upper week year`,
);
/**
 * What Trino has for functions of DuckDB whose name or meaning differs; $1, $2 are the arguments, $* all of them, and $known
 * is that none of them is null.
 *
 * DuckDB passes over nulls in `least`, `greatest`, `max_by` and `min_by`, divides whole numbers into fractions and makes an
 * empty list of a series that ends before it begins; Trino does none of this by itself.
 */
const WRITTEN_OTHERWISE: Record<string, string> = {
  "&": "bitwise_and(cast($1 as bigint), cast($2 as bigint))",
  "|": "bitwise_or(cast($1 as bigint), cast($2 as bigint))",
  "~": "bitwise_not(cast($1 as bigint))",
  "<<": "bitwise_left_shift(cast($1 as bigint), cast($2 as integer))",
  ">>": "bitwise_right_shift(cast($1 as bigint), cast($2 as integer))",
  "/": "(cast($1 as double) / cast($2 as double))",
  "//": "($1 / $2)",
  "||": "(cast($1 as varchar) || cast($2 as varchar))",
  "~~": "($1 like $2)",
  array_to_string: "array_join($*)",
  bit_count: "bit_count(cast($1 as bigint), 64)",
  bit_or: "bitwise_or_agg($1)",
  contains: "(strpos($1, $2) > 0)",
  count_star: "count(*)",
  generate_series: "if($1 <= $2, sequence($*), array[])",
  greatest: "array_max(filter(array[$*], given -> given is not null))",
  isodow: "day_of_week($1)",
  isoyear: "year_of_week($1)",
  last_day: "last_day_of_month($1)",
  least: "array_min(filter(array[$*], given -> given is not null))",
  left: "substr($1, 1, $2)",
  list: "array_agg($1)",
  list_sort: "array_sort($1)",
  list_value: "array[$*]",
  make_date: "if($known, cast(format('%04d-%02d-%02d', $1, $2, $3) as date))",
  max_by: "max_by($1, $2) filter (where $1 is not null)",
  median: `(
    element_at(array_sort(array_agg($1) filter (where $1 is not null)), (count($1) filter (where $1 is not null) + 1) / 2)
    + element_at(array_sort(array_agg($1) filter (where $1 is not null)), count($1) filter (where $1 is not null) / 2 + 1)
  ) / 2e0`,
  min_by: "min_by($1, $2) filter (where $1 is not null)",
  printf: "if($known, format($*))",
  right: "substr($1, length($1) + 1 - $2)",
  strftime: "date_format($1, $2)",
  struct_pack: "row($*)",
  string_agg: "listagg($1, $2)",
  string_split: "split($1, $2)",
  to_days: "($1 * interval '1' day)",
  trunc: "truncate($1)",
};
/** Parts of a date as `strftime` and as Trino's `date_format` write them. */
const DATE_PARTS: Record<string, string> = { "%-d": "%e", "%B": "%M", "%Y": "%Y" };
export const COMPARISONS: Record<string, string> = {
  COMPARE_EQUAL: "=",
  COMPARE_NOTEQUAL: "<>",
  COMPARE_LESSTHAN: "<",
  COMPARE_GREATERTHAN: ">",
  COMPARE_LESSTHANOREQUALTO: "<=",
  COMPARE_GREATERTHANOREQUALTO: ">=",
  COMPARE_DISTINCT_FROM: "is distinct from",
  COMPARE_NOT_DISTINCT_FROM: "is not distinct from",
};
const TYPES: Record<string, string> = {
  BIGINT: "bigint",
  BOOLEAN: "boolean",
  DATE: "date",
  DECIMAL: "decimal",
  DOUBLE: "double",
  HUGEINT: "decimal(38, 0)",
  INTEGER: "integer",
  TIMESTAMP: "timestamp(6)",
  UBIGINT: "bigint",
  VARCHAR: "varchar",
};

/** Something that has no words in Trino's SQL. */
export class CannotTravel extends Error {}

/** A name in quotes. */
export const id = (name: string) => `"${name.replaceAll('"', '""')}"`;
export const list = (items: string[]) => items.join(", ");

/** A call of a function. */
export function write(name: string, args: string[], distinct: string): string {
  const template = WRITTEN_OTHERWISE[name];
  if (template === undefined) {
    if (!SAME.has(name)) throw new CannotTravel(`the function ${name}`);
    if (/^\W$/.test(name)) return args.length === 1 ? `(${name} ${args[0]})` : `(${args.join(` ${name} `)})`;
    return `${name}(${distinct}${list(args)})`;
  }
  if (distinct && !/^\w+\(/.test(template)) throw new CannotTravel(`${name}(distinct …)`);
  const told = distinct ? template.replace("(", `(${distinct}`) : template;
  return told.replace(/\$(\d|\*|known)/g, (_, i: string) => {
    if (i === "*") return list(args);
    if (i === "known") return args.map((arg) => `${arg} is not null`).join(" and ");
    return args[Number(i) - 1] ?? "null";
  });
}

/** An operator between or before values. */
export function operator(e: Expression, args: string[]): string {
  const [first = "", ...others] = args;
  switch (e.type) {
    case "OPERATOR_NOT":
      return `(not ${first})`;
    case "OPERATOR_IS_NULL":
      return `(${first} is null)`;
    case "OPERATOR_IS_NOT_NULL":
      return `(${first} is not null)`;
    case "OPERATOR_COALESCE":
      return args.length === 1 ? first : `coalesce(${list(args)})`;
    case "COMPARE_IN":
      return `(${first} in (${list(others)}))`;
    case "COMPARE_NOT_IN":
      return `(${first} not in (${list(others)}))`;
    case "GROUPING_FUNCTION":
      return `grouping(${list(args)})`;
  }
  throw new CannotTravel(`the operator ${e.type}`);
}

export function constant({ value }: Expression): string {
  if (!value || value.is_null) return "null";
  // an empty text is left out of the tree
  const digits = String(value.value ?? "");
  switch (value.type.id) {
    case "VARCHAR":
      return quote(digits);
    case "DECIMAL": {
      const scale = value.type.type_info?.scale ?? 0;
      const padded = digits.replace("-", "").padStart(scale + 1, "0");
      const whole = padded.slice(0, padded.length - scale);
      return `${digits.startsWith("-") ? "-" : ""}${whole}${scale > 0 ? `.${padded.slice(-scale)}` : ""}`;
    }
    case "DOUBLE":
      return `double '${digits}'`;
    case "BOOLEAN":
    case "INTEGER":
    case "BIGINT":
      return digits;
  }
  throw new CannotTravel(`a constant of the type ${value.type.id}`);
}

export function typeName(type: Type | undefined): string {
  const bound = type?.type_info?.expr;
  const name = bound?.type_name ?? type?.id ?? "";
  const sizes = (bound?.children ?? []).map(({ value }) => String(value?.value));
  const known = TYPES[name.toUpperCase()];
  if (!known) throw new CannotTravel(`the type ${name}`);
  return sizes.length > 0 ? `${known}(${sizes.join(", ")})` : known;
}

/** Whether a part of a tree adds rows up. */
export function hasAggregate(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { class: kind, function_name } = value as Partial<Expression>;
  if (kind === "FUNCTION" && function_name !== undefined && AGGREGATES.has(function_name)) return true;
  return Object.values(value).some(hasAggregate);
}

/** A format of `strftime`, as `date_format` has it. */
export function dateParts(format: string): string {
  return format.replace(/%-?\w/g, (part) => {
    const known = DATE_PARTS[part];
    if (known === undefined) throw new CannotTravel(`${part} in strftime`);
    return known;
  });
}

// --- internal ---

function words(text: string): Set<string> {
  return new Set(text.trim().split(/\s+/));
}
