/** Exit status for an invalid configuration (EX_CONFIG of sysexits.h). */
export const configExitStatus = 78;

export type StartErrorOptions = ErrorOptions & {
  /** The operator must change a variable or a file: the exit status is 78, so that a supervisor does not try again. */
  readonly configuration?: boolean;
};

/**
 * The start failed because of the machine (a port in use, for example) or of a file. The message is one line that says
 * everything, so no stack is shown.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly exitStatus: number;

  constructor(message: string, { configuration = false, ...options }: StartErrorOptions = {}) {
    super(message, options);
    this.exitStatus = configuration ? configExitStatus : 1;
  }
}
