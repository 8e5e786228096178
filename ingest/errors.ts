/**
 * An error whose message is all that the user needs: what is wrong, where, and how to mend it.
 * The command line prints it without a stack and exits 1. It never repeats a value from a register.
 */
export class RollbookError extends Error {
  override name = "RollbookError";
}
