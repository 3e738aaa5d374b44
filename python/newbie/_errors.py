"""What goes wrong, as exceptions:

    Error
    ├── InvalidRequest   (also ValueError)           the caller asked for something impossible
    ├── BadFile          (also OSError)              a file is missing, damaged, or cannot be written
    ├── Unsupported      (also NotImplementedError)  well-formed, but this build or machine cannot do it
    ├── OverBudget       (also MemoryError)          more memory than there is or was allowed
    ├── Cancelled                                    stopped by the caller
    └── InternalError    (also RuntimeError)         a defect of the library: please report it
"""

from __future__ import annotations

from typing import Dict, Type


class Error(Exception):
    """`hint` says what to try, `field` which field of the request is to blame; both may be empty."""

    def __init__(self, message: str, hint: str = "", field: str = "") -> None:
        Exception.__init__(self, message)
        self.message = message
        self.hint = hint
        self.field = field

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InvalidRequest(Error, ValueError):
    pass


class BadFile(Error, OSError):
    pass


class Unsupported(Error, NotImplementedError):
    pass


class OverBudget(Error, MemoryError):
    pass


class Cancelled(Error):
    pass


class InternalError(Error, RuntimeError):
    pass


# By newbie_status.
BY_STATUS: Dict[int, Type[Error]] = {
    1: InvalidRequest,
    2: BadFile,
    3: Unsupported,
    4: OverBudget,
    5: Cancelled,
    6: InternalError,
}
