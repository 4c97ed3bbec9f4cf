/**
 * A connection string that cannot be used. The message follows the name of the variable in a sentence, and contains no
 * part of the string except names of parameters, settings and files.
 */
export class ConnectionStringError extends Error {
  override readonly name = 'ConnectionStringError';
}
