"""Writes the lab's data from the real programs' schemas: python -m tests.lab.schema.generate."""

from collections.abc import Mapping
from pathlib import Path

from tests.lab.schema import reduce, sources, wired
from tests.lab.schema.reduce import Specs, document, joined, reduced, returned

DATA = Path(__file__).parents[3] / "pvekit/lab/data"
VERBS = {"GET": "get", "POST": "create", "PUT": "set", "DELETE": "delete"}


def generated() -> dict[str, str]:
    """All data files by name."""
    files = {}
    for version in sources.VERSIONS:
        reduce.NAMED.clear()
        reduce.NAMED.update(sources.named_properties(version))
        for name, patterns in wired.PATTERNS.items():
            known = {n: {**s, "pattern": patterns.get(n)} for n, s in reduce.NAMED[name].items()}
            reduce.NAMED[name] = known
        reduce.MEMBERS["pve-priv-list"] = sources.privileges(version)
        for program in sources.programs(version):
            files[f"{program}-{version}.json"] = _table(program, version)
        files[f"ha-manager-{version}.json"] = _ha_manager(version)
        files[f"api-{version}.json"] = _api(version)
    return files


def collapsed(options: Mapping[str, Mapping]) -> dict[str, dict]:
    """Options by name; net0, net1, ... become one entry "net[n]" with the count of its numbers."""
    result = {}
    for name, spec in options.items():
        if spec.get("same_format_as") is None:
            result[name] = reduced(spec)
    for base in [spec["same_format_as"] for spec in options.values() if "same_format_as" in spec]:
        stem = base.removesuffix("0") + "[n]"
        if base in result:
            result[stem] = {**result.pop(base), "numbers": 1}
        result[stem]["numbers"] += 1
    return result


def _lost(version: str) -> dict[str, list[dict]]:
    """The API's parameters with patterns, by name."""
    found: dict[str, list[dict]] = {}
    for node in sources.nodes(version):
        for method in node.get("info", {}).values():
            for name, spec in sources.parameters(method).items():
                if "(?^" in str(spec):
                    found.setdefault(name, []).append(reduced(spec))
    return found


def _table(program: str, version: str) -> str:
    specs = Specs()
    lost = _lost(version)
    aliases, commands = {}, {}
    for name, entry in sources.commands(program, version).items():
        if "alias" in entry:
            aliases[name] = _alias(name, entry["alias"])
            continue
        options = {
            option: reduce.with_lost_patterns(spec, lost.get(option, ()))
            for option, spec in collapsed(entry["options"]).items()
        }
        asked, times = wired.ASKED.get((program, entry["handler"]), ("", 0))
        if asked in options:
            options[asked]["asked"] = times
        commands[name] = {
            "of": entry["handler"].partition("->")[0],
            "args": entry["args"] if name or program != "vzdump" else entry["args"][0],
            "options": joined(specs.names(options)),
        }
    return document({"aliases": aliases, "commands": commands, "specs": _sorted(specs.by_name)})


def _alias(name: str, target: str) -> str:
    """An alias stands for words in its own group."""
    return f"{group} {target}" if (group := name.rpartition(" ")[0]) else target


def _ha_manager(version: str) -> str:
    methods = {
        f"{verb} {node['path']}": method
        for node in sources.nodes(version)
        for verb, method in node.get("info", {}).items()
    }
    specs = Specs()
    commands = {}
    wires = wired.HA_MANAGER | (wired.HA_RULES if version != "8.4" else {})
    for name, wire in sorted(wires.items()):
        known = sources.parameters(methods[wire.method]) if wire.method else wire.options
        options = {option: _parameter(spec) for option, spec in known.items()}
        commands[name] = {
            "of": wire.of,
            "args": list(wire.args),
            "options": joined(specs.names(options)),
        }
    return document(
        {"aliases": wired.HA_ALIASES, "commands": commands, "specs": _sorted(specs.by_name)}
    )


def _api(version: str) -> str:
    specs = Specs()
    paths, methods = {}, {"get /": wired.ROOT}
    counts = _counts(version)
    for node in sources.nodes(version):
        paths[node["path"]] = " ".join(child["text"] for child in node.get("children", ()))
        for verb, method in sorted(node.get("info", {}).items()):
            path = node["path"]
            options = {
                name: _parameter(spec, counts.get(("lxc" if "/lxc" in path else "", name)))
                for name, spec in sources.parameters(method).items()
            }
            entry = {"name": method["name"], "options": joined(specs.names(options))}
            if method.get("proxyto"):
                entry["proxyto"] = method["proxyto"]
            returns = method.get("returns") or {}
            if link := reduce.child(returns):
                entry["child"] = link
            entry["returns"] = returned(returns)
            methods[f"{VERBS[verb]} {path}"] = entry
    return document({"paths": paths, "methods": methods, "specs": _sorted(specs.by_name)})


def _parameter(spec: Mapping, count: int | None = None) -> dict:
    kept = reduced(spec)
    if count:
        kept["numbers"] = count
    if spec.get("instance-types"):
        kept["kinds"] = spec["instance-types"]
    return kept


def _counts(version: str) -> dict[tuple[str, str], int]:
    found = {("lxc", f"{stem}[n]"): count for stem, count in wired.LXC_NUMBERS.items()}
    found |= {("", f"{stem}[n]"): count for stem, count in wired.NUMBERS.items()}
    for program in {*sources.programs("8.4"), *sources.programs(version)}:
        known = version if program in sources.programs(version) else "8.4"
        for entry in sources.commands(program, known).values():
            for name, spec in collapsed(entry.get("options", {})).items():
                if "numbers" in spec:
                    found["", name] = max(spec["numbers"], found.get(("", name), 0))
    return found


def _sorted(specs: Mapping[str, Mapping]) -> dict[str, Mapping]:
    return dict(sorted(specs.items(), key=lambda item: item[0].split("#")))


def main() -> None:
    """Write all data files."""
    files = generated()
    for path in DATA.glob("*.json"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (DATA / name).write_text(text)


if __name__ == "__main__":
    main()
