"""Mean, variance and limits of the drawn sites. Plain Python: Spark has no quantile of Student's t
and no exact sum.
"""

from __future__ import annotations

import math

FIGURES = "mean double, variance double, lower double, upper double, clay double, rule string"
"""The type of what `summarise` gives, for a UDF."""

ALL_DRAWN = "all_drawn"
STUDENT_T = "student_t"
BETWEEN_CLUSTERS = "between_clusters"
ONE_CLUSTER = "none_one_cluster"
TOO_FEW = "none_too_few"


def summarise(
    soc: list[tuple[int | None, float]],
    clay: list[float],
    available: int,
    n_clusters: int | None = None,
) -> tuple[float | str | None, ...]:
    """Mean, variance, lower and upper 95 % limit of organic carbon, mean of clay, and the rule that
    gave the limits; None where not defined.

    `soc` holds (cluster, value), the cluster None where single sites were drawn. The sums are
    exact, so the order of the values does not matter.
    """
    values = [value for _, value in soc]
    mean, variance = _mean(values), _variance(values)
    rule, half = TOO_FEW, None
    if mean is not None and variance is not None:
        rule, half = _half_width(soc, mean, variance, available, n_clusters)
    if mean is None or half is None:
        return mean, variance, None, None, _mean(clay), rule
    return mean, variance, mean - half, mean + half, _mean(clay), rule


def _half_width(
    soc: list[tuple[int | None, float]],
    mean: float,
    variance: float,
    available: int,
    n_clusters: int | None,
) -> tuple[str, float | None]:
    """The rule of the limits, and their distance from the mean; None where there is no rule."""
    if len(soc) == available:
        return ALL_DRAWN, 0.0
    if n_clusters is None:
        return STUDENT_T, _half_of_sites(len(soc), variance, available)
    clusters: dict[int | None, list[float]] = {}
    for number, value in soc:
        clusters.setdefault(number, []).append(value)
    if len(clusters) < 2:
        return ONE_CLUSTER, None
    return BETWEEN_CLUSTERS, _half_of_clusters(list(clusters.values()), mean, n_clusters)


def _half_of_sites(n: int, variance: float, available: int) -> float:
    """Simple random sampling without replacement (Cochran, Sampling Techniques, 3rd ed., 1977,
    sections 2.3-2.8): the mean's standard error is s / sqrt(n) * sqrt(1 - n / N), its limits are
    that times Student's t of n - 1 degrees of freedom.
    """
    return _t975(n - 1) * math.sqrt(variance / n * (1 - n / available))


def _half_of_clusters(clusters: list[list[float]], mean: float, n_clusters: int) -> float:
    """Single-stage cluster sampling, ratio to size (Cochran 1977, chapter 9A): the variance of the
    mean is (1 - c / k) / (c m²) * sum((m_i (y_i - y))²) / (c - 1), of c drawn clusters of k, with
    sizes m_i, means y_i, and mean size m; Student's t of c - 1 degrees of freedom.
    """
    count = len(clusters)
    size = sum(map(len, clusters)) / count
    squares = math.fsum((math.fsum(own) - len(own) * mean) ** 2 for own in clusters)
    error = (1 - count / n_clusters) / (count * size**2) * squares / (count - 1)
    return _t975(count - 1) * math.sqrt(error)


def _mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _variance(values: list[float]) -> float | None:
    mean = _mean(values)
    if mean is None or len(values) < 2:
        return None
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _t975(freedom: int) -> float:
    # What `scipy.stats` asks too; to import that takes half a second more.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))
