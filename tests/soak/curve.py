"""The day's curve: quiet at seven, a high morning, a lower afternoon, quiet at seven again."""

import math

LOW = 0.3
"""Of the peak, at both ends: what stands at the end is compared with the beginning under the same load."""


def share(x: float) -> float:
    """Visits at a moment of the day (0 to 1), as a share of the peak's."""
    morning = math.exp(-(((x - 0.3) / 0.09) ** 2))
    afternoon = 0.7 * math.exp(-(((x - 0.66) / 0.09) ** 2))
    return LOW + (1 - LOW) * max(morning, afternoon)
