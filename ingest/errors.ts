/** What the command line's exit code says. The README lists them. */
export const EXIT = { done: 0, failed: 1, misused: 2, held: 3, busy: 4 } as const;

/**
 * An error whose message is all that the user needs: what is wrong, where, and how to mend it.
 * The command line prints it without a stack and exits with its code. It never repeats a value from a register.
 */
export class RollbookError extends Error {
  override name = "RollbookError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** What the system and DuckDB say when a disk, or what a user may take of it, is full. */
const FULL = /ENOSPC|EDQUOT|EFBIG|No space left on device|File too large|failed to offload data block/i;

/**
 * The error to show when another one means that the disk is full, or null when it means something else.
 *
 * @param so what follows for the user, as a sentence without its full stop
 */
export function diskFull(error: unknown, folder: string, so: string): RollbookError | null {
  if (!(error instanceof Error) || !FULL.test(error.message)) return null;
  return new RollbookError(
    `The disk that holds ${folder} is full. ${so}, and nothing that was there before is lost: make room and run the command again`,
  );
}
