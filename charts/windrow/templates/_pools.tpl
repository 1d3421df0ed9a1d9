{{/* A pool's values, and all that is counted for it: one block for the app, for KEDA and for the scaler. */}}

{{/* The pool with its defaults, as YAML: (list $ "default"). */}}
{{- define "windrow.pool" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $pool := deepCopy $root.Values.poolDefaults -}}
{{- range $key, $value := (index $root.Values.workers $name) -}}
{{- $_ := set $pool $key $value -}}
{{- end -}}
{{- if not $pool.queues -}}
{{- $_ := set $pool "queues" (list $name) -}}
{{- end -}}
{{- $image := dict "repository" "" "tag" "" "digest" "" "pullPolicy" "" -}}
{{- range $key, $value := $pool.image -}}
{{- $_ := set $image $key $value -}}
{{- end -}}
{{- $_ := set $pool "image" $image -}}
{{- $hpa := deepCopy $root.Values.poolDefaults.hpa -}}
{{- range $key, $value := $pool.hpa -}}
{{- $_ := set $hpa $key $value -}}
{{- end -}}
{{- $_ := set $pool "hpa" $hpa -}}
{{- if kindIs "invalid" $pool.drainSeconds -}}
{{- $_ := set $pool "drainSeconds" (add $pool.hardLimitSeconds 30) -}}
{{- end -}}
{{- if kindIs "invalid" $pool.terminationGracePeriodSeconds -}}
{{- $_ := set $pool "terminationGracePeriodSeconds" (add $pool.drainSeconds 45) -}}
{{- end -}}
{{- toYaml $pool -}}
{{- end }}

{{/*
What KEDA counts for a pool, as YAML: {counters: [{name, key}]}: each priority list of each queue, and what the pool's
workers hold. The names are those of windrow/broker/keys.py; kombu writes a Celery producer's priorities differently.
RabbitMQ counts what is held with what waits, and puts a Celery producer's messages into the queue itself.
(list NAME POOL $).
*/}}
{{- define "windrow.counters" -}}
{{- $pool := index . 1 -}}
{{- $onRedis := eq (index . 2).Values.broker.type "redis" -}}
{{- $counters := list -}}
{{- range $i, $queue := $pool.queues -}}
{{- range $step := list "0" "3" "6" "9" -}}
{{- $key := ternary $queue (printf "%s:%s" $queue $step) (eq $step "0") -}}
{{- $counters = append $counters (dict "name" (printf "q%dp%s" $i $step) "key" $key) -}}
{{- end -}}
{{- if and $onRedis (has $queue $pool.foreignQueues) -}}
{{- range $step := list "3" "6" "9" -}}
{{- $counters = append $counters (dict "name" (printf "f%dp%s" $i $step) "key" (printf "%s\x06\x16%s" $queue $step)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $onRedis -}}
{{- $counters = append $counters (dict "name" "inflight" "key" (printf "unacked:%s" (index . 0))) -}}
{{- end -}}
{{- toJson (dict "counters" $counters) -}}
{{- end }}

{{/* What WINDROW_SCALER_POOLS says: every pool with its Deployment. */}}
{{- define "windrow.scalerPools" -}}
{{- $pools := dict -}}
{{- range $name := keys .Values.workers | sortAlpha -}}
{{- $pool := include "windrow.pool" (list $ $name) | fromYaml -}}
{{- $object := include "windrow.poolName" (list $ $name) -}}
{{- $entry := dict "deployment" $object "queues" $pool.queues "concurrency" (int $pool.concurrency) "max" (int $pool.max) -}}
{{- if $.Values.keda.enabled -}}
{{- $_ := set $entry "scaled_object" $object -}}
{{- end -}}
{{- $_ := set $pools $name $entry -}}
{{- end -}}
{{- toJson $pools -}}
{{- end }}
