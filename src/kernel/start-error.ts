/**
 * The start failed because of the machine (a port in use, for example). The message says everything, so no stack is
 * shown.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** 78 (EX_CONFIG of sysexits.h) if the configuration of the service or of its database must be changed. */
  readonly exitStatus: 1 | 78;

  constructor(
    message: string,
    { exitStatus = 1, cause }: { readonly exitStatus?: 1 | 78; readonly cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.exitStatus = exitStatus;
  }
}
