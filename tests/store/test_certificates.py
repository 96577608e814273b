"""Certificates: what is listed, counted, revoked and forgotten; challenges that are used once."""

from dataclasses import replace

from hutong_server.store.base import Store
from hutong_server.store.base_certificates import CertificateRow, EnrollmentToken

from tests.store.rows import NOW, write

DAY = 24 * 3600 * 1000
ROW = CertificateRow("a1", "f1", "H1", "emr", "k", NOW, NOW + 7 * DAY, "a1")


def rows(count: int) -> list[CertificateRow]:
    return [
        replace(ROW, serial=f"{n:02x}", fingerprint=f"f{n}", institution=f"H{n % 2}", not_after=NOW + n * DAY - 1)
        for n in range(count)
    ]


def put(store: Store, *found: CertificateRow) -> None:
    def job(writer) -> None:  # type: ignore[no-untyped-def]
        for row in found:
            writer.put_certificate(row)

    write(store, job)


def test_a_certificate_is_found_by_serial_and_fingerprint(store: Store) -> None:
    put(store, ROW)
    assert store.read(lambda reader: reader.certificate("a1")) == ROW
    assert store.read(lambda reader: reader.certificate_of("f1")) == ROW
    assert store.read(lambda reader: reader.certificate("a2")) is None
    revoked = replace(ROW, revoked_at=NOW, revoked_because="stolen", revoked_by="registry/admin:1")
    put(store, revoked)
    assert store.read(lambda reader: reader.certificate("a1")) == revoked


def test_pages_go_by_the_end(store: Store) -> None:
    made = rows(6)
    put(store, *made[::-1])
    assert store.read(lambda reader: reader.certificates("", None, None, 4)) == made[:4]
    after = made[3].not_after, made[3].serial
    assert store.read(lambda reader: reader.certificates("", None, after, 4)) == made[4:]
    assert store.read(lambda reader: reader.certificates("H1", None, None, 9)) == made[1::2]
    assert store.read(lambda reader: reader.certificates("", NOW, None, 9)) == made[1:]
    put(store, replace(made[2], revoked_at=NOW))
    assert store.read(lambda reader: reader.certificates("H0", NOW, None, 9)) == [made[4]]


def test_revocations_are_counted_and_listed_while_they_matter(store: Store) -> None:
    made = rows(4)
    put(store, *made)
    assert store.read(lambda reader: (reader.revocations(), reader.revoked_certificates(NOW))) == (0, [])
    put(store, *(replace(row, revoked_at=NOW) for row in made[:2]))
    assert store.read(lambda reader: reader.revocations()) == 2
    # The first has run out: nobody can use it.
    assert store.read(lambda reader: reader.revoked_certificates(NOW)) == ["f1"]


def test_good_ones_are_counted_by_whole_days(store: Store) -> None:
    made = rows(4)
    put(store, *made, replace(ROW, fingerprint="x", not_after=made[3].not_after), replace(made[1], revoked_at=NOW))
    assert store.read(lambda reader: reader.certificate_days(NOW)) == {1: 1, 2: 2}


def test_a_holder_is_good_until_the_newest_of_its_certificates_ends(store: Store) -> None:
    put(
        store,
        replace(ROW, not_after=NOW + DAY),
        replace(ROW, serial="a2", fingerprint="f2", renewed_from="a1", not_after=NOW + 6 * DAY),
        replace(ROW, serial="b1", fingerprint="f3", lineage="b1", not_after=NOW + 4 * DAY),
        replace(ROW, serial="b2", fingerprint="f4", lineage="b1", not_after=NOW + 9 * DAY, revoked_at=NOW),
        replace(ROW, serial="c1", fingerprint="f5", lineage="c1", role="feed", not_after=NOW + 3 * DAY),
        replace(ROW, serial="d1", fingerprint="f6", lineage="d1", institution="H2", not_after=NOW - 1),
    )
    found = store.read(lambda reader: reader.certificate_ends(NOW))
    assert found == {("H1", "emr"): NOW + 4 * DAY, ("H1", "feed"): NOW + 3 * DAY}
    found = store.read(lambda reader: reader.certificate_ends(NOW + 4 * DAY))
    assert found == {("H1", "emr"): NOW + 6 * DAY}


def test_ended_ones_are_forgotten_but_not_the_revoked(store: Store) -> None:
    made = rows(6)
    put(store, *made, replace(made[0], revoked_at=NOW))
    write(store, lambda writer: writer.forget_certificates(NOW + 4 * DAY - 1, 2))
    left = store.read(lambda reader: reader.certificates("", None, None, 9))
    assert [row.serial for row in left] == ["00", "03", "04", "05"]
    write(store, lambda writer: writer.forget_certificates(NOW + 4 * DAY - 1, 9))
    left = store.read(lambda reader: reader.certificates("", None, None, 9))
    assert [row.serial for row in left] == ["00", "04", "05"]


def test_tokens_that_ran_out_are_forgotten(store: Store) -> None:
    made = [
        EnrollmentToken(bytes([n]) * 32, bytes([n]) * 16, "H1", "emr", "registry/admin:1", NOW, NOW + n * DAY, False)
        for n in range(5)
    ]
    write(store, lambda writer: [writer.put_enrollment_token(token) for token in made])

    def left() -> list[int]:
        found = [store.read(lambda reader, token=token: reader.enrollment_token(token.token_hash)) for token in made]
        return [n for n, token in enumerate(found) if token is not None]

    write(store, lambda writer: writer.forget_certificates(NOW + 3 * DAY, 2))
    assert left() == [2, 3, 4]
    write(store, lambda writer: writer.forget_certificates(NOW + 3 * DAY, 2))
    assert left() == [3, 4]


def test_a_challenge_is_used_once(store: Store) -> None:
    assert write(store, lambda writer: writer.use_challenge(b"n" * 16, NOW, NOW - 1))
    assert not write(store, lambda writer: writer.use_challenge(b"n" * 16, NOW + 5, NOW - 1))
    assert write(store, lambda writer: writer.use_challenge(b"m" * 16, NOW + 5, NOW - 1))


def test_tokens_wait_oldest_first_until_they_are_decided(store: Store) -> None:
    def token(number: int, **more: object) -> EnrollmentToken:
        given = dict(requested_at=NOW + number, key_fingerprint="k", needs_approval=True) | more
        return EnrollmentToken(
            bytes([number]) * 32, bytes([number]) * 16, "H1", "emr", "registry/admin:1", NOW, NOW + DAY, **given
        )

    made = [
        token(2),
        token(1),
        token(3, decided_at=NOW, approved=True),
        token(4, requested_at=None),
        replace(token(5), expires_at=NOW),
        token(6, used_at=NOW),
    ]
    for row in made:
        write(store, lambda writer, row=row: writer.put_enrollment_token(row))
    assert store.read(lambda reader: reader.pending_enrollments(NOW)) == [made[1], made[0]]
    assert store.read(lambda reader: reader.enrollment_token(bytes([3]) * 32)) == made[2]
    assert store.read(lambda reader: reader.enrollment(bytes([4]) * 16)) == made[3]
    assert store.read(lambda reader: reader.enrollment_token(bytes([9]) * 32)) is None
