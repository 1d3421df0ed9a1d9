{{/*
The alerts, once for both objects. In files/rules a `<< >>` is Helm's and a `{{ }}` is Prometheus' own; what all alerts
have alike, such as the runbook's address, is added here. `dashboard` and `jobs` there are what is asked of a dashboard and
of the list of jobs; they become links where Grafana's and the API's addresses are known.
*/}}
{{- define "windrow.rules" -}}
{{- $rules := .Values.monitoring.rules -}}
{{- $workers := printf "%s-worker-.+" (include "windrow.fullname" .) -}}
{{- $scope := dict "rules" $rules "select" (tpl $rules.selector .) "Template" .Template -}}
{{- $_ := set $scope "pools" (printf `namespace=%q,horizontalpodautoscaler=~"(keda-hpa-)?%s"` .Release.Namespace $workers) -}}
{{- $_ := set $scope "scaledObjects" (printf `scaledObject=~%q` $workers) -}}
{{- $groups := list -}}
{{- $unknown := $rules.disabled -}}
{{- range $path, $_ := .Files.Glob "files/rules/*.yaml" -}}
{{- $text := $.Files.Get $path | replace "{{" "<%" | replace "}}" "%>" | replace "{<<" "{{ `{` }}{{" | replace "<<" "{{" | replace ">>" "}}" -}}
{{- $made := list -}}
{{- range $alert := tpl $text $scope | replace "<%" "{{" | replace "%>" "}}" | fromYamlArray -}}
{{- $unknown = without $unknown $alert.alert -}}
{{- if not (has $alert.alert $rules.disabled) -}}
{{- $_ := set $alert.annotations "runbook_url" (printf "%s/%s.md" (trimSuffix "/" $rules.runbooks) $alert.alert) -}}
{{- with $.Values.monitoring.grafanaUrl -}}
{{- $_ := set $alert.annotations "dashboard_url" (include "windrow.dashboardUrl" (list . $alert.dashboard $.Release.Namespace)) -}}
{{- end -}}
{{- if and $alert.jobs $.Values.monitoring.apiUrl -}}
{{- $_ := set $alert.annotations "jobs_url" (printf "%s/v1/jobs?%s" (trimSuffix "/" $.Values.monitoring.apiUrl) $alert.jobs) -}}
{{- end -}}
{{- $alert := omit $alert "dashboard" "jobs" -}}
{{- $_ := set $alert "labels" (merge (deepCopy $rules.labels) $alert.labels) -}}
{{- $made = append $made $alert -}}
{{- end -}}
{{- end -}}
{{- if $made -}}
{{- $groups = append $groups (dict "name" (printf "windrow-%s" (base $path | trimSuffix ".yaml")) "rules" $made) -}}
{{- end -}}
{{- end -}}
{{- if $unknown -}}
{{- fail (printf "monitoring.rules.disabled: there is no alert %s. Their names are those of docs/runbooks." (first $unknown)) -}}
{{- end -}}
{{ toYaml (dict "groups" $groups) }}
{{- end }}

{{/* (list GRAFANA "task?var-task=..." NAMESPACE): a dashboard by its uid, with its variables set. */}}
{{- define "windrow.dashboardUrl" -}}
{{- $asked := splitn "?" 2 (index . 1) -}}
{{ trimSuffix "/" (index . 0) }}/d/windrow-{{ $asked._0 }}?var-namespace={{ index . 2 }}{{ with $asked._1 }}&{{ . }}{{ end }}
{{- end }}

{{/* Where people reach the API: as stated, else the Service's name inside the cluster. */}}
{{- define "windrow.apiUrl" -}}
{{ .Values.monitoring.apiUrl | default (printf "http://%s.%s.svc" (include "windrow.component" (list . "api")) .Release.Namespace) | trimSuffix "/" }}
{{- end }}

{{/* The attempts of a window that an objective counts: (list WAITS SLO SELECT WINDOW), by queue or by task. */}}
{{- define "windrow.attempts" -}}
{{- $what := include "windrow.histogram" . -}}
sum without ({{ ternary "task" "queue" (index . 0) }}) (max without (instance, pod) (increase({{ $what }}_count{ {{- include "windrow.counted" . -}} }[{{ index . 3 }}])))
{{- end }}

{{/* The part of them that took longer than the objective. */}}
{{- define "windrow.slowRatio" -}}
{{- $what := include "windrow.histogram" . -}}
1 - sum without ({{ ternary "task" "queue" (index . 0) }}, le) (max without (instance, pod) (increase({{ $what }}_bucket{le=~"{{ (index . 1).seconds }}(\\.0)?",{{ include "windrow.counted" . }}}[{{ index . 3 }}])))
  / {{ include "windrow.attempts" . }}
{{- end }}

{{- define "windrow.histogram" -}}
windrow_attempt_{{ ternary "wait" "run" (index . 0) }}_seconds
{{- end }}

{{- define "windrow.counted" -}}
{{ ternary "queue" "task" (index . 0) }}=~"{{ (index . 1).of }}",{{ index . 2 }}
{{- end }}
