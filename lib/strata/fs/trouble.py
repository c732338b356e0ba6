"""What the machine lacks, told in one sentence: disk space, permission, memory, or the network.

Spark wraps the cause in many layers, and its first line names none of them. The cause stands in the
text of the whole chain, in the words of the operating system or of the JVM.
"""

from __future__ import annotations

import re
from typing import Any

from strata.errors import ResourceMissing

# (what the system says, what is missing, what to do): the first that fits.
_TROUBLES = (
    (
        r"No space left on device|Disk quota exceeded|database or disk is full",
        "room on the disk",
        "free some, or use another warehouse",
    ),
    (
        r"File too large",
        "leave to write a file of this size",
        "raise the file-size limit (ulimit -f)",
    ),
    (
        r"Read-only file system",
        "leave to write: the file system is read-only",
        "mount it for writing",
    ),
    (
        r"Permission denied|AccessDenied|Operation not permitted|AWS Error "
        r"ACCESS_DENIED|Mkdirs failed to create",
        "permission to read or write there",
        "grant it to the user that runs this",
    ),
    (
        r"OutOfMemoryError|Java heap space|GC overhead limit|MemoryError|Cannot allocate "
        r"memory|Container killed on request"
        r"|[Ss]ystem memory \d+ must be at least|Could not reserve enough space|insufficient "
        r"memory for the Java Runtime",
        "memory",
        "raise spark.driver.memory, or run on a larger machine",
    ),
    (
        r"UnknownHostException|Connection refused|No route to host|Network is "
        r"unreachable|Connection timed out|Name or service not known"
        r"|NETWORK_CONNECTION|curlCode|Could not connect to the endpoint|Temporary failure in "
        r"name resolution|EndpointConnectionError",
        "the network",
        "look whether the address is right and can be reached from here",
    ),
)
_SPARK_IS_GONE = "Py4JNetworkError"
_PATH = re.compile(r"(?:file:)?(/[^\s:;,'\"()]+)")


def explain(error: BaseException, log: str = "") -> ResourceMissing | None:
    """The error as one sentence, where a resource is missing; None where the cause is another one.

    `log` is what the JVM has printed, where that may tell more.
    """
    text = f"{_whole_text(error)}\n{log}"
    if _SPARK_IS_GONE in text:
        # The refused connection is the one to Spark's own process.
        return ResourceMissing(
            "a run needs Spark's process to its end; it has died, most likely for want of "
            "memory: raise spark.driver.memory, or run on a "
            "larger machine, and run again; what was published stands as it was",
            resource="memory",
        )
    for pattern, what, advice in _TROUBLES:
        found = re.search(pattern, text)
        if found:
            line = next(line for line in text.splitlines() if found[0] in line)
            path = None if what in ("memory", "the network") else _PATH.search(line)
            where = f" at {path[1]}" if path else ""
            return ResourceMissing(
                f"a run needs {what}; the system says: {found[0]}{where}: {advice}, and run "
                "again; what was published stands as it was",
                resource=what,
            )
    return None


def _whole_text(error: BaseException | None) -> str:
    """The texts of an exception and of what caused it, on both sides of py4j."""
    texts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        texts += [
            type(error).__name__,
            text_of(error),
            *_java_texts(getattr(error, "java_exception", None) or getattr(error, "_origin", None)),
        ]
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def text_of(error: BaseException) -> str:
    """The text of an exception, whose own text py4j asks the JVM for: it may be gone."""
    try:
        return str(error)
    except Exception:
        return _SPARK_IS_GONE


def _java_texts(throwable: Any) -> list[str]:
    texts: list[str] = []
    try:
        while throwable is not None and len(texts) < 50:
            texts.append(str(throwable.toString()))
            throwable = throwable.getCause()
    except Exception:  # The JVM may be gone: what is known must do.
        pass
    return texts


def first_line(error: Exception) -> str:
    """What an error says first; a library's further lines are of its own making."""
    return str(error).partition("\n")[0]
