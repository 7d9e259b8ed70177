"""English review texts for each rating, assembled from parts. They are invented and name no person."""

import random

_PRAISE = (
    "Love this {noun}!",
    "Great {noun}, better than I'd hoped.",
    "Very happy with this {noun}.",
    "Excellent quality, and it looks beautiful 😍",
    "The best {noun} I've owned so far.",
    "Works perfectly, right out of the box.",
    "Impressive: solid, quiet, easy to use.",
    "What a lovely {noun} 👍",
)
_PRAISE_DETAIL = (
    "Delivery was fast and the packaging was great.",
    "It's worth every cent, and I'd gladly buy it again.",
    "My family enjoys it every day.",
    "Good value, nice colour, easy to clean.",
    "Support answered within an hour, very helpful.",
    "Feels well made; I'm really pleased.",
    "",
)
_CAVEAT = (
    "The manual could be clearer, though.",
    "Slightly larger than the photos suggest.",
    "Took a day longer than promised.",
    "One star off for the short cable.",
    "",
    "",
)
_PLAIN = (
    "The {noun} is what the page says it is.",
    "It's a {noun}. It does what a {noun} does.",
    "Average {noun}, about what one expects at this price.",
    "Arrived on Tuesday, in a brown box.",
    "Used the {noun} for two weeks now.",
    "Some parts are metal, some are plastic.",
    "Same as the previous model, as far as I can see.",
)
_PLAIN_DETAIL = (
    "The colour is nearer to grey than to blue.",
    "It came with a cable, a manual and two brackets.",
    "Setup took twenty minutes.",
    "Time will tell.",
    "It weighs more than the old one.",
    "",
)
_COMPLAINT = (
    "Disappointed with this {noun}.",
    "The {noun} broke after three days.",
    "Poor quality, and it feels cheap.",
    "Doesn't work as described, sadly.",
    "The {noun} arrived damaged 😡",
    "Terrible: noisy, slow and it smells bad.",
    "I regret buying this {noun}.",
    "Worst {noun} I've had, don't waste your money!",
)
_COMPLAINT_DETAIL = (
    "The handle is broken, the lid is loose, and nobody answered my complaint.",
    "Returning it was a horrible experience.",
    "It's annoying to use and hard to clean.",
    "The replacement failed too 👎",
    "I'm very unhappy and want a refund.",
    "It used to be better; the new version is awful.",
    "",
)
_PARTS = {
    1: (_COMPLAINT, _COMPLAINT_DETAIL, ("",)),
    2: (_COMPLAINT, _COMPLAINT_DETAIL, ("", "", "At least it arrived on time.")),
    3: (_PLAIN, _PLAIN_DETAIL, ("",)),
    4: (_PRAISE, _PRAISE_DETAIL, _CAVEAT),
    5: (_PRAISE, _PRAISE_DETAIL, ("",)),
}
# Some customers write line breaks.
_SEPARATORS = (" ",) * 9 + ("\n",)


def review_text(rng: random.Random, rating: int, noun: str) -> str:
    """Return a text for a rating from 1 to 5 on a product called `noun`, determined by the state of `rng`."""
    pick = rng.random
    parts = (choices[int(pick() * len(choices))] for choices in _PARTS[rating])
    return _SEPARATORS[int(pick() * len(_SEPARATORS))].join(part for part in parts if part).replace("{noun}", noun)
