"""What a report says for all its results: each result falls back to it where it says nothing itself."""

from dataclasses import dataclass
from typing import Any, Final

from hutong_server.domain.report import CodeKey, Image, Instant, Party
from hutong_server.fhir import images, parties
from hutong_server.fhir.checks import located
from hutong_server.fhir.context import Context
from hutong_server.fhir.dimensions import Material, Site, material, methods_of_study, site_of_study, specimens
from hutong_server.fhir.document import Resource
from hutong_server.fhir.elements import child, once
from hutong_server.fhir.subject import Subject, is_same
from hutong_server.fhir.times import Taken, TimeFault, taken

_NO_MATERIAL: Final = Material()
_NO_SITE: Final = Site()


@dataclass(frozen=True, slots=True)
class Sample:
    """The material of a result."""

    material: Material = _NO_MATERIAL
    time: Instant | None = None
    latest: Instant | None = None
    """See times.Taken."""
    other_subject: bool = False
    modified: bool = False
    """It carries a modifier that the registry does not know: it may be no sample of a patient at all."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The imaging studies of a result."""

    site: Site = _NO_SITE
    method: tuple[CodeKey, ...] = ()
    images: tuple[Image, ...] = ()

    @property
    def present(self) -> bool:
        """Whether any can be opened."""
        return images.present(self.images)


_NO_PICTURES: Final = Pictures()


@dataclass(frozen=True, slots=True)
class Defaults:
    """The report's own word on what its results may leave out."""

    subject: Subject
    effective: Taken
    issued: Instant | None
    sample: Sample
    pictures: Pictures
    performers: tuple[Party, ...]
    readers: tuple[Party, ...]
    performer_words: str
    reader_words: str
    modified: bool
    """The report or its patient carries a modifier that the registry does not know; it modifies the results too."""


def sample(context: Context, source: Resource, subject: Subject) -> Sample:
    """The specimens of a report or result as one: several of different kinds say nothing about one result."""
    found, said = specimens(context, source)
    if not found:
        return Sample(Material(once(said), (), said[0][1] if said else ""))
    samples = [_sample(context, specimen, subject) for specimen in found]
    if len(samples) == 1 and not said and samples[0].latest != samples[0].time:
        return samples[0]
    first = samples[0].material
    alike = not said and all(s.material[:2] == first[:2] for s in samples)
    times = [s.time for s in samples if s.time is not None]
    latest = [s.latest or s.time for s in samples if s.time is not None]
    return Sample(
        first if alike else _NO_MATERIAL,
        min(times, default=None),
        max(latest, default=None) if latest != times[:1] else None,
        any(s.other_subject for s in samples),
        any(s.modified for s in samples),
    )


def _sample(context: Context, specimen: Resource, subject: Subject) -> Sample:
    known = context.samples.get(id(specimen))
    if isinstance(known, Sample):
        return known
    when = Taken()
    try:
        when = taken(child(specimen.body, "collection"), "collected", context.clock)
    except TimeFault as error:
        context.warn(error.reason, located(specimen, f"collection.{error.where}"), error.message)
    other = not is_same(context, subject, child(specimen.body, "subject"), specimen)
    result = context.samples[id(specimen)] = Sample(
        material(context, specimen), when.start, when.latest, other, is_modified(context, specimen)
    )
    return result


def pictures(context: Context, source: Resource, fields: tuple[str, ...], subject: Subject) -> Pictures:
    """The imaging studies that fields of a resource lead to."""
    found = images.studies(context, source, fields, subject)
    if not found:
        return _NO_PICTURES
    sites = [site_of_study(context, study) for study in found]
    return Pictures(
        Site(
            once(key for s in sites for key in s.body_site),
            once(key for s in sites for key in s.laterality),
            "; ".join(dict.fromkeys(s.words for s in sites if s.words)),
        ),
        once(key for study in found for key in methods_of_study(study)),
        images.images(context, found),
    )


def read_defaults(context: Context, subject: Subject, effective: Taken, issued: Instant | None) -> Defaults:
    """Reads them once per report."""
    report = context.report
    performers = parties.parties(context, report, "performer") or parties.provider(context, report)
    return Defaults(
        subject=subject,
        effective=effective,
        issued=issued,
        sample=sample(context, report, subject),
        pictures=pictures(context, report, ("imagingStudy", "study"), subject),
        performers=performers,
        readers=parties.parties(context, report, "resultsInterpreter"),
        performer_words=parties.words(context, report, "performer") or "; ".join(p.name for p in performers if p.name),
        reader_words=parties.words(context, report, "resultsInterpreter"),
        modified=is_modified(context, report)
        or (subject.patient is not None and is_modified(context, subject.patient)),
    )


def is_modified(context: Context, resource: Resource) -> bool:
    """Whether a modifierExtension (anywhere but in `contained`), or implicitRules, changes what the resource means."""
    return "implicitRules" in resource.body or (
        context.checks.modifiers
        and any(
            key == "modifierExtension" or _modified(value) for key, value in resource.body.items() if key != "contained"
        )
    )


def _modified(node: Any) -> bool:
    if node.__class__ is dict:
        return "modifierExtension" in node or any(map(_modified, node.values()))
    return node.__class__ is list and any(map(_modified, node))
