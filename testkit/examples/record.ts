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

const requestOf = (service: Service, step: Step, values: Values): [url: string, init: RequestInit] => {
  const { operation, path = {}, query = {}, headers = {}, body, form, bytes, caller = 'nobody' } = step;
  const [method = '', template = ''] = operation.split(' ');
  const filled = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ''));
  const search = new URLSearchParams(query).toString();
  const authorization = caller === 'nobody' ? {} : { Authorization: `Bearer ${values[caller]}` };
  const type = bytes?.type ?? (body === undefined ? undefined : 'application/json');
  const content =
    bytes?.content ?? (form ? new URLSearchParams(form) : body === undefined ? null : JSON.stringify(body));
  return [
    `${service.url}${filled}${search === '' ? '' : `?${search}`}`,
    {
      method,
      headers: { ...headers, ...authorization, ...(type !== undefined && { 'Content-Type': type }) },
      body: content,
      redirect: 'manual',
    },
  ];
};

const isText = (type: string): boolean => /json/.test(type);

/** Sends the steps one after the other. @throws Error if an answer has another status than its step expects */
export const recordExamples = async (service: Service, steps: readonly MakeStep[]): Promise<Recording> => {
  const values: Values = {};
  const recording: Recording = {};
  for (const make of steps) {
    const step = make(values);
    const { operation, name, summary, path, query, headers, body, form, status = 200 } = step;
    const [url, init] = requestOf(service, step, values);
    const send = () => fetch(url, init);
    let response = await send();
    if (step.eventually && response.status !== status) {
      await eventually(async () => (response = await send()).status === status, `${operation} is answered ${status}`);
    }
    const text = await response.text();
    if (response.status !== status) throw new Error(`${operation} (${name}): ${response.status} ${text.slice(0, 500)}`);
    const mediaType = response.headers.get('content-type')?.split(';')[0];
    const answer = text !== '' && isText(mediaType ?? '') ? (JSON.parse(text) as Record<string, unknown>) : undefined;
    Object.assign(values, step.keep?.(answer ?? {}, response.headers));
    const shownBody = body ?? form;
    (recording[operation] ??= {})[name] = {
      summary,
      request: withoutChanging({
        ...(path && { path }),
        ...(query && { query }),
        ...(headers && { headers }),
        ...(shownBody !== undefined && {
          mediaType: form ? 'application/x-www-form-urlencoded' : 'application/json',
          body: shownBody,
        }),
      }) as Record<string, unknown>,
      answer: {
        status,
        ...(answer !== undefined &&
          mediaType !== undefined &&
          !step.isAnswerHidden && { mediaType, body: withoutChanging(answer) }),
      },
    };
  }
  return recording;
};
