/** The running service that generated clients call, and its document. */
export type Target = {
  /** Path of the document as a file. */
  readonly document: string;
  /** Address, client id and client secret, as each program of tools/openapi/calls takes them. */
  readonly arguments: readonly [url: string, clientId: string, clientSecret: string];
};
