import type { MakeStep } from './step.ts';

const api = '/api/v1';
const few = { limit: '2' };
const get = (path: string, name: string, summary: string, more: object = {}): MakeStep => {
  const operation = `GET ${path.startsWith('/health') ? path : api + path}`;
  return () => ({ operation, name, summary, ...more });
};
const aapl = { path: { symbol: 'AAPL' } };
const tech5 = { path: { code: 'TECH5_EW' } };
const sp500 = {
  title: 'S&P 500',
  source: 'sample',
  interval: '1day',
  assets: [{ symbol: '^GSPC', name: 'S&P 500 index' }],
  indexes: [{ code: 'SP500', name: 'S&P 500', method: 'rebased', constituents: [{ symbol: '^GSPC' }] }],
};
const desk = { source: 'upload', interval: '1day', assets: [{ symbol: 'OWN1', name: 'Own series' }], indexes: [] };

export const marketSteps: readonly MakeStep[] = [
  get('/assets', 'page', 'The first assets', { query: few }),
  get('/assets/{symbol}', 'apple', 'One asset', aapl),
  get('/assets/{symbol}/prices', 'page', 'The oldest prices', { ...aapl, query: few }),
  get('/assets/{symbol}/prices', 'latest', 'The newest price', {
    ...aapl,
    query: { latest: '1' },
  }),
  get('/prices', 'page', 'Bars of two assets', {
    query: { symbols: 'AAPL,MSFT', limit: '2' },
  }),
  get('/indexes', 'page', 'The first indexes', { query: few }),
  get('/indexes/{code}', 'tech5', 'One index', tech5),
  get('/indexes/{code}/values', 'page', 'Values since 2010', { ...tech5, query: { from: '2010-01-01', limit: '2' } }),
  get('/indexes/{code}/explain', 'day', 'How the value of a day follows from prices, shares and divisor', {
    ...tech5,
    query: { date: '2009-01-01' },
  }),
  () => ({
    operation: `POST ${api}/refreshes`,
    name: 'waited',
    summary: 'Refresh a universe and wait for the end',
    caller: 'client',
    headers: { Prefer: 'wait=20', 'Idempotency-Key': 'refresh-of-2026-11-26' },
    body: { universe: 'tech5' },
    keep: ({ id }) => ({ refresh: String(id) }),
  }),
  get('/refreshes', 'page', 'The newest refresh', { caller: 'client', query: { limit: '1' } }),
  ({ refresh = '' }) => ({
    operation: `GET ${api}/refreshes/{id}`,
    name: 'one',
    summary: 'One refresh',
    caller: 'client',
    path: { id: refresh },
  }),
  ({ refresh = '' }) => ({
    operation: `GET ${api}/refreshes/{id}/quarantined-prices`,
    name: 'none',
    summary: 'A refresh that held nothing back',
    caller: 'client',
    path: { id: refresh },
  }),
  get('/universes', 'page', 'The first universes', { query: few }),
  get('/universes/{name}', 'tech5', 'One universe', { path: { name: 'tech5' } }),
  get('/universes/{name}/status', 'tech5', 'How complete a universe is', { path: { name: 'tech5' } }),
  () => ({
    operation: `PUT ${api}/universes/{name}`,
    name: 'replace',
    summary: 'Replace a universe, whatever its version is',
    caller: 'client',
    path: { name: 'sp500' },
    headers: { 'If-Match': '*' },
    body: sp500,
  }),
  () => ({
    operation: `DELETE ${api}/universes/{name}`,
    name: 'delete',
    summary: 'Delete a universe if it has the version 2',
    caller: 'client',
    path: { name: 'sp500' },
    headers: { 'If-Match': '"2"' },
    status: 204,
    // The change above starts a refresh, during which the universe cannot be deleted.
    eventually: true,
  }),
  () => ({
    operation: `PUT ${api}/universes/{name}`,
    name: 'uploaded',
    summary: 'Create a universe whose prices are uploaded',
    caller: 'client',
    path: { name: 'desk' },
    headers: { 'If-None-Match': '*' },
    body: desk,
    status: 201,
  }),
  () => ({
    operation: `POST ${api}/universes/{name}/prices`,
    name: 'csv',
    summary: 'Upload prices and wait for the end',
    caller: 'client',
    path: { name: 'desk' },
    query: { mode: 'merge', on_error: 'skip' },
    headers: { Prefer: 'wait=20' },
    file: { type: 'text/csv', content: 'symbol,date,close\nOWN1,2024-01-02,100\nOWN1,2024-01-03,101\n' },
    // The creation starts a refresh, during which a file can be refused.
    eventually: true,
  }),
  () => ({ operation: 'GET /', name: 'program', summary: 'For a program' }),
  get('/health', 'degraded', 'Without Redis'),
  get('/health/live', 'alive', 'The process answers'),
  get('/health/serving', 'serving', 'A proxy may send requests'),
  get('/health/ready', 'ready', 'The instance can serve'),
];
