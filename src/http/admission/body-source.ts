import { EventEmitter } from 'node:events';

/** The stream that is behind a `BodySource`. */
type Flow = { readonly pause: () => unknown; readonly resume: () => unknown };

/**
 * What a body parser reads in place of the request: only the bytes that have passed the limits, decompressed. It emits
 * `data`, `end` and `error` like a stream. A parser that fails can only pause it, so it cannot read the rest of a
 * refused body.
 */
export class BodySource extends EventEmitter {
  readonly readable = true;
  /** The headers that a parser needs, without Content-Encoding. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly #flow: Flow;

  constructor(contentType: string | undefined, flow: Flow) {
    super();
    // Without a length and without this header, formidable takes the body for empty.
    this.headers = { 'content-type': contentType, 'transfer-encoding': 'chunked' };
    this.#flow = flow;
    // An error can come after the parser has ended, and an `error` event without a listener would be thrown.
    this.on('error', () => {});
  }

  pause(): void {
    this.#flow.pause();
  }

  resume(): void {
    this.#flow.resume();
  }
}
