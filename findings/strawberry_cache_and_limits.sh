#!/bin/sh
# strawberry's ValidationCache never hits beside its QueryDepthLimiter or MaxAliasesLimiter: each
# query is validated anew, and an entry that no one can use is kept.
# Found with strawberry-graphql 0.341.2; exits non-zero if that changes.
#
# Expected: the guide "Validation Cache" says that the extension caches the validation of documents
# and so improves performance for a query that is repeated. Ten equal queries: one miss, nine hits.
# Seen: so it is alone and with MaxTokensLimiter. The two limiters make their rule a new class for
# each request, the rules are part of the cache's key, and there are ten misses in any order of the
# extensions. So a server that sets limits, as it should, caches nothing.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "strawberry-graphql==0.341.2"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib import metadata

import strawberry
from strawberry.extensions import (
    MaxAliasesLimiter,
    MaxTokensLimiter,
    QueryDepthLimiter,
    ValidationCache,
)

print("strawberry-graphql", metadata.version("strawberry-graphql"))


@strawberry.type
class Query:
    day: int = 1


def caching(size):
    """A size of its own for each, as caches of one size are shared."""
    return lambda: ValidationCache(maxsize=size)


def hits(size, *extensions):
    schema = strawberry.Schema(Query, extensions=list(extensions))
    for _ in range(10):
        assert schema.execute_sync("{ day }", root_value=Query()).errors is None
    return ValidationCache(maxsize=size).cached_validate_document.cache_info().hits


found = {
    "alone": hits(101, caching(101)),
    "with MaxTokensLimiter": hits(
        102, lambda: MaxTokensLimiter(max_token_count=9), caching(102)
    ),
    "with QueryDepthLimiter": hits(103, lambda: QueryDepthLimiter(max_depth=9), caching(103)),
    "after it": hits(104, caching(104), lambda: QueryDepthLimiter(max_depth=9)),
    "with MaxAliasesLimiter": hits(
        105, lambda: MaxAliasesLimiter(max_alias_count=9), caching(105)
    ),
}
for how, count in found.items():
    print(f"ten equal queries {how}: {count} hits")
if list(found.values()) != [9, 9, 0, 0, 0]:
    sys.exit("the behaviour has changed")
PYTHON
