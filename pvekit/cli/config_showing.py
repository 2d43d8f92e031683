"""``config view``: the configuration as rows, or as the document that it is."""

from __future__ import annotations

import json

from pvekit.cli.app import App
from pvekit.cli.output import Form, View, emit, emit_one

VALUES = View(kind="ConfigValue", name="{key}", columns=("key", "value"))
ORIGINS = View(kind="ConfigValue", name="{key}", columns=("key", "value", "origin"))
CONFIG = View(kind="Config", name="config", columns=("config",))


def view(app: App, form: Form, *, origin: bool) -> None:
    """Print every value; with ``origin`` each with where it comes from."""
    from pvekit.config.faults import ConfigFaults
    from pvekit.config.load import together
    from pvekit.config.viewing import tree, values

    document = together(app.sources)
    if document.faults:
        raise ConfigFaults(document.faults)
    shown = values(document)
    if form.name in ("json", "yaml") and not origin:
        emit_one(form, CONFIG, {"config": tree(shown)})
        return
    plain = form.name in ("json", "yaml")
    rows = [
        {
            "key": each.key,
            "value": each.value if plain else _text(each.value),
            "origin": each.origin,
        }
        for each in shown
    ]
    emit(form, ORIGINS if origin else VALUES, rows)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
