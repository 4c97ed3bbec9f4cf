/** The categories of problem documents. A later version of the service can add more. */
export type Category =
  | 'validation'
  | 'authentication'
  | 'authorization'
  | 'not_found'
  | 'conflict'
  | 'rate_limit'
  | 'pricing'
  | 'database'
  | 'external_api'
  | 'overload'
  | 'internal';

/**
 * One error of a request. `pointer` is a JSON Pointer, or for example `query.limit`. For a refused row of an upload it is
 * empty, and `line` and perhaps `column` say where the row is.
 */
export type FieldError = {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
  readonly line?: number;
  readonly column?: string;
};

/** Members of a problem document (RFC 9457) of the service. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly category: Category | (string & {});
  readonly request_id: string;
  readonly trace_id: string;
  readonly errors?: readonly (Omit<FieldError, 'pointer'> & { readonly pointer?: string })[];
  readonly [member: string]: unknown;
};

/** Base of all errors of this package. */
export class VolwatchError extends Error {
  override readonly name: string = 'VolwatchError';
}

/** The service did not answer: no connection, a timeout, or a connection that ended early. */
export class ConnectionFailedError extends VolwatchError {
  override readonly name = 'ConnectionFailedError';
}

/** An answer that is neither a success nor a problem document, for example the error page of a proxy. */
export class UnexpectedAnswerError extends VolwatchError {
  override readonly name = 'UnexpectedAnswerError';
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** A refresh was still running after `timeoutMs`. It continues in the service. */
export class RefreshTimeoutError extends VolwatchError {
  override readonly name = 'RefreshTimeoutError';
  readonly refreshId: string;

  constructor(refreshId: string, timeoutMs: number) {
    super(`the refresh ${refreshId} still runs after ${timeoutMs} ms`);
    this.refreshId = refreshId;
  }
}

/** A problem document of the service. `code` is stable, `detail` says what is wrong and what to do. */
export class ProblemError extends VolwatchError {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly code: string;
  readonly category: Problem['category'];
  readonly detail: string;
  readonly errors: readonly FieldError[];
  readonly requestId: string;
  readonly traceId: string;
  /** Time after which the service accepts the next request. */
  readonly retryAfterMs: number | undefined;
  /** The whole document, also members that this version of the client does not know. */
  readonly problem: Problem;

  constructor(problem: Problem, status: number, retryAfterMs?: number) {
    super(
      `${problem.detail || problem.title} (${status} ${problem.code}, request ${problem.request_id}, trace ${problem.trace_id})`,
    );
    this.status = status;
    this.code = problem.code;
    this.category = problem.category;
    this.detail = problem.detail;
    this.errors = (problem.errors ?? []).map((error) => ({ pointer: '', ...error }));
    this.requestId = problem.request_id;
    this.traceId = problem.trace_id;
    this.retryAfterMs = retryAfterMs;
    this.problem = problem;
  }
}

/** Milliseconds of the header `Retry-After`. The service sends seconds; a date of a proxy is ignored. */
const retryAfterMs = ({ headers }: Response): number | undefined => {
  const text = headers.get('retry-after') ?? '';
  return /^\d+$/.test(text) ? Number(text) * 1000 : undefined;
};

/** The typed error of the record of a refresh that failed after its answer. `status` is 200, that of the record. */
export const errorOfRefresh = (
  record: { readonly id: string; readonly trace_id: string | null },
  { code, category, detail }: { readonly code: string; readonly category: string; readonly detail: string },
): ProblemError => {
  const trace = record.trace_id ?? '';
  const common = { type: `/problems/${code}`, title: code, status: 200, request_id: '', trace_id: trace };
  return new ProblemError({ ...common, code, category, detail, refresh: record }, 200);
};

/** The typed error of a response that is not a success. */
export const errorOf = async (response: Response, request: Request): Promise<VolwatchError> => {
  const document: unknown = await response.json().catch(() => undefined);
  if (typeof document === 'object' && document !== null && 'code' in document) {
    return new ProblemError(document as Problem, response.status, retryAfterMs(response));
  }
  const { pathname } = new URL(request.url);
  return new UnexpectedAnswerError(
    `${request.method} ${pathname} was answered with ${response.status}`,
    response.status,
  );
};
