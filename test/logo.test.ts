import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Logo, placeLogo, readLogo } from "../evidence/logo.ts";

const TRUST = 'Oak & "Elm" Trust';

test("an SVG is shown as large as fits, whatever size it was drawn at", async () => {
  const logo = await read("logo.svg", svg('<path d="M0 0h9"/>', "0 0 300 100"));
  expect(logo).toMatchObject({ file: "logo.svg", width: 168, height: 56, alt: TRUST });
  expect(await read("logo.svg", svg("", "-5,-5,1000,10"))).toMatchObject({ width: 240, height: 2 });
});

test("a PNG is known by its bytes, whatever its file is called", async () => {
  expect(await read("logo.jpg", png(1200, 100))).toMatchObject({ file: "logo.png", width: 240, height: 20 });
});

test("what an SVG holds itself may be there: links within it, pictures, styles and notes of the program it was drawn with", async () => {
  const own = svg(
    `<!-- drawn --><metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" rdf:about=""/></metadata>
    <style><![CDATA[.a { fill: url("#b"); }]]></style><linearGradient id="b"/><use href="#b"/>
    <image xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="data:image/png;base64,AAAA"/><path fill="url(#b)"/>`,
  );
  expect(await read("logo.svg", own)).toBeDefined();
});

test.each([
  ["a script", svg("<script>go()</script>"), "it holds a script or a page"],
  ["a script of another name", svg('<s:script xmlns:s="http://www.w3.org/2000/svg"/>'), "it holds a script or a page"],
  ["an event's script", svg('<path onload="go()"/>'), "it holds a script or a page"],
  ["HTML", svg("<foreignObject/>"), "it holds a script or a page"],
  ["a picture elsewhere", svg('<image href="https://example.org/x.png"/>'), "it leads to something outside it"],
  ["a file beside it", svg('<use href="other.svg#a"/>'), "it leads to something outside it"],
  ["a script as a link", svg('<a href="javascript:go()"/>'), "it leads to something outside it"],
  ["a fill elsewhere", svg('<path fill="url(//example.org/x)"/>'), "it leads to something outside it"],
  ["a font elsewhere", svg("<style>@import 'https://example.org'</style>"), "it leads to something outside it"],
  [
    "a style elsewhere",
    svg("<style><![CDATA[a{fill:url( 'https://x.org' )}]]></style>"),
    "it leads to something outside it",
  ],
  ["a sheet of styles", `<?xml-stylesheet href="x.css"?>${svg("")}`, "it leads to something outside it"],
  ["no view box", '<svg xmlns="http://www.w3.org/2000/svg" width="9"/>', "it does not say how wide and high it is"],
  ["half an SVG", svg("").slice(0, -3), "it is neither a PNG nor an SVG that can be read"],
  ["a page", "<html><svg/></html>", "it is neither a PNG nor an SVG that can be read"],
  ["a JPEG", Buffer.from("ffd8ffe000104a46494600", "hex"), "it is neither a PNG nor an SVG that can be read"],
  ["nothing", "", "it is neither a PNG nor an SVG that can be read"],
  ["half a PNG", png(1200, 100).subarray(0, 24), "it does not say how wide and high it is"],
  ["too much", svg(" ".repeat(100_000)), "it has 100064 bytes, more than the 100000 that every page may carry"],
])("a logo with %s is refused, and that is said with how to mend it", async (_, content, reason) => {
  await expect(read("logo.svg", content)).rejects.toThrow(
    new RegExp(`^The logo logo.svg cannot be used: ${reason}.*; save`),
  );
});

test("a name that leads to no file is refused, and without a name there is no logo", async () => {
  await expect(readLogo({ dir: import.meta.dirname, trust: TRUST, logo: "none.svg" })).rejects.toThrow(
    "rollbook.yaml names the logo none.svg, and there is no such file: correct its name",
  );
  expect(await readLogo({ dir: import.meta.dirname, trust: TRUST, logo: undefined })).toBeUndefined();
});

test("it stands on every page with its size and the trust's name, and nothing else of a page is changed", async () => {
  const site = folder();
  const pages = ["index.html", path.join("trends", "index.html")].map((page) => path.join(site, page));
  fs.mkdirSync(path.join(site, "trends"));
  for (const page of pages) fs.writeFileSync(page, "<head></head>\n<body>\n<main>$& it</main></body>\n");
  const logo = (await read("logo.svg", svg("", "0 0 300 100"))) as Logo;
  await placeLogo(site, logo);
  const header =
    '<header><img class="logo" src="/logo.svg" width="168" height="56" alt="Oak &amp; &quot;Elm&quot; Trust"></header>';
  for (const page of pages) {
    const html = fs.readFileSync(page, "utf8");
    expect(html.replace(/\s*<header>.*<\/header>/, "")).toBe("<head></head>\n<body>\n<main>$& it</main></body>\n");
    expect(html).toContain(header);
  }
  expect(fs.readFileSync(path.join(site, "logo.svg"))).toEqual(logo.bytes);
});

// --- internal ---

async function read(name: string, content: string | Buffer): Promise<Logo | undefined> {
  const dir = folder();
  fs.writeFileSync(path.join(dir, name), content);
  return readLogo({ dir, trust: TRUST, logo: name });
}

function folder(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rollbook-logo-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function svg(within: string, box = "0 0 9 9"): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}">${within}</svg>`;
}

/** The head and the end of a PNG. */
function png(width: number, height: number): Buffer {
  const head = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
  const size = Buffer.alloc(8);
  size.writeUInt32BE(width);
  size.writeUInt32BE(height, 4);
  return Buffer.concat([head, size, Buffer.from("IEND")]);
}
