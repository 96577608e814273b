"""The rule book: who may rely on whose results of what, until when. All of it is data of the region, effective-dated.

Dates are ISO "YYYY-MM-DD" strings in the region's time zone, inclusive at both ends; "" is open.
Sources: 国卫医发〔2022〕6号 (recognition marks, quality assessment), regional catalogues.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from hutong_server.domain.person import NameRule
from hutong_server.domain.report import CodeKey, Instant


class Tier(StrEnum):
    """Tier of an institution."""

    TERTIARY = "tertiary"
    SECONDARY = "secondary"
    TOWNSHIP = "township"
    VILLAGE = "village"
    PRIVATE = "private"
    LABORATORY_CENTER = "laboratory_center"


class Specialty(StrEnum):
    """检验 or 检查 (国卫医发〔2022〕6号, article 2)."""

    LABORATORY = "laboratory"
    EXAMINATION = "examination"


class TimeBase(StrEnum):
    """From when a validity window counts."""

    EFFECTIVE = "effective"
    """Specimen or examination time."""
    ISSUED = "issued"
    """Report time."""


class Dimension(StrEnum):
    """What makes two results of one code comparable."""

    SPECIMEN = "specimen"
    COLLECTION = "collection"
    BODY_PART = "body_part"
    LATERALITY = "laterality"
    METHOD = "method"
    CONTRAST = "contrast"


@dataclass(frozen=True, slots=True)
class Institution:
    """An institution of the registry."""

    code: str
    name: str
    tier: Tier
    region: str
    """Administrative division code (GB/T 2260); a prefix is an ancestor."""
    alliances: tuple[str, ...] = ()
    identifiers: tuple[CodeKey, ...] = ()
    """(system, value) pairs by which documents name it, beside its code and its name."""
    feed_interval_hours: int = 0
    """Longest silence that is normal for its feed; 0: learned."""
    access_suspended: bool = False
    quality_suspended_since: Instant | None = None


@dataclass(frozen=True, slots=True)
class Dates:
    """First and last day of effect, inclusive; "" is open."""

    valid_from: str = ""
    valid_to: str = ""

    def cover(self, day: str) -> bool:
        """Whether the day (YYYY-MM-DD) lies within."""
        return (not self.valid_from or self.valid_from <= day) and (not self.valid_to or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class RecognizedItem:
    """An item that may be recognised (互认项目)."""

    code: str
    name_zh: str
    name_en: str
    specialty: Specialty
    item_class: str = ""
    window_days: int = 0
    """Validity window: whole days of 24 h, end inclusive. 0: never valid."""
    time_base: TimeBase = TimeBase.EFFECTIVE
    needs_images: bool = False
    recognized: bool = True
    """False: on the negative list."""
    terms: tuple[tuple[Dimension, tuple[str, ...]], ...] = ()
    """For each dimension that the item names, the terms that match. A report silent on a named one never matches."""
    dates: Dates = field(default=Dates())
    molar_mass: str = ""
    """g/mol in decimal, for trends between mass and amount; "" where the item has none."""


@dataclass(frozen=True, slots=True)
class VocabularyTerm:
    """A term of a dimension, and the codes and texts by which reports state it."""

    dimension: Dimension
    term: str
    name_zh: str = ""
    name_en: str = ""
    codes: tuple[CodeKey, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapping:
    """A local (or standard) code, narrowed by terms where needed, that leads to a recognised item."""

    institution: str
    """Code, or "*" for a standard system."""
    system: str
    code: str
    item: str
    terms: tuple[tuple[Dimension, str], ...] = ()
    dates: Dates = field(default=Dates())


@dataclass(frozen=True, slots=True)
class Panel:
    """A code under which a hospital orders several items at once (a blood count)."""

    institution: str
    """Code, or "*" for a standard system."""
    system: str
    code: str
    items: tuple[str, ...]
    dates: Dates = field(default=Dates())


@dataclass(frozen=True, slots=True)
class QualityGrant:
    """The right of an institution to carry a mark for items, given by a quality body after external assessment."""

    institution: str
    items: tuple[str, ...]
    """Item codes, "class:NAME", "laboratory", "examination" or "*"."""
    range: str
    """"national", a region code, or the name of a region set."""
    mark: str
    """e.g. "浙HR"."""
    quality_body: str = ""
    dates: Dates = field(default=Dates())


@dataclass(frozen=True, slots=True)
class Region:
    """A region that a mark can name. `mark` is its short name with "HR", e.g. "浙HR"."""

    code: str
    """Administrative division code (GB/T 2260), trailing zeros left out or not: "33" and "330000" are the same."""
    name: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class RegionSet:
    """A named set of regions, alliances or institutions (京津冀, 长三角, a medical alliance). Any of them suffices."""

    code: str
    name: str = ""
    mark: str = ""
    regions: tuple[str, ...] = ()
    institutions: tuple[str, ...] = ()
    alliances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A group of institutions: all conditions that are given must hold; within one condition, any value suffices."""

    tiers: tuple[Tier, ...] = ()
    regions: tuple[str, ...] = ()
    alliances: tuple[str, ...] = ()
    institutions: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()


class Alike(StrEnum):
    """What issuer and receiver must have in common."""

    ALLIANCE = "alliance"
    CITY = "city"
    PROVINCE = "province"


class QualityOf(StrEnum):
    """Whose quality grant counts."""

    PERFORMER = "performer"
    READER = "reader"


@dataclass(frozen=True, slots=True)
class RecognitionRule:
    """A directed rule: results of `issued_by` count at `received_by`, under conditions."""

    code: str
    issued_by: Group
    received_by: Group
    items: tuple[str, ...] = ("*",)
    read_by: Group | None = None
    """The result must have been read by an institution of this group (remote reading)."""
    alike: tuple[Alike, ...] = ()
    quality_of: QualityOf = QualityOf.PERFORMER
    dates: Dates = field(default=Dates())


@dataclass(frozen=True, slots=True)
class RepeatGround:
    """A lawful ground to repeat an examination although a valid result exists."""

    code: str
    name_zh: str
    name_en: str
    counts_as_refusal: bool = True
    needs_text: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """Institution `publisher` may publish for `performer`."""

    publisher: str
    performer: str
    dates: Dates = field(default=Dates())


class ConsentBasis(StrEnum):
    """On what ground a patient's results may be looked at."""

    OPT_OUT = "opt_out"
    """Unless the patient objects."""
    VISIT_AUTHORIZATION = "visit_authorization"
    """When the caller declares how the patient authorised it at this visit (card read, code scanned, …)."""


@dataclass(frozen=True, slots=True)
class ConsentRule:
    """The region's rule of consent."""

    basis: ConsentBasis = ConsentBasis.OPT_OUT
    count_withheld: bool = False
    """Whether an answer may say how many results it leaves out: one number, never by item or institution."""
    break_glass_hours: int = 24
    """For how long a declared emergency opens what is withheld."""


@dataclass(frozen=True, slots=True)
class SensitiveCategory:
    """Results that are told apart for what they may reveal (HIV, genetics, …). A report or result belongs to it by any
    of what is listed."""

    code: str
    name_zh: str
    name_en: str
    items: tuple[str, ...] = ()
    """Recognised items, or "class:NAME": every code that is mapped to one of them by the institution or for all."""
    codes: tuple[CodeKey, ...] = ()
    """(system, code) of a result, of a part of it, or of the report; texts as ("", text)."""
    report_categories: tuple[str, ...] = ()
    """Category codes of reports, e.g. "GE"; the whole report then belongs to it."""
    needs_grant: bool = True
    """Withheld unless the patient allows it. False: open unless the patient withholds it."""


class OverrideScope(StrEnum):
    """For whom an override holds."""

    REGION = "region"
    ALLIANCE = "alliance"
    INSTITUTION = "institution"


class Leeway(StrEnum):
    """What the overrides of a scope may do."""

    EVERYTHING = "everything"
    STRICTER = "stricter"
    """A shorter window, images needed, not recognized; nothing else."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class OverrideRule:
    """What the overrides of each scope may do."""

    region: Leeway = Leeway.EVERYTHING
    alliance: Leeway = Leeway.STRICTER
    institution: Leeway = Leeway.STRICTER

    def of(self, scope: OverrideScope) -> Leeway:
        """The leeway of a scope."""
        if scope is OverrideScope.REGION:
            return self.region
        return self.alliance if scope is OverrideScope.ALLIANCE else self.institution


@dataclass(frozen=True, slots=True)
class Override:
    """What the receivers of a scope have decided of an item for themselves; None: nothing."""

    scope: OverrideScope
    target: str
    """Region code, name of an alliance, or institution code."""
    item: str
    window_days: int | None = None
    time_base: TimeBase | None = None
    needs_images: bool | None = None
    recognized: bool | None = None
    dates: Dates = field(default=Dates())
    """Days of asking."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the region has decided for itself."""

    region: str = ""
    time_zone: str = "Asia/Shanghai"
    """Of dates without a zone and of the days of grants and rules."""
    name_rule: NameRule = NameRule.TOKENS
    critical_flags: tuple[str, ...] = ("HH", "LL", "AA")
    unknown_identifier_systems: str = "local"
    """"local": an identifier of a system that the region does not list counts within its assigner; "ignore": not."""
    regions: tuple[Region, ...] = ()
    """Regions whose marks are known here, beside "national" (全国HR)."""
    consent: ConsentRule = field(default=ConsentRule())
    overrides: OverrideRule = field(default=OverrideRule())
