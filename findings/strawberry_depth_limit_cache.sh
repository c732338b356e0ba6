#!/bin/sh
# With strawberry's QueryDepthLimiter (and MaxAliasesLimiter), its ValidationCache never hits: the
# limiter makes its rule anew for each request, and the rules are part of the cache's key. Found with
# strawberry-graphql 0.341.2; exits non-zero if that changes. Known upstream as
# strawberry-graphql/strawberry#4635. Strata's API therefore makes these rules once.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet strawberry-graphql==0.341.2 graphql-core==3.3.2
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import strawberry
from graphql import ValidationRule
from strawberry.extensions import (
    AddValidationRules,
    MaxAliasesLimiter,
    QueryDepthLimiter,
    ValidationCache,
)

print("strawberry-graphql", version("strawberry-graphql"))
checked = 0


class Counts(ValidationRule):
    """Made once for each text that is really checked."""

    def __init__(self, context):
        global checked
        checked += 1
        super().__init__(context)


@strawberry.type
class Query:
    hello: str = "hi"


def checks_of(*limiters):
    """How often ten requests with the same text are checked."""
    global checked
    checked = 0
    extensions = [ValidationCache, lambda: AddValidationRules([Counts]), *limiters]
    schema = strawberry.Schema(Query, extensions=extensions)
    for _ in range(10):
        assert schema.execute_sync("{ hello }", root_value=Query()).data == {"hello": "hi"}
    return checked


found = {
    "no limiter": checks_of(),
    "QueryDepthLimiter": checks_of(lambda: QueryDepthLimiter(max_depth=5)),
    "MaxAliasesLimiter": checks_of(lambda: MaxAliasesLimiter(max_alias_count=5)),
}
for name, times in found.items():
    print(f"{name}: ten requests with one text are checked {times} times")
if list(found.values()) != [1, 10, 10]:
    sys.exit("the behaviour has changed")
PYTHON
