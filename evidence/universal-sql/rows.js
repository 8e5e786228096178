import { DataType } from "apache-arrow";

/**
 * An Arrow table as the plain rows that Evidence's components read.
 *
 * Nulls stay null, also in date columns. Whole numbers arrive as numbers, dates as `Date`, lists as arrays.
 * The array carries a hidden `_evidenceColumnTypes`, from which components choose axes and formats.
 *
 * @param {import("apache-arrow").Table | null | undefined} table
 * @returns {Record<string, unknown>[]}
 */
export function arrowTableToJSON(table) {
  if (!table) return [];
  const columns = table.schema.fields.map((field, at) => ({
    name: field.name,
    type: field.type,
    vector: table.getChildAt(at),
  }));
  const rows = Array.from({ length: table.numRows }, (_, row) =>
    Object.fromEntries(columns.map(({ name, type, vector }) => [name, plain(vector?.get(row), type)])),
  );
  Object.defineProperty(rows, "_evidenceColumnTypes", {
    enumerable: false,
    value: columns.map(({ name, type }) => ({ name, evidenceType: evidenceType(type), typeFidelity: "precise" })),
  });
  return rows;
}

/** @param {import("apache-arrow").DataType} type */
function evidenceType(type) {
  if (DataType.isDate(type) || DataType.isTimestamp(type)) return "date";
  if (DataType.isInt(type) || DataType.isFloat(type) || DataType.isDecimal(type)) return "number";
  if (DataType.isBool(type)) return "boolean";
  return "string";
}

/**
 * @param {any} value
 * @param {import("apache-arrow").DataType} type
 * @returns {unknown}
 */
function plain(value, type) {
  if (value === null || value === undefined) return null;
  if (DataType.isDictionary(type)) return plain(value, type.dictionary);
  if (DataType.isDate(type) || DataType.isTimestamp(type)) return new Date(Number(value));
  if (DataType.isDecimal(type)) return Number(wholeNumber(value)) / 10 ** type.scale;
  if (DataType.isList(type) || DataType.isFixedSizeList(type)) {
    return Array.from(value, (item) => plain(item, type.children[0].type));
  }
  if (DataType.isStruct(type)) {
    return Object.fromEntries(type.children.map((child) => [child.name, plain(value[child.name], child.type)]));
  }
  if (DataType.isMap(type)) {
    const [, held] = type.children[0].type.children;
    return Object.fromEntries(Array.from(value, ([key, item]) => [String(key), plain(item, held.type)]));
  }
  return typeof value === "bigint" ? Number(value) : value;
}

/** @param {Uint32Array} words a whole number in two's complement, least significant word first */
function wholeNumber(words) {
  const unsigned = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
  return BigInt.asIntN(words.length * 32, unsigned);
}
