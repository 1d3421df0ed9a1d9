{{/* What cannot be right is refused here, each time with the value to change. */}}

{{- define "windrow.guards" -}}
{{- include "windrow.guards.pools" . -}}
{{- include "windrow.guards.apps" . -}}
{{- include "windrow.guards.connections" . -}}
{{- include "windrow.guards.stores" . -}}
{{- include "windrow.guards.cluster" . -}}
{{- include "windrow.guards.rules" . -}}
{{- if .Values.production -}}
{{- include "windrow.guards.production" . -}}
{{- end -}}
{{- end }}

{{- define "windrow.guards.pools" -}}
{{- $owners := dict -}}
{{- range $name := keys .Values.workers | sortAlpha -}}
{{- $at := printf "workers.%s" $name -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$" $name) -}}
{{- fail (printf "%s: a pool's name is part of its objects' names: at most 20 of a-z, 0-9 and -, a letter first. Rename it." $at) -}}
{{- end -}}
{{- $pool := include "windrow.pool" (list $ $name) | fromYaml -}}
{{- range $queue := $pool.queues -}}
{{- if contains ":" $queue -}}
{{- fail (printf "%s.queues: %q has a ':', which parts a queue from its priority steps in Redis. Rename the queue." $at $queue) -}}
{{- end -}}
{{- if or (contains "," $queue) (not (trim $queue)) -}}
{{- fail (printf "%s.queues: %q is no name of a queue. Write one name an item, without commas." $at $queue) -}}
{{- end -}}
{{- if hasKey $owners $queue -}}
{{- fail (printf "%s.queues: %q is served by workers.%s already, and both would be scaled for the same jobs. Leave it in one of them." $at $queue (get $owners $queue)) -}}
{{- end -}}
{{- $_ := set $owners $queue $name -}}
{{- end -}}
{{- range $queue := $pool.foreignQueues -}}
{{- if not (has $queue $pool.queues) -}}
{{- fail (printf "%s.foreignQueues: %q is not among %s.queues. Add it there." $at $queue $at) -}}
{{- end -}}
{{- end -}}
{{- if gt (int $pool.min) (int $pool.max) -}}
{{- fail (printf "%s: min is %d and max is %d. Raise %s.max or lower %s.min." $at (int $pool.min) (int $pool.max) $at $at) -}}
{{- end -}}
{{- $hard := int $pool.hardLimitSeconds -}}
{{- $drain := int $pool.drainSeconds -}}
{{- $grace := int $pool.terminationGracePeriodSeconds -}}
{{- if lt $drain (add $hard 30 | int) -}}
{{- fail (printf "%s.drainSeconds is %d, but a task may run for hardLimitSeconds = %d, and 30 s more are needed. Raise drainSeconds to %d (or leave it out), or lower hardLimitSeconds." $at $drain $hard (add $hard 30)) -}}
{{- end -}}
{{- if lt $grace (add $drain 45 | int) -}}
{{- fail (printf "%s.terminationGracePeriodSeconds is %d, but the drain takes up to drainSeconds = %d, and 45 s more are needed. Raise terminationGracePeriodSeconds to %d (or leave it out), or lower drainSeconds." $at $grace $drain (add $drain 45)) -}}
{{- end -}}
{{- $needed := mul 2 (int $pool.max) (int $pool.concurrency) | int -}}
{{- if lt (int $.Values.settings.window) $needed -}}
{{- fail (printf "settings.window is %d, but %s needs 2 x max x concurrency = 2 x %d x %d = %d, or its workers wait for the relay. Raise settings.window, or lower the pool's max." (int $.Values.settings.window) $at (int $pool.max) (int $pool.concurrency) $needed) -}}
{{- end -}}
{{- if lt (int $pool.fallbackReplicas) 1 -}}
{{- fail (printf "%s.fallbackReplicas is %d: a Redis that does not answer would end every worker. Make it 1 or more." $at (int $pool.fallbackReplicas)) -}}
{{- end -}}
{{- if gt (int $pool.fallbackReplicas) (int $pool.max) -}}
{{- fail (printf "%s.fallbackReplicas is %d, more than max = %d. Lower it." $at (int $pool.fallbackReplicas) (int $pool.max)) -}}
{{- end -}}
{{- if and $.Values.keda.enabled $pool.hpa.enabled -}}
{{- fail (printf "%s.hpa.enabled: KEDA makes an HPA of its own for this Deployment, and two would fight. Set %s.hpa.enabled to false, or keda.enabled to false." $at $at) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A job in a queue that no worker of ours takes from would wait for ever. */}}
{{- define "windrow.guards.apps" -}}
{{- $served := list -}}
{{- range $name := keys .Values.workers -}}
{{- $pool := include "windrow.pool" (list $ $name) | fromYaml -}}
{{- /* Workers of another Celery app do not know the tasks of ours. */ -}}
{{- if not $pool.app -}}
{{- $served = concat $served $pool.queues -}}
{{- end -}}
{{- end -}}
{{- range $name := keys .Values.apps | sortAlpha -}}
{{- $app := index $.Values.apps $name -}}
{{- if and $app.enabled (not (has $app.queue $served)) -}}
{{- fail (printf "apps.%s.queue is %q, which no pool without an app of its own serves, so its jobs would wait for ever. Add it to the queues of such a pool in workers, or set apps.%s.enabled to false." $name $app.queue $name) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The most ledger connections that all replicas may hold at once: during an upgrade the workers of before still drain. */}}
{{- define "windrow.connections" -}}
{{- $api := ternary .Values.api.autoscaling.max .Values.api.replicas .Values.api.autoscaling.enabled -}}
{{- $each := int .Values.api.connections -}}
{{- range $name := list "todos" "mailroom" "summaries" -}}
{{- if (index $.Values.apps $name).enabled -}}
{{- $each = add $each (int $.Values.api.appConnections) -}}
{{- end -}}
{{- end -}}
{{- $sum := add (mul (int $api) (int $each)) (mul (int .Values.beat.replicas) (int .Values.beat.connections)) -}}
{{- range $name := keys .Values.workers -}}
{{- $pool := include "windrow.pool" (list $ $name) | fromYaml -}}
{{- $worker := 2 -}}
{{- /* A running task of ours has one of its own. */ -}}
{{- if not $pool.app -}}
{{- $worker = add $worker (int $pool.concurrency) -}}
{{- end -}}
{{- $sum = add $sum (mul 2 (int $pool.max) (int $worker)) -}}
{{- end -}}
{{- if .Values.scaler.enabled -}}
{{- $sum = add $sum (mul (int .Values.scaler.replicas) (ternary 2 1 (eq .Values.broker.type "rabbitmq"))) -}}
{{- end -}}
{{- if .Values.exporter.enabled -}}
{{- $sum = add $sum 2 -}}
{{- end -}}
{{ $sum }}
{{- end }}

{{- define "windrow.guards.connections" -}}
{{- $sum := include "windrow.connections" . | int -}}
{{- if gt $sum (int .Values.ledger.maxConnections) -}}
{{- fail (printf "ledger.maxConnections is %d, but all replicas at their maximum hold %d: api replicas x (connections + appConnections of each app), 2 for each worker and 1 for each of its slots, both twice as the workers before an upgrade still drain, beat replicas x connections, scaler, exporter. Raise ledger.maxConnections (and the server's max_connections, or put PgBouncer before it), or lower workers.<pool>.max." (int .Values.ledger.maxConnections) $sum) -}}
{{- end -}}
{{- end }}

{{- define "windrow.guards.stores" -}}
{{- with .Values.broker -}}
{{- if and .existingSecret (not .address) $.Values.keda.enabled (eq .type "redis") -}}
{{- fail "broker.address is empty: KEDA takes no URL. Give it the host:port of broker.existingSecret's Redis (of its Sentinels, with commas)." -}}
{{- end -}}
{{- if and .address (not .existingSecret) -}}
{{- fail "broker.address is set, but broker.existingSecret is not: name the Secret with that Redis' URL, or empty broker.address." -}}
{{- end -}}
{{- if and .tls (not .existingSecret) -}}
{{- fail "broker.tls: the built-in Redis speaks no TLS. Set broker.existingSecret to an external one, or broker.tls to false." -}}
{{- end -}}
{{- if and .sentinel.master (not .existingSecret) -}}
{{- fail "broker.sentinel.master: the built-in Redis has no Sentinels. Set broker.existingSecret to an external one, or empty broker.sentinel.master." -}}
{{- end -}}
{{- range $name := list "flower" "celeryExporter" -}}
{{- if and $.Values.broker.sentinel.master (index $.Values $name).enabled -}}
{{- fail (printf "%s.enabled: it cannot ask Sentinels for the master (broker.sentinel.master). Set %s.enabled to false." $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "windrow.guards.rabbitmq" . -}}
{{- if and .Values.api.autoscaling.enabled (gt (int .Values.api.autoscaling.min) (int .Values.api.autoscaling.max)) -}}
{{- fail (printf "api.autoscaling: min is %d and max is %d. Raise api.autoscaling.max or lower api.autoscaling.min." (int .Values.api.autoscaling.min) (int .Values.api.autoscaling.max)) -}}
{{- end -}}
{{- if and .Values.api.ingress.enabled (not .Values.api.ingress.hosts) -}}
{{- fail "api.ingress.hosts is empty: an Ingress without a host takes every request of its class. Add {host: jobs.example.com, path: /}." -}}
{{- end -}}
{{- end }}

{{- define "windrow.guards.rabbitmq" -}}
{{- $rabbitmq := .Values.broker.rabbitmq -}}
{{- if eq .Values.broker.type "redis" -}}
{{- if $rabbitmq.host -}}
{{- fail "broker.rabbitmq.host is set, but broker.type is redis. Set broker.type to rabbitmq, or empty broker.rabbitmq.host." -}}
{{- end -}}
{{- else -}}
{{- if not $rabbitmq.host -}}
{{- fail "broker.type is rabbitmq, but broker.rabbitmq.host is empty: there is no built-in one. Name the host of yours." -}}
{{- end -}}
{{- if not $rabbitmq.existingSecret -}}
{{- fail "broker.rabbitmq.existingSecret is empty: name a Secret with the username and the password of a RabbitMQ user." -}}
{{- end -}}
{{- if and $rabbitmq.caSecret (not $rabbitmq.tls) -}}
{{- fail "broker.rabbitmq.caSecret is set, but broker.rabbitmq.tls is false. Set it to true, or empty caSecret." -}}
{{- end -}}
{{- range $name := keys .Values.workers | sortAlpha -}}
{{- $pool := include "windrow.pool" (list $ $name) | fromYaml -}}
{{- if ge (int $pool.hardLimitSeconds) (int $rabbitmq.consumerTimeoutSeconds) -}}
{{- fail (printf "workers.%s.hardLimitSeconds is %d, but RabbitMQ takes a message back after broker.rabbitmq.consumerTimeoutSeconds = %d, and its job would no longer keep the pool. Raise the server's consumer_timeout and this value with it, or lower the limit." $name (int $pool.hardLimitSeconds) (int $rabbitmq.consumerTimeoutSeconds)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "windrow.guards.cluster" -}}
{{- if and .Values.keda.enabled (not (.Capabilities.APIVersions.Has "keda.sh/v1alpha1")) -}}
{{- fail "keda.enabled: this cluster has no KEDA (keda.sh/v1alpha1). Install it first: `helm install keda keda --repo https://kedacore.github.io/charts -n keda --create-namespace`; or set keda.enabled to false for a fixed number of workers; a render without a cluster wants `--api-versions keda.sh/v1alpha1`." -}}
{{- end -}}
{{- if and .Values.monitoring.enabled (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}
{{- fail "monitoring.enabled: this cluster has no Prometheus operator (monitoring.coreos.com/v1). Install it first, or set monitoring.enabled to false; a render without a cluster wants `--api-versions monitoring.coreos.com/v1`." -}}
{{- end -}}
{{- if and .Values.monitoring.podMonitor.enabled (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}
{{- fail "monitoring.podMonitor.enabled: this cluster has no Prometheus operator (monitoring.coreos.com/v1). Install it first, or set monitoring.podMonitor.enabled to false; a render without a cluster wants `--api-versions monitoring.coreos.com/v1`." -}}
{{- end -}}
{{- if and .Values.monitoring.podMonitor.enabled (not .Values.settings.metricsPort) -}}
{{- fail "monitoring.podMonitor.enabled: settings.metricsPort is 0, so nothing would answer. Give it a port, such as 9109, or set monitoring.podMonitor.enabled to false." -}}
{{- end -}}
{{- if and .Values.monitoring.prometheusRule.enabled (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}
{{- fail "monitoring.prometheusRule.enabled: this cluster has no Prometheus operator (monitoring.coreos.com/v1). Install it first, or set monitoring.rulesConfigMap.enabled instead; a render without a cluster wants `--api-versions monitoring.coreos.com/v1`." -}}
{{- end -}}
{{- end }}

{{- define "windrow.guards.rules" -}}
{{- range $name, $rule := omit .Values.monitoring.rules "labels" -}}
{{- if kindIs "map" $rule -}}
{{- range $part := list $rule $rule.fast $rule.slow -}}
{{- range $key := list "for" "window" "short" "long" -}}
{{- $value := get ($part | default dict) $key | toString -}}
{{- if not (regexMatch "^(|[0-9]+[smhd])$" $value) -}}
{{- fail (printf "monitoring.rules.%s: %s is %q, which is no time for Prometheus. Write a number and s, m, h or d, such as 5m." $name $key $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "windrow.guards.production" -}}
{{- if not .Values.ledger.existingSecret -}}
{{- fail "production: the built-in PostgreSQL is one pod without backups. Set ledger.existingSecret to a Secret with the URL of a managed one." -}}
{{- end -}}
{{- if not .Values.broker.existingSecret -}}
{{- fail "production: the built-in Redis is one pod. Set broker.existingSecret and broker.address to those of a managed one." -}}
{{- end -}}
{{- if not .Values.broker.tls -}}
{{- fail "production: broker.tls is false, so messages would cross the network in plain text. Use a rediss:// URL and set broker.tls to true." -}}
{{- end -}}
{{- if and (eq .Values.broker.type "rabbitmq") (not .Values.broker.rabbitmq.tls) -}}
{{- fail "production: broker.rabbitmq.tls is false, so messages and passwords would cross the network in plain text. Set it to true." -}}
{{- end -}}
{{- if and .Values.keda.enabled (eq .Values.broker.type "redis") (not .Values.broker.keda.existingSecret) -}}
{{- fail "production: broker.keda.existingSecret is empty, so KEDA would read Redis without a password. Name a Secret with `username` and `password` of an ACL user with +ping +eval +type +llen +hlen." -}}
{{- end -}}
{{- if not .Values.auth.enabled -}}
{{- fail "production: auth.enabled is false, so everybody who reaches the Service could run jobs. Set it to true." -}}
{{- end -}}
{{- if and .Values.flower.enabled (not .Values.flower.auth.enabled) -}}
{{- fail "production: flower.auth.enabled is false, and Flower shows the arguments of every task. Set it to true." -}}
{{- end -}}
{{- if and (not .Values.api.autoscaling.enabled) (lt (int .Values.api.replicas) 2) -}}
{{- fail "production: api.replicas is 1, so the end of a node would be that of the API. Set api.replicas to 2 or more, or api.autoscaling.enabled to true." -}}
{{- end -}}
{{- $parts := dict "api" .Values.api "beat" .Values.beat "migrate" .Values.migrate -}}
{{- range $name := list "scaler" "exporter" "celeryExporter" "flower" -}}
{{- if (index $.Values $name).enabled -}}
{{- $_ := set $parts $name (index $.Values $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := keys .Values.workers | sortAlpha -}}
{{- $_ := set $parts (printf "workers.%s" $name) (include "windrow.pool" (list $ $name) | fromYaml) -}}
{{- end -}}
{{- range $name := keys $parts | sortAlpha -}}
{{- $resources := (index $parts $name).resources | default dict -}}
{{- if or (not ($resources.requests | default dict).cpu) (not ($resources.requests | default dict).memory) (not ($resources.limits | default dict).memory) -}}
{{- fail (printf "production: %s.resources has no requests.cpu, requests.memory or limits.memory, so one pod could starve its node. Set all three." $name) -}}
{{- end -}}
{{- end -}}
{{- end }}
