{{/* A number of the configuration, which may have a unit, in the unit that its key ends with. Takes `value`, `key` and `units`, a map
     of each unit to its factor. Helm reads numbers as floats, hence the detour over int64. */}}
{{- define "forebay.number" -}}
{{- if kindIs "string" .value }}
{{- $number := regexFind "^[0-9]+" .value }}
{{- $unit := .value | trimPrefix $number | trim }}
{{- if or (not $number) (and $unit (not (hasKey .units $unit))) }}
{{- fail (printf "`config.%s` is `%s`, from which the chart has to derive something: give it as a number, as in %s" .key .value .example) }}
{{- end }}
{{- mul (int64 $number) (get .units $unit | default 1) }}
{{- else }}
{{- int64 .value }}
{{- end }}
{{- end }}

{{/* Milliseconds. Takes `value` and `key`. */}}
{{- define "forebay.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 }}
{{- include "forebay.number" (dict "value" .value "key" .key "units" $units "example" "5000 or 5s") }}
{{- end }}

{{/* Hours. Takes `value` and `key`. */}}
{{- define "forebay.hours" -}}
{{- include "forebay.number" (dict "value" .value "key" .key "units" (dict "h" 1 "d" 24) "example" "168 or 7d") }}
{{- end }}

{{/* Bytes. Takes `value` and `key`. */}}
{{- define "forebay.bytes" -}}
{{- $units := dict "B" 1 "kB" 1000 "KB" 1000 "MB" 1000000 "GB" 1000000000 "KiB" 1024 "MiB" 1048576 "GiB" 1073741824 }}
{{- include "forebay.number" (dict "value" .value "key" .key "units" $units "example" "1048576 or 1MiB") }}
{{- end }}

{{/* A number without a unit. Takes `value` and `key`. */}}
{{- define "forebay.count" -}}
{{- include "forebay.number" (dict "value" .value "key" .key "units" dict "example" "12") }}
{{- end }}

{{/* The port of an address to listen on. Takes `value` and `key`. A pod has to listen on all its addresses. */}}
{{- define "forebay.port" -}}
{{- $port := regexFind "[0-9]+$" (toString .value) }}
{{- if or (not $port) (hasPrefix "127." .value) (hasPrefix "localhost:" .value) (hasPrefix "[::1]" .value) }}
{{- fail (printf "`config.%s` is `%s`, where nothing outside of the pod reaches it: give 0.0.0.0 and a port, as in 0.0.0.0:8080" .key .value) }}
{{- end }}
{{- $port }}
{{- end }}
