{{/* The part of a configuration that names a variable, in words. Takes `config` (an object) and `variable`. */}}
{{- define "forebay.secrets.place" -}}
{{- $reference := printf "\\$\\{%s[}:-]" .variable }}
{{- $places := list }}
{{- range $section, $value := .config }}
{{- if regexMatch $reference (toYaml $value) }}
{{- if has $section (list "sources" "endpoints") }}
{{- range $value }}
{{- if regexMatch $reference (toYaml .) }}
{{- $places = append $places (printf "%s `%s`" (trimSuffix "s" $section) .id) }}
{{- end }}
{{- end }}
{{- else if eq $section "sinks" }}
{{- range $sink, $settings := $value }}
{{- if regexMatch $reference (toYaml $settings) }}
{{- $places = append $places (printf "`config.sinks.%s`" $sink) }}
{{- end }}
{{- end }}
{{- else }}
{{- $places = append $places (printf "`config.%s`" $section) }}
{{- end }}
{{- end }}
{{- end }}
{{- join ", " $places }}
{{- end }}

{{/* The variables that a configuration names, each with the Secret that it is read from, as YAML. Takes `root`, `role` (its values),
     `config` (YAML) and `component`. A variable that the pod gets by `env` or `envFrom` needs no Secret here, and one with a default
     none at all. `$${` is no reference. */}}
{{- define "forebay.secrets.used" -}}
{{- $known := mergeOverwrite (deepCopy (.root.Values.secrets | default dict)) (include "forebay.strimzi.secrets" . | fromYaml) (deepCopy (.role.secrets | default dict)) }}
{{- $given := list }}
{{- range concat (.role.env | default list) (include "forebay.strimzi.env" . | fromYamlArray) }}
{{- $given = append $given (trimSuffix "_FILE" .name) }}
{{- end }}
{{- $used := dict }}
{{- range regexFindAll "\\$\\$?\\{[A-Za-z_][A-Za-z0-9_]*(:?-)?" .config -1 | uniq }}
{{- if not (hasPrefix "$$" .) }}
{{- $variable := regexFind "[A-Za-z_][A-Za-z0-9_]*" . }}
{{- $secret := get $known $variable }}
{{- if has $variable $given }}
{{- else if $secret }}
{{- $_ := set $used $variable $secret }}
{{- else if not (or (hasSuffix "-" .) $.role.envFrom) }}
{{- $place := include "forebay.secrets.place" (dict "config" (fromYaml $.config) "variable" $variable) }}
{{- fail (printf "\n\nThe configuration names the variable %s (%s), and the pods of `%s` have no value for it.\nName the Secret that holds it:\n\n  secrets:\n    %s: {name: <Secret>, key: <key>}\n\nor provide it by `env` or `envFrom`, or give it a default: ${%s:-text}.\n" $variable $place $.component $variable $variable) }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $used }}
{{- end }}

{{/* Environment variables for these secrets: their values, or where the files are. Takes the YAML of `forebay.secrets.used`. */}}
{{- define "forebay.secrets.env" -}}
{{- range $variable, $secret := fromYaml . }}
{{- if eq ($secret.as | default "file") "env" }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name | quote }}
      key: {{ $secret.key | quote }}
{{- else }}
- name: {{ $variable }}_FILE
  value: /etc/forebay/secrets/{{ $variable }}
{{- end }}
{{- end }}
{{- end }}

{{/* The sources of the projected volume for those that are files. Takes the YAML of `forebay.secrets.used`. */}}
{{- define "forebay.secrets.files" -}}
{{- range $variable, $secret := fromYaml . }}
{{- if ne ($secret.as | default "file") "env" }}
- secret:
    name: {{ $secret.name | quote }}
    items:
      - key: {{ $secret.key | quote }}
        path: secrets/{{ $variable }}
{{- end }}
{{- end }}
{{- end }}
