"""What the made hospitals examine, and what they write about it."""

from typing import NamedTuple


class Examination(NamedTuple):
    """One examination."""

    kind: str
    name: str
    other_name: str
    """What other hospitals call it."""
    loinc: str
    """Empty where none fits."""
    category: str
    """HL7 table 0074: RAD, CT, NMR, RUS, EC, OTH."""
    modality: str
    """DICOM modality."""
    body_part: str
    """Key of BODY_PARTS."""
    laterality: str
    """left, right, both or empty."""
    contrast: str
    """plain, contrast, or empty where the question does not arise."""
    method: str
    """How it was done, in words."""
    series: int
    findings: tuple[tuple[str, str], ...]
    """(findings, conclusion); the first is normal."""


def _of(
    kind: str,
    name: str,
    other_name: str,
    loinc: str,
    category: str,
    modality: str,
    body_part: str,
    method: str,
    *findings: tuple[str, str],
    laterality: str = "",
    contrast: str = "",
    series: int = 1,
) -> Examination:
    return Examination(
        kind,
        name,
        other_name or name,
        loinc,
        category,
        modality,
        body_part,
        laterality,
        contrast,
        method,
        series,
        findings,
    )


_TABLE = (
    _of(
        "xr-chest", "胸部正位片", "DR胸片(正位)", "24648-8", "RAD", "DX", "chest", "X线摄影",
        ("两肺纹理清晰，未见明显实质性病变。心影大小形态正常。两膈光整，肋膈角锐利。", "心肺膈未见明显异常。"),
        ("两肺纹理增多、增粗，右下肺见斑片状模糊影。心影不大。", "右下肺炎症可能，建议治疗后复查。"),
        ("两肺纹理增粗。主动脉结突出，心影略增大，心胸比约0.54。", "主动脉硬化，心影增大。"),
    ),
    _of(
        "xr-knee-left", "左膝关节正侧位片", "DR左膝正侧位", "", "RAD", "DX", "knee", "X线摄影",
        ("左膝关节诸骨骨质完整，关节间隙正常。", "左膝关节未见明显骨折征象。"),
        ("左膝胫骨髁间隆突变尖，髌骨上下缘骨质增生，关节间隙略窄。", "左膝退行性骨关节病。"),
        laterality="left",
    ),
    _of(
        "xr-knee-right", "右膝关节正侧位片", "DR右膝正侧位", "", "RAD", "DX", "knee", "X线摄影",
        ("右膝关节诸骨骨质完整，关节间隙正常。", "右膝关节未见明显骨折征象。"),
        ("右膝髌骨上缘骨赘形成，关节面硬化。", "右膝退行性骨关节病。"),
        laterality="right",
    ),
    _of(
        "ct-chest", "胸部CT平扫", "CT胸部平扫", "29252-4", "CT", "CT", "chest", "CT平扫",
        ("两肺野清晰，气管支气管通畅，纵隔未见肿大淋巴结，胸腔无积液。", "胸部CT平扫未见明显异常。"),
        ("右肺上叶见一磨玻璃结节，直径约6 mm，边界清。余肺未见实变。", "右肺上叶磨玻璃结节，建议6个月后复查。"),
        ("两肺下叶见多发斑片状高密度影，边缘模糊。", "两肺下叶感染性病变。"),
        contrast="plain", series=2,
    ),
    _of(
        "ct-head", "头颅CT平扫", "CT颅脑平扫", "30799-1", "CT", "CT", "head", "CT平扫",
        ("脑实质密度均匀，脑室系统大小形态正常，中线结构居中。", "头颅CT平扫未见明显异常。"),
        ("两侧基底节区见多发小斑片状低密度影，边界欠清。脑沟增宽。", "两侧基底节区腔隙性脑梗死，老年性脑改变。"),
        contrast="plain",
    ),
    _of(
        "ct-abdomen-contrast", "上腹部CT增强", "CT上腹部增强扫描", "", "CT", "CT", "upper-abdomen", "CT增强",
        ("肝脏大小形态正常，增强后未见异常强化灶。胆囊、胰、脾未见异常。", "上腹部CT增强未见明显异常。"),
        ("肝右叶见一类圆形低密度灶，约12 mm，动脉期边缘结节样强化，延迟期充填。", "肝右叶血管瘤。"),
        contrast="contrast", series=4,
    ),
    _of(
        "mr-head", "头颅MRI平扫", "MR颅脑平扫", "", "NMR", "MR", "head", "MRI平扫",
        ("脑实质信号未见异常，脑室不大，中线居中。DWI未见高信号。", "头颅MRI平扫未见明显异常。"),
        ("两侧半卵圆中心见多发点状T2高信号，DWI未见高信号。", "脑白质少许缺血灶。"),
        contrast="plain", series=5,
    ),
    _of(
        "mr-lumbar", "腰椎MRI平扫", "MR腰椎平扫", "30679-5", "NMR", "MR", "lumbar", "MRI平扫",
        ("腰椎生理曲度存在，诸椎间盘未见突出。", "腰椎MRI平扫未见明显异常。"),
        ("L4/5、L5/S1椎间盘T2信号减低，L4/5椎间盘向后突出，硬膜囊受压。", "L4/5椎间盘突出，L5/S1椎间盘变性。"),
        contrast="plain", series=4,
    ),
    _of(
        "us-abdomen", "肝胆胰脾彩超", "腹部彩超(肝胆胰脾)", "24558-9", "RUS", "US", "upper-abdomen", "彩色多普勒超声",
        ("肝脏形态大小正常，回声均匀。胆囊壁光滑，腔内未见异常。胰脾未见异常。", "肝胆胰脾未见明显异常。"),
        ("肝脏回声细密增强，后方衰减。胆囊壁毛糙，腔内见强回声团约8 mm，后伴声影。", "脂肪肝；胆囊结石。"),
    ),
    _of(
        "us-thyroid", "甲状腺彩超", "甲状腺超声", "", "RUS", "US", "thyroid", "彩色多普勒超声",
        ("甲状腺大小正常，回声均匀，未见结节。", "甲状腺未见明显异常。"),
        ("甲状腺左叶中部见低回声结节约5×4 mm，边界清，形态规则。", "甲状腺左叶结节，TI-RADS 3类。"),
    ),
    _of(
        "us-carotid", "颈动脉彩超", "颈部血管超声", "", "RUS", "US", "carotid", "彩色多普勒超声",
        ("双侧颈动脉内中膜不厚，未见斑块，血流通畅。", "双侧颈动脉未见明显异常。"),
        ("双侧颈动脉内中膜增厚，右侧分叉处见混合回声斑块约9×2 mm。", "双侧颈动脉粥样硬化伴右侧斑块形成。"),
    ),
    _of(
        "us-urinary", "泌尿系彩超", "双肾输尿管膀胱超声", "", "RUS", "US", "urinary", "彩色多普勒超声",
        ("双肾大小形态正常，集合系统无分离。膀胱充盈好。", "泌尿系未见明显异常。"),
        ("双肾体积略小，皮质回声增强，皮髓质分界欠清。", "双肾慢性实质性病变声像。"),
    ),
    _of(
        "us-breast", "乳腺彩超", "双侧乳腺超声", "24601-7", "RUS", "US", "breast", "彩色多普勒超声",
        ("双侧乳腺腺体层回声均匀，未见肿块。", "双侧乳腺未见明显异常，BI-RADS 1类。"),
        ("右乳10点方向见低回声结节约7×5 mm，边界清，平行生长。", "右乳结节，BI-RADS 3类。"),
    ),
    _of(
        "echo", "心脏彩超", "超声心动图", "42148-7", "RUS", "US", "heart", "彩色多普勒超声",
        ("各房室内径正常，室壁运动协调，瓣膜开闭可。EF 64%。", "心脏结构及收缩功能未见明显异常。"),
        ("左房增大，室间隔增厚12 mm，E/A<1。EF 58%。", "左室肥厚，左房增大，舒张功能减退。"),
    ),
    _of(
        "ecg", "常规心电图", "十二导联心电图", "11524-6", "EC", "ECG", "heart", "十二导联",
        ("窦性心律，电轴不偏，各导联ST-T未见异常。", "窦性心律，正常心电图。"),
        ("窦性心律，V4–V6导联ST段下移0.05 mV，T波低平。", "窦性心律，ST-T改变。"),
        ("P波消失，代之以f波，心室率绝对不齐。", "心房颤动。"),
    ),
    _of(
        "holter", "24小时动态心电图", "动态心电图", "18754-2", "EC", "ECG", "heart", "24小时动态心电图",
        ("全程窦性心律，平均心率71次/分，偶发房性早搏。", "窦性心律，偶发房性早搏。"),
        ("全程窦性心律，室性早搏1264个，部分成二联律。", "频发室性早搏。"),
    ),
    _of(
        "fundus", "眼底照相", "眼底彩色照相", "", "OTH", "OP", "eye", "眼底照相",
        ("双眼视盘界清，黄斑中心凹反光可见，未见出血渗出。", "双眼眼底未见明显异常。"),
        ("双眼后极部见散在微血管瘤及小片状出血。", "双眼非增殖期糖尿病视网膜病变。"),
        laterality="both",
    ),
    _of(
        "dental-ct", "口腔CBCT", "牙科CT", "", "CT", "CT", "jaw", "锥形束CT",
        ("上下颌骨骨质连续，牙根尖周未见异常。", "口腔CBCT未见明显异常。"),
        ("右下第三磨牙近中阻生。", "48近中阻生。"),
    ),
    _of(
        "gastroscopy", "电子胃镜", "胃镜检查", "", "OTH", "ES", "stomach", "电子胃镜",
        ("食管黏膜光滑，胃窦黏膜红白相间，以红为主，幽门圆。", "慢性非萎缩性胃炎。"),
        ("胃窦黏膜红白相间，以白为主，见散在糜烂。", "慢性萎缩性胃炎伴糜烂。"),
    ),
)  # fmt: skip
EXAMINATIONS = {examination.kind: examination for examination in _TABLE}

BODY_PARTS = {
    "chest": ("51185008", "胸部"),
    "knee": ("72696002", "膝关节"),
    "head": ("69536005", "头颅"),
    "upper-abdomen": ("80581009", "上腹部"),
    "lumbar": ("122496007", "腰椎"),
    "thyroid": ("69748006", "甲状腺"),
    "carotid": ("69105007", "颈动脉"),
    "urinary": ("122489005", "泌尿系"),
    "breast": ("76752008", "乳腺"),
    "heart": ("80891009", "心脏"),
    "eye": ("65784005", "眼底"),
    "jaw": ("661005", "颌骨"),
    "stomach": ("69695003", "胃"),
}
"""SNOMED CT code and Chinese text."""
LATERALITY = {"left": ("7771000", "左侧"), "right": ("24028007", "右侧"), "both": ("51440002", "双侧")}
"""SNOMED CT code and Chinese text."""
