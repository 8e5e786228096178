import type { DuckDBConnection } from "@duckdb/node-api";
import { quote, rows } from "../../ingest/duckdb.ts";
import { RollbookError } from "../../ingest/errors.ts";
import type { Call, Expression, Ordered, Query, Relation } from "./parse_tree.ts";
import {
  CannotTravel,
  COMPARISONS,
  constant,
  dateParts,
  hasAggregate,
  id,
  list,
  operator,
  typeName,
  write,
} from "./vocabulary.ts";

/** Where a query finds its tables. */
export interface Catalog {
  /** The columns of a table, by its name with the schema: `marts.schools`. Null when there is none. */
  columnsOf: (table: string) => readonly string[] | null;
  /** What a schema is called there. */
  schemaOf: (schema: string) => string;
  /** Whether no step may be a table of its own, since the query is to be a view. */
  isView?: boolean;
}

/** A query in Trino's words. */
export interface Translated {
  /** Steps (CTEs) that are to be tables of their own, to be made in turn before the query. */
  steps: OwnStep[];
  sql: string;
}

/** A step that is made once and kept, where Trino would work it out anew at every mention: its steps are mere text. */
export interface OwnStep {
  /** Its name: `steps.staging_enrolments__newest`. */
  name: string;
  sql: string;
  /** What a recursive step finds next, given the table of what it found last; it has ended once that is empty. */
  next: ((last: string) => string) | null;
  /** Whether a row that was found before is not found again. */
  isDistinct: boolean;
}

/**
 * Writes a query of DuckDB as one of Trino that gives the same rows.
 *
 * DuckDB itself takes the query apart, so that nothing is read otherwise than it runs there. What this knows no words for in
 * Trino is refused.
 *
 * @param db any DuckDB: nothing of it is read
 * @param name what the query makes, with its schema
 * @throws {RollbookError} naming the query and what in it cannot travel
 */
export async function inTrino(db: DuckDBConnection, sql: string, name: string, catalog: Catalog): Promise<Translated> {
  const [read] = await rows(
    db,
    `select json_serialize_sql(${quote(sql)}, skip_null := true, skip_empty := true, skip_default := true)::varchar as tree`,
  );
  const { statements } = JSON.parse(String(read?.tree)) as { statements?: { node: Query }[] };
  const node = statements?.[0]?.node;
  if (!node) throw new RollbookError(`${name} is no query that DuckDB can read`);
  try {
    return writer(catalog, name).whole(node);
  } catch (error) {
    if (!(error instanceof CannotTravel)) throw error;
    throw new RollbookError(
      `${name} cannot run on Trino: ${error.message}. Write it another way, or say in models/trino/vocabulary.ts what Trino has for it`,
    );
  }
}

/** The name of a table there, quoted, by its name with the schema here. */
export function tableIn(schemaOf: Catalog["schemaOf"], name: string): string {
  const [schema = "", table = ""] = name.split(".");
  return `${id(schemaOf(schema))}.${id(table)}`;
}

// --- internal ---

interface Written {
  sql: string;
  columns: string[];
}

interface Column {
  name: string;
  /** The name of the table that it is told apart by; null where a join made one of two, whose names are in `both`. */
  of: string | null;
  both?: (string | null)[];
}

/** A relation of a FROM clause. */
interface Source {
  sql: string;
  columns: Column[];
  /** What else must be true of a row: semi and anti joins, which Trino has not. */
  where: string[];
}

/** What the names in a SELECT may stand for. */
interface Scope {
  steps: Steps;
  columns: Source["columns"];
  /** The expressions that its columns are, since DuckDB lets one be named in the next. */
  named: Map<string, Expression>;
  /** Lists whose items become rows, and the column that each became. */
  unnested: { list: string; column: string }[];
}

/** The columns of each step (CTE) that may be read. */
type Steps = ReadonlyMap<string, readonly string[]>;

function writer({ columnsOf, schemaOf, isView = false }: Catalog, name: string) {
  /** Where the steps are that are tables of their own. */
  const homes = new Map<string, string>();

  function whole(node: Query): Translated {
    const ownKeys = isView ? new Set<string>() : ownSteps(node);
    const made: OwnStep[] = [];
    const steps = new Map<string, readonly string[]>();
    const written: string[] = [];
    const after = (sql: string) => (written.length > 0 ? `with ${written.join(",\n")}\n${sql}` : sql);
    for (const { key, body } of stepsOf(node)) {
      const own = `steps.${name.replace(".", "_")}__${key}`;
      const { left, right } = body;
      if (body.type === "RECURSIVE_CTE_NODE") {
        if (isView) throw new CannotTravel("a view with a recursive step");
        if (!left || !right) throw new CannotTravel("a recursive step without two parts");
        const first = query(left, steps);
        steps.set(key, first.columns);
        const before = [...written];
        const next = (last: string) => {
          homes.set(key, last);
          const found = query(right, steps);
          homes.set(key, own);
          const sql = `select * from (${found.sql}) as "found" (${list(first.columns.map(id))})`;
          return before.length > 0 ? `with ${before.join(",\n")}\n${sql}` : sql;
        };
        homes.set(key, own);
        made.push({ name: own, sql: after(first.sql), next, isDistinct: !body.union_all });
        continue;
      }
      const step = query(body, steps);
      steps.set(key, step.columns);
      if (ownKeys.has(key)) {
        made.push({ name: own, sql: after(step.sql), next: null, isDistinct: false });
        homes.set(key, own);
      } else written.push(`${id(key)} as (${step.sql})`);
    }
    return { steps: made, sql: after(query({ ...node, cte_map: {} }, steps).sql) };
  }

  function query(node: Query, above: Steps): Written {
    const steps = new Map(above);
    const written = stepsOf(node).map(({ key, body }) => {
      if (homes.has(key)) throw new CannotTravel(`two steps of the name ${key}`);
      const step = query(body, steps);
      steps.set(key, step.columns);
      return `${id(key)} as (${step.sql})`;
    });
    const body = node.type === "SET_OPERATION_NODE" ? setOperation(node, steps) : select(node, steps);
    const kinds = node.modifiers ?? [];
    const order = kinds.flatMap(({ orders }) =>
      orders ? [` order by ${list(orders.map((o) => ordered(o, null)))}`] : [],
    );
    const limit = kinds.flatMap((kind) => (kind.limit ? [` limit ${expression(kind.limit, null)}`] : []));
    const head = written.length > 0 ? `with ${written.join(",\n")}\n` : "";
    return { sql: `${head}${body.sql}${order.join("")}${limit.join("")}`, columns: body.columns };
  }

  function setOperation(node: Query, steps: Steps): Written {
    const parts = (node.children ?? []).map((child) => query(child, steps));
    const byName = node.setop_type === "UNION_BY_NAME";
    const columns = byName ? [...new Set(parts.flatMap((part) => part.columns))] : (parts[0]?.columns ?? []);
    const told = parts.map((part) => {
      const taken = columns.map((column) => (part.columns.includes(column) ? id(column) : `null as ${id(column)}`));
      return byName ? `select ${taken.join(", ")} from (${part.sql})` : `(${part.sql})`;
    });
    const word = `${byName ? "union" : String(node.setop_type).toLowerCase()}${node.setop_all === false ? "" : " all"}`;
    return { sql: told.join(`\n${word}\n`), columns };
  }

  function select(node: Query, steps: Steps): Written {
    if (node.type !== "SELECT_NODE") throw new CannotTravel(`a ${node.type}`);
    const source = node.from_table ? relation(node.from_table, steps) : { sql: "", columns: [], where: [] };
    const items = (node.select_list ?? []).flatMap((item) => spread(item, source));
    const named = new Map(items.flatMap((item) => (item.alias === undefined ? [] : [[item.alias, item] as const])));
    const scope: Scope = { steps, columns: source.columns, named, unnested: [] };
    const columns = items.map((item, i) => nameOf(item) ?? `unnamed ${i}`);
    const kept = items.map((item, i) => `${expression(item, scope)} as ${id(columns[i] ?? "")}`);
    const where = [...source.where, ...(node.where_clause ? [expression(node.where_clause, scope)] : [])];
    const groups =
      node.aggregate_handling === "FORCE_AGGREGATES"
        ? items.filter((item) => !hasAggregate(item)).map((item) => expression(item, scope))
        : (node.group_expressions ?? []).map((group) => expression(group, scope));
    const sets = node.group_sets ?? [];
    const grouped =
      sets.length > 1
        ? `grouping sets (${sets.map((set) => `(${list(set.map((i) => groups[i] ?? ""))})`).join(", ")})`
        : list(groups);
    const distinct = node.modifiers?.some(({ type }) => type === "DISTINCT_MODIFIER") ? "distinct " : "";
    const keeps = node.qualify ? [`${expression(node.qualify, scope)} as "is kept"`] : [];
    const { unnested } = scope;
    const series =
      unnested.length > 0
        ? `unnest(${list(unnested.map((each) => each.list))}) as "unnested" (${list(unnested.map(({ column }) => id(column)))})`
        : "";
    const from = [source.sql, series].filter(Boolean).join(" cross join ");
    const sql = [
      `select ${distinct}${list([...kept, ...keeps])}`,
      from && `from ${from}`,
      where.length > 0 && `where ${where.join(" and ")}`,
      grouped && `group by ${grouped}`,
      node.having && `having ${expression(node.having, scope)}`,
    ]
      .filter(Boolean)
      .join("\n");
    return { sql: node.qualify ? `select ${list(columns.map(id))} from (${sql}) where "is kept"` : sql, columns };
  }

  /** An item once for each column that a star in it stands for. */
  function spread(item: Expression, source: Source): Expression[] {
    if (item.class === "STAR") return star(item, source);
    const inner = findStar(item);
    if (!inner) return [item];
    return star(inner, source).map((column) => {
      const { alias, ...bare } = column;
      return { ...replaced(item, inner, bare), alias };
    });
  }

  /** The columns that a star stands for. */
  function star(item: Expression, source: Source): Expression[] {
    if (item.expr) throw new CannotTravel("columns(…) of a pattern");
    const left = new Set(item.exclude_list ?? []);
    const otherwise = new Map((item.replace_list ?? []).map(({ key, value }) => [key, value]));
    return source.columns
      .filter((column) => {
        const table = item.relation_name;
        return (table === undefined || namesOf(column).includes(table)) && !left.has(column.name);
      })
      .map(({ of, name }) => ({
        ...(otherwise.get(name) ?? {
          class: "COLUMN_REF",
          type: "COLUMN_REF",
          column_names: of === null ? [name] : [of, name],
        }),
        alias: name,
      }));
  }

  function relation(ref: Relation, steps: Steps): Source {
    const called = (columns: readonly string[], name: string) =>
      (ref.column_name_alias ?? columns).map((column) => ({ of: name, name: column }));
    const alias = (name: string) =>
      ` as ${id(name)}${ref.column_name_alias ? ` (${list(ref.column_name_alias.map(id))})` : ""}`;
    switch (ref.type) {
      case "BASE_TABLE": {
        const table = ref.table_name ?? "";
        const name = ref.alias ?? table;
        const columns = ref.schema_name ? columnsOf(`${ref.schema_name}.${table}`) : steps.get(table);
        if (!columns) throw new CannotTravel(`the table ${table}, which no step makes`);
        const place = ref.schema_name ? `${ref.schema_name}.${table}` : homes.get(table);
        const of = place ? tableIn(schemaOf, place) : id(table);
        return { sql: `${of}${alias(name)}`, columns: called(columns, name), where: [] };
      }
      case "SUBQUERY": {
        if (!ref.subquery) break;
        const inner = query(ref.subquery.node, steps);
        const name = ref.alias ?? "unnamed";
        return { sql: `(${inner.sql})${alias(name)}`, columns: called(inner.columns, name), where: [] };
      }
      case "EXPRESSION_LIST": {
        const values = (ref.values ?? []).map((row) => `(${list(row.map((value) => expression(value, null)))})`);
        const columns = (ref.values?.[0] ?? []).map((_, i) => `col${i}`);
        const name = ref.alias ?? "valueslist";
        return {
          sql: `(values ${list(values)}) as ${id(name)} (${list(columns.map(id))})`,
          columns: columns.map((column) => ({ of: name, name: column })),
          where: [],
        };
      }
      case "JOIN":
        return join(ref, steps);
      case "PIVOT":
        return unpivot(ref, steps);
      case "EMPTY":
        return { sql: "", columns: [], where: [] };
    }
    throw new CannotTravel(`a ${ref.type} in FROM`);
  }

  function join(ref: Relation, steps: Steps): Source {
    if (!ref.left || !ref.right) throw new CannotTravel("a join without two sides");
    const [left, right] = [relation(ref.left, steps), relation(ref.right, steps)];
    const using = ref.using_columns ?? [];
    const both = [...left.columns, ...right.columns];
    const on = ref.condition
      ? expression(ref.condition, { steps, columns: both, named: new Map(), unnested: [] })
      : using.map((column) => `${reference(left, column)} = ${reference(right, column)}`).join(" and ");
    if (ref.join_type === "SEMI" || ref.join_type === "ANTI") {
      const exists = `exists (select 1 from ${right.sql} where ${[on, ...right.where].join(" and ")})`;
      const must = ref.join_type === "SEMI" ? exists : `not ${exists}`;
      return { ...left, where: [...left.where, must] };
    }
    const where = [...left.where, ...right.where];
    if (ref.ref_type === "CROSS") return { sql: `${left.sql} cross join ${right.sql}`, columns: both, where };
    const kind = { INNER: "join", LEFT: "left join", RIGHT: "right join", OUTER: "full join", FULL: "full join" }[
      ref.join_type ?? ""
    ];
    if (!kind) throw new CannotTravel(`a ${ref.join_type} join`);
    const inner = ref.right.type === "JOIN" ? `(${right.sql})` : right.sql;
    if (using.length === 0) return { sql: `${left.sql} ${kind} ${inner} on ${on}`, columns: both, where };
    const rest = both.filter(({ name }) => !using.includes(name));
    return {
      sql: `${left.sql} ${kind} ${inner} using (${list(using.map(id))})`,
      columns: [
        ...using.map((name) => ({
          of: null,
          name,
          both: both.filter((column) => column.name === name).flatMap(namesOf),
        })),
        ...rest,
      ],
      where,
    };
  }

  /** A row for each of some columns that holds a value: their names in one column, their values in another. */
  function unpivot(ref: Relation, steps: Steps): Source {
    const [value, ...values] = ref.unpivot_names ?? [];
    const [pivot, ...pivots] = ref.pivots ?? [];
    const [name] = pivot?.unpivot_names ?? [];
    if (!ref.source || !pivot || !value || !name || values.length + pivots.length > 0)
      throw new CannotTravel("a pivot");
    const source = relation(ref.source, steps);
    const turned = (pivot.entries ?? [])
      .flatMap(({ star_expr }) => (star_expr ? spread(star_expr, source) : []))
      .map(nameOf);
    const kept = source.columns.map((column) => column.name).filter((column) => !turned.includes(column));
    const items = turned.map((column) => id(column ?? ""));
    const names = turned.map((column) => quote(column ?? ""));
    const alias = ref.alias ?? "unpivoted";
    const columns = [...kept, name, value];
    return {
      sql: `(select ${list([...kept.map(id), ...[name, value].map((column) => `"turned".${id(column)}`)])} from ${source.sql}
        cross join unnest(array[${list(names)}], array[${list(items)}]) as "turned" (${id(name)}, ${id(value)})
        where ${[...source.where, `"turned".${id(value)} is not null`].join(" and ")}) as ${id(alias)}`,
      columns: columns.map((column) => ({ of: alias, name: column })),
      where: [],
    };
  }

  function expression(e: Expression, scope: Scope | null): string {
    const of = (inner: Expression | undefined) => (inner ? expression(inner, scope) : "null");
    const all = (inner: Expression[] | undefined) => (inner ?? []).map(of);
    switch (e.class) {
      case "COLUMN_REF":
        return column(e, scope);
      case "CONSTANT":
        return constant(e);
      case "COMPARISON":
        return `(${of(e.left)} ${COMPARISONS[e.type]} ${of(e.right)})`;
      case "CONJUNCTION":
        return `(${all(e.children).join(e.type === "CONJUNCTION_AND" ? " and " : " or ")})`;
      case "BETWEEN":
        return `(${of(e.input)} between ${of(e.lower)} and ${of(e.upper)})`;
      case "CASE": {
        const whens = (e.case_checks ?? []).map((check) => `when ${of(check.when_expr)} then ${of(check.then_expr)}`);
        return `case ${whens.join(" ")} else ${of(e.else_expr)} end`;
      }
      case "CAST":
        return `${e.try_cast ? "try_cast" : "cast"}(${of(e.child)} as ${typeName(e.cast_type)})`;
      case "OPERATOR":
        return operator(e, all(e.children));
      case "SUBQUERY":
        return subquery(e, of, scope);
      case "FUNCTION":
        return e.function_name === "unnest" ? unnest(e, scope) : call(e, all(e.children), scope);
      case "WINDOW":
        return windowed(e, scope);
    }
    throw new CannotTravel(`an expression of the class ${e.class}`);
  }

  /** A name: a column of what is read, or what stands in this SELECT under it. */
  function column(e: Expression, scope: Scope | null): string {
    const names = e.column_names ?? [];
    const [first = "", second] = names;
    if (scope) {
      if (second === undefined && !scope.columns.some(({ name }) => name === first)) {
        const named = scope.named.get(first);
        if (named && named !== e)
          return expression({ ...named, alias: undefined }, { ...scope, named: without(scope.named, first) });
      }
      // a column that a join made one of two has no table's name in Trino
      if (
        second !== undefined &&
        scope.columns.some(({ of, name }) => of === null && name === second) &&
        !scope.columns.some(({ of, name }) => of === first && name === second)
      )
        return id(second);
    }
    return names.map(id).join(".");
  }

  function subquery(e: Expression, of: (inner: Expression | undefined) => string, scope: Scope | null): string {
    if (!e.subquery) throw new CannotTravel("an empty subquery");
    const { sql } = query(e.subquery.node, scope?.steps ?? new Map());
    if (e.subquery_type === "EXISTS") return `exists (${sql})`;
    if (e.subquery_type === "ANY" && e.comparison_type === "COMPARE_EQUAL") return `(${of(e.child)} in (${sql}))`;
    if (e.subquery_type === "SCALAR") return `(${sql})`;
    throw new CannotTravel(`a subquery of the type ${e.subquery_type}`);
  }

  function unnest(e: Expression, scope: Scope | null): string {
    const [items, ...more] = e.children ?? [];
    if (!scope || !items || more.length > 0) throw new CannotTravel("unnest with more than a list, or outside SELECT");
    const written = expression(items, scope);
    const known = scope.unnested.find((each) => each.list === written);
    const made = known ?? { list: written, column: `item ${scope.unnested.length + 1}` };
    if (!known) scope.unnested.push(made);
    return `"unnested".${id(made.column)}`;
  }

  function call(e: Call, args: string[], scope: Scope | null): string {
    const name = e.function_name ?? "";
    const filter = e.filter ? expression(e.filter, scope) : null;
    // Trino casts the rows that a filter leaves out, too, and fails where one cannot be cast
    const isGuarded = filter !== null && args.length === 1 && /\bcast\(/.test(args[0] ?? "") && name !== "list";
    const spelt = isGuarded
      ? [`case when ${filter} then ${args[0]} end`]
      : name === "strftime"
        ? [args[0] ?? "", dateParts(args[1] ?? "")]
        : args;
    const distinct = e.distinct ? "distinct " : "";
    const orders = (e.order_bys?.orders ?? []).map((order) => ordered(order, scope));
    const by = orders.length > 0 ? `order by ${list(orders)}` : "";
    const plain = write(name, spelt, distinct);
    const told = !by
      ? plain
      : name === "string_agg"
        ? `${plain} within group (${by})`
        : plain.replace(/\)$/, ` ${by})`);
    if (filter === null || isGuarded) return told;
    return told.includes("filter (where ")
      ? told.replaceAll("filter (where ", `filter (where ${filter} and `)
      : `${told} filter (where ${filter})`;
  }

  function windowed(e: Expression, scope: Scope | null): string {
    const of = (inner: Expression) => expression(inner, scope);
    const args = [
      ...(e.children ?? []),
      ...(e.offset_expr ? [e.offset_expr] : []),
      ...(e.default_expr ? [e.default_expr] : []),
    ].map(of);
    // Trino has no FILTER here, and no aggregate that is used so counts a null
    const filter = e.filter_expr ? of(e.filter_expr) : null;
    const counted = args.length === 0 && e.function_name === "count" ? (filter === null ? ["*"] : ["1"]) : args;
    const told = filter === null ? counted : counted.map((arg) => `case when ${filter} then ${arg} end`);
    const over = [
      e.partitions ? `partition by ${list(e.partitions.map(of))}` : "",
      e.orders ? `order by ${list(e.orders.map((order) => ordered(order, scope)))}` : "",
      frame(e, of),
    ].filter(Boolean);
    const nulls = e.ignore_nulls ? " ignore nulls" : "";
    return `${write(e.function_name ?? "", told, e.distinct ? "distinct " : "")}${nulls} over (${over.join(" ")})`;
  }

  function ordered({ type, null_order, expression: by }: Ordered, scope: Scope | null): string {
    const nulls = null_order === "NULLS FIRST" ? " nulls first" : " nulls last";
    return `${expression(by, scope)}${type === "DESCENDING" ? " desc" : ""}${nulls}`;
  }

  return { whole };
}

function stepsOf(node: Query): { key: string; body: Query; isMaterialized: boolean }[] {
  return (node.cte_map?.map ?? []).map(({ key, value }) => {
    const body = value.query.node;
    const { left, right, union_all = false } = body;
    // DuckDB calls every union recursive that stands in a WITH RECURSIVE
    const isUnion = body.type === "RECURSIVE_CTE_NODE" && left && right && !tablesIn(right).includes(key);
    return {
      key,
      body: isUnion
        ? { type: "SET_OPERATION_NODE", setop_type: "UNION", setop_all: union_all, children: [left, right] }
        : body,
      isMaterialized: value.materialized === "CTE_MATERIALIZE_ALWAYS",
    };
  });
}

/** The steps of a query that are to be tables of their own. */
function ownSteps(node: Query): Set<string> {
  const steps = stepsOf(node);
  const readers = [...steps.map(({ body }) => body), { ...node, cte_map: {} }];
  const reads = readers.flatMap(tablesIn);
  const readInTurns = steps
    .filter(({ body }) => body.type === "RECURSIVE_CTE_NODE")
    .flatMap(({ body }) => tablesIn(body));
  const own = steps.filter(
    ({ key, body, isMaterialized }) =>
      isMaterialized ||
      readInTurns.includes(key) ||
      (reads.filter((name) => name === key).length > 1 && !isRenaming(body)),
  );
  return new Set(own.map(({ key }) => key));
}

/** Whether a step says no more than what a table is called in the model, and which of its rows and columns are read. */
function isRenaming({ type, from_table, group_sets, modifiers, select_list }: Query): boolean {
  const isPlain = type === "SELECT_NODE" && from_table?.type === "BASE_TABLE" && !group_sets && !modifiers;
  return isPlain && (select_list ?? []).every(({ class: kind }) => kind === "STAR" || kind === "COLUMN_REF");
}

/** The names of the tables and steps that a part of a tree reads. */
function tablesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const { type, schema_name, table_name } = value as Partial<Relation>;
  const own = type === "BASE_TABLE" && !schema_name && table_name ? [table_name] : [];
  return [...own, ...Object.values(value).flatMap(tablesIn)];
}

function frame(e: Expression, of: (inner: Expression) => string): string {
  const [start = "", end = ""] = [e.start, e.end];
  if (start === "UNBOUNDED_PRECEDING" && end === "CURRENT_ROW_RANGE") return "";
  const unit = /_(ROWS|RANGE|GROUPS)$/.exec(start)?.[1] ?? /_(ROWS|RANGE|GROUPS)$/.exec(end)?.[1] ?? "RANGE";
  const edge = (named: string, by: Expression | undefined) =>
    named.startsWith("EXPR_")
      ? `${by ? of(by) : ""} ${named.includes("PRECEDING") ? "preceding" : "following"}`
      : named.startsWith("CURRENT_ROW")
        ? "current row"
        : named.replace("_", " ").toLowerCase();
  return `${unit.toLowerCase()} between ${edge(start, e.start_expr)} and ${edge(end, e.end_expr)}`;
}

function nameOf(item: Expression): string | undefined {
  return item.alias ?? item.column_names?.at(-1) ?? item.function_name;
}

function findStar(value: unknown): Expression | null {
  if (typeof value !== "object" || value === null || "node" in value) return null;
  if ((value as Partial<Expression>).class === "STAR") return value as Expression;
  for (const inner of Object.values(value)) {
    const found = findStar(inner);
    if (found) return found;
  }
  return null;
}

/** A copy of a part of a tree with one part of it exchanged. */
function replaced<T>(value: T, part: Expression, by: Expression): T {
  return JSON.parse(JSON.stringify(value, (_, inner: unknown) => (inner === part ? by : inner))) as T;
}

function reference({ columns }: Source, name: string): string {
  const found = columns.find((column) => column.name === name);
  if (!found?.of) throw new CannotTravel(`a join using ${name}, which a join before it made one of two`);
  return `${id(found.of)}.${id(name)}`;
}

/** Every table's name that a column goes by. */
function namesOf({ of, both }: Column): (string | null)[] {
  return both ?? [of];
}

function without<V>(map: Map<string, V>, key: string): Map<string, V> {
  return new Map([...map].filter(([name]) => name !== key));
}
