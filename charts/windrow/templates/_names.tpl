{{/* Names and labels: the one place that composes them. */}}

{{- define "windrow.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "windrow.fullname" -}}
{{- $name := include "windrow.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* Of a component: (list $ "api"). */}}
{{- define "windrow.component" -}}
{{ include "windrow.fullname" (index . 0) }}-{{ index . 1 }}
{{- end }}

{{/* Of a pool's Deployment, ScaledObject and PDB: (list $ "default"). */}}
{{- define "windrow.poolName" -}}
{{ include "windrow.component" (list (index . 0) (printf "worker-%s" (index . 1))) }}
{{- end }}

{{/*
Of a Job: (list $ "migrate" SPEC). Helm has a new revision at each upgrade; a GitOps render always has 1, and
there the text of the pod makes the name, for a Job cannot be changed.
*/}}
{{- define "windrow.jobName" -}}
{{ include "windrow.component" (list (index . 0) (index . 1)) | trunc 45 | trimSuffix "-" }}-{{ (index . 0).Release.Revision }}-{{ printf "%s%s%v" (index . 2) (toJson (index . 0).Values.commonLabels) (index . 0).Values.migrate.backoffLimit | sha256sum | trunc 6 }}
{{- end }}

{{- define "windrow.selectorLabels" -}}
app.kubernetes.io/name: {{ include "windrow.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- range rest (rest .) }}
windrow.dev/pool: {{ . }}
{{- end }}
{{- end }}

{{/* (list $ "api"), or of a pool (list $ "worker" "default"). */}}
{{- define "windrow.labels" -}}
{{ include "windrow.selectorLabels" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/part-of: windrow
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version | replace "+" "_" }}
{{- with (index . 0).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
Of pods, (list $ "worker" "default"): only what tells them apart. A version here would end every pod at each upgrade of
the chart, and no Job may change it.
*/}}
{{- define "windrow.podLabels" -}}
{{ include "windrow.selectorLabels" . }}
app.kubernetes.io/part-of: windrow
{{- with (index . 0).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What every object's metadata begins with: (list $ NAME "api"), or (list $ NAME "worker" "default"). */}}
{{- define "windrow.metadata" -}}
name: {{ index . 1 }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "windrow.labels" (concat (list (index . 0)) (rest (rest .))) | nindent 2 }}
{{- end }}

{{/* An image from the first of these that names it: (list $ OWN DEFAULTS). */}}
{{- define "windrow.image" -}}
{{- $own := index . 1 -}}
{{- $default := index . 2 -}}
{{- $repository := $own.repository | default $default.repository -}}
{{- $foreign := and $own.repository (ne $own.repository $default.repository) -}}
{{- $digest := $own.digest | default (ternary "" $default.digest (or $foreign (ne $own.tag ""))) -}}
{{- if $digest -}}
{{ $repository }}@{{ $digest }}
{{- else -}}
{{ $repository }}:{{ include "windrow.tag" . }}
{{- end -}}
{{- end }}

{{- define "windrow.tag" -}}
{{ (index . 1).tag | default (index . 2).tag | default (index . 0).Chart.AppVersion }}
{{- end }}

{{/* What changes with the code of an image: (list $ OWN). */}}
{{- define "windrow.release" -}}
{{- $root := index . 0 -}}
{{- $image := include "windrow.image" (list $root (index . 1) $root.Values.image) -}}
{{ $root.Values.settings.release | default (regexReplaceAll "^.*[:@]" $image "") }}
{{- end }}
