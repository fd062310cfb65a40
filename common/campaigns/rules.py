"""
Rules of segments: small expressions over a campaign's fields, such as `red_systems >= 2 or business_name == "Spa"`.

Python's own parser reads them, and only the operations in this module are allowed. A rule is checked when a campaign is
loaded: an unknown field, or a comparison of a text with a number, is refused. A value that was not given is unknown,
like NULL in SQL: a comparison with it is neither true nor false. A rule whose result is unknown does not hold.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from common.campaigns.compiled import Field
from common.campaigns.suggestion import suggestion
from common.domain.contact import Assessment

Person = Assessment | Mapping[str, object]
"""The values that a contact gave, by the names of the fields."""

Kind = Literal["number", "text", "boolean", "list"]
Values = Mapping[str, object]
Evaluate = Callable[[Values], object]

LENGTH_MAX = 500

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("integer", "number", "money"), "number"),
    **dict.fromkeys(("text", "choice"), "text"),
    "boolean": "boolean",
}
_ORDER: Mapping[type[ast.cmpop], Callable[..., bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_EQUALITY: Mapping[type[ast.cmpop], Callable[..., bool]] = {ast.Eq: operator.eq, ast.NotEq: operator.ne}
_MEMBERSHIP: Mapping[type[ast.cmpop], Callable[..., bool]] = {
    ast.In: lambda value, values: value in values,
    ast.NotIn: lambda value, values: value not in values,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


class RuleError(ValueError):
    """The text says what is wrong with a rule, and the fix."""


def reported(person: Person, name: str) -> object:
    """Return the value that this person gave for a field, or None."""
    if isinstance(person, Assessment):
        return getattr(person, name) if hasattr(person, name) else person.extra.get(name)
    return person.get(name)


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule. `fields`: the names of the fields that it reads."""

    fields: tuple[str, ...]
    _evaluate: Evaluate

    def holds(self, values: Values) -> bool:
        """Return whether the rule holds. `values`: the values of `fields`; None or absent when not given."""
        return self._evaluate(values) is True


@dataclass(frozen=True, slots=True)
class _Part:
    """
    A part of a rule. `choices`: the allowed values of a text, empty for any. `values`: the values of a list or a
    constant.
    """

    kind: Kind
    evaluate: Evaluate
    choices: tuple[str, ...] = ()
    values: tuple[object, ...] = ()


def read_rule(source: str, fields: Mapping[str, Field]) -> Rule:
    """Parse and check a rule. Raises RuleError."""
    if len(source) > LENGTH_MAX:
        raise RuleError(f"longer than {LENGTH_MAX} characters; make it shorter")
    try:
        tree = ast.parse(source.strip(), mode="eval")
        part = _Reader(fields).read(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, RuleError):
            raise
        raise RuleError("not an expression; write it as red_systems >= 2 or team_size == 1") from None
    if part.kind != "boolean":
        raise RuleError(f"a {part.kind}, not a condition; compare it with something")
    return Rule(_names(tree), part.evaluate)


def _names(tree: ast.AST) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)))


class _Reader:
    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._fields = fields

    def read(self, node: ast.expr) -> _Part:
        match node:
            case ast.BoolOp():
                return self._bool_op(node)
            case ast.UnaryOp(op=ast.Not()):
                return _negation(self._of(node.operand, "boolean", "not"))
            case ast.UnaryOp(op=ast.USub()):
                inner = self._of(node.operand, "number", "-")
                return _Part("number", lambda values: _known(operator.neg, inner.evaluate(values)))
            case ast.Compare():
                return self._comparison(node)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                return self._arithmetic(node)
            case ast.Name():
                return self._field(node.id)
            case ast.Constant():
                return _constant(node.value)
            case ast.Tuple() | ast.List() | ast.Set():
                return self._list(node.elts)
        raise RuleError(f"{ast.unparse(node)}: not allowed; use and, or, not, in, comparisons, +, - and *")

    def _bool_op(self, node: ast.BoolOp) -> _Part:
        word, decisive = ("and", False) if isinstance(node.op, ast.And) else ("or", True)
        parts = [self._of(value, "boolean", word) for value in node.values]

        def evaluate(values: Values) -> object:
            found = [part.evaluate(values) for part in parts]
            if decisive in found:
                return decisive
            return None if None in found else not decisive

        return _Part("boolean", evaluate)

    def _comparison(self, node: ast.Compare) -> _Part:
        terms = [self.read(term) for term in (node.left, *node.comparators)]
        pairs = [_compared(op, left, right) for op, left, right in zip(node.ops, terms, terms[1:], strict=False)]

        def evaluate(values: Values) -> object:
            found = [pair(values) for pair in pairs]
            if False in found:
                return False
            return None if None in found else True

        return _Part("boolean", evaluate)

    def _arithmetic(self, node: ast.BinOp) -> _Part:
        apply = _ARITHMETIC[type(node.op)]
        left, right = (self._of(side, "number", "arithmetic") for side in (node.left, node.right))
        return _Part("number", lambda values: _known(apply, left.evaluate(values), right.evaluate(values)))

    def _field(self, name: str) -> _Part:
        field = self._fields.get(name)
        if field is None:
            raise RuleError(f"unknown field {name!r}; {suggestion(name, self._fields)}")
        if field.type not in _KINDS:
            raise RuleError(f"{name}: {field.type} cannot be part of a rule; use another field")
        default = field.default

        def evaluate(values: Values) -> object:
            reported = values.get(name)
            return default if reported is None or reported == "" else reported

        return _Part(_KINDS[field.type], evaluate, field.choices)

    def _list(self, nodes: list[ast.expr]) -> _Part:
        if not nodes or not all(isinstance(node, ast.Constant) for node in nodes):
            raise RuleError("a list needs at least one value, and only numbers and texts; correct it")
        constants = [self.read(node) for node in nodes]
        if len({part.kind for part in constants}) > 1:
            raise RuleError("a list cannot mix types; use only numbers or only texts")
        values = tuple(value for part in constants for value in part.values)
        return _Part("list", lambda _: values, values=values)

    def _of(self, node: ast.expr, kind: Kind, where: str) -> _Part:
        part = self.read(node)
        if part.kind != kind:
            raise RuleError(f"{where}: needs a {kind}, but {ast.unparse(node)} is a {part.kind}; correct it")
        return part


def _compared(op: ast.cmpop, left: _Part, right: _Part) -> Evaluate:
    compare = _ORDER.get(type(op)) or _EQUALITY.get(type(op)) or _MEMBERSHIP.get(type(op))
    if compare is None:
        raise RuleError("is: not allowed; write == or !=")
    if type(op) in _MEMBERSHIP:
        if right.kind != "list":
            raise RuleError('in: needs a list, such as team in ("a", "b")')
        _check_alike(left, _constant(right.values[0]))
    else:
        _check_alike(left, right)
        if type(op) in _ORDER and left.kind != "number":
            raise RuleError(f"a {left.kind} has no order; use == or != instead")
    _check_choices(left, right)
    return lambda values: _known(compare, left.evaluate(values), right.evaluate(values))


def _check_alike(left: _Part, right: _Part) -> None:
    if left.kind != right.kind:
        raise RuleError(f"a {left.kind} compared with a {right.kind}; compare values of the same type")


def _check_choices(left: _Part, right: _Part) -> None:
    for one, other in ((left, right), (right, left)):
        unknown = [value for value in other.values if one.choices and value not in one.choices]
        if unknown:
            there = suggestion(str(unknown[0]), one.choices)
            raise RuleError(f"{unknown[0]!r} is not a choice of this field; {there}")


def _constant(value: object) -> _Part:
    kind: Kind
    if isinstance(value, bool):
        kind = "boolean"
    elif isinstance(value, int | float):
        kind = "number"
    elif isinstance(value, str):
        kind = "text"
    else:
        raise RuleError(f"{value!r}: not allowed; use numbers, texts, True and False")
    return _Part(kind, lambda _: value, values=(value,))


def _negation(inner: _Part) -> _Part:
    return _Part("boolean", lambda values: _known(operator.not_, inner.evaluate(values)))


def _known(apply: Callable[..., object], *values: object) -> object:
    """Return `apply(*values)`; None when a value is unknown or does not have its field's type."""
    if None in values:
        return None
    try:
        return apply(*values)
    except TypeError:
        return None
