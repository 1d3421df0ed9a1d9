"""Which ranges of page ids one run may have; asked by the route and, for jobs submitted past it, by the task."""

from windrow_apps.parse.errors import InvalidRange

#: A page id fits PostgreSQL's bigint and JSON's safe integers.
MAX_ID = 10**12


def page_range(start_id: int, end_id: int, max_pages: int) -> range:
    """The ids `start_id` to `end_id`, both included. Raises InvalidRange, which names the field at fault."""
    for field, page_id in (("start_id", start_id), ("end_id", end_id)):
        if not 1 <= page_id <= MAX_ID:
            raise InvalidRange(field, f"{field} must be between 1 and {MAX_ID}, not {page_id}")
    if start_id > end_id:
        raise InvalidRange("end_id", f"end_id must not be less than start_id ({start_id})")
    pages = range(start_id, end_id + 1)
    if len(pages) > max_pages:
        raise InvalidRange("end_id", f"{len(pages)} pages are too many for one job: at most {max_pages}")
    return pages
