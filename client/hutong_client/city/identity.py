"""Names and numbers of people who do not exist.

The division codes begin with 9904; GB/T 2260 assigns none that begin with 99, so no resident number made here can be
that of a real person. The checksum is that of GB 11643-1999 (ISO 7064 MOD 11-2).
"""

from datetime import date
from random import Random

RESIDENT_NUMBER = "urn:oid:2.16.156.10011.1.3"
"""System of the resident identity number."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"

SURNAMES = tuple(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓韩冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁沈任姚卢傅钟姜"
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_MALE = _words(
    "伟 强 磊 军 勇 杰 涛 明 超 刚 平 辉 鹏 华 飞 鑫 波 斌 宇 浩 凯 健 俊 "
    "帆 帅 旭 宁 建国 建华 建军 国强 志强 志明 文杰 永强 海涛 卫东 德明 金生 "
    "根生 福生 水根 阿毛 子轩 浩然 宇轩 俊杰 家豪 明轩 天佑 "
)
_FEMALE = _words(
    "芳 娜 敏 静 丽 艳 娟 霞 燕 玲 桂英 秀英 玉兰 秀兰 桂兰 玉梅 凤英 淑珍 "
    "淑英 秀珍 雪梅 丽华 红梅 春梅 海燕 晓燕 婷婷 雨桐 欣怡 梓涵 诗涵 子涵 佳怡 "
    "思雨 美玲 慧敏 文静 小红 月娥 爱珍 水珍 阿妹 "
)
_TWINS = {"male": ("浩然", "浩宇", "子豪", "子杰"), "female": ("雨欣", "雨桐", "思琪", "思雅")}


def check_digit(first17: str) -> str:
    """The eighteenth character of a resident number."""
    return _CHECK[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first17, strict=True)) % 11]


def resident_number(division: str, birth: date, sequence: int, sex: str) -> str:
    """A resident number; the sequence's parity is that of the sex (odd: male).

    `sequence` is 0..499 within the division and day.
    """
    first17 = f"{division}{birth:%Y%m%d}{sequence * 2 + (sex == 'male'):03d}"
    return first17 + check_digit(first17)


def mistyped(number: str, rng: Random) -> str:
    """The number as it looks after one wrong key; its checksum never fits."""
    place = rng.randrange(6, 17)
    wrong = str((int(number[place]) + rng.randrange(1, 10)) % 10)
    return number[:place] + wrong + number[place + 1 :]


def short_form(number: str) -> str:
    """The fifteen digits in use before 1999: no century, no check digit."""
    return number[:6] + number[8:17]


def full_width(text: str) -> str:
    """ASCII letters and digits as the full-width characters that some input methods leave behind."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def given_name(sex: str, rng: Random) -> str:
    """A given name."""
    return rng.choice(_MALE if sex == "male" else _FEMALE)


def twin_names(sex: str, rng: Random) -> tuple[str, str]:
    """Given names of twins: alike, not the same."""
    pair = _TWINS[sex]
    start = rng.randrange(len(pair) // 2) * 2
    return pair[start], pair[start + 1]


def health_card(rng: Random) -> str:
    """An electronic health card number: 64 hexadecimal digits, as the national card's main index has."""
    return f"{rng.getrandbits(256):064X}"
