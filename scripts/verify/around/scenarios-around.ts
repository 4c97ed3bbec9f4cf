import type { Scenario } from './scenario.ts';

/** Causes outside the service: in the proxy, the exporters and the monitoring. */
export const scenariosAround: readonly Scenario[] = [
  {
    alert: 'ProbeFailing',
    fault: 'the proxy is stopped',
    inject: (_, { proxy }) => proxy.stop(),
    end: (_, { proxy }) => proxy.start(),
  },
  {
    alert: 'TrafficStopped',
    fault: 'no caller reaches the service',
    inject: async (_, { proxy, traffic }) => {
      traffic.isPaused = true;
      await proxy.stop();
    },
    end: async (_, { proxy, traffic }) => {
      traffic.isPaused = false;
      await proxy.start();
    },
  },
  {
    alert: 'TargetDown',
    fault: 'the exporter of the host is stopped',
    inject: (_, { hostExporter }) => hostExporter.stop(),
    end: (_, { hostExporter }) => hostExporter.start(),
  },
  {
    alert: 'AlertsNotDelivered',
    fault: 'the receiver of notifications answers 503 while an exporter stops',
    inject: async (_, { alertmanager, hostExporter }) => {
      alertmanager.receiver.isRefusing = true;
      await hostExporter.stop();
    },
    end: async (_, { alertmanager, hostExporter }) => {
      alertmanager.receiver.isRefusing = false;
      await hostExporter.start();
    },
  },
  {
    alert: 'CollectorLosesSpans',
    fault: 'the trace store behind the Collector is gone',
    inject: (_, { strandedCollector }) => strandedCollector.feed(),
    end: (_, { strandedCollector }) => strandedCollector.rest(),
  },
];
