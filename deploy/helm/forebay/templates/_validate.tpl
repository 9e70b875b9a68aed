{{/* Refuses values that would make an installation that does not work, with the way out. Returns nothing. */}}
{{- define "forebay.validate" -}}
{{- range list "image" "config" "rules" "podDefaults" "ingest" "workerDefaults" "migrate" "serviceAccount" "networkPolicy" "monitoring" "strimzi" "tests" }}
{{- if not (kindIs "map" (get $.Values .)) }}
{{- fail (printf "\n\n`%s:` has nothing below it in your values, which takes the chart's own values of it away: remove that line, or write `%s: {}`.\n" . .) }}
{{- end }}
{{- end }}
{{- if and .Values.rules.rules .Values.config.rules_file }}
{{- fail "\n\nBoth `rules` and `config.rules_file` are set: give the rules under `rules`, or a file of your own in `config.rules_file`.\n" }}
{{- end }}
{{- if dig "sqlite" dict (.Values.config.store | default dict) }}
{{- fail "\n\n`config.store.sqlite` is a file of one process, and each pod would have its own: name a PostgreSQL in `config.store.postgres`.\n" }}
{{- end }}
{{- if not (has .Values.migrate.mode (list "hook" "job")) }}
{{- fail (printf "\n\n`migrate.mode` is `%s`: give hook or job.\n" .Values.migrate.mode) }}
{{- end }}
{{- $fullname := include "forebay.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $fullname) }}
{{- fail (printf "\n\nThe names of all objects would begin with `%s`, and Kubernetes takes only lower-case letters, digits and `-`, with a letter first: set `fullnameOverride`.\n" $fullname) }}
{{- end }}
{{- $taken := list }}
{{- range .Values.config.sources }}{{ $taken = append $taken .id }}{{ end }}
{{- range .Values.config.endpoints }}{{ $taken = append $taken .id }}{{ end }}
{{- if and (include "forebay.tests" .) (has "helm-test" $taken) }}
{{- fail "\n\nThe id `helm-test` belongs to `helm test`: give your source or endpoint another, or set `tests.enabled` to false.\n" }}
{{- end }}
{{- if not (or .Values.ingest.enabled (include "forebay.workers" . | fromYaml)) }}
{{- fail "\n\nNothing is left to run: `ingest.enabled` is false, and `workers` has none.\n" }}
{{- end }}
{{- $owner := dict }}
{{- range $name, $role := include "forebay.workers" . | fromYaml }}
{{- $full := printf "%s-worker-%s" (include "forebay.fullname" $) $name }}
{{- if or (gt (len $full) 63) (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" $name)) }}
{{- fail (printf "\n\nThe worker `%s` cannot be called so, because `%s` would be the name of its Deployment: use at most 63 lower-case letters, digits and `-`.\n" $name $full) }}
{{- end }}
{{- if not $role.sinks }}
{{- fail (printf "\n\n`workers.%s.sinks` is empty: name the sinks that it runs, as in [postgres].\n" $name) }}
{{- end }}
{{- range $role.sinks }}
{{- if hasKey $owner . }}
{{- fail (printf "\n\nThe workers `%s` and `%s` both run the sink `%s`: give it to one of them, with as many replicas as both have.\n" (get $owner .) $name .) }}
{{- end }}
{{- $_ := set $owner . $name }}
{{- if not (hasKey ($.Values.config.sinks | default dict) .) }}
{{- fail (printf "\n\nThe worker `%s` runs the sink `%s`, which `config.sinks` does not have: add it there, or take the worker out with `workers.%s: null`.\n" $name . $name) }}
{{- end }}
{{- end }}
{{- if and (dig "autoscaling" "enabled" false $role) (dig "keda" "enabled" false $role) }}
{{- fail (printf "\n\n`workers.%s` has `autoscaling` and `keda` enabled: only one of them can decide how many pods there are.\n" $name) }}
{{- end }}
{{- $most := dict "key" "replicas" "value" $role.replicas }}
{{- if dig "keda" "enabled" false $role }}
{{- $most = dict "key" "keda.maxReplicaCount" "value" $role.keda.maxReplicaCount }}
{{- else if dig "autoscaling" "enabled" false $role }}
{{- $most = dict "key" "autoscaling.maxReplicas" "value" $role.autoscaling.maxReplicas }}
{{- end }}
{{- $partitions := include "forebay.partitions" $ }}
{{- if and $partitions (gt (int64 $most.value) (int64 $partitions)) }}
{{- fail (printf "\n\n`workers.%s.%s` is %d, but the events topic has %s partitions (`config.event_log.partitions`), and a pod without one does nothing: give at most that.\n" $name $most.key (int64 $most.value) $partitions) }}
{{- end }}
{{- end }}
{{- if and .Values.ingest.httpRoute.enabled (not .Values.ingest.httpRoute.parentRefs) }}
{{- fail "\n\n`ingest.httpRoute.parentRefs` is empty: name the Gateway, as in [{name: public, namespace: gateways}].\n" }}
{{- end }}
{{- if and .Values.monitoring.serviceMonitor.enabled .Values.monitoring.podMonitor.enabled }}
{{- fail "\n\n`monitoring.serviceMonitor` and `monitoring.podMonitor` are both enabled, so that everything would be counted twice: keep one.\n" }}
{{- end }}
{{- if .Values.strimzi.enabled }}
{{- if not .Values.strimzi.cluster }}
{{- fail "\n\n`strimzi.cluster` is empty: give the name of the Kafka resource.\n" }}
{{- end }}
{{- if and .Values.strimzi.users.enabled .Values.migrate.enabled (eq .Values.migrate.mode "hook") }}
{{- fail "\n\n`strimzi.users` makes the users together with the release, but with `migrate.mode: hook` the tables and topics are made before: set `migrate.mode` to job.\n" }}
{{- end }}
{{- end }}
{{- end }}
