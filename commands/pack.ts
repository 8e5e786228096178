import { RollbookError } from "../ingest/errors.ts";
import type { Project } from "../ingest/project.ts";
import { PAGES } from "../pages/board/navigation.ts";

/** The page of each question about one school, in the order of a pack. */
const OF_A_SCHOOL = ["/schools/", "/compare/", "/left-behind/"];
const WORDS = "/words/";

/**
 * Whose a pack is, and the pages of the board site that make it up: of the trust all that every page leads to, of a school
 * its own; and what the words mean.
 *
 * @throws {RollbookError} with the schools of the trust if it has no such school
 */
export function packOf(
  { trust, schools }: Pick<Project, "trust" | "schools">,
  urn: number | undefined,
): { whose: string; pages: string[] } {
  if (urn === undefined) return { whose: trust, pages: PAGES.map((page) => page.path) };
  const school = schools.find((school) => school.urn === urn);
  if (!school) {
    const named = schools.map((school) => `${school.urn} (${school.name})`).join(", ");
    throw new RollbookError(`The trust has no school with the URN ${urn}. It has ${named}`);
  }
  return { whose: `${school.name}, ${trust}`, pages: [...OF_A_SCHOOL.map((folder) => `${folder}${urn}/`), WORDS] };
}
