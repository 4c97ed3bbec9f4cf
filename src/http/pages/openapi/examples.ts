import type { Json } from './json.ts';

/** A request that was sent to the service, and its answer. Values that differ at each run are replaced. */
type OperationExample = {
  readonly summary: string;
  readonly request: {
    readonly path?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, string>>;
    readonly headers?: Readonly<Record<string, string>>;
    readonly mediaType?: string;
    readonly body?: unknown;
  };
  readonly answer: { readonly status: number; readonly mediaType?: string; readonly body?: unknown };
};
/** By a name in snake case. */
export type OperationExamples = Readonly<Record<string, OperationExample>>;

type Content = Record<string, Json>;
type Parameter = Json & { readonly name: string; readonly in: 'path' | 'query' | 'header' };
type Operation = Json & {
  readonly parameters: readonly Json[];
  readonly requestBody?: Json & { readonly content: Content };
  readonly responses: Readonly<Record<string, Json>>;
};

const addExample = (content: Content, mediaType: string | undefined, name: string, example: Json): void => {
  const described = mediaType === undefined ? undefined : content[mediaType];
  if (described) described['examples'] = { ...(described['examples'] as Json | undefined), [name]: example };
};

const parameterWith = (parameter: Parameter, examples: OperationExamples): Json => {
  const values = Object.entries(examples).flatMap(([name, { summary, request }]) => {
    const given = { path: request.path, query: request.query, header: request.headers }[parameter.in];
    const text = given?.[parameter.name];
    const { type } = parameter['schema'] as { readonly type?: string };
    const value = type === 'integer' && text !== undefined ? Number(text) : text;
    return value === undefined ? [] : [[name, { summary, value }] as const];
  });
  return values.length === 0 ? parameter : { ...parameter, examples: Object.fromEntries(values) };
};

/** Adds examples to the parameters, the body and the answers of an operation. Error responses are shared, without them. */
export const withExamples = (operation: Operation, examples: OperationExamples): Json => {
  const { parameters, requestBody, responses } = structuredClone(operation);
  for (const [name, { summary, request, answer }] of Object.entries(examples)) {
    if (requestBody && request.body !== undefined) {
      addExample(requestBody.content, request.mediaType, name, { summary, value: request.body });
    }
    const { content } = (responses[String(answer.status)] ?? {}) as { readonly content?: Content };
    if (content && answer.body !== undefined) {
      addExample(content, answer.mediaType, name, { summary, value: answer.body });
    }
  }
  return {
    ...operation,
    parameters: parameters.map((each) => parameterWith(each as Parameter, examples)),
    ...(requestBody && { requestBody }),
    responses,
  };
};
