"""The rules of a contract: each yields the breaking and harmless differences of one field's history."""

import re
from collections.abc import Callable, Iterator
from math import log10
from statistics import median

from ingestion.values.parsing import UNREADABLE
from ingestion.values.statuses import comparable_status
from monitoring.drift.baseline import CHANCE, Difference, FieldHistory, at_least, percent
from monitoring.drift.profile import REST, FieldProfile

LEAST = {"required": 0.03, "optional": 0.10}  # increase in rows without the field (share)
LEAST_FORMAT = 0.03  # share of values in an unusual format
LEAST_NEW_WORDS = 0.02
MOST = 0.5  # share of rows from which a property holds for the field as a whole
COMMON_VALUE = 0.2  # share of a rating that cannot be missing by chance
MANY_VALUES = 5
ENOUGH = 20  # rows
MAGNITUDE, MAGNITUDE_OF_FEW = 8, 30  # times the baseline median; the second with fewer rows than ENOUGH
LEAST_AMOUNTS = 5
VALID = {
    "amount": {"number"}, "rating": {"1 to 5"}, "items": {"list"},
    "date": {"date", "timestamp", "timestamp with offset"},
}  # fmt: skip
FORMAT_KEYS = {"amount": "amount_format", "date": "date_format"}
STRUCTURES = {"object", "list", "boolean"}
# Formats that staging reads alike: a day may have more detail.
WIDENED = {"date": {"timestamp", "timestamp with offset"}, "timestamp": {"timestamp with offset"}}

Rule = Callable[[FieldHistory], Iterator[Difference]]


def missing(seen: FieldHistory) -> Iterator[Difference]:
    """Yield a field that is absent, null or blank in more rows than before."""
    now, share = seen.now, seen.now.missing / seen.rows
    if seen.is_known:
        least = LEAST["required" if seen.is_required else "optional"]
        is_more = seen.has_more(lambda field: field.missing, _rows, least)
    else:
        is_more = seen.is_required and share > seen.max_bad_rate
    if is_more:
        parts = {"no key": now.absent, "null": now.null, "blank": now.blank}
        shown = ", ".join(f"{name} {percent(count / seen.rows)}" for name, count in parts.items() if count)
        expected = f"missing from {percent(seen.baseline_missing)}" if seen.is_known else "there"
        yield Difference(seen.field, "missing", True, expected, f"missing from {percent(share)} ({shown})", share)


def formats(seen: FieldHistory) -> Iterator[Difference]:
    """Yield new formats of values; without a history, formats that staging rejects."""
    valid = VALID.get(seen.role) if seen.role != "date" or seen.is_iso else None
    now = seen.now.formats
    if not seen.is_known:
        odd = {
            name for name in now if (name not in valid if valid else name in STRUCTURES or name.startswith(UNREADABLE))
        }
        if sum(now[name] for name in odd) <= seen.max_bad_rate * seen.rows:
            return
        norm = " or ".join(sorted(valid)) if valid else "text or number"
    else:
        rate = _rate_of_new(seen)
        odd = {name for name in now if seen.has_more(_in_format(name), _present, LEAST_FORMAT, rate)}
        odd -= valid if valid and seen.role != "date" else set()
        norm = seen.baseline_formats()
    if not odd:
        return
    main = seen.formats_before.most_common(1)[0][0] if seen.formats_before else ""
    is_widened = seen.is_known and odd <= WIDENED.get(main, set())
    shown = ", ".join(f"{name} {percent(now[name] / seen.now.present)}" for name in sorted(odd, key=lambda n: -now[n]))
    share = sum(now[name] for name in odd) / seen.rows
    yield Difference(seen.field, "format", not is_widened, norm, shown, share, _format_hint(seen, odd))


def words(seen: FieldHistory) -> Iterator[Difference]:
    """Yield statuses never seen before: dbt counts unknown statuses as revenue."""
    if seen.role != "word" or not seen.is_known:
        return
    known = set(seen.merged(lambda field: field.values)) | seen.known_words
    if not known - seen.known_words:  # too many different ones to be listed
        return
    known |= set(map(comparable_status, known))
    new = {word: count for word, count in seen.now.values.items() if comparable_status(word) not in known}
    if not new:
        return
    respelled = sum(count for word, count in new.items() if _plain(word) in map(_plain, seen.known_words))
    total = sum(new.values())
    unseen = seen.has_more(
        lambda field: sum(count for word, count in field.values.items() if word in new), _present, LEAST_NEW_WORDS
    )
    shown = ", ".join(repr(word) for word in sorted(new, key=lambda word: -new[word])[:5])
    norm = ", ".join(repr(word) for word, _ in seen.merged(lambda field: field.values).most_common(5))
    yield Difference(
        seen.field, "values" if unseen or respelled > 1 else "new_value", unseen or respelled > 1, norm,
        f"{shown} in {percent(total / seen.rows)}", total / seen.rows,
        "never seen before; if it brings no revenue, add it to non_revenue_statuses of shop.toml",
    )  # fmt: skip


def stars(seen: FieldHistory) -> Iterator[Difference]:
    """Yield common ratings that are gone: another scale within the same numbers."""
    if seen.role != "rating" or not seen.is_known or seen.now.present < ENOUGH:
        return
    before = seen.merged(lambda field: field.values)
    total = before.total()
    gone = {value for value, count in before.items() if count / total >= COMMON_VALUE and value not in seen.now.values}
    share = sum(before[value] for value in gone) / total if total else 0
    if gone and sum(seen.now.values.values()) and (1 - share) ** seen.now.present < CHANCE:
        shown = f"{', '.join(sorted(gone))} no longer occur"
        expected = f"{', '.join(sorted(gone))} in {percent(share)}"
        yield Difference(seen.field, "scale", True, expected, shown, 1.0, "is it another scale?")


def magnitude(seen: FieldHistory) -> Iterator[Difference]:
    """Yield amounts of another magnitude, or without their cents."""
    now, medians = seen.now, [abs(one.median) for _, one in seen.before if one.median]
    if seen.role != "amount" or not medians or now.median is None or now.present < LEAST_AMOUNTS:
        return
    norm, is_whole = median(medians), _is_more_whole(seen)
    if not now.median:
        if now.whole == now.present >= ENOUGH:
            yield Difference(seen.field, "scale", True, f"median {norm:,.2f}", "mostly 0", 1.0, "is it another field?")
        return
    times = abs(now.median) / norm
    limit = MAGNITUDE if now.present >= ENOUGH else MAGNITUDE_OF_FEW
    shown, expected = f"median {now.median:,.2f}", f"median {norm:,.2f}"
    if times >= limit or times <= 1 / limit:
        power = round(log10(times))
        is_minor = is_whole and power > 0
        hint = f"counted in minor units? Then minor_units = {10**power} in shop.toml" if is_minor else "another unit?"
        yield Difference(seen.field, "scale", True, expected, f"{shown}, {times:,.2g} times the baseline", 1.0, hint)
    elif is_whole:
        yield Difference(seen.field, "scale", True, f"{expected}, with cents", f"{shown}, all whole", 1.0, "rounded?")


def ids(seen: FieldHistory) -> Iterator[Difference]:
    """Yield ids with other letters before the number, and ids that product_id_pattern does not match."""
    prefixes = seen.now.prefixes
    before = seen.merged(lambda field: field.prefixes)
    total = sum(prefixes.values())
    new = {prefix for prefix in prefixes if prefix not in before and prefix != REST}
    share = sum(prefixes[prefix] for prefix in new) / total if total else 0
    is_ours = before and before[REST] < LEAST_RATE_OF_OTHERS * before.total()
    if is_ours and share > MOST and total >= LEAST_AMOUNTS:
        shown = ", ".join(sorted(new))
        norm = ", ".join(sorted(set(before) - {REST}))
        yield Difference(seen.field, "format", True, f"begins with {norm}", f"begins with {shown}", share, "other ids?")
    is_more = (
        seen.has_more(lambda field: field.off_pattern, _present, LEAST_FORMAT)
        if seen.is_known
        else seen.now.off_pattern > seen.max_bad_rate * seen.rows
    )
    if is_more:
        share = seen.now.off_pattern / seen.rows
        shown = f"does not match in {percent(share)}"
        yield Difference(seen.field, "pattern", True, "matches product_id_pattern", shown, share)


def constant(seen: FieldHistory) -> Iterator[Difference]:
    """Yield a field that has one value in nearly all rows, and had many before."""
    if seen.role not in ("id", "amount", "text") or seen.now.present < ENOUGH:
        return
    norm = [one.most_frequent / one.present for _, one in seen.before if one.present >= MANY_VALUES]
    share = seen.now.most_frequent / seen.now.present
    if norm and share >= 0.9 and max(norm) < MOST:
        shown = f"the same value in {percent(share)}"
        yield Difference(
            seen.field, "constant", True, f"the same value in at most {percent(max(norm))}", shown, share, "a default?"
        )


def moments(seen: FieldHistory) -> Iterator[Difference]:
    """Yield dates of more other days than before, and timestamps with new offsets."""
    if seen.role != "date":
        return
    share = seen.now.off_day / seen.rows
    is_more = (
        seen.has_more(lambda field: field.off_day, _present, LEAST["required" if seen.is_required else "optional"])
        if seen.is_known
        else seen.is_required and share > seen.max_bad_rate
    )
    if is_more and seen.is_of_day:
        shown = f"on other days in {percent(share)}"
        expected = f"in {percent(seen.baseline(lambda one: one.off_day, _present))}" if seen.is_known else "on the day"
        yield Difference(seen.field, "off_day", True, expected, shown, share, "another time zone?")
    before = seen.merged(lambda field: field.offsets)
    is_zone = before and _in_zone(seen.now) and all(_in_zone(one) for _, one in seen.before if one.offsets)
    new = [name for name in seen.now.offsets if seen.has_more(_at_offset(name), _offsets, LEAST_FORMAT)]
    is_usual = before.total() >= MOST * sum(one.present for _, one in seen.before)
    if is_usual and before and new and not is_zone:
        share = sum(seen.now.offsets[name] for name in new) / seen.rows
        norm = ", ".join(name for name, _ in before.most_common(3))
        yield Difference(seen.field, "time_zone", True, norm, f"{', '.join(new)} in {percent(share)}", share)


RULES: tuple[Rule, ...] = (missing, formats, words, stars, magnitude, ids, constant, moments)
LEAST_RATE_OF_OTHERS = 0.05


def _rows(rows: int, _: FieldProfile) -> int:
    return rows


def _present(_: int, field: FieldProfile) -> int:
    return field.present


def _offsets(_: int, field: FieldProfile) -> int:
    return sum(field.offsets.values())


def _in_format(name: str) -> Callable[[FieldProfile], int]:
    return lambda field: field.formats.get(name, 0)


def _at_offset(name: str) -> Callable[[FieldProfile], int]:
    return lambda field: field.offsets.get(name, 0)


def _rate_of_new(seen: FieldHistory) -> float:
    """Return the rate of formats not seen before, estimated by those seen once (Good and Turing)."""
    before = seen.formats_before
    return (before[REST] + sum(count == 1 for count in before.values())) / max(1, before.total())


def _is_more_whole(seen: FieldHistory) -> bool:
    """Return whether all amounts are whole, and most were not before."""
    rate = seen.baseline(lambda field: field.whole, _present)
    return (
        seen.now.whole >= 0.95 * seen.now.present
        and rate < MOST
        and at_least(seen.now.whole, seen.now.present, max(rate, 0.01)) < CHANCE
    )


def _in_zone(field: FieldProfile) -> bool:
    return field.in_zone >= 0.95 * sum(field.offsets.values())


def _format_hint(seen: FieldHistory, odd: set[str]) -> str:
    if seen.role == "date" and odd <= {"timestamp", "date"}:
        return "without an offset it is read in the shop's time zone"
    if "object" in odd or "list" in odd:
        return "keys of shop.toml can name a path within it"
    if seen.role in FORMAT_KEYS and odd - {"text", "word"}:
        return f"declare it by {FORMAT_KEYS[seen.role]} in shop.toml"
    return ""


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())
