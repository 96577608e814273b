"""The institutions of the made city: Yunze (云泽市), which lies in no real province."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from hutong_client.city.model import CITY, Institution, seeded

Scale = Literal["small", "town", "city"]


@dataclass(frozen=True, slots=True)
class _Size:
    districts: int
    counties: int
    tertiary: int
    secondary: int
    """In each county."""
    townships: int
    """In each county or district."""
    villages: int
    """In each township."""
    private: int
    larger_townships: int = 0
    """In the first county: those with one village more."""


_SIZES: dict[Scale, _Size] = {
    "small": _Size(districts=1, counties=1, tertiary=2, secondary=2, townships=3, villages=2, private=1),
    "town": _Size(districts=1, counties=3, tertiary=3, secondary=2, townships=5, villages=4, private=2),
    # Jiaxing's platform: 32 graded hospitals, 80 township centers, 723 village stations, 4 private institutions; and
    # seven centers of laboratory and reading beside them.
    "city": _Size(
        districts=2, counties=6, tertiary=8, secondary=4, townships=10, villages=9, private=4, larger_townships=3
    ),
}
SCALES: tuple[Scale, ...] = ("small", "town", "city")

_DISTRICTS = ("澄江区", "望湖区")
_COUNTIES = ("青溪县", "白鹭县", "石梁县", "云港市", "松原畈县", "双溪县")
_TERTIARY = (
    "云泽市第一医院",
    "云泽市第二医院",
    "云泽市中医医院",
    "云泽市妇幼保健院",
    "云泽市中心医院",
    "云泽市肿瘤医院",
    "云泽市第三医院",
    "云泽学院附属医院",
)
_SECONDARY = ("人民医院", "中医医院", "第二人民医院", "妇幼保健院")
_TOWNS = ["石桥", "柳湾", "枫林", "桃源", "沙渚", "梅岭", "双塔", "竹溪", "新埠", "荷塘", "金畈"]
_VILLAGES = ["东山", "西塘", "南坞", "北岸", "大樟", "小河", "前洋", "后坪", "下渡", "上湾"]
_PRIVATE = ("康宁", "仁和", "瑞安", "同济堂")
_SHAPES = ("collection", "document", "message", "transaction", "alone")

_SMALL = ("village", "township")
# Hospitals send all day, and the registry learns their habit; the others say how long they may be silent.
_HOURS = {"tertiary": 0, "secondary": 0, "township": 24, "village": 72, "private": 0, "laboratory_center": 24}


def institutions(seed: int, scale: Scale) -> tuple[Institution, ...]:
    """All institutions, centers and hospitals first."""
    found = tuple(_all(seed, _SIZES[scale]))
    large = [i for i in found if i.tier not in _SMALL]
    # Hospitals' engines differ: one after the other, so that every shape occurs in both releases.
    engines = {
        i.code: replace(i, shape=_SHAPES[(n + seed) % 5], release=("R4", "R5")[(n + seed) % 2])
        for n, i in enumerate(large)
    }
    return tuple(engines.get(i.code, i) for i in found)


def _all(seed: int, size: _Size) -> Iterator[Institution]:
    city = f"{CITY}01"
    for n in range(size.tertiary):
        yield _made(seed, f"{city}-H{n + 1:02d}", _TERTIARY[n], "tertiary", city, ("yunze-city",))
    yield _made(seed, f"{city}-R01", "云泽市影像心电诊断中心", "laboratory_center", city, ("yunze-city",))
    for n in range(size.private):
        yield _made(seed, f"{city}-P{n + 1:02d}", f"云泽{_PRIVATE[n]}医院", "private", city, ())
    districts = [(f"{CITY}{n + 2:02d}", _DISTRICTS[n]) for n in range(size.districts)]
    counties = [(f"{CITY}{n + 21:02d}", _COUNTIES[n]) for n in range(size.counties)]
    for number, (region, name) in enumerate(counties):
        larger = size.larger_townships if number == 0 else 0
        yield from _county(seed, replace(size, larger_townships=larger), region, name)
    for region, name in districts:
        yield from _townships(seed, replace(size, larger_townships=0), region, name, "yunze-city")


def _county(seed: int, size: _Size, region: str, name: str) -> Iterator[Institution]:
    alliance = f"county-{region}"
    for n in range(size.secondary):
        yield _made(seed, f"{region}-H{n + 1:02d}", name + _SECONDARY[n], "secondary", region, (alliance,))
    yield _made(seed, f"{region}-L01", f"{name}医学检验中心", "laboratory_center", region, (alliance,))
    yield from _townships(seed, size, region, name, alliance)


def _townships(seed: int, size: _Size, region: str, name: str, alliance: str) -> Iterator[Institution]:
    for t in range(size.townships):
        town = _TOWNS[t]
        code = f"{region}-C{t + 1:02d}"
        yield _made(seed, code, f"{name}{town}镇卫生院", "township", region, (alliance,))
        for v in range(size.villages + (t < size.larger_townships)):
            village = f"{name}{town}镇{_VILLAGES[v]}村卫生室"
            yield _made(seed, f"{region}-V{t + 1:02d}{v + 1:02d}", village, "village", region, (alliance,))


def _made(seed: int, code: str, name: str, tier: str, region: str, alliances: tuple[str, ...]) -> Institution:
    rng = seeded(seed, "institution", code)
    # Village stations and clinics buy small systems, which write one report a file.
    small = tier in _SMALL
    return Institution(
        code=code,
        name=name,
        tier=tier,
        region=region,
        alliances=alliances,
        release="R5" if rng.random() < 0.35 else "R4",
        code_style=rng.randrange(4) if not small else rng.choice((1, 2)),
        shape=rng.choice(("alone", "collection")),
        specimen_style=rng.randrange(3),
        feed_interval_hours=_HOURS[tier],
    )


class Places:
    """The institutions, looked up in the ways that people choose one."""

    def __init__(self, found: tuple[Institution, ...]) -> None:
        self.by_code = {institution.code: institution for institution in found}
        self.villages = tuple(i.code for i in found if i.tier == "village")
        self.tertiary = tuple(i.code for i in found if i.tier == "tertiary")
        self.private = tuple(i.code for i in found if i.tier == "private")
        self._secondary: dict[str, tuple[str, ...]] = {}
        for i in found:
            if i.tier == "secondary":
                self._secondary[i.region] = (*self._secondary.get(i.region, ()), i.code)

    def hospitals(self, region: str) -> tuple[str, ...]:
        """Hospitals at home: the county's, or in a district the city's."""
        return self._secondary.get(region, self.tertiary)

    def township(self, village: str) -> str:
        """The township clinic above a village station."""
        region, _, number = village.partition("-V")
        return f"{region}-C{number[:2]}"

    def laboratory(self, region: str) -> str:
        """The county's laboratory center; empty where there is none."""
        code = f"{region}-L01"
        return code if code in self.by_code else ""

    @property
    def reading_center(self) -> str:
        """The city's imaging and ECG reading center."""
        return f"{CITY}01-R01"
