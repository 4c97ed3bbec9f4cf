import { eventually } from '../eventually.ts';
import type { Service } from '../service.ts';
import { withoutChanging } from './unchanging.ts';
import type { MakeStep, Step, Values } from './step.ts';

type Recorded = {
  readonly summary: string;
  readonly request: Record<string, unknown>;
  readonly answer: { readonly status: number; readonly mediaType?: string; readonly body?: unknown };
};
/** Recorded requests and answers by `METHOD /path` and name. */
export type Recording = Record<string, Record<string, Recorded>>;

const contentOf = ({
  body,
  form,
  file,
  bytes,
}: Step): { readonly type?: string; readonly content: RequestInit['body'] } => {
  const sent = file ?? bytes;
  if (sent) return { type: sent.type, content: sent.content };
  if (form) return { content: new URLSearchParams(form) };
  return body === undefined ? { content: null } : { type: 'application/json', content: JSON.stringify(body) };
};

const requestOf = (service: Service, step: Step, values: Values): [url: string, init: RequestInit] => {
  const { operation, path = {}, query = {}, headers = {}, caller = 'nobody' } = step;
  const [method = '', template = ''] = operation.split(' ');
  const filled = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ''));
  const search = new URLSearchParams(query).toString();
  const authorization = caller === 'nobody' ? {} : { Authorization: `Bearer ${values[caller]}` };
  const { type, content } = contentOf(step);
  return [
    `${service.url}${filled}${search === '' ? '' : `?${search}`}`,
    {
      method,
      headers: { ...headers, ...authorization, ...(type !== undefined && { 'Content-Type': type }) },
      body: content ?? null,
      redirect: 'manual',
    },
  ];
};

/** What the documentation shows of a request. Bytes are not shown. */
const shownRequest = ({ path, query, headers, body, form, file }: Step): Record<string, unknown> => {
  const shownBody = body ?? form ?? file?.content;
  const mediaType = form ? 'application/x-www-form-urlencoded' : (file?.type ?? 'application/json');
  return withoutChanging({
    ...(path && { path }),
    ...(query && { query }),
    ...(headers && { headers }),
    ...(shownBody !== undefined && { mediaType, body: shownBody }),
  }) as Record<string, unknown>;
};

/** The answer of a step, repeated until it has the expected status if the step says so. */
const answerOf = async (service: Service, step: Step, values: Values): Promise<Response> => {
  const { operation, status = 200 } = step;
  const [url, init] = requestOf(service, step, values);
  let response = await fetch(url, init);
  if (step.eventually && response.status !== status) {
    await eventually(
      async () => (response = await fetch(url, init)).status === status,
      `${operation} is answered ${status}`,
    );
  }
  return response;
};

/** The answer as JSON; undefined if it is none. */
const jsonOf = (text: string, mediaType: string): Record<string, unknown> | undefined =>
  text !== '' && /json/.test(mediaType) ? (JSON.parse(text) as Record<string, unknown>) : undefined;

/** What a test does after the answer of a step, before the next step is sent. */
export type AfterStep = (operation: string, answer: Response, service: Service) => Promise<void>;

/** Sends the steps one after the other. @throws Error if an answer has another status than its step expects */
export const recordExamples = async (
  service: Service,
  steps: readonly MakeStep[],
  afterStep?: AfterStep,
): Promise<Recording> => {
  const values: Values = {};
  const recording: Recording = {};
  for (const make of steps) {
    const step = await make(values);
    const { operation, name, summary, status = 200 } = step;
    const response = await answerOf(service, step, values);
    const text = await response.text();
    if (response.status !== status) throw new Error(`${operation} (${name}): ${response.status} ${text.slice(0, 500)}`);
    await afterStep?.(operation, response, service);
    const mediaType = response.headers.get('content-type')?.split(';')[0] ?? '';
    const body = jsonOf(text, mediaType);
    Object.assign(values, step.keep?.(body ?? {}, response.headers));
    const shown = body === undefined || step.isAnswerHidden ? undefined : (step.shownPart?.(body) ?? body);
    (recording[operation] ??= {})[name] = {
      summary,
      request: shownRequest(step),
      answer: { status, ...(shown && { mediaType, body: withoutChanging(shown) }) },
    };
  }
  return recording;
};
