"""What is known of the person in a picture: age and sex from names, tone of the skin by measurement.

Used to see whom false alarms hit, never to judge a picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from likeness.data.manifest import Item

_UTKFACE = re.compile(r"(\d{1,3})_([01])_[0-4]_\d+")
AGES = ((0, 30, "0-29"), (30, 45, "30-44"), (45, 60, "45-59"), (60, 200, "60 and more"))
TONES = (
    (-90.0, -30.0, "6 dark"),
    (-30.0, 10.0, "5 brown"),
    (10.0, 28.0, "4 tan"),
    (28.0, 41.0, "3 intermediate"),
    (41.0, 55.0, "2 light"),
    (55.0, 90.1, "1 very light"),
)
"""Individual typology angle in degrees -> group, after Chardon, Cretois and Hourseau 1991 and Del Bino and Bernerd 2013."""


def attributes_of(item: Item) -> dict[str, str]:
    """`age` and `sex` where the data set puts them into its names (UTKFace: age_gender_race_date); empty elsewhere.

    The labels are the data set's own: apparent age and a binary sex, as its makers estimated them.
    """
    fits = _UTKFACE.match(item.path.rpartition("/")[2]) if item.source == "utkface" else None
    if fits is None:
        return {}
    age = next(name for low, high, name in AGES if low <= min(int(fits[1]), 199) < high)
    return {"age": age, "sex": "female" if fits[2] == "1" else "male"}


def tone_group(covariates: Mapping[str, float]) -> str | None:
    """Group of the skin's typology angle `skin_ita_deg`; None where it was not measured."""
    angle = covariates.get("skin_ita_deg", float("nan"))
    if not np.isfinite(angle):
        return None
    return next(name for low, high, name in TONES if low <= angle < high)
