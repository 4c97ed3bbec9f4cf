import test from 'ava';
import { createBodyPlaces, type BodyPlace } from '#src/http/admission/bodies/body-places.ts';

const create = () => {
  let time = 0;
  const places = createBodyPlaces({ limit: 1_024, callerPercent: 50, minAmount: 1, now: () => time });
  const displaced: string[] = [];
  const open = (clientIp: string, key = `ip:${clientIp}`): BodyPlace | undefined => {
    const place = places.take({ key, clientIp }, () => void displaced.push(clientIp));
    return typeof place === 'string' ? undefined : place;
  };
  return { places, open, displaced, wait: (ms: number) => (time += ms) };
};

test('slow bodies of one IPv6 site that has many networks leave a place for a body of another one', (t) => {
  const { places, open, displaced } = create();
  for (let network = 0; network < 1_024; network += 1) open(`2001:db8:1:${network.toString(16)}::1`);
  t.is(places.total(), 1_024, 'they hold all places');
  for (let count = 1; count <= 20; count += 1) t.truthy(open('203.0.113.1'), `body ${count}`);
  t.is(displaced.length, 20);
  t.true(displaced.every((address) => address.startsWith('2001:db8:1:')));
  t.is(places.total(), 1_024);
});

test('slow bodies of 50 addresses leave a caller several places at once, again and again', (t) => {
  const { open, displaced, wait } = create();
  for (let body = 0; body < 48; body += 1) for (let address = 0; address < 50; address += 1) open(`10.0.${address}.1`);
  for (let round = 0; round < 50; round += 1) {
    const bodies = Array.from({ length: 6 }, () => open('203.0.113.1'));
    t.true(
      bodies.every((body) => body !== undefined),
      `round ${round}`,
    );
    wait(50);
    for (const body of bodies) body?.leave();
    wait(150);
    for (let address = 0; address < 50; address += 1) open(`10.0.${address}.1`);
  }
  t.false(displaced.includes('203.0.113.1'));
});

test('the network with most bodies takes no place of others, and a place ends once', (t) => {
  const { places, open, displaced } = create();
  const held = Array.from({ length: 600 }, () => open('10.0.0.1')).filter((place) => place !== undefined);
  t.is(held.length, 512, 'its share');
  t.deepEqual(displaced, []);
  held[0]!.leave();
  held[0]!.leave();
  t.is(places.total(), 511);
});
