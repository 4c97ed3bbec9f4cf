import test from 'ava';
import { isTimeZone, isTimeZoneOrOffset, oneSpelling, utcOf } from '#src/kernel/time/time-zones.ts';

const iso = (local: string, zone: string): string => new Date(utcOf(local, zone)).toISOString();

test('names of the IANA database in any letters are time zones, and offsets only where they may be', (t) => {
  for (const zone of ['UTC', 'Europe/London', 'america/argentina/BUENOS_aires', 'Etc/GMT+5', 'EST5EDT']) {
    t.true(isTimeZone(zone), zone);
    t.true(isTimeZoneOrOffset(zone), zone);
  }
  for (const zone of ['+01:00', '-0530', '+23']) {
    t.false(isTimeZone(zone), zone);
    t.true(isTimeZoneOrOffset(zone), zone);
  }
  // The small letter of the Kelvin sign is a k, so a lookup by small letters alone would find a known zone.
  t.true(isTimeZone('Asia/Kolkata'));
  for (const zone of [
    '',
    '+24:00',
    '+1',
    'Mars/Olympus',
    'Europe/London\n',
    "x'y",
    'Asia/\u212Aolkata',
    'constructor',
  ]) {
    t.false(isTimeZone(zone), zone);
    t.false(isTimeZoneOrOffset(zone), zone);
  }
});

test('a local time is the UTC instant of its zone, also beside a change of the clock', (t) => {
  t.is(iso('2026-03-29T00:30:00', 'Europe/Berlin'), '2026-03-28T23:30:00.000Z');
  t.is(iso('2026-03-29T10:00:00', 'EUROPE/berlin'), '2026-03-29T08:00:00.000Z');
  t.is(iso('2026-07-01T12:00:00', 'America/New_York'), '2026-07-01T16:00:00.000Z');
  t.is(iso('2026-07-01T12:00:00', '+05:30'), '2026-07-01T06:30:00.000Z');
  t.is(iso('2026-07-01T12:00:00', '-02'), '2026-07-01T14:00:00.000Z');
  t.throws(() => utcOf('2026-07-01T12:00:00', 'Mars/Olympus'), { instanceOf: RangeError });
});

// The garbage collector does not count the memory of formats, so many of them could exhaust that of the process.
test.serial('a zone has one format, however its name is written, and an offset has none', (t) => {
  const { DateTimeFormat } = Intl;
  let made = 0;
  Intl.DateTimeFormat = new Proxy(DateTimeFormat, {
    construct: (target, values) => {
      made += 1;
      return new target(...(values as [string, Intl.DateTimeFormatOptions]));
    },
  });
  t.teardown(() => {
    Intl.DateTimeFormat = DateTimeFormat;
  });
  const name = 'Antarctica/Troll';
  for (let spelling = 0; spelling < 1_000; spelling += 1) {
    const written = name.replaceAll(/./g, (letter, at: number) =>
      (spelling >> at) & 1 ? letter.toUpperCase() : letter,
    );
    t.true(isTimeZone(written));
    utcOf('2026-07-01T12:00:00', written);
    t.true(isTimeZoneOrOffset(`+${String(spelling % 24).padStart(2, '0')}:${String(spelling % 60).padStart(2, '0')}`));
  }
  t.is(made, 1);
});

test('libraries get one spelling of a zone', (t) => {
  const first = oneSpelling('Africa/Abidjan');
  for (const written of ['AFRICA/ABIDJAN', 'africa/abidjan', 'Africa/abidjan']) t.is(oneSpelling(written), first);
  t.is(first.toLowerCase(), 'africa/abidjan');
  t.throws(() => oneSpelling('Mars/Olympus'), { instanceOf: RangeError });
});
