import { z } from 'zod';

/** A file that arrives. Its bytes are decompressed. */
export type FileStream = {
  /** The media type, in lower case and without parameters. */
  readonly mediaType: string;
  /** The bytes in order. Can be read once. The client sends no more than is read. */
  readonly pieces: AsyncIterable<Buffer>;
  /**
   * Aborted when the file cannot arrive as a whole any more, for example because the client has left. The reason is the
   * error. A reader must stop then, also if it has pieces that it has not parsed.
   */
  readonly signal: AbortSignal;
};

/** The body of a route with `streamBody`. It is not read before `read` is called. */
export type BodyStream = {
  /**
   * Gives the file to `consume`: the body itself, or the only file of a form. Can be called once.
   * @throws AppError `payload_too_large`, `malformed_body`, `request_timeout`, `overloaded`, `concurrency_limit_exceeded`,
   * `unsupported_media_type`, or the error of `consume`
   */
  readonly read: <T>(consume: (file: FileStream) => Promise<T>) => Promise<T>;
};

/** The schema of such a body. */
export const bodyStream = z.custom<BodyStream>();
