/** Values from earlier answers, such as the id of what was created. */
export type Values = Record<string, string>;

/** Who sends the request: the client with all scopes, a user, or nobody. */
export type Caller = 'client' | 'user' | 'nobody';

/** One example of the documentation: a request that is sent to a running service. */
export type Step = {
  /** Method and path below the root, as in the OpenAPI document: `POST /api/v1/pricing/price`. */
  readonly operation: string;
  readonly name: string;
  readonly summary: string;
  readonly caller?: Caller;
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  /** A file that the documentation shows. */
  readonly file?: { readonly type: string; readonly content: string };
  /** A body that the documentation does not show. */
  readonly bytes?: { readonly type: string; readonly content: Uint8Array };
  /** The answer is not shown. For the list of models, whose members `type` and `default` linters take for a schema. */
  readonly isAnswerHidden?: true;
  /** The part of the answer to show, if the whole is long or its order differs at each run. */
  readonly shownPart?: (answer: Readonly<Record<string, unknown>>) => Record<string, unknown>;
  /** The status to expect; 200 if absent. */
  readonly status?: number;
  /** Whether the request is repeated until it has this status, because it depends on work in the background. */
  readonly eventually?: true;
  /** Values for later steps. */
  readonly keep?: (answer: Readonly<Record<string, unknown>>, headers: Headers) => Values;
};

/** Steps that need values of earlier ones are made when these have run. A step that needs a message waits for it. */
export type MakeStep = (values: Readonly<Values>) => Step | Promise<Step>;
