{{/* What the pods share: where the stores are, how they wait for the schema, how they are confined. */}}

{{- define "windrow.ledgerSecret" -}}
{{ .Values.ledger.existingSecret | default .Values.postgresql.existingSecret | default (include "windrow.component" (list . "postgresql")) }}
{{- end }}

{{- define "windrow.brokerSecret" -}}
{{ .Values.broker.existingSecret | default .Values.redis.existingSecret | default (include "windrow.component" (list . "redis")) }}
{{- end }}

{{- define "windrow.apiKeySecret" -}}
{{ .Values.auth.adminKey.existingSecret | default (include "windrow.component" (list . "api-key")) }}
{{- end }}

{{- define "windrow.flowerSecret" -}}
{{ .Values.flower.auth.existingSecret | default (include "windrow.component" (list . "flower")) }}
{{- end }}

{{/* Secret variables: (list $ "WINDROW_DATABASE_URL" ...). */}}
{{- define "windrow.databaseUrl" -}}
valueFrom:
  secretKeyRef:
    name: {{ include "windrow.ledgerSecret" . }}
    key: {{ ternary .Values.ledger.secretKey "database-url" (ne .Values.ledger.existingSecret "") }}
{{- end }}

{{- define "windrow.redisUrl" -}}
valueFrom:
  secretKeyRef:
    name: {{ include "windrow.brokerSecret" . }}
    key: {{ ternary .Values.broker.secretKey "redis-url" (ne .Values.broker.existingSecret "") }}
{{- end }}

{{/* The variables of every door: (list $ IMAGE), the image for the release's name. */}}
{{- define "windrow.env" -}}
{{- $root := index . 0 -}}
- name: WINDROW_DATABASE_URL
  {{- include "windrow.databaseUrl" $root | nindent 2 }}
- name: WINDROW_REDIS_URL
  {{- include "windrow.redisUrl" $root | nindent 2 }}
- name: WINDROW_RELEASE
  value: {{ include "windrow.release" . | quote }}
- name: WINDROW_WINDOW
  value: {{ $root.Values.settings.window | int | quote }}
- name: WINDROW_LEASE_SECONDS
  value: {{ $root.Values.settings.leaseSeconds | int | quote }}
- name: WINDROW_RETENTION_SECONDS
  value: {{ $root.Values.settings.retentionSeconds | int | quote }}
- name: WINDROW_PREPARED_STATEMENTS
  value: {{ $root.Values.ledger.preparedStatements | quote }}
- name: WINDROW_LOG_FORMAT
  value: {{ $root.Values.settings.logFormat }}
{{- with $root.Values.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with $root.Values.settings.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where a worker and a beat tell the figures of their process. */}}
{{- define "windrow.processMetricsEnv" -}}
- name: WINDROW_METRICS_PORT
  value: {{ .Values.settings.metricsPort | int | quote }}
- name: WINDROW_METRICS_HOST
  value: 0.0.0.0
{{- end }}

{{- define "windrow.processMetricsPort" -}}
{{- with .Values.settings.metricsPort | int }}
ports:
  - {name: metrics, containerPort: {{ . }}}
{{- end }}
{{- end }}

{{/* The enabled apps' names and those of the team, with commas. */}}
{{- define "windrow.apps" -}}
{{- $names := list -}}
{{- range $name := keys .Values.apps | sortAlpha -}}
{{- if (index $.Values.apps $name).enabled -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- join "," (concat $names .Values.settings.apps) -}}
{{- end }}

{{/* The apps whose routes need no key, with commas. */}}
{{- define "windrow.openApps" -}}
{{- $names := list -}}
{{- range $name := keys .Values.apps | sortAlpha -}}
{{- $app := index $.Values.apps $name -}}
{{- if and $app.enabled $app.open -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- join "," $names -}}
{{- end }}

{{/* How the API speaks: HTTP or HTTPS. */}}
{{- define "windrow.apiScheme" -}}
{{- ternary "HTTPS" "HTTP" (not (empty .Values.api.tls.secretName)) -}}
{{- end }}

{{/* What every door that knows the apps is told. */}}
{{- define "windrow.appEnv" -}}
{{- $queues := list -}}
{{- range $name := keys .Values.apps | sortAlpha -}}
{{- if (index $.Values.apps $name).enabled -}}
{{- $queues = append $queues (printf "%s=%s" $name (index $.Values.apps $name).queue) -}}
{{- end -}}
{{- end -}}
- name: WINDROW_APPS
  value: {{ include "windrow.apps" . | quote }}
- name: WINDROW_APP_QUEUES
  value: {{ join "," $queues | quote }}
{{- range $name := keys .Values.apps | sortAlpha }}
{{- with index $.Values.apps $name }}
{{- if and .enabled .env }}
{{ toYaml .env }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What a pool's containers know of it: (list $ NAME POOL). */}}
{{- define "windrow.poolEnv" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $pool := index . 2 -}}
{{ include "windrow.env" (list $root $pool.image) }}
- name: WINDROW_POOL
  value: {{ $name | quote }}
- name: WINDROW_QUEUES
  value: {{ join "," $pool.queues | quote }}
- name: WINDROW_FOREIGN_QUEUES
  value: {{ join "," $pool.foreignQueues | quote }}
- name: WINDROW_CONCURRENCY
  value: {{ $pool.concurrency | int | quote }}
- name: WINDROW_HARD_LIMIT_SECONDS
  value: {{ $pool.hardLimitSeconds | int | quote }}
- name: WINDROW_DRAIN_SECONDS
  value: {{ $pool.drainSeconds | int | quote }}
{{- if $pool.app }}
- name: WINDROW_CELERY_APP
  value: {{ $pool.app | quote }}
{{- else }}
{{ include "windrow.appEnv" $root }}
{{- end }}
{{- if $root.Values.demo.enabled }}
- name: WINDROW_PARSE_SOURCE
  value: /etc/windrow/pages
{{- end }}
{{- with $pool.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A container's image: (list $ OWN DEFAULTS). */}}
{{- define "windrow.containerImage" -}}
image: {{ include "windrow.image" . | quote }}
imagePullPolicy: {{ (index . 1).pullPolicy | default (index . 2).pullPolicy }}
securityContext:
  {{- toYaml (index . 0).Values.securityContext | nindent 2 }}
{{- end }}

{{/* The init container that waits for the migration Job: (list $ IMAGE COMMAND). */}}
{{- define "windrow.waitForSchema" -}}
{{- $root := index . 0 -}}
- name: wait-for-schema
  {{- include "windrow.containerImage" (list $root (index . 1) $root.Values.image) | nindent 2 }}
  {{- with index . 2 }}
  command:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  args: [migrate, --check, --wait, {{ $root.Values.migrate.waitSeconds | int | quote }}]
  env:
    - name: WINDROW_DATABASE_URL
      {{- include "windrow.databaseUrl" $root | nindent 6 }}
  resources:
    {{- toYaml $root.Values.migrate.resources | nindent 4 }}
  volumeMounts:
    {{- include "windrow.volumeMounts" $root | nindent 4 }}
    {{- include "windrow.awaitedSecretMount" $root | nindent 4 }}
{{- end }}

{{- define "windrow.volumes" -}}
- name: tmp
  emptyDir: {}
{{- include "windrow.awaitedSecret" . }}
{{- with .Values.ledger.caSecret }}
- name: ledger-ca
  secret:
    secretName: {{ . }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- with .Values.broker.caSecret }}
- name: broker-ca
  secret:
    secretName: {{ . }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end }}

{{/*
The ledger's Secret as a file that nobody reads: a pod is tried again within a second while a volume is missing, and only
after ten while a variable is. At a first install the Secrets come a moment after the pods.
*/}}
{{- define "windrow.awaitedSecret" -}}
{{- if not .Values.ledger.existingSecret }}
- name: awaited-secret
  secret:
    secretName: {{ include "windrow.ledgerSecret" . }}
    items: [{key: database-url, path: database-url}]
{{- end }}
{{- end }}

{{- define "windrow.awaitedSecretMount" -}}
{{- if not .Values.ledger.existingSecret }}
- name: awaited-secret
  mountPath: /etc/windrow/awaited
  readOnly: true
{{- end }}
{{- end }}

{{- define "windrow.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.ledger.caSecret }}
- name: ledger-ca
  mountPath: /etc/windrow/ledger-ca
  readOnly: true
{{- end }}
{{- if .Values.broker.caSecret }}
- name: broker-ca
  mountPath: /etc/windrow/broker-ca
  readOnly: true
{{- end }}
{{- end }}

{{/* How a pod is confined, and where its images come from. */}}
{{- define "windrow.podSecurity" -}}
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Without a token: only who speaks to the API server mounts one. */}}
{{- define "windrow.withoutToken" -}}
serviceAccountName: {{ include "windrow.fullname" . }}
automountServiceAccountToken: false
{{- end }}

{{/* Where a component's values place its pods. */}}
{{- define "windrow.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/*
The main loop turns: it touches a file every few seconds, while the stores are away, too. (list COMMAND SECONDS...)
*/}}
{{- define "windrow.heartbeatProbes" -}}
{{- $alive := concat (index . 0) (list "alive") (rest .) -}}
startupProbe:
  exec:
    command: {{ toJson $alive }}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  exec:
    command: {{ toJson $alive }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{/* HTTP doors: (list LIVE READY [SCHEME]). The first page must not look at a store, or an outage would restart every pod. */}}
{{- define "windrow.httpProbes" -}}
{{- $scheme := ternary "HTTPS" "" (and (gt (len .) 2) (eq (last .) "HTTPS")) -}}
startupProbe:
  httpGet:
    path: {{ index . 0 }}
    port: http
    {{- with $scheme }}
    scheme: {{ . }}
    {{- end }}
  periodSeconds: 1
  failureThreshold: 120
livenessProbe:
  httpGet:
    path: {{ index . 0 }}
    port: http
    {{- with $scheme }}
    scheme: {{ . }}
    {{- end }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: {{ index . 1 }}
    port: http
    {{- with $scheme }}
    scheme: {{ . }}
    {{- end }}
  periodSeconds: 2
  timeoutSeconds: 2
{{- end }}
