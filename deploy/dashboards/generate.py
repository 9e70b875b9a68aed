#!/usr/bin/env python3
"""Makes the dashboards of Grafana in this folder from source/*.toml, with Python 3.11 or later and nothing else.

    deploy/dashboards/generate.py            write them
    deploy/dashboards/generate.py --check    write nothing; exit code 1 where one is not what its source makes

A source has rows, and a row has panels. A panel is placed to the right of the one before it, or below where it does not fit.

    kind     stat, time, state (a line of colours per series) or table
    width    of 24; height in Grafana's units of about 40 pixels
    unit     as Grafana names it
    about    what it shows and what is normal
    runbook  the alerts whose pages help
    queries  [expression, legend], of a table [expression, name of the column, its unit]
    limits   [value, colour]: from this value on
    colors   of a time panel: the colour of a series by its legend; others get one of a palette
    label    of a table: the label that its rows are joined by, and the heading of that column

In an expression `{@}` stands for what the variables choose: `{namespace=~"$namespace",job=~"$job",instance=~"$instance"}`.
"""

import json
import pathlib
import sys
import tomllib

sys.dont_write_bytecode = True

from kinds import KINDS, columns, thresholds  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
RUNBOOKS = "docs/runbooks"
SCHEMA_VERSION = 39  # that of Grafana 11; a later one reads it
CHOSEN = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Variables by name: what is asked for their values. `.*` for all lets series pass that have no such label, as without Kubernetes.
VARIABLES = {
    "namespace": ("Namespace", "label_values(forebay_build_info, namespace)", ".*"),
    "job": ("Job", 'label_values(forebay_build_info{namespace=~"$namespace"}, job)', ".*"),
    "instance": ("Instance", 'label_values(forebay_build_info{namespace=~"$namespace",job=~"$job"}, instance)', ".*"),
    "source": ("Source", "label_values(forebay_ingest_received_total{@}, source)", ".*"),
    "sink": ("Sink", "label_values(forebay_processor_joined{@}, sink)", ".*"),
    # Without `.*`: all are those that have a table, not those of the processor.
    "table_sink": ("Sink", "label_values(forebay_sinks_table_batch_seconds_count{@}, sink)", None),
    "endpoint": ("Endpoint", "label_values(forebay_sinks_http_attempts_total{@}, endpoint)", ".*"),
}


def expanded(expression):
    return " ".join(expression.split()).replace("{@", "{" + CHOSEN)


def variable(name):
    label, query, everything = VARIABLES[name]
    query = expanded(query)
    made = {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": "values", "qryType": 1},
        "definition": query,
        "includeAll": True,
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "refresh": 2,  # when the time range changes
        "sort": 1,
    }
    if everything:
        made["allValue"] = everything
    return made


def variables(names):
    datasource = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "refresh": 1,
    }
    return [datasource, *(variable(name) for name in ["namespace", "job", "instance", *names])]


def description(panel):
    text = " ".join(panel["about"].split())
    pages = [f"`{RUNBOOKS}/{alert}.md`" for alert in panel.get("runbook", [])]
    if pages:
        text += f"\n\nRunbook: {', '.join(pages)}"
    return text


def targets(panel):
    made = []
    for place, (expression, legend, *_) in enumerate(panel["queries"]):
        # What counts over the whole time shown is one number, not a line.
        instant = panel["kind"] == "table" or "$__range" in expression
        target = {
            "refId": chr(ord("A") + place),
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": expanded(expression),
            "legendFormat": legend,
            "instant": instant,
            "range": not instant,
        }
        if panel["kind"] == "table":
            target["format"] = "table"
        made.append(target)
    return made


def made_panel(panel, number, place):
    options, defaults = KINDS[panel["kind"]](panel)
    defaults["unit"] = panel["unit"]
    defaults["thresholds"] = thresholds(panel.get("limits", []))
    for ours, grafanas in [("min", "min"), ("max", "max"), ("decimals", "decimals"), ("nothing", "noValue")]:
        if ours in panel:
            defaults[grafanas] = panel[ours]
    if panel["kind"] == "state":
        steps = [{"color": "red", "value": None}, {"color": "green", "value": 1}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    transformations, overrides = columns(panel) if panel["kind"] == "table" else ([], [])
    for name, color in panel.get("colors", {}).items():
        properties = [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}]
        overrides.append({"matcher": {"id": "byName", "options": name}, "properties": properties})
    return {
        "id": number,
        "type": {"time": "timeseries", "state": "state-timeline"}.get(panel["kind"], panel["kind"]),
        "title": panel["title"],
        "description": description(panel),
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": targets(panel),
        "options": options,
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "transformations": transformations,
    }


def panels(rows):
    made = []
    top = 0
    for row in rows:
        at = {"x": 0, "y": top, "w": 24, "h": 1}
        head = {"id": len(made) + 1, "type": "row", "title": row["title"], "collapsed": False}
        made.append({**head, "gridPos": at, "panels": []})
        left, top, tallest = 0, top + 1, 0
        for panel in row["panel"]:
            width, height = panel["width"], panel["height"]
            if left + width > 24:
                left, top, tallest = 0, top + tallest, 0
            made.append(made_panel(panel, len(made) + 1, {"x": left, "y": top, "w": width, "h": height}))
            left, tallest = left + width, max(tallest, height)
        top += tallest
    return made


def annotations():
    started = expanded("(time() - process_start_time_seconds{@} < 60) and on (job, instance) forebay_build_info{@}")
    return {
        "list": [
            {
                "name": "Process starts",
                "datasource": DATASOURCE,
                "enable": True,
                "hide": False,
                "iconColor": "purple",
                "expr": started,
                "step": "60s",
                "titleFormat": "process started",
                "textFormat": "{{instance}}",
            }
        ]
    }


def dashboard(source):
    made = tomllib.loads(source)
    link = {
        "title": "Forebay",
        "type": "dashboards",
        "icon": "dashboard",
        "tooltip": "",
        "tags": ["forebay"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }
    return {
        "uid": made["uid"],
        "title": made["title"],
        "description": " ".join(made["about"].split()),
        "tags": ["forebay"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        "links": [link],
        "annotations": annotations(),
        "templating": {"list": variables(made["variables"])},
        "panels": panels(made["row"]),
    }


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    stale = []
    sources = sorted((HERE / "source").glob("*.toml"))
    for source in sources:
        try:
            made = json.dumps(dashboard(source.read_text("utf-8")), indent=1, ensure_ascii=False) + "\n"
        except (KeyError, ValueError) as error:
            sys.exit(f"error: {source.name}: {error!r}")
        path = HERE / f"{source.stem}.json"
        if not path.exists() or path.read_text("utf-8") != made:
            stale.append(path.name)
            if not check:
                path.write_text(made, "utf-8")
    left = {path.stem for path in HERE.glob("*.json")} - {source.stem for source in sources}
    if left:
        sys.exit(f"error: no source makes {', '.join(sorted(left))}")
    if check and stale:
        sys.exit(f"error: run deploy/dashboards/generate.py: {', '.join(stale)}")
    print(f"{len(sources)} dashboards, {len(stale)} written" if not check else f"{len(sources)} dashboards are current")


if __name__ == "__main__":
    main()
