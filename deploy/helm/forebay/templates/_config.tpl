{{/* The program's own defaults that the chart derives something from, as long as the configuration does not name them. */}}
{{- define "forebay.setting" -}}
{{- $found := .root.Values.config }}
{{- range splitList "." .key }}
{{- $found = get ($found | default dict) . }}
{{- end }}
{{- if kindIs "invalid" $found }}{{ .default }}{{ else if eq (toString $found) "" }}{{ .default }}{{ else if kindIs "float64" $found }}{{ int64 $found }}{{ else }}{{ $found }}{{ end }}
{{- end }}

{{/* The port of webhooks. */}}
{{- define "forebay.httpPort" -}}
{{- include "forebay.port" (dict "key" "ingest.listen" "value" (include "forebay.setting" (dict "root" . "key" "ingest.listen" "default" "127.0.0.1:8080"))) }}
{{- end }}

{{/* The port of probes and metrics. */}}
{{- define "forebay.adminPort" -}}
{{- include "forebay.port" (dict "key" "admin.listen" "value" (include "forebay.setting" (dict "root" . "key" "admin.listen" "default" "127.0.0.1:9464"))) }}
{{- end }}

{{/* The path below which webhooks come in. */}}
{{- define "forebay.ingestPath" -}}
{{- include "forebay.setting" (dict "root" . "key" "ingest.base_path" "default" "") }}/in
{{- end }}

{{/* How many partitions the events topic has. Nothing if that is a variable. */}}
{{- define "forebay.partitions" -}}
{{- $partitions := include "forebay.setting" (dict "root" . "key" "event_log.partitions" "default" "12") }}
{{- if not (contains "${" $partitions) }}
{{- include "forebay.count" (dict "key" "event_log.partitions" "value" $partitions) }}
{{- end }}
{{- end }}

{{/* What topics and groups begin with. */}}
{{- define "forebay.topicPrefix" -}}
{{- include "forebay.setting" (dict "root" . "key" "event_log.topic_prefix" "default" "forebay") }}
{{- end }}

{{/* The brokers. */}}
{{- define "forebay.brokers" -}}
{{- $brokers := dig "event_log" "kafka" "brokers" "" .Values.config }}
{{- if not $brokers }}
{{- fail "\n\n`config.event_log.kafka.brokers` is missing: name the brokers, as in kafka-1:9092,kafka-2:9092.\n" }}
{{- end }}
{{- $brokers }}
{{- end }}

{{/* Whether one of the workers runs a sink: "true" or nothing. Takes `root` and `sink`. */}}
{{- define "forebay.runs" -}}
{{- $runs := false }}
{{- range $name, $worker := .root.Values.workers }}
{{- if and $worker (ne (toString $worker.enabled) "false") (has $.sink ($worker.sinks | default list)) }}
{{- $runs = true }}
{{- end }}
{{- end }}
{{- if $runs }}true{{ end }}
{{- end }}

{{/* Whether the test could reach ingest: "true" or nothing. It speaks no PROXY protocol. */}}
{{- define "forebay.tests.possible" -}}
{{- if and .Values.tests.enabled .Values.ingest.enabled (ne (include "forebay.setting" (dict "root" . "key" "ingest.proxy_protocol" "default" "false")) "true") }}true{{ end }}
{{- end }}

{{/* Whether `helm test` is there: "true" or nothing. It has to look somewhere. */}}
{{- define "forebay.tests" -}}
{{- if or (include "forebay.tests.table" .) (include "forebay.tests.receiver" .) }}true{{ end }}
{{- end }}

{{/* Whether the test looks for the row: "true" or nothing. */}}
{{- define "forebay.tests.table" -}}
{{- if and (include "forebay.tests.possible" .) (include "forebay.runs" (dict "root" . "sink" "postgres")) (ne (toString .Values.tests.table) "false") }}true{{ end }}
{{- end }}

{{/* Whether the test receives the delivery: "true" or nothing. */}}
{{- define "forebay.tests.receiver" -}}
{{- if and (include "forebay.tests.possible" .) (include "forebay.runs" (dict "root" . "sink" "http")) (ne (toString .Values.tests.receiver) "false") }}true{{ end }}
{{- end }}

{{/* The section `store`, as YAML; nothing if there is none. Without a database of its own it has that of the sink postgres, where the
     sink http runs, which alone needs it: the same URL, and the same user and password unless it names others. */}}
{{- define "forebay.store" -}}
{{- $sinks := .Values.config.sinks | default dict }}
{{- $store := deepCopy (.Values.config.store | default dict) }}
{{- $table := get $sinks "postgres" | default dict }}
{{- $own := dig "postgres" "url" "" $store }}
{{- if and (hasKey .Values.config "store") (hasKey $sinks "http") $table.url (not $own) (not $store.sqlite) }}
{{- $postgres := pick $table "url" "user" "password" }}
{{- include "forebay.merge" (dict "into" $postgres "from" ($store.postgres | default dict)) }}
{{- $_ := set $store "postgres" $postgres }}
{{- end }}
{{- if $store }}{{ toYaml $store }}{{ end }}
{{- end }}

{{/* The whole configuration, as YAML: that of the values, with the store, what `helm test` needs, and where the rules are. */}}
{{- define "forebay.config.whole" -}}
{{- $config := omit (deepCopy .Values.config) "store" }}
{{- with include "forebay.store" . }}
{{- $_ := set $config "store" (fromYaml .) }}
{{- end }}
{{- if include "forebay.tests" . }}
{{- $secrets := list "${HELM_TEST_SECRET}" }}
{{- $source := dict "id" "helm-test" "platform" "standard" "tenant" "helm-test" "secrets" $secrets }}
{{- $_ := set $config "sources" (append ($config.sources | default list) $source) }}
{{- if include "forebay.tests.receiver" . }}
{{- $host := printf "%s-test.%s.svc" (include "forebay.fullname" .) .Release.Namespace }}
{{- $endpoint := dict "id" "helm-test" "tenant" "helm-test" "url" (printf "http://%s:9000/" $host) "secrets" $secrets }}
{{- $_ := set $config "endpoints" (append ($config.endpoints | default list) $endpoint) }}
{{- $_ := set $config.sinks.http "allowed_hosts" (append ($config.sinks.http.allowed_hosts | default list) $host) }}
{{- end }}
{{- end }}
{{- if .Values.rules.rules }}
{{- $_ := set $config "rules_file" "rules/rules.yaml" }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* The configuration of ingest: without what only workers read. */}}
{{- define "forebay.config.ingest" -}}
{{- omit (include "forebay.config.whole" . | fromYaml) "sinks" "endpoints" "store" "processor" "rules_file" | toYaml }}
{{- end }}

{{/* The configuration of a worker: without what only ingest reads, and with its own sinks alone. Endpoints, and the store in which
     their deliveries wait, are for the sink http. Takes `root` and `sinks`. */}}
{{- define "forebay.config.worker" -}}
{{- $whole := include "forebay.config.whole" .root | fromYaml }}
{{- $config := omit $whole "sources" "ingest" "endpoints" "store" "sinks" }}
{{- $sinks := dict }}
{{- range .sinks }}
{{- $_ := set $sinks . (get $whole.sinks .) }}
{{- end }}
{{- $_ := set $config "sinks" $sinks }}
{{- if has "http" .sinks }}
{{- range list "endpoints" "store" }}
{{- if get $whole . }}
{{- $_ := set $config . (get $whole .) }}
{{- end }}
{{- end }}
{{- end }}
{{- /* Publishing has to end within the budget of ingest, which is checked wherever the configuration is read. */}}
{{- if and (dig "ingest" "ack_budget_ms" "" $whole) (dig "event_log" "kafka" "publish_timeout_ms" "" $whole) }}
{{- $_ := set $config "ingest" (pick $whole.ingest "ack_budget_ms") }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* The configuration of the test: its own source, its own endpoint, and the database that it looks into. */}}
{{- define "forebay.config.test" -}}
{{- $whole := include "forebay.config.whole" . | fromYaml }}
{{- $config := pick $whole "logging" }}
{{- $_ := set $config "sources" (list (last $whole.sources)) }}
{{- if include "forebay.tests.receiver" . }}
{{- $_ := set $config "endpoints" (list (last $whole.endpoints)) }}
{{- end }}
{{- if include "forebay.tests.table" . }}
{{- $_ := set $config "sinks" (pick $whole.sinks "postgres") }}
{{- with (dig "event_log" "retention_hours" "" $whole) }}
{{- $_ := set $config "event_log" (dict "retention_hours" .) }}
{{- end }}
{{- end }}
{{- with (dig "ingest" "base_path" "" $whole) }}
{{- $_ := set $config "ingest" (dict "base_path" .) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* A configuration as it stands in its ConfigMap. YAML, unless a long line would be broken inside of a reference, which the program
     reads before the YAML; JSON is YAML without line breaks. */}}
{{- define "forebay.config.text" -}}
{{- if regexMatch "\\$\\{[^}\\n]*\\n" . }}
{{- fromYaml . | toRawJson }}
{{- else }}
{{- . }}
{{- end }}
{{- end }}

{{/* The rules file as YAML, nothing if there is none. Every rule that matches counts, so that the test's own changes no other. */}}
{{- define "forebay.rules" -}}
{{- if .Values.rules.rules }}
{{- $rules := deepCopy .Values.rules }}
{{- $to := list }}
{{- if include "forebay.tests.table" . }}{{ $to = append $to "postgres" }}{{ end }}
{{- if include "forebay.tests.receiver" . }}{{ $to = append $to "http:helm-test" }}{{ end }}
{{- if $to }}
{{- $own := dict "name" "helm-test" "when" "event.tenant == \"helm-test\"" "to" $to }}
{{- $_ := set $rules "rules" (append $rules.rules $own) }}
{{- end }}
{{- toYaml $rules }}
{{- end }}
{{- end }}
