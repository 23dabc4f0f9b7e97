"""What all settings share: a frozen group that refuses unknown keys, and types of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from convladder.core.formatting import unknown_name

LARGEST = 2**31 - 1  # of a count: TensorFlow's and NumPy's counters have 32 bits in places
LARGEST_AMOUNT = 2**63 - 1  # of what is counted in 64 bits

Positive = Annotated[int, Field(gt=0, le=LARGEST)]
Amount = Annotated[int, Field(gt=0, le=LARGEST_AMOUNT)]  # of pixels or bytes


class Settings(BaseModel):
    """A frozen group of settings that refuses a key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            for key in values:
                if key not in cls.model_fields:
                    raise ValueError(unknown_name(str(key), cls.model_fields, "setting"))
        return values
