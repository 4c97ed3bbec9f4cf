export type Tool = {
  readonly directory: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly tags?: string;
};

const prometheus = 'github.com/prometheus/prometheus/cmd';
const alertmanager = 'github.com/prometheus/alertmanager/cmd';

/** The programs for the checks by name: the module with their pins, and the packages of their binaries. */
export const tools: Readonly<Record<string, Tool>> = {
  prometheus: {
    directory: 'tools/prometheus',
    packages: { prometheus: `${prometheus}/prometheus`, promtool: `${prometheus}/promtool` },
    // Without these tags the build includes the client libraries of every cloud provider.
    tags: 'remove_all_sd,enable_dns_sd,enable_kubernetes_sd',
  },
  alertmanager: {
    directory: 'tools/alertmanager',
    packages: { alertmanager: `${alertmanager}/alertmanager`, amtool: `${alertmanager}/amtool` },
  },
  otelcol: { directory: 'tools/otelcol', packages: { otelcol: '.' } },
  k6: { directory: 'tools/k6', packages: { k6: 'go.k6.io/k6/v2' } },
  toxiproxy: {
    directory: 'tools/toxiproxy',
    packages: { 'toxiproxy-server': 'github.com/Shopify/toxiproxy/v2/cmd/server' },
  },
  'postgres-exporter': {
    directory: 'tools/postgres-exporter',
    packages: { postgres_exporter: 'github.com/prometheus-community/postgres_exporter/cmd/postgres_exporter' },
  },
  'blackbox-exporter': {
    directory: 'tools/blackbox-exporter',
    packages: { blackbox_exporter: 'github.com/prometheus/blackbox_exporter' },
  },
  'node-exporter': {
    directory: 'tools/node-exporter',
    packages: { node_exporter: 'github.com/prometheus/node_exporter' },
  },
  caddy: { directory: 'tools/caddy', packages: { caddy: 'github.com/caddyserver/caddy/v2/cmd/caddy' } },
  composecheck: { directory: 'tools/composecheck', packages: { composecheck: '.' } },
  helm: { directory: 'tools/helm', packages: { helm: 'helm.sh/helm/v4/cmd/helm' } },
  kubeconform: {
    directory: 'tools/kubeconform',
    packages: { kubeconform: 'github.com/yannh/kubeconform/cmd/kubeconform' },
  },
  actionlint: {
    directory: 'tools/actionlint',
    packages: { actionlint: 'github.com/rhysd/actionlint/cmd/actionlint' },
  },
};
