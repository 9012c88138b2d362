"""One spelling of values for rows that come from different engines, so that they can be compared as text.

It is the spelling of `cartograph lake sql --json`: decimals as strings with their scale, dates and times in ISO form,
bytes in hexadecimal, NaN and infinities null, structs and maps as objects.
"""

import hashlib
import json
import math
import uuid
from datetime import date, datetime, time, timezone
from decimal import Decimal, localcontext


def value(given):
    """A value of any engine in that spelling, as what `json.loads` would return."""
    match given:
        case None | bool() | int() | str():
            return given
        case float():
            return given if math.isfinite(given) else None
        case Decimal():
            return f"{given:f}"
        case datetime():
            moment = given if given.tzinfo is None else given.astimezone(timezone.utc).replace(tzinfo=None)
            return clock(moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0"), moment.microsecond) + "Z"
        case date():
            return given.isoformat()
        case time():
            return clock(given.strftime("%H:%M:%S"), given.microsecond)
        case uuid.UUID():
            return str(given)
        case bytes() | bytearray():
            return bytes(given).hex()
        case dict():
            return {key_text(key): value(item) for key, item in given.items()}
        case _ if hasattr(given, "asDict"):  # Spark's Row, which is a tuple too
            return {name: value(item) for name, item in given.asDict().items()}
        case list() | tuple():
            # PyArrow gives maps as lists of pairs.
            if given and all(isinstance(item, tuple) and len(item) == 2 and not hasattr(item, "asDict") for item in given):
                return {key_text(key): value(item) for key, item in given}
            return [value(item) for item in given]
    raise TypeError(f"no spelling for {type(given)}: {given!r}")


def clock(seconds, microseconds):
    return seconds + (f".{microseconds:06}".rstrip("0") if microseconds else "")


def key_text(key):
    spelled = value(key)
    return spelled if isinstance(spelled, str) else json.dumps(spelled)


def rows(given):
    """Rows, as dictionaries, in one order whatever order they came in: a list of JSON texts."""
    return sorted(json.dumps(value(row), sort_keys=True, ensure_ascii=False) for row in given)


def of_spark(frame):
    """The rows of a Spark frame, decimals with the scale of their column (Spark hands over some with another)."""
    scales = {field.name: field.dataType.scale for field in frame.schema.fields if hasattr(field.dataType, "scale")}
    with localcontext(prec=50):
        return rows(
            {name: item if name not in scales or item is None else item.quantize(Decimal(1).scaleb(-scales[name]))
             for name, item in row.asDict().items()} for row in frame.collect())


def digest(given):
    """A fingerprint of rows in no particular order: equal for equal rows, each counted as often as it occurs."""
    return hashlib.sha256("\n".join(rows(given)).encode()).hexdigest()
