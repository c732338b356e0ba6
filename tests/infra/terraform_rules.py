"""Rules of house for Terraform, asked of the parsed files; AWS's provider is not needed.

`check(root)` takes a folder with a root module and returns one sentence a finding, with its file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import hcl2

_REFERENCE = re.compile(
    r"(?<![\w.\"-])(var|local|module|data\.\w+|aws_\w+)\.([\w-]+)(?:\[[^\]]*\])?(?:\.([\w-]+))?"
)
_SECRET = re.compile(r"AKIA[0-9A-Z]{16}|-----BEGIN|(?i:password|secret_key)\s*=\s*\"[^\"$]+\"")
_META = {
    "source",
    "count",
    "for_each",
    "providers",
    "depends_on",
    "__is_block__",
    "__comments__",
    "__inline_comments__",
}


@dataclass(frozen=True)
class Module:
    """The .tf files of one folder, parsed."""

    folder: Path

    @cached_property
    def files(self) -> dict[Path, dict[str, Any]]:
        paths = sorted(self.folder.glob("*.tf"))
        return {path: parse(path.read_text()) for path in paths}

    def blocks(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every block of a kind with one label: `variable`, `output`, `module`."""
        for document in self.files.values():
            for block in document.get(kind, []):
                for label, body in block.items():
                    yield label.strip('"'), body

    def typed(self, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every `resource` or `data`: its type, name and body."""
        for type_, named in self.blocks(kind):
            for name, body in named.items():
                if name not in _META:
                    yield type_, name.strip('"'), body

    @property
    def locals(self) -> set[str]:
        found = [block for document in self.files.values() for block in document.get("locals", [])]
        return {name for block in found for name in block if name not in _META}

    def called(self, body: dict[str, Any]) -> Module:
        return Module((self.folder / text(body["source"])).resolve())


@cache
def parse(source: str) -> dict[str, Any]:
    """One file, parsed; a second's work, so that tests parse again only what they changed."""
    return dict(hcl2.loads(source))


def text(value: Any) -> str:
    """A value without the quotes or the `${…}` that the parser keeps."""
    return str(value).strip('"')


def check(root: Path) -> list[str]:
    """Findings in a root module and in every module that it calls."""
    findings: list[str] = []
    for module in every(Module(root)):
        for rule in RULES:
            findings += [f"{module.folder.name}: {finding}" for finding in rule(module)]
    return findings


def every(root: Module) -> list[Module]:
    """The root and all it calls, each once."""
    found, waiting = {root.folder.resolve(): root}, [root]
    while waiting:
        module = waiting.pop()
        for _, body in module.blocks("module"):
            called = module.called(body)
            if called.folder not in found:
                found[called.folder] = called
                waiting.append(called)
    return list(found.values())


# --- rules -----------------------------------------------------------------------------------------


def told_why(module: Module) -> Iterator[str]:
    """Every variable and output is described and every resource has a comment on it."""
    for kind in ("variable", "output"):
        for name, body in module.blocks(kind):
            if not text(body.get("description", "")):
                yield f"{kind} {name} has no description"
    for name, body in module.blocks("variable"):
        if "type" not in body:
            yield f"variable {name} has no type"
    for path in module.files:
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if line.startswith("resource ") and not lines[number - 1].startswith("#"):
                yield f"{line.rstrip(' {')} has no comment above it"


def buckets_are_closed(module: Module) -> Iterator[str]:
    """Private, encrypted, versioned, rights by policy alone, TLS only."""
    resources = list(module.typed("resource"))
    for type_, name, _ in resources:
        if type_ == "aws_s3_bucket":
            own = {
                kind: body
                for kind, _, body in resources
                if f"aws_s3_bucket.{name}." in str(body.get("bucket"))
            }
            yield from (f"bucket {name} {finding}" for finding in _bucket_findings(own, module))


def _bucket_findings(own: dict[str, dict[str, Any]], module: Module) -> Iterator[str]:
    block = own.get("aws_s3_bucket_public_access_block", {})
    names = (
        "block_public_acls",
        "block_public_policy",
        "ignore_public_acls",
        "restrict_public_buckets",
    )
    if not all(block.get(name) is True for name in names):
        yield "may be made public"
    if '"Enabled"' not in str(
        own.get("aws_s3_bucket_versioning", {}).get("versioning_configuration")
    ):
        yield "keeps no versions"
    if "sse_algorithm" not in str(own.get("aws_s3_bucket_server_side_encryption_configuration")):
        yield "is not encrypted"
    if "BucketOwnerEnforced" not in str(own.get("aws_s3_bucket_ownership_controls")):
        yield "has lists of rights"
    denied = [s for s in statements(module) if text(s.get("effect")) == "Deny"]
    if "aws_s3_bucket_policy" not in own or "aws:SecureTransport" not in str(denied):
        yield "may be read without TLS"


def statements(module: Module) -> Iterator[dict[str, Any]]:
    """Statements of policy documents, and those handed to the module `roles`."""
    for type_, _, body in module.typed("data"):
        if type_ == "aws_iam_policy_document":
            yield from body.get("statement", [])
            for dynamic in body.get("dynamic", []):
                yield from (
                    c
                    for inner in dynamic.values()
                    if isinstance(inner, dict)
                    for c in inner.get("content", [])
                )
    for _, body in module.blocks("module"):
        given = body.get("statements", {})
        yield from (s for name, s in given.items() if name not in _META and isinstance(s, dict))


def rights_are_narrow(module: Module) -> Iterator[str]:
    """No allowed action is a wildcard, and a wildcard resource comes with a principal (a key's own policy)."""
    for statement in statements(module):
        if text(statement.get("effect")) == "Deny":
            continue
        actions = _listed(statement, "actions")
        wild = [action for action in actions if action.endswith("*")]
        if wild:
            yield f"a statement allows {', '.join(wild)}"
        if "*" in _listed(statement, "resources") and "principals" not in statement:
            yield f"a statement allows {', '.join(actions)} on every resource"


def _listed(statement: dict[str, Any], key: str) -> list[str]:
    """The list under a key; an expression in its place (`each.value.actions`) names nothing here."""
    value = statement.get(key)
    return [text(item) for item in value] if isinstance(value, list) else []


def no_secret_is_named(module: Module) -> Iterator[str]:
    for path in module.files:
        found = _SECRET.search(path.read_text())
        if found:
            yield f"{path.name} holds what looks like a credential: {found.group()[:12]}…"


def references_resolve(module: Module) -> Iterator[str]:
    """Every name that an expression uses is declared, and every declared variable is used."""
    variables = dict(module.blocks("variable"))
    known = {
        "var": set(variables),
        "local": module.locals,
        "module": {name for name, _ in module.blocks("module")},
    }
    for prefix, kind in (("", "resource"), ("data.", "data")):
        for type_, name, _ in module.typed(kind):
            known.setdefault(prefix + type_, set()).add(name)
    used: set[str] = set()
    for kind, name, attribute in references(module):
        if name not in known.get(kind, set()):
            yield f"{kind}.{name} is not declared"
        elif kind == "module":
            yield from _output_findings(module, name, attribute)
        used |= {name} if kind == "var" else set()
    yield from (f"variable {name} is used nowhere" for name in sorted(variables.keys() - used))
    yield from _call_findings(module)


def references(module: Module) -> Iterator[tuple[str, str, str | None]]:
    for document in module.files.values():
        for expression in _expressions(document):
            for kind, name, attribute in _REFERENCE.findall(expression):
                yield kind, name, attribute or None


def _expressions(value: Any) -> Iterator[str]:
    """Texts that Terraform evaluates: bare expressions, and what stands in `${…}` of a string."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("error_message", "__comments__", "__inline_comments__"):
                yield from _expressions(key)
                yield from _expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _expressions(inner)
    elif isinstance(value, str):
        yield from re.findall(r"\$\{(.*)\}", value, re.DOTALL) if "${" in value else ()


def _output_findings(module: Module, name: str, attribute: str | None) -> Iterator[str]:
    body = dict(module.blocks("module"))[name]
    if attribute not in dict(module.called(body).blocks("output")):
        yield f"module.{name} has no output {attribute}"


def _call_findings(module: Module) -> Iterator[str]:
    """A call gives every variable without a default, and none that the called module lacks."""
    for name, body in module.blocks("module"):
        declared = dict(module.called(body).blocks("variable"))
        given = set(body) - _META
        needed = {variable for variable, inner in declared.items() if "default" not in inner}
        for missing in sorted(needed - given):
            yield f"module.{name} is not given {missing}"
        for unknown in sorted(given - declared.keys()):
            yield f"module.{name} is given {unknown}, which it does not know"


RULES = (
    told_why,
    buckets_are_closed,
    rights_are_narrow,
    no_secret_is_named,
    references_resolve,
)
