import { readFileSync } from 'node:fs';

const source = 'clients/python/src/volwatch/_async_client.py';

const classDocumentation = `"""As \`Client\`, for asyncio. Close it, or use it in an \`async with\` statement.`;
const threads = 'It belongs to one event loop, and many calls can be in progress at once.';

/** Text of the asynchronous client, and the text of the synchronous one in its place. */
const replacements: readonly (readonly [asynchronous: string, synchronous: string])[] = [
  [
    '"""The asynchronous client."""\n',
    '"""The synchronous client.\n\nGenerated from _async_client.py by `npm run generate`: do not edit.\n"""\n',
  ],
  [classDocumentation, '"""A connection to a Volwatch service. Close it, or use it in a `with` statement.'],
  [threads, 'It can be used by several threads.'],
  ['AsyncBaseTransport', 'BaseTransport'],
  ['AsyncClient', 'Client'],
  ['run_async', 'run'],
  ['__aenter__', '__enter__'],
  ['__aexit__', '__exit__'],
  ['aclose', 'close'],
  ['async def ', 'def '],
  ['await ', ''],
];

/** The synchronous client of Python, whose methods differ from the asynchronous ones only in `async` and `await`. */
export const pythonClient = (): string => {
  let text = readFileSync(source, 'utf8');
  for (const [asynchronous, synchronous] of replacements) {
    if (!text.includes(asynchronous)) throw new Error(`${source} has no longer: ${asynchronous.trim()}`);
    text = text.replaceAll(asynchronous, synchronous);
  }
  return text;
};
