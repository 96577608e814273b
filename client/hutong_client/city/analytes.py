"""What the made laboratories measure: codes, units, written precision, reference ranges.

LOINC numbers are those of the property that Chinese laboratories report (amount of substance where they use mmol/L).
Ranges follow the WS/T 404, 405 and 779 series as hospitals print them, rounded; they are made to look right, not to
judge anybody.
"""

from typing import NamedTuple


class Analyte(NamedTuple):
    """One quantity that a laboratory reports."""

    key: str
    """Abbreviation that laboratories print, e.g. "ALT"."""
    loinc: str
    name: str
    other_name: str
    """What other laboratories call it."""
    unit: str
    """As printed."""
    ucum: str
    digits: int
    """Digits after the point, always written."""
    men: tuple[float, float]
    """Reference range."""
    women: tuple[float, float]
    center: float
    """Median of healthy people, as a fraction of the way from low to high."""
    within: float
    """Coefficient of variation of one person from test to test."""
    skewed: bool
    """Log-normal among people."""
    critical: tuple[float, float] | None
    """Below and above: telephoned to the ward, flagged LL or HH."""


def _of(
    key: str,
    loinc: str,
    name: str,
    other_name: str,
    unit: str,
    ucum: str,
    digits: int,
    men: tuple[float, float],
    women: tuple[float, float] | None = None,
    center: float = 0.5,
    within: float = 0.05,
    skewed: bool = False,
    critical: tuple[float, float] | None = None,
) -> Analyte:
    return Analyte(
        key, loinc, name, other_name or name, unit, ucum, digits, men, women or men, center, within, skewed, critical
    )


_G, _T = ("×10⁹/L", "10*9/L"), ("×10¹²/L", "10*12/L")
_MMOL, _UMOL, _PMOL = ("mmol/L", "mmol/L"), ("μmol/L", "umol/L"), ("pmol/L", "pmol/L")
_U, _GL, _MGL, _NGML, _UML = ("U/L", "U/L"), ("g/L", "g/L"), ("mg/L", "mg/L"), ("ng/mL", "ng/mL"), ("U/mL", "U/mL")
_PCT, _S = ("%", "%"), ("s", "s")

_TABLE = (
    # Blood count
    _of("WBC", "6690-2", "白细胞计数", "白细胞", *_G, 2, (3.5, 9.5), center=0.42, within=0.1, critical=(1.5, 30)),
    _of("NEUT%", "770-8", "中性粒细胞百分比", "中性粒细胞比率", *_PCT, 1, (40, 75), within=0.07),
    _of("LYM%", "736-9", "淋巴细胞百分比", "淋巴细胞比率", *_PCT, 1, (20, 50), within=0.08),
    _of("MONO%", "5905-5", "单核细胞百分比", "单核细胞比率", *_PCT, 1, (3, 10), within=0.1),
    _of("EO%", "713-8", "嗜酸性粒细胞百分比", "嗜酸粒细胞比率", *_PCT, 1, (0.4, 8), center=0.25, within=0.15),
    _of("BASO%", "706-2", "嗜碱性粒细胞百分比", "嗜碱粒细胞比率", *_PCT, 1, (0, 1), within=0.15),
    _of("NEUT#", "751-8", "中性粒细胞绝对值", "中性粒细胞计数", *_G, 2, (1.8, 6.3)),
    _of("LYM#", "731-0", "淋巴细胞绝对值", "淋巴细胞计数", *_G, 2, (1.1, 3.2)),
    _of("MONO#", "742-7", "单核细胞绝对值", "单核细胞计数", *_G, 2, (0.1, 0.6)),
    _of("EO#", "711-2", "嗜酸性粒细胞绝对值", "嗜酸粒细胞计数", *_G, 2, (0.02, 0.52)),
    _of("BASO#", "704-7", "嗜碱性粒细胞绝对值", "嗜碱粒细胞计数", *_G, 2, (0, 0.06)),
    _of("RBC", "789-8", "红细胞计数", "红细胞", *_T, 2, (4.3, 5.8), (3.8, 5.1), within=0.03),
    _of("HGB", "718-7", "血红蛋白", "血红蛋白浓度", *_GL, 0, (130, 175), (115, 150), within=0.03, critical=(50, 200)),
    _of("HCT", "4544-3", "红细胞压积", "红细胞比容", *_PCT, 1, (40, 50), (35, 45), within=0.03),
    _of("MCV", "787-2", "平均红细胞体积", "", "fL", "fL", 1, (82, 100), within=0.01),
    _of("MCH", "785-6", "平均红细胞血红蛋白含量", "平均血红蛋白量", "pg", "pg", 1, (27, 34)),
    _of("MCHC", "786-4", "平均红细胞血红蛋白浓度", "平均血红蛋白浓度", *_GL, 0, (316, 354), within=0.01),
    _of("RDW-CV", "788-0", "红细胞分布宽度变异系数", "红细胞分布宽度", *_PCT, 1, (11, 15), center=0.45, within=0.02),
    _of("PLT", "777-3", "血小板计数", "血小板", *_G, 0, (125, 350), center=0.45, within=0.06, critical=(31, 1000)),
    _of("MPV", "32623-1", "平均血小板体积", "", "fL", "fL", 1, (7, 11), within=0.03),
    # Chemistry
    _of("K", "2823-3", "钾", "血清钾", *_MMOL, 2, (3.5, 5.3), center=0.42, within=0.04, critical=(2.8, 6.2)),
    _of("NA", "2951-2", "钠", "血清钠", *_MMOL, 1, (137, 147), within=0.007, critical=(120, 160)),
    _of("CL", "2075-0", "氯", "血清氯", *_MMOL, 1, (99, 110), within=0.01),
    _of("CA", "2000-8", "钙", "血清总钙", *_MMOL, 2, (2.11, 2.52), within=0.02, critical=(1.6, 3.5)),
    _of("P", "14879-1", "无机磷", "血清磷", *_MMOL, 2, (0.85, 1.51), within=0.07),
    _of("MG", "2601-3", "镁", "血清镁", *_MMOL, 2, (0.75, 1.02), within=0.03),
    _of("GLU", "14749-6", "葡萄糖", "血糖", *_MMOL, 2, (3.9, 6.1), center=0.55, within=0.05, critical=(2.5, 22.2)),
    _of("UREA", "22664-7", "尿素", "尿素氮", *_MMOL, 2, (3.1, 8), (2.6, 7.5), center=0.45, within=0.1),
    _of("CREA", "14682-9", "肌酐", "血肌酐", *_UMOL, 1, (57, 97), (41, 73), within=0.05, critical=(0, 650)),
    _of("UA", "14933-6", "尿酸", "血尿酸", *_UMOL, 1, (208, 428), (155, 357), center=0.6, within=0.07),
    _of("ALT", "1742-6", "丙氨酸氨基转移酶", "谷丙转氨酶", *_U, 1, (9, 50), (7, 40), 0.3, 0.12, skewed=True),
    _of("AST", "1920-8", "天门冬氨酸氨基转移酶", "谷草转氨酶", *_U, 1, (15, 40), (13, 35), 0.3, 0.1, skewed=True),
    _of("GGT", "2324-2", "γ-谷氨酰转移酶", "谷氨酰转肽酶", *_U, 1, (10, 60), (7, 45), 0.3, 0.1, skewed=True),
    _of("ALP", "6768-6", "碱性磷酸酶", "", *_U, 1, (45, 125), (35, 100), within=0.05),
    _of("TBIL", "14631-6", "总胆红素", "", *_UMOL, 1, (5.1, 26), center=0.4, within=0.15, skewed=True),
    _of("DBIL", "14629-0", "直接胆红素", "结合胆红素", *_UMOL, 1, (0, 6)),
    _of("TP", "2885-2", "总蛋白", "血清总蛋白", *_GL, 1, (65, 85), within=0.03),
    _of("ALB", "1751-7", "白蛋白", "血清白蛋白", *_GL, 1, (40, 55), center=0.45, within=0.03),
    _of("GLB", "10834-0", "球蛋白", "", *_GL, 1, (20, 40)),
    _of("CK", "2157-6", "肌酸激酶", "", *_U, 0, (50, 310), (40, 200), 0.3, 0.15, skewed=True),
    _of("LDH", "2532-0", "乳酸脱氢酶", "", *_U, 0, (120, 250), within=0.06),
    # Lipids
    _of("TC", "14647-2", "总胆固醇", "胆固醇", *_MMOL, 2, (2.9, 5.18), center=0.7, within=0.05),
    _of("TG", "14927-8", "甘油三酯", "", *_MMOL, 2, (0.45, 1.7), center=0.6, within=0.15, skewed=True),
    _of("HDL-C", "14646-4", "高密度脂蛋白胆固醇", "高密度脂蛋白", *_MMOL, 2, (1.03, 1.9), within=0.05),
    _of("LDL-C", "22748-8", "低密度脂蛋白胆固醇", "低密度脂蛋白", *_MMOL, 2, (1.3, 3.37)),
    _of("APOA1", "1869-7", "载脂蛋白A1", "载脂蛋白AⅠ", *_GL, 2, (1.05, 1.75), within=0.05),
    _of("APOB", "1884-6", "载脂蛋白B", "", *_GL, 2, (0.6, 1.1), within=0.05),
    # Glycated hemoglobin, thyroid, coagulation, inflammation
    _of("HBA1C", "4548-4", "糖化血红蛋白A1c", "糖化血红蛋白", *_PCT, 1, (4, 6), center=0.65, within=0.015),
    _of(
        "TSH", "3016-3", "促甲状腺激素", "促甲状腺素", "mIU/L", "m[IU]/L", 3, (0.27, 4.2), None, 0.4, 0.15, skewed=True
    ),
    _of("FT3", "14928-6", "游离三碘甲状腺原氨酸", "游离T3", *_PMOL, 2, (3.1, 6.8), within=0.05),
    _of("FT4", "14920-3", "游离甲状腺素", "游离T4", *_PMOL, 2, (12, 22), within=0.05),
    _of(
        "TPOAB",
        "8099-4",
        "甲状腺过氧化物酶抗体",
        "TPO抗体",
        "IU/mL",
        "[IU]/mL",
        2,
        (0, 34),
        None,
        0.35,
        0.1,
        skewed=True,
    ),
    _of("PT", "5902-2", "凝血酶原时间", "", *_S, 1, (9.8, 13.5), within=0.03, critical=(0, 30)),
    _of("INR", "6301-6", "国际标准化比值", "PT-INR", "", "{INR}", 2, (0.8, 1.2), within=0.03, critical=(0, 5)),
    _of("APTT", "14979-9", "活化部分凝血活酶时间", "", *_S, 1, (25, 37), within=0.04, critical=(0, 70)),
    _of("TT", "3243-3", "凝血酶时间", "", *_S, 1, (14, 21), within=0.03),
    _of("FIB", "3255-7", "纤维蛋白原", "", *_GL, 2, (2, 4), within=0.08),
    _of(
        "D-DIMER", "48065-7", "D-二聚体", "", "mg/L FEU", "mg/L{FEU}", 2, (0, 0.55), center=0.4, within=0.2, skewed=True
    ),
    _of("CRP", "1988-5", "C反应蛋白", "", *_MGL, 2, (0, 8), center=0.2, within=0.3, skewed=True),
    _of("FERR", "2276-4", "铁蛋白", "", *_NGML, 1, (30, 400), (13, 150), center=0.35, within=0.1, skewed=True),
    _of("FE", "14798-3", "铁", "血清铁", *_UMOL, 1, (10.6, 36.7), (7.8, 32.2), within=0.2),
    # Tumor markers
    _of("AFP", "1834-1", "甲胎蛋白", "", *_NGML, 2, (0, 7), center=0.4, within=0.1, skewed=True),
    _of("CEA", "2039-6", "癌胚抗原", "", *_NGML, 2, (0, 5), center=0.4, within=0.1, skewed=True),
    _of("CA125", "10334-1", "糖类抗原125", "CA-125", *_UML, 2, (0, 35), center=0.35, within=0.12, skewed=True),
    _of("CA199", "24108-3", "糖类抗原19-9", "CA19-9", *_UML, 2, (0, 37), center=0.3, within=0.12, skewed=True),
    _of("CA153", "6875-9", "糖类抗原15-3", "CA15-3", *_UML, 2, (0, 25), center=0.4, within=0.12, skewed=True),
    _of(
        "PSA",
        "2857-1",
        "总前列腺特异性抗原",
        "前列腺特异抗原",
        *_NGML,
        3,
        (0, 4),
        center=0.25,
        within=0.12,
        skewed=True,
    ),
    # Point of care
    _of("GLU-POCT", "14743-9", "末梢血葡萄糖", "指尖血糖", *_MMOL, 1, (3.9, 6.1), center=0.6, within=0.09),
    # Urine, numbers
    _of("U-PH", "5803-2", "尿酸碱度", "尿pH", "", "[pH]", 1, (4.5, 8), center=0.5, within=0.07),
    _of("U-SG", "5811-5", "尿比重", "比重", "", "{ratio}", 3, (1.003, 1.03), center=0.5, within=0.004),
    _of(
        "U-ACR",
        "9318-7",
        "尿微量白蛋白/肌酐",
        "尿白蛋白肌酐比",
        "mg/g",
        "mg/g",
        1,
        (0, 30),
        None,
        0.3,
        0.2,
        skewed=True,
    ),
)
ANALYTES = {analyte.key: analyte for analyte in _TABLE}
"""By key."""
