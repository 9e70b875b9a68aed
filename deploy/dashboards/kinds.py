"""The kinds of panels: for each its options, and the defaults of its fields, as Grafana reads them."""

OK_OR_NOT = [
    {
        "type": "value",
        "options": {
            "0": {"text": "not met", "color": "red", "index": 0},
            "1": {"text": "met", "color": "green", "index": 1},
        },
    }
]


def thresholds(limits):
    steps = [{"color": "green" if limits else "blue", "value": None}]
    steps += [{"color": color, "value": value} for value, color in limits]
    return {"mode": "absolute", "steps": steps}


def stat(panel):
    limits = panel.get("limits", [])
    counted = any("$__range" in expression for expression, *_ in panel["queries"])
    options = {
        "colorMode": "background" if limits else "value",
        "graphMode": "none" if counted else "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": panel.get("text", "auto"),
        "wideLayout": True,
    }
    return options, {"color": {"mode": "thresholds"}}


def time(panel):
    limits = panel.get("limits", [])
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if panel.get("stack") else 8,
        "showPoints": "never",
        "spanNulls": False,
        "axisSoftMin": 0,
        "stacking": {"mode": "normal" if panel.get("stack") else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    options = {
        "legend": {
            "showLegend": True,
            "displayMode": "table",
            "placement": "bottom",
            "calcs": ["lastNotNull", "max"],
            "sortBy": "Max",
            "sortDesc": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return options, {"color": {"mode": "palette-classic"}, "custom": custom}


def state(_):
    options = {
        "mergeValues": True,
        "showValue": "never",
        "rowHeight": 0.8,
        "alignValue": "left",
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single"},
    }
    defaults = {
        "color": {"mode": "thresholds"},
        "custom": {"lineWidth": 0, "fillOpacity": 80},
        "mappings": OK_OR_NOT,
    }
    return options, defaults


def table(_):
    options = {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": []}}
    return options, {"color": {"mode": "thresholds"}, "custom": {"align": "auto", "filterable": False}}


def columns(panel):
    """The transformations that join the queries into one table, and the units, limits and links of its columns."""
    label, heading = panel["label"]
    names = {label: heading}
    overrides = []
    for place, (_, name, unit) in enumerate(panel["queries"]):
        names[f"Value #{chr(ord('A') + place)}"] = name
        properties = [{"id": "unit", "value": unit}]
        if name in panel.get("column_limits", {}):
            properties.append({"id": "thresholds", "value": thresholds(panel["column_limits"][name])})
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        overrides.append({"matcher": {"id": "byName", "options": name}, "properties": properties})
    if "link" in panel:
        uid, chosen = panel["link"]
        keep = "${__url_time_range}&${datasource:queryparam}&${namespace:queryparam}&${job:queryparam}"
        link = {"title": "Look closer", "url": f"/d/{uid}?{keep}&var-{chosen}=${{__value.raw}}"}
        overrides.append(
            {"matcher": {"id": "byName", "options": heading}, "properties": [{"id": "links", "value": [link]}]}
        )
    order = {name: place for place, name in enumerate([label, *panel.get("labels", []), *list(names)[1:]])}
    transformations = [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names},
        },
    ]
    return transformations, overrides


KINDS = {"stat": stat, "time": time, "state": state, "table": table}
