const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
/** A secret of an authenticator, and its codes. */
const base32 = /^[A-Z2-7]{32}$/;
const totpCode = /^\d{6}$/;
/** A token of a message. */
const messageToken = /^vwm_[\w-]{43}$/;
const hexadecimal = /^[0-9a-f]{32,64}$/;

/** Values that differ at each run, or that must not be shown, by the name of their member. */
const fixed: Readonly<Record<string, unknown>> = {
  access_token: 'eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJkZXNrIn0.c2lnbmF0dXJl',
  refresh_token: 'rt_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAA',
  token: 'rt_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAA',
  client_secret: 'the-secret-of-the-client',
  csrf_token: '3q2-7wAAAAAAAAAA',
  secret: 'whsec_3q2+7wAAAAAAAAAAAAAAAAAAAAAAAAAA',
  second_factor_token: 'vwf_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  recovery_codes: ['7k3m-9qwe-2rty-8pas'],
  uri: 'otpauth://totp/Volwatch:ada%40example.org?issuer=Volwatch&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
  key: 'vw_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAA',
  prefix: 'vw_3q2-7w',
  next_cursor: 'eyJsaXN0IjoiYXNzZXRzIn0.c2lnbmF0dXJl',
  computation_time_ms: 0.042,
  latency_ms: 1.2,
  uptime_s: 12.5,
  removal_on: '2026-12-10',
  state: 'c3RhdGU',
  code: '4/0AX4XfWh',
  kid: 'key-1',
  n: '3q2-7w',
};

const changesOnlyAsText: ReadonlySet<string> = new Set(['next_cursor', 'state', 'code', 'latency_ms', 'key']);

const isChanging = (name: string, value: unknown, place: readonly string[]): boolean => {
  if (!(name in fixed)) return false;
  // An error code, the code of an index, and the state of a delivery say something.
  if (name === 'code' || name === 'state') return place.includes('query');
  if (name === 'secret' && base32.test(String(value))) return false;
  if (name === 'token' && messageToken.test(String(value))) return false;
  return changesOnlyAsText.has(name) ? value !== null : true;
};

/** The value with everything replaced that another run would not repeat. */
export const withoutChanging = (value: unknown, place: readonly string[] = []): unknown => {
  if (Array.isArray(value)) return value.map((item) => withoutChanging(item, place));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        name,
        isChanging(name, member, place) ? fixed[name] : withoutChanging(member, [...place, name]),
      ]),
    );
  }
  if (typeof value !== 'string') return value;
  if (base32.test(value)) return 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
  if (totpCode.test(value)) return '123456';
  if (messageToken.test(value)) return 'vwm_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  if (uuid.test(value)) return '01a216ea-024d-7cb7-ab80-cc268b0c16f3';
  if (instant.test(value)) return '2026-11-26T09:00:00.000Z';
  if (hexadecimal.test(value)) return '03f8d82ab511ce706f61f3b303bc5fb3'.repeat(value.length > 32 ? 2 : 1);
  return value.replace(/^http:\/\/127\.0\.0\.1:\d+/, 'http://127.0.0.1:3000');
};
