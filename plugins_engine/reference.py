"""Write docs/reference/python-api.md from the docstrings of the public names: `python -m plugins_engine.reference`.

It reads the sources and imports none of them. A docstring tells of arguments as peft's do: a section `Args:` with a paragraph each.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from plugins_engine import HOMES

PACKAGE = Path(__file__).parent
PAGE = PACKAGE.parent / "docs" / "reference" / "python-api.md"
WIDEST = 100  # characters of a signature in one line
INTRODUCTION = """\
# The engine's Python API

`plugins_engine` exports what is on this page; all else may change without notice. It needs no market around it, and no network.
`python -m plugins_engine.reference` writes this page from the docstrings, and a test holds it true.

```python
from pathlib import Path

from plugins_engine import AdditionConfig, SampleRequest, add_concept, generate, load_base, read_works

base = load_base()
works = read_works(Path("works"))
result = add_concept(base, works, "Ada", "style", AdditionConfig.for_base(base, steps=300))
result.adapter.save("ada.safetensors")
[picture] = generate(base, SampleRequest("a castle, Ada style", plugins=[(result.adapter, 1.0)]))
```
"""


@dataclass(frozen=True)
class Documented:
    """A docstring in its two parts: the text, and what it says of each argument."""

    text: str
    arguments: dict[str, str]


class UndocumentedError(Exception):
    """Raised for a public name, or an argument of one, that its docstring does not tell of."""


def page() -> str:
    """Give the page."""
    parts = [INTRODUCTION]
    package = ""
    for module, names in HOMES.items():
        if (home := module.partition(".")[0]) != package:
            package = home
            parts.append(f"## {_title(home)}\n\n{_summary(_source(home))}\n")
        source = _source(module)
        parts += [entry(source, name) for name in names]
    return "\n".join(parts)


def documented(node: ast.ClassDef | ast.FunctionDef, name: str) -> Documented:
    """Take a docstring apart. Raises UndocumentedError where there is none."""
    said = ast.get_docstring(node)
    if not said:
        raise UndocumentedError(f"{name} has no docstring")
    text, _, listed = said.partition("\nArgs:\n")
    arguments: dict[str, str] = {}
    for line in textwrap.dedent(listed).splitlines():
        if found := re.match(r"(\w+): (.*)", line):
            arguments[found[1]] = found[2]
        elif line.strip():
            arguments[next(reversed(arguments))] += f" {line.strip()}"
    return Documented(text.strip(), arguments)


def _source(module: str) -> str:
    path = PACKAGE / module.replace(".", "/")
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


def _title(home: str) -> str:
    return home.replace("_", " ").capitalize()


def _summary(source: str) -> str:
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n\n")[0]


def entry(source: str, name: str) -> str:
    """Tell of one public name of a module. Raises UndocumentedError."""
    body = ast.parse(source).body
    for place, node in enumerate(body):
        match node:
            case ast.ClassDef() if node.name == name:
                return _class(node)
            case ast.FunctionDef() if node.name == name:
                return _function(node)
            case ast.Assign(targets=[ast.Name(id=found)]) | ast.AnnAssign(target=ast.Name(id=found)):
                if found == name:
                    written = ast.get_source_segment(source, node) or ""
                    return (
                        f"### {name}\n\n```python\n{written}\n```\n\n{_said_below(name, body[place + 1 :])}\n"
                    )
    raise UndocumentedError(
        f"{name}: expected a class, a function or a constant of that name in its module, found none"
    )


def _said_below(name: str, after: Sequence[ast.stmt]) -> str:
    match after:
        case [ast.Expr(value=ast.Constant(value=str() as said)), *_]:
            return _prose(inspect.cleandoc(said))
    raise UndocumentedError(f"{name}: expected a string below it that says what it is, found none")


def _function(node: ast.FunctionDef) -> str:
    told = documented(node, node.name)
    arguments = [each.arg for each in (*node.args.args, *node.args.kwonlyargs)]
    if told.arguments:
        _require_all(node.name, arguments, told)
    lines = [f"### {node.name}", "", f"```python\n{_signature(node, node.name)}\n```", "", _prose(told.text)]
    if told.arguments:
        lines += ["", *(f"- **{each}**: {told.arguments[each]}" for each in arguments)]
    return "\n".join(lines) + "\n"


def _class(node: ast.ClassDef) -> str:
    told = documented(node, node.name)
    lines = [f"### {node.name}", "", _prose(told.text)]
    if any("dataclass" in ast.unparse(each) for each in node.decorator_list):
        fields = [
            each
            for each in node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        ]
        _require_all(node.name, [ast.unparse(each.target) for each in fields], told)
        lines.append("")
        for each in fields:
            name, default = ast.unparse(each.target), each.value
            given = f" = {_default(default)}" if default is not None else ""
            lines.append(f"- **{name}** (`{_annotation(each.annotation)}{given}`): {told.arguments[name]}")
    for method in _methods(node):
        name = f"{node.name}.{method.name}"
        lines += [
            "",
            f"```python\n{_signature(method, name)}\n```",
            "",
            _prose(documented(method, name).text),
        ]
    return "\n".join(lines) + "\n"


def _methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """List the public methods and properties that say something of themselves."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and not each.name.startswith("_") and ast.get_docstring(each):
            yield each


def _default(value: ast.expr) -> str:
    """Give a field's default as one reads it: what a factory makes, not the factory."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "field":
        named = {each.arg: each.value for each in value.keywords}
        if "default" in named:
            return _written(named["default"])
        factory = named["default_factory"]
        return _written(factory.body) if isinstance(factory, ast.Lambda) else f"{_written(factory)}()"
    return _written(value)


def _written(node: ast.expr) -> str:
    """Write an expression as this code base does: in double quotes, and names that are not there yet without any."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return f'"{node.value}"'
    return ast.unparse(node).replace("'", '"')


def _signature(node: ast.FunctionDef, name: str) -> str:
    """Write a function's head, or a property's name and type, an argument a line where it is long."""
    gives = _annotation(node.returns)
    if {ast.unparse(each) for each in node.decorator_list} & {"property", "cached_property"}:
        return f"{name}: {gives}"
    arguments = _written_arguments(node.args)
    whole = f"{name}({', '.join(arguments)}) -> {gives}"
    if len(whole) <= WIDEST:
        return whole
    return f"{name}(\n" + "".join(f"    {each},\n" for each in arguments) + f") -> {gives}"


def _written_arguments(given: ast.arguments) -> list[str]:
    defaults = [None] * (len(given.args) - len(given.defaults)) + given.defaults
    written = [
        _argument(each, default)
        for each, default in zip(given.args, defaults, strict=True)
        if each.arg not in ("self", "cls")
    ]
    if given.kwonlyargs:
        written.append("*")
    written += [_argument(*each) for each in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return written + ([f"**{_argument(given.kwarg, None)}"] if given.kwarg else [])


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    given = f" = {_written(default)}" if default is not None else ""
    return f"{argument.arg}: {_annotation(argument.annotation)}{given}"


def _annotation(node: ast.expr | None) -> str:
    return "None" if node is None else ast.unparse(node).strip("'").replace("'", '"')


def _require_all(name: str, expected: Sequence[str], told: Documented) -> None:
    if list(told.arguments) != list(expected):
        raise UndocumentedError(
            f"{name}: expected a paragraph under Args for each of {', '.join(expected)}, in this order; found "
            f"{', '.join(told.arguments) or 'none'}"
        )


def _prose(text: str) -> str:
    """Join the lines of a paragraph; lists and what is set in stay as they are."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        each if re.match(r"\s|- |\d\. ", each) else " ".join(each.split("\n")) for each in paragraphs
    )


if __name__ == "__main__":
    sys.stdout.write(f"{PAGE}\n")
    PAGE.write_text(page(), encoding="utf-8")
