/**
 * How DuckDB takes a query apart, as `json_serialize_sql` tells it: what of it the models use.
 *
 * A part that is empty or the default is left out.
 */

export interface Query {
  type: string;
  cte_map?: { map?: { key: string; value: { query: { node: Query }; materialized?: string } }[] };
  modifiers?: { type: string; orders?: Ordered[]; limit?: Expression }[];
  select_list?: Expression[];
  from_table?: Relation;
  where_clause?: Expression;
  group_expressions?: Expression[];
  /** The grouping sets, by the places of their expressions. */
  group_sets?: number[][];
  aggregate_handling?: string;
  having?: Expression;
  qualify?: Expression;
  setop_type?: string;
  setop_all?: boolean;
  children?: Query[];
  left?: Query;
  right?: Query;
  union_all?: boolean;
}

export interface Relation {
  type: string;
  alias?: string;
  schema_name?: string;
  table_name?: string;
  column_name_alias?: string[];
  subquery?: { node: Query };
  values?: Expression[][];
  left?: Relation;
  right?: Relation;
  join_type?: string;
  ref_type?: string;
  condition?: Expression;
  using_columns?: string[];
  /** Of a pivot: what it turns into rows. */
  source?: Relation;
  unpivot_names?: string[];
  pivots?: { unpivot_names?: string[]; entries?: { star_expr?: Expression }[] }[];
}

export interface Ordered {
  type: string;
  null_order: string;
  expression: Expression;
}

export interface Type {
  id: string;
  type_info?: { scale?: number; expr?: { type_name?: string; children?: Expression[] } };
}

/** What a function is called with. */
export interface Call {
  function_name?: string;
  distinct?: boolean;
  filter?: Expression;
  order_bys?: { orders?: Ordered[] };
}

export interface Expression extends Call {
  class: string;
  type: string;
  alias?: string | undefined;
  children?: Expression[];
  column_names?: string[];
  value?: { type: Type; is_null: boolean; value?: unknown };
  left?: Expression;
  right?: Expression;
  input?: Expression;
  lower?: Expression;
  upper?: Expression;
  case_checks?: { when_expr: Expression; then_expr: Expression }[];
  else_expr?: Expression;
  child?: Expression;
  cast_type?: Type;
  try_cast?: boolean;
  subquery?: { node: Query };
  subquery_type?: string;
  comparison_type?: string;
  relation_name?: string;
  exclude_list?: string[];
  replace_list?: { key: string; value: Expression }[];
  columns?: boolean;
  expr?: Expression;
  partitions?: Expression[];
  orders?: Ordered[];
  start?: string;
  end?: string;
  start_expr?: Expression;
  end_expr?: Expression;
  offset_expr?: Expression;
  default_expr?: Expression;
  filter_expr?: Expression;
  ignore_nulls?: boolean;
}
