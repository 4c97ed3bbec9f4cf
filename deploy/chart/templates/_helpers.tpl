{{/* The name of all resources: at most 50 characters, so that a suffix fits into 63. */}}
{{- define "volwatch.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "volwatch" $name) }}{{ $name = printf "%s-volwatch" $name }}{{ end -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "volwatch.selector" -}}
app.kubernetes.io/name: volwatch
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "volwatch.labels" -}}
{{ include "volwatch.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "volwatch.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "volwatch.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "volwatch.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Takes a dict of root and the variables of one role. */}}
{{- define "volwatch.config" -}}
{{- $shutdown := .root.Values.shutdown -}}
{{- $fixed := dict "NODE_ENV" "production" "HOST" "0.0.0.0" "PORT" "3000" "METRICS_PORT" "9464" "DATABASE_MIGRATE" "false"
  "SHUTDOWN_DRAIN_MS" (printf "%d" (int64 $shutdown.drainMs))
  "SHUTDOWN_GRACE_MS" (printf "%d" (int64 $shutdown.graceMs))
  "SHUTDOWN_REFRESH_GRACE_MS" (printf "%d" (int64 $shutdown.refreshGraceMs)) -}}
{{- range $name, $value := mergeOverwrite (dict) .root.Values.config .own $fixed }}
{{- /* toString would write a large number with an exponent. */}}
{{ $name }}: {{ (kindIs "string" $value | ternary $value (toJson $value)) | quote }}
{{- end }}
{{- end }}

{{- define "volwatch.caVolume" -}}
{{- with .Values.caCertificates.configMap }}
volumes:
  - name: ca-certificates
    configMap: { name: {{ . }} }
{{- end }}
{{- end }}

{{- define "volwatch.caMount" -}}
{{- if .Values.caCertificates.configMap }}
volumeMounts:
  - { name: ca-certificates, mountPath: /etc/volwatch/ca, readOnly: true }
{{- end }}
{{- end }}

{{- define "volwatch.caVariable" -}}
{{- if .Values.caCertificates.configMap }}
- { name: NODE_EXTRA_CA_CERTS, value: /etc/volwatch/ca/{{ .Values.caCertificates.key }} }
{{- end }}
{{- end }}

{{/* The kubelet must wait for drain, grace and close; a partial second counts as a whole one. */}}
{{- define "volwatch.terminationSeconds" -}}
{{- with .Values.shutdown -}}
{{- if ge (int64 .refreshGraceMs) (int64 .graceMs) }}{{ fail "shutdown.refreshGraceMs must be below shutdown.graceMs" }}{{ end -}}
{{- div (add (int64 .drainMs) (int64 .graceMs) (int64 .closeMs) 999) 1000 -}}
{{- end -}}
{{- end }}

{{/* Of each HorizontalPodAutoscaler, also of those that KEDA makes. */}}
{{- define "volwatch.scalingBehavior" -}}
scaleUp: { stabilizationWindowSeconds: 0, policies: [{ type: Percent, value: 100, periodSeconds: 30 }] }
# Slow, because each pod that ends drains its connections.
scaleDown: { stabilizationWindowSeconds: 300, policies: [{ type: Pods, value: 1, periodSeconds: 60 }] }
{{- end }}
