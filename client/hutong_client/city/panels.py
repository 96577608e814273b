"""What is ordered together, and the fields of the urine strip."""

from typing import NamedTuple

from hutong_client.city.analytes import ANALYTES


class Strip(NamedTuple):
    """A field of a urine test strip: graded, not measured."""

    key: str
    loinc: str
    name: str
    condition: str
    """The chronic condition that makes it positive."""


STRIPS = {
    strip.key: strip
    for strip in (
        Strip("U-PRO", "20454-5", "尿蛋白", "kidney"),
        Strip("U-GLU", "25428-4", "尿葡萄糖", "diabetes"),
        Strip("U-KET", "2514-8", "尿酮体", ""),
        Strip("U-BLD", "5794-3", "尿潜血", "kidney"),
        Strip("U-LEU", "5799-2", "尿白细胞酯酶", ""),
        Strip("U-NIT", "5802-4", "尿亚硝酸盐", ""),
        Strip("U-BIL", "5770-3", "尿胆红素", "liver"),
    )
}
GRADES = ("阴性", "±", "1+", "2+", "3+")
"""What a strip can say, from none to most."""


class Panel(NamedTuple):
    """What is ordered together."""

    kind: str
    name: str
    loinc: str
    """LOINC of the panel; empty where none fits."""
    keys: tuple[str, ...]
    """Of ANALYTES and STRIPS, in the order in which they are printed."""
    specimen: str
    """blood, serum, plasma, urine or capillary."""
    fasting: bool
    """Drawn fasting; the report says so."""
    analyzer: str
    method: str
    letter: str
    """In the report number."""


_BLOOD_COUNT = tuple(ANALYTES)[:20]
_CHEMISTRY = (
    "K",
    "NA",
    "CL",
    "CA",
    "P",
    "MG",
    "GLU",
    "UREA",
    "CREA",
    "UA",
    "ALT",
    "AST",
    "GGT",
    "ALP",
    "TBIL",
    "DBIL",
    "TP",
    "ALB",
    "GLB",
    "CK",
    "LDH",
)
_BASIC = ("GLU", "UREA", "CREA", "UA", "ALT", "AST", "TBIL", "TC", "TG")
_LIPIDS = ("TC", "TG", "HDL-C", "LDL-C", "APOA1", "APOB")
_URINE = ("U-SG", "U-PH", *STRIPS)

PANELS = {
    panel.kind: panel
    for panel in (
        Panel("blood-count", "血常规", "57021-8", _BLOOD_COUNT, "blood", False, "血细胞分析仪", "流式细胞术", "B"),
        Panel("chemistry", "生化全套", "", _CHEMISTRY, "serum", True, "全自动生化分析仪", "比色法", "C"),
        Panel("chemistry-basic", "生化基本项目", "", _BASIC, "serum", True, "生化分析仪", "比色法", "C"),
        Panel("lipids", "血脂", "57698-3", _LIPIDS, "serum", True, "全自动生化分析仪", "酶法", "L"),
        Panel("hba1c", "糖化血红蛋白", "", ("HBA1C",), "blood", False, "糖化血红蛋白分析仪", "HPLC", "G"),
        Panel(
            "thyroid",
            "甲状腺功能",
            "",
            ("FT3", "FT4", "TSH", "TPOAB"),
            "serum",
            False,
            "化学发光分析仪",
            "化学发光法",
            "T",
        ),
        Panel(
            "coagulation",
            "凝血功能",
            "",
            ("PT", "INR", "APTT", "TT", "FIB", "D-DIMER"),
            "plasma",
            False,
            "全自动凝血分析仪",
            "凝固法",
            "N",
        ),
        Panel("crp", "C反应蛋白", "", ("CRP",), "serum", False, "特定蛋白分析仪", "免疫比浊法", "R"),
        Panel("iron", "铁代谢", "", ("FERR", "FE"), "serum", True, "化学发光分析仪", "化学发光法", "F"),
        Panel(
            "markers-women",
            "肿瘤标志物",
            "",
            ("AFP", "CEA", "CA125", "CA199", "CA153"),
            "serum",
            False,
            "化学发光分析仪",
            "化学发光法",
            "M",
        ),
        Panel(
            "markers-men",
            "肿瘤标志物",
            "",
            ("AFP", "CEA", "CA199", "PSA"),
            "serum",
            False,
            "化学发光分析仪",
            "化学发光法",
            "M",
        ),
        Panel("urine", "尿常规", "24356-8", _URINE, "urine", False, "尿液分析仪", "干化学法", "U"),
        Panel("acr", "尿微量白蛋白", "", ("U-ACR",), "urine", False, "特定蛋白分析仪", "免疫比浊法", "A"),
        Panel("glucose-poct", "指尖血糖", "", ("GLU-POCT",), "capillary", False, "便携式血糖仪", "葡萄糖氧化酶法", "P"),
    )
}
