"""The forms in which answers are kept: serialized messages of the contract, copied into answers as they stand."""

from hutong.v1 import report_pb2, reuse_service_pb2

from hutong_server.domain.report import Component, Concept, Image, Quantity, Range, Report, ResultDetail, Value


class ProtoWire:
    """Implements usecases.wire.Wire with messages of hutong.v1."""

    def detail(self, detail: ResultDetail | bytes) -> bytes:
        """A serialized hutong.v1.ResultDetail."""
        if isinstance(detail, bytes):
            return detail
        out = report_pb2.ResultDetail(
            interpretation=detail.interpretation,
            data_absent_reason=detail.absent_reason,
            method=detail.method,
            device=detail.device,
            specimen=detail.specimen,
            body_site=detail.body_site,
            note=detail.notes,
            performer=detail.performer,
            reader=detail.reader,
            effective=detail.effective,
        )
        _concept(out.code, detail.code)
        if detail.value is not None:
            _value(out.value, detail.value)
        for each in detail.ranges:
            _range(out.reference_range.add(), each)
        for part in detail.components:
            _component(out.component.add(), part)
        return out.SerializeToString()

    def header(self, report: Report) -> bytes:
        """A serialized hutong.v1.ReportEntry with what only the document says: code, categories, conclusion, forms."""
        out = report_pb2.ReportEntry(conclusion=report.conclusion, has_attachments=report.attachments > 0)
        _concept(out.code, report.code)
        for category in report.categories:
            _concept(out.category.add(), category)
        return out.SerializeToString()

    def images(self, images: tuple[Image, ...]) -> bytes:
        """A serialized hutong.v1.GetReportResponse with images only; empty bytes for none."""
        out = reuse_service_pb2.GetReportResponse()
        for image in images:
            out.images.add(
                study_uid=image.study_uid,
                modality=image.modalities,
                series=_count(image.series),
                instances=_count(image.instances),
                address=image.address,
                connection_type=image.connection_type,
            )
        return out.SerializeToString()


def _concept(target: report_pb2.CodeableConcept, concept: Concept) -> None:
    target.text = concept.text
    target.SetInParent()
    for coding in concept.coding:
        target.coding.add(system=coding.system, code=coding.code, display=coding.display)


def _quantity(target: report_pb2.Quantity, quantity: Quantity) -> None:
    target.value, target.comparator, target.unit = quantity.value, quantity.comparator, quantity.unit
    target.system, target.code = quantity.system, quantity.code
    target.SetInParent()


def _value(target: report_pb2.ResultValue, value: Value) -> None:
    target.text = value.text
    target.SetInParent()
    if value.quantity is not None:
        _quantity(target.quantity, value.quantity)
    elif value.coded is not None:
        _concept(target.coded, value.coded)
    elif value.string is not None:
        target.string_value = value.string
    elif value.boolean is not None:
        target.boolean = value.boolean
    elif value.integer is not None:
        # FHIR integers have 32 bits; what a source wrote beyond 64 stands in the text.
        if -(2**63) <= value.integer < 2**63:
            target.integer = value.integer
    elif value.date_time is not None:
        target.date_time = value.date_time
    elif value.time is not None:
        target.time = value.time


def _range(target: report_pb2.ReferenceRange, given: Range) -> None:
    target.text = given.text
    target.SetInParent()
    if given.low is not None:
        _quantity(target.low, given.low)
    if given.high is not None:
        _quantity(target.high, given.high)


def _component(target: report_pb2.ResultComponent, part: Component) -> None:
    _concept(target.code, part.code)
    if part.value is not None:
        _value(target.value, part.value)
    target.interpretation.extend(part.interpretation)
    for each in part.ranges:
        _range(target.reference_range.add(), each)
    target.data_absent_reason = part.absent_reason


def _count(number: int) -> int:
    return min(max(number, 0), 2**32 - 1)
