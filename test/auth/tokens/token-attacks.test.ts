import { createHmac, sign } from 'node:crypto';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { tokenErrorNames, type TokenErrorCode } from '#src/auth/tokens/token-refusal.ts';
import {
  clientClaims,
  craft,
  edPair,
  encode,
  enhancedClaims,
  goodHeader,
  keys,
  kids,
  legacyClaims,
  now,
  pemOf,
  ringOf,
  setup,
} from '../setup.ts';

const good = craft(goodHeader, clientClaims);
const [head = '', body = '', signature = ''] = good.split('.');
const header = (changes: object) => craft({ ...goodHeader, ...changes }, clientClaims);
const claims = (changes: object) => craft(goodHeader, { ...clientClaims, ...changes });
const user = (changes: object) => craft(goodHeader, { ...enhancedClaims, ...changes });
const legacy = (changes: object, headerChanges: object = {}) =>
  craft({ ...goodHeader, typ: 'JWT', ...headerChanges }, { ...legacyClaims, ...changes });
const without = (claim: string, from: object = clientClaims) =>
  craft(goodHeader, Object.fromEntries(Object.entries(from).filter(([name]) => name !== claim)));
const raw = (extra: string) => craft(goodHeader, `${JSON.stringify(clientClaims).slice(0, -1)},${extra}}`);
const rawClaim = (name: string, text: string) =>
  craft(goodHeader, JSON.stringify({ ...clientClaims, [name]: '@' }).replace('"@"', text));
const hmac = (secret: string | Buffer) => {
  const input = `${encode({ ...goodHeader, alg: 'HS256' })}.${body}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
};
const strangerJwk = keys.stranger.publicKey.export({ format: 'jwk' });
const byStranger = (changes: object) => craft({ ...goodHeader, ...changes }, clientClaims, keys.stranger.privateKey);
const none = (alg: string) => `${encode({ alg, kid: kids.signing, typ: 'at+jwt' })}.${body}.`;
const flipped = (text: string, at: number) =>
  `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
/** The same bytes with one of the unused last bits set. */
const nonCanonical = (text: string) =>
  text.slice(0, -1) + String.fromCodePoint((text.codePointAt(text.length - 1) ?? 0) + 1);

// The other code depends on the database: see legacy-tokens.test.ts.
const attacks: Record<Exclude<TokenErrorCode, 'token_user_unknown'>, Record<string, string>> = {
  token_malformed: {
    'an empty token': '',
    'one part': 'abc',
    'two parts': `${head}.${body}`,
    'four parts': `${good}.x`,
    'five parts, as a JWE': `${good}.x.y`,
    'blanks inside': `${head} .${body}.${signature}`,
    'two tokens, comma-separated': `${good}, ${good}`,
    'an empty header': `.${body}.${signature}`,
    'an empty payload': `${head}..${signature}`,
    'a header that is no JSON': `${encode('{')}.${body}.${signature}`,
    'a header that is an array': `${encode('[]')}.${body}.${signature}`,
    'a header that is null': `${encode('null')}.${body}.${signature}`,
    'a header that is not UTF-8': `${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${body}.${signature}`,
    'a header with a byte order mark': `${encode(`\ufeff${JSON.stringify(goodHeader)}`)}.${body}.${signature}`,
    'padding on the header': `${head}=.${body}.${signature}`,
    'padding on the signature': `${good}==`,
    'plain base64 alphabet': craft(goodHeader, { ...clientClaims, x: '???>>>' })
      .replaceAll('_', '/')
      .replaceAll('-', '+'),
    'unused bits set in the signature': nonCanonical(good),
    'an impossible base64 length': `${head}.${body}.${signature.slice(0, -1)}`,
    'a line end inside': `${head}.${body}.\n${signature}`,
    'a duplicate header member': craft(
      `{"alg":"RS256","kid":"${kids.signing}","typ":"at+jwt","alg":"RS256"}`,
      clientClaims,
    ),
    'an escaped duplicate header member': craft(`{"alg":"none","\\u0061lg":"RS256","typ":"at+jwt"}`, clientClaims),
    'no alg': craft({ kid: kids.signing, typ: 'at+jwt' }, clientClaims),
    'a numeric alg': header({ alg: 256 }),
    'an array of algs': header({ alg: ['RS256'] }),
    'a numeric kid': header({ kid: 1 }),
    'a kid that is null': header({ kid: null }),
    'a numeric typ': header({ typ: 1 }),
    'an unknown crit': header({ crit: ['x'], x: 1 }),
    'an empty crit': header({ crit: [] }),
    'a crit of a registered member': header({ crit: ['alg'] }),
    'b64 false': header({ b64: false, crit: ['b64'] }),
    'b64 false without crit': header({ b64: false }),
    'an oversize token': claims({ x: 'x'.repeat(9000) }),
    'an oversize header': header({ x: 'x'.repeat(2000) }),
    'a deeply nested header': `${encode(`{"alg":${'['.repeat(700)}${']'.repeat(700)}}`)}.${body}.${signature}`,
    'a payload that is no JSON': craft(goodHeader, 'hello'),
    'a payload that is an array': craft(goodHeader, '[]'),
    'a payload that is a string': craft(goodHeader, '"sub"'),
    'a payload with a trailing comma': craft(goodHeader, '{"sub":"desk",}'),
    'a duplicate claim': raw('"sub":"root"'),
    'a duplicate claim with an escaped name': raw('"\\u0073ub":"root"'),
    'a duplicate inside a claim': raw('"x":{"a":1,"a":2}'),
    'a duplicate __proto__': raw('"__proto__":{"a":1},"__proto__":{"a":2}'),
    'exp as a string': claims({ exp: String(now + 600) }),
    'exp beyond any number': rawClaim('exp', '1e999'),
    'exp beyond any date': rawClaim('exp', '1e18'),
    'exp as null': claims({ exp: null }),
    'exp as a boolean': claims({ exp: true }),
    'exp as a list': claims({ exp: [now + 600] }),
    'exp with a leading zero': rawClaim('exp', '01800000600'),
    'exp in hexadecimal': rawClaim('exp', '0x7FFFFFFF'),
    'exp NaN': rawClaim('exp', 'NaN'),
    'iat as a string': claims({ iat: '1' }),
    'nbf as an object': claims({ nbf: {} }),
    'sub as a number': claims({ sub: 7 }),
    'sub empty': claims({ sub: '' }),
    'sub with a line end': claims({ sub: 'desk\r\nSet-Cookie: a=b' }),
    'sub with a NUL': claims({ sub: 'desk\u0000' }),
    'sub of enormous length': claims({ sub: 'x'.repeat(1025) }),
    'sub of few characters with more than 1,024 bytes': claims({ sub: '\u540d'.repeat(342) }),
    'jti of few characters with more than 1,024 bytes': claims({ jti: '\u540d'.repeat(342) }),
    'iss as a list': claims({ iss: ['https://volwatch.test'] }),
    'aud as a number': claims({ aud: 1 }),
    'aud as a mixed list': claims({ aud: [clientClaims.aud, 1] }),
    'aud as an object': claims({ aud: { 0: clientClaims.aud } }),
    'jti as a number': claims({ jti: 1 }),
    'scope as a list': claims({ scope: ['market:refresh'] }),
    'scope as null': claims({ scope: null }),
    'email as an object': user({ email: {} }),
    'role as a number': user({ role: 1 }),
    'a legacy id with a fraction': legacy({ id: 7.5 }),
    'a legacy id below zero': legacy({ id: -7 }),
    'a legacy id that is no safe integer': legacy({ id: 2 ** 53 }),
    'a legacy id as a boolean': legacy({ id: true }),
    'a legacy token with two ids': legacy({ sub: '8', id: 7 }),
    'an access token with an id as a number': user({ id: 7 }),
    'an access token with a number as its sub': user({ sub: 7 }),
  },
  token_algorithm_not_allowed: {
    'alg none': none('none'),
    'alg None': none('None'),
    'alg NONE': none('NONE'),
    'alg nOnE': none('nOnE'),
    'alg none with a signature': `${none('none')}${signature}`,
    'alg empty': none(''),
    'alg with a blank': header({ alg: 'RS256 ' }),
    'alg in lower case': header({ alg: 'rs256' }),
    'HS256 with the public PEM as secret': hmac(pemOf(keys.signing.publicKey)),
    'HS256 with the public DER as secret': hmac(keys.signing.publicKey.export({ type: 'spki', format: 'der' })),
    'HS256 with an empty secret': hmac(''),
    PS256: header({ alg: 'PS256' }),
    RS512: header({ alg: 'RS512' }),
    ES256: header({ alg: 'ES256' }),
    'RSA1_5, of JWE': header({ alg: 'RSA1_5' }),
    'EdDSA with the kid of an RSA key': header({ alg: 'EdDSA' }),
    'RS256 with the kid of an Ed25519 key': header({ kid: kids.further }),
    'an inherited name': header({ alg: 'toString' }),
  },
  token_key_unknown: {
    'an unknown kid': header({ kid: 'other' }),
    'an empty kid': header({ kid: '' }),
    'a kid that is a path': header({ kid: '../../../dev/null' }),
    'a kid that is SQL': header({ kid: "' OR 1=1 --" }),
    'a kid that is a command': header({ kid: '| /bin/id' }),
    'a kid that is __proto__': header({ kid: '__proto__' }),
    'an embedded jwk with its own kid': byStranger({ jwk: strangerJwk, kid: 'stranger' }),
    'a jku with its own kid': byStranger({ jku: 'http://127.0.0.1:1/jwks.json', kid: 'stranger' }),
  },
  token_signature_invalid: {
    'a stranger with our kid': byStranger({}),
    'a stranger without a kid': byStranger({ kid: undefined }),
    'an embedded jwk with our kid': byStranger({ jwk: strangerJwk }),
    'an x5u with our kid': byStranger({ x5u: 'http://127.0.0.1:1/cert.pem' }),
    'an x5c with our kid': byStranger({ x5c: ['MIIB'] }),
    'no signature': `${head}.${body}.`,
    'a signature cut short': `${head}.${body}.${signature.slice(0, -2)}`,
    'a flipped bit in the signature': `${head}.${body}.${flipped(signature, 10)}`,
    'another payload': `${head}.${encode({ ...clientClaims, scope: 'users:admin' })}.${signature}`,
    'another header': `${encode({ ...goodHeader, x: 1 })}.${body}.${signature}`,
    'a signature of zeros': `${head}.${body}.${Buffer.alloc(256).toString('base64url')}`,
    'SHA-512 under RS256': `${head}.${body}.${sign('sha512', Buffer.from(`${head}.${body}`), keys.signing.privateKey).toString('base64url')}`,
    'an expired token of a stranger': craft(goodHeader, { ...clientClaims, exp: 1 }, keys.stranger.privateKey),
    'EdDSA by another Ed25519 key': craft(
      { ...goodHeader, alg: 'EdDSA', kid: kids.further },
      clientClaims,
      edPair().privateKey,
    ),
  },
  token_type_invalid: {
    'an ID token': header({ typ: 'JWT' }),
    'no typ': header({ typ: undefined }),
    'an empty typ': header({ typ: '' }),
    'a refresh token': header({ typ: 'refresh+jwt' }),
    'a logout token': header({ typ: 'logout+jwt' }),
    'a DPoP proof': header({ typ: 'dpop+jwt' }),
    'a user token without at+jwt': craft({ ...goodHeader, typ: 'JWT' }, enhancedClaims),
    'a legacy token of another typ': legacy({}, { typ: 'refresh+jwt' }),
  },
  token_claim_missing: {
    ...Object.fromEntries(
      Object.keys(clientClaims).map((claim) => [`a client token without ${claim}`, without(claim)]),
    ),
    'an enhanced token without email': without('email', enhancedClaims),
    'an enhanced token without role': without('role', enhancedClaims),
    'a legacy token without id': legacy({ id: undefined }),
    'a legacy token without role': legacy({ role: undefined }),
    'a legacy token without exp': legacy({ exp: undefined }),
    'an empty object': craft(goodHeader, {}),
  },
  token_issuer_mismatch: {
    'another issuer': claims({ iss: 'https://evil.test' }),
    'the issuer with a slash': claims({ iss: `${clientClaims.iss}/` }),
    'the issuer in capitals': claims({ iss: clientClaims.iss.toUpperCase() }),
    'a legacy token of another issuer': legacy({ iss: 'https://evil.test' }),
  },
  token_audience_mismatch: {
    'another audience': claims({ aud: 'somebody' }),
    'a list without us': claims({ aud: ['a', 'b'] }),
    'an empty list': claims({ aud: [] }),
    'an audience that begins with ours': claims({ aud: `${clientClaims.aud}-2` }),
    'all audiences in one string': claims({ aud: `${clientClaims.aud} other` }),
  },
  token_not_yet_valid: {
    'nbf to come': claims({ nbf: now + 6 }),
    'iat to come': claims({ iat: now + 60 }),
    'a legacy token with iat to come': legacy({ iat: now + 60 }),
  },
  token_expired: {
    'exp past': claims({ exp: now - 60 }),
    'exp past by exactly the tolerance': claims({ exp: now - 5 }),
    'exp zero': claims({ exp: 0 }),
    'exp negative': claims({ exp: -1 }),
    'exp past by a fraction': claims({ exp: now - 5.5 }),
    'a legacy token past its end': legacy({ exp: now - 60 }),
  },
  token_revoked: { 'a withdrawn token': claims({ jti: 'withdrawn' }) },
};

for (const [code, table] of Object.entries(attacks) as [TokenErrorCode, Record<string, string>][]) {
  for (const [what, token] of Object.entries(table)) {
    test(`${code}: ${what}`, async (t) => {
      const { show, metrics } = setup({ isRevoked: async ({ tokenId }) => tokenId === 'withdrawn' });
      const error = await t.throwsAsync(show(`Bearer ${token}`), { instanceOf: AppError });
      const detail = `Invalid or expired token: ${tokenErrorNames[code]}`;
      t.is(error?.code, code);
      t.is(error?.message, detail);
      t.is(error?.definition.status, 401);
      t.deepEqual(error?.headers, {
        'WWW-Authenticate': `Bearer error="invalid_token", error_description="${detail}"`,
      });
      t.is(metrics.value('volwatch_auth_failures_total', { reason: code }), 1);
      t.is(metrics.value('volwatch_auth_duration_seconds', { operation: 'verify_token', outcome: 'refused' }), 1);
      t.is(metrics.value('volwatch_auth_tokens_total'), 0);
    });
  }
}

test('without an Ed25519 key in the ring EdDSA is not allowed at all', async (t) => {
  const { show } = setup({ keyRing: await ringOf({ privateKeyPem: pemOf(keys.signing.privateKey) }) });
  const token = craft({ ...goodHeader, alg: 'EdDSA', kid: kids.further }, clientClaims, keys.further.privateKey);
  const error = await t.throwsAsync(show(`Bearer ${token}`), { instanceOf: AppError });
  t.is(error?.code, 'token_algorithm_not_allowed');
});
