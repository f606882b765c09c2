"""The policies in a CloudFormation or SAM template, with its functions resolved. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from .collection import Collection, make_placeholder
from .source import Object, Text, list_objects, to_list

_NOTHING: Final = object()
"""The value of AWS::NoValue: the member, or the item, is left out."""

_REFERENCE: Final = re.compile(r"\$\{(!?)([^}]*)\}")
_LONGEST: Final = 10_000
"""Characters of a text; a policy has 10,240 at most."""

_PLACE: Final = ("AWS::Partition", "AWS::Region", "AWS::AccountId")
_OWNERS: Final = {"Role": "Roles", "User": "Users", "Group": "Groups"}
_OWN_NAMES: Final = {
    "AWS::S3Vectors::VectorBucket": "VectorBucketName",
    "AWS::S3Vectors::Index": "IndexName",
}
_LONG_POLICIES: Final = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")


class _UnresolvedError(Exception):
    """A value is not known before the stack is deployed."""


def collect_template(
    template: Object, collection: Collection, parameters: Mapping[str, str]
) -> None:
    """Add a template's policies to a collection.

    Args:
        template: with `Resources`.
        collection: to add to.
        parameters: values of parameters, of pseudo parameters, and of resources' attributes as
            "RESOURCE.ATTRIBUTE".
    """
    resolver = _Resolver(template, parameters)
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties") if isinstance(resource, Object) else None
        if isinstance(properties, Object) and resolver.is_created(resource):
            kind, title = str(resource.get("Type")), Text(name, template["Resources"].lines[name])
            _collect_resource(title, kind, properties, collection, resolver)


def _collect_resource(
    name: Text, kind: str, properties: Object, collection: Collection, resolver: _Resolver
) -> None:
    short = kind.rpartition("::")[2]
    if kind in _LONG_POLICIES or short in ("RolePolicy", "UserPolicy", "GroupPolicy"):
        document, unresolved = resolver.take(properties.get("PolicyDocument"))
        owners = [o for plural in _OWNERS.values() for o in to_list(properties.get(plural))]
        owners += [properties[f"{s}Name"] for s in _OWNERS if f"{s}Name" in properties]
        names = [str(resolver.take(owner)[0]) for owner in owners]
        collection.add(name, name.line, document, owners=names, unresolved=unresolved)
    elif kind.startswith("AWS::IAM::") and short in _OWNERS:
        for inline in list_objects(resolver.expand(properties.get("Policies"))):
            document, unresolved = resolver.take(inline.get("PolicyDocument"))
            title = f"{name}/{resolver.take(inline.get('PolicyName'))[0]}"
            collection.add(title, inline.line, document, owners=[name], unresolved=unresolved)
        for arn in to_list(resolver.take(properties.get("ManagedPolicyArns"))[0]):
            collection.attach(name, str(arn).rpartition("/")[2])
    elif kind.startswith("AWS::Serverless::"):
        for number, item in enumerate(to_list(resolver.expand(properties.get("Policies"))), 1):
            value, unresolved = resolver.take(item)
            if isinstance(value, Object) and "Statement" in value:
                title = f"{name}/{number}"
                collection.add(title, value.line, value, owners=[name], unresolved=unresolved)
            elif isinstance(value, Text):
                collection.attach(name, value.rpartition("/")[2])


class _Resolver:
    """Resolves the functions of a template, as far as their values are known."""

    def __init__(self, template: Object, parameters: Mapping[str, str]) -> None:
        self._template = template
        self._parameters = parameters
        self._unresolved: list[Text] = []
        self._open: list[str] = []
        self._functions: Mapping[str, Callable[[Any, int], Any]] = {
            "Ref": lambda value, line: self._resolve_reference(str(value), "", line),
            "Fn::GetAtt": self._resolve_attribute,
            "Fn::Sub": self._substitute,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._choose,
            "Fn::FindInMap": self._find_in_map,
        }

    def take(self, value: Any) -> tuple[Any, list[Text]]:
        """Resolve a value; also return the unknown names in it."""
        self._unresolved = []
        resolved = self._resolve(value)
        return (None if resolved is _NOTHING else resolved), self._unresolved

    def expand(self, value: Any) -> Any:
        """Resolve a list, but not its items."""
        if isinstance(value, Object) and "Fn::If" in value:
            return self.take(value)[0]
        return value

    def is_created(self, resource: Object) -> bool:
        """Whether the Condition of a resource holds, or may hold."""
        return "Condition" not in resource or self._evaluate(resource["Condition"]) is not False

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not _NOTHING]
        if not isinstance(value, Object):
            return value
        if len(value) == 1:
            [(name, inner)] = value.items()
            if name in self._functions or name.startswith("Fn::"):
                return self._call(name, inner, value.line)
        members = ((Text(n, value.lines[n]), self._resolve(v)) for n, v in value.items())
        return Object(value.line, [(n, v) for n, v in members if v is not _NOTHING])

    def _call(self, name: str, value: Any, line: int) -> Any:
        try:
            resolved = self._functions[name](value, line)
        except _UnresolvedError as error:
            return self._mark(str(error), line)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            return self._mark(name, line)  # or an unknown function
        if isinstance(resolved, str) and len(resolved) > _LONGEST:
            return self._mark(f"{name} of more than {_LONGEST} characters", line)
        return Text(resolved, line) if isinstance(resolved, str) else resolved

    def _mark(self, name: str, line: int) -> Text:
        self._unresolved.append(Text(name, line))
        return Text(make_placeholder(name), line)

    def _resolve_text(self, value: Any) -> str:
        resolved = self._resolve(value)
        if not isinstance(resolved, str):
            raise TypeError
        return resolved

    def _resolve_reference(self, name: str, attribute: str, line: int) -> Any:
        """Resolve Ref and Fn::GetAtt."""
        value = self._parameters.get(f"{name}.{attribute}" if attribute else name)
        if value is not None:
            return value
        if name == "AWS::NoValue":
            return _NOTHING
        parameter = self._template.get("Parameters", {}).get(name)
        if isinstance(parameter, Object) and not attribute:
            return _read_default(name, parameter, line)
        resource = self._template["Resources"].get(name)
        if isinstance(resource, Object):
            return self._resolve_resource(name, attribute, resource, line)
        raise _UnresolvedError(name)

    def _resolve_resource(self, name: str, attribute: str, resource: Object, line: int) -> str:
        """The ARN, or the name, of a resource; of other services' something that stands for it."""
        kind = str(resource.get("Type"))
        service = kind.split("::")[1].lower()
        partition, region, account = (str(self._call("Ref", name, line)) for name in _PLACE)
        if kind in _OWN_NAMES:
            return (
                f"arn:{partition}:s3vectors:{region}:{account}:{self._build_path(name, resource)}"
            )
        if kind == "AWS::IAM::ManagedPolicy":
            return f"arn:{partition}:iam::{account}:policy/{name}"
        if attribute.endswith("Arn"):
            return f"arn:{partition}:{service}:{region}:{account}:{name}"
        return name

    def _build_path(self, name: str, resource: Object) -> str:
        """The end of the ARN of a vector bucket or of an index."""
        with self._enter(name):
            properties = resource["Properties"]
            own = self._resolve_text(properties[_OWN_NAMES[str(resource["Type"])]])
            if "IndexName" not in properties:
                return f"bucket/{own}"
            bucket = properties.get("VectorBucketArn", properties.get("VectorBucketName"))
            return f"bucket/{self._resolve_text(bucket).rpartition('/')[2]}/index/{own}"

    @contextmanager
    def _enter(self, name: str) -> Iterator[None]:
        """Resolve a part of the template, which must not refer to itself."""
        if name in self._open:
            raise _UnresolvedError(name)
        self._open.append(name)
        try:
            yield
        except KeyError:
            raise _UnresolvedError(name) from None
        finally:
            self._open.pop()

    def _resolve_attribute(self, value: Any, line: int) -> Any:
        name, attribute = value if isinstance(value, list) else str(value).split(".", 1)
        return self._resolve_reference(str(name), str(attribute), line)

    def _substitute(self, value: Any, line: int) -> str:
        text, local = value if isinstance(value, list) else (value, {})
        local = {name: self._resolve_text(inner) for name, inner in local.items()}

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal or name in local:
                return f"${{{name}}}" if literal else local[name]
            path, _, attribute = name.partition(".")
            try:
                resolved = self._resolve_reference(path, attribute, line)
            except _UnresolvedError as error:
                resolved = self._mark(str(error), line)
            return str(resolved) if isinstance(resolved, str) else str(self._mark(name, line))

        return _REFERENCE.sub(replace, self._resolve_text(text))

    def _join(self, value: Any, _: int) -> str:
        separator, items = value
        return str(separator).join(self._resolve_text(item) for item in self._resolve(items))

    def _select(self, value: Any, _: int) -> Any:
        at, items = value
        return self._resolve(items)[int(self._resolve_text(at) if isinstance(at, Object) else at)]

    def _split(self, value: Any, line: int) -> list[Text]:
        separator, text = value
        return [Text(part, line) for part in self._resolve_text(text).split(str(separator))]

    def _choose(self, value: Any, line: int) -> Any:
        name, yes, no = value
        answer = self._evaluate(name)
        if answer is None:
            self._mark(f"Condition {name}", line)
        return self._resolve(no if answer is False else yes)

    def _find_in_map(self, value: Any, _: int) -> Any:
        name, first, second = (self._resolve_text(part) for part in value)
        return self._resolve(self._template["Mappings"][name][first][second])

    def _evaluate(self, condition: Any) -> bool | None:
        """Whether a condition holds; None if that is not known."""
        try:
            if isinstance(condition, str):
                with self._enter(condition):
                    return self._evaluate(self._template["Conditions"][condition])
            [(function, value)] = condition.items()
            return self._evaluate_function(function, value)
        except (AttributeError, KeyError, TypeError, ValueError, _UnresolvedError):
            return None

    def _evaluate_function(self, function: str, value: Any) -> bool | None:
        if function == "Condition":
            return self._evaluate(value)
        if function == "Fn::Equals":
            known = len(self._unresolved)
            left, right = (self._resolve(side) for side in value)
            equal = left == right if len(self._unresolved) == known else None
            del self._unresolved[known:]
            return equal
        answers = [self._evaluate(item) for item in value]
        if function == "Fn::Not":
            [answer] = answers
            return None if answer is None else not answer
        decisive = {"Fn::And": False, "Fn::Or": True}[function]
        return decisive if decisive in answers else None if None in answers else not decisive


def _read_default(name: str, parameter: Object, line: int) -> Any:
    kind = str(parameter.get("Type"))
    if "Default" not in parameter or "SSM" in kind:  # whose default is where the value is kept
        raise _UnresolvedError(name)
    default = str(parameter["Default"])
    lists = kind.startswith(("List", "CommaDelimited"))
    return [Text(item, line) for item in default.split(",")] if lists else default
