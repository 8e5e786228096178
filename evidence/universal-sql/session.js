/** The first two keep every byte on this host; the last two are what the SQL in Evidence's components expects. */
export const SETTINGS = [
  "set autoinstall_known_extensions = false",
  "set autoload_known_extensions = false",
  "set ieee_floating_point_ops = false",
  "set old_implicit_casting = true",
];

/**
 * Where each source table lies, from the manifest of `evidence sources`.
 *
 * @param {Record<string, string[]>} manifest source name to paths that end in `<table>.parquet`
 * @returns {{ source: string, table: string, path: string }[]}
 */
export function sourceTables(manifest) {
  return Object.entries(manifest).flatMap(([source, paths]) =>
    paths.map((path) => ({
      source,
      path,
      table: path
        .split(/[\\/]/)
        .at(-1)
        .replace(/\.parquet$/, ""),
    })),
  );
}

/** @param {string} name a schema's or table's name as SQL writes it */
export const identifier = (name) => `"${name.replaceAll('"', '""')}"`;

/** @param {string[]} schemas */
export const searchPath = (schemas) => `set search_path = '${schemas.join(",").replaceAll("'", "''")}'`;
