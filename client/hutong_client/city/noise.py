"""What goes wrong in real feeds, made on purpose."""

from random import Random

NOISE = {
    "no-unit": "a quantity without its unit",
    "preliminary": "a preliminary version comes before the final one",
    "corrected": "a corrected version follows the final one",
    "withdrawn": "the report is withdrawn after it was final",
    "mistyped": "the resident number has a wrong digit; its checksum does not fit",
    "only-mistyped": "the same, and the report has no other identifier",
    "short-number": "the resident number in its former 15 digits",
    "full-width": "the resident number in full-width characters",
    "sibling-number": "a twin under the other twin's number",
    "mother-number": "a newborn under its mother's number",
    "focus": "a newborn's result in a report on its mother",
    "no-demographics": "the patient has numbers and nothing else",
    "unmapped": "a test under a local code that nobody has mapped",
    "no-specimen": "the specimen is not stated",
    "no-images": "the images cannot be reached",
    "no-effective": "only the time of issue is known",
    "no-performer": "nobody is named as performer",
    "send-out": "performed by the county laboratory center, published by the clinic",
    "remote-read": "read by the city hospital or the city's reading center",
}
"""What each mark of a MadeReport means. The last two are no fault, but need the catalogue's agreements and rules."""

_OFTEN = (
    ("preliminary", 0.03),
    ("corrected", 0.015),
    ("withdrawn", 0.01),
    ("no-unit", 0.02),
    ("mistyped", 0.012),
    ("only-mistyped", 0.004),
    ("short-number", 0.01),
    ("full-width", 0.008),
    ("no-demographics", 0.003),
    ("unmapped", 0.02),
    ("no-specimen", 0.02),
    ("no-effective", 0.01),
    ("no-performer", 0.04),
)


def draw(rng: Random) -> str:
    """The noise of one report; empty for most."""
    at = rng.random()
    for name, chance in _OFTEN:
        at -= chance
        if at < 0:
            return name
    return ""
