"""What a resolved recipe says of itself: plain values for run.json, and what a checkpoint belongs to."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, ClassVar


class RecipeSettings:
    """Base of the dataclasses that hold a generator's recipe, table by table.

    Attributes:
        not_identity: keys of [training] that a run may be continued with other values of.
        tables_apart: tables that have no part in the training.
    """

    not_identity: ClassVar[tuple[str, ...]] = ()
    tables_apart: ClassVar[tuple[str, ...]] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for run.json."""
        return dict(json.loads(json.dumps(asdict(self))))  # type: ignore[call-overload]

    def identity(self) -> str:
        """JSON of what a checkpoint belongs to: everything but how long the run may take, what it reports and where."""
        facts = self.as_dict()
        for table in self.tables_apart:
            del facts[table]
        for key in self.not_identity:
            del facts["training"][key]
        return json.dumps(facts, sort_keys=True)
