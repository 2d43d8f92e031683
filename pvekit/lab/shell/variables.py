"""A shell's variables: which are exported, read-only or local to a function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping

from pvekit.lab.shell.control import ShellError


class Variables(MutableMapping[str, str]):
    """Variables by name; assigning to a read-only one raises :class:`ShellError`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._values = dict(environment)
        self.exported = set(environment)
        self.readonly: set[str] = set()
        self._scopes: list[dict[str, str | None]] = []

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._refuse_readonly(name)
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        self._refuse_readonly(name)
        self._values.pop(name, None)
        self.exported.discard(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _refuse_readonly(self, name: str) -> None:
        if name in self.readonly:
            raise ShellError(f"{name}: is read only")

    def copy(self) -> Variables:
        """Return the variables of a subshell."""
        other = Variables(self._values)
        other.exported = set(self.exported)
        other.readonly = set(self.readonly)
        other._scopes = [dict(scope) for scope in self._scopes]
        return other

    def environment(self) -> dict[str, str]:
        """Return what a program gets."""
        return {name: self._values[name] for name in self.exported if name in self._values}

    def enter(self) -> None:
        """Begin a function."""
        self._scopes.append({})

    def leave(self) -> None:
        """End a function: its local variables get back what they were."""
        for name, value in self._scopes.pop().items():
            if value is None:
                self._values.pop(name, None)
            else:
                self._values[name] = value

    @property
    def in_function(self) -> bool:
        """Tell whether a function is running."""
        return bool(self._scopes)

    def make_local(self, name: str) -> None:
        """Make a variable local to the present function; it keeps its value."""
        if not self._scopes:
            raise ShellError("local: not in a function")
        self._scopes[-1].setdefault(name, self._values.get(name))
