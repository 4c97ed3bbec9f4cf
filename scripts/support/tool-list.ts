export type Tool = {
  readonly directory: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly tags?: string;
  /** Values of variables of packages, for example the version that a program reports. */
  readonly variables?: Readonly<Record<string, string>>;
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
  // One module, so that the libraries of Kubernetes are compiled once.
  kubernetes: {
    directory: 'tools/kubernetes',
    packages: {
      etcd: 'go.etcd.io/etcd/server/v3',
      kwok: 'sigs.k8s.io/kwok/cmd/kwok',
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
      'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
    },
    // Without them the API server reports v0.0.0, which the chart refuses.
    variables: {
      'k8s.io/component-base/version.gitVersion': 'v1.37.2',
      'k8s.io/component-base/version.gitMajor': '1',
      'k8s.io/component-base/version.gitMinor': '37',
    },
  },
  actionlint: {
    directory: 'tools/actionlint',
    packages: { actionlint: 'github.com/rhysd/actionlint/cmd/actionlint' },
  },
};
