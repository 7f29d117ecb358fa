"""Fisher's exact test, one-sided: how likely chance alone makes a fact go with failures at least as well as it does."""

from __future__ import annotations

import math

_NEGLIGIBLE = 1e-17


def log_tail(bad_with: int, all_with: int, bad: int, everything: int) -> float:
    """The natural logarithm of P(X >= ``bad_with``), 0 at most.

    X is how many of ``bad`` jobs, drawn at random from ``everything``, are among ``all_with`` of them: the hypergeometric
    distribution. Costs as many steps as its tail has terms that count.
    """
    least = max(0, all_with + bad - everything)
    if bad_with <= least:
        return 0.0
    most = min(all_with, bad)
    if bad_with > most:
        return -math.inf
    first = _log_choose(all_with, bad_with) + _log_choose(everything - all_with, bad - bad_with)
    first -= _log_choose(everything, bad)
    # Relative to the first term: of a strong association it may be too small for a float.
    term = total = 1.0
    for count in range(bad_with, most):
        term *= (all_with - count) * (bad - count) / ((count + 1) * (everything - all_with - bad + count + 1))
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return min(0.0, first + math.log(total))


def _log_choose(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
