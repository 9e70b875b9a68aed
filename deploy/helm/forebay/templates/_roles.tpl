{{/* Puts the keys of `from` into `into`, and maps into maps; null takes a key out. The functions of Helm that merge skip what is
     false, 0 or empty. Returns nothing. */}}
{{- define "forebay.merge" -}}
{{- $into := .into }}
{{- range $key, $value := .from }}
{{- if kindIs "invalid" $value }}
{{- $_ := unset $into $key }}
{{- else if and (kindIs "map" $value) (kindIs "map" (get $into $key)) }}
{{- include "forebay.merge" (dict "into" (get $into $key) "from" $value) }}
{{- else }}
{{- $_ := set $into $key $value }}
{{- end }}
{{- end }}
{{- end }}

{{/* What holds for a role's pods, as YAML: of these `layers` the later ones count, but for lists of things to add, which are joined. */}}
{{- define "forebay.role" -}}
{{- $role := dict }}
{{- range $layer := .layers }}
{{- $layer = deepCopy ($layer | default dict) }}
{{- range list "env" "envFrom" "volumes" "volumeMounts" "initContainers" "extraContainers" "hostAliases" "extraIngress" "extraEgress" }}
{{- if and (get $role .) (get $layer .) }}
{{- $_ := set $layer . (concat (get $role .) (get $layer .)) }}
{{- end }}
{{- end }}
{{- include "forebay.merge" (dict "into" $role "from" $layer) }}
{{- end }}
{{- toYaml $role }}
{{- end }}

{{/* Ingest's values, as YAML. */}}
{{- define "forebay.role.ingest" -}}
{{- include "forebay.role" (dict "layers" (list .Values.podDefaults .Values.ingest)) }}
{{- end }}

{{/* The workers by their names, as YAML: their values, without those that are switched off. */}}
{{- define "forebay.workers" -}}
{{- $workers := dict }}
{{- range $name, $worker := .Values.workers }}
{{- if and (kindIs "map" $worker) (ne (toString $worker.enabled) "false") }}
{{- $role := include "forebay.role" (dict "layers" (list $.Values.podDefaults $.Values.workerDefaults $worker)) | fromYaml }}
{{- $_ := set $workers $name $role }}
{{- end }}
{{- end }}
{{- toYaml $workers }}
{{- end }}

{{/* The values of the pod that migrates, as YAML. */}}
{{- define "forebay.role.migrate" -}}
{{- include "forebay.role" (dict "layers" (list .Values.podDefaults .Values.migrate)) }}
{{- end }}

{{/* The values of the pod that tests, as YAML. */}}
{{- define "forebay.role.test" -}}
{{- include "forebay.role" (dict "layers" (list .Values.podDefaults .Values.tests)) }}
{{- end }}

{{/* How many pods a role has at least, whoever decides it. Takes the role's values. */}}
{{- define "forebay.leastReplicas" -}}
{{- if dig "autoscaling" "enabled" false . }}{{ int64 .autoscaling.minReplicas }}
{{- else if dig "keda" "enabled" false . }}{{ int64 .keda.minReplicaCount }}
{{- else }}{{ int64 .replicas }}{{ end }}
{{- end }}

{{/* Whether something else than the Deployment decides how many pods there are: "true" or nothing. Takes the role's values. */}}
{{- define "forebay.isScaled" -}}
{{- if or (dig "autoscaling" "enabled" false .) (dig "keda" "enabled" false .) }}true{{ end }}
{{- end }}

{{/* How long a pod may take to end, seconds: the waits of the program one after another, something for leaving the group and for the
     last records of the producer (5 s), and for the sink http, for giving its part of the backlog back and for the last attempts (3 s).
     Takes `root`, `role` and `kind`. */}}
{{- define "forebay.gracePeriod" -}}
{{- $own := .role.terminationGracePeriodSeconds }}
{{- if not (kindIs "invalid" $own) }}
{{- int64 $own }}
{{- else }}
{{- $waits := dict "ingest" (dict "ingest.shutdown_delay_ms" "0" "ingest.drain_timeout_ms" "20000") "worker" (dict "processor.drain_ms" "10000" "processor.revoke_ms" "4000") }}
{{- $seconds := add 10 (int64 (.role.preStopSleepSeconds | default 0)) }}
{{- if and (eq .kind "worker") (has "http" .role.sinks) }}{{ $seconds = add $seconds 5 }}{{ end }}
{{- range $key, $default := get $waits .kind }}
{{- $ms := include "forebay.milliseconds" (dict "key" $key "value" (include "forebay.setting" (dict "root" $.root "key" $key "default" $default))) }}
{{- $seconds = add $seconds (div (add (int64 $ms) 999) 1000) }}
{{- end }}
{{- $seconds }}
{{- end }}
{{- end }}
