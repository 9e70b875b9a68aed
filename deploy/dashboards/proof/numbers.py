"""Numbers as people read them."""

import math

SUFFIX = {"reqps": " req/s", "eps": " ev/s", "cps": " /s", "rowsps": " rows/s", "short": "", "none": ""}


def short(value):
    if value == 0:
        return "0"
    for size, letter in [(1e9, "G"), (1e6, "M"), (1e3, "k")]:
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1e}"


def shown(value, unit):
    """A number as people read it."""
    if value is None:
        return "-"
    if unit == "s":
        if value == 0:
            return "0 s"
        if abs(value) < 1:
            return f"{value * 1000:.3g} ms"
        return f"{value:.3g} s" if abs(value) < 120 else f"{value / 60:.3g} min"
    if unit == "bytes":
        for size, name in [(2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")]:
            if abs(value) >= size:
                return f"{value / size:.3g} {name}"
        return f"{value:.0f} B"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    return short(value) + SUFFIX.get(unit, f" {unit}")


def ticks(low, high, unit):
    """Three to six round numbers."""
    span = (high - low) or 1
    raw = span / 4
    power = 2 ** math.floor(math.log2(raw)) if unit == "bytes" else 10 ** math.floor(math.log10(raw))
    step = next((power * m for m in (1, 2, 5, 10) if power * m >= raw), power * 10)
    if unit == "s" and raw > 5:
        step = next(n for n in (10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 86400) if n >= raw)
    first = math.ceil(low / step)
    return [step * n for n in range(first, int(high / step + 1e-9) + 1)]
