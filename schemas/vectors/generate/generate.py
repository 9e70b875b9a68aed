"""Writes the vectors of all platforms. Called by `run`."""

import importlib
import json
import sys
from pathlib import Path

from vectors.libraries import Node
from vectors.sheet import Sheet

HERE = Path(__file__).resolve().parent


def main(node_folder, *options):
    check = "--check" in options
    wanted = [o for o in options if not o.startswith("-")]
    Node.start(node_folder)
    different = []
    for module in sorted(p.stem for p in (HERE / "platforms").glob("*.py")):
        if wanted and module not in wanted:
            continue
        sheet = Sheet(module)
        importlib.import_module(f"platforms.{module}").build(sheet)
        if len(sheet.cases) < 30:
            raise SystemExit(f"{module} has {len(sheet.cases)} cases only")
        written = sheet.to_json()
        json.loads(written)
        target = HERE.parent / f"{module}.json"
        if check:
            if not target.exists() or target.read_bytes() != written:
                different.append(module)
        else:
            target.write_bytes(written)
        verdicts = [case["verdict"] for case in sheet.cases]
        print(f"{module:15} {len(sheet.cases):4} cases: {verdicts.count('accept'):3} accepted, "
              f"{verdicts.count('refuse'):3} refused, {verdicts.count('handshake'):2} handshakes; "
              f"confirmed {sheet.confirmed} times by libraries; {len(written) // 1024} KiB")
    Node.stop()
    if different:
        raise SystemExit(f"not as committed: {', '.join(different)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
