/**
 * The start failed because of the machine (a port in use, for example). The message says everything, so no stack is
 * shown.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
}
