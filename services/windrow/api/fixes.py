"""What to do about each kind of validation error, in words: no flaw is told without its fix."""

from __future__ import annotations

#: For what has no words of its own: kinds that only Python objects can have, or a later pydantic brings.
GENERAL = "Send what the message asks for; /docs shows every field and its schema"

_MOMENT = "Write an ISO 8601 moment with its offset, e.g. `2026-01-31T09:00:00Z`"
_RANGE = "Choose a value within the bound that the message names"
_ITEMS = "Send fewer items, in several requests if need be"
_LISTED = "Choose one of the values that the message lists"
_NUMBER = "Send a JSON number without quotes"
_INTEGER = "Send a whole JSON number without quotes"
_STRING = "Send a JSON string, in quotes"
_BOOLEAN = "Send true or false, without quotes"
_ARRAY = "Send a JSON array, e.g. `[1, 2]`"
_OBJECT = 'Send a JSON object, e.g. `{"name": "value"}`'
_SPELLING = "Remove it, or check its spelling against /docs"
_SHORTER, _LONGER = (
    "Shorten it to the length that the message names",
    "Send at least as much as the message names",
)

_FIXES = {
    "missing": "Add it",
    "missing_argument": "Add it",
    "missing_keyword_only_argument": "Add it",
    "missing_positional_only_argument": "Add it",
    "extra_forbidden": _SPELLING,
    "unexpected_keyword_argument": _SPELLING,
    "unexpected_positional_argument": _SPELLING,
    "multiple_argument_values": "Give it once",
    "invalid_key": "Use strings as names",
    "none_required": "Send null, or leave it out",
    "json_invalid": "Send one JSON document in UTF-8, e.g. with `curl --json`",
    "json_type": _STRING,
    "recursion_loop": "Send data that does not hold itself",
    "recursion_depth_exceeded": "Send fewer than 200 levels",
    "greater_than": _RANGE,
    "greater_than_equal": _RANGE,
    "less_than": _RANGE,
    "less_than_equal": _RANGE,
    "multiple_of": "Choose a multiple of the number that the message names",
    "finite_number": "Send a finite number: JSON has neither NaN nor Infinity",
    "too_short": _LONGER,
    "too_long": _ITEMS,
    "string_type": _STRING,
    "string_unicode": "Send complete Unicode characters, no half of a surrogate pair",
    "string_too_short": _LONGER,
    "string_too_long": _SHORTER,
    "string_pattern_mismatch": "Use the characters that the pattern allows; no NUL or other control characters",
    "string_not_ascii": "Use ASCII characters only",
    "enum": _LISTED,
    "literal_error": _LISTED,
    "union_tag_invalid": _LISTED,
    "union_tag_not_found": "Add the field that says which kind this is",
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "int_type": _INTEGER,
    "int_parsing": _INTEGER,
    "int_parsing_size": "Send a number of fewer digits",
    "int_from_float": "Send a whole number, without a fraction",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "decimal_max_digits": "Send a number of fewer digits",
    "decimal_max_places": "Send fewer digits after the point",
    "decimal_whole_digits": "Send fewer digits before the point",
    "bytes_type": _STRING,
    "bytes_too_short": _LONGER,
    "bytes_too_long": _SHORTER,
    "bytes_invalid_encoding": "Send the encoding that the message names",
    "list_type": _ARRAY,
    "tuple_type": _ARRAY,
    "set_type": _ARRAY,
    "frozen_set_type": _ARRAY,
    "deque_type": _ARRAY,
    "iterable_type": _ARRAY,
    "arguments_type": _ARRAY,
    "dict_type": _OBJECT,
    "frozen_dict_type": _OBJECT,
    "ordered_dict_type": _OBJECT,
    "counter_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "date_type": "Write a date, e.g. `2026-01-31`",
    "date_parsing": "Write a date, e.g. `2026-01-31`",
    "date_from_datetime_parsing": "Write a date, e.g. `2026-01-31`",
    "date_from_datetime_inexact": "Write a date without a time, e.g. `2026-01-31`",
    "date_past": "Choose a date in the past",
    "date_future": "Choose a date in the future",
    "time_type": "Write a time, e.g. `09:00:00`",
    "time_parsing": "Write a time, e.g. `09:00:00`",
    "time_delta_type": "Send a number of seconds",
    "time_delta_parsing": "Send a number of seconds",
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_past": "Choose a moment in the past",
    "datetime_future": "Choose a moment in the future",
    "timezone_naive": "Remove the UTC offset",
    "timezone_aware": "Add a UTC offset, e.g. `2026-01-31T09:00:00Z`",
    "timezone_offset": "Use the UTC offset that the message names",
    "url_type": "Send a URL, e.g. `https://example.com/`",
    "url_parsing": "Send a URL, e.g. `https://example.com/`",
    "url_syntax_violation": "Send a URL, e.g. `https://example.com/`",
    "url_too_long": _SHORTER,
    "url_scheme": "Use a scheme that the message names",
    "uuid_type": "Send a UUID, e.g. `0190a2c4-0000-7000-8000-000000000000`",
    "uuid_parsing": "Send a UUID, e.g. `0190a2c4-0000-7000-8000-000000000000`",
    "uuid_version": "Send a UUID of the version that the message names",
    # Ours.
    "run_at_and_delay": "Remove one of them",
    "expires_before_run": "Choose a later expires_at, or an earlier run_at",
    "moment_range": "Choose a moment in the years 1970 to 2999",
    "queue_reserved": "Take another name",
    "one_timing": "Keep one of cron, every and at, and remove the others",
}


def fix_of(kind: str) -> str:
    """What a caller does about a validation error of pydantic's type `kind`; never empty."""
    return _FIXES.get(kind, GENERAL)
