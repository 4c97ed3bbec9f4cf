import { call } from '#testkit/running-service.ts';
import { rsaKeyPair } from '#testkit/rsa-keys.ts';
import { craft } from '#test/auth/setup.ts';
import { stageTest } from '../stage-test.ts';
import { beginConsent, comeBack, freshPerson, password } from '../support.ts';

const test = stageTest();

/** A token of the earlier system, signed by the key of the service. */
const legacyToken = (email: string, jti: string) => {
  const iat = Math.floor(Date.now() / 1_000) - 5;
  const claims = { iss: 'https://volwatch.local', aud: 'volwatch-api', role: 'user', sub: email, id: 'a text' };
  const { privateKey } = rsaKeyPair('service');
  return { Authorization: `Bearer ${craft({ alg: 'RS256' }, { ...claims, iat, exp: iat + 600, jti }, privateKey)}` };
};

test('a consent that a token of the earlier system began ends with it, and stays if this token ends the others', async (t) => {
  const { service, google, stored } = t.context;
  const begun = async (jti: string) => {
    const ada = await freshPerson(t.context);
    await stored.query(`update user_account set created_at = created_at - interval '1 hour'`);
    const authorization = legacyToken(ada.email, jti);
    return { ada, authorization, consent: await beginConsent(service, { authorization }) };
  };
  const finish = ({ location, cookie }: Awaited<ReturnType<typeof beginConsent>>) =>
    comeBack(google.consent(location), { Cookie: cookie });
  const changePassword = (headers: Readonly<Record<string, string>>) => {
    const body = JSON.stringify({ current_password: password, new_password: 'another long sentence' });
    const url = `${service.url}/api/v1/account/password`;
    return call(url, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body });
  };

  const ofThief = await begun('thief');
  t.is((await changePassword(ofThief.ada.authorization)).status, 204);
  const refused = await finish(ofThief.consent);
  t.deepEqual([refused.status, refused.body['code']], [401, 'token_revoked']);
  t.deepEqual(await stored.query('select 1 from calendar_connection'), []);

  const own = await begun('own');
  t.is((await changePassword(own.authorization)).status, 204);
  t.is((await finish(own.consent)).status, 200);
});
