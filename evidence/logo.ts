import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { SaxesParser } from "saxes";
import { RollbookError } from "../ingest/errors.ts";
import type { Project } from "../ingest/project.ts";
import { escaped } from "./html.ts";

/** A trust's logo, as large as pages show it. */
export interface Logo {
  /** Its name in a site. */
  file: "logo.png" | "logo.svg";
  bytes: Buffer;
  width: number;
  height: number;
  /** What is said in its place to who cannot see it: the trust's name. */
  alt: string;
}

/**
 * Reads the logo that a project names, if it names one.
 *
 * An SVG is shown as an image, in which browsers run and load nothing. One that would, opened by itself, is refused.
 *
 * @throws {RollbookError} saying why a page cannot show it, and how to mend that
 */
export async function readLogo({
  dir,
  trust,
  logo,
}: Pick<Project, "dir" | "trust" | "logo">): Promise<Logo | undefined> {
  if (logo === undefined) return undefined;
  const file = path.resolve(dir, logo);
  const found = await stat(file).catch(() => null);
  if (!found?.isFile()) {
    throw new RollbookError(`rollbook.yaml names the logo ${logo}, and there is no such file: correct its name`);
  }
  const refused = (reason: string) => new RollbookError(`The logo ${logo} cannot be used: ${reason}`);
  if (found.size > MOST_BYTES) {
    throw refused(`it has ${found.size} bytes, more than the ${MOST_BYTES} that every page may carry; save it smaller`);
  }
  const bytes = await readFile(file);
  const isPng = bytes.subarray(0, PNG.length).equals(PNG);
  const [width = 0, height = 0] = isPng ? pngSize(bytes) : svgSize(bytes, refused);
  if (!(width > 0 && height > 0)) throw refused("it does not say how wide and high it is; save it again");
  const scale = Math.min(MOST_WIDTH / width, MOST_HEIGHT / height);
  return {
    file: isPng ? "logo.png" : "logo.svg",
    bytes,
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
    alt: trust,
  };
}

/**
 * Puts a logo at the top of every page of a built site.
 *
 * It stands outside what programs draw, so that they are the same with it, without it and with another one.
 */
export async function placeLogo(site: string, { file, bytes, width, height, alt }: Logo): Promise<void> {
  await writeFile(path.join(site, file), bytes);
  const image = `<img class="logo" src="/${file}" width="${width}" height="${height}" alt="${escaped(alt)}">`;
  for (const name of await readdir(site, { recursive: true })) {
    if (!name.endsWith(".html")) continue;
    const page = path.join(site, name);
    const html = await readFile(page, "utf8");
    await writeFile(
      page,
      html.replace("<body>", (body) => `${body}\n\t\t<header>${image}</header>`),
    );
  }
}

// --- internal ---

const MOST_BYTES = 100_000;
/** In CSS pixels: two lines of text high, and narrower than a phone. */
const MOST_WIDTH = 240;
const MOST_HEIGHT = 56;

const NEITHER = "it is neither a PNG nor an SVG that can be read; save it again as one of them";
const PNG = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
/** Where a PNG's first chunk, which has to be its header, says the width; the height follows. */
const PNG_WIDTH = 16;

const RUNS = /^(script|foreignObject|iframe|object|embed)$/i;
const LINKS = /^(href|src|base)$/;
const WITHIN = /^\s*(#|data:image\/(png|jpeg);)/;
const STYLED_FROM_OUTSIDE = /@import|url\((?!\s*["']?(#|data:))/i;

function pngSize(bytes: Buffer): number[] {
  const isWhole = bytes.length > PNG_WIDTH + 8 && bytes.includes("IEND");
  return isWhole ? [bytes.readUInt32BE(PNG_WIDTH), bytes.readUInt32BE(PNG_WIDTH + 4)] : [];
}

/** The size of an SVG's view box, without which it cannot be drawn larger or smaller. */
function svgSize(bytes: Buffer, refused: (reason: string) => Error): number[] {
  const runs = refused("it holds a script or a page; save it without them, or as PNG");
  const leadsOut = refused("it leads to something outside it; save it with everything embedded, or as PNG");
  let box: string | undefined;
  const parser = new SaxesParser({ xmlns: true });
  const readText = (text: string) => {
    if (STYLED_FROM_OUTSIDE.test(text)) throw leadsOut;
  };
  parser.on("text", readText);
  parser.on("cdata", readText);
  parser.on("processinginstruction", ({ target }) => {
    if (target === "xml-stylesheet") throw leadsOut;
  });
  parser.on("opentag", ({ local, attributes }) => {
    if (box === undefined && local !== "svg") throw refused(NEITHER);
    box ??= attributes.viewBox?.value ?? "";
    if (RUNS.test(local)) throw runs;
    for (const { local: name, value } of Object.values(attributes)) {
      if (/^on/i.test(name)) throw runs;
      if ((LINKS.test(name) && !WITHIN.test(value)) || STYLED_FROM_OUTSIDE.test(value)) throw leadsOut;
    }
  });
  parser.on("error", () => {
    throw refused(NEITHER);
  });
  parser.write(bytes.toString("utf8")).close();
  return (box ?? "")
    .split(/[\s,]+/)
    .slice(2)
    .map(Number);
}
