"""What codes are called in Chinese and English: every value of every enum of the contract; what to do about errors.

A test proves the tables total over the contract. A value that a newer registry sends and this client does not know is
shown as its number.
"""

from google.protobuf.descriptor import EnumDescriptor

from hutong_client.cli.language import Language

Pair = tuple[str, str]
"""(Chinese, English)."""

ENUM_LABELS: dict[str, Pair] = {
    "AUTHORIZATION_UNSPECIFIED": ("未声明", "not stated"),
    "AUTHORIZATION_CARD_READ": ("已刷卡", "card read"),
    "AUTHORIZATION_CODE_SCANNED": ("已扫码", "code scanned"),
    "AUTHORIZATION_FORM_SIGNED": ("已签署", "form signed"),
    "AUTHORIZATION_GUARDIAN": ("监护人同意", "guardian agreed"),
    "DIRECTIVE_EFFECT_UNSPECIFIED": ("未填", "not stated"),
    "DIRECTIVE_EFFECT_WITHHOLD": ("不予公开", "withhold"),
    "DIRECTIVE_EFFECT_ALLOW": ("同意公开", "allow"),
    "DIRECTIVE_SCOPE_UNSPECIFIED": ("未填", "not stated"),
    "DIRECTIVE_SCOPE_EVERYTHING": ("全部结果", "everything"),
    "DIRECTIVE_SCOPE_INSTITUTION": ("某机构的结果", "results of an institution"),
    "DIRECTIVE_SCOPE_CATEGORY": ("某敏感类别", "a category"),
    "SPECIALTY_UNSPECIFIED": ("未分类", "unclassified"),
    "SPECIALTY_LABORATORY": ("检验", "laboratory"),
    "SPECIALTY_EXAMINATION": ("检查", "examination"),
    "TIER_UNSPECIFIED": ("级别不详", "tier not stated"),
    "TIER_TERTIARY": ("三级医院", "tertiary hospital"),
    "TIER_SECONDARY": ("二级医院", "secondary hospital"),
    "TIER_TOWNSHIP": ("乡镇卫生院/社区中心", "township clinic"),
    "TIER_VILLAGE": ("村卫生室", "village station"),
    "TIER_PRIVATE": ("民营机构", "private institution"),
    "TIER_LABORATORY_CENTER": ("检验/影像中心", "laboratory or imaging center"),
    "SEX_UNSPECIFIED": ("未填", "not stated"),
    "SEX_MALE": ("男", "male"),
    "SEX_FEMALE": ("女", "female"),
    "SEX_OTHER": ("其他", "other"),
    "SEX_UNKNOWN": ("不详", "unknown"),
    "NOT_REUSABLE_REASON_UNSPECIFIED": ("原因不详", "reason not stated"),
    "NOT_REUSABLE_REASON_OUTSIDE_WINDOW": ("超出互认时限", "outside the validity window"),
    "NOT_REUSABLE_REASON_NOT_FINAL": ("不是最终报告", "not a final result"),
    "NOT_REUSABLE_REASON_SUPERSEDED": ("已有更新版本", "replaced by a newer version"),
    "NOT_REUSABLE_REASON_WITHDRAWN": ("报告已撤回", "withdrawn by its source"),
    "NOT_REUSABLE_REASON_NOT_RECOGNIZED_ITEM": ("不是互认项目", "not a recognized item"),
    "NOT_REUSABLE_REASON_UNMAPPED_CODE": ("项目编码未对照", "code not mapped to an item"),
    "NOT_REUSABLE_REASON_NO_QUALITY_GRANT": ("检测当日无质评合格资格", "no quality grant on the day of the test"),
    "NOT_REUSABLE_REASON_OUT_OF_RANGE_OF_MARK": ("互认标识不含本机构", "its mark does not reach this institution"),
    "NOT_REUSABLE_REASON_DIRECTION_NOT_RECOGNIZED": ("本机构不认可该类机构", "no rule to rely on that institution"),
    "NOT_REUSABLE_REASON_SPECIMEN_DIFFERS": (
        "标本或采集条件不符或未注明",
        "specimen or collection differs or is not stated",
    ),
    "NOT_REUSABLE_REASON_BODY_PART_OR_METHOD_DIFFERS": (
        "部位或方法不符或未注明",
        "body part or method differs or is not stated",
    ),
    "NOT_REUSABLE_REASON_IMAGES_MISSING": ("影像无法调阅", "images cannot be reached"),
    "NOT_REUSABLE_REASON_NO_VALUE": ("没有结果值", "no value"),
    "NOT_REUSABLE_REASON_UNREADABLE": ("结果无法解读", "cannot be read by the registry"),
    "NOT_REUSABLE_REASON_OTHER_SUBJECT": ("不是本人的结果", "about somebody or something else"),
    "NOT_REUSABLE_REASON_TIME_UNKNOWN": ("采集或检查时间不详", "time of the test unknown"),
    "NOT_REUSABLE_REASON_IDENTITY_DISPUTED": ("报告身份有争议", "two documents claim to be this report"),
    "NOT_REUSABLE_REASON_PATIENT_IN_DOUBT": ("患者身份存疑", "not certain whose result it is"),
    "NOT_REUSABLE_REASON_OWN_INSTITUTION": ("本机构出具", "issued by this institution"),
    "NOT_REUSABLE_REASON_ALREADY_DECIDED": ("本次就诊已处理", "already decided in this encounter"),
    "NOT_REUSABLE_REASON_FEED_NOT_RESUMED": (
        "平台恢复后尚未接续上传",
        "its institution has not resumed since the registry was restored",
    ),
    "PURPOSE_UNSPECIFIED": ("未填", "not stated"),
    "PURPOSE_TREATMENT": ("诊疗", "treatment"),
    "PURPOSE_EMERGENCY": ("急救", "emergency"),
    "PURPOSE_QUALITY": ("质量控制", "quality control"),
    "ENCOUNTER_CLASS_UNSPECIFIED": ("未填", "not stated"),
    "ENCOUNTER_CLASS_OUTPATIENT": ("门诊", "outpatient"),
    "ENCOUNTER_CLASS_INPATIENT": ("住院", "inpatient"),
    "ENCOUNTER_CLASS_EMERGENCY": ("急诊", "emergency"),
    "ENCOUNTER_CLASS_OTHER": ("其他", "other"),
    "OUTCOME_UNSPECIFIED": ("结论不详", "outcome not stated"),
    "OUTCOME_FOUND": ("有可互认的结果", "results can be reused"),
    "OUTCOME_NONE": ("没有可互认的结果", "nothing can be reused"),
    "OUTCOME_PARTIAL": ("结果不全，可能还有更多", "incomplete: more may exist"),
    "OUTCOME_IN_DOUBT": ("患者身份存疑，不予显示", "not certain who the patient is: nothing is shown"),
    "SOURCE_ANSWER_UNSPECIFIED": ("应答不详", "answer not stated"),
    "SOURCE_ANSWER_COMPLETE": ("应答完整", "answered in full"),
    "SOURCE_ANSWER_PARTIAL": ("应答不全", "answered in part"),
    "SOURCE_ANSWER_UNAVAILABLE": ("未及时应答", "did not answer in time"),
    "FHIR_RELEASE_UNSPECIFIED": ("自动识别", "detected"),
    "FHIR_RELEASE_R4": ("R4", "R4"),
    "FHIR_RELEASE_R4B": ("R4B", "R4B"),
    "FHIR_RELEASE_R5": ("R5", "R5"),
    "PUBLISH_OUTCOME_UNSPECIFIED": ("结果不详", "outcome not stated"),
    "PUBLISH_OUTCOME_ACCEPTED": ("已接收", "accepted"),
    "PUBLISH_OUTCOME_ACCEPTED_WITH_WARNINGS": ("已接收，有提示", "accepted with warnings"),
    "PUBLISH_OUTCOME_HELD": ("待核对患者身份", "held: patient in doubt"),
    "PUBLISH_OUTCOME_REJECTED": ("已拒收", "rejected"),
    "ISSUE_SEVERITY_UNSPECIFIED": ("级别不详", "not stated"),
    "ISSUE_SEVERITY_ERROR": ("错误", "error"),
    "ISSUE_SEVERITY_WARNING": ("提示", "warning"),
    "INSTITUTION_STATE_UNSPECIFIED": ("状态不详", "state not stated"),
    "INSTITUTION_STATE_ACTIVE": ("正常", "active"),
    "INSTITUTION_STATE_ACCESS_SUSPENDED": ("停止接入", "access suspended"),
    "SUSPENSION_SCOPE_UNSPECIFIED": ("范围不详", "scope not stated"),
    "SUSPENSION_SCOPE_ACCESS": ("接入", "access"),
    "SUSPENSION_SCOPE_QUALITY": ("质量", "quality"),
    "CHANGE_KIND_UNSPECIFIED": ("变化不详", "not stated"),
    "CHANGE_KIND_ADDED": ("新增", "added"),
    "CHANGE_KIND_REMOVED": ("删除", "removed"),
    "CHANGE_KIND_CHANGED": ("修改", "changed"),
    "ORDER_COVERAGE_UNSPECIFIED": ("不详", "not stated"),
    "ORDER_COVERAGE_SATISFIED": ("全部可互认", "all of it can be reused"),
    "ORDER_COVERAGE_PARTLY": ("部分可互认", "part of it can be reused"),
    "ORDER_COVERAGE_NONE": ("没有可互认的结果", "nothing can be reused"),
    "ORDER_COVERAGE_UNMAPPED": ("医嘱编码未对照", "order code not mapped to an item"),
    "ORDER_COVERAGE_ALREADY_DECIDED": ("本次就诊已处理", "already decided in this encounter"),
    "DECISION_KIND_UNSPECIFIED": ("未填", "not stated"),
    "DECISION_KIND_RECOGNIZED": ("互认", "recognized"),
    "DECISION_KIND_REPEATED": ("重复检查", "repeated"),
    "DECISION_KIND_REVOKED": ("撤销", "revoked"),
    "DECISION_OUTCOME_UNSPECIFIED": ("不详", "not stated"),
    "DECISION_OUTCOME_RECORDED": ("已记录", "recorded"),
    "DECISION_OUTCOME_ALREADY_RECORDED": ("此前已记录", "was recorded before"),
    "DECISION_OUTCOME_CONFLICT": ("与已有决定冲突", "another decision stands"),
    "DECISION_OUTCOME_REFUSED": ("未接受", "refused"),
    "PROMPT_EVENT_KIND_UNSPECIFIED": ("未填", "not stated"),
    "PROMPT_EVENT_KIND_SHOWN": ("已显示", "shown"),
    "PROMPT_EVENT_KIND_OPENED": ("已调阅", "opened"),
    "PROMPT_EVENT_KIND_DISMISSED": ("已关闭", "dismissed"),
    "PROMPT_EVENT_KIND_CITED": ("已引用", "cited"),
    "PROMPT_EVENT_KIND_REORDERED": ("仍开单", "ordered all the same"),
    "NOTICE_KIND_UNSPECIFIED": ("不详", "not stated"),
    "NOTICE_KIND_CORRECTED": ("报告已更正", "corrected"),
    "NOTICE_KIND_WITHDRAWN": ("报告已撤回", "withdrawn"),
    "NOTICE_KIND_NOT_REUSABLE": ("按现行规则不可互认", "not reusable by the rules as they stand now"),
    "NOTICE_KIND_PATIENT_CHANGED": ("患者归属有变", "its patient changed"),
    "NOTICE_KIND_WITHHELD": ("平台已停止展示", "withheld by the registry"),
    "RELIANCE_UNSPECIFIED": ("不详", "not stated"),
    "RELIANCE_OPENED": ("已调阅", "opened"),
    "RELIANCE_CITED": ("已引用", "cited"),
    "RELIANCE_RECOGNIZED": ("已互认", "recognized"),
    "TRACE_SUBJECT_UNSPECIFIED": ("不详", "not stated"),
    "TRACE_SUBJECT_PATIENT": ("患者", "patient"),
    "TRACE_SUBJECT_STATUS": ("版本与状态", "version and status"),
    "TRACE_SUBJECT_VALUE": ("结果值", "value"),
    "TRACE_SUBJECT_MAPPING": ("编码对照", "code mapping"),
    "TRACE_SUBJECT_ITEM": ("互认项目", "recognized item"),
    "TRACE_SUBJECT_SPECIMEN": ("标本与采集", "specimen and collection"),
    "TRACE_SUBJECT_BODY_PART_OR_METHOD": ("部位与方法", "body part and method"),
    "TRACE_SUBJECT_WINDOW": ("互认时限", "validity window"),
    "TRACE_SUBJECT_IMAGES": ("影像", "images"),
    "TRACE_SUBJECT_DIRECTION": ("互认方向", "direction of recognition"),
    "TRACE_SUBJECT_GRANT": ("质评资格", "quality grant"),
    "TRACE_SUBJECT_ASKER": ("本机构", "asking institution"),
    "TRACE_SUBJECT_OVERRIDE": ("地方规则", "override"),
    "GROUPING_UNSPECIFIED": ("未填", "not stated"),
    "GROUPING_DAY": ("日期", "day"),
    "GROUPING_SOURCE": ("出具机构", "source"),
    "GROUPING_RECEIVER": ("接诊机构", "receiver"),
    "GROUPING_DEPARTMENT": ("科室", "department"),
    "GROUPING_ITEM": ("项目", "item"),
    "GROUPING_SPECIALTY": ("类别", "specialty"),
    "GROUPING_GROUND": ("重复理由", "ground"),
    "STATISTICS_MEASURE_UNSPECIFIED": ("未填", "not stated"),
    "STATISTICS_MEASURE_PROMPTS": ("查询次数", "prompts"),
    "STATISTICS_MEASURE_REMINDERS": ("提醒次数", "reminders"),
    "STATISTICS_MEASURE_RETURNED": ("返回项次", "returned"),
    "STATISTICS_MEASURE_SHOWN": ("显示项次", "shown"),
    "STATISTICS_MEASURE_OPENED": ("调阅项次", "opened"),
    "STATISTICS_MEASURE_DISMISSED": ("关闭项次", "dismissed"),
    "STATISTICS_MEASURE_CITED": ("引用项次", "cited"),
    "STATISTICS_MEASURE_REORDERED": ("仍开单项次", "ordered all the same"),
    "STATISTICS_MEASURE_RECOGNIZED": ("互认项次", "recognized"),
    "STATISTICS_MEASURE_REPEATED": ("重复项次", "repeated"),
    "STATISTICS_MEASURE_REVOKED": ("撤销项次", "revoked"),
    "STATISTICS_MEASURE_REFUSED": ("拒绝互认项次", "refused"),
    "STATISTICS_MEASURE_UNPRICED": ("无价格项次", "unpriced"),
    "CATALOG_VERSION_STATE_UNSPECIFIED": ("不详", "not stated"),
    "CATALOG_VERSION_STATE_PENDING": ("待生效", "waits for its day"),
    "CATALOG_VERSION_STATE_IN_FORCE": ("生效中", "in force"),
    "CATALOG_VERSION_STATE_FORMER": ("已被替换", "former"),
    "CATALOG_VERSION_STATE_CANCELLED": ("已取消", "cancelled"),
    "CATALOG_VERSION_STATE_FAILED": ("未能生效", "failed"),
}
"""By the value's full name in the contract. Reasons of errors stand in REASON_LABELS."""

REASON_LABELS: dict[str, Pair] = {
    "UNSPECIFIED": ("原因不详", "reason not stated"),
    "CERTIFICATE_IDENTITY_INVALID": ("证书身份无效", "the certificate's identity is not valid here"),
    "ROLE_NOT_ALLOWED": ("证书角色无权调用", "the certificate's role may not do this"),
    "INSTITUTION_UNKNOWN": ("机构未登记", "the institution is not registered"),
    "INSTITUTION_SUSPENDED": ("机构已停止接入", "the institution's access is suspended"),
    "REQUEST_INVALID": ("请求有误", "the request is not valid"),
    "NOT_JSON": ("不是有效的 JSON", "not valid JSON"),
    "NOT_A_REPORT": ("不含诊断报告", "holds no DiagnosticReport"),
    "FHIR_INVALID": ("不符合 FHIR", "not valid FHIR"),
    "RELEASE_MISMATCH": ("FHIR 版本不符", "the FHIR release does not fit"),
    "FIELD_MISSING": ("缺少必填字段", "a required field is missing"),
    "PATIENT_AMBIGUOUS": ("报告指向两名患者", "the report names two patients"),
    "PATIENT_IDENTIFIER_MISSING": ("缺少患者标识", "the patient has no identifier"),
    "PATIENT_IDENTIFIER_INVALID": ("患者标识校验不通过", "a patient identifier fails its check"),
    "TIME_IN_FUTURE": ("时间在未来", "a time lies in the future"),
    "TIME_INVALID": ("时间无效", "a time is not valid"),
    "TOO_LARGE": ("文档过大", "the document is too large"),
    "TOO_DEEP": ("文档嵌套过深", "the document is nested too deep"),
    "NOT_THE_ISSUER": ("无权代该机构发布", "not allowed to publish for that institution"),
    "REPORT_NOT_FOUND": ("没有这份报告", "no such report for this institution"),
    "NOT_FOUND": ("没有找到", "not found"),
    "ALREADY_EXISTS": ("已存在且内容不同", "exists already with other content"),
    "STATE_CONFLICT": ("当前状态不允许", "the state does not allow it"),
    "CATALOG_INVALID": ("目录文件有误", "the catalogue files hold errors"),
    "DEADLINE_TOO_SHORT": ("时限过短", "the deadline is too short"),
    "OVERLOADED": ("平台繁忙", "the registry is overloaded"),
    "STORE_UNAVAILABLE": ("平台数据库无应答", "the registry's database does not answer"),
    "INTERNAL": ("平台内部故障", "a fault of the registry"),
    "PAGE_TOKEN_INVALID": ("翻页标记无效", "the page token is not valid"),
    "FIELD_RECOMMENDED": ("建议字段缺失或不可用", "a recommended field is missing or unusable"),
    "RESULT_UNREADABLE": ("有一项结果无法解读", "one result could not be read"),
    "REFERENCE_UNRESOLVED": ("引用找不到目标", "a reference leads nowhere"),
    "PATIENT_IN_DOUBT": ("患者身份存疑", "not certain whose report this is"),
    "METHOD_UNKNOWN": ("平台不支持此操作", "the registry does not know this call"),
    "IDENTITY_DISPUTED": ("报告身份有争议", "two documents claim to be this report"),
    "CERTIFICATE_REVOKED": ("证书已吊销", "the certificate was revoked"),
    "ENROLLMENT_REFUSED": ("证书申领或更新被拒", "the enrollment or renewal was refused"),
    "AUTHORIZATION_MISSING": ("缺少患者授权", "the patient's authorization is missing"),
    "RATE_LIMITED": ("调用过于频繁", "called more often than allowed"),
    # Status codes of gRPC: what stands when no registry gave a reason.
    "CANCELLED": ("调用被取消", "the call was cancelled"),
    "UNKNOWN": ("不明故障", "an unknown fault"),
    "INVALID_ARGUMENT": ("请求有误", "the request is not valid"),
    "DEADLINE_EXCEEDED": ("超时", "no answer in time"),
    "PERMISSION_DENIED": ("没有权限", "not allowed"),
    "RESOURCE_EXHAUSTED": ("平台繁忙", "the registry is overloaded"),
    "FAILED_PRECONDITION": ("当前状态不允许", "the state does not allow it"),
    "ABORTED": ("调用被中止", "the call was aborted"),
    "OUT_OF_RANGE": ("超出范围", "out of range"),
    "UNIMPLEMENTED": ("平台不支持此操作", "the registry does not know this call"),
    "UNAVAILABLE": ("无法连接平台", "the registry cannot be reached"),
    "DATA_LOSS": ("数据损坏", "data was damaged"),
    "UNAUTHENTICATED": ("身份未通过", "not authenticated"),
    # Said by this program itself.
    "TLS_FILES_INVALID": ("证书文件不可用", "the certificate files cannot be used"),
    "USAGE": ("用法有误", "wrong usage"),
}
"""By reason, as HutongCallError.reason has it."""

HINTS: dict[str, Pair] = {
    "CERTIFICATE_IDENTITY_INVALID": (
        "检查 --cert 是否为本平台签发的证书。",
        "Check that --cert was issued by this registry.",
    ),
    "ROLE_NOT_ALLOWED": (
        "每种用途一张证书：publish 用 feed，chart/reports/report 用 emr，admin 用 admin。",
        "One certificate per use: feed for publish, emr for chart, reports and report, admin for admin.",
    ),
    "INSTITUTION_UNKNOWN": (
        "请管理员先登记机构：hutong admin institution add。",
        "Ask the administrator to add the institution: hutong admin institution add.",
    ),
    "INSTITUTION_SUSPENDED": ("请联系平台管理员。", "Ask the registry's administrator."),
    "NOT_THE_ISSUER": (
        "代他院发布须有有效的协议（agreements）。",
        "Publishing for another institution needs an agreement in the catalogue.",
    ),
    "REPORT_NOT_FOUND": (
        "请重新打开患者的提示或列表，取得新的报告号。",
        "Open the patient's chart or list again for a fresh report id.",
    ),
    "AUTHORIZATION_MISSING": (
        "本地区要求患者授权：--authorization card_read、code_scanned、form_signed 或 guardian。",
        "The region asks for it: --authorization card_read, code_scanned, form_signed or guardian.",
    ),
    "ALREADY_EXISTS": ("如要修改，请加 --update。", "Add --update to change it."),
    "CATALOG_INVALID": (
        "请改正所列各处，再导入；目录未作任何改变。",
        "Correct the places listed; nothing was changed.",
    ),
    "DEADLINE_TOO_SHORT": ("请加大 --deadline。", "Give a longer --deadline."),
    "DEADLINE_EXCEEDED": (
        "请检查网络与平台状态，或加大 --deadline。",
        "Check the network and the registry, or give a longer --deadline.",
    ),
    "UNAVAILABLE": (
        "请检查 --registry 地址、网络、--ca 是否为该平台的根证书，以及 --cert 是否过期。",
        "Check --registry, the network, that --ca is the CA of that registry, and that --cert has not expired.",
    ),
    "OVERLOADED": ("请稍后再试。", "Try again in a moment."),
    "RESOURCE_EXHAUSTED": ("请稍后再试。", "Try again in a moment."),
    "RATE_LIMITED": ("请稍后再试。", "Try again in a moment."),
    "CANCELLED": ("请稍后再试。", "Try again in a moment."),
    "STORE_UNAVAILABLE": ("请稍后再试，或联系平台管理员。", "Try again in a moment, or ask the administrator."),
    "INTERNAL": ("请把请求号告诉平台管理员。", "Tell the registry's administrator the request id."),
    "METHOD_UNKNOWN": ("平台版本较旧。", "The registry is older than this program."),
    "TLS_FILES_INVALID": (
        "用 --ca、--cert、--key 或环境变量 HUTONG_CA、HUTONG_CERT、HUTONG_KEY 指定证书文件。",
        "Name the files with --ca, --cert and --key, or HUTONG_CA, HUTONG_CERT and HUTONG_KEY.",
    ),
}
"""What to do, by reason. Reasons without one name their paths, which is enough."""

STATUS_LABELS: dict[str, Pair] = {
    "registered": ("已登记", "registered"),
    "partial": ("部分结果", "partial"),
    "preliminary": ("初步报告", "preliminary"),
    "modified": ("已修改", "modified"),
    "final": ("最终报告", "final"),
    "amended": ("已修订", "amended"),
    "corrected": ("已更正", "corrected"),
    "appended": ("已补充", "appended"),
    "cancelled": ("已取消", "cancelled"),
    "entered-in-error": ("误录作废", "entered in error"),
    "unknown": ("状态不详", "unknown"),
}
"""FHIR's statuses of reports and results."""


def enum_label(enum: EnumDescriptor, number: int, language: Language) -> str:
    """What a value of an enum of the contract is called."""
    value = enum.values_by_number.get(number)
    if value is None:
        return f"{enum.name} {number}"
    if enum.name == "ErrorReason":
        return reason_label(value.name.removeprefix("ERROR_REASON_"), language)
    return _pick(ENUM_LABELS[value.name], language)


def reason_label(reason: str, language: Language) -> str:
    """What the reason of an error is called; the code itself for one that this client does not know."""
    return _pick(REASON_LABELS.get(reason, (reason, reason)), language)


def hint(reason: str, language: Language) -> str:
    """What to do about an error; empty when its paths say it."""
    return _pick(HINTS.get(reason, ("", "")), language)


def status_label(status: str, language: Language) -> str:
    """What a FHIR status is called; the status itself for one that FHIR does not have."""
    return _pick(STATUS_LABELS.get(status, (status, status)), language)


def _pick(pair: Pair, language: Language) -> str:
    return pair[0] if language == "zh" else pair[1]
