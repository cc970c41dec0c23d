"""Whether what a consumer handled is the journal: no gap, order kept, and no more repeats than kills."""

from collections.abc import Sequence


def faults(handled: Sequence[str], journal: Sequence[str], *, kills: int) -> list[str]:
    """What is wrong with the concatenation of all that was handled, by event id.

    A killed consumer may handle the event again that it had in hand; nothing else is ever repeated.
    """
    place = {event: index for index, event in enumerate(journal)}
    found: list[str] = []
    last, repeats = -1, 0
    for event in handled:
        here = place.get(event)
        if here is None:
            found.append(f"{event} is not in the journal")
            continue
        if here > last + 1:
            found.append(f"gap: {last + 1} to {here - 1} were not handled")
        elif here < last:
            found.append(f"order: {here} was handled after {last}")
        elif here == last:
            repeats += 1
        last = max(last, here)
    if last < len(journal) - 1:
        found.append(f"gap: {last + 1} to {len(journal) - 1}, the end, were not handled")
    if repeats > kills:
        found.append(f"repeats: {repeats} with {kills} kills")
    return found
