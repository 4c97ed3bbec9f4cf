export type CallFrame = { readonly functionName: string; readonly url: string; readonly lineNumber: number };

const special: Readonly<Record<string, string>> = {
  '(idle)': 'idle',
  '(garbage collector)': 'garbage collector',
  '(program)': 'Node outside JavaScript (system calls, HTTP parser)',
  '(root)': 'idle',
};

/** The first match decides. */
const parts: readonly (readonly [RegExp, string])[] = [
  [/^node:(?:internal\/async_local_storage|internal\/async_context|async_hooks)/, 'context'],
  [/^node:internal\/(?:crypto|process\/task_queues|timers)|^node:timers/, 'Node: ids, ticks, timers'],
  [/^node:(?:events|internal\/streams|stream)/, 'Node: streams and events'],
  [/^node:/, 'Node: HTTP and sockets'],
  [/node_modules\/@opentelemetry\/context/, 'context'],
  [/node_modules\/@opentelemetry\//, 'span'],
  [/node_modules\/prom-client|src\/telemetry\/metrics|src\/kernel\/catalogue\/metrics/, 'metrics'],
  [/node_modules\/(?:pino|sonic-boom|safe-stable|quick-format|fast-redact)|src\/telemetry\/logs/, 'log'],
  [/src\/http\/middleware\/request-log|src\/http\/middleware\/logged-path/, 'log'],
  [/node_modules\/(?:koa-body|co-body|raw-body|bytes|iconv|inflation|type-is)\b/, 'body: koa-body'],
  [/src\/http\/(?:admission\/(?:receive|blocks|body-source|unread|decomp)|server\/counted)/, 'body: own limits'],
  [/src\/http\/routing\/input\/(?:body|koa)|src\/kernel\/requests\/json-shape|json-names/, 'body: parsing'],
  [/node_modules\/zod|src\/http\/routing\/(?:input|response-check)/, 'validation'],
  [/node_modules\/helmet|src\/http\/middleware\/(?:security|cors|compression)/, 'headers'],
  [/src\/(?:http\/(?:admission|answers)|rate-limit|redis)|node_modules\/(?:ioredis|redis)/, 'limits'],
  [/src\/http\/routing\/reply|src\/kernel\/finite/, 'serialisation'],
  [
    /node_modules\/(?:koa|koa-compose|@koa|koa-router|delegates|on-finished|statuses|cookies|ee-first)\b/,
    'routing: Koa',
  ],
  [
    /src\/http\/middleware\/request-scope|src\/http\/middleware\/request-identity|src\/kernel\/(?:requests|ids)/,
    'context',
  ],
  [/src\/http\//, 'routing: steps'],
  [/src\/pricing\/(?:batch|arrow|workers)|src\/kernel\/arrow/, 'pricing: batch'],
  [/src\/pricing/, 'pricing'],
  [/src\/auth|src\/accounts/, 'accounts'],
  [/src\/|node_modules/, 'other'],
];

/** The part of the service that a function belongs to; undefined for a function without a file. */
export const partOf = ({ functionName, url }: CallFrame): string | undefined => {
  if (url === '') return special[functionName];
  return parts.find(([pattern]) => pattern.test(url))?.[1];
};
