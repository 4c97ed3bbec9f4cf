import type { Scenario } from './scenario.ts';

const hourMs = 3_600_000;

/** Somebody silences the dead man's switch, so that its receiver hears nothing. The alert itself goes on firing. */
export const silencedWatchdog = (): Scenario => {
  let id = '';
  return {
    alert: 'Watchdog',
    fault: 'a silence in Alertmanager matches it',
    inject: async (_, { alertmanager }) => {
      const now = Date.now();
      const response = await fetch(`http://${alertmanager.address}/api/v2/silences`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          matchers: [{ name: 'alertname', value: 'Watchdog', isRegex: false, isEqual: true }],
          startsAt: new Date(now).toISOString(),
          endsAt: new Date(now + hourMs).toISOString(),
          createdBy: 'runbooks:verify',
          comment: 'a rehearsal',
        }),
      });
      id = ((await response.json()) as { silenceID: string }).silenceID;
    },
    end: async (_, { alertmanager }) => {
      await fetch(`http://${alertmanager.address}/api/v2/silence/${id}`, { method: 'DELETE' });
    },
  };
};
