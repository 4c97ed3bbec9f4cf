/** A start that failed for a reason of the machine, which its message says in full: no stack is shown. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
