"""Trends, from use case to proto: values are read from what answers are made of, and drawn by domain/trend.py."""

from fractions import Fraction

from hutong.v1 import report_pb2, reuse_service_pb2

from hutong_server.api.convert import item_ref
from hutong_server.api.convert_reuse import OUTCOMES, Asker, SealedReports, coverage_out, result_out
from hutong_server.domain.mapping import folded_text
from hutong_server.domain.prompt import Judged
from hutong_server.domain.report import Instant
from hutong_server.domain.trend import Reading, Series, Units, factor_text, number_of, series_of, ucum_of
from hutong_server.usecases.feeds import Coverage
from hutong_server.usecases.get_trend import Trend


def trend_out(
    answer: Trend, asker: Asker, units: Units, unit: str, coverage: Coverage, source: str
) -> reuse_service_pb2.GetTrendResponse:
    """Series in the source's units, converted ones beside them."""
    out = reuse_service_pb2.GetTrendResponse(outcome=OUTCOMES[answer.outcome], withheld_count=answer.passed.count)
    item_ref(out.item, answer.item)
    coverage_out(out.coverage.add(), coverage, source)
    mass = Fraction(answer.item.molar_mass) if answer.item.molar_mass else None
    readings = [_reading(number, judged, answer, units) for number, judged in enumerate(answer.results)]
    sealed = SealedReports(asker)
    for series in series_of(readings, units, unit, mass):
        target = out.series.add(
            unit=series.unit, ucum=series.ucum, method=series.method, specimen=series.specimen, group=series.group
        )
        _conversion(target, series, answer.item.molar_mass)
        for point in series.points:
            judged = answer.results[point.number]
            added = target.points.add(value=point.value, converted=point.converted)
            result_out(added.result, judged, answer.rows[judged.report.report_id], asker, sealed)
    return out


def _conversion(target: reuse_service_pb2.TrendSeries, series: Series, molar_mass: str) -> None:
    conversion = series.conversion
    if conversion is not None:
        target.conversion.unit = conversion.unit
        target.conversion.factor = factor_text(conversion.factor)
        target.conversion.molar_mass = molar_mass if conversion.molar else ""


def _reading(number: int, judged: Judged, answer: Trend, units: Units) -> Reading:
    row = answer.rows[judged.report.report_id]
    detail = report_pb2.ResultDetail.FromString(row.details[judged.result.ordinal])
    quantity = detail.value.quantity
    time: Instant = judged.time or 0
    value, unit = number_of(quantity.value, quantity.comparator), quantity.unit or quantity.code
    if detail.value.WhichOneof("kind") == "integer":
        value = str(detail.value.integer)
    return Reading(
        number=number,
        time=time,
        value=value,
        unit=unit,
        ucum=ucum_of(quantity.unit, quantity.system, quantity.code, units),
        method=folded_text(detail.method),
        specimen=folded_text(detail.specimen),
    )
